//! The engine decides; it never touches a socket or a clock.
//!
//! It knows clients by their [`ClientId`], pairs them in lobbies, keeps their rooms and deadlines, and lets
//! the room's [service](service) say what happens to the bytes. What it decides comes out as [`Output`]s,
//! which the reactor carries out.
//!
//! # The contract
//!
//! 1. Every mutation (`handle_input`, `handle_timeout`, `stop`, `stop_at_once`) is followed by [`Engine::poll_output`] until
//!    it answers `None`. A debug assertion holds the caller to it.
//! 2. Deadlines are asked for, never pushed: after draining, [`Engine::poll_timeout`] says when
//!    [`Engine::handle_timeout`] wants to be called.
//! 3. A client begins with [`Input::Accepted`] and ends with exactly one [`Output::Close`]. Between the two
//!    its id is valid, and before the close it is in exactly one [`Output::Session`] (for a pair on a worker that names the first and its
//!    connection); after the close the engine has forgotten it, and no further input may name it.
//! 4. [`Input::Data`] answers how many of the bytes were taken. The rest stays with the caller, who reads no more
//!    from that client and offers it again only when told: at once ([`Output::Resume`]), or with more behind it
//!    ([`Output::ReadOn`]). [`Payload::Input`] names a part of the bytes just handed in, and only until they are
//!    drained.
//! 5. After [`Output::Forward`] the caller moves the bytes by itself, beginning with those that were not taken, and
//!    hands none of them to the engine: it reports only how the stream ended.
//! 6. [`Input::Eof`] comes once, after the last byte has been taken or put on its way. [`Input::Lost`] may come at
//!    any time and is the last input of that client.
//! 7. The same inputs give the same outputs, always.

mod client;
mod close;
mod deadlines;
mod door;
mod greeting;
mod handover;
mod hearing;
pub mod hello;
mod interface;
mod invariants;
mod lobby;
mod login;
mod marks;
mod moment;
mod note;
mod penalties;
mod proxied;
pub mod proxy;
mod room;
mod route;
mod seating;
pub mod service;
mod session;
mod sides;
mod sources;
mod stop;
mod table;
mod wait;

#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

pub use client::ClientId;
pub use close::{CloseReason, Ending};
pub use deadlines::Deadlines;
pub use greeting::{Code, Greeting, Hello, Part, Refusal, Role};
pub use hello::is_room;
pub use interface::{Counts, Input, ListenerId, Meeting, Output, Payload, Timeouts};
pub use moment::{Epoch, Moment};
pub use note::Note;
pub use route::{RouteOptions, WorkerState};
pub use session::{Mood, Moods, Session};
pub use sides::{Members, Side};
pub use sources::{Source, Sources};

use crate::limits::DEADLINES_PER_TURN;

use client::{At, Clients};
use close::RoomEnd;
use door::Door;
use handover::{Blame, Handover};
use lobby::Lobby;
use login::Nonces;
use moment::Clock;
use room::Room;
use service::Factory;
use stop::Phase;
use table::{Key, Table};

/// Whom a deadline is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A client that has not said hello.
    Door(Key),
    /// A room: nobody has come, or nothing has been said.
    Room(Key),
    /// A pair that is being handed over to a worker.
    Handover(Key),
    /// A room's service, which has asked for it.
    Service(Key),
    /// The time that rooms were given when the stop began is over.
    StopOver,
}

pub struct Engine {
    lobbies: Vec<Lobby>,
    clients: Clients,
    doors: Table<Door>,
    rooms: Table<Room>,
    handovers: Table<Handover>,
    /// How many of the clients are connections to workers.
    dialed: usize,
    deadlines: Deadlines<Due>,
    sources: Sources,
    nonces: Nonces,
    outputs: VecDeque<Output>,
    rooms_opened: u64,
    rooms_over: u64,
    phase: Phase,
    drain_deadline: Option<Moment>,
    clock: Clock,
}

impl Engine {
    /// One lobby for each listener, in the order of their [`ListenerId`]s. No time that it is told may be before
    /// `start`.
    pub fn new(
        listeners: impl IntoIterator<Item = (Factory, Meeting)>,
        timeouts: Timeouts,
        start: Instant,
    ) -> Self {
        Self {
            lobbies: listeners
                .into_iter()
                .map(|(service, rooms)| Lobby::new(service, rooms, timeouts))
                .collect(),
            clients: Clients::default(),
            doors: Table::default(),
            rooms: Table::default(),
            handovers: Table::default(),
            dialed: 0,
            deadlines: Deadlines::default(),
            sources: Sources::new(None),
            nonces: Nonces::default(),
            outputs: VecDeque::new(),
            rooms_opened: 0,
            rooms_over: 0,
            phase: Phase::Serving,
            drain_deadline: None,
            clock: Clock::new(start),
        }
    }

    /// The same, for listeners with users: logins need a key that nobody else knows.
    pub fn with_nonces(mut self, key: [u8; 32]) -> Self {
        self.nonces = Nonces::of(key);
        self
    }

    /// The same, with so many clients of one source at most.
    pub fn with_clients_per_source(mut self, most: Option<u32>) -> Self {
        self.sources = Sources::new(most);
        self
    }

    /// Lets those who came by this listener wait so long for their partners, and not as long as all others.
    pub fn set_wait_timeout(&mut self, listener: ListenerId, limit: Option<Duration>) {
        self.lobbies[listener].timeouts.wait = limit;
    }

    /// From now on these hold, but for that of waiting, which each listener has for itself. Deadlines that are set stay as they are.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        for lobby in &mut self.lobbies {
            let wait = lobby.timeouts.wait;
            lobby.timeouts = Timeouts { wait, ..timeouts };
        }
    }

    /// From now on each source may have so many clients. There must have been a limit from the beginning: until there is one,
    /// nobody is counted.
    pub fn set_clients_per_source(&mut self, most: Option<u32>) {
        self.sources.set_limit(most);
    }

    /// Tells what happened to a client, and answers how many bytes of a `Data` input were taken.
    pub fn handle_input(&mut self, now: Instant, client: ClientId, input: Input<'_>) -> usize {
        self.assert_drained();
        let now = self.clock.moment(now);
        let mut taken = 0;
        match input {
            Input::Accepted { listener, peer } => self.accept(now, client, listener, peer),
            Input::Dialing { client: behalf } => self.dialing(client, behalf),
            Input::Dialed => self.dialed(client),
            Input::NotDialed { for_want } => self.not_dialed(now, client, for_want),
            Input::Data(bytes) => taken = self.data(now, client, bytes),
            Input::Eof { unread } => self.eof(now, client, unread),
            Input::Lost(reason) => match self.find(client) {
                At::Door(door) => self.lost_at_door(now, door, reason),
                At::Seat(room, side) => self.lost(now, room, side, reason),
            },
            Input::SendDrained => {
                // What is said at the door is short, and nothing waits for it.
                if let At::Seat(room, side) = self.find(client) {
                    self.rooms[room].drained(side, &mut self.outputs);
                }
            }
            Input::Activity { last } => {
                let last = self.clock.moment(last);
                self.activity(now, client, last);
            }
        }
        self.check_invariants();
        taken
    }

    /// Does what has become due by `now`, the earliest first, and no more of it at a time than
    /// [`DEADLINES_PER_TURN`]: [`poll_timeout`](Self::poll_timeout) says whether there is more.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.assert_drained();
        let now = self.clock.moment(now);
        for _ in 0..DEADLINES_PER_TURN {
            let Some((_, due)) = self.deadlines.pop(now) else {
                break;
            };
            match due {
                Due::Door(key) => {
                    let door = &mut self.doors[key];
                    door.deadline = None;
                    let refusal = door.stage.said_nothing();
                    self.turn_away(now, key, refusal);
                }
                Due::Room(key) => {
                    let room = &mut self.rooms[key];
                    room.deadline = None;
                    if room.is_open() {
                        self.outputs.push_back(Output::AskActivity(room.members));
                    } else {
                        self.end_room(now, key, RoomEnd::All(CloseReason::WaitTimeout));
                    }
                }
                Due::Handover(key) => {
                    self.handovers[key].deadline = None;
                    self.attempt_failed(now, key, "no answer in time".into(), Blame::Worker);
                }
                Due::Service(key) => {
                    self.rooms[key].service_deadline = None;
                    self.run_in(now, key, |service, actions| service.timeout(actions));
                }
                Due::StopOver => {
                    self.drain_deadline = None;
                    self.end_rooms(now, CloseReason::Stopped, |_| true);
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
        self.deadlines.next().map(|at| self.clock.instant(at))
    }

    /// Clients that have not been closed.
    pub fn clients(&self) -> usize {
        self.clients.len() - self.dialed
    }

    /// Lets a worker's name stand for these addresses, from now on. Workers are numbered as the listener names them.
    pub fn set_worker(&mut self, listener: ListenerId, worker: usize, addresses: Vec<SocketAddr>) {
        if let Some(route) = &mut self.lobbies[listener].route {
            route.set_addresses(worker, addresses);
        }
    }

    /// Where the clients of this listener connect to, for workers that are told.
    pub fn set_local(&mut self, listener: ListenerId, local: SocketAddr) {
        if let Some(route) = &mut self.lobbies[listener].route {
            route.local = Some(local);
        }
    }

    /// How many connections there may be for a client: its own, and one that is dialed for it.
    pub fn connections_per_client(&self) -> usize {
        1 + usize::from(self.lobbies.iter().any(|lobby| lobby.route.is_some()))
    }

    /// The workers of all listeners, each once.
    pub fn workers(&self) -> Vec<WorkerState> {
        let routes = self.lobbies.iter().filter_map(|lobby| lobby.route.as_ref());
        let mut workers: Vec<WorkerState> = Vec::new();
        for state in routes.flat_map(|route| route.states()) {
            match workers.iter_mut().find(|known| known.name == state.name) {
                Some(known) => known.add(&state),
                None => workers.push(state),
            }
        }
        workers
    }

    /// How many rooms there have been that are over.
    pub fn rooms_over(&self) -> u64 {
        self.rooms_over
    }

    /// The service and the counts of each lobby.
    pub fn counts(&self) -> Vec<(&'static str, Counts)> {
        self.lobbies
            .iter()
            .map(|lobby| (lobby.service(), lobby.counts()))
            .collect()
    }

    fn assert_drained(&self) {
        debug_assert!(
            self.outputs.is_empty(),
            "outputs must be drained between two mutations"
        );
    }
}
