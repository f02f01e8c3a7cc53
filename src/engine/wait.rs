//! Rooms that are not open: what their first client waits for.

use super::lobby::{Guest, Place};
use super::room::Room;
use super::sides::Side;
use super::table::Key;

/// A client whose room is not open.
pub(super) struct Wait {
    pub at: Waiting,
    pub guest: Guest,
}

/// What it waits for.
pub(super) enum Waiting {
    /// For somebody to come; this is its place among those who wait by name.
    Partner(Option<Place>),
    /// It has its partner, and is being handed over to a worker.
    Worker(Key),
}

impl Room {
    /// Waits for the second client.
    pub fn wait(&mut self, place: Option<Place>, guest: Guest) {
        self.begin_to_wait(Waiting::Partner(place), guest);
    }

    /// Has met its partner, who is in a room of its own, and waits for a worker.
    pub fn follow(&mut self, guest: Guest, handover: Key) {
        self.begin_to_wait(Waiting::Worker(handover), guest);
    }

    /// The same for the one who was in the lobby.
    pub fn leave_lobby(&mut self, handover: Key) {
        if let Some(wait) = &mut self.wait {
            wait.at = Waiting::Worker(handover);
        }
    }

    fn begin_to_wait(&mut self, at: Waiting, guest: Guest) {
        self.mute(Side::X, &guest);
        self.wait = Some(Box::new(Wait { at, guest }));
    }

    /// Whether its lobby finds it, and where among those who wait by name.
    pub fn place(&self) -> Option<Option<&Place>> {
        match &self.wait.as_ref()?.at {
            Waiting::Partner(place) => Some(place.as_ref()),
            Waiting::Worker(_) => None,
        }
    }

    /// How it is being handed over to a worker, if it is, and who.
    pub fn handover(&self) -> Option<(Key, &Guest)> {
        let wait = self.wait.as_ref()?;
        match wait.at {
            Waiting::Partner(_) => None,
            Waiting::Worker(key) => Some((key, &wait.guest)),
        }
    }
}
