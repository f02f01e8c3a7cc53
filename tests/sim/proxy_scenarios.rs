//! Known traps behind a proxy, one at a time.

use std::time::Duration;

use pairloop::engine::proxy::header_v2;
use pairloop::engine::{CloseReason, Timeouts};
use pairloop::limits::{BUFFER_FLOOR, LONGEST_PROXY_HEADER, RESET_RECHECK};

use super::chat_oracle::WELCOME;
use super::lab::Lab;
use super::net::{Capacity, End, SocketId};
use super::setup::{CHAT, ECHO, RELAY, TRANSIT};

const SECOND: Duration = Duration::from_secs(1);
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
const LARGE: usize = 64 * 1024;

fn lab() -> Lab {
    Lab::behind_a_proxy(Timeouts::default())
}

/// A header, and what its client says.
fn said(words: &[u8]) -> Vec<u8> {
    let address = |text: &str| text.parse().expect("an address");
    let header = header_v2(address("192.0.2.7:4711"), address("10.0.0.1:7000"));
    [&header[..], words].concat()
}

/// A client that says this at once, with FIN: the daemon sees one edge for all of it.
fn all_at_once(lab: &mut Lab, listener: usize, words: &[u8]) -> SocketId {
    let (inbound, outbound) = (LARGE, LARGE);
    let socket = lab.wire().connect(listener, Capacity { inbound, outbound });
    lab.wire().send(socket, words);
    lab.wire().send_fin(socket);
    lab.settle();
    socket
}

#[test]
fn header_stream_and_fin_in_one_edge_are_all_heard() {
    let mut lab = lab();
    let echo = all_at_once(&mut lab, ECHO, &said(b"stream"));
    assert_eq!(lab.take_all(echo), b"stream");
    assert_eq!(lab.end(echo), Some(End::Fin));
    let x = all_at_once(&mut lab, CHAT, &said(b"line\n"));
    let y = lab.client(CHAT, LARGE, LARGE);
    lab.send(y, &said(b""));
    assert_eq!(lab.take_all(x), WELCOME);
    assert_eq!(lab.take_all(y), b"line\n");
    let line = format!("please relay {}\n", "a".repeat(64));
    let x = lab.client(TRANSIT, LARGE, LARGE);
    lab.send(x, &said(line.as_bytes()));
    let y = all_at_once(
        &mut lab,
        TRANSIT,
        &said(&[line.as_bytes(), b"stream"].concat()),
    );
    assert_eq!(lab.take_all(x), b"ok\nstream");
    assert_eq!(lab.end(x), Some(End::Fin));
    assert_eq!(lab.take_all(y), b"ok\n");
}

/// Each byte has an edge of its own, since the socket holds no more.
#[test]
fn a_header_comes_through_the_smallest_socket() {
    let mut lab = lab();
    let (x, y) = (lab.client(RELAY, 1, 1), lab.client(RELAY, LARGE, LARGE));
    lab.send(y, &said(b""));
    for &byte in &said(b"stream") {
        lab.send(x, &[byte]);
    }
    assert_eq!(lab.take_all(y), b"stream");
}

/// There is no memory but what each buffer has by right.
#[test]
fn the_longest_header_finds_memory_however_scarce_it_is() {
    let tlv = LONGEST_PROXY_HEADER - 16 - 12 - 3;
    let mut header = said(&[4]);
    header.extend(u16::try_from(tlv).expect("it fits").to_be_bytes());
    header.extend(vec![b'x'; tlv]);
    let length = u16::try_from(LONGEST_PROXY_HEADER - 16).expect("it fits");
    header[14..16].copy_from_slice(&length.to_be_bytes());
    for split in [1, 15, 16, 27, 28, 1000, LONGEST_PROXY_HEADER - 1] {
        let mut lab = lab();
        let x = lab.client(RELAY, LARGE, LARGE);
        lab.send(x, &header[..split]);
        let stream = vec![b'x'; BUFFER_FLOOR];
        lab.send(x, &[&header[split..], &stream].concat());
        assert!(lab.statistics().buffered <= BUFFER_FLOOR, "{split}");
        let y = lab.client(RELAY, LARGE, LARGE);
        lab.send(y, &said(b""));
        assert_eq!(lab.take_all(y), stream, "{split}");
    }
}

#[test]
fn a_health_check_is_gone_and_nobody_has_met_it() {
    let mut lab = lab();
    for _ in 0..3 {
        all_at_once(&mut lab, RELAY, LOCAL);
        assert_eq!(lab.statistics().connections, 0);
    }
    let (x, y) = (
        lab.client(RELAY, LARGE, LARGE),
        lab.client(RELAY, LARGE, LARGE),
    );
    lab.send(x, &said(b""));
    all_at_once(&mut lab, RELAY, LOCAL);
    lab.send(y, &said(b"from y"));
    assert_eq!(lab.take_all(x), b"from y");
    assert_eq!(lab.closed(CloseReason::Left), 4);
}

/// The deadline is absolute: neither a byte now and then nor the header itself puts it off.
#[test]
fn a_slow_header_has_no_more_time_than_a_fast_one() {
    let hello = Some(10 * SECOND);
    let mut lab = Lab::behind_a_proxy(Timeouts {
        hello,
        ..Timeouts::default()
    });
    let slow = lab.client(RELAY, LARGE, LARGE);
    let checked = lab.client(RELAY, LARGE, LARGE);
    for &byte in &said(b"")[..9] {
        lab.send(slow, &[byte]);
        lab.pass(SECOND);
    }
    lab.send(checked, LOCAL);
    assert_eq!((lab.end(slow), lab.end(checked)), (None, None));
    lab.pass(SECOND + RESET_RECHECK);
    let ends = (lab.end(slow), lab.end(checked));
    assert_eq!(ends, (Some(End::Reset), Some(End::Reset)));
    assert_eq!(lab.closed(CloseReason::HelloTimeout), 2);
}
