//! Connections from many addresses of this machine. They don't block.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use mio::net::TcpStream;
use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, Type};

/// How a connection begins, and ends if nobody says otherwise.
#[derive(Debug, Clone, Copy)]
pub struct Dial {
    pub from: Ipv4Addr,
    pub to: SocketAddr,
    /// Closed by RST, so that no port stays behind.
    pub abrupt: bool,
    /// Bytes of the receive buffer.
    pub room: Option<usize>,
}

impl Dial {
    /// Begins to connect. On loopback that is all there is to it, as long as the listener's queue has room.
    ///
    /// # Errors
    /// If there is no descriptor, no port or no listener.
    pub fn dial(self) -> io::Result<TcpStream> {
        let socket = Socket::new(
            Domain::for_address(self.to),
            Type::STREAM.nonblocking(),
            Some(Protocol::TCP),
        )?;
        if self.abrupt {
            socket.set_linger(Some(Duration::ZERO))?;
        }
        if let Some(bytes) = self.room {
            // Before it connects: the window that is announced first comes from it.
            socket.set_recv_buffer_size(bytes)?;
        }
        socket.set_tcp_nodelay(true)?;
        socket.bind(&SocketAddr::from((self.from, 0)).into())?;
        match socket.connect(&self.to.into()) {
            Err(error) if !is_begun(&error) => Err(error),
            _ => Ok(TcpStream::from_std(socket.into())),
        }
    }
}

fn is_begun(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::INPROGRESS.raw_os_error())
}

/// One of 250 addresses of this machine. (On Linux all that begin with 127 are.)
pub fn source(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, (number % 250) as u8 + 1)
}
