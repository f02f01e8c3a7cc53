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
    /// Below zero when the engine's own words, which are short and must be said, have overdrawn it.
    shared_left: isize,
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
            shared_left: shared.expect("the floors fit into the buffer memory") as isize,
            held: 0,
        }
    }

    /// How many bytes a new buffer may hold.
    pub fn allowance(&self) -> usize {
        BUFFER_FLOOR + usize::try_from(self.shared_left).unwrap_or(0)
    }

    /// How many bytes a buffer may hold that takes the place of one that holds `bytes`.
    pub fn allowance_beside(&self, bytes: usize) -> usize {
        let shared = self.shared_left + bytes.saturating_sub(BUFFER_FLOOR) as isize;
        BUFFER_FLOOR + usize::try_from(shared).unwrap_or(0)
    }

    /// Keeps bytes for later, behind those that are already in this place. Bytes from clients are no more than the
    /// [`allowance`](Self::allowance), because no more were read.
    pub fn keep(&mut self, place: &mut Option<Box<Buffer>>, bytes: &[u8]) {
        let old = place.as_ref().map_or(&[][..], |buffer| buffer.rest());
        let all = [old, bytes].concat().into_boxed_slice();
        self.release(place);
        self.charge(all.len());
        *place = Some(Box::new(Buffer {
            bytes: all,
            start: 0,
        }));
    }

    /// Empties a place where a buffer may be.
    pub fn release(&mut self, place: &mut Option<Box<Buffer>>) {
        let Some(buffer) = place.take() else { return };
        self.discharge(buffer.bytes.len());
    }

    /// Counts bytes that wait in a pipe.
    pub fn charge(&mut self, bytes: usize) {
        self.shared_left -= beyond_floor(bytes);
        self.held += bytes;
    }

    pub fn discharge(&mut self, bytes: usize) {
        self.shared_left += beyond_floor(bytes);
        self.held -= bytes;
    }

    /// Bytes that buffers hold now.
    pub fn held(&self) -> usize {
        self.held
    }
}

fn beyond_floor(bytes: usize) -> isize {
    bytes.saturating_sub(BUFFER_FLOOR) as isize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_is_left_when_all_shared_memory_is_taken() {
        let mut memory = BufferMemory::new(BufferMemory::floors(3) + 1000, 3);
        let (mut greedy, mut modest) = (None, None);
        memory.keep(&mut greedy, &vec![0; memory.allowance()]);
        assert_eq!(memory.allowance(), BUFFER_FLOOR);
        memory.keep(&mut modest, &[0; BUFFER_FLOOR]);
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
    fn an_overdraft_leaves_the_floor_and_is_paid_back() {
        let mut memory = BufferMemory::new(BufferMemory::floors(1), 1);
        let mut words = None;
        memory.keep(&mut words, &[0; BUFFER_FLOOR + 10]);
        assert_eq!(memory.allowance(), BUFFER_FLOOR);
        memory.release(&mut words);
        assert_eq!((memory.held(), memory.allowance()), (0, BUFFER_FLOOR));
    }

    #[test]
    fn a_buffer_gives_its_bytes_in_order() {
        let mut memory = BufferMemory::new(BufferMemory::floors(1), 1);
        let mut place = None;
        memory.keep(&mut place, b"abcdef");
        assert!(!place.as_mut().unwrap().advance(2));
        memory.keep(&mut place, b"ghi");
        assert_eq!(place.as_ref().unwrap().rest(), b"cdefghi");
        assert!(place.as_mut().unwrap().advance(7));
        memory.release(&mut place);
        assert_eq!(memory.held(), 0);
    }
}
