//! `pairloop echo`: standard input to the server, what comes back to standard output.

use std::io::{self, Write};
use std::sync::Arc;

use super::connect::{connect, receive};
use super::sending::Sending;
use super::{CHUNK, ClientError};
use crate::cli::EchoArgs;

/// Echoes standard input.
///
/// # Errors
/// If it can't connect, the connection is cut, or less comes back than was sent.
pub fn echo(args: &EchoArgs) -> Result<(), ClientError> {
    let stream = Arc::new(connect(&args.at, &args.server)?);
    let sending = Sending::begin(&stream)?;
    let mut stdout = io::stdout().lock();
    let (mut buffer, mut received) = (vec![0; CHUNK], 0);
    loop {
        let bytes = receive(&stream, &mut buffer)?;
        if bytes == 0 {
            break;
        }
        received += bytes as u64;
        let written = stdout.write_all(&buffer[..bytes]);
        if let Err(error) = written.and_then(|()| stdout.flush()) {
            return ClientError::of_output(error);
        }
    }
    match sending.total() {
        Some(sent) if sent == received => sending.join(),
        Some(sent) => Err(ClientError::Short { sent, received }),
        None if sending.has_failed() => sending.join(),
        None => Err(ClientError::Early),
    }
}
