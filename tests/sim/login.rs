//! Users, and the client's side of a login (RFC 5802), written a second time: the daemon's own must not vouch for itself.

use std::sync::{Arc, OnceLock};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use pairloop::engine::{Engine, ListenerId};
use pairloop::limits::MIN_ITERATIONS;
use pairloop::reactor::{Reload, Settings};
use pairloop::scram::Secret;
use pairloop::users::Users;
use sha2::{Digest, Sha256};

type Key = [u8; 32];

const SALT: &[u8] = b"salt of the sim.";

/// Who may log in, and with what.
const PEOPLE: [(&str, &str); 2] = [("alice", "looking glass"), ("bob", "hunter2")];

/// What a client tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Attempt {
    Right,
    WrongPassword,
    Nobody,
}

/// The users of all simulated listeners.
pub fn users() -> Arc<Users> {
    static USERS: OnceLock<Arc<Users>> = OnceLock::new();
    Arc::clone(USERS.get_or_init(|| Arc::new(read())))
}

fn read() -> Users {
    // Hashing takes a while, so it is done once.
    static TEXT: OnceLock<String> = OnceLock::new();
    let line = |(name, password)| {
        let secret = Secret::new(password, SALT, MIN_ITERATIONS).expect("it is a password");
        format!("{name}:{secret}\n")
    };
    let text = TEXT.get_or_init(|| PEOPLE.map(line).concat());
    Users::parse(text, [1; 32]).expect("its lines are users")
}

/// The users' file is read again. Its lines are the same, but nothing that is made from them.
pub struct Rereading {
    listeners: Vec<ListenerId>,
    /// How often the loop will ask before it is read.
    turns: u8,
}

impl Rereading {
    pub fn of(listeners: Vec<ListenerId>) -> Self {
        Self {
            listeners,
            turns: 0,
        }
    }
}

impl Reload for Rereading {
    fn begin(&mut self) {
        self.turns = 3;
    }

    fn is_reading(&self) -> bool {
        self.turns > 0
    }

    fn take_over(&mut self, engine: &mut Engine, _settings: &mut Settings) {
        self.turns -= 1;
        if self.turns == 0 {
            for &listener in &self.listeners {
                engine.set_users(listener, Arc::new(read()));
            }
        }
    }
}

/// What the password of this one hashes to.
fn salted(person: usize) -> Key {
    static KEYS: OnceLock<[Key; PEOPLE.len()]> = OnceLock::new();
    let hash = |(_, password): (&str, &str)| {
        pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password.as_bytes(), SALT, MIN_ITERATIONS)
    };
    KEYS.get_or_init(|| PEOPLE.map(hash))[person]
}

fn hmac(key: &[u8], text: &[u8]) -> Key {
    let mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    mac.chain_update(text).finalize().into_bytes().into()
}

/// One client's login.
pub struct Login {
    attempt: Attempt,
    bare: String,
    nonce: String,
    salted: Key,
    /// What the server must sign; `None` until it has said its first message.
    signature: Option<Key>,
}

impl Login {
    pub fn new(attempt: Attempt, client: usize) -> Self {
        let person = client % PEOPLE.len();
        let nonce = format!("nonce-{client}");
        let name = match attempt {
            Attempt::Nobody => "mallory",
            _ => PEOPLE[person].0,
        };
        Self {
            attempt,
            bare: format!("n={name},r={nonce}"),
            nonce,
            salted: match attempt {
                Attempt::Right => salted(person),
                _ => [9; 32],
            },
            signature: None,
        }
    }

    /// client-first in base64
    pub fn first(&self) -> String {
        BASE64_STANDARD.encode(format!("n,,{}", self.bare))
    }

    /// Takes a line of the daemon behind its `AUTH `, and answers client-final in base64 if that is due.
    pub fn hear(&mut self, line: &str) -> Option<String> {
        let message = BASE64_STANDARD.decode(line).expect("AUTH brings base64");
        let message = String::from_utf8(message).expect("SCRAM is text");
        if let Some(signature) = &self.signature {
            assert_eq!(self.attempt, Attempt::Right, "it was let in: {message}");
            let expected = format!("v={}", BASE64_STANDARD.encode(signature));
            assert_eq!(message, expected, "the server's signature");
            return None;
        }
        let (nonce, rest) = message.split_once(",s=").expect("server-first");
        let nonce = nonce.strip_prefix("r=").expect("a nonce");
        assert!(nonce.starts_with(&self.nonce) && nonce != self.nonce);
        let (salt, iterations) = rest.split_once(",i=").expect("iterations");
        assert_eq!(iterations, MIN_ITERATIONS.to_string());
        if self.attempt != Attempt::Nobody {
            assert_eq!(salt, BASE64_STANDARD.encode(SALT));
        }
        let without_proof = format!("c=biws,r={nonce}");
        let signed = format!("{},{message},{without_proof}", self.bare);
        let client_key = hmac(&self.salted, b"Client Key");
        let stored_key: Key = Sha256::digest(client_key).into();
        let mask = hmac(&stored_key, signed.as_bytes());
        let proof: Key = std::array::from_fn(|at| client_key[at] ^ mask[at]);
        let server_key = hmac(&self.salted, b"Server Key");
        self.signature = Some(hmac(&server_key, signed.as_bytes()));
        let proof = BASE64_STANDARD.encode(proof);
        Some(BASE64_STANDARD.encode(format!("{without_proof},p={proof}")))
    }
}
