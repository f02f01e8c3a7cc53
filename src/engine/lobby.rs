//! Where a listener's clients wait for their partners.

use super::ClientId;
use super::room::Members;
use super::service::{Seats, ServiceKind};

/// One listener's lobby. Clients pair in the order in which they come, so at most one waits.
pub(super) struct Lobby {
    service: &'static ServiceKind,
    waiting: Option<ClientId>,
    /// The rooms that were made from this lobby and still exist.
    pub rooms: usize,
}

impl Lobby {
    pub fn new(service: &'static ServiceKind) -> Self {
        Self {
            service,
            waiting: None,
            rooms: 0,
        }
    }

    pub fn service(&self) -> &'static ServiceKind {
        self.service
    }

    pub fn waiting(&self) -> Option<ClientId> {
        self.waiting
    }

    /// Brings a client in: `None` if it has to wait, else those who now have a room.
    pub fn join(&mut self, client: ClientId) -> Option<Members> {
        if self.service.seats == Seats::One {
            return Some(Members::one(client));
        }
        match self.waiting.take() {
            Some(first) => Some(Members::two(first, client)),
            None => {
                self.waiting = Some(client);
                None
            }
        }
    }

    pub fn leave(&mut self, client: ClientId) {
        debug_assert_eq!(self.waiting, Some(client));
        self.waiting = None;
    }
}
