//! Every client that was let in, or was not, is in one session, and its mood, bytes and times are those that the log and
//! the ledger speak of. A main server's room is the session of X and its connection to the worker; Y is in none. On the
//! worker it is one more, of the two connections that came from there.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use pairloop::engine::{CloseReason, Mood, Moods, Session};
use pairloop::reactor::{Statistics, Usage};

use super::forward::SEATED;
use super::model::{Fate, Model};
use super::net::{SocketId, Way, Wire};
use super::notes::{self, Note};
use super::world::World;

/// Keeps all sessions, with their bytes.
#[derive(Clone, Default)]
pub struct Sessions(Rc<RefCell<Vec<(Session, u64)>>>);

impl Usage for Sessions {
    fn record(&mut self, session: &Session, bytes: u64) {
        self.0.borrow_mut().push((*session, bytes));
    }

    fn lost(&self) -> u64 {
        0
    }
}

/// What the log says of somebody's end.
struct Said {
    mood: Mood,
    /// Everybody whom it concerns.
    members: Vec<u64>,
    /// How many bytes they have sent each other.
    bytes: u64,
    /// How far the ledger was then.
    place: usize,
}

impl Sessions {
    /// Panics at the first thing that is wrong. Answers how many there were of each mood.
    pub fn judge(&self, world: &World, wire: &Wire, statistics: &Statistics) -> Moods {
        let told = said(&Model::replay(world, wire), world, wire);
        let mut moods = Moods::default();
        let mut seen = BTreeMap::new();
        for (session, bytes) in self.0.borrow().iter() {
            moods.count(session.mood);
            let members: Vec<u64> = session.members.iter().map(|(_, id)| id.number()).collect();
            for &member in &members {
                assert_eq!(seen.insert(member, session.mood), None, "client {member}");
            }
            let pair = session.mood.had_a_room() && members.len() == 2;
            assert_eq!(session.waited.is_some(), pair, "{session:?}");
            assert!(session.waited <= Some(session.lasted), "{session:?}");
            // The log has no words for those who came once the stop had begun.
            let Some(said) = told.get(&members[0]) else {
                assert!(world.stopped.is_some(), "{session:?} is not in the log");
                assert_eq!((session.mood, *bytes), (Mood::Empty, 0), "{session:?}");
                continue;
            };
            let heard = (session.mood, &members, *bytes);
            assert_eq!(heard, (said.mood, &said.members, said.bytes));
            if session.mood.had_a_room() {
                bytes_are_those_that_were_sent(said, world, wire);
            }
        }
        let followers = followers();
        let clients = world.peers.iter().filter_map(|peer| wire.id(peer.socket));
        for id in clients.chain(wire.accepted_ends()) {
            let has_one = seen.remove(&id.number()).is_some();
            assert_eq!(has_one, !followers.contains(&id.number()), "{id}");
        }
        let legs = notes::legs().into_iter();
        for (client, dialed) in legs.filter(|(client, _)| !followers.contains(client)) {
            assert!(
                seen.remove(&dialed).is_some(),
                "client {client}'s is missing"
            );
        }
        assert!(seen.is_empty(), "sessions of nobody: {seen:?}");
        let mut counted = Moods::default();
        let services = statistics.services.iter();
        services.for_each(|service| counted.add(service.counts.moods));
        assert_eq!(counted, moods, "what is counted is what is told");
        moods
    }
}

/// Each Y of a main server's rooms.
fn followers() -> BTreeSet<u64> {
    let rooms = notes::rooms().into_iter();
    let handed_over = rooms.filter(|room| room.handed_over);
    handed_over.map(|room| room.y).collect()
}

/// What must be said of each client, by the first of those who are together.
fn said(model: &Model, world: &World, wire: &Wire) -> BTreeMap<u64, Said> {
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let followers = followers();
    let mut all = BTreeMap::new();
    for Note { place, text, .. } in notes::all() {
        let (mut bytes, mut members) = (0, Vec::new());
        let mood = if text.starts_with("room ") && text.contains(": over after ") {
            let mut parts = text.split("; ");
            let head = parts.next().expect("there is a first part");
            for part in parts {
                let (sent, client) = part.split_once(" bytes from client ").expect(part);
                bytes += number(sent);
                members.push(number(client));
            }
            if followers.contains(&members[0]) {
                continue;
            }
            match head.ends_with(&format!(": {}", CloseReason::Done)) {
                true => Mood::Happy,
                false => Mood::Jilted,
            }
        } else {
            let Some((client, rest)) = text.split_once(": ") else {
                continue;
            };
            let Some(client) = client.strip_prefix("client ").map(number) else {
                continue;
            };
            members.push(client);
            if let Some((_, words)) = rest.split_once(" refused: ") {
                of_refusal(words)
            } else if let Some(reason) = rest.strip_prefix("gone from the lobby: ") {
                of_leaving(reason, was_let_in(client, place, model, world, wire))
            } else {
                continue;
            }
        };
        let said = Said {
            mood,
            members,
            bytes,
            place,
        };
        let before = all.insert(said.members[0], said);
        assert!(before.is_none(), "the log ends it twice: {text}");
    }
    all
}

fn of_refusal(words: &str) -> Mood {
    match words {
        "no hello came in time" | "the server stops" | "the hello has no end" => Mood::Empty,
        _ => Mood::Errory,
    }
}

/// Whether this client, which had left when the ledger was so long, had said what it wanted.
fn was_let_in(client: u64, place: usize, model: &Model, world: &World, wire: &Wire) -> bool {
    let socket = socket(client, wire);
    let Some(peer) = world.peers.get(socket) else {
        let read = read(&[socket], place, wire);
        return wire.hello_to(socket).is_some_and(|hello| read >= hello);
    };
    let fate = &model.fates[peer.number];
    peer.opening.is_none() || !matches!(fate, Fate::Gone { waited: false, .. })
}

/// That of a client who had, or had not, been let in.
fn of_leaving(reason: &str, let_in: bool) -> Mood {
    let is = |of: CloseReason| reason == of.to_string();
    match let_in {
        false => Mood::Empty,
        _ if is(CloseReason::Impatient) => Mood::Impatient,
        _ if is(CloseReason::Redundant) => Mood::Redundant,
        _ => Mood::Lonely,
    }
}

/// Where the ledger says what was read, it is that, less the openings; where it does not, what honest clients sent.
fn bytes_are_those_that_were_sent(said: &Said, world: &World, wire: &Wire) {
    let sockets = said.members.iter().map(|&member| socket(member, wire));
    let sockets: Vec<SocketId> = sockets.collect();
    let sent = if sockets.iter().all(|&socket| wire.is_watched(socket)) {
        let openings = sockets.iter().map(|&socket| opening(socket, world, wire));
        (read(&sockets, said.place, wire) - openings.sum::<usize>()) as u64
    } else if said.mood == Mood::Happy {
        sockets.iter().map(|&socket| world.peers[socket].sent).sum()
    } else {
        return;
    };
    assert_eq!(said.bytes, sent, "clients {:?}", said.members);
}

/// How many bytes had been read from these sockets when the ledger was so long.
fn read(sockets: &[SocketId], place: usize, wire: &Wire) -> usize {
    let read = wire.ledger[..place]
        .iter()
        .filter(|entry| entry.way == Way::Read);
    let theirs = read.filter(|entry| sockets.contains(&entry.socket));
    theirs.map(|entry| entry.bytes).sum()
}

/// How much of what this one said was no part of the stream: a client's opening, a main server's, or a worker's answer.
fn opening(socket: SocketId, world: &World, wire: &Wire) -> usize {
    match world.peers.get(socket) {
        Some(peer) => peer
            .opening
            .as_ref()
            .map_or(0, |opening| opening.text.len()),
        None if wire.is_accepted(socket) => wire.hello_to(socket).expect("it was let in"),
        None => SEATED.len(),
    }
}

fn socket(number: u64, wire: &Wire) -> SocketId {
    let socket = wire.known_as(number);
    socket.expect("whoever has a number is there")
}
