//! Very many clients, and what one of them costs.

#![cfg(target_os = "linux")]

mod common;

use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Mutex, MutexGuard, PoisonError};

use socket2::{Domain, Socket, Type};

use common::{
    CHAT, DEADLINE, Daemon, ECHO, ORDER, RELAY, patient, raise_descriptor_limit, receive, reset,
};

const CLIENTS: usize = 18_000;

/// User memory for one client in a room that holds no bytes. Not what the kernel keeps for its socket.
const BYTES_PER_CLIENT: u64 = 200;

/// Clients that come and go: so many at a time, and so many times.
const CROWD: usize = 500;
const CROWDS: usize = 40;

/// What a client that has gone may leave behind. A leak would be more than that, and a heap that settles is less.
const BYTES_LEFT_BEHIND: u64 = 4;

/// What the daemon may occupy when it has just begun to serve: of its own, and together with the code, its own and the C
/// library's, that is mapped around what is used and shared with whoever runs the same. That grows with the program.
const OWN_BYTES_AT_START: u64 = 400_000;
const BYTES_AT_START: u64 = 4_300_000;

#[test]
#[ignore = "needs 19,000 descriptors"]
fn a_relay_client_costs_little() {
    costs_little(RELAY, carry);
}

#[test]
#[ignore = "needs 19,000 descriptors"]
fn an_echo_client_costs_little() {
    costs_little(ECHO, |clients| {
        for client in &mut *clients {
            client.write_all(b"ping").unwrap();
        }
        clients
            .iter_mut()
            .for_each(|client| receive(client, b"ping"));
    });
}

#[test]
#[ignore = "needs 19,000 descriptors"]
fn a_chat_client_costs_little() {
    costs_little(CHAT, |clients| {
        for pair in clients.chunks_exact_mut(2) {
            receive(&mut pair[0], b"YOU'RE CONNECTED TO : @MAIN SERVER\n");
            pair[0].write_all(b"ping\n").unwrap();
        }
        for pair in clients.chunks_exact_mut(2) {
            receive(&mut pair[1], b"ping\n");
        }
    });
}

#[test]
#[ignore = "needs 19,000 descriptors"]
fn an_order_client_costs_little() {
    costs_little(ORDER, |clients| {
        for pair in clients.chunks_exact_mut(2) {
            receive(&mut pair[0], b"Client X connected\n");
            receive(&mut pair[1], b"Client Y connected\n");
        }
    });
}

/// One at a time: all tests of this file share the descriptors of one process.
static DESCRIPTORS: Mutex<()> = Mutex::new(());

fn take_descriptors() -> MutexGuard<'static, ()> {
    let descriptors = DESCRIPTORS.lock();
    raise_descriptor_limit(CLIENTS as u64 + 1000);
    // If another test has failed, that is its own affair.
    descriptors.unwrap_or_else(PoisonError::into_inner)
}

/// Connects very many clients to a service, lets all of them use it, and asserts what one costs before and after.
#[track_caller]
fn costs_little(service: &str, using: impl FnOnce(&mut [TcpStream])) {
    let _descriptors = take_descriptors();
    let mut daemon = Daemon::serve(&[service], &["-q", "--max-clients", "18000"]);
    daemon.settle();
    let before = daemon.memory("RssAnon");
    let mut clients = connect(&daemon, CLIENTS);
    daemon.has_clients(CLIENTS);
    let each =
        |daemon: &Daemon| daemon.memory("RssAnon").saturating_sub(before) as f64 / CLIENTS as f64;
    let idle = each(&daemon);
    using(&mut clients);
    let used = each(&daemon);
    println!("{service}: {idle:.0} bytes of user memory a client when idle, {used:.0} after use");
    assert_in_release(used, BYTES_PER_CLIENT as f64);
    clients.into_iter().for_each(reset);
    daemon.has_clients(0);
}

/// Something goes through each relay room, in both directions, while all others have something on its way too.
fn carry(clients: &mut [TcpStream]) {
    for round in 0u32..3 {
        for (room, pair) in (0u32..).zip(clients.chunks_exact_mut(2)) {
            pair[0].write_all(&(room ^ round).to_be_bytes()).unwrap();
            pair[1].write_all(&(!room ^ round).to_be_bytes()).unwrap();
        }
        for (room, pair) in (0u32..).zip(clients.chunks_exact_mut(2)) {
            receive(&mut pair[1], &(room ^ round).to_be_bytes());
            receive(&mut pair[0], &(!room ^ round).to_be_bytes());
        }
    }
}

#[test]
#[ignore = "needs a machine to itself for some seconds"]
fn clients_that_come_and_go_leave_nothing_behind() {
    let _descriptors = take_descriptors();
    let mut daemon = Daemon::serve(&[RELAY], &["-q"]);
    let mut levels = Vec::new();
    for _ in 0..CROWDS {
        let mut clients = connect(&daemon, CROWD);
        carry(&mut clients);
        clients.into_iter().for_each(reset);
        daemon.has_clients(0);
        levels.push(daemon.memory("RssAnon"));
    }
    let (early, late) = (levels[1], levels[CROWDS - 1]);
    println!(
        "{early} bytes after {} clients, {late} after {}",
        2 * CROWD,
        CROWDS * CROWD
    );
    let gone = (CROWDS - 2) * CROWD;
    assert!(
        late <= early + BYTES_LEFT_BEHIND * gone as u64,
        "{levels:?}"
    );
}

#[test]
#[ignore = "needs the default ports"]
fn a_daemon_that_has_just_begun_is_small() {
    let daemon = Daemon::run(common::serve(&[]), 4);
    let (own, resident) = (daemon.memory("RssAnon"), daemon.memory("VmRSS"));
    println!("{own} bytes of its own at the start, {resident} in all");
    assert_in_release(own as f64, OWN_BYTES_AT_START as f64);
    assert_in_release(resident as f64, BYTES_AT_START as f64);
}

/// A debug build keeps more with everything.
#[track_caller]
fn assert_in_release(bytes: f64, most: f64) {
    if cfg!(debug_assertions) {
        println!("not compared with {most}: this is a debug build");
    } else {
        assert!(bytes <= most, "{bytes} bytes, more than {most}");
    }
}

/// So many clients, from several source addresses, so that none of these runs out of ports.
fn connect(daemon: &Daemon, count: usize) -> Vec<TcpStream> {
    let address = daemon.address(0);
    (0..count).map(|number| client(address, number)).collect()
}

fn client(address: SocketAddr, number: usize) -> TcpStream {
    let source = Ipv4Addr::new(127, 0, 0, 2 + (number / 4000) as u8);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect_timeout(&address.into(), DEADLINE).unwrap();
    let stream = TcpStream::from(socket);
    patient(&stream);
    stream
}
