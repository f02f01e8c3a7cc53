//! Why a transfer failed. What is said here is also what the other side is told, so it names files as they are named
//! in the transfer, and not where they are on this machine.

use std::io;

use thiserror::Error;

use super::frame::FrameError;
use super::greeting::Role;
use super::names::{Name, NameError};
use crate::client::ClientError;
use crate::console::printable;

#[derive(Debug, Error)]
pub enum FilesError {
    #[error("cannot send {}", .0.join("; "))]
    Unfit(Vec<String>),
    #[error("cannot use the folder to receive into: {0}")]
    Into(io::Error),
    #[error("the partner is no pairloop send or receive")]
    Stranger,
    #[error("the partner speaks version {} of the file protocol, this is version {own}", printable(.theirs))]
    Version { theirs: String, own: &'static str },
    #[error("the partner does the same: one of the two must send, the other receive (both {0})")]
    SameRole(Role),
    #[error("the connection was cut ({0}): run both commands again to continue")]
    Cut(io::Error),
    #[error("the partner left too early: run both commands again to continue")]
    Left,
    #[error("the partner gave up: {}", printable(.0))]
    Partner(String),
    /// Both sides show these words, so they say who it was.
    #[error("against the protocol: {0}")]
    Protocol(&'static str),
    #[error("against the protocol: {0}")]
    Frame(FrameError),
    #[error("{0}")]
    Name(#[from] NameError),
    #[error("{name}: {action}: {error}")]
    File {
        name: Name,
        action: &'static str,
        error: io::Error,
    },
    #[error("{0} changed while it was sent: send it again")]
    Changed(Name),
    #[error("{0} is longer than it says")]
    Longer(Name),
    #[error("{0} is there already, and is not the same: it is only replaced with --overwrite")]
    Exists(Name),
    #[error("{0} is there already as something else than a {1}")]
    Other(Name, &'static str),
    #[error("{0} is being received by someone else")]
    Busy(Name),
    #[error("not enough room: {needed} bytes are needed and {free} are free")]
    NoRoom { needed: u64, free: u64 },
    #[error("{0} has other contents than were announced")]
    Corrupt(Name),
}

impl FilesError {
    /// An error about a file, for `map_err`.
    pub fn of<'a, E: Into<io::Error>>(
        name: &'a Name,
        action: &'static str,
    ) -> impl Fn(E) -> Self + use<'a, E> {
        move |error| Self::File {
            name: name.clone(),
            action,
            error: error.into(),
        }
    }

    /// Whether the other side has to be told: it knows of what it did itself, and when the connection is gone nobody
    /// listens.
    pub fn is_news(&self) -> bool {
        !matches!(self, Self::Cut(_) | Self::Left | Self::Partner(_))
    }
}

/// What the stream itself can fail with.
impl From<ClientError> for FilesError {
    fn from(error: ClientError) -> Self {
        Self::Cut(match error {
            ClientError::Cut(error) => error,
            other => io::Error::other(other.to_string()),
        })
    }
}

impl From<FrameError> for FilesError {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Read(error) => Self::Cut(error),
            FrameError::Truncated => Self::Left,
            other => Self::Frame(other),
        }
    }
}
