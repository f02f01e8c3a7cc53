//! How a stop goes: nobody waits any longer, rooms may finish for a while, then they are cut.

use std::time::{Duration, Instant};

use super::lobby::Lobby;
use super::room::RoomEnd;
use super::{ClientId, CloseReason, Due, Engine};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Serving,
    /// No new rooms; the ones that exist may finish.
    Draining,
    /// Nobody is left, or those who are have been cut off.
    Stopped,
}

impl Engine {
    /// Begins to stop: nobody waits any longer, and rooms get `drain` to finish. Another call does nothing more.
    pub fn stop(&mut self, now: Instant, drain: Duration) {
        self.assert_drained();
        if self.phase == Phase::Serving {
            self.phase = Phase::Draining;
            let waiting: Vec<ClientId> = self.lobbies.iter().filter_map(Lobby::waiting).collect();
            for client in waiting {
                self.leave_lobby(client, CloseReason::Stopping);
            }
            self.deadlines
                .set(&mut self.drain_deadline, Some(now + drain), Due::Drained);
            self.settle_stop();
        }
        self.check_invariants();
    }

    /// Whether a stop that was begun is over: no client is left.
    pub fn is_stopped(&self) -> bool {
        self.phase == Phase::Stopped
    }

    pub(super) fn cut_rooms(&mut self, now: Instant) {
        let keys: Vec<usize> = self.rooms.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.end_room(now, key, RoomEnd::Timeout(CloseReason::Stopped));
        }
    }

    pub(super) fn settle_stop(&mut self) {
        if self.phase == Phase::Draining && self.clients.len() == 0 {
            self.phase = Phase::Stopped;
            self.deadlines
                .set(&mut self.drain_deadline, None, Due::Drained);
        }
    }
}
