//! A reactor on a network on which nothing happens by chance, for scenarios.

use std::cell::{RefCell, RefMut};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use pairloop::engine::{CloseReason, Engine, Meeting, Timeouts};
use pairloop::reactor::{BufferMemory, Net, Reactor, Settings, Splicing, Statistics};

use super::net::{Capacity, End, Faults, SimNet, SocketId, Wire};
use super::setup::{LOBBIES, NAMED};

/// Turns that are more than enough for everything that can be done without time or peers.
const ENOUGH: usize = 24;

pub const MAX_CLIENTS: usize = 500;

/// Pipes that its daemon may make.
pub const PIPES: usize = 8;

/// How long its rooms may go on once the stop has begun.
pub const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

pub struct Lab {
    reactor: Reactor<SimNet>,
    wire: Rc<RefCell<Wire>>,
}

impl Lab {
    pub fn new() -> Self {
        Self::with(Timeouts::default())
    }

    pub fn with(timeouts: Timeouts) -> Self {
        Self::with_memory(timeouts, 16 << 20)
    }

    /// One whose buffers may hold so many bytes beyond their floors.
    pub fn with_memory(timeouts: Timeouts, beyond_floors: usize) -> Self {
        Self::build(timeouts, beyond_floors, Splicing::Never)
    }

    /// One whose links splice.
    pub fn splicing(splicing: Splicing) -> Self {
        Self::build(Timeouts::default(), 16 << 20, splicing)
    }

    pub fn build(timeouts: Timeouts, beyond_floors: usize, splicing: Splicing) -> Self {
        let choose = |settings: &mut Settings| {
            settings.buffer_memory += beyond_floors;
            settings.splicing = splicing;
        };
        Self::build_with(timeouts, Meeting::Arrival, choose, |_| {})
    }

    /// One whose clients all say hello, and which room they want.
    pub fn named() -> Self {
        Self::build_with(Timeouts::default(), Meeting::Named, |_| {}, |_| {})
    }

    /// One whose clients may leave bytes waiting for so long.
    pub fn stalling(limit: Duration) -> Self {
        let choose = |settings: &mut Settings| settings.stall_timeout = Some(limit);
        Self::build_with(Timeouts::default(), Meeting::Arrival, choose, |_| {})
    }

    /// One whose clients all come through a proxy, and whose buffers have no more memory than they must.
    pub fn behind_a_proxy(timeouts: Timeouts) -> Self {
        let anybody = ["0.0.0.0/0", "::/0"].map(|text| text.parse().expect("a network"));
        let configure = |engine: &mut Engine| {
            (0..LOBBIES.len()).for_each(|lobby| engine.set_proxies(lobby, anybody.into()));
        };
        Self::build_with(timeouts, Meeting::Arrival, |_| {}, configure)
    }

    fn build_with(
        timeouts: Timeouts,
        meeting: Meeting,
        choose: impl FnOnce(&mut Settings),
        configure: impl FnOnce(&mut Engine),
    ) -> Self {
        let mut settings = Settings {
            max_clients: MAX_CLIENTS,
            buffer_memory: BufferMemory::floors(MAX_CLIENTS),
            stall_timeout: None,
            drain_timeout: DRAIN_TIMEOUT,
            splicing: Splicing::Never,
            pipes: PIPES,
            once: false,
            stats_file: None,
        };
        choose(&mut settings);
        let wire = Rc::new(RefCell::new(Wire::new(Faults::none(1))));
        wire.borrow_mut().frozen = true;
        let net = SimNet::new(Rc::clone(&wire), Box::new(|_| None));
        let mut lobbies = LOBBIES.map(|service| (service.factory(), meeting));
        lobbies[NAMED].1 = Meeting::Named;
        let mut engine = Engine::new(lobbies, timeouts, net.now());
        configure(&mut engine);
        let mut reactor = Reactor::new(net, engine, settings, Box::new(io::sink()));
        for lobby in 0..LOBBIES.len() {
            let listener = reactor.add_listener(lobby, SimNet::listen);
            listener.expect("a simulated listener can be had");
        }
        Self { reactor, wire }
    }

    pub fn wire(&self) -> RefMut<'_, Wire> {
        self.wire.borrow_mut()
    }

    pub fn turn(&mut self) -> bool {
        self.reactor.turn().expect("the poll never fails")
    }

    /// Lets the daemon do all that it can do now.
    pub fn settle(&mut self) {
        for _ in 0..ENOUGH {
            assert!(self.turn(), "it has ended");
        }
    }

    pub fn pass(&mut self, time: Duration) {
        let until = self.wire().now() + time;
        self.wire().advance_to(until);
        self.settle();
    }

    /// A client who is let in.
    pub fn client(&mut self, listener: usize, inbound: usize, outbound: usize) -> SocketId {
        let capacity = Capacity { inbound, outbound };
        let socket = self.wire().connect(listener, capacity);
        self.settle();
        socket
    }

    /// Two clients in a relay room.
    pub fn pair(&mut self, inbound: usize, outbound: usize) -> (SocketId, SocketId) {
        let x = self.client(0, inbound, outbound);
        (x, self.client(0, inbound, outbound))
    }

    pub fn send(&mut self, socket: SocketId, bytes: &[u8]) {
        self.wire().send(socket, bytes);
        self.settle();
    }

    /// Takes whatever comes, to the last byte.
    pub fn take_all(&mut self, socket: SocketId) -> Vec<u8> {
        let mut taken = Vec::new();
        loop {
            self.settle();
            let bytes = self.wire().take(socket, usize::MAX);
            if bytes.is_empty() {
                return taken;
            }
            taken.extend(bytes);
        }
    }

    pub fn end(&self, socket: SocketId) -> Option<End> {
        self.wire().end(socket)
    }

    pub fn statistics(&self) -> Statistics {
        self.reactor.statistics()
    }

    pub fn closed(&self, reason: CloseReason) -> u64 {
        self.statistics().closed[reason as usize].1
    }

    /// Ends the process, and gives what is left of its world.
    pub fn end_process(self) -> Rc<RefCell<Wire>> {
        self.wire
    }
}
