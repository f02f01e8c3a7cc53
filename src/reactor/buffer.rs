//! Bytes that could not go on at once, and the account of all of them together.

use crate::limits::{BUFFER_FLOOR, BUFFERS_PER_CLIENT};

/// Bytes kept for later. It exists only while it holds some.
pub struct Buffer {
    bytes: Box<[u8]>,
    start: usize,
}

impl Buffer {
    /// What is still to go.
    pub fn rest(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Takes `count` bytes off the front, and tells whether that was all.
    pub fn advance(&mut self, count: usize) -> bool {
        self.start += count;
        self.start >= self.bytes.len()
    }
}

/// Keeps the sum of all buffers within a limit.
///
/// Each buffer may hold [`BUFFER_FLOOR`] bytes by right, so that a crowd of slow readers cannot starve the rest.
/// What it holds beyond that comes out of one shared allowance.
pub struct BufferMemory {
    shared_left: usize,
    held: usize,
}

impl BufferMemory {
    /// The part of the memory that the floors of this many clients take.
    pub const fn floors(clients: usize) -> usize {
        clients * BUFFERS_PER_CLIENT * BUFFER_FLOOR
    }

    /// An account of `total` bytes for up to `clients` clients, whose floors must fit into it.
    pub fn new(total: usize, clients: usize) -> Self {
        let shared = total.checked_sub(Self::floors(clients));
        Self {
            shared_left: shared.expect("the floors fit into the buffer memory"),
            held: 0,
        }
    }

    /// How many bytes a new buffer may hold.
    pub fn allowance(&self) -> usize {
        BUFFER_FLOOR + self.shared_left
    }

    /// Keeps bytes, no more of them than the [`allowance`](Self::allowance).
    pub fn keep(&mut self, bytes: &[u8]) -> Box<Buffer> {
        self.shared_left -= bytes.len().saturating_sub(BUFFER_FLOOR);
        self.held += bytes.len();
        Box::new(Buffer {
            bytes: bytes.into(),
            start: 0,
        })
    }

    /// Empties a place where a buffer may be.
    pub fn release(&mut self, place: &mut Option<Box<Buffer>>) {
        let Some(buffer) = place.take() else { return };
        self.shared_left += buffer.bytes.len().saturating_sub(BUFFER_FLOOR);
        self.held -= buffer.bytes.len();
    }

    /// Bytes of memory that buffers hold now.
    pub fn held(&self) -> usize {
        self.held
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_is_left_when_all_shared_memory_is_taken() {
        let mut memory = BufferMemory::new(BufferMemory::floors(3) + 1000, 3);
        let mut greedy = Some(memory.keep(&vec![0; memory.allowance()]));
        assert_eq!(memory.allowance(), BUFFER_FLOOR);
        let mut modest = Some(memory.keep(&[0; BUFFER_FLOOR]));
        assert_eq!(memory.held(), 2 * BUFFER_FLOOR + 1000);
        memory.release(&mut greedy);
        assert_eq!(memory.allowance(), BUFFER_FLOOR + 1000);
        memory.release(&mut modest);
        assert_eq!(
            (memory.held(), memory.allowance()),
            (0, BUFFER_FLOOR + 1000)
        );
    }

    #[test]
    fn a_buffer_gives_its_bytes_in_order() {
        let mut memory = BufferMemory::new(BufferMemory::floors(1), 1);
        let mut buffer = memory.keep(b"abcdef");
        assert!(!buffer.advance(2));
        assert_eq!(buffer.rest(), b"cdef");
        assert!(buffer.advance(4));
        memory.release(&mut Some(buffer));
        assert_eq!(memory.held(), 0);
    }
}
