//! How connections end: FIN behind the last byte of a whole stream, RST for one that was cut short.

use log::debug;
use std::io::ErrorKind;
use std::time::Duration;

use crate::engine::{ClientId, CloseReason, Ending, Moment};
use crate::limits::{
    CLOSED_STALL, FAREWELLS_PER_TURN, GIVING_WAY, LINGER, RESET_PATIENCE, RESET_RECHECK,
    STALL_CHECKS,
};
use crate::logging::CLIENTS;

use super::connection::{Closing, Flow};
use super::net::Net;
use super::readiness::Readiness;
use super::{Reactor, retry};

impl<N: Net> Reactor<N> {
    /// FIN to this client once everything is sent. Its own bytes keep coming.
    pub(super) fn finish(&mut self, id: ClientId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        if connection.output != Flow::Open {
            return;
        }
        connection.output = Flow::Draining;
        if !connection.is_sending() {
            self.all_sent(id);
        }
    }

    /// The engine has closed this client.
    pub(super) fn close(&mut self, id: ClientId, closing: Closing) {
        self.unlink(id);
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        // One that broke meanwhile gets no good end any more.
        let broken = connection.failure.map(|reason| Closing {
            reason,
            ending: Ending::Reset,
        });
        let closing = broken.unwrap_or(closing);
        connection.closing = Some(closing);
        self.buffers.release(&mut connection.unread);
        if closing.ending == Ending::Reset {
            return self.free(id, Ending::Reset);
        }
        let is_to_hear_fin = closing.ending == Ending::Finish && connection.output == Flow::Open;
        if is_to_hear_fin {
            connection.output = Flow::Draining;
        }
        if !connection.is_sending() {
            if !is_to_hear_fin || self.farewells > 0 && self.leaving.is_empty() {
                self.farewells -= usize::from(is_to_hear_fin);
                return self.all_sent(id);
            }
            // A deadline that is left from its last bytes means nothing any more.
            self.timers.set(&mut connection.deadline, None, id);
            return self.leaving.push_back(id);
        }
        if self.settings.stall_timeout.is_none() {
            connection.last_taken = self.moment;
        }
        self.watch_for_stall(id);
    }

    /// Sends FIN to a bounded number of those who are to hear nothing else: one decision may send thousands away.
    pub(super) fn see_off(&mut self) {
        while self.farewells > 0
            && let Some(id) = self.leaving.pop_front()
        {
            self.farewells -= 1;
            self.all_sent(id);
        }
        self.farewells = FAREWELLS_PER_TURN;
    }

    /// Everything for a client that is finished or closed has been sent.
    pub(super) fn all_sent(&mut self, id: ClientId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let ending = connection.closing.map(|closing| closing.ending);
        if ending == Some(Ending::Finish) && connection.input == Flow::Shut {
            // Closing sends FIN by itself.
            return self.free(id, Ending::Finish);
        }
        if connection.output == Flow::Draining {
            connection.output = Flow::Shut;
            if let Err(error) = self.net.shutdown_write(&mut connection.stream) {
                // The peer is gone already. Reading will say so, and is under way.
                debug!(target: CLIENTS, "{id}: no FIN: {error}");
            }
        }
        match ending {
            None => {}
            Some(Ending::Finish) => {
                self.timers
                    .set(&mut connection.deadline, Some(self.moment + LINGER), id);
                self.enqueue(id);
                let gone = |&id: &ClientId| self.connections.get(id).is_none();
                while self.lingering.front().is_some_and(gone) {
                    self.lingering.pop_front();
                }
                self.lingering.push_back(id);
            }
            Some(Ending::FlushThenReset | Ending::Reset) => {
                connection.last_taken = self.moment;
                connection.undelivered = u32::MAX;
                self.reset_when_delivered(id);
            }
        }
    }

    /// Reads a connection that was told everything to its end, and throws away what comes: closing over unread bytes
    /// would reset it.
    pub(super) fn linger(&mut self, id: ClientId, budget: usize) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let told = connection
            .closing
            .is_some_and(|closing| closing.ending == Ending::Finish);
        if !told
            || connection.output != Flow::Shut
            || !connection.readiness.has(Readiness::READABLE)
        {
            return;
        }
        let part = &mut self.scratch[..budget];
        match retry(|| self.net.read(&mut connection.stream, part)) {
            Ok(0) => self.free(id, Ending::Finish),
            Ok(_) => self.enqueue(id),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                connection.readiness.remove(Readiness::READABLE);
            }
            Err(_) => self.free(id, Ending::Reset),
        }
    }

    /// Makes a place on a full table. Lingering is a courtesy, and whoever is new goes before it: else clients who are sent
    /// away, and stay, could keep all others out. Answers how many bytes had to be read for that.
    pub(super) fn make_room(&mut self) -> usize {
        let mut read = 0;
        while self.clients_connected() >= self.settings.max_clients
            && let Some(id) = self.lingering.pop_front()
        {
            if let Some(connection) = self.connections.get_mut(id) {
                // What is unread would turn closing into a reset, before its last words are there.
                while read < GIVING_WAY
                    && let Ok(bytes @ 1..) =
                        retry(|| self.net.read(&mut connection.stream, &mut self.scratch[..]))
                {
                    read += bytes;
                }
            }
            self.free(id, Ending::Finish);
        }
        read
    }

    /// A reset destroys what is still on its way, so it waits until the peer's kernel has it all, as long as that
    /// takes any of it.
    fn reset_when_delivered(&mut self, id: ClientId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        // To a peer that is gone nothing is delivered any more, and the kernel goes on counting what was not.
        let gone = connection.readiness.has(Readiness::ERROR);
        let undelivered = undelivered(&mut self.net, &mut connection.stream);
        if undelivered < connection.undelivered {
            connection.undelivered = undelivered;
            connection.last_taken = self.moment;
        }
        if gone || undelivered == 0 || self.moment >= connection.last_taken + RESET_PATIENCE {
            return self.free(id, Ending::Reset);
        }
        self.timers.set(
            &mut connection.deadline,
            Some(self.moment + RESET_RECHECK),
            id,
        );
    }

    /// Watches that a client with unsent bytes takes some. One timer serves however often it is called.
    pub(super) fn watch_for_stall(&mut self, id: ClientId) {
        let limit = self.stall_limit(id);
        let (Some(limit), Some(connection)) = (limit, self.connections.get_mut(id)) else {
            return;
        };
        if connection.deadline.is_none() {
            connection.undelivered = undelivered(&mut self.net, &mut connection.stream);
            let at = self.moment + limit / STALL_CHECKS;
            self.timers.set(&mut connection.deadline, Some(at), id);
        }
    }

    /// How long this client may leave bytes waiting. One that is closed does not wait for ever in any case: the peer may be a
    /// pairloop that has closed the connection just as well, and reads no more until its own bytes are taken.
    fn stall_limit(&self, id: ClientId) -> Option<Duration> {
        let closing = self.connections.get(id)?.closing;
        let limit = self.settings.stall_timeout;
        limit.or(closing.map(|_| CLOSED_STALL))
    }

    pub(super) fn timer_fired(&mut self, id: ClientId, now: Moment) {
        let limit = self.stall_limit(id);
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        connection.deadline = None;
        if !connection.is_sending() {
            return match connection.closing.map(|closing| closing.ending) {
                None => {}
                Some(Ending::Finish) => self.free(id, Ending::Finish),
                Some(_) => self.reset_when_delivered(id),
            };
        }
        if undelivered(&mut self.net, &mut connection.stream) < connection.undelivered {
            // It reads, though not yet enough for the kernel, which holds megabytes, to take more from us.
            connection.last_taken = now;
        }
        let stalled = limit.is_some_and(|limit| connection.last_taken + limit <= now);
        if !stalled {
            return self.watch_for_stall(id);
        }
        let reason = CloseReason::StallTimeout;
        if connection.closing.is_some() {
            connection.closing = Some(Closing {
                reason,
                ending: Ending::Reset,
            });
            self.free(id, Ending::Reset);
        } else {
            self.lose(id, reason);
        }
    }

    /// Takes a closed connection off the table: with FIN if its stream is whole, otherwise with RST.
    pub(super) fn free(&mut self, id: ClientId, ending: Ending) {
        let Some(mut connection) = self.connections.remove(id) else {
            return;
        };
        self.timers.set(&mut connection.deadline, None, id);
        self.buffers.release(&mut connection.unread);
        self.buffers.release(&mut connection.unsent);
        self.pipes.discard(&mut connection.piped, &mut self.buffers);
        let reason = connection.closing.map(|closing| closing.reason);
        if let Some(reason) = reason {
            debug!(target: CLIENTS, "{id}: closed: {reason}");
        }
        match connection.listener() {
            Some(listener) => {
                self.listeners[listener].bytes += connection.received;
                reason.inspect(|&reason| self.counters.count_close(reason));
            }
            None => self.dialed.now -= 1,
        }
        if ending == Ending::Finish {
            self.net.close(connection.stream);
        }
    }

    /// Takes a connection out of the links it is part of.
    fn unlink(&mut self, id: ClientId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        let partner = connection.partner;
        connection.unlink();
        if let Some(partner) = partner.and_then(|partner| self.connections.get_mut(partner)) {
            partner.unlink();
        }
    }
}

/// Bytes on their way to a peer. Where nobody can tell, there are none.
fn undelivered<N: Net>(net: &mut N, stream: &mut N::Stream) -> u32 {
    net.unacknowledged(stream)
        .map_or(0, |bytes| u32::try_from(bytes).unwrap_or(u32::MAX))
}
