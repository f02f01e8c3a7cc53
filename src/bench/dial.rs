//! One connection to the server, from one of the source addresses.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

use super::BenchError;
use super::args::Close;
use super::plan::Plan;

/// How long a connection may take to be made, and a first answer to come.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Connects, and waits until it is connected: so the server has its clients in the order in which they were dialed.
/// The stream blocks.
///
/// # Errors
/// If the server can't be reached, or this machine has no port or descriptor left.
pub fn dial(plan: &Plan, number: usize) -> Result<TcpStream, BenchError> {
    let source = match plan.sources.as_slice() {
        [] => None,
        sources => Some(sources[number % sources.len()]),
    };
    connect(plan, source).map_err(|error| explain(plan.server, source, &error))
}

fn connect(plan: &Plan, source: Option<IpAddr>) -> io::Result<TcpStream> {
    let server = plan.server;
    let socket = Socket::new(
        Domain::for_address(server),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    if plan.close == Close::Rst {
        socket.set_linger(Some(Duration::ZERO))?;
    }
    if let Some(source) = source {
        socket.bind(&SocketAddr::new(source, 0).into())?;
    }
    if plan.mode.cycles() {
        // As few system calls as possible: these connect all the time, and one small message waits for nothing.
        socket.connect(&server.into())?;
    } else {
        socket.connect_timeout(&server.into(), PATIENCE)?;
        socket.set_tcp_nodelay(true)?;
    }
    Ok(socket.into())
}

fn explain(server: SocketAddr, source: Option<IpAddr>, error: &io::Error) -> BenchError {
    let is = |errno: rustix::io::Errno| error.raw_os_error() == Some(errno.raw_os_error());
    BenchError::Connect(match error.kind() {
        ErrorKind::ConnectionRefused => {
            format!("connection refused by {server}: is pairloop serve running?")
        }
        ErrorKind::TimedOut => format!("{server} does not answer"),
        ErrorKind::AddrNotAvailable | ErrorKind::AddrInUse => match source {
            None => format!(
                "no port is left to connect to {server} from: give several --sources, or wait a minute for those in TIME_WAIT"
            ),
            Some(source) => format!(
                "{source} can't be connected from: it is not an address of this machine, or all its ports are taken (give more --sources)"
            ),
        },
        _ if is(rustix::io::Errno::MFILE) || is(rustix::io::Errno::NFILE) => {
            "no descriptor is left: raise the hard limit (ulimit -Hn)".into()
        }
        _ => format!("{server} can't be reached: {error}"),
    })
}
