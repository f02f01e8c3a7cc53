//! The attacks: what each connection says, and what it does then.

use std::fmt::Write;
use std::time::Duration;

use crate::common::transit::handshake;
use crate::common::users::base64;

pub struct Attack {
    pub name: &'static str,
    /// In words, for the table.
    pub what: &'static str,
    pub target: Target,
    /// What each connection says when it is there. The number is different each time that one connects.
    pub words: fn(index: usize, number: u64) -> Vec<u8>,
    /// How far apart the bytes of that are; all at once if there is none.
    pub pause: Option<Duration>,
    pub then: Then,
    /// What costs are counted by.
    pub unit: Unit,
    /// A source address for each connection, as who has a large network would do.
    pub everywhere: bool,
}

/// Listeners of the attacked daemon, by their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A relay by order of arrival that has the room which nobody attacks.
    Victim,
    Named,
    Arrival,
    Transit,
    Order,
    Locked,
    Proxied,
}

/// What a connection does when it has said its words. Whoever has left, or been thrown out, comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    Close,
    Reset,
    /// Hears what is said to it, to its end.
    Listen,
    /// The same, and sends a proof made up, when it is asked for one.
    Guess,
    /// Stays for so long, then resets.
    Stay(Duration),
    /// Every other connection sends without end, so many bytes at a time, and the others are its readers.
    Bulk(usize, Reader),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Never reads, and has no room.
    Deaf,
    /// Has little room, and reads a few bytes now and then.
    Sipping,
    Whole,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Connection,
    /// A second of a connection that is there.
    Second,
    /// A call that sends or receives.
    Piece,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Unit::Connection => "connection",
            Unit::Second => "connection second",
            Unit::Piece => "piece",
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MOMENT: Duration = Duration::from_millis(250);

/// A silent one, thrown out again and again.
const PLAIN: Attack = Attack {
    name: "",
    what: "",
    target: Target::Named,
    words: |_, _| Vec::new(),
    pause: None,
    then: Then::Listen,
    unit: Unit::Connection,
    everywhere: false,
};

pub const ATTACKS: &[Attack] = &[
    Attack {
        name: "slow-hello",
        what: "a hello of which a byte comes each second",
        words: |_, _| vec![b'J'; 1000],
        pause: Some(SECOND),
        unit: Unit::Second,
        ..PLAIN
    },
    Attack {
        name: "proxy-trickle",
        what: "a PROXY header of which a byte comes each second",
        target: Target::Proxied,
        words: |_, _| b"PROXY TCP6 2001:0db8:0000:0000:0000:0000:0000:0001 ".to_vec(),
        pause: Some(SECOND),
        unit: Unit::Second,
        ..PLAIN
    },
    Attack {
        name: "half-open",
        what: "connections that never say anything",
        unit: Unit::Second,
        ..PLAIN
    },
    Attack {
        name: "bad-hello",
        what: "an HTTP request as hello, again and again",
        words: |_, _| b"GET / HTTP/1.0\r\n\r\n".to_vec(),
        ..PLAIN
    },
    Attack {
        name: "connect-close",
        what: "connect and close",
        target: Target::Arrival,
        then: Then::Close,
        ..PLAIN
    },
    Attack {
        name: "connect-reset",
        what: "connect and reset",
        target: Target::Arrival,
        then: Then::Reset,
        ..PLAIN
    },
    Attack {
        name: "zero-window",
        what: "bulk to readers that never read and have no room",
        words: pair,
        then: Then::Bulk(64 * 1024, Reader::Deaf),
        unit: Unit::Second,
        ..PLAIN
    },
    Attack {
        name: "one-byte",
        what: "bulk in segments of one byte",
        words: pair,
        then: Then::Bulk(1, Reader::Whole),
        unit: Unit::Piece,
        ..PLAIN
    },
    Attack {
        name: "tiny-reads",
        what: "bulk to readers that take 1 to 100 bytes now and then",
        words: pair,
        then: Then::Bulk(64 * 1024, Reader::Sipping),
        unit: Unit::Piece,
        ..PLAIN
    },
    Attack {
        name: "lobby-named",
        what: "each waits in a room of its own for 250 ms",
        words: |index, number| format!("JOIN {index}.{number} ack\n").into_bytes(),
        then: Then::Stay(MOMENT),
        ..PLAIN
    },
    Attack {
        name: "lobby-arrival",
        what: "by order of arrival, 250 ms each",
        target: Target::Arrival,
        then: Then::Stay(MOMENT),
        ..PLAIN
    },
    Attack {
        name: "lobby-transit",
        what: "each waits with a token of its own for 250 ms",
        target: Target::Transit,
        words: |_, number| handshake(number as usize, Some(1)).into_bytes(),
        then: Then::Stay(MOMENT),
        ..PLAIN
    },
    Attack {
        name: "crowd-transit",
        what: "all wait with one token and side, until the 500th has another side",
        target: Target::Transit,
        words: |_, number| {
            let side = if number.is_multiple_of(500) { 2 } else { 1 };
            handshake(7, Some(side)).into_bytes()
        },
        ..PLAIN
    },
    Attack {
        name: "passwords",
        what: "a wrong password, each from an address of its own",
        target: Target::Locked,
        words: login,
        then: Then::Guess,
        everywhere: true,
        ..PLAIN
    },
    Attack {
        name: "passwords-again",
        what: "a wrong password from 250 addresses, most of them refused by now",
        target: Target::Locked,
        words: login,
        then: Then::Guess,
        ..PLAIN
    },
    Attack {
        name: "long-names",
        what: "hellos of 1024 bytes that terminals and logs must not see",
        words: |_, _| {
            let mut words = b"JOIN ".to_vec();
            words.extend(b"\x1b[2J\x07\r\0\xff".repeat(200));
            words.truncate(1023);
            words.push(b'\n');
            words
        },
        ..PLAIN
    },
    Attack {
        name: "order-log",
        what: "messages of 1 KiB of escapes, which the order service prints",
        target: Target::Order,
        words: |_, _| {
            let mut words = b"\x1b[2J\x07".repeat(200);
            words.push(b'\n');
            words
        },
        ..PLAIN
    },
];

/// What a login of alice begins with.
fn login(_: usize, _: u64) -> Vec<u8> {
    let first = base64("n,,n=alice,r=guess");
    format!("JOIN room scram={first}\n").into_bytes()
}

/// Two to a room, which is theirs.
fn pair(index: usize, _number: u64) -> Vec<u8> {
    let mut words = String::from("JOIN ");
    let _ = writeln!(words, "pair.{}", index / 2);
    words.into_bytes()
}
