//! The table of connections: a slab whose keys cannot go stale.

use slab::Slab;

use crate::engine::ClientId;

/// A slab that answers only to the id it gave out. Its slots are used again at once, its ids never.
pub struct Slots<T> {
    entries: Slab<(ClientId, T)>,
    given: u64,
}

impl<T> Slots<T> {
    pub fn new() -> Self {
        Self {
            entries: Slab::new(),
            given: 0,
        }
    }

    /// Puts in a value and gives it the next number.
    pub fn insert(&mut self, value: T) -> ClientId {
        self.given += 1;
        let entry = self.entries.vacant_entry();
        let id = ClientId::new(self.given, entry.key());
        entry.insert((id, value));
        id
    }

    pub fn get_mut(&mut self, id: ClientId) -> Option<&mut T> {
        match self.entries.get_mut(id.slot()) {
            Some((owner, value)) if *owner == id => Some(value),
            _ => None,
        }
    }

    pub fn get(&self, id: ClientId) -> Option<&T> {
        match self.entries.get(id.slot()) {
            Some((owner, value)) if *owner == id => Some(value),
            _ => None,
        }
    }

    pub fn remove(&mut self, id: ClientId) -> Option<T> {
        self.get(id)?;
        Some(self.entries.remove(id.slot()).1)
    }

    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, (_, value))| value)
    }

    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many values there ever were.
    pub fn given(&self) -> u64 {
        self.given
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_kept_too_long_names_nobody() {
        let mut slots = Slots::new();
        let old = slots.insert('a');
        assert_eq!(slots.remove(old), Some('a'));
        let new = slots.insert('b');
        assert_eq!(
            old.slot(),
            new.slot(),
            "the slab gives the slot just freed first"
        );
        assert_eq!(slots.get(old), None);
        assert_eq!(slots.remove(old), None);
        assert_eq!(slots.get(new), Some(&'b'));
        assert_eq!((slots.len(), slots.given()), (1, 2));
    }
}
