//! What must always hold, swept after every mutation in debug builds.

use super::Engine;
#[cfg(debug_assertions)]
use super::{client::Client, stop::Phase};

impl Engine {
    #[cfg(not(debug_assertions))]
    pub(super) fn check_invariants(&self) {}

    #[cfg(debug_assertions)]
    pub(super) fn check_invariants(&self) {
        let mut seated = 0;
        let mut armed = usize::from(self.drain_deadline.is_some());
        let mut open = vec![0; self.lobbies.len()];
        for (key, room) in self.rooms.iter() {
            for (side, id) in room.members.iter() {
                assert_eq!(
                    self.clients.get(id.slot()),
                    Some(Client { room: key, side }),
                    "a seat belongs to one client"
                );
                seated += 1;
            }
            armed +=
                usize::from(room.deadline.is_some()) + usize::from(room.service_deadline.is_some());
            let lobby = &self.lobbies[room.listener()];
            if room.is_open() {
                open[room.listener()] += 1;
                assert!(room.is_full(), "an open room has all its members");
            } else {
                assert_eq!(
                    lobby.waiting,
                    Some(key),
                    "a room that waits is found by its lobby"
                );
                assert!(
                    self.phase == Phase::Serving,
                    "nobody waits once the stop has begun"
                );
            }
        }
        let waiting = self
            .lobbies
            .iter()
            .filter(|lobby| lobby.waiting.is_some())
            .count();
        assert_eq!(
            self.rooms.len(),
            open.iter().sum::<usize>() + waiting,
            "a lobby names a room that exists"
        );
        assert_eq!(self.clients.len(), seated, "every client has one seat");
        assert!(
            self.lobbies
                .iter()
                .zip(&open)
                .all(|(lobby, open)| lobby.rooms == *open)
        );
        assert_eq!(self.deadlines.len(), armed, "every deadline has an owner");
    }
}
