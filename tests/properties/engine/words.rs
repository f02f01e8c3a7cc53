//! What clients and workers say.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use pairloop::engine::proxy::header_v2;
use pairloop::scram::client::Exchange;

use super::script::Script;

const TOKEN: &str = "0123456789abcdef0123456789ABCDEF_123456789abcdef0123456789ghijkZ";

const LINES: [&[u8]; 24] = [
    b"JOIN a\n",
    b"JOIN a ack seat\n",
    b"JOIN b\r\n",
    b"JOIN b produce\n",
    b"JOIN b consume ack\n",
    b"JOIN a produce ack",
    b"JOIN ../a\n",
    b"hello\n",
    b"\n",
    b"exit\n",
    b"one message",
    b"Client X: two",
    b"OK seat X\n",
    b"OK seat Y\n",
    b"OK seat X\nOK X 192.0.2.1:1\nhello\n",
    b"ERR full no room\n",
    b"ERR room gone\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"PROXY TCP4 192.0.2.9 192.0.2.1 1000 7000\r\n",
    b"PROXY UNKNOWN\r\n",
    b"PROXY TCP4 192.0.2.9",
    b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0",
    b"please relay ",
    b"x",
];

/// The next words of a client that was last told this in a login.
pub fn words(script: &mut Script<'_>, challenge: Option<&[u8]>) -> Vec<u8> {
    match script.below(10 + LINES.len()) {
        0 => {
            let length = script.below(64);
            script.bytes(length).to_vec()
        }
        1 => transit(script),
        2 => {
            let peer = script.one_of(&["192.0.2.9:5", "[2001:db8::9]:5", "127.0.0.1:5"]);
            let peer = peer.parse().expect("it is an address");
            header_v2(peer, peer)
        }
        3 => {
            let name = script.one_of(&["alice", "bob", "carol", "nobody"]);
            let room = script.one_of(&["a", "b"]);
            let first = BASE64_STANDARD.encode(login(name).first());
            format!("JOIN {room} scram={first}\n").into_bytes()
        }
        4 => {
            let name = script.one_of(&["alice", "bob", "carol"]);
            let proof = challenge.and_then(|challenge| proof(name, challenge));
            step(&proof.unwrap_or("c=biws".into()))
        }
        5 => step("c=biws,r=fuzzed,p=AAAA"),
        6 => vec![b'x'; 700],
        7 => vec![b'l'; 40_000],
        // Two at once.
        8 | 9 => [words(script, challenge), words(script, challenge)].concat(),
        line => LINES[line - 10].to_vec(),
    }
}

fn transit(script: &mut Script<'_>) -> Vec<u8> {
    let sides = [
        "",
        " for side 0123456789abcdef",
        " for side 0123456789abcdeF",
    ];
    let side = script.one_of(&sides);
    let token = match script.byte() & 1 {
        0 => TOKEN.to_owned(),
        _ => TOKEN.to_lowercase(),
    };
    format!("please relay {token}{side}\n").into_bytes()
}

fn login(name: &str) -> Exchange {
    Exchange::new(name, "pencil", "fuzzed").expect("a name and a password")
}

fn step(message: &str) -> Vec<u8> {
    format!("AUTH {}\n", BASE64_STANDARD.encode(message)).into_bytes()
}

/// The right answer. It takes thousands of hashes, and the questions are always the same.
fn proof(name: &str, challenge: &[u8]) -> Option<String> {
    type Proofs = HashMap<(String, Vec<u8>), Option<String>>;
    static PROOFS: LazyLock<Mutex<Proofs>> = LazyLock::new(Mutex::default);
    let mut proofs = PROOFS.lock().expect("nobody has panicked");
    let known = proofs.entry((name.into(), challenge.into()));
    let answer = |name| Some(login(name).answer(challenge).ok()?.0);
    known.or_insert_with(|| answer(name)).clone()
}
