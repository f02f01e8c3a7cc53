//! Connections that the daemon makes to its own listeners: it is main server and worker at once. Each is a cable
//! with a socket at both ends, and what the kernel holds at one is brought to the other: bytes, FIN and RST, in time.

use std::collections::BTreeSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use pairloop::reactor::Readiness;
use rustix::io::Errno;

use super::fault::Fault;
use super::socket::Socket;
use super::sockets::{cable_of, ends};
use super::terms::{Capacity, End, Loss, SocketId};
use super::wire::Wire;

/// How long the kernel waits for an answer to SYN before it sends another, and before it gives up.
const SYN_RETRY: Duration = Duration::from_secs(1);
const SYN_PATIENCE: Duration = Duration::from_secs(130);

/// The listener, for the ledger, of all sockets that dial.
pub const DIALED: usize = usize::MAX;

/// All cables, and what they are like.
pub struct Cables {
    list: Vec<Cable>,
    /// When something is to be done for a cable.
    due: BTreeSet<(Duration, usize)>,
    /// How long bytes take at most, and how many the kernel holds at each end, at least and at most.
    pub longest: Duration,
    pub sizes: (usize, usize),
    /// How many connections a listener holds until they are accepted. Others have to try again.
    pub backlog: usize,
    /// How often a worker's end has cut a cable, and a full backlog held one up.
    pub cut: u64,
    pub held_up: u64,
}

struct Cable {
    to: usize,
    state: State,
    due: Option<Duration>,
    /// Which ends have been brought the other's FIN, and RST.
    fin: [bool; 2],
    reset: [bool; 2],
    /// How many bytes of the main server's hello have been brought, and whether those are all.
    hello: (usize, bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The other side has not answered, and will.
    Dialing,
    /// It will answer with RST.
    Refused,
    /// Nobody will answer.
    Unheard,
    /// It is there, and perhaps is reset soon.
    Up {
        doomed: bool,
    },
    Down,
}

impl Cables {
    pub fn new() -> Self {
        Self {
            list: Vec::new(),
            due: BTreeSet::new(),
            longest: Duration::ZERO,
            sizes: (1 << 16, 1 << 16),
            backlog: usize::MAX,
            cut: 0,
            held_up: 0,
        }
    }

    fn schedule(&mut self, cable: usize, at: Duration) {
        let old = self.list[cable].due.replace(at);
        if let Some(old) = old {
            self.due.remove(&(old, cable));
        }
        self.due.insert((at, cable));
    }
}

/// Where a listener is dialed.
pub fn address_of(listener: usize) -> SocketAddr {
    (Ipv4Addr::new(192, 0, 2, 1), 1000 + listener as u16).into()
}

/// An address at which nobody listens.
pub fn nobody() -> SocketAddr {
    (Ipv4Addr::new(192, 0, 2, 1), 1).into()
}

/// The daemon's side.
impl Wire {
    pub(super) fn dial(&mut self, to: SocketAddr) -> io::Result<SocketId> {
        if self.faults.strike(Fault::NoDescriptor) {
            return Err(Errno::MFILE.into());
        }
        let listener = usize::from(to.port()).checked_sub(1000);
        let is_down = listener.is_none_or(|number| !self.is_up(number));
        if self.faults.strike(Fault::DialRefused) || (is_down && self.faults.rng.bool()) {
            return Err(Errno::CONNREFUSED.into());
        }
        let (cable, now) = (self.cables.list.len(), self.now());
        let [.., high, low] = (cable as u32).to_be_bytes();
        let from = (Ipv4Addr::new(10, 2, high, low), 1024).into();
        let mut capacity = || {
            let (least, most) = self.cables.sizes;
            let mut size = || self.faults.rng.usize(least..=most);
            Capacity {
                inbound: size(),
                outbound: size(),
            }
        };
        let mut near = Socket::new(DIALED, to, capacity());
        near.connecting = true;
        let far = Socket::new(listener.unwrap_or(usize::MAX), from, capacity());
        self.sockets.push_ends([near, far]);
        let (state, at) = if is_down || self.faults.strike(Fault::DialRefusedLater) {
            match self.faults.rng.u8(..4) {
                0 => (State::Unheard, now + SYN_PATIENCE),
                _ => (State::Refused, now + self.delay()),
            }
        } else if self.faults.strike(Fault::DialUnheard) {
            (State::Unheard, now + SYN_PATIENCE)
        } else if self.faults.strike(Fault::DialSlow) {
            (State::Dialing, now + SYN_RETRY)
        } else {
            (State::Dialing, now + self.delay())
        };
        self.cables.list.push(Cable {
            to: listener.unwrap_or(usize::MAX),
            state,
            due: None,
            fin: [false; 2],
            reset: [false; 2],
            hello: (0, false),
        });
        self.open_streams += 1;
        self.cables.schedule(cable, at);
        if at == now {
            // It may be there, or refused, before connect(2) has returned.
            self.carry();
        }
        Ok(ends(cable)[0])
    }

    pub(super) fn is_connected(&mut self, socket: SocketId) -> io::Result<bool> {
        let state = &mut self.sockets[socket];
        match state.error.take() {
            Some(error) => Err(error.into()),
            None => Ok(!state.connecting && !state.lost),
        }
    }
}

/// What happens on the way.
impl Wire {
    /// Does what is due on all cables; answers when the next thing is.
    pub(super) fn carry(&mut self) -> Option<Duration> {
        loop {
            let &(at, cable) = self.cables.due.first()?;
            if at > self.now() {
                return Some(at);
            }
            self.cables.due.pop_first();
            self.cables.list[cable].due = None;
            match self.cables.list[cable].state {
                State::Dialing => self.connect_cable(cable),
                State::Refused => self.fail_to_connect(cable, Errno::CONNREFUSED),
                State::Unheard => self.fail_to_connect(cable, Errno::TIMEDOUT),
                State::Up { doomed: true } => self.cut_cable(cable),
                State::Up { doomed: false } => self.carry_both_ways(cable),
                State::Down => {}
            }
        }
    }

    /// Something has changed at an end of a cable.
    pub(super) fn wake_cable(&mut self, cable: usize) {
        let known = &self.cables.list[cable];
        if known.due.is_none() && known.state == (State::Up { doomed: false }) {
            let at = self.now() + self.delay();
            self.cables.schedule(cable, at);
        }
    }

    fn delay(&mut self) -> Duration {
        let share = self.faults.rng.f64() * self.faults.rng.f64();
        self.cables.longest.mul_f64(share)
    }

    fn connect_cable(&mut self, cable: usize) {
        let ([near, far], listener) = (ends(cable), self.cables.list[cable].to);
        if !self.sockets[near].is_open() {
            self.cables.list[cable].state = State::Down;
            return;
        }
        if !self.is_up(listener) {
            return self.fail_to_connect(cable, Errno::CONNREFUSED);
        }
        let now = self.now();
        if self.listeners[listener].queue.len() >= self.cables.backlog {
            self.cables.held_up += 1;
            return self.cables.schedule(cable, now + SYN_RETRY);
        }
        self.listeners[listener].queue.push_back(far);
        self.raise_listener(listener);
        let doomed = self.faults.strike(Fault::DialReset);
        self.cables.list[cable].state = State::Up { doomed };
        let state = &mut self.sockets[near];
        state.connecting = false;
        let edge = state.state();
        self.raise(near, edge);
        let at = now + self.delay();
        self.cables.schedule(cable, at);
    }

    fn fail_to_connect(&mut self, cable: usize, error: Errno) {
        let [near, _] = ends(cable);
        self.cables.list[cable].state = State::Down;
        let edge = self.sockets[near].fail_to_connect(error);
        self.raise(near, edge);
    }

    fn carry_both_ways(&mut self, cable: usize) {
        let [near, far] = ends(cable);
        let mut more = false;
        for (end, from, to) in [(1, near, far), (0, far, near)] {
            more |= self.carry_one_way(cable, from, to, end);
        }
        if more {
            let at = self.now() + self.delay();
            self.cables.schedule(cable, at);
        }
    }

    /// Answers whether there is more to carry.
    fn carry_one_way(&mut self, cable: usize, from: SocketId, to: SocketId, end: usize) -> bool {
        let waiting = self.waiting(from);
        if waiting > 0 && !self.sockets[to].is_open() {
            // Nobody takes that, so it is answered with RST.
            self.lose(from, Loss::Reset);
            return false;
        }
        let most = waiting.min(self.room(to));
        if most > 0 {
            let count = match self.faults.rng.u8(..4) {
                0 => self.faults.rng.usize(1..=most),
                _ => most,
            };
            let bytes = self.take(from, count);
            if end == 1 {
                self.cables.list[cable].hear(&bytes);
            }
            self.send(to, &bytes);
        }
        if self.end(from) == Some(End::Fin) && !self.cables.list[cable].fin[end] {
            self.cables.list[cable].fin[end] = true;
            self.send_fin(to);
        }
        if self.is_gone(from) && !self.cables.list[cable].reset[end] {
            self.cables.list[cable].reset[end] = true;
            self.lose(to, Loss::Reset);
        }
        self.waiting(from) > 0 && self.room(to) > 0
    }

    /// Both ends lose each other, and neither is to blame.
    fn cut_cable(&mut self, cable: usize) {
        self.cables.list[cable].state = State::Down;
        for end in ends(cable) {
            self.sockets[end].struck = true;
            self.lose(end, Loss::Reset);
        }
    }

    pub(super) fn is_up(&self, listener: usize) -> bool {
        let listener = self.listeners.get(listener);
        listener.is_some_and(|listener| listener.open && !listener.down)
    }

    /// A worker goes: it is refused to whoever dials it, and its connections are cut.
    pub fn take_down(&mut self, listener: usize) {
        self.listeners[listener].down = true;
        for cable in 0..self.cables.list.len() {
            let known = &self.cables.list[cable];
            if known.to == listener && matches!(known.state, State::Up { .. }) {
                let open = ends(cable).map(|end| self.sockets[end].is_open());
                self.cables.cut += u64::from(open == [true; 2]);
                self.cut_cable(cable);
            }
        }
    }

    /// It is back.
    pub fn bring_up(&mut self, listener: usize) {
        self.listeners[listener].down = false;
    }

    /// How long the hello is that came to this end, if all of it did.
    pub fn hello_to(&self, end: SocketId) -> Option<usize> {
        let (length, complete) = self.cables.list[cable_of(end)?].hello;
        complete.then_some(length)
    }

    /// Whether a fault has struck either end of this cable.
    pub fn is_cable_struck(&self, end: SocketId) -> bool {
        let cable = cable_of(end).expect("it is an end of a cable");
        ends(cable).iter().any(|&end| self.sockets[end].struck)
    }
}

impl Cable {
    fn hear(&mut self, bytes: &[u8]) {
        let (length, complete) = &mut self.hello;
        if !*complete {
            let end = bytes.iter().position(|&byte| byte == b'\n');
            *length += end.map_or(bytes.len(), |end| end + 1);
            *complete = end.is_some();
        }
    }
}

/// The socket that dials.
impl Socket {
    fn fail_to_connect(&mut self, error: Errno) -> Readiness {
        if !self.is_open() {
            return Readiness::default();
        }
        self.connecting = false;
        self.lose(Loss::Reset);
        self.error = Some(error);
        self.state()
    }
}
