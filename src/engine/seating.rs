//! How rooms come and go: who is given which seat, when a room opens, and what its end means.

use std::net::SocketAddr;
use std::time::Duration;

use super::client::At;
use super::close::RoomEnd;
use super::door::{FULL, Stage};
use super::hello::seated;
use super::lobby::Guest;
use super::proxied::UNTRUSTED;
use super::room::Room;
use super::sides::Side;
use super::stop::Phase;
use super::table::Key;
use super::{
    ClientId, CloseReason, Due, Engine, ListenerId, Members, Moment, Mood, Note, Output, Payload,
    Source,
};

impl Engine {
    pub(super) fn accept(
        &mut self,
        now: Moment,
        client: ClientId,
        listener: ListenerId,
        peer: SocketAddr,
    ) {
        if self.phase != Phase::Serving {
            let reason = CloseReason::Stopping;
            let members = Members::one(client);
            self.end_session(listener, Mood::Empty, members, Duration::ZERO, None);
            self.outputs.push_back(Output::Close {
                client,
                reason,
                ending: reason.ending(),
            });
            return;
        }
        let lobby = &self.lobbies[listener];
        let greeting = lobby.greeting;
        if let Some(proxies) = &lobby.proxies {
            let trusted = proxies.iter().any(|network| network.contains(peer.ip()));
            return match trusted {
                true => self.knock(now, client, listener, peer, Stage::Header),
                false => self.refuse(client, listener, peer, UNTRUSTED, None),
            };
        }
        if !self.sources.enter(client.slot(), Source::from(peer.ip())) {
            return self.refuse(client, listener, peer, FULL, greeting);
        }
        match greeting {
            None => self.seat(now, client, listener, Guest::of_any_room(now, peer)),
            Some(_) => self.knock(now, client, listener, peer, Stage::Hello),
        }
    }

    /// Gives a client its place: beside whoever waits for one like it, or in a new room.
    pub(super) fn seat(
        &mut self,
        now: Moment,
        client: ClientId,
        listener: ListenerId,
        guest: Guest,
    ) {
        let lobby = &mut self.lobbies[listener];
        let once = lobby.greeting.is_some_and(|greeting| greeting.once);
        let partner = lobby.partner_for(&guest);
        if guest.seat {
            let side = partner.map_or(Side::X, |_| Side::Y);
            self.outputs.push_back(Output::Send {
                to: client,
                payload: Payload::Text(seated(side).into()),
            });
        }
        if let Some(key) = partner {
            if lobby.route.is_some() {
                return self.hand_over(now, key, client, guest);
            }
            self.clients.insert(client.slot(), At::Seat(key, Side::Y));
            self.rooms[key].join(client, &guest);
            if once {
                self.end_redundant(now, listener, &guest);
            }
            return self.open_room(now, key, Some(guest));
        }
        let room = Room::new(now, listener, client, guest.came, lobby.factory());
        let key = self.rooms.insert(room);
        self.clients.insert(client.slot(), At::Seat(key, Side::X));
        let room = &mut self.rooms[key];
        if room.is_full() {
            return self.open_room(now, key, None);
        }
        room.wait(lobby.wait(&guest, key), guest);
        self.run_in(now, key, |service, actions| service.arrived(actions));
        if let Some(room) = self.rooms.get(key) {
            room.resume_all(&mut self.outputs);
        }
        self.limit_quiet(key, now);
    }

    /// This guest has its partner, and the name is good for one room: whoever else waits with it waits in vain.
    fn end_redundant(&mut self, now: Moment, listener: ListenerId, guest: &Guest) {
        for key in self.lobbies[listener].waiting_like(guest) {
            self.end_room(now, key, RoomEnd::All(CloseReason::Redundant));
        }
    }

    pub(super) fn open_room(&mut self, now: Moment, key: Key, second: Option<Guest>) {
        self.rooms_opened += 1;
        let room = &mut self.rooms[key];
        let first = room.open(self.rooms_opened, now);
        self.lobbies[room.listener()].rooms += 1;
        let note = Note::RoomOpened {
            room: self.rooms_opened,
            members: room.members,
        };
        self.outputs.push_back(Output::Note(note));
        if let (Some(x), Some(y)) = (first, second) {
            room.introduce(now, [x, y], &mut self.outputs);
        }
        self.run_in(now, key, |service, actions| service.open(actions));
        if let Some(room) = self.rooms.get(key) {
            room.resume_all(&mut self.outputs);
        }
        self.limit_quiet(key, now);
    }

    pub(super) fn activity(&mut self, now: Moment, client: ClientId, last: Moment) {
        // The room may have ended between question and answer.
        let Some(At::Seat(key, _)) = self.place_of(client) else {
            return;
        };
        let room = &self.rooms[key];
        match room.quiet_limit(&self.lobbies[room.listener()].timeouts) {
            Some((limit, reason)) if last + limit <= now => {
                self.end_room(now, key, RoomEnd::All(reason))
            }
            _ => self.limit_quiet(key, last),
        }
    }

    /// Sets the deadline by which a room that has been quiet since `since` is asked for a sign of life.
    pub(super) fn limit_quiet(&mut self, key: Key, since: Moment) {
        let Some(room) = self.rooms.get_mut(key) else {
            return;
        };
        let deadline = room
            .quiet_limit(&self.lobbies[room.listener()].timeouts)
            .map(|(limit, _)| since + limit);
        self.deadlines
            .set(&mut room.deadline, deadline, Due::Room(key));
    }

    pub(super) fn end_room(&mut self, now: Moment, key: Key, end: RoomEnd) {
        match self.rooms[key].handover() {
            None => self.remove_room(now, key, end),
            // Neither of the two can be handed over without the other.
            Some((handover, _)) => self.end_handover(now, handover, key, end),
        }
    }

    pub(super) fn remove_room(&mut self, now: Moment, key: Key, end: RoomEnd) {
        let mut room = self.rooms.remove(key);
        self.deadlines.set(&mut room.deadline, None, Due::Room(key));
        self.deadlines
            .set(&mut room.service_deadline, None, Due::Service(key));
        let lobby = &mut self.lobbies[room.listener()];
        let dials = lobby.route.is_some();
        if room.is_open() {
            let rooms = usize::from(!room.is_second_leg());
            lobby.rooms -= rooms;
            self.rooms_over += rooms as u64;
            lobby.legs -= usize::from(dials);
        } else if let Some(place) = room.place() {
            lobby.leave(place);
        } else {
            lobby.legs -= 1;
        }
        self.outputs.push_back(Output::Note(room.over(now, end)));
        let (listener, mood) = (room.listener(), room.mood(end));
        if !room.is_second_leg() {
            self.end_session(listener, mood, room.members, room.age(now), room.waited());
        }
        let lobby = &self.lobbies[listener];
        room.part(now, end, lobby.answers(), &mut self.outputs);
        for (side, client) in room.members.iter() {
            self.clients.remove(client.slot());
            self.sources.leave(client.slot());
            self.dialed -= usize::from(dials && side == Side::Y);
        }
        self.settle_stop();
    }
}
