//! What clients say: every byte tells whose it is and where it belongs.

/// Bytes come in blocks that encode the client and the block's number.
pub const BLOCK: usize = 8;

const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

/// The inverse of [`MIX`] modulo 2^64.
const UNMIX: u64 = 0xF1DE_83E1_9937_733D;

const _: () = assert!(MIX.wrapping_mul(UNMIX) == 1);

fn block(client: usize, number: u64) -> [u8; BLOCK] {
    let word = ((client as u64) << 32 | number).wrapping_mul(MIX);
    // Without this the lower half of a block would not depend on the client.
    (word ^ word >> 32).wrapping_mul(MIX).to_le_bytes()
}

/// Client and number of a block.
pub fn decode(block: [u8; BLOCK]) -> (usize, u64) {
    let word = u64::from_le_bytes(block).wrapping_mul(UNMIX);
    let word = (word ^ word >> 32).wrapping_mul(UNMIX);
    ((word >> 32) as usize, word & u64::from(u32::MAX))
}

/// The client's bytes from an offset on.
pub fn bytes(client: usize, offset: u64, count: usize) -> Vec<u8> {
    let skip = (offset % BLOCK as u64) as usize;
    let mut bytes = Vec::with_capacity(skip + count + BLOCK);
    let mut number = offset / BLOCK as u64;
    while bytes.len() < skip + count {
        bytes.extend_from_slice(&block(client, number));
        number += 1;
    }
    bytes.truncate(skip + count);
    bytes.drain(..skip);
    bytes
}

#[test]
fn a_block_tells_its_client_and_its_place() {
    let text = bytes(77, 0, 80);
    assert_eq!(decode(text[..8].try_into().unwrap()), (77, 0));
    assert_eq!(decode(text[64..72].try_into().unwrap()), (77, 8));
    assert_eq!(bytes(77, 13, 30), text[13..43]);
    assert_ne!(bytes(78, 0, 4), text[..4]);
}
