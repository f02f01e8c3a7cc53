//! What a proxy says.

use std::io::Write;
use std::net::TcpStream;

use pairloop::engine::proxy::header_v2;

use super::{End, end_of, receive};

pub const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The proxy for itself.
pub const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

/// The addresses and ports of a client that came from here by IPv4.
pub const IPV4: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x67, 0x1b, 0x58];
pub const IPV4_SAYS: &str = "192.0.2.7:4711";

/// A header of version 2, byte for byte and not by our own writer.
pub fn v2(family: u8, addresses: &[u8], tlvs: &[u8]) -> Vec<u8> {
    let length = u16::try_from(addresses.len() + tlvs.len()).expect("it fits");
    let [high, low] = length.to_be_bytes();
    said(&[SIGNATURE, &[0x21, family, high, low], addresses, tlvs])
}

/// Our own writer's, for a client at this address.
pub fn header(from: &str) -> Vec<u8> {
    let address = |text: &str| text.parse().expect("an address");
    header_v2(address(from), address("10.0.0.1:7000"))
}

pub fn said(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// Nothing comes, and the end is RST.
#[track_caller]
pub fn is_reset(mut client: TcpStream) {
    assert_eq!(end_of(&mut client), End::Reset);
}

/// These two are in one room.
#[track_caller]
pub fn meet(mut x: TcpStream, mut y: TcpStream) {
    x.write_all(b"from x").expect("the daemon reads");
    y.write_all(b"from y").expect("the daemon reads");
    receive(&mut y, b"from x");
    receive(&mut x, b"from y");
}
