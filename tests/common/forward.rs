//! A main server and its workers.

use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};

use super::{Daemon, receive};

/// A worker.
pub const RELAY: &str = "relay://127.0.0.1:0?rooms=named";

/// A main server for these workers.
pub fn main_server(workers: &[SocketAddr], options: &str) -> Daemon {
    let workers: Vec<String> = workers.iter().map(SocketAddr::to_string).collect();
    let url = format!("forward://127.0.0.1:0?to={}{options}", workers.join(","));
    Daemon::serve(&[&url], &[])
}

/// A worker with one service, and a main server that has no other.
pub fn both(service: &str) -> (Daemon, Daemon) {
    let worker = Daemon::serve(&[service], &[]);
    let main = main_server(&[worker.address(0)], "");
    (main, worker)
}

/// An address where nobody listens.
pub fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// X and Y have come, in this order, and know each other.
pub fn pair(main: &mut Daemon) -> (TcpStream, TcpStream) {
    let mut x = main.connect();
    main.has_clients(1);
    let mut y = main.connect();
    y.write_all(b"y").unwrap();
    receive(&mut x, b"y");
    x.write_all(b"x").unwrap();
    receive(&mut y, b"x");
    (x, y)
}
