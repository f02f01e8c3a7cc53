//! A network without a kernel: virtual time, sockets in memory, every fault on demand.
//!
//! [`SimNet`] is what the reactor holds, [`Wire`] is what is behind it and what peers reach into. The semantics are
//! Linux's, the readiness is edge-triggered epoll's.

mod cable;
mod calls;
mod events;
mod fault;
mod ledger;
mod pipe;
mod socket;
mod sockets;
mod terms;
mod wire;

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use pairloop::engine::ClientId;
use pairloop::reactor::{Event, Net};

pub use cable::{DIALED, address_of, nobody};
pub use fault::{Fault, Faults};
pub use ledger::{Entry, Way, mark};
pub use pipe::SimPipe;
pub use terms::{Capacity, End, Loss, SocketId};
pub use wire::Wire;

/// The peers: does what they want to do by now, and answers when the next of them wants something.
pub type Drive = Box<dyn FnMut(&mut Wire) -> Option<Duration>>;

/// How far ahead an action may lie that comes about in mid-turn.
const SOON: Duration = Duration::from_millis(5);

pub struct SimNet {
    wire: Rc<RefCell<Wire>>,
    drive: Drive,
}

impl SimNet {
    pub fn new(wire: Rc<RefCell<Wire>>, drive: Drive) -> Self {
        Self { wire, drive }
    }

    /// Opens a listener, for [`add_listener`](pairloop::reactor::Reactor::add_listener).
    pub fn listen(&mut self, number: usize) -> io::Result<SimListener> {
        self.wire.borrow_mut().open_listener(number);
        Ok(SimListener {
            wire: Rc::clone(&self.wire),
            number,
        })
    }

    /// Lets peers and cables do what is due, and answers when the next thing is.
    fn drive(drive: &mut Drive, wire: &mut Wire) -> Option<Duration> {
        let peers = drive(wire);
        peers.into_iter().chain(wire.carry()).min()
    }

    /// Time passes between two system calls, perhaps a lot of it.
    fn meanwhile(&mut self) {
        let wire = &mut *self.wire.borrow_mut();
        if wire.faults.strike(Fault::MidTurn) {
            let until = wire.now() + SOON;
            if let Some(next) = Self::drive(&mut self.drive, wire).filter(|&next| next <= until) {
                wire.advance_to(next);
                Self::drive(&mut self.drive, wire);
            }
        }
        if wire.faults.strike(Fault::Pause) {
            let start = wire.now();
            let until = wire.now() + Duration::from_millis(wire.faults.rng.u64(100..30_000));
            while let Some(next) = Self::drive(&mut self.drive, wire).filter(|&next| next <= until)
            {
                wire.advance_to(next);
            }
            wire.advance_to(until);
            wire.paused += until - start;
            log::trace!("paused until {until:?} from {:?}", start);
        }
    }
}

impl Net for SimNet {
    type Listener = SimListener;
    type Stream = SimStream;
    type Pipe = SimPipe;

    fn now(&self) -> Instant {
        self.wire.borrow().instant()
    }

    fn poll(&mut self, timeout: Option<Duration>, on_event: impl FnMut(Event)) -> io::Result<()> {
        self.meanwhile();
        let wire = &mut *self.wire.borrow_mut();
        wire.calls.polls += 1;
        let until = timeout.map(|timeout| wire.now() + timeout);
        let mut quiet = true;
        loop {
            let next = Self::drive(&mut self.drive, wire);
            if wire.has_pending() {
                break;
            }
            wire.polled = wire.now();
            if wire.frozen {
                return Ok(());
            }
            // A signal cuts a wait short; events that were there when it began would have been handed over.
            if std::mem::take(&mut quiet) && wire.faults.strike(Fault::InterruptedPoll) {
                return Err(io::ErrorKind::Interrupted.into());
            }
            match (next, until) {
                (Some(next), None) => wire.advance_to(next),
                (Some(next), Some(until)) if next < until => wire.advance_to(next),
                (_, Some(until)) => {
                    wire.advance_to(until);
                    break;
                }
                (None, None) => {
                    wire.idle = true;
                    return Ok(());
                }
            }
        }
        wire.polled = wire.now();
        wire.deliver(on_event);
        Ok(())
    }

    fn accept(&mut self, listener: &mut SimListener) -> io::Result<(SimStream, SocketAddr)> {
        self.meanwhile();
        let (socket, peer) = self.wire.borrow_mut().accept(listener.number)?;
        let wire = Rc::clone(&self.wire);
        Ok((SimStream { wire, socket }, peer))
    }

    fn connect(&mut self, to: SocketAddr) -> io::Result<SimStream> {
        self.meanwhile();
        let socket = self.wire.borrow_mut().dial(to)?;
        let wire = Rc::clone(&self.wire);
        Ok(SimStream { wire, socket })
    }

    fn is_connected(&mut self, stream: &mut SimStream) -> io::Result<bool> {
        self.meanwhile();
        self.wire.borrow_mut().is_connected(stream.socket)
    }

    fn register(&mut self, stream: &mut SimStream, id: ClientId) -> io::Result<()> {
        self.wire.borrow_mut().register(stream.socket, id)
    }

    fn read(&mut self, stream: &mut SimStream, buffer: &mut [u8]) -> io::Result<usize> {
        self.meanwhile();
        let wire = &mut *self.wire.borrow_mut();
        wire.advance_to(wire.now() + wire.reading_takes);
        wire.read(stream.socket, buffer)
    }

    fn write(&mut self, stream: &mut SimStream, bytes: &[u8]) -> io::Result<usize> {
        self.meanwhile();
        let wire = &mut *self.wire.borrow_mut();
        let written = wire.write(stream.socket, bytes);
        let to_it = |&mut (client, _): &mut (SocketId, _)| client == stream.socket;
        if let Some((_, happening)) = wire.after_write.take_if(to_it) {
            happening(wire);
        }
        written
    }

    fn shutdown_write(&mut self, stream: &mut SimStream) -> io::Result<()> {
        self.wire.borrow_mut().shutdown_write(stream.socket)
    }

    fn unacknowledged(&mut self, stream: &mut SimStream) -> io::Result<usize> {
        Ok(self.wire.borrow().unacknowledged(stream.socket))
    }

    fn pipe(&mut self) -> io::Result<SimPipe> {
        SimPipe::new(&self.wire)
    }

    fn splice_in(
        &mut self,
        stream: &mut SimStream,
        pipe: &mut SimPipe,
        most: usize,
    ) -> io::Result<usize> {
        self.meanwhile();
        let wire = &mut *self.wire.borrow_mut();
        if let Some(happening) = wire.pipes.before_splice.take() {
            happening(wire);
        }
        pipe.fill(wire, stream, most)
    }

    fn splice_out(
        &mut self,
        pipe: &mut SimPipe,
        stream: &mut SimStream,
        bytes: usize,
    ) -> io::Result<usize> {
        self.meanwhile();
        pipe.drain(stream, bytes)
    }

    fn close(&mut self, stream: SimStream) {
        self.wire.borrow_mut().close(stream.socket);
    }
}

/// The daemon's descriptor of a connection.
pub struct SimStream {
    wire: Rc<RefCell<Wire>>,
    socket: SocketId,
}

impl Drop for SimStream {
    fn drop(&mut self) {
        self.wire.borrow_mut().drop_stream(self.socket);
    }
}

/// The daemon's descriptor of a listener.
pub struct SimListener {
    wire: Rc<RefCell<Wire>>,
    number: usize,
}

impl Drop for SimListener {
    fn drop(&mut self) {
        self.wire.borrow_mut().close_listener(self.number);
    }
}
