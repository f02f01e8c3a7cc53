//! `pairloop send` and `pairloop receive`: files and folders through a room.
//!
//! The server carries bytes and knows nothing of files. What the two sides say to each other is described in
//! `ARCHITECTURE.md` ("Sending files"); [`greeting`] is how they begin, [`frame`] their alphabet, [`send`](mod@send) and [`receive`](mod@receive)
//! are the two halves of the conversation, and [`peer`] is the stream between them.

pub mod args;
mod blocks;
mod error;
pub mod frame;
pub mod greeting;
mod inbox;
pub mod names;
mod partial;
mod peer;
mod progress;
mod receive;
mod send;
mod source;
mod tree;

use std::fmt::Write;

use sha2::{Digest as _, Sha256};

use super::ClientError;
use super::connect::connect;
use super::join::{Entry, ask_for_room, await_partner};
use args::MeetingArgs;
use greeting::Role;
use peer::Peer;
use progress::Progress;

pub use error::FilesError;
pub use receive::receive;
pub use send::send;

/// Meets the other side in the room.
fn meet(
    meeting: &MeetingArgs,
    entry: &Entry<'_>,
    role: Role,
    progress: &Progress,
) -> Result<Peer, ClientError> {
    let stream = connect(&meeting.at, &meeting.server)?;
    ask_for_room(&stream, entry, None)?;
    progress.waits();
    progress.meets(&await_partner(&stream)?);
    Ok(Peer::greet(stream, role)?)
}

fn sha256(bytes: &[u8]) -> frame::Digest {
    Sha256::digest(bytes).into()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
