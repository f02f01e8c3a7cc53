//! How large things are: what the kernel holds, and what is sent.

use fastrand::Rng;

use super::net::Capacity;

/// How large kernel buffers are, and with them the streams.
#[derive(Debug, Clone)]
pub struct Profile {
    smallest: usize,
    pub largest: usize,
    volume: u64,
}

const PROFILES: [(usize, usize, u64); 5] = [
    (1, 16, 300),
    (1, 512, 4 << 10),
    (64, 4 << 10, 20 << 10),
    (2 << 10, 64 << 10, 200 << 10),
    // More than a turn's budget in one go.
    (4 << 20, 4 << 20, 3 << 20),
];

impl Profile {
    pub fn random(rng: &mut Rng) -> Self {
        let index = match rng.u8(..100) {
            0..3 => 4,
            3..12 => 3,
            number => usize::from(number) % 3,
        };
        Self::numbered(index)
    }

    pub fn bulk() -> Self {
        Self::numbered(PROFILES.len() - 1)
    }

    fn numbered(index: usize) -> Self {
        let (smallest, largest, volume) = PROFILES[index];
        Self {
            smallest,
            largest,
            volume,
        }
    }

    /// Bytes that the kernel holds at the ends of a cable: not so many that the slowest client needs seconds for them.
    pub fn sizes(&self) -> (usize, usize) {
        (self.smallest, self.largest.min(64 * self.smallest))
    }

    pub fn capacity(&self, rng: &mut Rng) -> Capacity {
        let mut size = || match rng.u8(..3) {
            0 => self.smallest,
            1 => self.largest,
            _ => rng.usize(self.smallest..=self.largest),
        };
        Capacity {
            inbound: size(),
            outbound: size(),
        }
    }

    /// Bytes that one client sends.
    pub fn volume(&self, rng: &mut Rng) -> u64 {
        match rng.u8(..4) {
            0 => 1 + rng.u64(..8),
            1 => self.volume,
            _ => 1 + rng.u64(..self.volume),
        }
    }

    /// So that a stream takes some hundred steps, not a million.
    pub fn at_least_a_share(&self, piece: usize, whole: u64) -> usize {
        piece.max(whole as usize / 256)
    }

    pub fn is_bulk(&self) -> bool {
        self.smallest > 1 << 20
    }
}
