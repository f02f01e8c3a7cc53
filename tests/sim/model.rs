//! Who must meet whom where rooms have names: the same rules as the daemon's, said once more and as simply as possible.
//!
//! The order of events is the daemon's own: its ledger says when it had read an opening to its end, its log who has
//! gone since. What follows from that order is the model's.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::time::Duration;

use pairloop::limits::LONGEST_TURN;

use super::known::{Event, events};
use super::named_oracle::FULL;
use super::net::{Fault, Wire};
use super::notes::{self, PENALTY};
use super::opening::Wish;
use super::peer::Peer;
use super::setup::{Door, Service};
use super::world::World;

/// What has become of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Never accepted.
    Outside,
    /// Has come at this time, and not said its opening to the end.
    AtTheDoor(Duration),
    /// Its source has as many as it may.
    Full,
    /// Turned away with these words, at this time; `penalised` if its source had been, before.
    Refused {
        words: String,
        time: Duration,
        penalised: bool,
    },
    Waiting,
    /// Left the door, or the lobby if it was let in, for this reason.
    Gone {
        reason: String,
        time: Duration,
        waited: bool,
    },
    Paired(usize),
}

pub struct Model {
    pub fates: Vec<Fate>,
    /// In the order in which they came.
    waiting: Vec<usize>,
    /// Transit clients that must be sent away next, and why.
    leaving: BTreeMap<usize, &'static str>,
    /// Rooms that must be opened next.
    due: VecDeque<[usize; 2]>,
    /// Pairs for whom a worker is looked for.
    on_their_way: Vec<[usize; 2]>,
    /// Named rooms' clients of each source.
    sources: BTreeMap<IpAddr, u32>,
    most: Option<u32>,
    /// Failed logins of each source, and until when it is refused.
    failures: BTreeMap<IpAddr, u32>,
    penalties: BTreeMap<IpAddr, Duration>,
}

/// The partner of each client, as the log has it.
pub fn partners(world: &World, wire: &Wire) -> Vec<Option<usize>> {
    let mut partners = vec![None; world.peers.len()];
    for room in notes::rooms() {
        let [x, y] = [room.x, room.y].map(|number| find(world, wire, number));
        // In a worker's rooms are those whom it knows as clients.
        if let (Some(x), Some(y)) = (x, y) {
            partners[x] = Some(y);
            partners[y] = Some(x);
        }
    }
    partners
}

/// The peer whom the daemon knows by this number. A worker knows others by theirs.
fn find(world: &World, wire: &Wire, number: u64) -> Option<usize> {
    let is_it = |peer: &&Peer| wire.id(peer.socket).is_some_and(|id| id.number() == number);
    let peer = world.peers.iter().find(is_it);
    peer.map(|peer| peer.number)
}

impl Model {
    /// Goes through everything that has happened so far.
    pub fn replay(world: &World, wire: &Wire) -> Self {
        let mut model = Self {
            fates: vec![Fate::Outside; world.peers.len()],
            waiting: Vec::new(),
            leaving: BTreeMap::new(),
            due: VecDeque::new(),
            on_their_way: Vec::new(),
            sources: BTreeMap::new(),
            most: world.clients_per_source(),
            failures: BTreeMap::new(),
            penalties: BTreeMap::new(),
        };
        for event in events(world, wire) {
            match event {
                Event::LetIn(peer, time) => {
                    model.in_time(&world.peers[peer], time, world, wire);
                    model.stays_out(&world.peers[peer], time, world, wire);
                    model.let_in(&world.peers[peer], world);
                }
                Event::Said(peer) => model.says_more(&world.peers[peer]),
                Event::Noted(note) => model.hear(&note, world, wire),
            }
        }
        assert!(
            model.due.is_empty(),
            "these were not brought together: {:?}",
            model.due
        );
        assert!(
            model.leaving.is_empty(),
            "these were not sent away: {:?}",
            model.leaving
        );
        model
    }

    /// Where somebody waits, and so lacks a partner.
    pub fn waiting(&self, peers: &[Peer]) -> BTreeSet<(usize, Wish)> {
        let waiting = self.waiting.iter().map(|&peer| &peers[peer]);
        let waiting = waiting.filter_map(|peer| Some((peer.listener, peer.wish()?.clone())));
        waiting.collect()
    }

    /// The deadline is absolute: bytes that come one by one don't put it off. (A daemon that was stopped for a while
    /// looks once more before it judges.)
    fn in_time(&self, peer: &Peer, time: Duration, world: &World, wire: &Wire) {
        let was_paused = wire.faults.hits[Fault::Pause as usize] > 0;
        let Some(limit) = world.timeouts().hello.filter(|_| !was_paused) else {
            return;
        };
        if let Fate::AtTheDoor(since) = self.fates[peer.number] {
            let late = time.saturating_sub(since + limit);
            assert!(
                late <= LONGEST_TURN,
                "client {} was let in {late:?} late",
                peer.number
            );
        }
    }

    /// A source that is penalised stays out until that is over, those included who were at the door before.
    fn stays_out(&self, peer: &Peer, time: Duration, world: &World, wire: &Wire) {
        if !matches!(self.fates[peer.number], Fate::AtTheDoor(_)) {
            return;
        }
        let until = self.penalties.get(&wire.peer(peer.socket).ip());
        let was_paused = wire.faults.hits[Fault::Pause as usize] > 0;
        let users = world.lobbies()[peer.listener].door == Door::Login;
        assert!(
            was_paused || !users || until.is_none_or(|&until| time + LONGEST_TURN >= until),
            "client {} was let in before {until:?}",
            peer.number
        );
    }

    fn let_in(&mut self, peer: &Peer, world: &World) {
        if !matches!(self.fates[peer.number], Fate::AtTheDoor(_)) {
            return; // What is read from somebody who was turned away is thrown away.
        }
        let fits = |&other: &usize| world.peers[other].fits(peer);
        let Some(place) = self.waiting.iter().position(fits) else {
            self.waiting.push(peer.number);
            self.fates[peer.number] = Fate::Waiting;
            return;
        };
        let x = self.waiting.remove(place);
        match world.is_forwarded(peer) {
            true => self.on_their_way.push([x, peer.number]),
            false => self.due.push_back([x, peer.number]),
        }
        self.fates[x] = Fate::Paired(peer.number);
        self.fates[peer.number] = Fate::Paired(x);
        if peer.service == Service::Transit {
            let same_room = |other: &mut usize| world.peers[*other].wants_the_room_of(peer);
            let redundant = self.waiting.extract_if(.., same_room);
            self.leaving
                .extend(redundant.map(|other| (other, REDUNDANT)));
        }
    }

    /// A transit client that waits must not.
    fn says_more(&mut self, peer: &Peer) {
        if peer.service == Service::Transit && self.fates[peer.number] == Fate::Waiting {
            self.waiting.retain(|&waiting| waiting != peer.number);
            self.leaving.insert(peer.number, IMPATIENT);
        }
    }

    fn hear(&mut self, note: &notes::Note, world: &World, wire: &Wire) {
        if let Some((source, seconds)) = note.text.split_once(PENALTY) {
            return self.penalised(source, seconds, note.time);
        }
        let words: Vec<&str> = note.text.split(' ').collect();
        let number = |at: usize| {
            words
                .get(at)
                .and_then(|word| word.trim_end_matches(':').parse().ok())
        };
        let first = number(if words[0] == "room" { 3 } else { 1 });
        let peer = match first {
            Some(number) if words[2] != "over" => match find(world, wire, number) {
                Some(peer) => &world.peers[peer],
                None => return,
            },
            _ => return self.room_over(&note.text, world, wire),
        };
        if peer.opening.is_none() {
            return;
        }
        let source = wire.peer(peer.socket).ip();
        if words[0] == "room" {
            let y = number(5).and_then(|number| find(world, wire, number));
            let on_its_way = |pair: &[usize; 2]| pair[0] == peer.number;
            let pair = match self.on_their_way.iter().position(on_its_way) {
                Some(place) => Some(self.on_their_way.swap_remove(place)),
                None => self.due.pop_front(),
            };
            assert_eq!(
                pair.map(|[x, y]| (x, Some(y))),
                Some((peer.number, y)),
                "{}",
                note.text
            );
        } else if note.text.ends_with(" connected") {
            let clients = self.sources.entry(source).or_default();
            self.fates[peer.number] = match self.most {
                Some(most) if *clients >= most => Fate::Full,
                _ => Fate::AtTheDoor(note.time),
            };
            *clients += u32::from(self.fates[peer.number] != Fate::Full);
        } else {
            self.gone(peer, source, note, world);
        }
    }

    fn gone(&mut self, peer: &Peer, source: IpAddr, note: &notes::Note, world: &World) {
        if let Some((_, words)) = note.text.split_once(" refused: ") {
            let fate = &self.fates[peer.number];
            if *fate == Fate::Full {
                assert_eq!(words, FULL);
                return;
            }
            assert!(
                matches!(fate, Fate::AtTheDoor(_)),
                "{fate:?}: {}",
                note.text
            );
            let failed = words == WRONG || words == MALFORMED || words == NO_AUTH;
            *self.failures.entry(source).or_default() += u32::from(failed);
            self.leave(source);
            self.fates[peer.number] = Fate::Refused {
                words: words.to_owned(),
                time: note.time,
                penalised: self.penalties.contains_key(&source),
            };
        } else if let Some((_, reason)) = note.text.split_once("gone from the lobby: ") {
            self.leave(source);
            let on_its_way = matches!(self.fates[peer.number], Fate::Paired(_));
            assert!(!on_its_way || world.is_forwarded(peer), "{}", note.text);
            self.on_their_way
                .retain(|pair| !pair.contains(&peer.number));
            let waited = on_its_way || self.fates[peer.number] == Fate::Waiting;
            self.waiting.retain(|&waiting| waiting != peer.number);
            let due = self.leaving.remove(&peer.number);
            let told = [IMPATIENT, REDUNDANT].into_iter().find(|&r| r == reason);
            assert_eq!(due, told, "{}", note.text);
            let (reason, time) = (reason.to_owned(), note.time);
            self.fates[peer.number] = Fate::Gone {
                reason,
                time,
                waited,
            };
        }
    }

    fn penalised(&mut self, source: &str, seconds: &str, time: Duration) {
        let seconds = seconds.trim_end_matches(" s");
        let penalty = Duration::from_secs(seconds.parse().expect("so many seconds"));
        let source = source.parse().expect("a source");
        let failures = self.failures.get(&source);
        assert!(
            failures >= Some(&3),
            "{source} is penalised after {failures:?} more"
        );
        self.penalties.insert(source, time + penalty);
    }

    fn leave(&mut self, source: IpAddr) {
        let clients = self
            .sources
            .get_mut(&source)
            .expect("it came from somewhere");
        *clients -= 1;
    }

    fn room_over(&mut self, text: &str, world: &World, wire: &Wire) {
        let members = notes::members(text).into_iter();
        for peer in members.filter_map(|member| find(world, wire, member)) {
            let peer = &world.peers[peer];
            if peer.opening.is_some() {
                self.leave(wire.peer(peer.socket).ip());
            }
        }
    }
}

pub const IMPATIENT: &str = "did not wait for its partner";
pub const REDUNDANT: &str = "its partner has met another";
pub const PENALISED: &str = "too many failed logins from your address: try again later";
const WRONG: &str = "wrong user name or password";
const MALFORMED: &str = "not SCRAM-SHA-256 as it is spoken here";
const NO_AUTH: &str = "expected AUTH <base64>";
