//! Kernel pipes.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::rc::Rc;

use rustix::io::Errno;

use super::SimStream;
use super::fault::Fault;
use super::wire::{Happening, Wire};

/// All pipes of the daemon's.
pub struct Pipes {
    pub open: usize,
    pub made: usize,
    /// Bytes that go into an empty one, whatever its size is said to be.
    pub room: usize,
    /// How often one that held bytes was to take more, so that EAGAIN had two meanings.
    pub overfilled: usize,
    /// Bytes that went through them.
    pub spliced: u64,
    /// What happens between the poll and the next splice.
    pub before_splice: Option<Happening>,
}

impl Pipes {
    pub fn new() -> Self {
        Self {
            open: 0,
            made: 0,
            room: usize::MAX,
            overfilled: 0,
            spliced: 0,
            before_splice: None,
        }
    }
}

/// A pipe of the daemon's. How much goes in has little to do with its size: it depends on how the bytes came.
pub struct SimPipe {
    wire: Rc<RefCell<Wire>>,
    bytes: VecDeque<u8>,
}

impl SimPipe {
    pub(super) fn new(wire: &Rc<RefCell<Wire>>) -> io::Result<Self> {
        let mut inner = wire.borrow_mut();
        if inner.faults.strike(Fault::NoPipe) {
            // EPERM: an unprivileged user's pages are used up, and the pipe could not be made as large as it is to be.
            let error = [Errno::MFILE, Errno::NFILE, Errno::PERM][inner.faults.rng.usize(..3)];
            return Err(error.into());
        }
        inner.pipes.open += 1;
        inner.pipes.made += 1;
        Ok(Self {
            wire: Rc::clone(wire),
            bytes: VecDeque::new(),
        })
    }

    /// splice(2) from a socket. `WouldBlock` has two meanings, as there: nothing to read, or no slot in the pipe.
    pub(super) fn fill(
        &mut self,
        wire: &mut Wire,
        stream: &mut SimStream,
        most: usize,
    ) -> io::Result<usize> {
        if !self.bytes.is_empty() {
            wire.pipes.overfilled += 1;
            return Err(ErrorKind::WouldBlock.into());
        }
        if wire.faults.strike(Fault::NotSpliceable) {
            return Err([Errno::INVAL, Errno::NOSYS][wire.faults.rng.usize(..2)].into());
        }
        if let Some(stopped) = wire.sockets[stream.socket].stops_splice() {
            return stopped;
        }
        let slots = match wire.faults.strike(Fault::FullPipe) {
            true => 1 + wire.faults.rng.usize(..4096),
            false => wire.pipes.room,
        };
        let mut buffer = vec![0; slots.min(most)];
        let read = wire.read(stream.socket, &mut buffer)?;
        wire.pipes.spliced += read as u64;
        self.bytes.extend(&buffer[..read]);
        Ok(read)
    }

    /// splice(2) to a socket.
    pub(super) fn drain(&mut self, stream: &mut SimStream, most: usize) -> io::Result<usize> {
        assert!(
            most <= self.bytes.len(),
            "more is asked of a pipe than went in"
        );
        let bytes = &self.bytes.make_contiguous()[..most];
        let written = self.wire.borrow_mut().write(stream.socket, bytes)?;
        self.bytes.drain(..written);
        Ok(written)
    }
}

impl Drop for SimPipe {
    fn drop(&mut self) {
        self.wire.borrow_mut().pipes.open -= 1;
    }
}
