//! The engine decides; it never touches a socket or a clock.
//!
//! It knows clients by their [`ClientId`], pairs them in lobbies, keeps their rooms and deadlines, and lets
//! the room's [service](service) say what happens to the bytes. What it decides comes out as [`Output`]s,
//! which the reactor carries out.
//!
//! # The contract
//!
//! 1. Every mutation (`handle_input`, `handle_timeout`, `stop`) is followed by [`Engine::poll_output`] until
//!    it answers `None`. A debug assertion holds the caller to it.
//! 2. Deadlines are asked for, never pushed: after draining, [`Engine::poll_timeout`] says when
//!    [`Engine::handle_timeout`] wants to be called.
//! 3. A client begins with [`Input::Accepted`] and ends with exactly one [`Output::Close`]. Between the two
//!    its id is valid; after the close the engine has forgotten it, and no further input may name it.
//! 4. [`Input::Data`] answers how many of the bytes were taken. The rest stays with the caller, who reads no more
//!    from that client until a `Forward` grants its bytes to somebody.
//! 5. After [`Output::Forward`] the caller moves the bytes by itself and hands none of them to the engine: it
//!    reports only how the stream ended.
//! 6. [`Input::Eof`] comes once, after the last byte has been taken or put on its way. [`Input::Lost`] may come at
//!    any time and is the last input of that client.
//! 7. The same inputs give the same outputs, always.

mod client;
mod close;
mod deadlines;
mod interface;
mod invariants;
mod lobby;
mod note;
mod room;
pub mod service;
mod stop;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::Instant;

use slab::Slab;

pub use client::ClientId;
pub use close::{CloseReason, Ending};
pub use deadlines::Deadlines;
pub use interface::{Counts, Input, ListenerId, Output, Timeouts};
pub use note::Note;
pub use room::{Members, Side};

use client::{Client, Clients, Place};
use lobby::Lobby;
use room::{Room, RoomEnd};
use service::ServiceKind;
use stop::Phase;

/// Whom a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Waiting(ClientId),
    Room(usize),
    /// The time that rooms were given when the stop began is over.
    Drained,
}

pub struct Engine {
    lobbies: Vec<Lobby>,
    clients: Clients,
    rooms: Slab<Room>,
    deadlines: Deadlines<Due>,
    timeouts: Timeouts,
    outputs: VecDeque<Output>,
    rooms_opened: u64,
    phase: Phase,
    drain_deadline: Option<Instant>,
}

impl Engine {
    /// One lobby for each listener, in the order of their [`ListenerId`]s.
    pub fn new(
        listeners: impl IntoIterator<Item = &'static ServiceKind>,
        timeouts: Timeouts,
    ) -> Self {
        Self {
            lobbies: listeners.into_iter().map(Lobby::new).collect(),
            clients: Clients::default(),
            rooms: Slab::new(),
            deadlines: Deadlines::default(),
            timeouts,
            outputs: VecDeque::new(),
            rooms_opened: 0,
            phase: Phase::Serving,
            drain_deadline: None,
        }
    }

    /// Tells what happened to a client, and answers how many bytes of a `Data` input were taken.
    pub fn handle_input(&mut self, now: Instant, client: ClientId, input: Input<'_>) -> usize {
        self.assert_drained();
        let taken = match input {
            Input::Accepted { listener } => {
                self.accept(now, client, listener);
                0
            }
            Input::Data(bytes) => self.data(client, bytes),
            Input::Eof => {
                self.eof(now, client);
                0
            }
            Input::Lost(reason) => {
                self.lost(now, client, reason);
                0
            }
            Input::Activity { last } => {
                self.activity(now, client, last);
                0
            }
        };
        self.check_invariants();
        taken
    }

    /// Does what has become due by `now`.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.assert_drained();
        while let Some((at, due)) = self.deadlines.pop(now) {
            match due {
                Due::Waiting(client) => {
                    self.clients[client].deadline = None;
                    self.leave_lobby(client, CloseReason::WaitTimeout);
                }
                Due::Room(key) => {
                    let room = &mut self.rooms[key];
                    room.deadline = None;
                    self.outputs
                        .push_back(Output::AskActivity(room.members.first()));
                }
                Due::Drained => {
                    debug_assert_eq!(self.drain_deadline, Some(at));
                    self.drain_deadline = None;
                    self.cut_rooms(now);
                }
            }
        }
        self.check_invariants();
    }

    /// The next decision to carry out.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) should next be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Clients that have not been closed.
    pub fn clients(&self) -> usize {
        self.clients.len()
    }

    /// The service and the counts of each lobby.
    pub fn counts(&self) -> Vec<(&'static str, Counts)> {
        let counts = |lobby: &Lobby| {
            let waiting = usize::from(lobby.waiting().is_some());
            let clients = waiting + lobby.rooms * lobby.service().seats.len();
            (
                lobby.service().name,
                Counts {
                    clients,
                    waiting,
                    rooms: lobby.rooms,
                },
            )
        };
        self.lobbies.iter().map(counts).collect()
    }

    fn accept(&mut self, now: Instant, client: ClientId, listener: ListenerId) {
        if self.phase != Phase::Serving {
            self.outputs.push_back(Output::Close {
                client,
                reason: CloseReason::Stopping,
            });
            return;
        }
        let lobby = &mut self.lobbies[listener];
        match lobby.join(client) {
            None => {
                self.clients.insert(Client {
                    id: client,
                    place: Place::Waiting(listener),
                    deadline: None,
                });
                let deadline = self.timeouts.wait.map(|wait| now + wait);
                self.deadlines.set(
                    &mut self.clients[client].deadline,
                    deadline,
                    Due::Waiting(client),
                );
            }
            Some(members) => {
                lobby.rooms += 1;
                self.open_room(now, members, listener);
            }
        }
    }

    fn open_room(&mut self, now: Instant, members: Members, listener: ListenerId) {
        self.rooms_opened += 1;
        let service = (self.lobbies[listener].service().start)();
        let key = self.rooms.insert(Room::new(
            self.rooms_opened,
            listener,
            members,
            now,
            service,
        ));
        for (side, id) in members.iter() {
            if let Some(waiter) = self.clients.get_mut(id) {
                self.deadlines
                    .set(&mut waiter.deadline, None, Due::Waiting(id));
                waiter.place = Place::Room(key, side);
            } else {
                self.clients.insert(Client {
                    id,
                    place: Place::Room(key, side),
                    deadline: None,
                });
            }
        }
        self.outputs.push_back(Output::Note(Note::RoomOpened {
            room: self.rooms_opened,
            members,
        }));
        self.rooms[key].open(&mut self.outputs);
        self.limit_quiet(key, now);
    }

    fn data(&mut self, client: ClientId, bytes: &[u8]) -> usize {
        match self.clients[client].place {
            // Its partner is not here yet: the bytes wait where they are.
            Place::Waiting(_) => 0,
            Place::Room(key, side) => self.rooms[key].data(side, bytes, &mut self.outputs),
        }
    }

    fn eof(&mut self, now: Instant, client: ClientId) {
        match self.clients[client].place {
            Place::Waiting(_) => self.leave_lobby(client, CloseReason::Left),
            Place::Room(key, side) => match self.rooms[key].eof(side, &mut self.outputs) {
                Some(end) => self.end_room(now, key, end),
                None => self.limit_quiet(key, now),
            },
        }
    }

    fn lost(&mut self, now: Instant, client: ClientId, reason: CloseReason) {
        match self.clients[client].place {
            Place::Waiting(_) => self.leave_lobby(client, reason),
            Place::Room(key, side) => self.end_room(now, key, RoomEnd::Lost(side, reason)),
        }
    }

    fn activity(&mut self, now: Instant, client: ClientId, last: Instant) {
        // The room may have ended between question and answer.
        let Some(&Client {
            place: Place::Room(key, _),
            ..
        }) = self.clients.get(client)
        else {
            return;
        };
        match self.rooms[key].quiet_limit(&self.timeouts) {
            Some((limit, reason)) if last + limit <= now => {
                self.end_room(now, key, RoomEnd::Timeout(reason))
            }
            _ => self.limit_quiet(key, last),
        }
    }

    /// Sets the deadline by which a room that has been quiet since `since` is asked for a sign of life.
    fn limit_quiet(&mut self, key: usize, since: Instant) {
        let room = &mut self.rooms[key];
        let deadline = room
            .quiet_limit(&self.timeouts)
            .map(|(limit, _)| since + limit);
        self.deadlines
            .set(&mut room.deadline, deadline, Due::Room(key));
    }

    fn leave_lobby(&mut self, id: ClientId, reason: CloseReason) {
        let mut client = self.clients.remove(id);
        let Place::Waiting(listener) = client.place else {
            unreachable!("{id} waits in no lobby")
        };
        self.deadlines
            .set(&mut client.deadline, None, Due::Waiting(id));
        self.lobbies[listener].leave(id);
        self.outputs
            .push_back(Output::Note(Note::LeftLobby { client: id, reason }));
        self.outputs.push_back(Output::Close { client: id, reason });
    }

    fn end_room(&mut self, now: Instant, key: usize, end: RoomEnd) {
        let mut room = self.rooms.remove(key);
        self.deadlines.set(&mut room.deadline, None, Due::Room(key));
        self.lobbies[room.listener].rooms -= 1;
        self.outputs.push_back(Output::Note(room.over(now, end)));
        for (side, client) in room.members.iter() {
            self.clients.remove(client);
            self.outputs.push_back(Output::Close {
                client,
                reason: end.reason_for(side),
            });
        }
        self.settle_stop();
    }

    fn assert_drained(&self) {
        debug_assert!(
            self.outputs.is_empty(),
            "outputs must be drained between two mutations"
        );
    }
}
