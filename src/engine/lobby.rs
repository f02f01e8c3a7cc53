//! Where a listener's clients wait for their partners.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::greeting::{Code, Greeting, Part, Refusal};
use super::hello;
use super::route::{Candidate, Route};
use super::service::Factory;
use super::table::Key;
use super::{CloseReason, Counts, Meeting, Moment, Moods, Timeouts};
use crate::cidr::Cidr;
use crate::users::Users;

/// One listener's lobby. Those who fit together pair in the order in which they come.
pub(super) struct Lobby {
    factory: Factory,
    /// What its clients say first, if that is how they find their partners.
    pub greeting: Option<&'static Greeting>,
    pub timeouts: Timeouts,
    /// From where proxies speak for its clients, if they do. Then nobody else may come.
    pub proxies: Option<Vec<Cidr>>,
    /// Who may come in, if not everybody.
    pub users: Option<Arc<Users>>,
    /// The room whose first client takes whoever comes. There is one at most: the next to come is its second.
    anyone: Option<Key>,
    /// The others that have their first client and wait for their second.
    named: BTreeMap<Place, Key>,
    /// How many of those there have ever been.
    tickets: u64,
    /// The workers that its rooms live on, if they do.
    pub route: Option<Route>,
    /// Clients who are being handed over to a worker, or were.
    pub legs: usize,
    /// Clients who have not said which room they want.
    pub at_the_door: usize,
    /// The rooms that were completed in this lobby and still exist.
    pub rooms: usize,
    /// How the sessions of its clients have ended.
    pub moods: Moods,
}

/// Who comes in, and for what.
pub(super) struct Guest {
    /// When it connected.
    pub came: Moment,
    pub peer: SocketAddr,
    /// The room that it wants, where rooms have names.
    pub room: Option<Rc<str>>,
    pub part: Part,
    /// It wants to be told when its partner is there.
    pub ack: bool,
    /// It wants to be told when it is let in.
    pub seat: bool,
}

impl Guest {
    /// One that takes whoever comes.
    pub fn of_any_room(came: Moment, peer: SocketAddr) -> Self {
        Self {
            came,
            peer,
            room: None,
            part: Part::Role(None),
            ack: false,
            seat: false,
        }
    }
}

/// Why somebody who said hello waits no longer, if that is to be told.
pub(super) fn refusal(reason: CloseReason) -> Option<Refusal> {
    let (code, words) = match reason {
        CloseReason::WaitTimeout => (Code::Timeout, "no partner came in time"),
        CloseReason::Stopping => (Code::Closing, "the server stops"),
        CloseReason::NoWorker => (Code::Full, "no worker"),
        _ => return None,
    };
    Some(Refusal::new(code, words))
}

/// A place in the queue of those who want the same room and are the same in it. All of these wait for the same kind of
/// partner, so the first of them gets the next that comes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    room: Rc<str>,
    part: Part,
    ticket: u64,
}

impl Place {
    /// Where those begin who may fit in this room to whoever is this there.
    fn first_for(room: &Rc<str>, part: Part) -> Self {
        Self {
            room: Rc::clone(room),
            part: part.first_that_may_fit(),
            ticket: 0,
        }
    }
}

impl Lobby {
    pub fn new(factory: Factory, meeting: Meeting, timeouts: Timeouts) -> Self {
        let greeting = factory.kind.greeting.or(match meeting {
            Meeting::Arrival => None,
            Meeting::Named => Some(&hello::JOIN),
        });
        Self {
            route: factory.route.clone().map(Route::new),
            legs: 0,
            factory,
            greeting,
            timeouts,
            proxies: None,
            users: None,
            anyone: None,
            named: BTreeMap::new(),
            tickets: 0,
            at_the_door: 0,
            rooms: 0,
            moods: Moods::default(),
        }
    }

    /// The service of its rooms.
    pub fn service(&self) -> &'static str {
        self.factory.kind.name
    }

    pub fn factory(&self) -> &Factory {
        &self.factory
    }

    /// Takes the room that has waited longest for somebody like this guest.
    pub fn partner_for(&mut self, guest: &Guest) -> Option<Key> {
        let Some(room) = &guest.room else {
            return self.anyone.take();
        };
        let mut wanted = Place::first_for(room, guest.part);
        let (place, _) = self.named.range(&wanted..).next()?;
        if place.room != wanted.room || !guest.part.fits(place.part) {
            return None;
        }
        (wanted.part, wanted.ticket) = (place.part, place.ticket);
        self.named.remove(&wanted)
    }

    /// All who still wait in the room that this guest wanted, from the first on who might have fitted.
    pub fn waiting_like(&self, guest: &Guest) -> Vec<Key> {
        let Some(room) = &guest.room else {
            return Vec::new();
        };
        let waiting = self.named.range(Place::first_for(room, guest.part)..);
        let waiting = waiting.take_while(|(place, _)| place.room == *room);
        waiting.map(|(_, &key)| key).collect()
    }

    /// Lets a room wait for its second client.
    pub fn wait(&mut self, guest: &Guest, key: Key) -> Option<Place> {
        let Some(room) = &guest.room else {
            self.anyone = Some(key);
            return None;
        };
        self.tickets += 1;
        let place = Place {
            room: Rc::clone(room),
            part: guest.part,
            ticket: self.tickets,
        };
        self.named.insert(place.clone(), key);
        Some(place)
    }

    /// The room that waited there waits no longer.
    pub fn leave(&mut self, place: Option<&Place>) {
        match place {
            None => self.anyone = None,
            Some(place) => _ = self.named.remove(place),
        }
    }

    /// Where to try to put a room of this name.
    pub fn candidates(&self, now: Moment, room: Option<&str>) -> VecDeque<Candidate> {
        let route = self.route.as_ref();
        route.map_or_else(VecDeque::new, |route| route.candidates(now, room))
    }

    /// How long a worker has to take a client in.
    pub fn patience(&self) -> Option<Duration> {
        self.route.as_ref().map(|route| route.options.patience)
    }

    /// How those are answered that are not handed over.
    pub fn answers(&self) -> Option<&'static Greeting> {
        let lines = self.route.as_ref().is_some_and(|route| route.options.lines);
        self.greeting.or(lines.then_some(&hello::JOIN))
    }

    pub fn counts(&self) -> Counts {
        let waiting = usize::from(self.anyone.is_some()) + self.named.len();
        let seated = match self.route {
            Some(_) => self.legs,
            None => self.rooms * self.factory.kind.seats.len(),
        };
        let clients = self.at_the_door + waiting + seated;
        Counts {
            clients,
            waiting,
            rooms: self.rooms,
            moods: self.moods,
        }
    }

    /// The room that waits there.
    #[cfg(debug_assertions)]
    pub fn at(&self, place: Option<&Place>) -> Option<Key> {
        match place {
            None => self.anyone,
            Some(place) => self.named.get(place).copied(),
        }
    }
}
