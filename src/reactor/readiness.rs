//! What is known about a socket without asking it.

/// What the last edges said and no system call has yet disproved. Edge-triggered polling tells each thing
/// once, so forgetting one of these means losing a wake-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Readiness(u8);

impl Readiness {
    /// A read may find bytes, FIN or an error.
    pub const READABLE: Readiness = Readiness(1);
    /// A write may find room.
    pub const WRITABLE: Readiness = Readiness(2);
    /// FIN has arrived; bytes may still be in front of it.
    pub const READ_CLOSED: Readiness = Readiness(4);
    /// The socket holds an error; bytes may still be in front of it.
    pub const ERROR: Readiness = Readiness(8);

    /// The peer sends urgent data (RFC 6093). A read stops short of it, though more lies behind.
    pub const URGENT: Readiness = Readiness(16);

    pub fn has(self, other: Readiness) -> bool {
        self.0 & other.0 != 0
    }

    pub fn add(&mut self, other: Readiness) {
        self.0 |= other.0;
    }

    pub fn remove(&mut self, other: Readiness) {
        self.0 &= !other.0;
    }

    /// Notes a read that did not fill its buffer: the socket is empty. If FIN or an error has already been
    /// announced its edge is spent, and only another read will find it. With urgent data, a short read says nothing.
    pub fn emptied(&mut self) {
        if !self.has(Self::READ_CLOSED | Self::ERROR | Self::URGENT) {
            self.remove(Self::READABLE);
        }
    }
}

impl std::ops::BitOr for Readiness {
    type Output = Readiness;

    fn bitor(self, other: Readiness) -> Readiness {
        Readiness(self.0 | other.0)
    }
}
