//! How a stop goes: those who wait or talk in lines are told and sent away, raw rooms may finish for a while, then
//! they are cut.

use std::time::{Duration, Instant};

use super::close::RoomEnd;
use super::room::Room;
use super::table::Key;
use super::{CloseReason, Due, Engine, Moment};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Serving,
    /// No new rooms; the raw ones that exist may finish.
    Draining,
    /// Nobody is left, or those who were have been cut off.
    Stopped,
}

impl Engine {
    /// Begins to stop: rooms that carry raw bytes get `drain` to finish, all others end. Another call does nothing
    /// more.
    pub fn stop(&mut self, now: Instant, drain: Duration) {
        self.assert_drained();
        let now = self.clock.moment(now);
        if self.phase == Phase::Serving {
            self.phase = Phase::Draining;
            self.deadlines
                .set(&mut self.drain_deadline, Some(now + drain), Due::StopOver);
            self.clear_doors(now);
            self.end_rooms(now, CloseReason::Stopping, Room::ends_with_the_server);
            self.settle_stop();
        }
        self.check_invariants();
    }

    /// Ends at once what is left of a stop that has begun.
    pub fn stop_at_once(&mut self, now: Instant) {
        self.assert_drained();
        let now = self.clock.moment(now);
        self.end_rooms(now, CloseReason::Stopped, |_| true);
        self.check_invariants();
    }

    /// Whether a stop that was begun is over: no client is left.
    pub fn is_stopped(&self) -> bool {
        self.phase == Phase::Stopped
    }

    /// Ends the rooms that are chosen.
    pub(super) fn end_rooms(
        &mut self,
        now: Moment,
        reason: CloseReason,
        chosen: impl Fn(&Room) -> bool,
    ) {
        let keys: Vec<Key> = self
            .rooms
            .iter()
            .filter(|(_, room)| chosen(room))
            .map(|(key, _)| key)
            .collect();
        for key in keys {
            // Those who are being handed over end in twos.
            if self.rooms.get(key).is_some() {
                self.end_room(now, key, RoomEnd::All(reason));
            }
        }
    }

    pub(super) fn settle_stop(&mut self) {
        if self.phase == Phase::Draining && self.clients.len() == 0 {
            self.phase = Phase::Stopped;
            self.deadlines
                .set(&mut self.drain_deadline, None, Due::StopOver);
        }
    }
}
