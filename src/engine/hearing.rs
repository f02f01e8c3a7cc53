//! What clients say, and that they have finished or gone: to whom it matters.

use super::client::At;
use super::close::RoomEnd;
use super::handover::Blame;
use super::service::{Actions, Decisions, Service};
use super::sides::Side;
use super::table::Key;
use super::{ClientId, CloseReason, Due, Engine, Moment};

impl Engine {
    pub(super) fn data(&mut self, now: Moment, client: ClientId, bytes: &[u8]) -> usize {
        let (key, side) = match self.find(client) {
            At::Door(key) => {
                let taken = self.hear(now, key, bytes);
                // At once: when they are offered again, a partner may have come that must not meet this one.
                return taken + self.early(now, client, &bytes[taken..]);
            }
            At::Seat(key, side) => (key, side),
        };
        let room = &self.rooms[key];
        if room.is_mute(side) {
            return bytes.len();
        }
        if !room.is_open() {
            return match room.handover() {
                Some((handover, _)) if side == Side::Y => {
                    self.hear_worker(now, handover, key, bytes)
                }
                _ => self.early(now, client, bytes),
            };
        }
        let mut taken = 0;
        if room.takes_data(side) {
            self.run_in(now, key, |service, actions| {
                taken = service.data(side, bytes, actions)
            });
        }
        // What is left waits where it is.
        taken
    }

    /// What a client says that waits for its partner, if this one does. Answers how many of the bytes were taken.
    fn early(&mut self, now: Moment, client: ClientId, bytes: &[u8]) -> usize {
        let mut taken = 0;
        if let Some(At::Seat(key, _)) = self.place_of(client)
            && !self.rooms[key].is_open()
            && !bytes.is_empty()
        {
            self.run_in(now, key, |service, actions| {
                taken = service.early(bytes, actions)
            });
        }
        taken
    }

    pub(super) fn eof(&mut self, now: Moment, client: ClientId, unread: &[u8]) {
        let (key, side) = match self.find(client) {
            At::Door(key) => return self.eof_at_door(now, key, unread),
            At::Seat(key, side) => (key, side),
        };
        let room = &mut self.rooms[key];
        if !room.is_open() {
            let worker = room.handover().is_some() && side == Side::Y;
            if worker || room.place().is_some() && !room.is_mute(side) {
                return self.lost(now, key, side, CloseReason::Left);
            }
        }
        room.finish(side);
        if room.is_open() {
            self.run_in(now, key, |service, actions| {
                service.eof(side, unread, actions)
            });
            self.limit_quiet(key, now);
        }
    }

    pub(super) fn lost(&mut self, now: Moment, room: Key, side: Side, reason: CloseReason) {
        match self.rooms[room].handover() {
            Some((handover, _)) if side == Side::Y => {
                let why = match reason {
                    CloseReason::Failed => "it can't be connected to".into(),
                    reason => reason.to_string(),
                };
                self.attempt_failed(now, handover, why, Blame::Worker);
            }
            _ => self.end_room(now, room, RoomEnd::Lost(side, reason)),
        }
    }

    /// Lets a room's service act, and does what follows for the room.
    pub(super) fn run_in(
        &mut self,
        now: Moment,
        key: Key,
        act: impl FnOnce(&mut dyn Service, &mut Actions<'_>),
    ) {
        let room = &mut self.rooms[key];
        let Decisions { timer, end, .. } = room.run(now, &mut self.outputs, act);
        if let Some(at) = timer {
            self.deadlines
                .set(&mut room.service_deadline, at, Due::Service(key));
        }
        if let Some(end) = end {
            self.end_room(now, key, end);
        }
    }
}
