//! The signals that the daemon listens to, as two wishes.

use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1, SIGUSR2};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Say how many clients there are. Several of these may arrive as one.
    Report,
    /// Stop; the second time, at once.
    Stop,
}

impl Signal {
    pub(super) const NUMBERS: [i32; 4] = [SIGUSR1, SIGUSR2, SIGTERM, SIGINT];

    pub(super) fn from_number(number: i32) -> Signal {
        match number {
            SIGUSR2 => Signal::Report,
            _ => Signal::Stop,
        }
    }
}
