//! Everything behind [`SimNet`](super::SimNet): time, sockets, listeners, and the edges that a poll will report.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use pairloop::engine::ClientId;
use pairloop::reactor::{Readiness, Signal};

use super::cable::Cables;
use super::fault::Faults;
use super::ledger::{Entry, Way};
use super::pipe::Pipes;
use super::socket::Socket;
use super::sockets::{Sockets, cable_of};
use super::terms::{Capacity, End, Loss, SocketId};

/// System calls so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Calls {
    pub polls: u64,
    pub accepts: u64,
    pub reads: u64,
    pub writes: u64,
}

/// What somebody does in the middle of a turn.
pub type Happening = Box<dyn FnOnce(&mut Wire)>;

/// Which edge is pending, in the order in which they came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pending {
    Socket(SocketId),
    Listener(usize),
    Signal(Signal),
}

#[derive(Default)]
pub(super) struct Listener {
    pub open: bool,
    /// Those who are not on this machine can't reach it.
    pub down: bool,
    pub queue: VecDeque<SocketId>,
    /// Those who were accepted and registered, in order.
    pub joined: Vec<SocketId>,
}

pub struct Wire {
    base: Instant,
    now: Duration,
    pub(super) sockets: Sockets,
    pub cables: Cables,
    pub(super) listeners: Vec<Listener>,
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
    /// How long a read takes.
    pub reading_takes: Duration,
    /// What happens when the daemon has next written to this client.
    pub after_write: Option<(SocketId, Happening)>,
    /// For how long the process was stopped, in all.
    pub paused: Duration,
    /// Listeners whose sockets the ledger is about.
    pub(super) watched: Vec<usize>,
    pub ledger: Vec<Entry>,
    /// When the last poll returned.
    pub(super) polled: Duration,
}

impl Wire {
    pub fn new(faults: Faults) -> Self {
        let wire = Self {
            base: Instant::now(),
            now: Duration::ZERO,
            sockets: Sockets::default(),
            cables: Cables::new(),
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
            reading_takes: Duration::ZERO,
            after_write: None,
            paused: Duration::ZERO,
            watched: Vec::new(),
            ledger: Vec::new(),
            polled: Duration::ZERO,
        };
        wire.mark();
        wire
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
        self.mark();
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

    pub(super) fn raise_listener(&mut self, number: usize) {
        if !self.pending.contains(&Pending::Listener(number)) {
            self.pending.push(Pending::Listener(number));
        }
    }

    pub(super) fn tell_peer(&mut self, socket: SocketId) {
        if let Some(cable) = cable_of(socket) {
            return self.wake_cable(cable);
        }
        if !std::mem::replace(&mut self.sockets[socket].in_news, true) {
            self.news.push(socket);
        }
    }
}

/// What peers do.
impl Wire {
    /// Connects to a listener. If it is closed, the connection is refused.
    pub fn connect(&mut self, listener: usize, capacity: Capacity) -> SocketId {
        self.connect_from(listener, capacity, Ipv4Addr::LOCALHOST)
    }

    /// The same, from this address.
    pub fn connect_from(
        &mut self,
        listener: usize,
        capacity: Capacity,
        source: Ipv4Addr,
    ) -> SocketId {
        let socket = self.sockets.next_peer();
        let port = 1024 + (socket % 60_000) as u16;
        let peer = (source, port).into();
        self.sockets.push(Socket::new(listener, peer, capacity));
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

    pub fn strike(&mut self, socket: SocketId) {
        self.sockets[socket].struck = true;
    }

    /// The address from which it came.
    pub fn peer(&self, socket: SocketId) -> SocketAddr {
        self.sockets[socket].peer
    }

    /// The one whom the daemon knows by this number.
    pub fn known_as(&self, number: u64) -> Option<SocketId> {
        self.sockets.known_as(number)
    }

    pub fn id(&self, socket: SocketId) -> Option<ClientId> {
        self.sockets[socket].id
    }
}
