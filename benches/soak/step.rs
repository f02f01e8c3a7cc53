//! What one end of a room does, step by step: says, hears, waits, leaves.
//!
//! Each step is whole before the next begins, so an end is a list of them and a place in it. Streams are noise that is
//! different at each position and for each seed: what is lost, doubled, or another room's, is seen at once.

use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use pairloop::scram::client::{Exchange, Proven};
use socket2::SockRef;

use crate::common::Noise;
use crate::login;

/// Reads and writes of one end in a turn.
const TURN: usize = 8;

/// How far apart sips are, and the most bytes of one.
const SIP: Duration = Duration::from_millis(20);
const SIP_BYTES: usize = 100;

pub enum Step {
    Say(Vec<u8>),
    /// Bytes of the stream with this number, up to this position.
    SayNoise(u64, u64),
    /// Nothing else than one of these.
    Hear(Vec<Vec<u8>>),
    HearNoise(u64, u64),
    /// The same, a few bytes at a time, for so long.
    Sip(u64, Duration),
    /// A line that begins so.
    HearLine(&'static str),
    /// Whatever comes, up to the end, be it FIN or RST.
    HearAnything,
    Wait(Duration),
    /// FIN.
    Finish,
    /// FIN and not a byte before it.
    HearEnd,
    /// An in-order part of this stream, and then RST; FIN would say that it was all.
    HearCut(u64),
    /// Leaves with RST.
    Reset,
    /// Begins a login in this room; the answer to it; what is said to that.
    LogIn(String),
    Prove(Exchange),
    Verify(Proven),
}

/// How it goes on.
#[derive(Debug, PartialEq, Eq)]
pub enum Go {
    /// The kernel must say that there is more.
    Blocked,
    /// At that time.
    Until(Instant),
    /// Its turn is over, not its work.
    Ready,
    /// All steps are done.
    Done,
}

/// One step on its way.
#[derive(Default)]
pub struct Place {
    /// Bytes of the step that are done.
    done: usize,
    /// Positions in the streams that are sent and heard.
    sent: u64,
    heard: u64,
    /// What has come of a line or of one of several texts.
    text: Vec<u8>,
    since: Option<Instant>,
    next_sip: Option<Instant>,
    /// Which of several texts came.
    pub chosen: usize,
    /// Bytes that came and were right.
    pub right: u64,
}

/// Why it can't be right any more.
#[derive(Debug)]
pub struct Wrong {
    pub words: String,
    /// The connection was reset.
    pub cut: bool,
}

impl From<io::Error> for Wrong {
    fn from(error: io::Error) -> Self {
        Self {
            cut: is_cut(&error),
            words: error.to_string(),
        }
    }
}

pub struct Tools<'a> {
    pub noise: &'a [Noise],
    pub scratch: &'a mut [u8],
    pub now: Instant,
    /// Whoever waits is to wait no longer.
    pub hurry: bool,
}

impl Tools<'_> {
    fn stream(&self, number: u64, position: u64) -> &[u8] {
        let count = self.noise.len() as u64;
        // One of a few blocks, begun somewhere else for each number.
        self.noise[(number % count) as usize].from(position + number / count * 7919)
    }
}

impl Place {
    /// Does as much of a step as can be done now. `Done` if that is all; then the step may have become another.
    pub fn advance(
        &mut self,
        step: &mut Step,
        stream: &mut TcpStream,
        tools: &mut Tools<'_>,
    ) -> Result<Go, Wrong> {
        let outcome = match step {
            Step::Say(words) => self.say(words, stream),
            Step::SayNoise(number, end) => self.say_noise(*number, *end, stream, tools),
            Step::Hear(texts) => self.hear(texts, stream),
            Step::HearNoise(number, end) => self.hear_noise(*number, *end, stream, tools),
            Step::Sip(number, time) => self.sip(*number, *time, stream, tools),
            Step::HearLine(start) => {
                self.line(stream)
                    .and_then(|line| match line.starts_with(*start) {
                        true => Ok(Go::Done),
                        false => Err(other(format!("{line:?} in place of {start:?}"))),
                    })
            }
            Step::HearAnything => match drain(stream, tools.scratch) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => Err(error),
                _ => Ok(Go::Done),
            },
            Step::Wait(time) => Ok(self.wait(*time, tools)),
            Step::Finish => stream.shutdown(Shutdown::Write).map(|()| Go::Done),
            Step::HearEnd => match stream.read(&mut tools.scratch[..1]) {
                Ok(0) => Ok(Go::Done),
                Ok(_) => Err(other("a byte after the last".into())),
                Err(error) => Err(error),
            },
            Step::HearCut(number) => self.hear_cut(*number, stream, tools),
            Step::Reset => SockRef::from(&*stream)
                .set_linger(Some(Duration::ZERO))
                .map(|()| Go::Done),
            Step::LogIn(_) | Step::Prove(_) | Step::Verify(_) => self.log_in(step, stream),
        };
        match outcome {
            Err(error) if is_early(&error) => Ok(Go::Blocked),
            outcome => Ok(outcome?),
        }
    }

    /// The step is done: the next one begins anew, but for the streams.
    pub fn begin_next(&mut self) {
        self.done = 0;
        self.text.clear();
        self.since = None;
    }

    fn say(&mut self, words: &[u8], stream: &mut TcpStream) -> io::Result<Go> {
        while self.done < words.len() {
            self.done += stream.write(&words[self.done..])?;
        }
        Ok(Go::Done)
    }

    fn say_noise(
        &mut self,
        number: u64,
        end: u64,
        stream: &mut TcpStream,
        tools: &Tools<'_>,
    ) -> io::Result<Go> {
        for _ in 0..TURN {
            if self.sent == end {
                return Ok(Go::Done);
            }
            let bytes = tools.stream(number, self.sent);
            let most = bytes.len().min((end - self.sent).min(128 * 1024) as usize);
            self.sent += stream.write(&bytes[..most])? as u64;
        }
        Ok(Go::Ready)
    }

    fn hear(&mut self, texts: &[Vec<u8>], stream: &mut TcpStream) -> io::Result<Go> {
        loop {
            if let Some(place) = texts.iter().position(|text| *text == self.text) {
                self.chosen = place;
                self.right += self.text.len() as u64;
                return Ok(Go::Done);
            }
            if !texts.iter().any(|text| text.starts_with(&self.text)) {
                let text = String::from_utf8_lossy(&self.text);
                return Err(other(format!("other words than expected: {text:?}")));
            }
            self.byte(stream)?;
        }
    }

    /// One byte, so that nothing is taken that belongs to the next step.
    fn byte(&mut self, stream: &mut TcpStream) -> io::Result<()> {
        let mut byte = [0];
        if stream.read(&mut byte)? == 0 {
            return Err(other("FIN too early".into()));
        }
        self.text.push(byte[0]);
        Ok(())
    }

    fn line(&mut self, stream: &mut TcpStream) -> io::Result<String> {
        while self.text.last() != Some(&b'\n') {
            self.byte(stream)?;
        }
        Ok(String::from_utf8_lossy(&self.text).trim_end().to_owned())
    }

    /// One read of a stream, compared.
    fn compare(
        &mut self,
        number: u64,
        most: usize,
        stream: &mut TcpStream,
        tools: &mut Tools<'_>,
    ) -> io::Result<usize> {
        let bytes = stream.read(&mut tools.scratch[..most])?;
        let (mut compared, scratch) = (0, &tools.scratch[..bytes]);
        while compared < bytes {
            let expected = tools.stream(number, self.heard + compared as u64);
            let length = expected.len().min(bytes - compared);
            if scratch[compared..compared + length] != expected[..length] {
                return Err(other(format!(
                    "other bytes than sent, from {} on",
                    self.heard
                )));
            }
            compared += length;
        }
        self.heard += bytes as u64;
        self.right += bytes as u64;
        Ok(bytes)
    }

    fn hear_noise(
        &mut self,
        number: u64,
        end: u64,
        stream: &mut TcpStream,
        tools: &mut Tools<'_>,
    ) -> io::Result<Go> {
        for _ in 0..TURN {
            if self.heard >= end {
                return Ok(Go::Done);
            }
            let most = tools.scratch.len().min((end - self.heard) as usize);
            if self.compare(number, most, stream, tools)? == 0 {
                return Err(other(format!("FIN after {} bytes of {end}", self.heard)));
            }
        }
        Ok(Go::Ready)
    }

    fn sip(
        &mut self,
        number: u64,
        time: Duration,
        stream: &mut TcpStream,
        tools: &mut Tools<'_>,
    ) -> io::Result<Go> {
        if self.wait(time, tools) == Go::Done {
            return Ok(Go::Done);
        }
        let due = *self.next_sip.get_or_insert(tools.now);
        if tools.now < due {
            return Ok(Go::Until(due));
        }
        let next = tools.now + SIP;
        self.next_sip = Some(next);
        let most = 1 + (self.heard as usize * 31) % SIP_BYTES;
        match self.compare(number, most, stream, tools) {
            Ok(0) => Err(other("FIN for whoever reads slowly".into())),
            Err(error) if !is_early(&error) => Err(error),
            _ => Ok(Go::Until(next)),
        }
    }

    fn hear_cut(
        &mut self,
        number: u64,
        stream: &mut TcpStream,
        tools: &mut Tools<'_>,
    ) -> io::Result<Go> {
        for _ in 0..TURN {
            let most = tools.scratch.len();
            match self.compare(number, most, stream, tools) {
                Ok(0) => return Err(other("FIN behind a stream that was cut off".into())),
                Err(error) if is_cut(&error) => return Ok(Go::Done),
                Err(error) => return Err(error),
                Ok(_) => {}
            }
        }
        Ok(Go::Ready)
    }

    fn wait(&mut self, time: Duration, tools: &Tools<'_>) -> Go {
        let until = *self.since.get_or_insert(tools.now) + time;
        match tools.hurry || tools.now >= until {
            true => Go::Done,
            false => Go::Until(until),
        }
    }

    fn log_in(&mut self, step: &mut Step, stream: &mut TcpStream) -> io::Result<Go> {
        let line = match step {
            Step::LogIn(_) => String::new(),
            _ => self.line(stream)?,
        };
        self.text.clear();
        login::advance(step, &line, stream)
    }
}

fn drain(stream: &mut TcpStream, scratch: &mut [u8]) -> io::Result<()> {
    while stream.read(scratch)? > 0 {}
    Ok(())
}

fn is_early(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::NotConnected
    )
}

fn is_cut(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

pub fn other(words: String) -> io::Error {
    io::Error::other(words)
}
