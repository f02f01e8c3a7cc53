//! One attacking connection.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use crate::attack::{Attack, Reader, Target, Then, Unit};
use crate::attacker::Sums;
use crate::common::users::{base64, message};
use crate::dial::{Dial, source};

/// Small pieces that are sent, and reads, in a turn.
const TURN: usize = 16;

/// How far apart sips are.
const SIP: Duration = Duration::from_millis(20);

/// The least that the kernel gives.
const NO_ROOM: usize = 1;

pub struct Connection {
    pub stream: Option<TcpStream>,
    index: usize,
    /// What is to be said, and how much of it was.
    words: Vec<u8>,
    said: usize,
    /// The answer so far, where it is looked at.
    heard: Vec<u8>,
    /// When it does something by itself.
    due: Option<Instant>,
}

/// How it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Go {
    /// Something must come first: bytes, room or time.
    Wait,
    /// Its turn is over, not its work.
    Ready,
    /// It is over, and begins anew.
    Again,
}

impl Connection {
    pub fn new(index: usize) -> Self {
        Self {
            stream: None,
            index,
            words: Vec::new(),
            said: 0,
            heard: Vec::new(),
            due: None,
        }
    }

    /// Connects, as the connection with this number since the attack began.
    pub fn open(&mut self, attack: &Attack, at: SocketAddr, number: u64) -> io::Result<()> {
        let [_, second, third, last] = (number as u32).to_be_bytes();
        let from = match attack.everywhere {
            // Beside the addresses of all others; none ends in 0 or 255.
            true => Ipv4Addr::new(127, 64 | second & 63, third, last.clamp(1, 254)),
            false => source(self.index),
        };
        let room = match attack.then {
            Then::Bulk(_, Reader::Deaf) if self.is_reader() => Some(NO_ROOM),
            Then::Bulk(_, Reader::Sipping) if self.is_reader() => Some(4096),
            _ => None,
        };
        let abrupt = attack.then != Then::Close;
        let dial = Dial {
            from,
            to: at,
            abrupt,
            room,
        };
        self.stream = Some(dial.dial()?);
        self.words = (attack.words)(self.index, number);
        self.said = 0;
        self.heard.clear();
        // Spread, so that not all do the same at the same time.
        self.due = attack
            .pause
            .map(|pause| Instant::now() + pause * (self.index as u32 % 100) / 100);
        Ok(())
    }

    fn is_reader(&self) -> bool {
        self.index % 2 == 1
    }

    /// Does what it can, after the kernel has said that there is something.
    pub fn attend(&mut self, attack: &Attack, sums: &mut Sums, scratch: &mut [u8]) -> Go {
        match self.advance(attack, sums, scratch) {
            Ok(go) => go,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Go::Wait,
            Err(error) if error.kind() == ErrorKind::NotConnected => Go::Wait,
            Err(_) => Go::Again,
        }
    }

    /// Whether its time has come.
    pub fn is_due(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| now >= due)
    }

    fn advance(&mut self, attack: &Attack, sums: &mut Sums, scratch: &mut [u8]) -> io::Result<Go> {
        if self.said < self.words.len() {
            match attack.pause {
                None => self.say(self.words.len(), sums)?,
                Some(pause) => return self.trickle(pause, sums, scratch),
            }
        }
        match attack.then {
            Then::Close | Then::Reset => Ok(Go::Again),
            Then::Listen => self.listen(scratch),
            Then::Guess => self.guess(sums, scratch),
            Then::Stay(time) => {
                let now = Instant::now();
                let until = *self.due.get_or_insert(now + time);
                match now >= until {
                    true => Ok(Go::Again),
                    false => self.listen(scratch),
                }
            }
            Then::Bulk(piece, _) if !self.is_reader() => self.feed(attack, sums, &scratch[..piece]),
            Then::Bulk(_, reader) => self.take(attack, reader, sums, scratch),
        }
    }

    fn stream(&mut self) -> io::Result<&mut TcpStream> {
        self.stream.as_mut().ok_or(ErrorKind::BrokenPipe.into())
    }

    fn say(&mut self, end: usize, sums: &mut Sums) -> io::Result<()> {
        while self.said < end {
            let (words, said) = (std::mem::take(&mut self.words), self.said);
            let written = self
                .stream()
                .and_then(|stream| stream.write(&words[said..end]));
            self.words = words;
            let bytes = written?;
            self.said += bytes;
            sums.bytes += bytes as u64;
        }
        Ok(())
    }

    fn trickle(&mut self, pause: Duration, sums: &mut Sums, scratch: &mut [u8]) -> io::Result<Go> {
        let now = Instant::now();
        if self.is_due(now) {
            self.say(self.said + 1, sums)?;
            self.due = Some(now + pause);
        }
        self.listen(scratch)
    }

    fn listen(&mut self, scratch: &mut [u8]) -> io::Result<Go> {
        while self.stream()?.read(scratch)? > 0 {}
        Ok(Go::Again)
    }

    fn guess(&mut self, sums: &mut Sums, scratch: &mut [u8]) -> io::Result<Go> {
        loop {
            let bytes = self.stream()?.read(&mut scratch[..1024])?;
            if bytes == 0 {
                return Ok(Go::Again);
            }
            self.heard.extend(&scratch[..bytes]);
            if self.heard.starts_with(b"AUTH ") && self.heard.ends_with(b"\n") {
                let line = String::from_utf8_lossy(&self.heard).trim_end().to_owned();
                let first = String::from_utf8_lossy(&message(&line)).into_owned();
                let nonce = first.split(',').next().unwrap_or_default();
                let proof = format!("c=biws,{nonce},p={}", base64([0; 32]));
                self.words
                    .extend(format!("AUTH {}\n", base64(proof)).bytes());
                self.heard.clear();
                self.say(self.words.len(), sums)?;
            }
        }
    }

    fn feed(&mut self, attack: &Attack, sums: &mut Sums, piece: &[u8]) -> io::Result<Go> {
        for _ in 0..(TURN / piece.len()).max(1) {
            let bytes = self.stream()?.write(piece)?;
            sums.bytes += bytes as u64;
            sums.units += f64::from(u8::from(attack.unit == Unit::Piece));
        }
        Ok(Go::Ready)
    }

    fn take(
        &mut self,
        attack: &Attack,
        reader: Reader,
        sums: &mut Sums,
        scratch: &mut [u8],
    ) -> io::Result<Go> {
        let now = Instant::now();
        match reader {
            Reader::Deaf => return Ok(Go::Wait),
            Reader::Sipping => {
                if self.due.is_none_or(|due| now >= due) {
                    self.due = Some(now + SIP);
                    let most = 1 + (self.index * 37 + sums.bytes as usize) % 100;
                    let bytes = self.stream()?.read(&mut scratch[..most])?;
                    sums.units += f64::from(u8::from(attack.unit == Unit::Piece));
                    return Ok(if bytes == 0 { Go::Again } else { Go::Wait });
                }
                return Ok(Go::Wait);
            }
            Reader::Whole => {}
        }
        for _ in 0..TURN {
            if self.stream()?.read(scratch)? == 0 {
                return Ok(Go::Again);
            }
        }
        Ok(Go::Ready)
    }
}

impl Target {
    /// The listeners' URLs, in the order of their numbers; `locked` has users.
    pub fn urls(locked: &str) -> [String; 7] {
        [
            "relay://127.0.0.1:0",
            "relay://127.0.0.1:0?rooms=named",
            "relay://127.0.0.1:0",
            "transit://127.0.0.1:0",
            "order://127.0.0.1:0",
            locked,
            "relay://127.0.0.1:0?rooms=named&proxy=on&trust=127.0.0.0/8",
        ]
        .map(str::to_owned)
    }
}
