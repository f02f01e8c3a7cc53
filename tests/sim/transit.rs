//! Transit clients come, speak, wait, meet and go by chance, and a model says what each must hear.

use fastrand::Rng;
use pairloop::engine::CloseReason;
use pairloop::limits::RESET_RECHECK;

use super::lab::{Lab, TRANSIT};
use super::net::{End, Loss, SocketId};

const SEEDS: u64 = 200;
const STEPS: usize = 80;

/// Few, so that they are shared.
const TOKENS: usize = 3;
const SIDES: usize = 3;

#[test]
fn whoever_comes_and_goes_tokens_bring_the_right_ones_together() {
    let mut closed = [0; CloseReason::ALL.len()];
    for seed in 0..SEEDS {
        let mut course = Course::new(seed);
        for _ in 0..STEPS {
            course.step();
        }
        course.everybody_leaves();
        for reason in CloseReason::ALL {
            closed[reason as usize] += course.lab.closed(reason);
        }
    }
    for reason in [
        CloseReason::Done,
        CloseReason::Left,
        CloseReason::Reset,
        CloseReason::PartnerLost,
        CloseReason::BadHello,
        CloseReason::Impatient,
        CloseReason::Redundant,
    ] {
        assert!(closed[reason as usize] > 0, "nobody was closed as {reason}");
    }
}

struct Client {
    socket: SocketId,
    token: usize,
    side: Option<usize>,
    /// What is left of its line.
    line: Vec<u8>,
    state: State,
    heard: Vec<u8>,
    finished: bool,
    /// What it must have heard, and how its stream must have ended.
    expected: (Vec<u8>, Option<End>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Speaking,
    Waiting,
    Met(usize),
    /// The relay has closed its connection, or is about to.
    Gone,
    /// It has nothing more to hear.
    Over,
}

struct Course {
    seed: u64,
    lab: Lab,
    rng: Rng,
    clients: Vec<Client>,
}

impl Course {
    fn new(seed: u64) -> Self {
        let (lab, rng, clients) = (Lab::new(), Rng::with_seed(seed), Vec::new());
        Self {
            seed,
            lab,
            rng,
            clients,
        }
    }

    /// Something happens, and everybody has heard what it must.
    fn step(&mut self) {
        match self.rng.u8(..16) {
            0..4 => self.comes(),
            4..9 => self.speaks(),
            9 => self.says_nonsense(),
            10 => self.is_impatient(),
            11 => self.leaves(),
            12 | 13 => self.talks(),
            14 => self.finishes(),
            _ => self.is_lost(),
        }
        self.check();
    }

    fn everybody_leaves(&mut self) {
        for number in 0..self.clients.len() {
            if self.clients[number].state != State::Over {
                self.lose(number);
            }
        }
        self.lab.pass(RESET_RECHECK);
        let statistics = self.lab.statistics();
        assert_eq!((statistics.connections, statistics.buffered), (0, 0));
    }

    fn comes(&mut self) {
        let (inbound, outbound) = (1 + self.rng.usize(..200), 1 + self.rng.usize(..12));
        let socket = self.lab.client(TRANSIT, inbound, outbound);
        let token = self.rng.usize(..TOKENS);
        let side = Some(self.rng.usize(..=SIDES)).filter(|&side| side < SIDES);
        let line = match side {
            None => format!("please relay {token:064}\n"),
            Some(side) => format!("please relay {token:064} for side {side:016}\n"),
        };
        self.clients.push(Client {
            socket,
            token,
            side,
            line: line.into_bytes(),
            state: State::Speaking,
            heard: Vec::new(),
            finished: false,
            expected: (Vec::new(), None),
        });
    }

    /// A part of its line, or the rest, and perhaps more.
    fn speaks(&mut self) {
        let Some(number) = self.any(|state| state == State::Speaking) else {
            return;
        };
        let mut words = std::mem::take(&mut self.clients[number].line);
        if words.len() > 1 && self.rng.bool() {
            self.clients[number].line = words.split_off(1 + self.rng.usize(..words.len() - 1));
        }
        let is_whole = self.clients[number].line.is_empty();
        let early: &[u8] = match is_whole && self.rng.u8(..3) == 0 {
            true => b"early",
            false => b"",
        };
        self.send(number, &[&words[..], early].concat());
        if is_whole {
            self.is_let_in(number, early);
        }
    }

    /// What the relay must make of it.
    fn is_let_in(&mut self, number: usize, early: &[u8]) {
        let (token, side) = (self.clients[number].token, self.clients[number].side);
        let waiting = |client: &Client| client.state == State::Waiting && client.token == token;
        let fits = |other: Option<usize>| side.is_none() || other.is_none() || side != other;
        let partner = self.clients.iter().position(|c| waiting(c) && fits(c.side));
        let Some(partner) = partner else {
            self.clients[number].state = State::Waiting;
            if !early.is_empty() {
                self.goes(number, b"impatient\n", End::Fin);
            }
            return;
        };
        for (one, other) in [(number, partner), (partner, number)] {
            self.clients[one].state = State::Met(other);
            self.clients[one].expected.0.extend(b"ok\n");
        }
        self.clients[partner].expected.0.extend(early);
        for redundant in 0..self.clients.len() {
            if waiting(&self.clients[redundant]) {
                self.goes(redundant, b"", End::Fin);
            }
        }
    }

    fn says_nonsense(&mut self) {
        if let Some(number) = self.any(|state| state == State::Speaking) {
            let (words, answer): (&[u8], &[u8]) = match self.rng.bool() {
                true => (&[b' '; 1025], b""),
                false => (b" \n", b"bad handshake\n"),
            };
            self.send(number, words);
            self.goes(number, answer, End::Fin);
        }
    }

    fn is_impatient(&mut self) {
        if let Some(number) = self.any(|state| state == State::Waiting) {
            self.send(number, b"early");
            self.goes(number, b"impatient\n", End::Fin);
        }
    }

    fn leaves(&mut self) {
        let alone = |state| matches!(state, State::Speaking | State::Waiting);
        if let Some(number) = self.any(alone) {
            if self.rng.bool() {
                self.send_fin(number);
                self.goes(number, b"", End::Fin);
            } else {
                self.lose(number);
            }
        }
    }

    fn talks(&mut self) {
        if let Some((number, partner)) = self.any_pair() {
            let words = format!("from {number}");
            self.send(number, words.as_bytes());
            self.clients[partner].expected.0.extend(words.bytes());
        }
    }

    /// Half-close, and then the rest.
    fn finishes(&mut self) {
        let Some((number, partner)) = self.any_pair() else {
            return;
        };
        self.send_fin(number);
        self.clients[partner].expected.1 = Some(End::Fin);
        self.check();
        self.send(partner, b"late");
        self.send_fin(partner);
        self.goes(number, b"late", End::Fin);
        self.goes(partner, b"", End::Fin);
    }

    fn is_lost(&mut self) {
        if let Some((number, partner)) = self.any_pair() {
            self.lose(number);
            self.lab.pass(RESET_RECHECK);
            self.goes(partner, b"", End::Reset);
        }
    }

    /// It must hear this last, and its stream end so.
    fn goes(&mut self, number: usize, words: &[u8], end: End) {
        let client = &mut self.clients[number];
        client.state = State::Gone;
        client.expected.0.extend(words);
        client.expected.1 = Some(end);
    }

    fn lose(&mut self, number: usize) {
        let client = &mut self.clients[number];
        client.state = State::Over;
        self.lab.wire().lose(client.socket, Loss::Reset);
        self.lab.settle();
    }

    fn send_fin(&mut self, number: usize) {
        let client = &mut self.clients[number];
        client.finished = true;
        self.lab.wire().send_fin(client.socket);
        self.lab.settle();
    }

    fn send(&mut self, number: usize, mut bytes: &[u8]) {
        let socket = self.clients[number].socket;
        while !bytes.is_empty() {
            if self.lab.wire().room(socket) == 0 {
                // Its partner must take something first.
                self.hear();
            }
            let room = self.lab.wire().room(socket).min(bytes.len());
            assert!(room > 0, "seed {}: nobody reads {number}", self.seed);
            self.lab.send(socket, &bytes[..room]);
            bytes = &bytes[room..];
        }
    }

    /// One of those in such a state.
    fn any(&mut self, fits: impl Fn(State) -> bool) -> Option<usize> {
        let numbers = 0..self.clients.len();
        let fit: Vec<usize> = numbers.filter(|&n| fits(self.clients[n].state)).collect();
        self.rng.choice(fit)
    }

    /// Two who have met, in either order.
    fn any_pair(&mut self) -> Option<(usize, usize)> {
        let number = self.any(|state| matches!(state, State::Met(_)))?;
        match self.clients[number].state {
            State::Met(partner) => Some((number, partner)),
            _ => None,
        }
    }

    fn hear(&mut self) {
        let clients = self.clients.iter_mut();
        for client in clients.filter(|client| client.state != State::Over) {
            client.heard.extend(self.lab.take_all(client.socket));
        }
    }

    fn check(&mut self) {
        self.hear();
        for (number, client) in self.clients.iter_mut().enumerate() {
            if client.state == State::Over {
                continue;
            }
            let end = self.lab.end(client.socket);
            assert_eq!(
                (String::from_utf8_lossy(&client.heard), end),
                (
                    String::from_utf8_lossy(&client.expected.0),
                    client.expected.1
                ),
                "seed {}: client {number} is {:?}",
                self.seed,
                client.state
            );
            if client.state == State::Gone {
                client.state = State::Over;
                if !client.finished && end == Some(End::Fin) {
                    self.lab.wire().send_fin(client.socket);
                }
            }
        }
    }
}
