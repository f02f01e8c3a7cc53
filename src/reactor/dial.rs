//! Connections that the engine asked for: they are made without waiting, and then are like all others.

use std::net::SocketAddr;

use log::{debug, warn};
use rustix::io::Errno;

use crate::engine::{ClientId, Input};
use crate::logging::CLIENTS;

use super::Reactor;
use super::connection::Connection;
use super::decisions::Question;
use super::net::Net;
use super::work::reason_of;

/// How many of the connections were dialed.
#[derive(Debug, Default)]
pub(super) struct Dialed {
    pub now: usize,
    pub ever: u64,
}

impl<N: Net> Reactor<N> {
    /// Begins to connect on behalf of a client. The engine is told how that goes once its outputs are drained.
    pub(super) fn dial(&mut self, client: ClientId, to: SocketAddr) {
        let question = match self.begin_to_dial(to) {
            Ok(id) => {
                debug!(target: CLIENTS, "{id}: dials {to} for {client}");
                (id, Question::Dialing(client))
            }
            Err(error) => {
                warn!(target: CLIENTS, "{client}: cannot dial {to}: {error}");
                let for_want = is_about_us(&error);
                (client, Question::NotDialed { for_want })
            }
        };
        self.questions.push(question);
    }

    fn begin_to_dial(&mut self, to: SocketAddr) -> std::io::Result<ClientId> {
        // One for each client. Those that are given up and still being sent to count: who leaves them behind and comes again
        // must not have more and more.
        if self.dialed.now >= self.settings.max_clients {
            return Err(Errno::MFILE.into());
        }
        let stream = self.net.connect(to)?;
        let id = self
            .connections
            .insert(Connection::dialed(stream, self.moment));
        let connection = self.connections.get_mut(id).expect("it was just put in");
        if let Err(error) = self.net.register(&mut connection.stream, id) {
            self.connections.remove(id);
            return Err(error);
        }
        self.dialed.now += 1;
        self.dialed.ever += 1;
        Ok(id)
    }

    /// Something has happened to a connection that is being made.
    pub(super) fn try_connected(&mut self, id: ClientId) {
        let Some(connection) = self.connections.get_mut(id) else {
            return;
        };
        match self.net.is_connected(&mut connection.stream) {
            Ok(false) => {}
            Ok(true) => {
                connection.has_connected();
                self.engine.handle_input(self.now, id, Input::Dialed);
                self.carry_out();
                // What it has said since, or that it has gone, came with the same edge.
                self.enqueue(id);
            }
            Err(error) => {
                warn!(target: CLIENTS, "{id}: cannot connect: {error}");
                self.lose(id, reason_of(&error));
            }
        }
    }

    /// Connections at one time of clients, without those that were dialed.
    pub(super) fn clients_connected(&self) -> usize {
        self.connections.len() - self.dialed.now
    }
}

/// Whether the system here lacks something: descriptors, memory, ports (connect(2), epoll_ctl(2)).
fn is_about_us(error: &std::io::Error) -> bool {
    let lacks = [
        Errno::MFILE,
        Errno::NFILE,
        Errno::NOBUFS,
        Errno::NOMEM,
        Errno::NOSPC,
        Errno::ADDRNOTAVAIL,
    ];
    lacks
        .iter()
        .any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_system_lacks_is_told_from_what_is_wrong_with_a_worker() {
        for (errno, about_us) in [
            (Errno::MFILE, true),
            (Errno::NFILE, true),
            (Errno::NOBUFS, true),
            (Errno::NOMEM, true),
            (Errno::NOSPC, true),
            (Errno::ADDRNOTAVAIL, true),
            (Errno::CONNREFUSED, false),
            (Errno::NETUNREACH, false),
            (Errno::TIMEDOUT, false),
        ] {
            assert_eq!(is_about_us(&errno.into()), about_us, "{errno:?}");
        }
    }
}
