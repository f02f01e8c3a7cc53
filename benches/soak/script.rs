//! The rooms of the load: what their ends do.

use std::time::Duration;

use fastrand::Rng;

use crate::common::transit::handshake;
use crate::step::Step::{
    self, Finish, Hear, HearAnything, HearCut, HearEnd, HearLine, HearNoise, LogIn, Reset, Say,
    SayNoise, Sip, Wait,
};

const WELCOME: &[u8] = b"YOU'RE CONNECTED TO : @MAIN SERVER\n";

/// The daemon's listeners, by number; users may come to the last. `lock` is its URL.
pub fn urls(lock: String) -> [String; LISTENERS] {
    let of = |url: &str| url.to_owned();
    [
        of("relay://127.0.0.1:0"),
        of("relay://127.0.0.1:0?rooms=named"),
        of("transit://127.0.0.1:0"),
        of("echo://127.0.0.1:0"),
        of("chat://127.0.0.1:0"),
        of("chat://127.0.0.1:0?rooms=named"),
        of("order://127.0.0.1:0"),
        lock,
    ]
}

pub const LISTENERS: usize = 8;

const ARRIVAL: usize = 0;
const NAMED: usize = 1;
const TRANSIT: usize = 2;
const ECHO: usize = 3;
const CHAT: usize = 4;
const NAMED_CHAT: usize = 5;
const ORDER: usize = 6;
const LOCKED: usize = 7;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Idle,
    Bulk,
    Churn,
    Echo,
    Chat,
    Order,
    Login,
    Slow,
    Abort,
    BadHello,
    Scan,
}

/// Each kind, its name, and how many of its rooms begin in a second; so many idle ones as there is room for.
pub const KINDS: [(Kind, &str, f64); 11] = [
    (Kind::Idle, "idle", 0.0),
    (Kind::Bulk, "bulk", 10.0),
    (Kind::Churn, "churn", 60.0),
    (Kind::Echo, "echo", 20.0),
    (Kind::Chat, "chat", 20.0),
    (Kind::Order, "order", 20.0),
    (Kind::Login, "login", 4.0),
    (Kind::Slow, "slow", 2.0),
    (Kind::Abort, "abort", 40.0),
    (Kind::BadHello, "bad-hello", 20.0),
    (Kind::Scan, "scan", 20.0),
];

pub struct Script {
    pub listener: usize,
    /// X, and then Y, if there is one.
    pub ends: Vec<End>,
    /// X leaves by RST, perhaps before it has met anybody.
    pub cut: bool,
}

pub struct End {
    pub steps: Vec<Step>,
    /// How many steps the first end must have done before this one comes.
    pub after: usize,
    /// Bytes of the receive buffer.
    pub room: Option<usize>,
}

/// A room of this kind. `number` is nobody else's; idle ones wait for up to `longest`.
pub fn script(kind: Kind, number: u64, rng: &mut Rng, longest: Duration) -> Script {
    match kind {
        Kind::Idle => idle(number, rng, longest),
        Kind::Bulk => {
            let length = rng.u64(64 << 10..4 << 20);
            exchange(rng.usize(..3), number, [length, rng.u64(1..64 << 10)])
        }
        Kind::Churn => exchange(rng.usize(..3), number, [rng.u64(1..100), rng.u64(1..100)]),
        Kind::Login => exchange(LOCKED, number, [rng.u64(1..64 << 10), 10]),
        Kind::Echo => echo(number, rng),
        Kind::Chat => chat(number, rng),
        Kind::Order => order(number, rng),
        Kind::Slow => slow(number, rng, longest),
        Kind::Abort => abort(number, rng),
        Kind::BadHello => bad_hello(rng),
        Kind::Scan => Script {
            listener: [NAMED, TRANSIT, ECHO, LOCKED][rng.usize(..4)],
            ends: vec![end(Vec::new())],
            cut: rng.bool(),
        },
    }
}

fn end(steps: Vec<Step>) -> End {
    let (after, room) = (0, None);
    End { steps, after, room }
}

/// The streams of a room's ends.
fn streams(number: u64) -> [u64; 2] {
    [2 * number, 2 * number + 1]
}

/// Two ends that find each other there.
fn pair(listener: usize, number: u64) -> [Vec<Step>; 2] {
    [1, 2].map(|side| match listener {
        NAMED => vec![
            Say(format!("JOIN r{number} ack\n").into_bytes()),
            HearLine("OK "),
        ],
        TRANSIT => vec![
            Say(handshake(number as usize, Some(side)).into_bytes()),
            Hear(vec![b"ok\n".to_vec()]),
        ],
        LOCKED => vec![LogIn(format!("r{number}"))],
        _ => Vec::new(),
    })
}

/// X's stream, its FIN, and then Y's: half of the time the room is half closed.
fn exchange(listener: usize, number: u64, [there, back]: [u64; 2]) -> Script {
    let ([mut x, mut y], [to_y, to_x]) = (pair(listener, number), streams(number));
    x.extend([
        SayNoise(to_y, there),
        Finish,
        HearNoise(to_x, back),
        HearEnd,
    ]);
    y.extend([
        HearNoise(to_y, there),
        HearEnd,
        SayNoise(to_x, back),
        Finish,
    ]);
    whole(listener, x, y)
}

fn whole(listener: usize, x: Vec<Step>, y: Vec<Step>) -> Script {
    Script {
        listener,
        ends: vec![end(x), end(y)],
        cut: false,
    }
}

fn idle(number: u64, rng: &mut Rng, longest: Duration) -> Script {
    let listener = [ARRIVAL, NAMED, TRANSIT, LOCKED][[0, 1, 2, rng.usize(..4)][rng.usize(..4)]];
    let ([mut x, mut y], [to_y, to_x]) = (pair(listener, number), streams(number));
    x.push(Wait(longest.mul_f64(rng.f64())));
    x.extend([SayNoise(to_y, 64), HearNoise(to_x, 64), Finish, HearEnd]);
    y.extend([HearNoise(to_y, 64), SayNoise(to_x, 64), HearEnd]);
    whole(listener, x, y)
}

fn echo(number: u64, rng: &mut Rng) -> Script {
    let (piece, pieces) = (rng.u64(1..64 << 10), rng.u64(1..16));
    let rounds = (1..=pieces).flat_map(|round| {
        let end = round * piece;
        [SayNoise(number, end), HearNoise(number, end)]
    });
    Script {
        listener: ECHO,
        ends: vec![end(rounds.chain([Finish, HearEnd]).collect())],
        cut: false,
    }
}

fn chat(number: u64, rng: &mut Rng) -> Script {
    let lines = 2 * rng.usize(1..20);
    let named = rng.bool();
    let (mut x, mut y) = (vec![Hear(vec![WELCOME.to_vec()])], Vec::new());
    if named {
        let join = || Say(format!("JOIN c{number} ack\n").into_bytes());
        x.insert(0, join());
        x.push(HearLine("OK X"));
        y.extend([join(), HearLine("OK Y")]);
    }
    for turn in 0..lines {
        let padding = "abcdefghij".repeat(rng.usize(..30));
        let line = format!("{number} {turn} {padding}\n").into_bytes();
        let (writer, reader) = match turn % 2 {
            0 => (&mut x, &mut y),
            _ => (&mut y, &mut x),
        };
        writer.push(Say(line.clone()));
        reader.push(Hear(vec![line]));
    }
    x.extend([Finish, HearEnd]);
    y.push(HearEnd);
    let mut script = whole(if named { NAMED_CHAT } else { CHAT }, x, y);
    // By name X is whose hello is read first, so Y does not come before X is welcome.
    script.ends[1].after = if named { 2 } else { 0 };
    script
}

fn order(number: u64, rng: &mut Rng) -> Script {
    let words = "word ".repeat(rng.usize(..100));
    let (x, y) = (format!("x{number} {words}."), format!("y{number} {words}."));
    let results = || {
        let first = format!("X: {x} received before Y: {y}\n");
        let second = format!("Y: {y} received before X: {x}\n");
        Hear(vec![first.into_bytes(), second.into_bytes()])
    };
    let speaker = |side: &str, message: &str, pause: u64| {
        let greeting = format!("Client {side} connected\n").into_bytes();
        let pause = Wait(Duration::from_millis(pause));
        let said = Say(format!("{message}\n").into_bytes());
        vec![Hear(vec![greeting]), pause, said, results(), HearEnd]
    };
    let pauses = [rng.u64(..50), rng.u64(..50)];
    let x_says = speaker("X", &x, pauses[0]);
    let y_says = speaker("Y", &y, pauses[1]);
    whole(ORDER, x_says, y_says)
}

fn slow(number: u64, rng: &mut Rng, longest: Duration) -> Script {
    let listener = rng.usize(..3);
    let length = rng.u64(4 << 20..12 << 20);
    let ([mut x, mut y], [to_y, _]) = (pair(listener, number), streams(number));
    x.extend([SayNoise(to_y, length), Finish, HearEnd]);
    let sips = longest.min(Duration::from_secs(15)).mul_f64(rng.f64());
    y.extend([Sip(to_y, sips), HearNoise(to_y, length), HearEnd]);
    let mut script = whole(listener, x, y);
    script.ends[1].room = Some(64 << 10);
    script
}

fn abort(number: u64, rng: &mut Rng) -> Script {
    let ([to_y, to_x], length) = (streams(number), rng.u64(..300 << 10));
    let pause = Wait(Duration::from_millis(rng.u64(..30)));
    let listener = rng.usize(..3);
    let ([mut x, mut y], rest) = match listener {
        // Whoever is gone before it was accepted would leave its partner to somebody else's: so they meet first.
        ARRIVAL => (
            [
                vec![SayNoise(to_y, 9), HearNoise(to_x, 1)],
                vec![HearNoise(to_y, 9), SayNoise(to_x, 1)],
            ],
            length + 9,
        ),
        _ => (pair(listener, number), length),
    };
    if listener == NAMED && rng.bool() {
        // Without waiting for anything.
        let join = || vec![Say(format!("JOIN r{number}\n").into_bytes())];
        (x, y) = (join(), join());
    }
    x.extend([SayNoise(to_y, rest), pause, Reset]);
    y.push(HearCut(to_y));
    Script {
        cut: true,
        ..whole(listener, x, y)
    }
}

fn bad_hello(rng: &mut Rng) -> Script {
    let words: Vec<u8> = match rng.usize(..5) {
        0 => b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
        1 => b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\n".to_vec(),
        2 => b"JOIN \x1b[2J\x07\n".to_vec(),
        3 => vec![b'a'; 2000],
        _ => b"JOIN room produce consume\n".to_vec(),
    };
    Script {
        listener: [NAMED, TRANSIT, LOCKED, NAMED_CHAT][rng.usize(..4)],
        ends: vec![end(vec![Say(words), HearAnything])],
        cut: false,
    }
}
