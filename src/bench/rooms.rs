//! The load of echo, relay and chat: rooms that stay, and messages through them.
//!
//! One loop with one poll a thread, which has both ends of its rooms. A message costs one `send` and one `recv`: a read that
//! fills less than its buffer has emptied the socket, and a write that takes less than it was given has filled it.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Poll, Token};

use super::BenchError;
use super::args::Mode;
use super::meter::{Measured, Meter};
use super::pattern::Pattern;
use super::plan::Plan;
use super::room::{Room, Side};
use super::schedule::{Alarm, Schedule};
use super::setup::Ends;

/// Bytes of one read or write.
const PIECE: usize = 128 * 1024;

/// Reads or writes of one end in a turn.
const TURN: usize = 4;

/// Messages of a schedule that are sent in a turn.
const SENDS: usize = 64;

/// How long a poll waits at most, so that the clock is looked at.
const NAP: Duration = Duration::from_millis(50);

const ALARM: Token = Token(usize::MAX);

pub struct Rooms<'a> {
    plan: &'a Plan,
    meter: Meter<'a>,
    poll: Poll,
    rooms: Vec<Room>,
    lost: usize,
    pattern: Pattern,
    scratch: Box<[u8]>,
    schedule: Option<(Schedule, Alarm)>,
    /// The room that gets the next message of the schedule.
    turn: usize,
    /// Ends whose turn was over before their work was.
    ready: Vec<(usize, Side)>,
}

/// Why a room can't go on.
type Lost = String;

impl<'a> Rooms<'a> {
    pub fn new(
        plan: &'a Plan,
        meter: Meter<'a>,
        thread: usize,
        ends: Vec<Ends>,
    ) -> io::Result<Self> {
        let poll = Poll::new()?;
        let rooms = ends
            .into_iter()
            .enumerate()
            .map(|(index, ends)| Room::register(plan, &poll, index, ends))
            .collect::<io::Result<_>>()?;
        let schedule = match plan.rate {
            None => None,
            Some(rate) => Some((
                Schedule::new(rate, thread, plan.threads),
                Alarm::new(poll.registry(), ALARM)?,
            )),
        };
        let pattern = match plan.mode {
            Mode::Chat => Pattern::lines(plan.size, PIECE),
            _ => Pattern::stream(PIECE),
        };
        Ok(Self {
            plan,
            meter,
            poll,
            rooms,
            lost: 0,
            pattern,
            scratch: vec![0; PIECE].into(),
            schedule,
            turn: 0,
            ready: Vec::new(),
        })
    }

    /// Sends and receives until it has been enough.
    pub fn run(mut self) -> Result<Measured, BenchError> {
        let mut events = Events::with_capacity(1024);
        self.begin();
        while !self.meter.is_over(self.meter.now()) && self.lost < self.rooms.len() {
            self.send_what_is_due();
            let patience = self.patience()?;
            match self.poll.poll(&mut events, Some(patience)) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
            for (room, side) in std::mem::take(&mut self.ready) {
                self.attend(room, side, true, true);
            }
            for event in &events {
                self.handle(event);
            }
        }
        let on_their_way = self.rooms.iter().map(|room| room.flow.unanswered());
        let unanswered = match &self.schedule {
            Some((schedule, _)) => on_their_way.sum::<u64>() + schedule.overdue(self.meter.end()),
            // What is in flight at the end is just that.
            None => 0,
        };
        Ok(self.meter.finish(unanswered))
    }

    /// Without a schedule the first messages go out now, and each makes room for the next.
    fn begin(&mut self) {
        for room in 0..self.rooms.len() {
            if self.schedule.is_none() && !self.plan.bulk {
                let now = self.meter.now();
                (0..self.plan.depth).for_each(|_| self.rooms[room].flow.push(now));
            }
            self.attend(room, self.rooms[room].source, false, true);
        }
    }

    fn send_what_is_due(&mut self) {
        // Bounded: a rate that is too high must not keep the answers from being read.
        for _ in 0..SENDS {
            let Some((schedule, _)) = &mut self.schedule else {
                return;
            };
            let now = self.meter.now();
            let Some(intended) = schedule.take(now) else {
                return;
            };
            // Rooms take turns; those that are lost have none.
            let Some(room) = (0..self.rooms.len())
                .map(|step| (self.turn + step) % self.rooms.len())
                .find(|&room| !self.rooms[room].lost)
            else {
                return;
            };
            self.turn = room + 1;
            self.meter.record_late(now, intended);
            self.rooms[room].flow.push(intended);
            self.attend(room, self.rooms[room].source, false, true);
        }
    }

    fn patience(&self) -> io::Result<Duration> {
        if !self.ready.is_empty() {
            return Ok(Duration::ZERO);
        }
        match &self.schedule {
            None => Ok(NAP),
            Some((schedule, alarm)) => {
                let wait = schedule.peek().saturating_sub(self.meter.now());
                alarm.set(Duration::from_nanos(wait), NAP)
            }
        }
    }

    fn handle(&mut self, event: &Event) {
        if event.token() == ALARM {
            return;
        }
        let Token(token) = event.token();
        let side = if token % 2 == 0 { Side::X } else { Side::Y };
        let read = event.is_readable() || event.is_read_closed() || event.is_error();
        self.attend(token / 2, side, read, event.is_writable());
        if event.is_read_closed() {
            // The end behind the last bytes has given its only edge: the next turn reads it.
            self.ready.push((token / 2, side));
        }
    }

    fn attend(&mut self, room: usize, side: Side, read: bool, write: bool) {
        if self.rooms[room].lost {
            return;
        }
        let mut result = Ok(());
        if read {
            result = self.receive(room, side);
        }
        if result.is_ok() && write && self.rooms[room].source == side {
            result = self.send(room);
        }
        if let Err(why) = result {
            self.lose(room, why);
        }
    }

    fn lose(&mut self, room: usize, why: Lost) {
        let room = &mut self.rooms[room];
        room.lost = true;
        room.ends = [None, None];
        self.lost += 1;
        self.meter.lose(why);
    }

    fn send(&mut self, number: usize) -> Result<(), Lost> {
        let room = &mut self.rooms[number];
        let source = room.source;
        for _ in 0..TURN {
            let Some((offset, bytes)) = room.flow.to_write() else {
                return Ok(());
            };
            let piece = self.pattern.piece(offset, bytes.min(PIECE as u64) as usize);
            let Some(stream) = room.end(source) else {
                return Ok(());
            };
            match stream.write(piece) {
                Ok(bytes) => {
                    room.flow.wrote(bytes);
                    if bytes < piece.len() {
                        return Ok(());
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.to_string()),
            }
        }
        if room.flow.to_write().is_some() {
            self.ready.push((number, source));
        }
        Ok(())
    }

    fn receive(&mut self, number: usize, side: Side) -> Result<(), Lost> {
        for _ in 0..TURN {
            let bytes = match self.read(number, side) {
                Ok(0) => return Err("closed by the server".into()),
                Ok(bytes) => bytes,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.to_string()),
            };
            let room = &self.rooms[number];
            let right = room.sink() == side
                && (self.plan.discard
                    || self
                        .pattern
                        .matches(room.flow.expected(), &self.scratch[..bytes]));
            if !right {
                return Err("received something else than was sent".into());
            }
            self.arrived(number, bytes)?;
            if bytes < self.scratch.len() {
                return Ok(());
            }
        }
        self.ready.push((number, side));
        Ok(())
    }

    fn read(&mut self, number: usize, side: Side) -> io::Result<usize> {
        let Some(stream) = self.rooms[number].end(side) else {
            return Err(ErrorKind::WouldBlock.into());
        };
        #[cfg(target_os = "linux")]
        if self.plan.discard {
            use rustix::net::{RecvFlags, recv};
            let (_, bytes) = recv(stream, &mut self.scratch[..], RecvFlags::TRUNC)?;
            return Ok(bytes);
        }
        stream.read(&mut self.scratch)
    }

    /// Counts what came, and sends what it makes room for.
    fn arrived(&mut self, number: usize, bytes: usize) -> Result<(), Lost> {
        let now = self.meter.now();
        let room = &mut self.rooms[number];
        let complete = room.flow.take(bytes).ok_or("received more than was sent")?;
        if self.plan.bulk {
            self.meter.record_bytes(now, bytes as u64);
            return Ok(());
        }
        // Messages that went out together come in together: their common latency is recorded once.
        let mut left = complete;
        while left > 0 {
            let Some(intended) = room.flow.pop() else {
                break;
            };
            let mut together = 1;
            while together < left && room.flow.pop_if(intended) {
                together += 1;
            }
            left -= together;
            let size = self.plan.size as u64;
            self.meter.record(now, intended, together, size);
        }
        if self.plan.mode == Mode::Chat && complete > 0 {
            room.source = room.sink();
        }
        match self.schedule {
            None => (0..complete).for_each(|_| room.flow.push(now)),
            Some(_) => room.flow.begin(),
        }
        if complete > 0 {
            self.send(number)
        } else {
            Ok(())
        }
    }
}
