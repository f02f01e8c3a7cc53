//! Taking in clients: a bounded number a turn, none beyond the limit, and none at all for a moment when the
//! system has nothing left to take them with.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Instant;

use log::{debug, info, warn};

use crate::engine::{Input, ListenerId};
use crate::limits::{ACCEPT_RETRY, ACCEPTS_PER_TURN, BYTES_PER_TURN};
use crate::logging::CLIENTS;
use crate::units::count;

use super::connection::Connection;
use super::net::Net;
use super::{Reactor, retry};

/// One listening socket.
pub struct Listener<L> {
    /// `None` once it is closed.
    socket: Option<L>,
    /// Somebody else has the socket too, and serves whoever is not accepted here.
    shared: bool,
    /// The lobby that its clients come into. Several sockets may share one.
    pub lobby: ListenerId,
    /// Clients may be waiting to be accepted.
    pub ready: bool,
    /// Accepting pauses until then.
    pub retry_at: Option<Instant>,
    /// Clients turned away.
    pub refused: u64,
    /// Bytes that those of its clients sent who are gone.
    pub bytes: u64,
}

impl<L> Listener<L> {
    pub fn is_ready(&self) -> bool {
        self.ready && self.retry_at.is_none()
    }

    /// Ends the pause if it is over. There may be no edge for those who came in the meantime.
    pub fn resume(&mut self, now: Instant) {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            self.ready = true;
        }
    }

    fn shut(&mut self) -> Option<L> {
        self.ready = false;
        self.retry_at = None;
        self.socket.take()
    }
}

impl<N: Net> Reactor<N> {
    /// Adds a listening socket, which the net reports under the number answered here.
    pub fn add_listener(
        &mut self,
        lobby: ListenerId,
        open: impl FnOnce(&mut N, usize) -> io::Result<N::Listener>,
    ) -> io::Result<usize> {
        let number = self.listeners.len();
        let socket = Some(open(&mut self.net, number)?);
        self.listeners.push(Listener {
            socket,
            shared: false,
            lobby,
            ready: false,
            retry_at: None,
            refused: 0,
            bytes: 0,
        });
        Ok(number)
    }

    /// Says of a listener that somebody else has its socket too. When it is closed, whoever was not accepted is theirs.
    pub fn share_listener(&mut self, number: usize) {
        self.listeners[number].shared = true;
    }

    /// Closes the listeners that others go on with. Who was not accepted is better off there than with a stop.
    pub(super) fn leave_shared_listeners(&mut self) {
        self.shut_listeners(|listener| listener.shared);
    }

    /// Closes those listeners. The numbers of the others do not move.
    pub(super) fn shut_listeners(&mut self, chosen: impl Fn(&Listener<N::Listener>) -> bool) {
        for listener in self
            .listeners
            .iter_mut()
            .filter(|listener| chosen(listener))
        {
            if let Some(socket) = listener.shut() {
                self.net.close_listener(socket);
            }
        }
    }

    pub(super) fn accept_clients(&mut self) {
        // What had to be read of those who gave way: no more than that, and the rest of the queues comes in the next turn.
        let mut read = 0;
        for number in 0..self.listeners.len() {
            if self.listeners[number].is_ready() {
                self.accept_from(number, &mut read);
            }
        }
    }

    fn accept_from(&mut self, number: usize, read: &mut usize) {
        for _ in 0..ACCEPTS_PER_TURN {
            if *read > BYTES_PER_TURN {
                return;
            }
            let listener = &mut self.listeners[number];
            let Some(socket) = &mut listener.socket else {
                return;
            };
            match retry(|| self.net.accept(socket)) {
                Ok((stream, peer)) => {
                    *read += self.make_room();
                    self.admit(number, stream, peer);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    listener.ready = false;
                    return;
                }
                Err(error) if is_about_the_client(&error) => {
                    debug!(target: CLIENTS, "a client gave up before it was accepted")
                }
                Err(error) => {
                    // Nothing was taken off the queue, so no edge will come: time must bring us back.
                    listener.retry_at = Some(self.now + ACCEPT_RETRY);
                    self.counters.accept_failures += 1;
                    warn!("accepting pauses for {ACCEPT_RETRY:?}: {error}");
                    return;
                }
            }
        }
    }

    fn admit(&mut self, number: usize, stream: N::Stream, peer: SocketAddr) {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        if self.clients_connected() >= self.settings.max_clients {
            // Dropping the stream resets it: nobody mistakes the refusal for an empty stream.
            self.listeners[number].refused += 1;
            warn!(
                target: CLIENTS,
                "{peer} refused: {} is the limit",
                count(self.settings.max_clients, "client")
            );
            return;
        }
        let id = self
            .connections
            .insert(Connection::accepted(stream, number as u16, self.moment));
        let connection = self.connections.get_mut(id).expect("it was just put in");
        if let Err(error) = self.net.register(&mut connection.stream, id) {
            self.connections.remove(id);
            self.listeners[number].refused += 1;
            warn!(target: CLIENTS, "{peer} refused: {error}");
            return;
        }
        info!(target: CLIENTS, "{id}: {peer} connected");
        let listener = self.listeners[number].lobby;
        self.engine
            .handle_input(self.now, id, Input::Accepted { listener, peer });
        self.carry_out();
    }
}

/// Whether accept failed because of the one client it was about to take (accept(2): errors already pending on the
/// new socket). That client is off the queue; the next may be fine.
fn is_about_the_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::NetworkDown
            | ErrorKind::NetworkUnreachable
            | ErrorKind::HostUnreachable
    ) || error.raw_os_error() == Some(rustix::io::Errno::PROTO.raw_os_error())
}
