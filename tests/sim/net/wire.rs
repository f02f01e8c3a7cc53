//! Everything behind [`SimNet`](super::SimNet): time, sockets, listeners, and the edges that a poll will report.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use pairloop::engine::ClientId;
use pairloop::reactor::{Readiness, Signal};
use rustix::io::Errno;

use super::fault::{Fault, Faults};
use super::ledger::{Entry, Way};
use super::pipe::Pipes;
use super::socket::{Capacity, End, Loss, Socket, SocketId};

/// System calls so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    pub polls: u64,
    pub accepts: u64,
    pub reads: u64,
    pub writes: u64,
}

/// Which edge is pending, in the order in which they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pending {
    Socket(SocketId),
    Listener(usize),
    Signal(Signal),
}

#[derive(Default)]
struct Listener {
    open: bool,
    queue: VecDeque<SocketId>,
    /// Those who were accepted and registered, in order.
    joined: Vec<SocketId>,
}

pub struct Wire {
    base: Instant,
    now: Duration,
    pub(super) sockets: Vec<Socket>,
    listeners: Vec<Listener>,
    pub(super) pending: Vec<Pending>,
    /// Sockets on which something has changed for their peers.
    news: Vec<SocketId>,
    /// Ids that were freed, the latest last.
    pub(super) freed: Vec<ClientId>,
    pub faults: Faults,
    pub calls: Calls,
    /// Bytes read and written by the daemon.
    pub moved: u64,
    /// Events handed over.
    pub events: u64,
    /// Descriptors that the daemon holds.
    pub open_streams: usize,
    pub open_listeners: usize,
    pub pipes: Pipes,
    /// A poll would have waited for ever.
    pub idle: bool,
    /// Time stands still: a poll that finds nothing returns.
    pub frozen: bool,
    /// Listeners whose sockets the ledger is about.
    pub(super) watched: Vec<usize>,
    pub ledger: Vec<Entry>,
    /// When the last poll returned.
    pub(super) polled: Duration,
}

impl Wire {
    pub fn new(faults: Faults) -> Self {
        Self {
            base: Instant::now(),
            now: Duration::ZERO,
            sockets: Vec::new(),
            listeners: Vec::new(),
            pending: Vec::new(),
            news: Vec::new(),
            freed: Vec::new(),
            faults,
            calls: Calls::default(),
            moved: 0,
            events: 0,
            open_streams: 0,
            open_listeners: 0,
            pipes: Pipes::new(),
            idle: false,
            frozen: false,
            watched: Vec::new(),
            ledger: Vec::new(),
            polled: Duration::ZERO,
        }
    }

    /// Time since the beginning.
    pub fn now(&self) -> Duration {
        self.now
    }

    pub fn instant(&self) -> Instant {
        self.base + self.now
    }

    pub fn advance_to(&mut self, time: Duration) {
        self.now = self.now.max(time);
    }

    pub(super) fn raise(&mut self, socket: SocketId, edge: Readiness) {
        let state = &mut self.sockets[socket];
        if edge == Readiness::default() || state.id.is_none() || !state.is_open() {
            return;
        }
        if state.edge == Readiness::default() {
            self.pending.push(Pending::Socket(socket));
        }
        state.edge.add(edge);
    }

    fn raise_listener(&mut self, number: usize) {
        if !self.pending.contains(&Pending::Listener(number)) {
            self.pending.push(Pending::Listener(number));
        }
    }

    fn tell_peer(&mut self, socket: SocketId) {
        if !std::mem::replace(&mut self.sockets[socket].in_news, true) {
            self.news.push(socket);
        }
    }
}

/// What peers do.
impl Wire {
    /// Connects to a listener. If it is closed, the connection is refused.
    pub fn connect(&mut self, listener: usize, capacity: Capacity) -> SocketId {
        let socket = self.sockets.len();
        self.sockets.push(Socket::new(listener, capacity));
        if self.listeners[listener].open {
            self.listeners[listener].queue.push_back(socket);
            self.raise_listener(listener);
        } else {
            self.sockets[socket].reset();
        }
        socket
    }

    /// Room for bytes to the daemon.
    pub fn room(&self, socket: SocketId) -> usize {
        self.sockets[socket].room()
    }

    pub fn send(&mut self, socket: SocketId, bytes: &[u8]) {
        let edge = self.sockets[socket].arrive(bytes);
        self.enter(socket, Way::Arrived, bytes.len());
        self.raise(socket, edge);
    }

    /// Sends a byte as urgent data.
    pub fn send_urgent(&mut self, socket: SocketId, byte: u8) {
        let edge = self.sockets[socket].arrive_urgent(byte);
        self.raise(socket, edge);
    }

    pub fn send_fin(&mut self, socket: SocketId) {
        let edge = self.sockets[socket].arrive_fin();
        self.raise(socket, edge);
    }

    pub fn lose(&mut self, socket: SocketId, loss: Loss) {
        let edge = self.sockets[socket].lose(loss);
        self.raise(socket, edge);
    }

    /// Takes bytes that the daemon has sent.
    pub fn take(&mut self, socket: SocketId, most: usize) -> Vec<u8> {
        let eager = socket.is_multiple_of(2);
        let (bytes, edge) = self.sockets[socket].take(most, eager);
        self.raise(socket, edge);
        bytes
    }

    /// Bytes that could be taken.
    pub fn waiting(&self, socket: SocketId) -> usize {
        self.sockets[socket].waiting()
    }

    pub fn end(&self, socket: SocketId) -> Option<End> {
        self.sockets[socket].end()
    }

    /// Whether the daemon has it open.
    pub fn is_held(&self, socket: SocketId) -> bool {
        self.sockets[socket].is_open()
    }

    /// Whether bytes from the peer are answered with RST.
    pub fn is_gone(&self, socket: SocketId) -> bool {
        self.sockets[socket].is_gone()
    }

    /// Sockets on which something has changed for their peers since this was last asked.
    pub fn take_news(&mut self) -> Vec<SocketId> {
        for &socket in &self.news {
            self.sockets[socket].in_news = false;
        }
        std::mem::take(&mut self.news)
    }

    pub fn signal(&mut self, signal: Signal) {
        self.pending.push(Pending::Signal(signal));
    }

    /// Those who were let in, in order.
    pub fn joined(&self, listener: usize) -> &[SocketId] {
        &self.listeners[listener].joined
    }

    /// Whether a fault of the system has struck this connection.
    pub fn is_struck(&self, socket: SocketId) -> bool {
        self.sockets[socket].struck
    }

    pub fn id(&self, socket: SocketId) -> Option<ClientId> {
        self.sockets[socket].id
    }
}

/// System calls.
impl Wire {
    pub(super) fn open_listener(&mut self, number: usize) {
        assert_eq!(number, self.listeners.len());
        self.open_listeners += 1;
        self.listeners.push(Listener {
            open: true,
            ..Listener::default()
        });
    }

    pub(super) fn close_listener(&mut self, number: usize) {
        self.open_listeners -= 1;
        self.listeners[number].open = false;
        self.pending
            .retain(|&edge| edge != Pending::Listener(number));
        for socket in std::mem::take(&mut self.listeners[number].queue) {
            self.sockets[socket].reset();
            self.tell_peer(socket);
        }
    }

    pub(super) fn accept(&mut self, number: usize) -> io::Result<(SocketId, SocketAddr)> {
        self.calls.accepts += 1;
        if self.faults.strike(Fault::InterruptedAccept) {
            return Err(ErrorKind::Interrupted.into());
        }
        // accept(2) takes a descriptor before it looks at the queue.
        if self.faults.strike(Fault::NoDescriptor) {
            return Err(Errno::MFILE.into());
        }
        if self.listeners[number].queue.is_empty() {
            return Err(ErrorKind::WouldBlock.into());
        }
        if self.faults.strike(Fault::EagainAccept) {
            self.raise_listener(number);
            return Err(ErrorKind::WouldBlock.into());
        }
        let next = self.listeners[number].queue.pop_front();
        let socket = next.expect("it was just seen");
        if self.faults.strike(Fault::AbortedAccept) {
            self.sockets[socket].reset();
            self.tell_peer(socket);
            return Err(ErrorKind::ConnectionAborted.into());
        }
        self.open_streams += 1;
        let port = 1024 + (socket % 60_000) as u16;
        Ok((socket, (Ipv4Addr::LOCALHOST, port).into()))
    }

    pub(super) fn register(&mut self, socket: SocketId, id: ClientId) -> io::Result<()> {
        if self.faults.strike(Fault::RegisterFails) {
            let error = [Errno::NOSPC, Errno::NOMEM][self.faults.rng.usize(..2)];
            return Err(error.into());
        }
        let state = &mut self.sockets[socket];
        assert!(state.id.is_none(), "{id} is registered twice");
        state.id = Some(id);
        let (edge, listener) = (state.state(), state.listener);
        self.listeners[listener].joined.push(socket);
        self.raise(socket, edge);
        Ok(())
    }

    pub(super) fn read(&mut self, socket: SocketId, buffer: &mut [u8]) -> io::Result<usize> {
        self.calls.reads += 1;
        let (result, edge) = self.sockets[socket].read(buffer, &mut self.faults);
        self.moved += *result.as_ref().unwrap_or(&0) as u64;
        if let Ok(bytes) = result {
            self.enter(socket, Way::Read, bytes);
        }
        self.raise(socket, edge);
        self.tell_peer(socket);
        result
    }

    pub(super) fn write(&mut self, socket: SocketId, bytes: &[u8]) -> io::Result<usize> {
        self.calls.writes += 1;
        let (result, edge) = self.sockets[socket].write(bytes, &mut self.faults);
        self.moved += *result.as_ref().unwrap_or(&0) as u64;
        if let Ok(bytes) = result {
            self.enter(socket, Way::Wrote, bytes);
        }
        self.raise(socket, edge);
        self.tell_peer(socket);
        result
    }

    pub(super) fn shutdown_write(&mut self, socket: SocketId) -> io::Result<()> {
        self.tell_peer(socket);
        self.sockets[socket].shutdown_write()
    }

    pub(super) fn unacknowledged(&self, socket: SocketId) -> usize {
        self.sockets[socket].waiting()
    }

    pub(super) fn close(&mut self, socket: SocketId) {
        self.sockets[socket].close();
    }

    pub(super) fn drop_stream(&mut self, socket: SocketId) {
        self.open_streams -= 1;
        let state = &mut self.sockets[socket];
        if state.is_open() {
            state.reset();
        }
        if state.edge != Readiness::default() {
            // The kernel forgets the edges of a descriptor that is closed.
            state.edge = Readiness::default();
            self.pending.retain(|&edge| edge != Pending::Socket(socket));
        }
        self.freed.extend(state.id);
        self.tell_peer(socket);
    }
}
