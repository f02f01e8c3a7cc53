//! What both programs need: a listening socket like pairloop's.

use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// More than the kernel allows: it takes what it allows.
const BACKLOG: i32 = 65_535;

/// Listens at an address of the command line, without blocking; clients inherit that nothing is held back.
pub fn listen(at: &str) -> TcpListener {
    let at: SocketAddr = at.parse().expect("ADDRESS:PORT");
    let socket =
        Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP)).expect("a socket");
    socket.set_reuse_address(true).expect("an option");
    socket.set_tcp_nodelay(true).expect("an option");
    socket.set_nonblocking(true).expect("an option");
    socket.bind(&at.into()).expect("the address is free");
    socket.listen(BACKLOG).expect("it listens");
    socket.into()
}
