//! The load generator: one thread, one poll, and all rooms.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fastrand::Rng;
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use crate::common::Noise;
use crate::dial::{Dial, source};
use crate::room::Room;
use crate::script::{KINDS, Kind, script};
use crate::shared::{Phase, Shared};
use crate::step::{Go, Tools};

/// How often the clock is looked at.
const TICK: Duration = Duration::from_millis(10);

/// Bytes of one read.
const SCRATCH: usize = 128 * 1024;

/// Idle rooms, and ones that are to come all at once, that begin in a tick.
const BATCH: usize = 10;

/// Blocks of noise.
const BLOCKS: u64 = 4;

/// What the load consists of.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Connections at one time, and how many of them are to be there for idle rooms.
    pub most: usize,
    pub idle: usize,
    /// The longest that an idle room, or a slow reader, takes its time.
    pub longest: Duration,
    /// Multiplies the rates of all kinds.
    pub pace: f64,
}

pub struct Load {
    at: Vec<SocketAddr>,
    size: Size,
    shared: Arc<Shared>,
    poll: Poll,
    rooms: Slab<Room>,
    /// Ends that do something by the clock: when, and their tokens.
    timers: BinaryHeap<Reverse<(Instant, usize)>>,
    ready: Vec<usize>,
    open: usize,
    idle: usize,
    /// Rooms since the start.
    number: u64,
    /// Of each kind, what is due to begin.
    due: [f64; KINDS.len()],
    rng: Rng,
    noise: Vec<Noise>,
    scratch: Vec<u8>,
}

impl Load {
    pub fn new(
        at: Vec<SocketAddr>,
        size: Size,
        seed: u64,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        Ok(Self {
            at,
            size,
            shared,
            poll: Poll::new()?,
            rooms: Slab::new(),
            timers: BinaryHeap::new(),
            ready: Vec::new(),
            open: 0,
            idle: 0,
            number: 0,
            due: [0.0; KINDS.len()],
            rng: Rng::with_seed(seed),
            noise: (0..BLOCKS).map(|block| Noise::new(seed + block)).collect(),
            scratch: vec![0; SCRATCH],
        })
    }

    /// Goes on until it is told to stop.
    pub fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let (mut ticked, mut checked) = (Instant::now(), Instant::now());
        loop {
            let patience = if self.ready.is_empty() {
                TICK
            } else {
                Duration::ZERO
            };
            self.poll.poll(&mut events, Some(patience))?;
            for token in std::mem::take(&mut self.ready) {
                self.attend(token);
            }
            for event in &events {
                self.attend(event.token().0);
            }
            let now = Instant::now();
            self.ring(now);
            if now - ticked < TICK {
                continue;
            }
            match self.shared.phase() {
                Phase::Running => self.begin_rooms(now - ticked),
                Phase::Draining => self.hurry(),
                Phase::Stopped => return Ok(()),
            }
            if now - checked > Duration::from_secs(1) {
                self.give_up(now);
                checked = now;
            }
            ticked = now;
            self.shared.tell(self.open, self.rooms.len());
        }
    }

    /// Attends to whoever has waited for this time.
    fn ring(&mut self, now: Instant) {
        while let Some(&Reverse((due, token))) = self.timers.peek()
            && due <= now
        {
            self.timers.pop();
            self.attend(token);
        }
    }

    fn begin_rooms(&mut self, passed: Duration) {
        for (index, (kind, _, rate)) in KINDS.into_iter().enumerate() {
            self.due[index] += rate * self.size.pace * passed.as_secs_f64();
            while self.due[index] >= 1.0 {
                self.due[index] -= 1.0;
                self.begin(kind);
            }
        }
        for _ in 0..BATCH {
            if self.idle < self.size.idle {
                self.begin(Kind::Idle);
            }
        }
        for _ in 0..self.shared.take_burst(4 * BATCH) {
            self.begin(Kind::BadHello);
        }
    }

    /// Begins a room, if there is a place for it.
    fn begin(&mut self, kind: Kind) {
        if self.open + 2 > self.size.most {
            return;
        }
        let number = self.number;
        self.number += 1;
        let script = script(kind, number, &mut self.rng, self.size.longest);
        let patience = Duration::from_secs(60) + self.size.longest;
        let key = self.rooms.insert(Room::new(kind, number, script, patience));
        self.shared.begun(kind);
        if kind == Kind::Idle {
            self.idle += 2;
        }
        self.dial_whoever_comes(key);
        self.attend(2 * key);
    }

    /// Lets those ends come whose time it is.
    fn dial_whoever_comes(&mut self, key: usize) {
        while let Some(side) = self.rooms[key].comes_next() {
            let room = &mut self.rooms[key];
            let dial = Dial {
                from: source(room.number as usize),
                to: self.at[room.listener],
                abrupt: room.cut && side == 0,
                room: room.ends[side].room,
            };
            let token = Token(2 * key + side);
            let both = Interest::READABLE | Interest::WRITABLE;
            let dialed = dial.dial().and_then(|mut stream| {
                self.poll.registry().register(&mut stream, token, both)?;
                Ok(stream)
            });
            match dialed {
                Ok(stream) => {
                    room.ends[side].stream = Some(stream);
                    self.open += 1;
                }
                Err(error) => return self.wrong(key, &format!("no connection: {error}")),
            }
        }
    }

    /// Does what an end can do.
    fn attend(&mut self, token: usize) {
        let (key, side) = (token / 2, token % 2);
        let Some(room) = self.rooms.get_mut(key) else {
            return;
        };
        let mut tools = Tools {
            noise: &self.noise,
            scratch: &mut self.scratch,
            now: Instant::now(),
            hurry: self.shared.phase() != Phase::Running,
        };
        match room.advance(side, &mut tools) {
            Ok(Go::Blocked) => {}
            Ok(Go::Until(due)) => self.timers.push(Reverse((due, token))),
            Ok(Go::Ready) => self.ready.push(token),
            Ok(Go::Done) => self.open -= 1,
            Err(wrong) => return self.wrong(key, &wrong.words),
        }
        self.dial_whoever_comes(key);
        let Some(room) = self.rooms.get(key) else {
            return;
        };
        if room.is_over() {
            match room.verdict() {
                Ok(()) => self.end(key, None),
                Err(why) => self.wrong(key, &why),
            }
        }
    }

    fn wrong(&mut self, key: usize, why: &str) {
        let room = &self.rooms[key];
        let words = format!(
            "{:?} {} (listener {}): {why}",
            room.kind, room.number, room.listener
        );
        self.end(key, Some(format!("{words}; {}", room.state())));
    }

    fn end(&mut self, key: usize, wrong: Option<String>) {
        let room = self.rooms.remove(key);
        self.open -= room.ends.iter().filter(|end| end.stream.is_some()).count();
        if room.kind == Kind::Idle {
            self.idle -= 2;
        }
        let bytes = room.ends.iter().map(|end| end.place.right).sum();
        self.shared.ended(room.kind, bytes, wrong);
    }

    /// Nobody waits for the clock any more.
    fn hurry(&mut self) {
        if self.shared.is_hurried() {
            return;
        }
        let keys: Vec<usize> = self.rooms.iter().map(|(key, _)| key).collect();
        for key in keys {
            self.attend(2 * key);
            self.attend(2 * key + 1);
        }
    }

    /// Ends rooms that take too long, and those whose second end was left alone.
    fn give_up(&mut self, now: Instant) {
        let alone = |room: &Room| room.is_alone(now);
        let late = |room: &Room| now > room.deadline;
        let rooms: Vec<(usize, bool)> = self
            .rooms
            .iter()
            .filter(|(_, room)| alone(room) || late(room))
            .map(|(key, room)| (key, alone(room)))
            .collect();
        for (key, alone) in rooms {
            match alone {
                true => self.end(key, None),
                false => self.wrong(key, "it does not come to an end"),
            }
        }
    }
}
