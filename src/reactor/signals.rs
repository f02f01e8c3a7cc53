//! The signals that the daemon listens to, as three wishes.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Say how many clients there are. Several of these may arrive as one.
    Report,
    /// Read again what the operator may have changed.
    Reload,
    /// Stop; the second time, at once.
    Stop,
}

impl Signal {
    pub(super) const NUMBERS: [i32; 5] = [SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT];

    pub(super) fn from_number(number: i32) -> Signal {
        match number {
            SIGUSR2 => Signal::Report,
            SIGHUP => Signal::Reload,
            _ => Signal::Stop,
        }
    }
}
