//! What went through the sockets whose clients talk in lines, in the order in which it did.

use std::cell::Cell;
use std::time::Duration;

use super::terms::SocketId;
use super::wire::Wire;

/// Which way bytes went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the peer into the daemon's kernel.
    Arrived,
    /// From there into the daemon.
    Read,
    /// From the daemon into its kernel.
    Wrote,
}

/// One movement of bytes.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    pub socket: SocketId,
    pub way: Way,
    pub bytes: usize,
    pub time: Duration,
    /// The poll before it, and when that returned: the turn, and what the daemon took for the time in it.
    pub turn: u64,
    pub turn_time: Duration,
}

thread_local! {
    static MARK: Cell<(usize, Duration)> = const { Cell::new((0, Duration::ZERO)) };
}

/// How many entries there are in this thread's ledger, and the time: so whatever else is written down finds its place
/// among them.
pub fn mark() -> (usize, Duration) {
    MARK.get()
}

impl Wire {
    pub(super) fn mark(&self) {
        MARK.set((self.ledger.len(), self.now()));
    }

    /// Writes down from now on what goes through the sockets of this listener.
    pub fn watch(&mut self, listener: usize) {
        self.watched.push(listener);
    }

    pub fn is_watched(&self, socket: SocketId) -> bool {
        self.watched.contains(&self.sockets[socket].listener)
    }

    pub(super) fn enter(&mut self, socket: SocketId, way: Way, bytes: usize) {
        if !self.is_watched(socket) {
            return;
        }
        self.ledger.push(Entry {
            socket,
            way,
            bytes,
            time: self.now(),
            turn: self.calls.polls,
            turn_time: self.polled,
        });
        self.mark();
    }
}
