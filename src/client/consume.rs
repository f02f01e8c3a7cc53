//! `pairloop consume`: what the partner sends to standard output.

use std::io::{self, Write};

use super::connect::{connect, finish, receive, reset_unless_finished};
use super::join::{Entry, join};
use super::{CHUNK, ClientError};
use crate::cli::ConsumeArgs;
use crate::engine::Role;

/// Receives until the partner has finished.
///
/// It says that it has finished too only when everything is written: so the producer learns that all went well, and
/// a server does not take a consumer that still waits for one that is gone.
///
/// # Errors
/// If it can't connect, or the stream is cut.
pub fn consume(args: &ConsumeArgs) -> Result<(), ClientError> {
    let entry = Entry::new(&args.room)?;
    let stream = connect(&args.at, &args.server)?;
    reset_unless_finished(&stream)?;
    join(&stream, &entry, Some(Role::Consume))?;
    let mut stdout = io::stdout().lock();
    let mut buffer = vec![0; CHUNK];
    loop {
        let bytes = receive(&stream, &mut buffer)?;
        if bytes == 0 {
            return finish(&stream);
        }
        let written = stdout.write_all(&buffer[..bytes]);
        if let Err(error) = written.and_then(|()| stdout.flush()) {
            return ClientError::of_output(error);
        }
    }
}
