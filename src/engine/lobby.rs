//! Where a listener's clients wait for their partners.

use super::Counts;
use super::rooms::RoomKey;
use super::service::Factory;

/// One listener's lobby. Clients pair in the order in which they come, so at most one waits.
pub(super) struct Lobby {
    factory: Factory,
    /// The room that has its first client and waits for its second.
    pub waiting: Option<RoomKey>,
    /// The rooms that were completed in this lobby and still exist.
    pub rooms: usize,
}

impl Lobby {
    pub fn new(factory: Factory) -> Self {
        Self {
            factory,
            waiting: None,
            rooms: 0,
        }
    }

    /// The service of its rooms.
    pub fn service(&self) -> &'static str {
        self.factory.kind.name
    }

    pub fn factory(&self) -> &Factory {
        &self.factory
    }

    pub fn counts(&self) -> Counts {
        let waiting = usize::from(self.waiting.is_some());
        let clients = waiting + self.rooms * self.factory.kind.seats.len();
        Counts {
            clients,
            waiting,
            rooms: self.rooms,
        }
    }
}
