//! Tables with keys of four bytes: these are kept with every client, and a usize would be twice that.

use std::ops::{Index, IndexMut};

use slab::Slab;

/// Names a row for as long as it lasts. Then it may name another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key(u32);

pub(super) struct Table<T>(Slab<T>);

impl Key {
    fn new(index: usize) -> Self {
        Self(u32::try_from(index).expect("there are no more rows than clients"))
    }

    fn index(self) -> usize {
        self.0 as usize
    }
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self(Slab::new())
    }
}

impl<T> Table<T> {
    pub fn insert(&mut self, row: T) -> Key {
        Key::new(self.0.insert(row))
    }

    pub fn remove(&mut self, key: Key) -> T {
        self.0.remove(key.index())
    }

    pub fn get(&self, key: Key) -> Option<&T> {
        self.0.get(key.index())
    }

    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.0.get_mut(key.index())
    }

    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.0.iter().map(|(index, row)| (Key::new(index), row))
    }
}

impl<T> Index<Key> for Table<T> {
    type Output = T;

    fn index(&self, key: Key) -> &T {
        &self.0[key.index()]
    }
}

impl<T> IndexMut<Key> for Table<T> {
    fn index_mut(&mut self, key: Key) -> &mut T {
        &mut self.0[key.index()]
    }
}
