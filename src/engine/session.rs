//! What becomes of clients, as operators count it: one session for a pair, one for everybody who never had a partner.

use std::time::Duration;

use super::door::{HALF_A_HEADER, HALF_A_HELLO};
use super::greeting::{Code, Refusal};
use super::{CloseReason, Engine, ListenerId, Members, Output};

/// How a session ended, in the words of magic-wormhole's transit relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It was gone, or sent away, before it had said what it wanted.
    Empty,
    /// What it said first was wrong, or it may not come in.
    Errory,
    /// It had no partner in the end.
    Lonely,
    /// Its partner met another.
    Redundant,
    /// It did not wait for its partner to speak.
    Impatient,
    /// Its room came to a good end.
    Happy,
    /// Its room was cut off.
    Jilted,
}

impl Mood {
    pub const ALL: [Mood; 7] = [
        Mood::Empty,
        Mood::Errory,
        Mood::Lonely,
        Mood::Redundant,
        Mood::Impatient,
        Mood::Happy,
        Mood::Jilted,
    ];

    /// One word for logs and counters.
    pub fn name(self) -> &'static str {
        match self {
            Mood::Empty => "empty",
            Mood::Errory => "errory",
            Mood::Lonely => "lonely",
            Mood::Redundant => "redundant",
            Mood::Impatient => "impatient",
            Mood::Happy => "happy",
            Mood::Jilted => "jilted",
        }
    }

    /// Whether there was a room, in which bytes could go to somebody.
    pub fn had_a_room(self) -> bool {
        matches!(self, Mood::Happy | Mood::Jilted)
    }

    /// That of a client that is not let in.
    pub(super) fn of_refusal(refusal: Refusal) -> Mood {
        match refusal.code {
            Code::Timeout | Code::Closing => Mood::Empty,
            _ if [HALF_A_HEADER, HALF_A_HELLO].contains(&refusal) => Mood::Empty,
            Code::Hello | Code::Auth | Code::Room | Code::Full => Mood::Errory,
        }
    }

    /// That of clients whose room, open or still waiting, has ended for this reason.
    pub(super) fn of_room(open: bool, reason: CloseReason) -> Mood {
        match (open, reason) {
            (true, CloseReason::Done) => Mood::Happy,
            (true, _) => Mood::Jilted,
            (false, CloseReason::Impatient) => Mood::Impatient,
            (false, CloseReason::Redundant) => Mood::Redundant,
            (false, _) => Mood::Lonely,
        }
    }
}

/// A session that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    pub service: &'static str,
    pub mood: Mood,
    /// Whose it was.
    pub members: Members,
    /// From when the first of them connected until now.
    pub lasted: Duration,
    /// How long the first had been there when the two met. `None` if it met nobody.
    pub waited: Option<Duration>,
}

/// How many sessions have ended in which mood.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moods([u64; Mood::ALL.len()]);

impl Moods {
    pub fn count(&mut self, mood: Mood) {
        self.0[mood as usize] += 1;
    }

    pub fn add(&mut self, other: Moods) {
        let pairs = self.0.iter_mut().zip(other.0);
        pairs.for_each(|(sum, more)| *sum += more);
    }

    /// Every mood, with its count.
    pub fn iter(self) -> impl Iterator<Item = (Mood, u64)> {
        Mood::ALL.into_iter().zip(self.0)
    }
}

impl Engine {
    /// Counts a session of this listener, and tells of it. Its members are still to be closed: whoever hears of it may ask
    /// what they have sent.
    pub(super) fn end_session(
        &mut self,
        listener: ListenerId,
        mood: Mood,
        members: Members,
        lasted: Duration,
        waited: Option<Duration>,
    ) {
        let lobby = &mut self.lobbies[listener];
        lobby.moods.count(mood);
        self.outputs.push_back(Output::Session(Session {
            service: lobby.service(),
            mood,
            members,
            lasted,
            waited,
        }));
    }
}
