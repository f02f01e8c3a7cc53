//! Who a client is, and where the engine keeps it.

use std::fmt;
use std::num::NonZeroU64;

use crate::limits::{ID_BYTES, SEAT_BYTES};

use super::table::Key;
use super::{Engine, Side};

/// Names one connection, now and for ever: its slot in the reactor's table together with its number.
///
/// Slots are used again as soon as they are free; numbers count the accepted clients and are not (they wrap
/// after four million million). An id kept too long therefore names nobody, never the slot's next tenant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(NonZeroU64);

impl ClientId {
    const SLOT_BITS: u32 = 22;
    /// The highest number of slots, and so of clients at one time.
    pub const MAX_SLOTS: usize = 1 << Self::SLOT_BITS;
    const MAX_NUMBER: u64 = (1 << (u64::BITS - Self::SLOT_BITS)) - 1;

    /// The id of the `number`th client (counted from 1), which has this slot.
    ///
    /// # Panics
    /// If the slot is not below [`MAX_SLOTS`](Self::MAX_SLOTS).
    pub fn new(number: u64, slot: usize) -> Self {
        assert!(slot < Self::MAX_SLOTS, "slot {slot} is beyond the last");
        let number = (number - 1) % Self::MAX_NUMBER + 1;
        Self(
            NonZeroU64::new(number << Self::SLOT_BITS | slot as u64).expect("numbers begin with 1"),
        )
    }

    /// The id that [`bits`](Self::bits) came from; `None` if no id has these bits.
    pub fn from_bits(bits: u64) -> Option<Self> {
        NonZeroU64::new(bits).map(Self).filter(|id| id.number() > 0)
    }

    pub fn bits(self) -> u64 {
        self.0.get()
    }

    pub fn slot(self) -> usize {
        self.0.get() as usize % Self::MAX_SLOTS
    }

    /// The how-many-eth client this is, counted from 1: its name in the log.
    pub fn number(self) -> u64 {
        self.0.get() >> Self::SLOT_BITS
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {}", self.number())
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client {}@{}", self.number(), self.slot())
    }
}

/// Where a client is. Its id is kept there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// At this door, where it says which room it wants.
    Door(Key),
    /// In this room, which may still wait for the second.
    Seat(Key, Side),
}

const _: () = assert!(size_of::<Option<At>>() <= SEAT_BYTES);
const _: () = assert!(size_of::<Option<ClientId>>() <= ID_BYTES);

/// The clients by slot: the reactor has already chosen a dense number for each, so no map is needed.
#[derive(Default)]
pub(super) struct Clients {
    by_slot: Vec<Option<At>>,
    len: usize,
}

impl Clients {
    pub fn insert(&mut self, slot: usize, at: At) {
        if slot >= self.by_slot.len() {
            self.by_slot.resize_with(slot + 1, || None);
        }
        let old = self.by_slot[slot].replace(at);
        assert!(old.is_none(), "slot {slot} was given away twice");
        self.len += 1;
    }

    pub fn remove(&mut self, slot: usize) {
        let client = self.by_slot[slot].take();
        assert!(client.is_some(), "slot {slot} is free");
        self.len -= 1;
    }

    pub fn get(&self, slot: usize) -> Option<At> {
        *self.by_slot.get(slot)?
    }

    pub fn len(&self) -> usize {
        self.len
    }
}

impl Engine {
    /// Where the client with this id is, and not one that has its slot by now.
    pub(super) fn place_of(&self, id: ClientId) -> Option<At> {
        let at = self.clients.get(id.slot())?;
        let tenant = match at {
            At::Door(door) => Some(self.doors[door].client),
            At::Seat(room, side) => self.rooms[room].members.get(side),
        };
        (tenant == Some(id)).then_some(at)
    }

    pub(super) fn find(&self, id: ClientId) -> At {
        self.place_of(id)
            .unwrap_or_else(|| panic!("{id} is not here"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_keeps_its_number_and_slot() {
        let id = ClientId::new(7, 300);
        assert_eq!((id.number(), id.slot()), (7, 300));
        assert_eq!(ClientId::from_bits(id.bits()), Some(id));
        assert_eq!(
            ClientId::from_bits(300),
            None,
            "small numbers are left for other tokens"
        );
    }

    #[test]
    fn numbers_wrap_to_one_because_zero_names_nobody() {
        assert_eq!(
            ClientId::new(ClientId::MAX_NUMBER, 0).number(),
            ClientId::MAX_NUMBER
        );
        assert_eq!(ClientId::new(ClientId::MAX_NUMBER + 1, 0).number(), 1);
    }
}
