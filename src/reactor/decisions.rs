//! Carrying out what the engine decides.

use std::time::Instant;

use log::info;

use crate::console;
use crate::engine::{ClientId, Input, Members, Note, Output};
use crate::logging::CLIENTS;

use super::Reactor;
use super::connection::{Closing, Connection};
use super::link::Link;
use super::net::Net;

/// What the engine waits to hear of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    /// When a byte last moved to or from these.
    Activity(Members),
    Drained,
    /// This is the connection that was dialed for that client.
    Dialing(ClientId),
    /// There is none for this client: for want of something here, or because of where it leads.
    NotDialed {
        for_want: bool,
    },
}

impl<N: Net> Reactor<N> {
    /// Carries out what the engine has decided, to the last output.
    pub(super) fn carry_out(&mut self) {
        loop {
            while let Some(output) = self.engine.poll_output() {
                self.carry_out_one(output);
            }
            let Some((client, question)) = self.questions.pop() else {
                return;
            };
            let Some(connection) = self.connections.get_mut(client) else {
                continue;
            };
            if question == Question::Drained && connection.is_sending() {
                // More was sent since, and that is not on its way yet.
                connection.owes_drained = true;
            } else if question == Question::Drained && connection.failure.is_some() {
                // More was sent since, and that broke it: it is not on its way, and the engine will hear of that.
            } else if connection.closing.is_none() {
                let (now, answer) = match question {
                    Question::Activity(members) => {
                        let last = self.last_activity(members);
                        (self.horizon.time(self.now), Input::Activity { last })
                    }
                    Question::Drained => (self.now, Input::SendDrained),
                    Question::Dialing(client) => (self.now, Input::Dialing { client }),
                    Question::NotDialed { for_want } => (self.now, Input::NotDialed { for_want }),
                };
                self.engine.handle_input(now, client, answer);
            }
        }
    }

    /// When a byte last came from a member or was taken by one. While bytes wait for somebody slow none are read,
    /// so either is a sign of life for all.
    fn last_activity(&self, members: Members) -> Instant {
        let members = members.iter();
        let connections = members.filter_map(|(_, id)| self.connections.get(id));
        let last = connections.map(Connection::last_activity).max();
        last.map_or(self.now, |at| self.epoch.instant(at))
    }

    /// Carries out one decision. It must not ask the engine anything, whose outputs are still being drained: what
    /// could lead there stands in line.
    fn carry_out_one(&mut self, output: Output) {
        match output {
            Output::Send { to, payload } => self.send(to, &payload),
            Output::Forward { from, to } => self.forward(from, to),
            Output::Dial { client, to } => self.dial(client, to),
            Output::Finish(client) => self.finish(client),
            Output::Resume(client) => self.resume(client),
            Output::ReadOn(client) => self.read_on(client),
            Output::Opening { client, bytes } => {
                if let Some(connection) = self.connections.get_mut(client) {
                    connection.received -= bytes as u64;
                }
            }
            Output::Session(session) => self.record(&session),
            Output::Close {
                client,
                reason,
                ending,
            } => self.close(client, Closing { reason, ending }),
            Output::AskActivity(members) => {
                let question = Question::Activity(members);
                self.questions.push((members.first(), question));
            }
            Output::Print(line) => self.print(&console::printable(&line)),
            Output::Note(note) => self.write_down(&note),
        }
    }

    fn forward(&mut self, from: ClientId, to: ClientId) {
        let Some(source) = self.connections.get_mut(from) else {
            return;
        };
        source.link = Some(Link::new(self.settings.splicing));
        let before = source.partner.replace(to);
        debug_assert!(
            before.is_none_or(|before| before == to),
            "a connection is linked with one other"
        );
        let mut early = source.unread.take();
        self.enqueue(from);
        let Some(sink) = self.connections.get_mut(to) else {
            return self.buffers.release(&mut early);
        };
        sink.is_sink = true;
        sink.partner = Some(from);
        if let Some(bytes) = &early {
            // What came early goes first.
            if !sink.is_sending() {
                sink.last_taken = self.moment;
            }
            self.buffers.keep(&mut sink.unsent, bytes.rest());
            self.buffers.release(&mut early);
            self.watch_for_stall(to);
        }
        self.enqueue(to);
    }

    fn write_down(&self, note: &Note) {
        match note {
            Note::RoomOver { members, .. } => {
                let bytes = members.iter().map(|(_, client)| {
                    let received = self.connections.get(client).map_or(0, |c| c.received);
                    format!("; {received} bytes from {client}")
                });
                info!(target: CLIENTS, "{note}{}", bytes.collect::<String>());
            }
            _ => info!(target: target(note), "{note}"),
        }
    }
}

/// A flood of lines about clients leaves those about workers alone.
fn target(note: &Note) -> &'static str {
    match note {
        Note::WorkerFailed(_) | Note::WorkerUp { .. } => module_path!(),
        _ => CLIENTS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_workers_is_not_among_the_lines_of_clients() {
        let worker = "a:1".to_owned();
        assert_ne!(target(&Note::WorkerUp { worker }), CLIENTS);
        let client = ClientId::new(1, 1);
        let name = "alice".into();
        assert_eq!(target(&Note::LoggedIn { client, name }), CLIENTS);
    }
}
