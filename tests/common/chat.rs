//! What the chat service says, and two who have met there.

use std::net::TcpStream;

use super::{Daemon, receive};

pub const WELCOME: &[u8] = b"YOU'RE CONNECTED TO : @MAIN SERVER\n";
pub const FREE: &str = "chat://127.0.0.1:0?turns=free";

/// Two clients in a room; the first has been welcomed.
pub fn pair(daemon: &Daemon) -> (TcpStream, TcpStream) {
    let mut x = daemon.connect();
    receive(&mut x, WELCOME);
    (x, daemon.connect())
}
