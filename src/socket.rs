//! Listening sockets, our own and those that were passed to us, and what their clients inherit from them; sockets that are
//! dialed.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use socket2::{Domain, Protocol, Socket, TcpKeepalive, Type};

use crate::limits::{KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES};

/// A listening socket whose options its clients inherit, which saves system calls for each of them.
pub fn listen(address: SocketAddr, user_timeout: Option<Duration>) -> io::Result<TcpListener> {
    let socket = stream_socket(address)?;
    socket.set_reuse_address(true)?;
    if address.ip() == Ipv6Addr::UNSPECIFIED {
        socket.set_only_v6(false)?;
    }
    inherit(&socket, user_timeout)?;
    socket.bind(&address.into())?;
    // The kernel cuts this down to its own limit (net.core.somaxconn).
    socket.listen(i32::MAX)?;
    Ok(socket.into())
}

/// A socket that is being connected, with the same options, and does not wait for that.
pub fn dial(address: SocketAddr, user_timeout: Option<Duration>) -> io::Result<TcpStream> {
    let socket = stream_socket(address)?;
    inherit(&socket, user_timeout)?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(Errno::INPROGRESS.raw_os_error()) => Err(error),
        _ => Ok(socket.into()),
    }
}

/// Makes a listening socket that somebody else has opened like one of ours. `None`: it is none.
pub fn adopt(socket: OwnedFd, user_timeout: Option<Duration>) -> io::Result<Option<TcpListener>> {
    let socket = Socket::from(socket);
    // It need not even be a socket.
    let address = socket
        .local_addr()
        .ok()
        .and_then(|address| address.as_socket());
    if address.is_none() || socket.r#type()? != Type::STREAM {
        return Ok(None);
    }
    #[cfg(target_os = "linux")]
    if !socket.is_listener()? {
        return Ok(None);
    }
    socket.set_nonblocking(true)?;
    inherit(&socket, user_timeout)?;
    Ok(Some(socket.into()))
}

fn stream_socket(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn inherit(socket: &Socket, user_timeout: Option<Duration>) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    // Urgent bytes are bytes like all others (RFC 6093, section 6): left out of line they would be lost.
    socket.set_out_of_band_inline(true)?;
    // Whoever closes without saying otherwise resets, even a process that is killed: a stream that was cut
    // short must not look complete.
    socket.set_linger(Some(Duration::ZERO))?;
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    socket.set_tcp_keepalive(&keepalive)?;
    // Bytes that the kernel holds and the peer does not take. A little later than the stall timeout, which so
    // gets to say its reason where both apply. On Linux it decides in place of the number of keepalive's questions, too
    // (tcp(7)), and so how long a peer that is gone may go unnoticed while nothing is on its way to it.
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(user_timeout.map(|limit| {
        let longest = Duration::from_millis(i32::MAX as u64);
        (limit + KEEPALIVE_INTERVAL).min(longest)
    }))?;
    #[cfg(not(target_os = "linux"))]
    let _ = user_timeout;
    Ok(())
}
