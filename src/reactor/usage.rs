//! Who keeps a record of what the daemon was used for.

use crate::engine::Session;

use super::Reactor;
use super::net::Net;

/// Keeps sessions that are over. The loop waits while it does, so none of this may wait for anything.
pub trait Usage {
    /// Keeps a session, and how many bytes its members have sent each other.
    fn record(&mut self, session: &Session, bytes: u64);

    /// How many sessions could not be kept.
    fn lost(&self) -> u64;
}

impl<N: Net> Reactor<N> {
    /// Who keeps sessions.
    pub fn set_usage(&mut self, usage: Box<dyn Usage>) {
        self.usage = Some(usage);
    }

    pub(super) fn record(&mut self, session: &Session) {
        let Some(usage) = &mut self.usage else { return };
        // What somebody said without a partner went to nobody.
        let members = session.members.iter();
        let members = members.filter(|_| session.mood.had_a_room());
        let connections = members.filter_map(|(_, client)| self.connections.get(client));
        usage.record(session, connections.map(|c| c.received).sum());
    }
}
