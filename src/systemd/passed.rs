//! Sockets that were opened for us before we were started (sd_listen_fds(3)).

use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::time::Duration;

use log::warn;
use rustix::io::{FdFlags, fcntl_setfd};
use thiserror::Error;

use crate::socket::adopt;

/// The sockets, each with its name; several may share one.
pub struct Passed {
    sockets: Vec<(String, Option<OwnedFd>)>,
}

/// Why a listener does not get its sockets.
#[derive(Debug, Error)]
pub enum PassedError {
    #[error(
        "no socket has been passed to this process: it must be started by a systemd socket unit, with FileDescriptorName={wanted}"
    )]
    None { wanted: String },
    #[error("no socket of that name has been passed; there are: {}", there_are.join(", "))]
    Unknown { there_are: Vec<String> },
    #[error("another --listen has taken the sockets of that name: write each name once")]
    Taken,
    #[error(
        "what has been passed is not a listening TCP socket: its socket unit needs ListenStream= with a port, and Accept=no"
    )]
    NotListening,
    #[error("{0}")]
    Options(io::Error),
}

impl Passed {
    /// Those that the environment tells of, and tells us.
    pub fn from_environment() -> Self {
        let sockets = sd_listen_fds::get().unwrap_or_else(|error| {
            warn!("LISTEN_FDS: {error}: no sockets are taken over");
            Vec::new()
        });
        let sockets = sockets.into_iter().map(|(name, socket)| {
            // Its name then, by sd_listen_fds_with_names(3).
            let name = name.unwrap_or_else(|| "unknown".into());
            (name, Some(socket.into_std()))
        });
        Self {
            sockets: sockets.collect(),
        }
    }

    /// The sockets of this name, whose clients inherit what those of our own would.
    ///
    /// # Errors
    /// If there are none, or they are not what a listener needs.
    pub fn take(
        &mut self,
        name: &str,
        user_timeout: Option<Duration>,
    ) -> Result<Vec<TcpListener>, PassedError> {
        let named = self.sockets.iter_mut().filter(|(known, _)| known == name);
        let sockets = named
            .map(|(_, socket)| {
                let socket = socket.take().ok_or(PassedError::Taken)?;
                fcntl_setfd(&socket, FdFlags::CLOEXEC)
                    .map_err(|error| PassedError::Options(error.into()))?;
                let socket = adopt(socket, user_timeout).map_err(PassedError::Options)?;
                socket.ok_or(PassedError::NotListening)
            })
            .collect::<Result<Vec<_>, _>>()?;
        match sockets.is_empty() {
            true => Err(self.unknown(name)),
            false => Ok(sockets),
        }
    }

    fn unknown(&self, name: &str) -> PassedError {
        let names = self.sockets.iter().map(|(name, _)| name.clone());
        let mut there_are: Vec<String> = names.collect();
        there_are.dedup();
        match there_are.is_empty() {
            true => PassedError::None {
                wanted: name.into(),
            },
            false => PassedError::Unknown { there_are },
        }
    }

    /// Says which nobody has taken: their clients would wait for ever.
    pub fn warn_of_rest(&self) {
        for (name, _) in self.sockets.iter().filter(|(_, socket)| socket.is_some()) {
            warn!(
                "a socket named {name} has been passed, and no --listen takes it: SERVICE://@{name}"
            );
        }
    }
}
