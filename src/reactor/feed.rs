//! Bytes between connections and the engine: what services read line by line, and what they say.
//!
//! The bytes that the engine is shown always begin at the start of the scratch buffer, so that an output can name a
//! part of them. What it does not take is kept as the connection's `unread` buffer and shown again when the engine
//! says so.

use std::io::ErrorKind;

use log::warn;

use crate::engine::{ClientId, CloseReason, Input, Payload};
use crate::limits::{BUFFER_FLOOR, READ_AHEAD};
use crate::logging::CLIENTS;

use super::connection::{Connection, Flow};
use super::decisions::Question;
use super::net::Net;
use super::readiness::Readiness;
use super::work::Read;
use super::{Reactor, retry};

impl<N: Net> Reactor<N> {
    /// Reads for the engine, behind what it wanted to read on from. Answers whether another read may bring more.
    #[inline(never)]
    pub(super) fn feed(&mut self, id: ClientId) -> bool {
        let known = self.recall(id);
        // What the engine leaves must be kept, so no more is read than a buffer may hold; and until that much is known, no
        // more than any may: behind a hello comes what has to wait for a partner, who may never come.
        let most = if known < BUFFER_FLOOR {
            BUFFER_FLOOR
        } else {
            self.buffers.allowance_beside(known).min(READ_AHEAD)
        };
        let Some(Read { bytes, more }) = self.read(id, known..most.max(known + 1)) else {
            return false;
        };
        if known + bytes > most {
            // There is no memory for the rest, and nobody knows when there will be: others may hold theirs for ever.
            warn!(target: CLIENTS, "{id}: no buffer memory for more than {most} bytes");
            self.lose(id, CloseReason::Failed);
            return false;
        }
        self.offer(id, known + bytes);
        more
    }

    /// Tells the engine of FIN.
    pub(super) fn feed_fin(&mut self, id: ClientId) {
        let known = self.recall(id);
        if let Some(connection) = self.connections.get_mut(id) {
            // Otherwise they would be held twice once they are sent on.
            self.buffers.release(&mut connection.unread);
        }
        let unread = &self.scratch[..known];
        self.engine
            .handle_input(self.now, id, Input::Eof { unread });
        self.carry_out();
    }

    /// Shows the engine the unread bytes again, if it asked for them. (A connection that is closed has none.)
    pub(super) fn offer_again(&mut self, id: ClientId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if std::mem::take(&mut connection.resumed) {
            let known = self.recall(id);
            if known > 0 {
                self.offer(id, known);
            }
        }
    }

    /// Copies a connection's unread bytes to the start of the scratch buffer, and answers how many they are.
    fn recall(&mut self, id: ClientId) -> usize {
        let unread = self
            .connections
            .get(id)
            .and_then(|connection| connection.unread.as_ref());
        let Some(unread) = unread else { return 0 };
        let bytes = unread.rest();
        self.scratch[..bytes.len()].copy_from_slice(bytes);
        bytes.len()
    }

    /// Shows the engine the first `bytes` of the scratch buffer, and keeps what it leaves.
    fn offer(&mut self, id: ClientId, bytes: usize) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.reads_on = false;
        self.buffers.release(&mut connection.unread);
        let bytes = &self.scratch[..bytes];
        let taken = self.engine.handle_input(self.now, id, Input::Data(bytes));
        if taken < bytes.len() {
            self.buffers.keep(&mut connection.unread, &bytes[taken..]);
        }
        self.carry_out();
        // What is kept may stand in the way of reading, and the edge that told of the end be spent.
        if self
            .connections
            .get(id)
            .is_some_and(Connection::is_past_reading)
        {
            self.enqueue(id);
        }
    }

    /// Sends what the engine says, as far as it goes now.
    pub(super) fn send(&mut self, to: ClientId, payload: &Payload) {
        let Some(connection) = self.connections.get_mut(to) else {
            return;
        };
        if connection.output != Flow::Open {
            // It is broken, and the engine will hear of that.
            return;
        }
        let bytes = match payload {
            Payload::Input(part) => &self.scratch[part.clone()],
            Payload::Text(text) => text,
        };
        let mut sent = 0;
        if !connection.is_sending() {
            connection.last_taken = self.moment;
            if connection.readiness.has(Readiness::WRITABLE) {
                match retry(|| self.net.write(&mut connection.stream, bytes)) {
                    Ok(count) => sent = count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    Err(error) => return self.write_failed(to, &error),
                }
                if sent < bytes.len() {
                    connection.readiness.remove(Readiness::WRITABLE);
                }
            }
        }
        if sent == bytes.len() {
            self.questions.push((to, Question::Drained));
        } else {
            // Where nothing was tried, an edge that has just come is still to be used.
            connection.owes_drained = true;
            self.buffers.keep(&mut connection.unsent, &bytes[sent..]);
            self.watch_for_stall(to);
        }
    }

    /// Marks unread bytes to be shown again.
    pub(super) fn resume(&mut self, id: ClientId) {
        if let Some(connection) = self.connections.get_mut(id)
            && connection.unread.is_some()
        {
            connection.resumed = true;
            self.enqueue(id);
        }
    }

    /// Marks unread bytes as the beginning of something.
    pub(super) fn read_on(&mut self, id: ClientId) {
        if let Some(connection) = self.connections.get_mut(id) {
            connection.reads_on = true;
        }
    }
}
