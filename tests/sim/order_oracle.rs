//! What must be true of an order room.
//!
//! Who was first is a matter of when the daemon read the last byte of each message. There is one exception, because the
//! engine counts from when it is shown bytes: what is read from one side before the other has been greeted is kept, and
//! shown once it has been, in the next turn at the latest. So a message that was kept counts from that release, give or
//! take a turn.

use std::time::Duration;

use pairloop::engine::CloseReason;

use super::lines::{Lines, Pair};
use super::net::{End, Entry, Way};
use super::peer::Peer;

pub const NOBODY: &[u8] = b"ERR timeout no partner came\n";
pub const EMPTY: &[u8] = b"ERR room the message is empty\n";
pub const STOPS: &[u8] = b"ERR closing the server stops\n";
const GREETING: &[u8] = b"Client X connected\n";

pub fn judge(lines: &Lines<'_>, room: &Pair<'_>, settle: Duration) {
    let mut sentence: Option<&str> = None;
    for (peer, _) in room.sides() {
        let name = name(room, peer);
        let greeting = format!("Client {name} connected\n").into_bytes();
        let heard = &peer.heard[..];
        let whole = peer.end == Some(End::Fin);
        let greeted = heard.starts_with(&greeting) || (greeting.starts_with(heard) && !whole);
        assert!(greeted, "no greeting: {}", lines.describe(room));
        let rest = &heard[greeting.len().min(heard.len())..];
        if !matches!(room.over, Some(CloseReason::Done)) {
            let error = error(room, peer);
            assert!(
                error.starts_with(rest) && (!whole || error == rest),
                "client {} heard {:?}: {}",
                peer.number,
                String::from_utf8_lossy(rest),
                lines.describe(room)
            );
        } else if whole {
            let rest = std::str::from_utf8(rest).expect("they say letters");
            assert!(
                sentence.is_none_or(|other| other == rest),
                "they are told different things: {}",
                lines.describe(room)
            );
            sentence = Some(rest);
        }
    }
    if let Some(sentence) = sentence {
        check_sentence(lines, room, sentence, settle);
    }
}

fn name(room: &Pair<'_>, peer: &Peer) -> char {
    if peer.number == room.x.number {
        'X'
    } else {
        'Y'
    }
}

/// Why there is no order, as this member is told it.
fn error(room: &Pair<'_>, peer: &Peer) -> Vec<u8> {
    let its_own = room.by.is_some_and(|by| by.number == peer.number);
    let words = match room.over {
        None => return Vec::new(),
        Some(CloseReason::IdleTimeout | CloseReason::HalfCloseTimeout) => {
            "timeout nothing was said"
        }
        Some(CloseReason::Stopping | CloseReason::Stopped) => "closing the server stops",
        Some(CloseReason::TooLong) if its_own => "room the message is longer than 1024 bytes",
        Some(CloseReason::Empty) if its_own => "room the message is empty",
        Some(_) => "room the partner is gone",
    };
    format!("ERR {words}\n").into_bytes()
}

/// A message as it may have been understood.
struct Reading {
    /// The place of its last byte among all that was read and written.
    last: usize,
    turn: u64,
    /// It can't have been complete earlier.
    complete: Duration,
}

fn check_sentence(lines: &Lines<'_>, room: &Pair<'_>, sentence: &str, settle: Duration) {
    let bad = |what: &str| -> ! { panic!("{what}: {sentence:?}: {}", lines.describe(room)) };
    let parts = sentence.strip_suffix('\n').and_then(|line| {
        let (first, second) = line.split_once(" received before ")?;
        Some((first.split_once(": ")?, second.split_once(": ")?))
    });
    let Some(((first, first_text), (second, second_text))) = parts else {
        bad("no sentence")
    };
    let (before, after) = match (first, second) {
        ("X", "Y") => (room.x, room.y),
        ("Y", "X") => (room.y, room.x),
        _ => bad("no names"),
    };
    let told = [room.x, room.y].map(|peer| after_greeting(lines, peer));
    let released = |peer: &Peer| {
        greeted(
            lines,
            if peer.number == room.x.number {
                room.y
            } else {
                room.x
            },
        )
    };
    let find = |peer, text: &str| {
        let readings = readings(lines, peer, text.as_bytes(), settle, released(peer));
        match readings {
            readings if readings.is_empty() => bad("nobody said that"),
            readings => readings,
        }
    };
    let (befores, afters) = (find(before, first_text), find(after, second_text));
    let (release_a, release_b) = (released(before), released(after));
    let in_order = |a: &Reading, b: &Reading| {
        // What is kept is shown soon after the release.
        match (a.last < release_a.0, b.last < release_b.0) {
            (false, false) => a.last < b.last,
            (false, true) => a.turn <= release_b.1.turn + 1,
            (true, false) => release_a.1.turn <= b.turn,
            (true, true) => release_a.1.turn <= release_b.1.turn + 1,
        }
    };
    let mut pairs = befores
        .iter()
        .flat_map(|a| afters.iter().map(move |b| (a, b)));
    let in_time = |reading: &Reading| {
        let mut told = told.iter().flatten();
        told.all(|(at, entry)| *at > reading.last && entry.time >= reading.complete)
    };
    if !pairs.any(|(a, b)| in_order(a, b) && in_time(a) && in_time(b)) {
        bad("not in that order, or too early");
    }
}

/// When something was first written behind the greeting.
fn after_greeting(lines: &Lines<'_>, peer: &Peer) -> Option<(usize, Entry)> {
    let mut wrote = 0;
    lines.entries(peer, Way::Wrote).find(|(_, entry)| {
        wrote += entry.bytes;
        wrote > GREETING.len()
    })
}

/// When this client had been greeted.
fn greeted(lines: &Lines<'_>, peer: &Peer) -> (usize, Entry) {
    let mut wrote = 0;
    let greeting = lines.entries(peer, Way::Wrote).find(|(_, entry)| {
        wrote += entry.bytes;
        wrote >= GREETING.len()
    });
    greeting.expect("nothing is told to those who were not greeted")
}

/// Every way in which this client may have said this: up to LF, up to FIN, or up to a read behind which nothing more
/// came for long enough.
fn readings(
    lines: &Lines<'_>,
    peer: &Peer,
    text: &[u8],
    settle: Duration,
    released: (usize, Entry),
) -> Vec<Reading> {
    let said = lines.said(peer);
    let lf = said.iter().position(|&byte| byte == b'\n').map(|at| at + 1);
    let arrivals: Vec<(usize, Duration)> = lines
        .entries(peer, Way::Arrived)
        .scan(0, |sum, (_, entry)| {
            *sum += entry.bytes;
            Some((*sum, entry.time))
        })
        .collect();
    let (mut found, mut read) = (Vec::new(), 0);
    for (last, entry) in lines.entries(peer, Way::Read) {
        let ended = entry.bytes == 0;
        read += entry.bytes;
        if ended
            && found.iter().all(|reading: &Reading| reading.last != last)
            && clean(&said[..read]) == text
        {
            // FIN completes what was there; it counts from its last byte.
            let before = lines
                .entries(peer, Way::Read)
                .take_while(|&(at, _)| at < last)
                .last();
            found.extend(before.map(|(last, entry)| Reading {
                last,
                turn: entry.turn,
                complete: entry.time,
            }));
            break;
        }
        let end = lf.filter(|&end| end <= read);
        if clean(&said[..end.unwrap_or(read)]) == text {
            let since = entry.turn_time.max(match last < released.0 {
                true => released.1.turn_time,
                false => Duration::ZERO,
            });
            let settles = since + settle;
            let next = arrivals.iter().find(|&&(sum, _)| sum > read);
            let patient = next.is_none_or(|&(_, time)| time >= settles) || lines.reads_may_lie();
            if end.is_some() || patient {
                found.push(Reading {
                    last,
                    turn: entry.turn,
                    complete: end.map_or(settles, |_| entry.time),
                });
            }
        }
        if end.is_some() {
            break;
        }
    }
    found
}

/// The message without its end and without the name in front.
fn clean(text: &[u8]) -> &[u8] {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    let text = text.strip_suffix(b"\r").unwrap_or(text);
    let named = text
        .strip_prefix(b"Client X: ")
        .or_else(|| text.strip_prefix(b"Client Y: "));
    named.unwrap_or(text)
}
