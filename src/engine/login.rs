//! Logging in at the door (RFC 5802): what the listener's users may do, and what it costs to fail.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::door::{Door, Stage};
use super::greeting::{Code, Heard, Refusal};
use super::hello::auth;
use super::lobby::Guest;
use super::table::Key;
use super::{Engine, ListenerId, Moment, Note, Output, Payload, Source};
use crate::scram::server::Exchange;
use crate::scram::{self, hmac};
use crate::users::Users;

/// A login of which the proof is still to come.
pub(super) struct Login {
    exchange: Exchange,
    /// Who is let in then.
    guest: Guest,
}

/// Where the server's nonces come from: nobody who does not know the key can foresee them.
#[derive(Default)]
pub(super) struct Nonces {
    key: [u8; 32],
    given: u64,
}

impl Nonces {
    pub fn of(key: [u8; 32]) -> Self {
        Self { key, given: 0 }
    }

    fn next(&mut self) -> String {
        BASE64_STANDARD.encode(&self.draw()[..18])
    }

    /// The same in letters and digits, for names of rooms.
    pub fn tag(&mut self) -> String {
        let nonce = self.draw();
        nonce[..8]
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }

    fn draw(&mut self) -> [u8; 32] {
        self.given += 1;
        hmac(&self.key, &self.given.to_be_bytes())
    }
}

const LOGIN_WANTED: Refusal = Refusal::new(
    Code::Auth,
    "only users come in here: JOIN <room> scram=<base64>, or pairloop's --user",
);
const NO_LOGIN_HERE: Refusal = Refusal::new(Code::Auth, "nobody logs in here");
const WRONG: Refusal = Refusal::new(Code::Auth, "wrong user name or password");
const MALFORMED: Refusal = Refusal::new(Code::Auth, "not SCRAM-SHA-256 as it is spoken here");
pub(super) const PENALISED: Refusal = Refusal::new(
    Code::Auth,
    "too many failed logins from your address: try again later",
);

impl Engine {
    /// Lets only these in by a listener with named rooms, from now on.
    pub fn set_users(&mut self, listener: ListenerId, users: Arc<Users>) {
        self.lobbies[listener].users = Some(users);
    }

    /// Whether whoever comes from there has failed too often here.
    pub(super) fn is_penalised(&self, now: Moment, door: &Door) -> bool {
        let source = Source::from(door.peer.ip());
        self.lobbies[door.listener].users.is_some() && self.sources.is_penalised(now, source)
    }

    /// A guest has said hello, and perhaps the first words of a login.
    pub(super) fn identify(&mut self, now: Moment, key: Key, guest: Guest, first: Option<&str>) {
        let users = self.lobbies[self.doors[key].listener].users.clone();
        match (users, first) {
            (None, None) => self.let_in(now, key, guest),
            (None, Some(_)) => self.turn_away(now, key, NO_LOGIN_HERE),
            (Some(_), None) => self.turn_away(now, key, LOGIN_WANTED),
            // It came before the penalty did, like others that may begin together to try one password each.
            (Some(_), Some(_)) if self.is_penalised(now, &self.doors[key]) => {
                self.turn_away(now, key, PENALISED)
            }
            (Some(users), Some(first)) => {
                let nonce = self.nonces.next();
                let begun = decoded(first).and_then(|message| {
                    Exchange::begin(&message, &nonce, |name| users.secret(name)).ok()
                });
                let Some((exchange, server_first)) = begun else {
                    return self.login_failed(now, key, MALFORMED);
                };
                self.answer(key, &server_first);
                let login = Login { exchange, guest };
                self.doors[key].stage = Stage::Login(Box::new(login));
            }
        }
    }

    /// The second part of a login. Answers how many of the bytes belonged to it.
    pub(super) fn hear_proof(&mut self, now: Moment, key: Key, bytes: &[u8]) -> usize {
        let heard: Heard<&str> = auth(bytes);
        let (message, length) = match heard {
            Ok(Some(heard)) => heard,
            Ok(None) => {
                self.outputs
                    .push_back(Output::ReadOn(self.doors[key].client));
                return 0;
            }
            Err(refusal) => {
                self.login_failed(now, key, refusal);
                return bytes.len();
            }
        };
        self.outputs.push_back(Output::Opening {
            client: self.doors[key].client,
            bytes: length,
        });
        if self.is_penalised(now, &self.doors[key]) {
            self.turn_away(now, key, PENALISED);
            return length;
        }
        let door = &mut self.doors[key];
        let Stage::Login(login) = std::mem::replace(&mut door.stage, Stage::Hello) else {
            unreachable!("a login has begun");
        };
        let Login { exchange, guest } = *login;
        let users = self.lobbies[door.listener].users.as_ref();
        let users = users.expect("users are replaced, never taken away");
        let name = exchange.name().to_owned();
        let find = |name: &str| users.secret(name);
        let finished = decoded(message).map(|message| exchange.finish(&message, find));
        match finished {
            Some(Ok(server_final)) => {
                self.answer(key, &server_final);
                let client = self.doors[key].client;
                self.outputs
                    .push_back(Output::Note(Note::LoggedIn { client, name }));
                self.let_in(now, key, guest);
            }
            Some(Err(scram::Refusal::Credentials)) => self.login_failed(now, key, WRONG),
            Some(Err(_)) | None => self.login_failed(now, key, MALFORMED),
        }
        length
    }

    fn answer(&mut self, key: Key, message: &str) {
        let line = format!("AUTH {}\n", BASE64_STANDARD.encode(message));
        self.outputs.push_back(Output::Send {
            to: self.doors[key].client,
            payload: Payload::Text(line.into_bytes().into()),
        });
        // Whatever has already come behind the line.
        self.outputs
            .push_back(Output::Resume(self.doors[key].client));
    }

    fn login_failed(&mut self, now: Moment, key: Key, refusal: Refusal) {
        let source = Source::from(self.doors[key].peer.ip());
        if let Some(time) = self.sources.penalise(now, source) {
            self.outputs
                .push_back(Output::Note(Note::Penalised { source, time }));
        }
        self.turn_away(now, key, refusal);
    }
}

fn decoded(message: &str) -> Option<Vec<u8>> {
    BASE64_STANDARD.decode(message).ok()
}
