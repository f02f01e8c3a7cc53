//! Clients who come through proxies: first is said who they are, and what they say themselves stands behind that.

use super::door::{Door, FULL, Stage};
use super::greeting::{Code, Refusal};
use super::lobby::Guest;
use super::login::PENALISED;
use super::proxy::{self, Header};
use super::table::Key;
use super::{Engine, ListenerId, Moment, Note, Output, Source};
use crate::cidr::Cidr;

pub(super) const UNTRUSTED: Refusal =
    Refusal::new(Code::Hello, "not a proxy that is trusted here (trust=CIDR)");

impl Engine {
    /// Lets only proxies in by this listener that are in one of these networks, and believes them who their clients are.
    pub fn set_proxies(&mut self, listener: ListenerId, trusted: Vec<Cidr>) {
        self.lobbies[listener].proxies = Some(trusted);
    }

    /// Whoever speaks at this door says for whom. Answers how many of the bytes belonged to that.
    pub(super) fn hear_header(&mut self, now: Moment, key: Key, bytes: &[u8]) -> usize {
        match proxy::read(bytes) {
            Ok(None) => {
                let client = self.doors[key].client;
                self.outputs.push_back(Output::ReadOn(client));
                0
            }
            Ok(Some((header, length))) => {
                self.outputs.push_back(Output::Opening {
                    client: self.doors[key].client,
                    bytes: length,
                });
                self.introduced(now, key, header);
                length
            }
            Err(refusal) => {
                self.turn_away(now, key, refusal);
                bytes.len()
            }
        }
    }

    /// From here on the client is who the header says, as if it had come from there.
    fn introduced(&mut self, now: Moment, key: Key, header: Header) {
        let door = &mut self.doors[key];
        let client = door.client;
        if let Header::Client(peer) = header {
            door.peer = peer;
            self.outputs
                .push_back(Output::Note(Note::SpeaksFor { client, peer }));
        }
        let has_greeting = self.lobbies[door.listener].greeting.is_some();
        door.stage = match has_greeting {
            true => Stage::Hello,
            false => Stage::FirstByte,
        };
        let source = Source::from(door.peer.ip());
        if !self.sources.enter(client.slot(), source) {
            self.turn_away(now, key, FULL);
        } else if self.is_penalised(now, &self.doors[key]) {
            self.turn_away(now, key, PENALISED);
        } else if has_greeting || header == Header::Local {
            // What stands behind the header.
            self.outputs.push_back(Output::Resume(client));
        } else {
            self.let_in_anywhere(now, key);
        }
    }

    /// It wants no certain room. Whatever it says is its stream, and none of that is taken here.
    pub(super) fn let_in_anywhere(&mut self, now: Moment, key: Key) -> usize {
        let Door { came, peer, .. } = self.doors[key];
        self.let_in(now, key, Guest::of_any_room(came, peer));
        0
    }
}
