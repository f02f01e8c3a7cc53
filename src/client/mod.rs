//! The client commands: one small file each, on blocking sockets.
//!
//! | command | speaks to | is |
//! | --- | --- | --- |
//! | `echo` | echo | a pipe through the server and back |
//! | `produce`, `consume` | relay | the two ends of a pipe between machines |
//! | `chat` | chat | a conversation in turns |
//! | `order` | order | one message, and whose came first |
//! | `send`, `receive` | relay with named rooms | files and folders between machines |

mod chat;
mod connect;
mod consume;
mod echo;
mod events;
pub mod files;
mod join;
mod order;
mod produce;
mod screen;
mod sending;
mod talk;

use std::io;

use thiserror::Error;

pub use chat::chat;
pub use consume::consume;
pub use echo::echo;
pub use files::{receive, send};
pub use join::Room;
pub use order::{Message, order};
pub use produce::produce;

use crate::address::Address;
use crate::console::printable;
use crate::password::PasswordError;
use crate::scram;
use connect::Failures;
use files::FilesError;

/// Bytes that a pipe moves at a time.
const CHUNK: usize = 64 * 1024;

/// Why a client command failed.
#[derive(Debug, Error)]
pub enum ClientError {
    #[error("cannot find {at}: {error}: check the name")]
    Resolve { at: Address, error: io::Error },
    #[error("{0}")]
    Connect(Failures),
    #[error(
        "the connection was cut ({0}): what came through is not complete; if nothing did, nobody came in time, or the server is full or stopping"
    )]
    Cut(io::Error),
    #[error("the partner sent {0} bytes, which were thrown away: is it a producer too?")]
    Discarded(usize),
    #[error("the server ended the connection before the end of the input")]
    Early,
    #[error("only {received} of {sent} bytes came back")]
    Short { sent: u64, received: u64 },
    #[error("the server ended the connection without {0}")]
    Silent(&'static str),
    #[error("the server refused: {words} (ERR {code})")]
    Refused { code: String, words: String },
    #[error("not an answer of named rooms: {0:?}; does this listener have rooms=named?")]
    NoRooms(String),
    #[error("this listener has named rooms: say which with --room NAME")]
    Unnamed,
    #[error(transparent)]
    Password(#[from] PasswordError),
    #[error("cannot log in: {0}")]
    Login(#[from] scram::Refusal),
    #[error("the system has no random numbers: {0}")]
    Random(#[from] getrandom::Error),
    #[error("cannot read standard input: {0}")]
    Input(io::Error),
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
    #[error("a line of the input is too long: a chat line may have {0} bytes")]
    LongLine(usize),
    #[error("the chat was over before all lines were sent ({0} waiting)")]
    Unsent(usize),
    #[error("cannot catch signals: {0}")]
    Signals(io::Error),
    #[error("{0}")]
    Files(#[from] FilesError),
}

impl ClientError {
    /// What stands behind the server's `ERR`: a code and words.
    fn refused(answer: &str) -> Self {
        let answer = printable(answer);
        let (code, words) = answer
            .split_once(' ')
            .unwrap_or((&answer, "no reason given"));
        Self::Refused {
            code: code.into(),
            words: words.into(),
        }
    }

    /// Whether the same may go well at another time. Everything else is more likely a mistake in the command.
    fn may_pass(&self) -> bool {
        match self {
            Self::Cut(_) | Self::Silent(_) | Self::Files(_) => true,
            Self::Refused { code, .. } => matches!(&code[..], "full" | "timeout" | "closing"),
            _ => false,
        }
    }

    /// What a failed write to standard output means for a pipe: that its reader has seen enough is success.
    fn of_output(error: io::Error) -> Result<(), Self> {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Ok(()),
            _ => Err(Self::Output(error)),
        }
    }
}
