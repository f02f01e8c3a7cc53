//! What is sent: bytes that repeat with a period which no buffer size divides, so that one that is lost, doubled or out of
//! place is noticed where it is received.

/// Bytes until the pattern begins anew: a prime.
const PERIOD: usize = 65_521;

/// Bytes at each end of a longer piece that are compared. To compare all would cost a fast generator more than
/// receiving them.
const COMPARED: usize = 2048;

pub struct Pattern {
    period: usize,
    /// The pattern, and as much of it again as one piece is long.
    bytes: Box<[u8]>,
}

impl Pattern {
    /// A stream without an end, of which pieces up to `longest` bytes are taken.
    pub fn stream(longest: usize) -> Self {
        Self::repeating(&letters(PERIOD), longest)
    }

    /// Lines of `size` bytes, their end included.
    pub fn lines(size: usize, longest: usize) -> Self {
        let mut line = letters(size);
        line[size - 1] = b'\n';
        Self::repeating(&line, longest)
    }

    fn repeating(part: &[u8], longest: usize) -> Self {
        Self {
            period: part.len(),
            bytes: part
                .iter()
                .copied()
                .cycle()
                .take(part.len() + longest)
                .collect(),
        }
    }

    /// The piece of the stream that begins at this offset.
    pub fn piece(&self, offset: u64, length: usize) -> &[u8] {
        let start = (offset % self.period as u64) as usize;
        &self.bytes[start..start + length]
    }

    /// Whether this is the stream from this offset on.
    pub fn matches(&self, offset: u64, bytes: &[u8]) -> bool {
        let expected = self.piece(offset, bytes.len());
        if bytes.len() <= 2 * COMPARED {
            return bytes == expected;
        }
        let tail = bytes.len() - COMPARED;
        bytes[..COMPARED] == expected[..COMPARED] && bytes[tail..] == expected[tail..]
    }
}

/// Letters only, so that a line has one end and a person can read what was sent.
fn letters(count: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    std::iter::repeat_with(|| {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b'a' + (state >> 32) as u8 % 26
    })
    .take(count)
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_matches_itself_in_any_pieces() {
        let pattern = Pattern::stream(10_000);
        let mut offset = 0;
        for length in [1, 64, 4096, 4097, 10_000, 9_999].repeat(20) {
            let piece = pattern.piece(offset, length).to_vec();
            assert!(pattern.matches(offset, &piece));
            assert!(!pattern.matches(offset + 1, &piece) || length == 1);
            offset += length as u64;
        }
    }

    #[test]
    fn a_lost_byte_is_noticed() {
        let pattern = Pattern::stream(10_000);
        let mut piece = pattern.piece(7, 10_000).to_vec();
        piece.remove(5_000);
        assert!(!pattern.matches(7, &piece));
    }

    #[test]
    fn a_line_has_one_end() {
        let pattern = Pattern::lines(7, 70);
        let text = pattern.piece(0, 70);
        assert_eq!(text.iter().filter(|&&byte| byte == b'\n').count(), 10);
        assert_eq!(text[6], b'\n');
    }
}
