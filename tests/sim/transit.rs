//! What the clients of a transit relay say first, and what they are told.

use fastrand::Rng;
use pairloop::engine::Part;
use pairloop::limits::LONGEST_HANDSHAKE;

use super::model::{self, Fate};
use super::opening::Wish;

pub const OK: &[u8] = b"ok\n";
pub const IMPATIENT: &[u8] = b"impatient\n";
pub const BAD_HANDSHAKE: &[u8] = b"bad handshake\n";

/// All that a relay ever says itself.
pub const WORDS: [&[u8]; 3] = [OK, IMPATIENT, BAD_HANDSHAKE];

/// What the log says of a line that is none, or too long.
const WRONG: [&str; 2] = ["expected please relay <token>", "the line is too long"];

/// Few, so that some clients are of one side.
const SIDES: [[u8; 16]; 3] = [*b"0123456789abcdef", *b"0123456789abcdeF", [b'_'; 16]];

/// What somebody is told last who gets no partner and has said this first.
pub fn last_words(fate: &Fate, said: &[u8]) -> &'static [u8] {
    let line = &said[..said.len().min(LONGEST_HANDSHAKE + 1)];
    match fate {
        Fate::Refused { words, .. } if WRONG.contains(&words.as_str()) && line.contains(&b'\n') => {
            BAD_HANDSHAKE
        }
        Fate::Gone { reason, .. } if reason == model::IMPATIENT => IMPATIENT,
        _ => b"",
    }
}

/// Tokens are much the same, and so are sides.
pub fn wish(name: usize, rng: &mut Rng) -> Wish {
    Wish {
        room: format!("{name:064}"),
        part: Part::Side(SIDES.get(rng.usize(..=SIDES.len())).copied()),
    }
}

pub fn handshake(token: &str, side: Option<[u8; 16]>) -> Vec<u8> {
    let side = side.map(|side| [b" for side ", &side[..]].concat());
    let words = [b"please relay ", token.as_bytes()].concat();
    [words, side.unwrap_or_default(), b"\n".to_vec()].concat()
}

/// A line much like this handshake, with which nobody is let in.
pub fn bad_handshake(handshake: &[u8], rng: &mut Rng) -> Vec<u8> {
    let mut line = handshake.to_vec();
    let (last, place) = (line.len() - 1, rng.usize(..handshake.len() - 1));
    match rng.u8(..7) {
        0 => drop(line.remove(place)),
        1 => line.insert(place, line[place]),
        2 => line[place] = [b'-', 0, 0xff, b'\r'][rng.usize(..4)],
        3 => line.insert(last, [b'\r', b' ', 0][rng.usize(..3)]),
        4 => line.insert(0, [b'\n', b' '][rng.usize(..2)]),
        5 => return b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        // As long as a line may be, or longer; with or without an end.
        _ => {
            let length = LONGEST_HANDSHAKE + rng.usize(..2);
            line = vec![b'x'; length];
            line.extend((length == LONGEST_HANDSHAKE || rng.bool()).then_some(b'\n'));
        }
    }
    line
}
