//! What a connection does when its turn has come: send, read, and find out that it is over.

use std::io::{self, ErrorKind};
use std::ops::Range;

use crate::engine::{ClientId, CloseReason, Ending, Input};
use crate::limits::BYTES_PER_TURN;

use super::connection::{Closing, Connection, Flow};
use super::net::Net;
use super::readiness::Readiness;
use super::{Reactor, retry};

/// What a read has brought.
pub(super) struct Read {
    pub bytes: usize,
    /// Another may bring more.
    pub more: bool,
}

impl<N: Net> Reactor<N> {
    /// Does what a connection can do now, whose turn it is to read so many bytes.
    #[inline(always)]
    pub(super) fn work(&mut self, id: ClientId, budget: usize) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.has_chores() {
            return self.do_chores(id, budget);
        }
        if connection.is_heavy() && budget < BYTES_PER_TURN {
            return self.agenda.postpone(id);
        }
        connection.queued = false;
        if !connection.wants_reading() {
            return;
        }
        // Nearly always the first read finds all that there is.
        let way = connection.way();
        if let Some(bytes) = self.pull_along(id, way, budget) {
            self.pull(id, budget - bytes);
        }
    }

    /// The same for those of whom more may be wanted than to read.
    #[inline(never)]
    fn do_chores(&mut self, id: ClientId, budget: usize) {
        if self.is_heavy(id) && budget < BYTES_PER_TURN {
            return self.agenda.postpone(id);
        }
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.queued = false;
        if connection.is_dialing() {
            return self.try_connected(id);
        }
        if let Some(reason) = self.doom(id) {
            return self.lose(id, reason);
        }
        self.flush(id, budget);
        self.offer_again(id);
        self.pull(id, budget);
        self.linger(id, budget);
    }

    /// Whether much comes from this connection, or much is on its way to it.
    fn is_heavy(&self, id: ClientId) -> bool {
        let Some(connection) = self.connections.get(id) else {
            return false;
        };
        let source = || self.connections.get(connection.source()?);
        connection.is_heavy()
            || (connection.is_sending() && source().is_some_and(Connection::is_heavy))
    }

    /// Why this connection is beyond hope: it is broken, and reading would not bring out any more.
    fn doom(&self, id: ClientId) -> Option<CloseReason> {
        let connection = self
            .connections
            .get(id)
            .filter(|connection| connection.closing.is_none())?;
        if connection.is_past_reading() || connection.failure == Some(CloseReason::Failed) {
            return Some(connection.failure.unwrap_or(CloseReason::Reset));
        }
        // What it had sent may still be read, but not if its sink is broken as well.
        let sink = self.connections.get(connection.sink()?)?;
        connection.failure.filter(|_| sink.output == Flow::Shut)
    }

    /// Sends what is unsent; when all of it is gone, whoever waited for that goes on.
    fn flush(&mut self, id: ClientId, budget: usize) {
        let Some(connection) = self.connections.get(id) else {
            return;
        };
        if !connection.is_sending() || !connection.readiness.has(Readiness::WRITABLE) {
            return;
        }
        let sent = self.flush_pipe(id) && self.flush_buffer(id);
        let Some(connection) = self.connections.get_mut(id).filter(|_| sent) else {
            return;
        };
        if connection.closing.is_some() || connection.output == Flow::Draining {
            return self.all_sent(id);
        }
        let source = connection.source();
        if std::mem::take(&mut connection.owes_drained) {
            self.engine.handle_input(self.now, id, Input::SendDrained);
            self.carry_out();
        }
        if let Some(source) = source {
            self.pull(source, budget);
        }
    }

    /// Sends what is left in a connection's buffer. Answers whether that was all.
    fn flush_buffer(&mut self, id: ClientId) -> bool {
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        let Some(unsent) = &mut connection.unsent else {
            return true;
        };
        match retry(|| self.net.write(&mut connection.stream, unsent.rest())) {
            Ok(sent) => {
                connection.last_taken = self.moment;
                if unsent.advance(sent) {
                    self.buffers.release(&mut connection.unsent);
                    return true;
                }
                connection.readiness.remove(Readiness::WRITABLE);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                connection.readiness.remove(Readiness::WRITABLE);
            }
            Err(error) => self.write_failed(id, &error),
        }
        false
    }

    /// Reads into a part of the scratch buffer. `None` if there were no bytes; the end of the stream has then been
    /// dealt with.
    #[inline(always)]
    pub(super) fn read(&mut self, id: ClientId, part: Range<usize>) -> Option<Read> {
        let connection = self.connections.get_mut(id)?;
        let buffer = &mut self.scratch[part];
        match retry(|| self.net.read(&mut connection.stream, buffer)) {
            Ok(bytes) if bytes > 0 => {
                if bytes < buffer.len() {
                    connection.readiness.emptied();
                }
                connection.has_read(bytes, self.moment);
                Some(Read {
                    bytes,
                    more: connection.readiness.has(Readiness::READABLE),
                })
            }
            nothing => {
                self.read_nothing(id, nothing);
                None
            }
        }
    }

    /// Does what follows from a read that brought no bytes.
    pub(super) fn read_nothing(&mut self, id: ClientId, result: io::Result<usize>) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        match result {
            Ok(_) => self.found_fin(id),
            // A broken socket has nothing more to wait for.
            Err(error) if error.kind() == ErrorKind::WouldBlock && connection.failure.is_none() => {
                connection.readiness.remove(Readiness::READABLE);
            }
            Err(error) => {
                let reason = connection.failure.unwrap_or_else(|| reason_of(&error));
                self.lose(id, reason);
            }
        }
    }

    /// A read has found FIN.
    fn found_fin(&mut self, id: ClientId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        match connection.failure {
            // The error was told to the write that failed. Told twice it never is: now the kernel says FIN,
            // though the peer sent none.
            Some(reason) => self.lose(id, reason),
            None => {
                connection.input = Flow::Shut;
                self.feed_fin(id);
            }
        }
    }

    /// Nothing can be sent to this client any more. What it sent before is still read and passed on; after that the
    /// engine is told. (Not here: its outputs may be being drained.)
    #[cold]
    pub(super) fn write_failed(&mut self, id: ClientId, error: &io::Error) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.output = Flow::Shut;
        self.buffers.release(&mut connection.unsent);
        self.pipes.discard(&mut connection.piped, &mut self.buffers);
        let reason = reason_of(error);
        if connection.closing.is_some() {
            connection.closing = Some(Closing {
                reason,
                ending: Ending::Reset,
            });
            return self.free(id, Ending::Reset);
        }
        connection.failure = Some(reason);
        connection.readiness.add(Readiness::READABLE);
        if connection.input == Flow::Open {
            connection.input = Flow::Draining;
        }
        let source = connection.source();
        self.enqueue(id);
        // The source may have failed before, and be waiting to bring its last bytes here.
        source.into_iter().for_each(|source| self.enqueue(source));
    }

    /// The connection is no more; the engine decides what that means for others.
    pub(super) fn lose(&mut self, id: ClientId, reason: CloseReason) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.input = Flow::Shut;
        connection.output = Flow::Shut;
        self.engine.handle_input(self.now, id, Input::Lost(reason));
        self.carry_out();
    }
}

/// What an error of read or write says of the peer.
pub(super) fn reason_of(error: &io::Error) -> CloseReason {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::NotConnected => {
            CloseReason::Reset
        }
        ErrorKind::TimedOut | ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            CloseReason::Unreachable
        }
        _ => CloseReason::Failed,
    }
}
