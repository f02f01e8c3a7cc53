//! What the engine may say when.

use std::fmt::Write;
use std::hash::Hasher;

use pairloop::engine::{ClientId, Ending, Note, Output, Payload};

use super::listeners::{Carries, carries};
use super::world::{Question, World};

/// What the engine has just been shown of a client's stream.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    pub id: ClientId,
    pub bytes: &'a [u8],
    /// How many bytes came before them.
    pub at: usize,
}

/// Writes what can be printed into a hash.
struct Told<'a, H>(&'a mut H);

impl<H: Hasher> Write for Told<'_, H> {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}

impl World {
    /// Carries out what the engine has decided, to the last output, and answers what it asks.
    pub fn carry_out(&mut self, shown: Option<Shown<'_>>) {
        self.drain(shown);
        while let Some((id, question)) = self.questions.pop() {
            let client = self.clients.get_mut(&id);
            let Some(client) = client.filter(|client| !client.owes_drained) else {
                continue;
            };
            // One that has become slow meanwhile has not taken it yet.
            if matches!(question, Question::Drained) && client.slow {
                client.owes_drained = true;
                continue;
            }
            self.answer(id, question);
            self.drain(None);
        }
        if let Some(Shown { id, .. }) = shown {
            self.nothing_is_lost(id);
        }
    }

    fn drain(&mut self, shown: Option<Shown<'_>>) {
        while let Some(output) = self.engine.poll_output() {
            let _ = write!(Told(&mut self.told), "{output:?}");
            self.fate = self.fate.wrapping_mul(5).wrapping_add(1);
            self.carry_out_one(output, shown);
        }
    }

    fn carry_out_one(&mut self, output: Output, shown: Option<Shown<'_>>) {
        match output {
            Output::Send { to, payload } => self.send(to, &payload, shown),
            Output::Forward { from, to } => self.forward(from, to),
            Output::Dial { client, to } => {
                self.client(client);
                assert!(to.port() != 0, "nobody is there");
                let question = match self.fate >> 5 {
                    0 => (client, Question::NotDialed { for_want: true }),
                    1 => (client, Question::NotDialed { for_want: false }),
                    _ => (self.dial(), Question::Dialing(client)),
                };
                self.questions.push(question);
            }
            Output::Finish(client) => self.finish(client),
            Output::Resume(client) => {
                self.client(client).resumed = true;
                self.ready.push_back(client);
            }
            Output::ReadOn(id) => {
                assert_eq!(
                    shown.map(|shown| shown.id),
                    Some(id),
                    "it was shown nothing"
                );
                let client = self.client(id);
                assert!(
                    !client.unread.is_empty(),
                    "there is nothing to read on from"
                );
                client.reads_on = true;
                self.ready.push_back(id);
            }
            Output::Opening { client, bytes } => {
                let client = self.client(client);
                client.opening += bytes;
                assert!(client.opening <= client.taken, "it was not taken");
                assert_eq!(client.passed, 0, "the stream has begun");
            }
            Output::Session(session) => {
                self.sessions += 1;
                for (_, id) in session.members.iter() {
                    let twice = std::mem::replace(&mut self.client(id).in_session, true);
                    assert!(!twice, "{id} is in two sessions");
                }
            }
            Output::Close { client, ending, .. } => self.close(client, ending),
            Output::AskActivity(members) => {
                for (_, id) in members.iter() {
                    self.client(id);
                }
                self.questions.push((members.first(), Question::Activity));
            }
            Output::Note(Note::HandedOver { members, .. }) => {
                let second = members.second().expect("two have met");
                self.client(second).is_second_leg = true;
            }
            Output::Print(_) | Output::Note(_) => {}
        }
    }

    fn send(&mut self, to: ClientId, payload: &Payload, shown: Option<Shown<'_>>) {
        let client = self.client(to);
        assert!(!client.finished, "{to} was sent FIN before");
        assert!(!client.dialing, "{to} is not there yet");
        client.owes_drained = client.slow;
        match payload {
            Payload::Text(text) => {
                assert!(!text.is_empty(), "nothing is sent to {to}");
                client.heard(text);
            }
            Payload::Input(part) => {
                let shown = shown.expect("there is an input");
                assert!(!part.is_empty() && part.end <= shown.bytes.len());
                assert_ne!(shown.id, to, "nobody hears itself");
                let from = self.client(shown.id);
                // In order, and nothing left out.
                assert_eq!(shown.at + part.start, from.position());
                from.passed = shown.at + part.end;
            }
        }
        if !self.client(to).slow {
            self.questions.push((to, Question::Drained));
        }
    }

    fn forward(&mut self, from: ClientId, to: ClientId) {
        let source = self.client(from);
        assert!(source.forwards_to.is_none(), "{from} has its sink");
        assert_eq!(source.taken, source.opening, "a part of its stream is lost");
        source.forwards_to = Some(to);
        source.unread.clear();
        source.resumed = false;
        let sink = self.client(to);
        assert!(sink.is_sent_by.is_none(), "{to} has its source");
        assert!(!sink.finished, "{to} was sent FIN before");
        sink.is_sent_by = Some(from);
        self.ready.push_back(from);
    }

    fn finish(&mut self, id: ClientId) {
        let client = self.client(id);
        assert!(!client.finished, "{id} was sent FIN before");
        client.finished = true;
        let partner = client.is_sent_by.or(client.forwards_to);
        let partner = partner.expect("somebody has finished");
        assert!(self.eofs.contains(&partner), "its stream goes on");
    }

    fn close(&mut self, id: ClientId, ending: Ending) {
        let client = self.forget(id);
        let client = client.unwrap_or_else(|| panic!("{id} is closed twice"));
        if let Some(source) = client.is_sent_by {
            let whole = self.eofs.contains(&source);
            assert!(
                whole || ending != Ending::Finish,
                "{id} takes a part for all"
            );
        }
        let was_told_of = client.in_session || client.is_second_leg;
        assert!(
            was_told_of || client.listener.is_none(),
            "{id} is in no session"
        );
    }

    /// What a client has said is where it belongs.
    fn nothing_is_lost(&self, id: ClientId) {
        let Some(client) = self.clients.get(&id) else {
            return;
        };
        let carries = client.listener.map_or(Carries::Bytes, carries);
        match carries {
            _ if client.consumes => {}
            Carries::Bytes => assert_eq!(client.taken, client.opening),
            Carries::Lines => assert_eq!(client.taken, client.position()),
            Carries::Messages => assert_eq!(client.passed, 0),
        }
    }

    /// Everybody who is here is counted, whoever has gone is not, and FIN has travelled.
    pub fn counts_are_right(&self) {
        let here = self.clients.values();
        let here = here.filter(|client| client.listener.is_some()).count();
        assert_eq!(self.engine.clients(), here);
        for client in self.clients.values() {
            // It may have ended before its sink was there.
            let ended = client
                .is_sent_by
                .filter(|source| self.eofs.contains(source));
            assert!(
                ended.is_none() || client.finished,
                "FIN of {ended:?} is lost"
            );
        }
        let counts = self.engine.counts();
        let moods = counts.iter().flat_map(|(_, counts)| counts.moods.iter());
        assert_eq!(moods.map(|(_, count)| count).sum::<u64>(), self.sessions);
    }
}
