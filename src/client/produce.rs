//! `pairloop produce`: standard input to the partner.

use std::sync::Arc;

use super::connect::{connect, receive};
use super::join::{Entry, join};
use super::sending::Sending;
use super::{CHUNK, ClientError};
use crate::cli::ProduceArgs;
use crate::engine::Role;

/// Sends standard input, and waits until the partner has finished too: `pairloop consume` does so once it has
/// written everything.
///
/// # Errors
/// If it can't connect, the connection is cut, or the partner is no consumer.
pub fn produce(args: &ProduceArgs) -> Result<(), ClientError> {
    let entry = Entry::new(&args.room)?;
    let stream = Arc::new(connect(&args.at, &args.server)?);
    join(&stream, &entry, Some(Role::Produce))?;
    let sending = Sending::begin(&stream)?;
    // Reading goes on beside the sending: a partner that talks must not be held up, and a cut is noticed even
    // while the input is silent.
    let (mut buffer, mut discarded) = (vec![0; CHUNK], 0);
    loop {
        match receive(&stream, &mut buffer)? {
            0 => break,
            bytes => discarded += bytes,
        }
    }
    sending.join()?;
    // A partner that talks is hardly one that has written everything to its output.
    if discarded > 0 {
        Err(ClientError::Discarded(discarded))
    } else {
        Ok(())
    }
}
