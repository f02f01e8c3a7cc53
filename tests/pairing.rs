//! Clients of one lobby pair strictly in the order in which they came.

mod common;

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};

use common::{Daemon, End, RELAY, connect, end_of, receive, reset};

/// Each of the two hears what the other says.
#[track_caller]
fn are_partners(x: &mut TcpStream, y: &mut TcpStream) {
    x.write_all(b"from x").unwrap();
    receive(y, b"from x");
    y.write_all(b"from y").unwrap();
    receive(x, b"from y");
}

#[test]
fn clients_pair_in_the_order_in_which_they_came() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let mut clients: Vec<_> = (0..101).map(|_| daemon.connect()).collect();
    for pair in clients.chunks_exact_mut(2) {
        let [x, y] = pair else { unreachable!() };
        are_partners(x, y);
    }
    daemon.has_clients(101);
    let counts = daemon.stderr.find("relay: 101 clients");
    assert!(counts.contains("1 waiting, 50 rooms"), "{counts}");
}

#[test]
fn the_order_holds_among_clients_that_spoke_before_they_were_accepted() {
    let daemon = Daemon::serve(&[RELAY], &[]);
    let mut clients: Vec<_> = (0u8..40)
        .map(|number| {
            let mut client = daemon.connect();
            client.write_all(&[number]).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
            client
        })
        .collect();
    for (number, client) in (0u8..).zip(&mut clients) {
        receive(client, &[number ^ 1]);
        assert_eq!(end_of(client), End::Fin);
    }
}

#[test]
fn a_port_scan_does_not_occupy_the_lobby() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    for scan in 1..=3 {
        drop(daemon.connect());
        let gone = format!("client {scan}: gone from the lobby: left without a word");
        daemon.stderr.find(&gone);
    }
    let (mut x, mut y) = daemon.pair();
    daemon.stderr.find("clients 4 and 5 are now connected");
    are_partners(&mut x, &mut y);
}

#[test]
fn a_health_check_that_closes_softly_is_answered_with_fin() {
    let daemon = Daemon::serve(&[RELAY], &[]);
    let mut check = daemon.connect();
    check.shutdown(Shutdown::Write).unwrap();
    assert_eq!(end_of(&mut check), End::Fin);
}

#[test]
fn a_client_that_was_reset_while_it_waited_gets_no_partner() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    for (number, early) in [(1, ""), (2, "early words")] {
        let mut client = daemon.connect();
        client.write_all(early.as_bytes()).unwrap();
        daemon.settle();
        reset(client);
        let gone = format!("client {number}: gone from the lobby: connection reset");
        daemon.stderr.find(&gone);
    }
    let (mut x, mut y) = daemon.pair();
    are_partners(&mut x, &mut y);
    daemon.has_clients(2);
}

#[test]
fn two_listeners_have_two_lobbies() {
    let mut daemon = Daemon::serve(&[RELAY, RELAY], &[]);
    let (here, there) = (daemon.address(0), daemon.address(1));
    let (mut x_here, mut x_there) = (connect(here), connect(there));
    daemon.has_clients(2);
    daemon.stderr.find("relay: 2 clients, 2 waiting, 0 rooms");
    let (mut y_there, mut y_here) = (connect(there), connect(here));
    are_partners(&mut x_here, &mut y_here);
    are_partners(&mut x_there, &mut y_there);
}

#[test]
fn the_addresses_of_one_name_share_a_lobby() {
    let has = |address: &SocketAddr| TcpListener::bind(address).is_ok();
    let mut addresses: Vec<_> = ("localhost", 0)
        .to_socket_addrs()
        .unwrap()
        .filter(has)
        .collect();
    addresses.sort();
    addresses.dedup();
    let command = common::serve(&["relay://localhost:0"]);
    let daemon = Daemon::run(command, addresses.len());
    let (first, last) = (daemon.address(0), daemon.address(addresses.len() - 1));
    if first == last {
        println!("localhost has one address here, {first}: nothing is shared");
    }
    are_partners(&mut connect(first), &mut connect(last));
}

#[test]
fn a_listener_for_all_addresses_pairs_clients_of_both_protocols() {
    let daemon = Daemon::run(common::serve(&["relay://*:0"]), 1);
    let port = daemon.address(0).port();
    let mut four = connect(([127, 0, 0, 1], port).into());
    if daemon.address(0).is_ipv4() {
        println!("no IPv6 here: only IPv4 is tried");
        return are_partners(&mut four, &mut connect(([127, 0, 0, 1], port).into()));
    }
    let mut six = connect(([0, 0, 0, 0, 0, 0, 0, 1], port).into());
    are_partners(&mut four, &mut six);
}

#[test]
fn whoever_waits_too_long_is_reset() {
    let mut daemon = Daemon::serve(&[RELAY], &["--wait-timeout", "100ms"]);
    let mut lonely = daemon.connect();
    assert_eq!(end_of(&mut lonely), End::Reset);
    daemon
        .stderr
        .find("client 1: gone from the lobby: no partner came in time");
    let mut talker = daemon.connect();
    talker.write_all(b"anybody?").unwrap();
    assert_eq!(end_of(&mut talker), End::Reset);
    daemon.has_clients(0);
}

#[test]
fn the_wait_timeout_is_over_once_a_partner_has_come() {
    let mut daemon = Daemon::serve(&[RELAY, RELAY], &["--wait-timeout", "1s"]);
    let (mut x, mut y) = daemon.pair();
    are_partners(&mut x, &mut y);
    // This one came later, so that by its timeout any of theirs would have passed.
    assert_eq!(end_of(&mut connect(daemon.address(1))), End::Reset);
    are_partners(&mut x, &mut y);
    daemon.has_clients(2);
}
