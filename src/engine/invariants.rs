//! What must always hold, swept after every mutation in debug builds.

use super::Engine;
#[cfg(debug_assertions)]
use super::{Counts, client::At, door::Stage, lobby::Lobby, stop::Phase};

impl Engine {
    #[cfg(not(debug_assertions))]
    pub(super) fn check_invariants(&self) {}

    #[cfg(debug_assertions)]
    pub(super) fn check_invariants(&self) {
        let (mut seated, mut waiting, mut dialed, mut unknown) = (0, 0, 0, 0);
        let mut armed = usize::from(self.drain_deadline.is_some());
        let mut open = vec![0; self.lobbies.len()];
        for (key, room) in self.rooms.iter() {
            for (side, id) in room.members.iter() {
                let seat = Some(At::Seat(key, side));
                assert_eq!(
                    self.clients.get(id.slot()),
                    seat,
                    "a seat belongs to one client"
                );
                seated += 1;
            }
            armed +=
                usize::from(room.deadline.is_some()) + usize::from(room.service_deadline.is_some());
            let lobby = &self.lobbies[room.listener()];
            let legs = lobby.route.is_some();
            dialed += usize::from(legs && room.members.second().is_some());
            if let Some((handover, _)) = room.handover() {
                assert!(legs && self.handovers.get(handover).is_some());
            } else if room.is_open() {
                open[room.listener()] += usize::from(!room.is_second_leg());
                assert!(room.is_full(), "an open room has all its members");
            } else {
                waiting += 1;
                assert_eq!(
                    lobby.at(room.place().flatten()),
                    Some(key),
                    "a room that waits is found by its lobby"
                );
                assert!(
                    self.phase == Phase::Serving,
                    "nobody waits once the stop has begun"
                );
            }
        }
        for (key, door) in self.doors.iter() {
            let at = self.clients.get(door.client.slot());
            assert_eq!(at, Some(At::Door(key)), "a door has one client");
            seated += 1;
            unknown += usize::from(matches!(door.stage, Stage::Header));
            armed += usize::from(door.deadline.is_some());
        }
        let handovers = self.handovers.iter();
        armed += handovers.filter(|(_, one)| one.deadline.is_some()).count();
        assert_eq!(self.dialed, dialed, "every dialed connection is counted");
        assert_eq!(self.clients.len(), seated, "every client has one seat");
        let seated = seated - dialed;
        let counts = self.lobbies.iter().map(Lobby::counts);
        let all = counts.fold(Counts::default(), |mut all, counts| {
            all.add(counts);
            all
        });
        assert_eq!(all.waiting, waiting, "a lobby names a room that exists");
        assert_eq!(all.clients, seated, "every client is counted once");
        let known = seated - unknown;
        let counted = self.sources.clients().unwrap_or(known);
        assert_eq!(counted, known, "every client is counted by its source");
        assert!(
            self.lobbies
                .iter()
                .zip(&open)
                .all(|(lobby, open)| lobby.rooms == *open)
        );
        assert_eq!(self.deadlines.len(), armed, "every deadline has an owner");
    }
}
