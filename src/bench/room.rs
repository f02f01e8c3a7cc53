//! One room of a load that stays: its ends, and who sends.

use std::io;

use mio::net::TcpStream;
use mio::{Interest, Poll, Token};

use super::args::Mode;
use super::flow::Flow;
use super::plan::Plan;
use super::setup::Ends;

pub struct Room {
    pub ends: [Option<TcpStream>; 2],
    pub source: Side,
    pub flow: Flow,
    pub lost: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    X,
    Y,
}

impl Room {
    /// Makes the ends part of the poll: the tokens are twice the index, and one more for Y.
    pub fn register(plan: &Plan, poll: &Poll, index: usize, ends: Ends) -> io::Result<Self> {
        let register = |stream: std::net::TcpStream, side: Side| {
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            let both = Interest::READABLE | Interest::WRITABLE;
            let token = Token(2 * index + side as usize);
            poll.registry().register(&mut stream, token, both)?;
            io::Result::Ok(stream)
        };
        let limit = match (plan.mode, plan.rate) {
            (Mode::Chat, _) => 1,
            (_, Some(_)) => usize::MAX,
            (_, None) => plan.depth,
        };
        // Each room's stream begins elsewhere, so that bytes of another room are noticed.
        let seed = ends.number as u64 * 7919;
        Ok(Self {
            ends: [
                Some(register(ends.x, Side::X)?),
                ends.y.map(|y| register(y, Side::Y)).transpose()?,
            ],
            // X's line with the room's number has passed the turn on.
            source: if plan.mode == Mode::Chat {
                Side::Y
            } else {
                Side::X
            },
            flow: match (plan.bulk, plan.mode) {
                (true, _) => Flow::endless(seed),
                (_, Mode::Chat) => Flow::new(plan.size, limit, 0),
                _ => Flow::new(plan.size, limit, seed),
            },
            lost: false,
        })
    }

    /// Whom the source's bytes reach: of an echo, itself.
    pub fn sink(&self) -> Side {
        match (self.source, &self.ends[1]) {
            (Side::X, Some(_)) => Side::Y,
            _ => Side::X,
        }
    }

    pub fn end(&mut self, side: Side) -> Option<&mut TcpStream> {
        self.ends[side as usize].as_mut()
    }
}
