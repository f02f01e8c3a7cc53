//! What a peer makes of raw bytes.

use super::data::{self, BLOCK};

/// The bytes that a peer has received, checked as they come.
#[derive(Default)]
pub struct Inbox {
    pub received: u64,
    /// The first bytes, while it takes more to tell whose they are.
    pub first: Vec<u8>,
    pub from: Option<usize>,
}

impl Inbox {
    pub fn take(&mut self, owner: usize, bytes: &[u8]) {
        let mut offset = self.received;
        self.received += bytes.len() as u64;
        let Some(from) = self.from else {
            self.first.extend_from_slice(bytes);
            if let Some(&block) = self.first.first_chunk::<BLOCK>() {
                let (from, number) = data::decode(block);
                assert_eq!(number, 0, "client {owner} begins with another block");
                self.from = Some(from);
                let bytes = std::mem::take(&mut self.first);
                self.check(owner, from, 0, &bytes);
            }
            return;
        };
        for piece in bytes.chunks(1 << 16) {
            self.check(owner, from, offset, piece);
            offset += piece.len() as u64;
        }
    }

    fn check(&self, owner: usize, from: usize, offset: u64, bytes: &[u8]) {
        let expected = data::bytes(from, offset, bytes.len());
        if let Some(at) = bytes
            .iter()
            .zip(&expected)
            .position(|(got, want)| got != want)
        {
            let rest = &bytes[at..];
            let looks_like = rest
                .first_chunk::<BLOCK>()
                .map(|&block| data::decode(block));
            let place = offset + at as u64;
            panic!(
                "client {owner}: wrong byte at {place} from {from}; it decodes as {looks_like:?}"
            );
        }
    }
}
