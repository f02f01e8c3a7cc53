//! The two sides of a room, and what there is for each.

use std::ops::{Index, IndexMut};

use super::ClientId;

/// The side of a room: X joined first, Y second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    X,
    Y,
}

impl Side {
    pub fn other(self) -> Side {
        match self {
            Side::X => Side::Y,
            Side::Y => Side::X,
        }
    }
}

/// Some of the two sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sides(u8);

impl Sides {
    pub(super) fn of(side: Side) -> Self {
        Self(Self::bit(side))
    }

    /// The lowest two bits.
    pub(super) fn from_bits(bits: u8) -> Self {
        Self(bits & 3)
    }

    pub(super) fn bits(self) -> u8 {
        self.0
    }

    pub fn has(self, side: Side) -> bool {
        self.0 & Self::bit(side) != 0
    }

    pub fn add(&mut self, side: Side) {
        self.0 |= Self::bit(side);
    }

    fn bit(side: Side) -> u8 {
        match side {
            Side::X => 1,
            Side::Y => 2,
        }
    }
}

/// One of something for each side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PerSide<T> {
    x: T,
    y: T,
}

impl<T> PerSide<T> {
    pub fn of(x: T, y: T) -> Self {
        Self { x, y }
    }
}

impl<T> Index<Side> for PerSide<T> {
    type Output = T;

    fn index(&self, side: Side) -> &T {
        match side {
            Side::X => &self.x,
            Side::Y => &self.y,
        }
    }
}

impl<T> IndexMut<Side> for PerSide<T> {
    fn index_mut(&mut self, side: Side) -> &mut T {
        match side {
            Side::X => &mut self.x,
            Side::Y => &mut self.y,
        }
    }
}

/// Those who are in a room: X always, and Y once it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Members(ClientId, Option<ClientId>);

impl Members {
    pub fn one(x: ClientId) -> Self {
        Self(x, None)
    }

    pub fn two(x: ClientId, y: ClientId) -> Self {
        Self(x, Some(y))
    }

    /// Gives the second seat away.
    ///
    /// # Panics
    /// If it is taken: a room never has a third member.
    pub(super) fn seat(&mut self, y: ClientId) {
        let taken = self.1.replace(y);
        assert_eq!(taken, None, "a room never has a third member");
    }

    /// Empties the second seat.
    pub(super) fn unseat(&mut self) -> Option<ClientId> {
        self.1.take()
    }

    pub fn first(&self) -> ClientId {
        self.0
    }

    pub fn second(&self) -> Option<ClientId> {
        self.1
    }

    pub fn get(&self, side: Side) -> Option<ClientId> {
        match side {
            Side::X => Some(self.0),
            Side::Y => self.1,
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (Side, ClientId)> + use<> {
        [Some((Side::X, self.0)), self.1.map(|y| (Side::Y, y))]
            .into_iter()
            .flatten()
    }
}
