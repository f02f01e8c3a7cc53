//! All sockets: those of peers, numbered as these are, and the two ends of each cable, numbered apart.

use std::ops::{Index, IndexMut};

use fastrand::Rng;
use pairloop::engine::ClientId;

use super::socket::Socket;
use super::terms::SocketId;
use super::wire::Wire;

/// The number of the first end of the first cable.
const FIRST_END: SocketId = 1 << 40;

#[derive(Default)]
pub(super) struct Sockets {
    peers: Vec<Socket>,
    ends: Vec<Socket>,
}

impl Sockets {
    /// Another peer's.
    pub fn push(&mut self, socket: Socket) -> SocketId {
        self.peers.push(socket);
        self.peers.len() - 1
    }

    /// Those of another cable. The first is the one that dials.
    pub fn push_ends(&mut self, ends: [Socket; 2]) {
        self.ends.extend(ends);
    }

    pub fn iter(&self) -> impl Iterator<Item = &Socket> {
        self.peers.iter().chain(&self.ends)
    }

    pub fn any(&self, rng: &mut Rng) -> Option<SocketId> {
        let count = self.peers.len() + self.ends.len();
        let number = rng.choice(0..count)?;
        let end = number.checked_sub(self.peers.len());
        Some(end.map_or(number, |end| FIRST_END + end))
    }

    /// The one whom the daemon knows by this number.
    pub fn known_as(&self, number: u64) -> Option<SocketId> {
        let numbers = (0..self.peers.len()).chain((FIRST_END..).take(self.ends.len()));
        let is_it = |&socket: &SocketId| self[socket].id.is_some_and(|id| id.number() == number);
        numbers.into_iter().find(is_it)
    }

    /// What the next peer's will be called.
    pub fn next_peer(&self) -> SocketId {
        self.peers.len()
    }
}

/// The two ends of this cable: the one that dialed, and the one that was accepted.
pub(super) fn ends(cable: usize) -> [SocketId; 2] {
    let near = FIRST_END + 2 * cable;
    [near, near + 1]
}

/// The cable whose end this is, if it is one.
pub(super) fn cable_of(socket: SocketId) -> Option<usize> {
    Some(socket.checked_sub(FIRST_END)? / 2)
}

/// What is known of the daemon's connections to itself.
impl Wire {
    /// The accepted end of the cable of which the daemon knows one end by this number.
    pub fn far_end(&self, number: u64) -> Option<SocketId> {
        let cable = cable_of(self.known_as(number)?)?;
        Some(ends(cable)[1])
    }

    /// Those who were accepted, as the daemon knows them.
    pub fn accepted_ends(&self) -> impl Iterator<Item = ClientId> {
        let accepted = self.sockets.ends.iter().skip(1).step_by(2);
        accepted.filter_map(|socket| socket.id)
    }

    /// Whether this end was accepted, and did not dial.
    pub fn is_accepted(&self, end: SocketId) -> bool {
        cable_of(end).is_some_and(|cable| ends(cable)[1] == end)
    }
}

impl Index<SocketId> for Sockets {
    type Output = Socket;

    fn index(&self, socket: SocketId) -> &Socket {
        match socket.checked_sub(FIRST_END) {
            Some(end) => &self.ends[end],
            None => &self.peers[socket],
        }
    }
}

impl IndexMut<SocketId> for Sockets {
    fn index_mut(&mut self, socket: SocketId) -> &mut Socket {
        match socket.checked_sub(FIRST_END) {
            Some(end) => &mut self.ends[end],
            None => &mut self.peers[socket],
        }
    }
}
