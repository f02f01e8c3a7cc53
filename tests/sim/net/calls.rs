//! What the daemon does to its sockets.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use pairloop::engine::ClientId;
use pairloop::reactor::Readiness;
use rustix::io::Errno;

use super::fault::Fault;
use super::ledger::Way;
use super::sockets::cable_of;
use super::terms::SocketId;
use super::wire::{Listener, Pending, Wire};

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
        Ok((socket, self.sockets[socket].peer))
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
        if cable_of(socket).is_none() {
            self.listeners[listener].joined.push(socket);
        }
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
