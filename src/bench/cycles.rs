//! The load of connect and order: rooms that come and go.
//!
//! A thread has several rooms at a time, which take their time independently of each other. Where clients pair in the order in
//! which they come, X and Y of one room must come directly one after the other: all threads share a gate for that.

use std::io::{self, ErrorKind, Read, Write};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::BenchError;
use super::args::{Hello, Mode};
use super::dial::dial;
use super::meter::{Measured, Meter};
use super::plan::{LONGEST_AT_ONCE, Plan};
use super::schedule::{Alarm, Schedule};
use super::setup::{TRANSIT_OK, transit_hello};

const ALARM: Token = Token(usize::MAX);

/// How long a poll waits at most, so that the clock is looked at.
pub const NAP: Duration = Duration::from_millis(50);

/// Rooms may fail, as long as more of them succeed.
pub const FAILURES: u64 = 100;

pub struct Cycles<'a> {
    plan: &'a Plan,
    meter: Meter<'a>,
    gate: &'a Mutex<()>,
    poll: Poll,
    rooms: Vec<Room>,
    schedule: Option<(Schedule, Alarm)>,
    free: Vec<usize>,
    /// What X of connect says.
    message: Vec<u8>,
    /// Connections made by this thread, and where its numbers begin.
    dialed: usize,
    base: usize,
}

/// ```text
/// connect, say hello -> Greeting (both have received theirs) -> Talking (X, and Y of order, has spoken) -> closed
/// ```
#[derive(Default)]
struct Room {
    ends: [Option<TcpStream>; 2],
    /// What came and has not been looked at.
    got: [Vec<u8>; 2],
    ended: [bool; 2],
    talking: bool,
    intended: u64,
}

/// Why a cycle failed.
enum Failure {
    /// This one, and the next may do better.
    Cycle(String),
    /// There is no sense in going on.
    Run(BenchError),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Cycle(error.to_string())
    }
}

impl<'a> Cycles<'a> {
    pub fn new(
        plan: &'a Plan,
        meter: Meter<'a>,
        thread: usize,
        gate: &'a Mutex<()>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let count = plan.rooms / plan.threads + usize::from(thread < plan.rooms % plan.threads);
        let schedule = match plan.rate {
            None => None,
            Some(rate) => Some((
                Schedule::new(rate, thread, plan.threads),
                Alarm::new(poll.registry(), ALARM)?,
            )),
        };
        Ok(Self {
            plan,
            meter,
            gate,
            poll,
            rooms: (0..count).map(|_| Room::default()).collect(),
            schedule,
            free: (0..count).rev().collect(),
            message: vec![0; plan.size],
            dialed: 0,
            base: thread << 40,
        })
    }

    /// Makes and ends rooms until it has been enough.
    pub fn run(mut self) -> Result<Measured, BenchError> {
        let mut events = Events::with_capacity(1024);
        while !self.meter.is_over(self.meter.now()) && !self.is_hopeless() {
            let patience = self.open_rooms()?;
            match self.poll.poll(&mut events, Some(patience)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            for event in &events {
                self.handle(event)?;
            }
        }
        let begun = self.rooms.len() - self.free.len();
        let unanswered = match &self.schedule {
            Some((schedule, _)) => begun as u64 + schedule.overdue(self.meter.end()),
            None => 0,
        };
        Ok(self.meter.finish(unanswered))
    }

    fn is_hopeless(&self) -> bool {
        self.meter.losses() > FAILURES + self.meter.messages()
    }

    /// Lets every free room begin for which there is a cycle, and answers how long the poll may wait.
    fn open_rooms(&mut self) -> Result<Duration, BenchError> {
        // Bounded, and one more poll before those that failed at once are tried again.
        for _ in 0..self.free.len() {
            let now = self.meter.now();
            let intended = match &mut self.schedule {
                None => now,
                Some((schedule, _)) => {
                    let Some(intended) = schedule.take(now) else {
                        break;
                    };
                    self.meter.record_late(now, intended);
                    intended
                }
            };
            let room = self.free.pop().expect("one is free");
            self.rooms[room].intended = intended;
            let opened = self.open(room);
            self.settle(room, opened)?;
        }
        match &self.schedule {
            Some((schedule, alarm)) if !self.free.is_empty() => {
                let wait = schedule.peek().saturating_sub(self.meter.now());
                Ok(alarm.set(Duration::from_nanos(wait), NAP)?)
            }
            None if !self.free.is_empty() => Ok(Duration::ZERO),
            _ => Ok(NAP),
        }
    }

    /// Does what a step's outcome asks for: goes on, or frees the room.
    fn settle(&mut self, room: usize, step: Result<bool, Failure>) -> Result<(), BenchError> {
        match step {
            Ok(false) => return Ok(()),
            Ok(true) => {
                let now = self.meter.now();
                self.meter.record(now, self.rooms[room].intended, 1, 0);
            }
            Err(Failure::Cycle(why)) => self.meter.lose(why),
            Err(Failure::Run(error)) => return Err(error),
        }
        let room_state = &mut self.rooms[room];
        room_state.ends = [None, None];
        room_state.got.iter_mut().for_each(Vec::clear);
        room_state.ended = [false, false];
        room_state.talking = false;
        self.free.push(room);
        Ok(())
    }

    fn open(&mut self, number: usize) -> Result<bool, Failure> {
        let pair = {
            let _gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
            let x = dial(self.plan, self.dialed).map_err(Failure::Run)?;
            let y = dial(self.plan, self.dialed + 1).map_err(Failure::Run)?;
            [x, y]
        };
        self.dialed += 2;
        for (side, stream) in pair.into_iter().enumerate() {
            // X of connect receives nothing, so it needs no place in the poll, and its byte never blocks.
            let receives = side == 1 || !self.greeting(0).is_empty();
            if receives {
                stream.set_nonblocking(true)?;
            }
            let mut stream = TcpStream::from_std(stream);
            if self.plan.hello == Some(Hello::Transit) {
                let hello = transit_hello(self.base + self.dialed, side);
                stream.write_all(hello.as_bytes())?;
            }
            if receives {
                let token = Token(2 * number + side);
                self.poll
                    .registry()
                    .register(&mut stream, token, Interest::READABLE)?;
            }
            self.rooms[number].ends[side] = Some(stream);
        }
        self.advance(number)
    }

    fn handle(&mut self, event: &Event) -> Result<(), BenchError> {
        if event.token() == ALARM {
            return Ok(());
        }
        let Token(token) = event.token();
        let (room, side) = (token / 2, token % 2);
        let step = match self.receive(room, side, event.is_read_closed()) {
            Ok(()) => self.advance(room),
            Err(error) => Err(error),
        };
        self.settle(room, step)
    }

    fn receive(&mut self, room: usize, side: usize, ending: bool) -> Result<(), Failure> {
        let room = &mut self.rooms[room];
        let mut buffer = [0; LONGEST_AT_ONCE];
        while let Some(stream) = &mut room.ends[side] {
            let count = match stream.read(&mut buffer) {
                Ok(0) => {
                    room.ended[side] = true;
                    return Ok(());
                }
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            room.got[side].extend_from_slice(&buffer[..count]);
            // A short read has said that there is no more, unless it is the end: that is not announced again.
            if count < buffer.len() && !ending {
                return Ok(());
            }
        }
        Ok(())
    }

    /// What each gets before anybody may speak.
    fn greeting(&self, side: usize) -> &'static [u8] {
        match (self.plan.mode, self.plan.hello) {
            (Mode::Order, _) => GREETINGS[side],
            (_, Some(Hello::Transit)) => TRANSIT_OK,
            _ => b"",
        }
    }

    /// Takes the next step if what it needs is there. True: the cycle is complete.
    fn advance(&mut self, number: usize) -> Result<bool, Failure> {
        if !self.rooms[number].talking {
            if !self.is_greeted(number)? {
                return Ok(false);
            }
            self.talk(number)?;
        }
        match self.plan.mode {
            Mode::Order => self.is_acknowledged(number),
            _ => self.has_message(number),
        }
    }

    fn is_greeted(&mut self, number: usize) -> Result<bool, Failure> {
        let greetings = [self.greeting(0), self.greeting(1)];
        let room = &mut self.rooms[number];
        for (side, greeting) in greetings.into_iter().enumerate() {
            let got = &room.got[side];
            let known = got.len().min(greeting.len());
            if got[..known] != greeting[..known] {
                let text = String::from_utf8_lossy(got).into_owned();
                return Err(Failure::Cycle(format!("greeted by {:?}", text.trim_end())));
            }
            if room.ended[side] {
                return Err(Failure::Cycle("closed before the greeting".into()));
            }
            if known < greeting.len() {
                return Ok(false);
            }
        }
        for (side, greeting) in greetings.into_iter().enumerate() {
            room.got[side].drain(..greeting.len());
        }
        Ok(true)
    }

    fn talk(&mut self, number: usize) -> Result<(), Failure> {
        let room = &mut self.rooms[number];
        room.talking = true;
        match (self.plan.mode, &mut room.ends) {
            (Mode::Order, [Some(x), Some(y)]) => {
                x.write_all(WORDS[0])?;
                y.write_all(WORDS[1])?;
            }
            // Each of its bytes says which room it is from.
            (_, [Some(x), _]) => {
                self.message.fill(number as u8);
                x.write_all(&self.message)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn has_message(&self, number: usize) -> Result<bool, Failure> {
        let room = &self.rooms[number];
        let got = &room.got[1];
        match got.iter().find(|&&byte| byte != number as u8) {
            Some(&byte) => Err(Failure::Run(BenchError::Paired {
                expected: number,
                got: usize::from(byte),
            })),
            None if got.len() >= self.plan.size => Ok(true),
            None if room.ended[1] => Err(Failure::Cycle("closed before the message came".into())),
            None => Ok(false),
        }
    }

    fn is_acknowledged(&self, number: usize) -> Result<bool, Failure> {
        let room = &self.rooms[number];
        if room.ended != [true, true] {
            return Ok(false);
        }
        let right = |got: &[u8]| {
            got == b"X: hello received before Y: world\n"
                || got == b"Y: world received before X: hello\n"
        };
        if room.got[0] == room.got[1] && right(&room.got[0]) {
            return Ok(true);
        }
        let text = String::from_utf8_lossy(&room.got[0]).into_owned();
        Err(Failure::Cycle(format!(
            "acknowledged by {:?}",
            text.trim_end()
        )))
    }
}

const GREETINGS: [&[u8]; 2] = [b"Client X connected\n", b"Client Y connected\n"];
const WORDS: [&[u8]; 2] = [b"hello\n", b"world\n"];
