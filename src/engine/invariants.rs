//! What must always hold, swept after every mutation in debug builds.

use super::Engine;
#[cfg(debug_assertions)]
use super::{Phase, Place};

impl Engine {
    #[cfg(not(debug_assertions))]
    pub(super) fn check_invariants(&self) {}

    #[cfg(debug_assertions)]
    pub(super) fn check_invariants(&self) {
        let mut armed = usize::from(self.drain_deadline.is_some());
        for client in self.clients.iter() {
            match client.place {
                Place::Waiting(listener) => {
                    assert_eq!(self.lobbies[listener].waiting(), Some(client.id))
                }
                Place::Room(key, side) => {
                    assert_eq!(self.rooms[key].members.get(side), Some(client.id))
                }
            }
            armed += usize::from(client.deadline.is_some());
        }
        let mut seated = 0;
        let mut rooms = vec![0; self.lobbies.len()];
        for (key, room) in &self.rooms {
            rooms[room.listener] += 1;
            for (side, id) in room.members.iter() {
                seated += 1;
                assert_eq!(
                    self.clients[id].place,
                    Place::Room(key, side),
                    "a seat belongs to one client"
                );
            }
            armed += usize::from(room.deadline.is_some());
        }
        let waiting = self
            .lobbies
            .iter()
            .filter(|lobby| lobby.waiting().is_some())
            .count();
        assert_eq!(
            self.clients.len(),
            seated + waiting,
            "every client sits in one place"
        );
        assert!(
            self.lobbies
                .iter()
                .zip(&rooms)
                .all(|(lobby, rooms)| lobby.rooms == *rooms)
        );
        assert_eq!(self.deadlines.len(), armed, "every deadline has an owner");
        assert!(
            self.phase == Phase::Serving || waiting == 0,
            "nobody waits once the stop has begun"
        );
    }
}
