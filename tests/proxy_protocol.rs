//! Behind a proxy: who a client is, it says.

mod common;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};

use pairloop::limits::LONGEST_PROXY_HEADER;

use common::proxied::{IPV4, IPV4_SAYS, LOCAL, SIGNATURE, header, meet, said, v2};
use common::{Daemon, hears_nothing, receive, reset};

const RELAY: &str = "relay://127.0.0.1:0?proxy=on";
const NAMED: &str = "relay://127.0.0.1:0?rooms=named&proxy=on";

fn address(client: &TcpStream) -> SocketAddr {
    client.local_addr().unwrap()
}

#[test]
fn a_client_is_who_its_header_says() {
    let mut daemon = Daemon::serve(&[NAMED], &[]);
    let ipv6 = said(&[
        &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7],
        &[0; 16],
        &IPV4[8..],
    ]);
    let mapped = said(&[&[0; 10], &[255; 2], &IPV4[..4], &[0; 16], &IPV4[8..]]);
    let tlvs = b"\x02\0\x0drelay.example\x04\0\0\x20\0\x05\x01\0\0\0\0\x03\0\x04crc?";
    let ipv6_says = "[2001:db8::7]:4711";
    let table: [(Vec<u8>, &str); 8] = [
        (
            b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 7000\r\n".into(),
            IPV4_SAYS,
        ),
        (
            b"PROXY TCP6 2001:db8::7 ::1 4711 7000\r\n".into(),
            ipv6_says,
        ),
        (v2(0x11, &IPV4, b""), IPV4_SAYS),
        (v2(0x11, &IPV4, tlvs), IPV4_SAYS),
        (v2(0x11, &IPV4, &longest_tlv()), IPV4_SAYS),
        (v2(0x21, &ipv6, b""), ipv6_says),
        (v2(0x21, &mapped, b""), IPV4_SAYS),
        (header(ipv6_says), ipv6_says),
    ];
    for (header, expected) in table {
        let x = daemon.say(said(&[&header, b"JOIN r\n"]));
        let line = daemon.stderr.find(": speaks for ");
        assert!(
            line.ends_with(&format!(": speaks for {expected}")),
            "{line}"
        );
        let mut y = daemon.say(said(&[LOCAL, b"JOIN r ack\n"]));
        receive(&mut y, format!("OK Y {expected}\n").as_bytes());
        meet(x, y);
    }
}

/// One extension that makes a header of IPv4 as long as any may be.
fn longest_tlv() -> Vec<u8> {
    let length = LONGEST_PROXY_HEADER - SIGNATURE.len() - 4 - IPV4.len() - 3;
    let [high, low] = u16::try_from(length).unwrap().to_be_bytes();
    said(&[&[4, high, low], &vec![b'x'; length]])
}

#[test]
fn a_client_without_an_address_has_that_of_its_socket() {
    let daemon = Daemon::serve(&[NAMED], &[]);
    for header in [
        LOCAL.to_vec(),
        v2(0x00, b"", b""),
        v2(0x00, b"", b"\x04\0\x01x"),
        v2(0x12, &IPV4, b""),
        v2(0x31, &[b'/'; 216], b""),
        v2(0x32, &[b'/'; 216], b"\x04\0\0"),
        b"PROXY UNKNOWN\r\n".to_vec(),
        b"PROXY UNKNOWN 192.0.2.7 10.0.0.1 4711 7000\r\n".to_vec(),
    ] {
        let x = daemon.say(said(&[&header, b"JOIN r\n"]));
        let mut y = daemon.say(said(&[&header, b"JOIN r ack\n"]));
        receive(&mut y, format!("OK Y {}\n", address(&x)).as_bytes());
        meet(x, y);
    }
}

#[test]
fn every_service_may_stand_behind_a_proxy() {
    let urls = [
        "echo://127.0.0.1:0?proxy=on",
        "chat://127.0.0.1:0?proxy=on",
        "order://127.0.0.1:0?proxy=on",
        "transit://127.0.0.1:0?proxy=on",
    ];
    let daemon = Daemon::serve(&urls, &[]);
    let comes = |listener: usize, words: &[u8]| {
        let mut client = common::connect(daemon.address(listener));
        client
            .write_all(&said(&[&header(IPV4_SAYS), words]))
            .unwrap();
        client
    };
    receive(&mut comes(0, b"hello"), b"hello");
    let mut x = comes(1, b"line\n");
    receive(&mut x, b"YOU'RE CONNECTED TO : @MAIN SERVER\n");
    receive(&mut comes(1, b""), b"line\n");
    let mut x = comes(2, b"Client X: Alice\n");
    let mut y = comes(2, b"");
    receive(&mut x, b"Client X connected\n");
    receive(&mut y, b"Client Y connected\n");
    y.write_all(b"Bob\n").unwrap();
    for client in [&mut x, &mut y] {
        receive(client, b"X: Alice received before Y: Bob\n");
    }
    let line = format!("please relay {}\n", "a".repeat(64));
    let mut x = comes(3, line.as_bytes());
    let mut y = comes(3, said(&[line.as_bytes(), b"stream"]).as_slice());
    receive(&mut x, b"ok\nstream");
    receive(&mut y, b"ok\n");
}

#[test]
fn a_health_check_takes_no_place_in_the_lobby() {
    let mut daemon = Daemon::serve(&[RELAY, NAMED], &[]);
    for listener in [0, 1] {
        let comes = |words: &[u8]| {
            let mut client = common::connect(daemon.address(listener));
            client.write_all(words).unwrap();
            client
        };
        let hello: &[u8] = if listener == 0 { b"" } else { b"JOIN r\n" };
        let staying = comes(LOCAL);
        drop(comes(LOCAL));
        drop(comes(b""));
        reset(comes(LOCAL));
        let x = comes(&said(&[&header(IPV4_SAYS), hello]));
        drop(comes(LOCAL));
        let y = comes(&said(&[&header(IPV4_SAYS), hello]));
        meet(x, y);
        assert!(hears_nothing(&staying));
        // What is said all the same is said by a client.
        let (mut x, mut y) = (staying, comes(&said(&[LOCAL, hello, b"from y"])));
        x.write_all(&said(&[hello, b"from x"])).unwrap();
        receive(&mut x, b"from y");
        receive(&mut y, b"from x");
    }
    daemon.has_clients(0);
}
