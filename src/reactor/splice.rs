//! Spliced links: bytes go from socket to socket through a kernel pipe, and the process never sees them.
//!
//! A pipe is lent to a link for as long as there are bytes in it, usually for two system calls. What the sink does not
//! take stays in the pipe, which then belongs to the sink as its unsent bytes. A pipe that is given back is empty; one
//! whose bytes nobody will take is destroyed. When there is no pipe to be had, the link copies.

use std::io::ErrorKind;
use std::time::Instant;

use log::warn;

use crate::engine::ClientId;
use crate::limits::{PIPE_RETRY, PIPE_SIZE};

use super::buffer::BufferMemory;
use super::net::Net;
use super::readiness::Readiness;
use super::{Reactor, retry};

/// A pipe with bytes in it.
pub struct Piped<P> {
    pub pipe: P,
    pub bytes: usize,
}

/// Pipes that wait to be lent.
pub struct Pipes<P> {
    idle: Vec<P>,
    lent: usize,
    most: usize,
    /// No pipe could be made; until then nobody tries again.
    retry_at: Option<Instant>,
    /// How often a link had to copy for want of a pipe.
    pub refused: u64,
}

impl<P> Pipes<P> {
    /// A pool of at most so many pipes.
    pub fn new(most: usize) -> Self {
        Self {
            idle: Vec::new(),
            lent: 0,
            most,
            retry_at: None,
            refused: 0,
        }
    }

    fn lend<N: Net<Pipe = P>>(&mut self, net: &mut N, now: Instant) -> Option<P> {
        let pipe = match self.idle.pop() {
            Some(pipe) => Some(pipe),
            None => self.make(net, now),
        };
        match pipe {
            Some(_) => self.lent += 1,
            None => self.refused += 1,
        }
        pipe
    }

    fn make<N: Net<Pipe = P>>(&mut self, net: &mut N, now: Instant) -> Option<P> {
        if self.lent + self.idle.len() >= self.most || self.retry_at.is_some_and(|at| now < at) {
            return None;
        }
        match net.pipe() {
            Ok(pipe) => {
                self.retry_at = None;
                Some(pipe)
            }
            Err(error) => {
                self.retry_at = Some(now + PIPE_RETRY);
                warn!("links copy for lack of a pipe: {error}");
                None
            }
        }
    }

    /// Takes back an empty pipe.
    fn give_back(&mut self, pipe: P) {
        self.lent -= 1;
        self.idle.push(pipe);
    }

    /// Destroys a pipe whose bytes nobody will take.
    fn destroy(&mut self, pipe: P) {
        self.lent -= 1;
        drop(pipe);
    }

    /// Destroys the pipe of a sink that will take no more, if it has one.
    pub fn discard(&mut self, place: &mut Option<Box<Piped<P>>>, buffers: &mut BufferMemory) {
        if let Some(piped) = place.take() {
            buffers.discharge(piped.bytes);
            self.destroy(piped.pipe);
        }
    }
}

impl<N: Net> Reactor<N> {
    /// As a read and a write, but through a pipe.
    #[inline(never)]
    pub(super) fn splice_once(
        &mut self,
        id: ClientId,
        sink: ClientId,
        budget: usize,
    ) -> Option<usize> {
        let Some(mut pipe) = self.pipes.lend(&mut self.net, self.now) else {
            return self.copy_instead(id, sink, budget);
        };
        let most = self.buffers.allowance().min(budget).min(PIPE_SIZE);
        let connection = self.connections.get_mut(id).expect("it wants reading");
        match retry(|| self.net.splice_in(&mut connection.stream, &mut pipe, most)) {
            Ok(bytes) if bytes > 0 => {
                connection.has_read(bytes, self.moment);
                self.push_pipe(sink, Piped { pipe, bytes });
                return Some(bytes);
            }
            // EINVAL: not this socket. ENOSYS: not this system. Copying always can. (No other error: the kernel tells a
            // socket's own errors once, and a read behind one says 0 as if FIN had come.)
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::InvalidInput | ErrorKind::Unsupported
                ) =>
            {
                if let Some(link) = &mut connection.link {
                    link.give_up_splicing();
                }
                self.pipes.give_back(pipe);
                return self.copy_instead(id, sink, budget);
            }
            // In front of urgent data that were not announced yet, splice says 0 if FIN has arrived behind them. So only
            // a read knows whether this is the end.
            Ok(_) => {
                self.pipes.give_back(pipe);
                return self.copy_once(id, sink, budget);
            }
            nothing => {
                self.pipes.give_back(pipe);
                self.read_nothing(id, nothing);
            }
        }
        None
    }

    /// Copies for want of a pipe. Rare, and kept apart so that the splicing itself stays small.
    #[cold]
    fn copy_instead(&mut self, id: ClientId, sink: ClientId, budget: usize) -> Option<usize> {
        self.copy_once(id, sink, budget)
    }

    /// Empties a pipe into a sink that takes bytes; what does not go in stays in the pipe, and that with the sink.
    fn push_pipe(&mut self, sink: ClientId, mut piped: Piped<N::Pipe>) {
        let Some(connection) = self.connections.get_mut(sink) else {
            return self.pipes.destroy(piped.pipe);
        };
        connection.last_taken = self.moment;
        if connection.readiness.has(Readiness::WRITABLE) {
            match retry(|| {
                self.net
                    .splice_out(&mut piped.pipe, &mut connection.stream, piped.bytes)
            }) {
                Ok(sent) => piped.bytes -= sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => {
                    self.pipes.destroy(piped.pipe);
                    return self.write_failed(sink, &error);
                }
            }
        }
        if piped.bytes == 0 {
            return self.pipes.give_back(piped.pipe);
        }
        connection.readiness.remove(Readiness::WRITABLE);
        self.buffers.charge(piped.bytes);
        connection.piped = Some(Box::new(piped));
        self.watch_for_stall(sink);
    }

    /// Sends what is left in a sink's pipe. Answers whether that was all.
    pub(super) fn flush_pipe(&mut self, id: ClientId) -> bool {
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        let Some(piped) = &mut connection.piped else {
            return true;
        };
        match retry(|| {
            self.net
                .splice_out(&mut piped.pipe, &mut connection.stream, piped.bytes)
        }) {
            Ok(sent) => {
                connection.last_taken = self.moment;
                self.buffers.discharge(piped.bytes);
                piped.bytes -= sent;
                if piped.bytes == 0 {
                    let piped = connection.piped.take().expect("it is there");
                    self.pipes.give_back(piped.pipe);
                    return true;
                }
                self.buffers.charge(piped.bytes);
                connection.readiness.remove(Readiness::WRITABLE);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                connection.readiness.remove(Readiness::WRITABLE);
            }
            Err(error) => self.write_failed(id, &error),
        }
        false
    }
}
