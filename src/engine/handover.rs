//! How a pair is handed over to a worker.
//!
//! ```text
//!  X and Y have met --> dial, hello, "OK seat X" --> the same for Y --> each linked with its connection
//!                         \                               /
//!                          '--- failed, or took too long -----> the next worker; none: both are refused
//! ```
//!
//! X first, and Y only when X has its seat: so they are X and Y there, too. Until both have one, nothing that they say is
//! passed on, and so nothing is lost with a worker that fails. From then on each of them and its connection
//! are a room of their own, a [`Leg`], and know nothing of the other: what becomes of one the worker tells the other's.

use std::collections::VecDeque;
use std::rc::Rc;

use crate::limits::BUFFER_FLOOR;

use super::client::At;
use super::close::RoomEnd;
use super::lobby::Guest;
use super::note::WorkerFailure;
use super::room::Room;
use super::route::{Candidate, Lease};
use super::service::forward::{self, Leg};
use super::sides::{PerSide, Side};
use super::table::Key;
use super::{
    ClientId, CloseReason, Due, Ending, Engine, ListenerId, Moment, Note, Output, Payload,
};

/// Who is to blame if a worker did not take a client in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    /// It gets no rooms for a while.
    Worker,
    /// It may take other rooms: it does not want this one, or its client, or nobody could ask it. Else one client could
    /// keep all others from it.
    Nobody,
}

/// A pair on its way.
pub(super) struct Handover {
    listener: ListenerId,
    /// The rooms of X and of Y.
    legs: PerSide<Key>,
    /// What their room is called on the worker. Nobody else can know, and it is never used again.
    name: String,
    /// Whose connection to the worker is being made.
    side: Side,
    /// The worker that is being tried.
    trying: Option<(Candidate, Rc<Lease>)>,
    next: VecDeque<Candidate>,
    /// It must have taken in this side's client by then.
    pub deadline: Option<Moment>,
}

impl Engine {
    /// Hands over the client that waited in this room, together with the one that has come.
    pub(super) fn hand_over(&mut self, now: Moment, x: Key, y: ClientId, guest: Guest) {
        let listener = self.rooms[x].listener();
        let lobby = &mut self.lobbies[listener];
        let room = guest.room.as_deref();
        let name = match room {
            None => format!("any.{}", self.nonces.tag()),
            Some(room) => format!("{}.{}", &room[..room.len().min(40)], self.nonces.tag()),
        };
        let next = lobby.candidates(now, room);
        let leg = Room::new(now, listener, y, guest.came, lobby.factory());
        let leg = self.rooms.insert(leg);
        self.clients.insert(y.slot(), At::Seat(leg, Side::X));
        let key = self.handovers.insert(Handover {
            listener,
            legs: PerSide::of(x, leg),
            name,
            side: Side::X,
            trying: None,
            next,
            deadline: None,
        });
        self.lobbies[listener].legs += 2;
        let room = &mut self.rooms[x];
        self.deadlines.set(&mut room.deadline, None, Due::Room(x));
        room.leave_lobby(key);
        self.rooms[leg].follow(guest, key);
        self.try_next(now, key);
    }

    /// Tries the next worker, or gives up.
    fn try_next(&mut self, now: Moment, key: Key) {
        let handover = &mut self.handovers[key];
        let route = self.lobbies[handover.listener].route.as_mut();
        handover.trying = route.and_then(|route| route.next(now, &mut handover.next));
        if handover.trying.is_some() {
            return self.dial(now, key, Side::X);
        }
        let x = handover.legs[Side::X];
        self.end_handover(now, key, x, RoomEnd::All(CloseReason::NoWorker));
    }

    fn dial(&mut self, now: Moment, key: Key, side: Side) {
        let handover = &mut self.handovers[key];
        handover.side = side;
        let Some((candidate, _)) = &handover.trying else {
            return;
        };
        self.outputs.push_back(Output::Dial {
            client: self.rooms[handover.legs[side]].members.first(),
            to: candidate.address,
        });
        let patience = self.lobbies[handover.listener].patience();
        let deadline = patience.map(|patience| now + patience);
        self.deadlines
            .set(&mut handover.deadline, deadline, Due::Handover(key));
    }

    /// The connection that was dialed for this client has an id.
    pub(super) fn dialing(&mut self, id: ClientId, client: ClientId) {
        let leg = match self.place_of(client) {
            Some(At::Seat(leg, Side::X)) => leg,
            // Its client has gone meanwhile.
            _ => return self.hang_up(id),
        };
        self.rooms[leg].members.seat(id);
        self.clients.insert(id.slot(), At::Seat(leg, Side::Y));
        self.dialed += 1;
    }

    /// The system has no connection for this client.
    pub(super) fn not_dialed(&mut self, now: Moment, client: ClientId, for_want: bool) {
        if let Some(At::Seat(leg, Side::X)) = self.place_of(client)
            && let Some((handover, _)) = self.rooms[leg].handover()
        {
            let (why, blame) = match for_want {
                true => ("this system has no connection for it", Blame::Nobody),
                false => ("it can't be dialed", Blame::Worker),
            };
            self.attempt_failed(now, handover, why.into(), blame);
        }
    }

    /// The connection to the worker is there: the worker is told what is wanted of it.
    pub(super) fn dialed(&mut self, id: ClientId) {
        let At::Seat(leg, Side::Y) = self.find(id) else {
            return;
        };
        let Some((handover, guest)) = self.rooms[leg].handover() else {
            return;
        };
        let hello = forward::hello(&self.handovers[handover].name, guest.part);
        let route = self.lobbies[self.rooms[leg].listener()].route.as_ref();
        let header = route.and_then(|route| route.header(guest.peer));
        let words = [header.unwrap_or_default(), hello.into_bytes()].concat();
        self.outputs.push_back(Output::Send {
            to: id,
            payload: Payload::Text(words.into()),
        });
    }

    /// What a worker says to that. Answers how many of the bytes belonged to it.
    pub(super) fn hear_worker(&mut self, now: Moment, key: Key, leg: Key, bytes: &[u8]) -> usize {
        let handover = &self.handovers[key];
        // X's has its answer. What follows is what its room says, and waits.
        let answer = match handover.legs[handover.side] == leg {
            true => forward::answer(bytes, handover.side),
            false => Ok(None),
        };
        let taken = match &answer {
            Ok(length) => length.unwrap_or(0),
            Err(_) => bytes.len(),
        };
        if (1..BUFFER_FLOOR).contains(&(bytes.len() - taken)) {
            // Also behind the answer: if the worker sends X away, FIN is there. One that goes on speaking is not read for ever:
            // what is kept would have no bound.
            let worker = self.rooms[leg].members.second();
            self.outputs.extend(worker.map(Output::ReadOn));
        }
        match answer {
            Ok(None) => {}
            Ok(Some(length)) => {
                let worker = self.rooms[leg].members.second();
                let opening = |client| Output::Opening {
                    client,
                    bytes: length,
                };
                self.outputs.extend(worker.map(opening));
                self.seated(now, key);
            }
            Err(words) => {
                let route = self.lobbies[self.handovers[key].listener].route.as_ref();
                let knows_clients = route.is_some_and(|route| route.options.proxy);
                let blame = match forward::is_about_the_pair(&words, knows_clients) {
                    true => Blame::Nobody,
                    false => Blame::Worker,
                };
                self.attempt_failed(now, key, format!("it said {words:?}"), blame);
            }
        }
        taken
    }

    fn seated(&mut self, now: Moment, key: Key) {
        let Handover {
            side,
            listener,
            trying: Some((candidate, _)),
            ..
        } = &self.handovers[key]
        else {
            return;
        };
        if let Some(route) = &mut self.lobbies[*listener].route
            && route.worked(candidate.worker)
        {
            let worker = route.name(candidate.worker).into();
            self.outputs
                .push_back(Output::Note(Note::WorkerUp { worker }));
        }
        match side {
            Side::X => self.dial(now, key, Side::Y),
            Side::Y => self.handed_over(now, key),
        }
    }

    /// Both clients have their seats: from now on it is between each of them and the worker.
    fn handed_over(&mut self, now: Moment, key: Key) {
        let Handover {
            listener,
            legs,
            trying,
            ..
        } = self.end_attempts(key);
        let Some((candidate, lease)) = trying else {
            return;
        };
        self.rooms_opened += 1;
        let number = self.rooms_opened;
        let [x, y] = [Side::X, Side::Y].map(|side| {
            let leg = &mut self.rooms[legs[side]];
            leg.open_leg(side, number, now, Leg::new(Rc::clone(&lease)))
        });
        let lobby = &mut self.lobbies[listener];
        lobby.rooms += 1;
        let worker = lobby
            .route
            .as_ref()
            .map(|route| route.name(candidate.worker));
        let [first, second] = [Side::X, Side::Y].map(|side| self.rooms[legs[side]].members.first());
        self.outputs.push_back(Output::Note(Note::HandedOver {
            room: number,
            members: super::Members::two(first, second),
            worker: worker.unwrap_or_default().into(),
        }));
        for (leg, line) in [
            (legs[Side::X], x.ack.then(|| format!("OK X {}\n", y.peer))),
            (legs[Side::Y], y.ack.then(|| format!("OK Y {}\n", x.peer))),
        ] {
            self.run_in(now, leg, |service, actions| {
                if let Some(line) = line {
                    actions.send(Side::X, line.into_bytes());
                }
                service.open(actions);
            });
            if let Some(room) = self.rooms.get(leg) {
                room.resume_all(&mut self.outputs);
            }
            self.limit_quiet(leg, now);
        }
    }

    /// This worker did not take them in; perhaps another does.
    pub(super) fn attempt_failed(&mut self, now: Moment, key: Key, why: String, blame: Blame) {
        let Handover {
            listener,
            legs,
            trying,
            ..
        } = &mut self.handovers[key];
        let (listener, legs) = (*listener, *legs);
        if let Some((candidate, _)) = trying.take()
            && let Some(route) = &mut self.lobbies[listener].route
        {
            let worker = route.name(candidate.worker).into();
            let rest = match blame {
                Blame::Worker => route.failed(now, candidate),
                Blame::Nobody => None,
            };
            self.outputs
                .push_back(Output::Note(Note::WorkerFailed(Box::new(WorkerFailure {
                    worker,
                    address: candidate.address,
                    why,
                    rest,
                }))));
        }
        self.drop_connections(legs);
        self.try_next(now, key);
    }

    /// One of the two, or both, are not handed over.
    pub(super) fn end_handover(&mut self, now: Moment, key: Key, by: Key, end: RoomEnd) {
        let legs = self.end_attempts(key).legs;
        self.drop_connections(legs);
        for side in [Side::X, Side::Y] {
            let end = match end {
                RoomEnd::Lost(..) if legs[side] != by => RoomEnd::All(CloseReason::PartnerLost),
                end => end,
            };
            self.remove_room(now, legs[side], end);
        }
    }

    fn end_attempts(&mut self, key: Key) -> Handover {
        let mut handover = self.handovers.remove(key);
        self.deadlines
            .set(&mut handover.deadline, None, Due::Handover(key));
        handover
    }

    fn drop_connections(&mut self, legs: PerSide<Key>) {
        for side in [Side::X, Side::Y] {
            if let Some(id) = self.rooms[legs[side]].members.unseat() {
                self.clients.remove(id.slot());
                self.dialed -= 1;
                self.hang_up(id);
            }
        }
    }

    fn hang_up(&mut self, client: ClientId) {
        self.outputs.push_back(Output::Close {
            client,
            reason: CloseReason::NoWorker,
            ending: Ending::Reset,
        });
    }
}
