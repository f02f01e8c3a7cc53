//! Every client that was let in, or was not, is in one session, and its mood, bytes and times are those that the log and
//! the ledger speak of.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use pairloop::engine::{CloseReason, Mood, Moods, Session};
use pairloop::reactor::{Statistics, Usage};

use super::model::{Fate, Model};
use super::net::{Way, Wire};
use super::notes;
use super::peer::Peer;
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
        let accepted = world.peers.iter().filter_map(|peer| wire.id(peer.socket));
        for id in accepted {
            assert!(seen.remove(&id.number()).is_some(), "{id} is in no session");
        }
        assert!(seen.is_empty(), "sessions of nobody: {seen:?}");
        let mut counted = Moods::default();
        let services = statistics.services.iter();
        services.for_each(|service| counted.add(service.counts.moods));
        assert_eq!(counted, moods, "what is counted is what is told");
        moods
    }
}

/// What must be said of each client, by the first of those who are together.
fn said(model: &Model, world: &World, wire: &Wire) -> BTreeMap<u64, Said> {
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let mut all = BTreeMap::new();
    for note in notes::all() {
        let (place, text) = (note.place, note.text);
        let (mut bytes, mut members) = (0, Vec::new());
        let mood = if text.starts_with("room ") && text.contains(": over after ") {
            let mut parts = text.split("; ");
            let head = parts.next().expect("there is a first part");
            for part in parts {
                let (sent, client) = part.split_once(" bytes from client ").expect(part);
                bytes += number(sent);
                members.push(number(client));
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
                let peer = peer(client, world, wire);
                let fate = peer.opening.as_ref().map(|_| &model.fates[peer.number]);
                of_leaving(reason, fate)
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

/// That of a client who had, or had not, been let in.
fn of_leaving(reason: &str, fate: Option<&Fate>) -> Mood {
    let is = |of: CloseReason| reason == of.to_string();
    match fate {
        Some(Fate::Gone { waited: false, .. }) => Mood::Empty,
        _ if is(CloseReason::Impatient) => Mood::Impatient,
        _ if is(CloseReason::Redundant) => Mood::Redundant,
        _ => Mood::Lonely,
    }
}

/// Where the ledger says what was read, it is that, less the openings; where it does not, what honest clients sent.
fn bytes_are_those_that_were_sent(said: &Said, world: &World, wire: &Wire) {
    let peers = said.members.iter().map(|&member| peer(member, world, wire));
    let peers: Vec<&Peer> = peers.collect();
    let lobby = world.lobbies()[peers[0].listener];
    let watched = lobby.is_named() || !lobby.service.is_raw();
    let sent: u64 = match watched {
        true => {
            let ledger = &wire.ledger[..said.place];
            let ours = |socket| peers.iter().any(|peer| peer.socket == socket);
            let read = ledger.iter().filter(|entry| entry.way == Way::Read);
            let read = read.filter(|entry| ours(entry.socket));
            let openings = peers.iter().filter_map(|peer| peer.opening.as_ref());
            let openings: usize = openings.map(|opening| opening.text.len()).sum();
            read.map(|entry| entry.bytes).sum::<usize>() as u64 - openings as u64
        }
        false if said.mood == Mood::Happy => peers.iter().map(|peer| peer.sent).sum(),
        false => return,
    };
    assert_eq!(said.bytes, sent, "clients {:?}", said.members);
}

fn peer<'a>(number: u64, world: &'a World, wire: &Wire) -> &'a Peer {
    let is_it = |peer: &&Peer| wire.id(peer.socket).is_some_and(|id| id.number() == number);
    let peer = world.peers.iter().find(is_it);
    peer.expect("whoever has a number is there")
}
