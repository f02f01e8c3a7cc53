//! Ten thousand clients at once.

#![cfg(target_os = "linux")]

mod common;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use socket2::{Domain, Socket, Type};

use common::{DEADLINE, Daemon, RELAY, patient, receive, reset};

const ROOMS: usize = 5000;
const CLIENTS: usize = 2 * ROOMS;

/// User memory for one client in a room that holds no bytes. Not what the kernel keeps for its socket.
const BYTES_PER_CLIENT: u64 = 300;

#[test]
#[ignore = "needs 20,000 descriptors"]
fn ten_thousand_clients_carry_bytes_and_cost_next_to_nothing() {
    raise_descriptor_limit();
    let mut daemon = Daemon::serve(&[RELAY], &["-q", "--max-clients", "10000"]);
    daemon.settle();
    let before = daemon.memory("RssAnon");
    let mut clients: Vec<TcpStream> = (0..CLIENTS)
        .map(|number| client(daemon.address(0), number))
        .collect();
    daemon.has_clients(CLIENTS);
    let idle = daemon.memory("RssAnon").saturating_sub(before) as f64 / CLIENTS as f64;

    for round in 0u32..3 {
        let rooms = (0u32..).zip(clients.chunks_exact_mut(2));
        for (room, pair) in rooms {
            pair[0].write_all(&(room ^ round).to_be_bytes()).unwrap();
            pair[1].write_all(&(!room ^ round).to_be_bytes()).unwrap();
        }
        // All of them have something on its way while this is asked.
        daemon.signal(common::Signal::USR2);
        let answer = daemon.stdout.find("NUMBER");
        assert_eq!(answer, "NUMBER OF CLIENTS : 10000");
        let rooms = (0u32..).zip(clients.chunks_exact_mut(2));
        for (room, pair) in rooms {
            receive(&mut pair[1], &(room ^ round).to_be_bytes());
            receive(&mut pair[0], &(!room ^ round).to_be_bytes());
        }
    }
    let used = daemon.memory("RssAnon").saturating_sub(before) as f64 / CLIENTS as f64;
    println!(
        "{CLIENTS} clients: {idle:.0} bytes of user memory each when idle, {used:.0} after use"
    );
    if cfg!(debug_assertions) {
        println!("not compared with {BYTES_PER_CLIENT}: this is a debug build");
    } else {
        assert!(idle < BYTES_PER_CLIENT as f64, "{idle} bytes a client");
    }

    clients.into_iter().for_each(reset);
    daemon.has_clients(0);
}

/// The soft limit is often 1024.
fn raise_descriptor_limit() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let enough = maximum.is_none_or(|maximum| maximum >= CLIENTS as u64 + 1000);
    assert!(enough, "the hard limit for descriptors is {maximum:?}");
    let current = maximum;
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).expect("up to the hard limit");
}

/// A client with one of several source addresses, so that none of these runs out of ports.
fn client(address: SocketAddr, number: usize) -> TcpStream {
    let source = Ipv4Addr::new(127, 0, 0, 2 + (number / 4000) as u8);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect_timeout(&address.into(), DEADLINE).unwrap();
    let stream = TcpStream::from(socket);
    patient(&stream);
    stream
}
