//! A room that goes on while something else goes wrong.

use std::io::Write;
use std::net::TcpStream;

use super::{Daemon, connect, receive};

/// Two clients of a relay, or one of an echo.
pub struct Room {
    x: TcpStream,
    y: Option<TcpStream>,
}

impl Room {
    /// A pair in the relay that is the listener of this number.
    pub fn relay(daemon: &Daemon, listener: usize) -> Self {
        let x = connect(daemon.address(listener));
        let y = Some(connect(daemon.address(listener)));
        let mut room = Self { x, y };
        room.goes_on();
        room
    }

    /// A client of the echo that is the listener of this number.
    pub fn echo(daemon: &Daemon, listener: usize) -> Self {
        let x = connect(daemon.address(listener));
        let mut room = Self { x, y: None };
        room.goes_on();
        room
    }

    /// Bytes go through it, in each direction.
    #[track_caller]
    pub fn goes_on(&mut self) {
        let Self { x, y } = self;
        x.write_all(b"there").expect("the daemon reads");
        match y {
            Some(y) => {
                receive(y, b"there");
                y.write_all(b"and back").expect("the daemon reads");
                receive(x, b"and back");
            }
            None => receive(x, b"there"),
        }
    }
}
