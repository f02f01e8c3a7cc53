//! The table of rooms, by keys of four bytes: they are kept with every client, and a usize would be twice that.

use std::ops::{Index, IndexMut};

use slab::Slab;

use super::room::Room;

/// Names a room for as long as it lasts. Then it may name another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RoomKey(u32);

#[derive(Default)]
pub(super) struct Rooms(Slab<Room>);

impl RoomKey {
    fn new(index: usize) -> Self {
        Self(u32::try_from(index).expect("there are no more rooms than clients"))
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

impl Rooms {
    pub fn insert(&mut self, room: Room) -> RoomKey {
        RoomKey::new(self.0.insert(room))
    }

    pub fn remove(&mut self, key: RoomKey) -> Room {
        self.0.remove(key.index())
    }

    pub fn get(&self, key: RoomKey) -> Option<&Room> {
        self.0.get(key.index())
    }

    pub fn get_mut(&mut self, key: RoomKey) -> Option<&mut Room> {
        self.0.get_mut(key.index())
    }

    pub fn iter(&self) -> impl Iterator<Item = (RoomKey, &Room)> {
        self.0
            .iter()
            .map(|(index, room)| (RoomKey::new(index), room))
    }

    #[cfg(debug_assertions)]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl Index<RoomKey> for Rooms {
    type Output = Room;

    fn index(&self, key: RoomKey) -> &Room {
        &self.0[key.index()]
    }
}

impl IndexMut<RoomKey> for Rooms {
    fn index_mut(&mut self, key: RoomKey) -> &mut Room {
        &mut self.0[key.index()]
    }
}
