//! Clients of magic-wormhole's transit relay.

use std::io::Write;
use std::net::TcpStream;

use super::receive;

/// A transit relay on a free port.
pub const TRANSIT: &str = "transit://127.0.0.1:0";

/// The first line of a client with this token and side.
pub fn handshake(token: usize, side: Option<usize>) -> String {
    match side {
        None => format!("please relay {token:064x}\n"),
        Some(side) => format!("please relay {token:064x} for side {side:016x}\n"),
    }
}

/// Told that they have met, and each hears the other.
#[track_caller]
pub fn are_partners(x: &mut TcpStream, y: &mut TcpStream) {
    receive(x, b"ok\n");
    receive(y, b"ok\n");
    x.write_all(b"from x").unwrap();
    y.write_all(b"from y").unwrap();
    receive(y, b"from x");
    receive(x, b"from y");
}
