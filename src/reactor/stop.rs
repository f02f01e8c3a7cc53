//! Signals, and how a stop goes: those who wait are sent away, rooms may finish for a while, then it is over.

use std::time::Instant;

use log::info;

use crate::units::count;

use super::Reactor;
use super::net::Net;

/// The signals of one turn.
#[derive(Debug, Default)]
pub(super) struct Signals {
    pub report: bool,
    pub reload: bool,
    pub stops: u32,
}

/// How far a stop has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    No,
    /// Until this time, connections may finish.
    Draining(Instant),
    AtOnce,
}

impl Stop {
    /// When whoever is left is cut off.
    pub fn deadline(self) -> Option<Instant> {
        match self {
            Stop::Draining(deadline) => Some(deadline),
            Stop::No | Stop::AtOnce => None,
        }
    }
}

impl<N: Net> Reactor<N> {
    pub(super) fn heed(&mut self, signals: &Signals) {
        if signals.report {
            self.report();
        }
        if signals.reload {
            self.begin_reload();
        }
        for _ in 0..signals.stops {
            if self.told_to_stop {
                info!("stopping at once");
                self.stop = Stop::AtOnce;
                self.engine.stop_at_once(self.now);
                self.carry_out();
            } else {
                self.told_to_stop = true;
                self.begin_stop();
                self.print("THE SERVER WILL DISCONNECT");
            }
        }
    }

    /// Begins the stop, unless it has begun.
    pub(super) fn begin_stop(&mut self) {
        if self.stop != Stop::No {
            return;
        }
        let drain = self.settings.drain_timeout;
        info!(
            "stopping: {}, with {drain:?} to finish",
            count(self.engine.clients(), "client")
        );
        if let Some(watcher) = &mut self.watcher {
            watcher.stopping(self.engine.clients());
        }
        // Closing the listeners lets a successor bind.
        self.shut_listeners(|_| true);
        self.stop = Stop::Draining(self.now + drain);
        self.engine.stop(self.now, drain);
        self.carry_out();
    }

    /// Whether the stop is complete. Whoever is left is reset when the reactor is dropped.
    pub(super) fn is_finished(&self) -> bool {
        match self.stop {
            Stop::No => false,
            Stop::Draining(deadline) => {
                self.engine.is_stopped() && (self.connections.is_empty() || self.now >= deadline)
            }
            Stop::AtOnce => true,
        }
    }
}
