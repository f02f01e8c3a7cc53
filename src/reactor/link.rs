//! Links: the bytes of one connection on their way to another.
//!
//! A link runs without asking the engine. It reads only when its sink has sent everything that it was given
//! before, so a slow sink stops its own source and costs at most one read of memory. What wakes it again:
//!
//! - the source has nothing to read: the source's next readable edge;
//! - the sink has unsent bytes: the sink's next writable edge, which sends them and then pulls at the source;
//! - the turn's budget is spent: the source stands in line again, now with those who move much.

use std::io::ErrorKind;

use crate::engine::ClientId;
use crate::limits::{BULK, SCRATCH, STREAK, TRICKLE};

use super::net::Net;
use super::readiness::Readiness;
use super::work::Read;
use super::{Reactor, retry};

/// How a link moves its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Through the process: read into the scratch buffer, written from there.
    Copied,
    /// Through a pipe in the kernel.
    Spliced,
}

/// Which way a connection's next bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the engine.
    Engine,
    /// To this connection, in this manner.
    Link(ClientId, Transport),
}

/// Which links splice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Splicing {
    Never,
    /// Those through which much flows.
    Adaptive,
    /// All of them, from the first byte. Not offered to operators: with hundreds of links that begin like this, the
    /// receivers' windows never open.
    Always,
}

/// One direction of raw forwarding, kept at its source. The sink is the source's partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    pub transport: Transport,
    /// Reads in a row that spoke for the other transport; `FIXED` if it is not to change.
    streak: u8,
    /// There was more to read than a turn allows, and it has not become a trickle since.
    pub heavy: bool,
}

/// No streak is so long.
const FIXED: u8 = u8::MAX;

impl Link {
    pub fn new(splicing: Splicing) -> Self {
        let transport = match splicing {
            Splicing::Always => Transport::Spliced,
            Splicing::Adaptive | Splicing::Never => Transport::Copied,
        };
        Self {
            transport,
            streak: match splicing {
                Splicing::Adaptive => 0,
                Splicing::Always | Splicing::Never => FIXED,
            },
            heavy: false,
        }
    }

    /// Copies from now on, whatever flows.
    pub fn give_up_splicing(&mut self) {
        self.transport = Transport::Copied;
        self.streak = FIXED;
    }

    /// Chooses the transport by what flows: splicing costs system calls, copying costs bytes.
    pub fn adapt(&mut self, bytes: usize) {
        self.heavy &= bytes >= TRICKLE;
        let other = match self.transport {
            _ if self.streak == FIXED => return,
            Transport::Copied if bytes >= BULK => Transport::Spliced,
            Transport::Spliced if bytes < TRICKLE => Transport::Copied,
            _ => {
                self.streak = 0;
                return;
            }
        };
        self.streak += 1;
        if self.streak == STREAK {
            self.transport = other;
            self.streak = 0;
        }
    }
}

impl<N: Net> Reactor<N> {
    /// Reads and passes on, until nothing is there, nobody takes it, or the budget is spent.
    #[inline(never)]
    pub(super) fn pull(&mut self, id: ClientId, mut budget: usize) {
        while budget > 0 {
            match self.pull_once(id, budget) {
                Some(bytes) => budget -= bytes,
                None => return,
            }
        }
        if let Some(connection) = self.connections.get_mut(id)
            && let Some(link) = &mut connection.link
        {
            link.heavy = true;
        }
        self.enqueue(id);
    }

    /// One read and what follows from it. `None` if there is nothing more to read: something else will wake this
    /// connection.
    fn pull_once(&mut self, id: ClientId, budget: usize) -> Option<usize> {
        let connection = self.connections.get(id);
        let connection = connection.filter(|connection| connection.wants_reading())?;
        self.pull_along(id, connection.way(), budget)
    }

    /// The same for a connection that wants reading, and whose bytes go this way.
    #[inline(always)]
    pub(super) fn pull_along(&mut self, id: ClientId, way: Way, budget: usize) -> Option<usize> {
        let (sink, transport) = match way {
            Way::Link(sink, transport) => (sink, transport),
            Way::Engine => {
                // One read at a time: what the engine has just decided, others do first.
                if self.feed(id) {
                    self.enqueue(id);
                }
                return None;
            }
        };
        self.connections
            .get(sink)
            .filter(|sink| sink.takes_bytes())?;
        match transport {
            Transport::Spliced => self.splice_once(id, sink, budget),
            Transport::Copied => self.copy_once(id, sink, budget),
        }
    }

    /// A read into the scratch buffer and a write from there. This is where small messages pass, so that all of it is
    /// inlined into the turn of a connection, and what is rare or takes a while anyway is not.
    #[inline(always)]
    pub(super) fn copy_once(
        &mut self,
        id: ClientId,
        sink: ClientId,
        budget: usize,
    ) -> Option<usize> {
        let most = self.buffers.allowance().min(budget).min(SCRATCH);
        let Read { bytes, more } = self.read(id, 0..most)?;
        self.push(sink, bytes);
        more.then_some(bytes)
    }

    /// Writes the first `bytes` of the scratch buffer to a sink that takes bytes, and keeps what it leaves.
    #[inline(always)]
    fn push(&mut self, sink: ClientId, bytes: usize) {
        let Some(connection) = self.connections.get_mut(sink) else {
            return;
        };
        let bytes = &self.scratch[..bytes];
        let mut sent = 0;
        if connection.readiness.has(Readiness::WRITABLE) {
            match retry(|| self.net.write(&mut connection.stream, bytes)) {
                Ok(count) => sent = count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return self.write_failed(sink, &error),
            }
        }
        connection.last_taken = self.moment;
        if sent < bytes.len() {
            connection.readiness.remove(Readiness::WRITABLE);
            self.buffers.keep(&mut connection.unsent, &bytes[sent..]);
            self.watch_for_stall(sink);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads of this size, as many as decide.
    fn read(link: &mut Link, bytes: usize) -> Transport {
        (0..STREAK).for_each(|_| link.adapt(bytes));
        link.transport
    }

    #[test]
    fn a_streak_of_large_reads_begins_splicing_and_one_of_small_reads_ends_it() {
        use Transport::{Copied, Spliced};
        let mut link = Link::new(Splicing::Adaptive);
        for (bytes, transport) in [
            (64, Copied),
            (BULK - 1, Copied),
            (BULK, Spliced),
            (TRICKLE, Spliced),
            (TRICKLE - 1, Copied),
        ] {
            assert_eq!(read(&mut link, bytes), transport, "after reads of {bytes}");
        }
        for _ in 0..3 {
            (1..STREAK).for_each(|_| link.adapt(BULK));
            link.adapt(BULK - 1);
        }
        assert_eq!(link.transport, Copied, "they were not in a row");
    }

    #[test]
    fn a_stream_that_becomes_a_trickle_is_light_again_however_it_moves() {
        for splicing in [Splicing::Never, Splicing::Adaptive, Splicing::Always] {
            let mut link = Link::new(splicing);
            assert!(!link.heavy);
            link.heavy = true;
            for bytes in [BULK, SCRATCH, TRICKLE] {
                link.adapt(bytes);
                assert!(link.heavy, "{bytes} bytes are no trickle");
            }
            link.adapt(TRICKLE - 1);
            assert!(!link.heavy);
            // Not by what one read brings, but by what a turn leaves.
            link.adapt(SCRATCH);
            assert!(!link.heavy);
        }
    }
}
