//! One source that takes all the places it can get.

use std::io::Write;
use std::net::TcpStream;
use std::ops::Range;

use super::{ELSEWHERE, HERE};
use crate::common::proxied::{header, meet, said};
use crate::common::users::{connect_from, is_reset_from, read_line};
use crate::common::{AtRest, Bystander, Daemon, End, RELAY, connect, end_of, receive};

const NAMED: &str = "relay://127.0.0.1:0?rooms=named";
const PROXIED: &str = "relay://127.0.0.1:0?rooms=named&proxy=on";
const FULL: &str = "ERR full your address has as many clients here as it may";

#[test]
fn a_source_with_all_its_places_leaves_those_of_others() {
    let mut daemon = Daemon::serve(&[RELAY, NAMED], &["--max-clients-per-source", "2"]);
    let [arrival, named] = [0, 1].map(|listener| daemon.address(listener));
    let mut first = connect_from(HERE, arrival);
    let second = connect_from(HERE, named);
    daemon.has_clients(2);
    // Words where words are expected, and where bytes are raw, no end that looks like one.
    is_reset_from(HERE, arrival, b"");
    let mut third = connect_from(HERE, named);
    third.write_all(b"JOIN r\n").unwrap();
    assert_eq!(read_line(&mut third), FULL);
    assert_eq!(end_of(&mut third), End::Fin);
    daemon.stderr.find("as many clients here as it may");
    let mut other = connect_from(ELSEWHERE, arrival);
    other.write_all(b"hello").unwrap();
    receive(&mut first, b"hello");
    // A place is free again as soon as its client is gone.
    drop(second);
    daemon.has_clients(2);
    connect_from(HERE, named).write_all(b"JOIN r\n").unwrap();
    drop((first, other));
    daemon.has_clients(0);
    for _ in 0..2 {
        let mut x = connect_from(HERE, named);
        let mut y = connect_from(HERE, named);
        x.write_all(b"JOIN r\nto y").unwrap();
        y.write_all(b"JOIN r\nto x").unwrap();
        receive(&mut x, b"to x");
        receive(&mut y, b"to y");
        drop((x, y));
        daemon.has_clients(0);
    }
}

#[test]
fn a_source_that_comes_again_and_again_slows_nobody_and_leaves_nothing() {
    let mut daemon = Daemon::serve(&[RELAY], &["-q", "--max-clients-per-source", "2"]);
    let at = daemon.address(0);
    let room = (connect_from(ELSEWHERE, at), connect_from(ELSEWHERE, at));
    let _places = [connect_from(HERE, at), connect_from(HERE, at)];
    daemon.has_clients(4);
    let comes_again = |times| {
        for _ in 0..times {
            is_reset_from(HERE, at, b"");
        }
    };
    comes_again(100);
    let rest = AtRest::of(&mut daemon);
    Bystander::beside(room, || comes_again(5000));
    daemon.has_clients(2);
    rest.is_back(&mut daemon);
}

#[test]
fn who_is_sent_away_and_stays_keeps_nobody_out() {
    let options = ["--max-clients", "8", "--max-clients-per-source", "4"];
    let daemon = Daemon::serve(&[NAMED], &options);
    let stays = || {
        let mut client = connect_from(HERE, daemon.address(0));
        client.write_all(b"?\n").unwrap();
        assert!(read_line(&mut client).starts_with("ERR hello "));
        client
    };
    // They have their answer, and the daemon is waiting for them to close.
    let sent_away: Vec<TcpStream> = (0..8).map(|_| stays()).collect();
    let mut x = connect_from(ELSEWHERE, daemon.address(0));
    let mut y = connect_from(ELSEWHERE, daemon.address(0));
    x.write_all(b"JOIN r\nto y").unwrap();
    y.write_all(b"JOIN r\n").unwrap();
    receive(&mut y, b"to y");
    drop(sent_away);
}

#[test]
fn a_source_is_the_address_in_the_header() {
    let mut daemon = Daemon::serve(&[PROXIED], &["--max-clients-per-source", "1"]);
    let comes = |from: &str| daemon.say(said(&[&header(from), b"JOIN r\n"]));
    // All come from one proxy.
    let x = comes("192.0.2.7:1");
    let mut third = comes("192.0.2.7:2");
    assert_eq!(read_line(&mut third), FULL);
    assert_eq!(end_of(&mut third), End::Fin);
    meet(x, comes("192.0.2.8:1"));
    daemon.has_clients(0);
    meet(
        daemon.say(said(&[&header("192.0.2.7:3"), b"JOIN r\n"])),
        daemon.say(said(&[&header("[2001:db8::7]:3"), b"JOIN r\n"])),
    );
}

#[test]
fn an_ipv6_network_of_64_bits_is_one_source() {
    let mut daemon = Daemon::serve(&[PROXIED], &["--max-clients-per-source", "3"]);
    let comes = |from: &str, room: &str| {
        daemon.say(said(&[&header(from), format!("JOIN {room}\n").as_bytes()]))
    };
    let hosts = [(":1", "r0"), (":2", "r1"), ("ffff:ffff:ffff:ffff", "r2")];
    let [x, second, third] =
        hosts.map(|(host, room)| comes(&format!("[2001:db8:1:2:{host}]:1"), room));
    for host in [":3", "3:4:5:6"] {
        let mut fourth = comes(&format!("[2001:db8:1:2:{host}]:1"), "r0");
        assert_eq!(read_line(&mut fourth), FULL);
        assert_eq!(end_of(&mut fourth), End::Fin);
    }
    // The next network is somebody else.
    meet(x, comes("[2001:db8:1:3::1]:1", "r0"));
    drop((second, third));
    daemon.has_clients(0);
    meet(
        daemon.say(said(&[&header("[2001:db8:1:2::9]:1"), b"JOIN r\n"])),
        daemon.say(said(&[&header("[2001:db8:1:2::10]:1"), b"JOIN r\n"])),
    );
}

#[test]
fn ipv6_sockets_are_counted_by_network_too() {
    let url = "relay://[::1]:0";
    let mut daemon = Daemon::serve(&[url], &["--max-clients-per-source", "1"]);
    let first = daemon.connect();
    daemon.has_clients(1);
    assert_eq!(end_of(&mut daemon.connect()), End::Reset);
    drop(first);
    daemon.has_clients(0);
    let _second = daemon.connect();
    daemon.has_clients(1);
}

#[test]
fn ten_thousand_sources_that_come_and_go_leave_nothing() {
    let options = ["-q", "--max-clients-per-source", "1"];
    let mut daemon = Daemon::serve(&[PROXIED, RELAY], &options);
    let (at, open) = (daemon.address(0), daemon.address(1));
    let come_and_go = |networks: Range<u16>| {
        for network in networks {
            let from = format!("[2001:db8:0:{network:x}::1]:1");
            let words = said(&[&header(&from), b"JOIN r\n"]);
            connect(at).write_all(&words).unwrap();
        }
    };
    come_and_go(0..500);
    daemon.has_clients(0);
    let rest = AtRest::of(&mut daemon);
    let room = (connect_from(HERE, open), connect_from(ELSEWHERE, open));
    Bystander::beside(room, || come_and_go(500..10_500));
    daemon.has_clients(0);
    rest.is_back(&mut daemon);
}
