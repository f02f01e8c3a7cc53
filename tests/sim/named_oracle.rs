//! What must be true of those who had to say which room they want.

use pairloop::limits::LONGEST_TURN;

use super::chat_oracle::WELCOME;
use super::lines::{Lines, Pair};
use super::model::{Fate, IMPATIENT, Model, PENALISED, REDUNDANT};
use super::net::{End, Wire};
use super::opening::{Opening, Verdict};
use super::peer::Peer;
use super::setup::{Door, Service};
use super::transit;
use super::world::World;

const NO_HELLO: &str = "no hello came in time";
const HALF_A_HELLO: &str = "the hello has no end";
const CLOSING: &str = "the server stops";
const NOBODY: &str = "no partner came in time";
const LEFT: &str = "left without a word";
const NO_WORKER: &str = "no worker took its room";
const EMPTY: &str = "the message is empty";
pub const FULL: &str = "your address has as many clients here as it may";

pub struct NamedOracle<'a> {
    world: &'a World,
    wire: &'a Wire,
    lines: &'a Lines<'a>,
    model: Model,
}

impl<'a> NamedOracle<'a> {
    pub fn new(world: &'a World, wire: &'a Wire, lines: &'a Lines<'a>) -> Self {
        Self {
            world,
            wire,
            lines,
            model: Model::replay(world, wire),
        }
    }

    pub fn judge(&self) {
        for peer in &self.world.peers {
            if let Some(opening) = &peer.opening {
                self.fate(peer, opening);
                self.introduction(peer, opening);
                self.last_words(peer, opening);
            }
        }
    }

    /// Whoever is right is let in, and nobody else; and whoever is turned away is so for its own reason.
    fn fate(&self, peer: &Peer, opening: &Opening) {
        let is_fine = match &self.model.fates[peer.number] {
            Fate::Outside | Fate::Full => true,
            Fate::AtTheDoor(_) => self.world.stopped.is_some(),
            Fate::Waiting => self.world.stopped.is_some() && opening.verdict == Verdict::LetIn,
            Fate::Paired(_) => opening.verdict == Verdict::LetIn,
            Fate::Refused {
                words,
                time,
                penalised,
            } => match words.as_str() {
                NO_HELLO => {
                    let limit = self.world.timeouts().hello;
                    limit.is_some_and(|limit| *time + LONGEST_TURN >= peer.connected + limit)
                }
                HALF_A_HELLO => peer.sent_fin && !opening.is_said(),
                CLOSING => self.world.stopped.is_some_and(|at| *time >= at),
                PENALISED => *penalised && self.door(peer) == Door::Login,
                _ => matches!(opening.verdict, Verdict::Refused(_)),
            },
            Fate::Gone {
                reason,
                time,
                waited,
            } => match reason.as_str() {
                // The model has seen to it that they were.
                IMPATIENT | REDUNDANT => true,
                LEFT => peer.sent_fin && (!waited || peer.sent == 0),
                "connection reset" | "network timeout" => peer.gone.is_some(),
                NOBODY => {
                    let limit = self.world.timeouts().wait;
                    limit.is_some_and(|limit| *time + LONGEST_TURN >= peer.connected + limit)
                }
                "server stopping" | "cut off by the stop" => self.world.stopped.is_some(),
                NO_WORKER => self.world.is_forwarded(peer),
                // Its partner left before they were handed over.
                "partner lost" => self.world.is_forwarded(peer),
                "system error" => self.wire.is_struck(peer.socket),
                "did not take its bytes" => true,
                _ => false,
            },
        };
        assert!(is_fine, "{}", self.describe(peer, opening));
    }

    /// Those who asked are told of their partner, once and before anything else of it; nobody else is.
    fn introduction(&self, peer: &Peer, opening: &Opening) {
        let expected = self.rooms().find_map(|room| room.ok(peer, self.wire));
        let is_welcomed = expected.as_ref().is_some_and(|ok| ok.starts_with("OK X"))
            && matches!(peer.service, Service::Chat { .. })
            && !self.world.is_forwarded(peer);
        let before = if is_welcomed { WELCOME.len() } else { 0 };
        let hears_more = peer.inbox.received > 0 || peer.heard.len() > before;
        let is_fine = match (&opening.heard.ok, expected) {
            (Some((ok, place)), Some(expected)) => *ok == expected && *place == before,
            (Some(_), None) => false,
            (None, Some(_)) => !hears_more && peer.end != Some(End::Fin),
            (None, None) => true,
        };
        assert!(is_fine, "not introduced: {}", self.describe(peer, opening));
    }

    /// Those who get no partner are told why, if there is a reason, and nothing else.
    fn last_words(&self, peer: &Peer, opening: &Opening) {
        let fate = &self.model.fates[peer.number];
        let is_raw = peer.service.is_raw();
        if matches!(fate, Fate::Paired(_)) {
            let error = &opening.heard.error;
            return assert!(error.is_empty(), "{}", self.describe(peer, opening));
        }
        let seated = matches!(fate, Fate::Waiting | Fate::Gone { waited: true, .. });
        let welcome = match peer.service {
            Service::Chat { .. } if seated && !self.world.is_forwarded(peer) => WELCOME,
            _ => b"",
        };
        let error = match fate {
            Fate::Full => Some(("full", FULL)),
            Fate::Refused { words, .. } => Some((self.code(words, opening), words.as_str())),
            Fate::Gone {
                reason,
                waited: true,
                ..
            } => match reason.as_str() {
                NOBODY => Some(("timeout", NOBODY)),
                NO_WORKER => Some(("full", "no worker")),
                "server stopping" => Some(("closing", CLOSING)),
                LEFT if matches!(peer.service, Service::Order { .. })
                    && !self.world.is_forwarded(peer) =>
                {
                    Some(("room", EMPTY))
                }
                _ => None,
            },
            _ => None,
        };
        let is_transit = opening.is_transit();
        let words = match error {
            _ if is_transit => transit::last_words(fate, &opening.text).to_vec(),
            Some((code, words)) => format!("ERR {code} {words}\n").into_bytes(),
            None => Vec::new(),
        };
        let expected = [welcome, &words].concat();
        let heard = [&opening.heard.error[..], &peer.heard].concat();
        let is_whole = heard == expected;
        let may_be_cut = peer.end != Some(End::Fin) && !self.must_hear(peer);
        assert!(
            is_whole || (may_be_cut && expected.starts_with(&heard)),
            "it heard {:?} rather than {:?}: {}",
            String::from_utf8_lossy(&heard),
            String::from_utf8_lossy(&expected),
            self.describe(peer, opening)
        );
        // A stream of raw bytes that is let in and then broken off ends with RST, everything else with FIN.
        let end = match error {
            Some(_) if is_raw && seated => End::Reset,
            Some(("full", _)) if is_transit => End::Reset,
            _ => End::Fin,
        };
        let ends_well = (error.is_none() && !is_transit) || peer.end == Some(end);
        assert!(
            ends_well || !self.must_hear(peer),
            "{}",
            self.describe(peer, opening)
        );
    }

    /// Whether nothing but the daemon can be to blame if it does not hear everything.
    fn must_hear(&self, peer: &Peer) -> bool {
        peer.plan.kind.is_well_behaved()
            && peer.gone.is_none()
            && peer.end.is_some()
            && !self.wire.is_struck(peer.socket)
            && self.world.stopped.is_none()
            && !matches!(self.model.fates[peer.number], Fate::Outside)
    }

    fn code(&self, words: &str, opening: &Opening) -> &'static str {
        match (words, opening.verdict) {
            (NO_HELLO, _) => "timeout",
            (HALF_A_HELLO, _) => "hello",
            (CLOSING, _) => "closing",
            (PENALISED, _) => "auth",
            (_, Verdict::Refused(code)) => code,
            _ => "no reason",
        }
    }

    fn rooms(&self) -> impl Iterator<Item = &Pair<'a>> {
        self.lines.rooms.iter()
    }

    fn door(&self, peer: &Peer) -> Door {
        self.world.lobbies()[peer.listener].door
    }

    fn describe(&self, peer: &Peer, opening: &Opening) -> String {
        format!(
            "client {} ({:?} from {} as {:?} at {:?} {}, {:?}, {:?}, sent {} of {:?} and {} bytes, {:?}): {:?}, then {:?} at {:?}",
            peer.number,
            peer.plan.kind,
            self.wire.peer(peer.socket),
            self.wire.id(peer.socket),
            peer.service,
            peer.listener,
            opening.wish,
            opening.verdict,
            opening.sent,
            String::from_utf8_lossy(&opening.text),
            peer.sent,
            peer.gone,
            self.model.fates[peer.number],
            peer.end,
            peer.ended,
        )
    }
}
