//! Clients who come through a proxy, and what counts as where they come from.

use super::named::{NAMED, closed, opened, say};
use super::*;
use crate::cidr::Cidr;
use crate::engine::proxy::header_v2;

const CHAT: ListenerId = 4;
const TRANSIT: ListenerId = 5;
const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
const UNKNOWN: &[u8] = b"PROXY UNKNOWN\r\n";
const LINE: &[u8] = b"PROXY TCP4 192.0.2.1 127.0.0.1 5000 7000\r\n";

const UNTRUSTED: &str = "not a proxy that is trusted here (trust=CIDR)";
const FULL_WORDS: &str = "your address has as many clients here as it may";

impl Bench {
    /// One to whose listeners proxies on this machine speak.
    fn proxied() -> Self {
        let mut bench = Self::new();
        for listener in [RELAY, ECHO, ORDER, NAMED, CHAT, TRANSIT] {
            bench.engine.set_proxies(listener, Cidr::LOOPBACK.into());
        }
        bench
    }

    /// A client comes by a proxy that says this at once.
    fn comes(&mut self, client: u64, listener: ListenerId, words: &[u8]) -> (usize, Vec<Output>) {
        assert_eq!(self.accept(client, listener), vec![]);
        self.input(client, Input::Data(words))
    }

    fn waiting_at(&self, listener: ListenerId) -> usize {
        self.engine.counts()[listener].1.waiting
    }
}

/// The header of a client that comes from elsewhere.
fn header() -> Vec<u8> {
    header_v2(ELSEWHERE, PEER)
}

fn speaks(client: u64) -> Output {
    Output::Note(Note::SpeaksFor {
        client: id(client),
        peer: ELSEWHERE,
    })
}

fn resume(client: u64) -> Output {
    Output::Resume(id(client))
}

fn note(client: u64, peer: SocketAddr, code: Code, words: &'static str) -> Output {
    Output::Note(Note::Refused {
        client: id(client),
        peer,
        refusal: Refusal { code, words },
    })
}

#[test]
fn who_comes_by_arrival_waits_as_soon_as_its_header_is_there() {
    for header in [header(), LINE.to_vec()] {
        let mut bench = Bench::proxied();
        for split in 1..header.len() {
            let client = split as u64 * 2 - 1;
            let (taken, outputs) = bench.comes(client, RELAY, &header[..split]);
            assert_eq!((taken, outputs), (0, vec![Output::ReadOn(id(client))]));
            assert_eq!(bench.waiting_at(RELAY), 0, "at {split}");
            // What stands behind it is left where it is, and forwarded from there.
            let all = [&header[..], b"stream"].concat();
            let (taken, outputs) = bench.input(client, Input::Data(&all));
            assert_eq!((taken, outputs), (header.len(), vec![speaks(client)]));
            assert_eq!(bench.waiting_at(RELAY), 1, "at {split}");
            let (_, outputs) = bench.comes(client + 1, RELAY, UNKNOWN);
            let [x, y] = [client, client + 1];
            assert_eq!(
                outputs,
                [opened(split as u64, x, y), forward(x, y), forward(y, x)]
            );
        }
    }
}

#[test]
fn a_hello_behind_the_header_is_looked_at_and_the_partner_is_told_who_it_is() {
    let mut bench = Bench::proxied();
    let all = [&header()[..], b"JOIN a ack\nstream"].concat();
    assert_eq!(
        bench.comes(1, NAMED, &all),
        (header().len(), vec![speaks(1), resume(1)])
    );
    let (taken, outputs) = bench.input(1, Input::Data(&all[header().len()..]));
    assert_eq!((taken, outputs), ("JOIN a ack\n".len(), vec![]));
    assert_eq!(bench.comes(2, NAMED, UNKNOWN).1, [resume(2)]);
    let (_, outputs) = bench.input(2, Input::Data(b"JOIN a ack\n"));
    let words = [
        say(1, &format!("OK X {PEER}\n")),
        say(2, &format!("OK Y {ELSEWHERE}\n")),
    ];
    assert_eq!(outputs[..3], [&[opened(1, 1, 2)], &words[..]].concat());
}

#[test]
fn a_proxy_that_only_looks_in_takes_no_place() {
    for (end, reason) in [(Eof(1), Left), (Lost(1), Reset)] {
        for listener in [RELAY, NAMED] {
            let mut bench = Bench::proxied().with_clients_per_source(2);
            assert_eq!(
                bench.comes(1, listener, LOCAL),
                (LOCAL.len(), vec![resume(1)])
            );
            assert_eq!(bench.waiting_at(listener), 0);
            assert_eq!(bench.happen(end), left(1, reason));
            assert_eq!(bench.engine.sources.clients(), Some(0));
        }
    }
}

#[test]
fn a_proxy_that_says_something_of_its_own_is_a_client() {
    let mut bench = Bench::proxied();
    bench.comes(1, RELAY, LOCAL);
    assert_eq!(bench.input(1, Input::Data(b"x")), (0, vec![]));
    assert_eq!(bench.waiting_at(RELAY), 1);
    // Echo has its room then, and line services their words.
    bench.comes(2, ECHO, LOCAL);
    let (taken, outputs) = bench.input(2, Input::Data(b"x"));
    assert_eq!((taken, outputs.last()), (0, Some(&forward(2, 2))));
    bench.comes(3, RELAY, LOCAL);
    let late = "a proxy said nothing of its own in time";
    let outputs = bench.happen(Later(HELLO));
    let expected = [note(3, PEER, Code::Timeout, late), close(3, HelloTimeout)];
    assert_eq!(outputs, expected);
}

#[test]
fn whoever_is_not_trusted_is_refused_before_it_has_said_anything() {
    for listener in [RELAY, ECHO, ORDER, NAMED, CHAT, TRANSIT] {
        let mut bench = Bench::proxied().with_clients_per_source(1);
        let peer = ELSEWHERE;
        let outputs = bench.input(1, Input::Accepted { listener, peer }).1;
        let expected = [
            note(1, ELSEWHERE, Code::Hello, UNTRUSTED),
            close(1, BadHello),
        ];
        assert_eq!(outputs, expected);
        assert_eq!(bench.engine.clients(), 0);
    }
}

#[test]
fn without_a_header_nobody_is_let_in_and_nobody_is_told_why() {
    type Course = &'static [(&'static [u8], Option<Happening>)];
    let half = "the PROXY header has no end";
    let late = "no PROXY header came in time";
    let table: [(Course, Code, &str, CloseReason); 7] = [
        (
            &[(b"JOIN a\n", None)],
            Code::Hello,
            "expected a PROXY header",
            BadHello,
        ),
        (
            &[(b"PROXY TCP4 \n", None)],
            Code::Hello,
            "malformed PROXY header",
            BadHello,
        ),
        (
            &[(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xff\xff", None)],
            Code::Hello,
            "the PROXY header is too long",
            BadHello,
        ),
        (&[(b"PROXY", Some(Eof(1)))], Code::Hello, half, BadHello),
        (
            &[(b"PROXY", Some(Later(HELLO)))],
            Code::Timeout,
            late,
            HelloTimeout,
        ),
        (
            &[(b"", Some(Later(HELLO)))],
            Code::Timeout,
            late,
            HelloTimeout,
        ),
        (
            &[(b"", Some(Stop))],
            Code::Closing,
            "the server stops",
            Stopping,
        ),
    ];
    for listener in [RELAY, ECHO, NAMED, CHAT, TRANSIT] {
        for (course, code, words, reason) in table {
            let mut bench = Bench::proxied().with_clients_per_source(1);
            assert_eq!(bench.accept(1, listener), vec![]);
            let mut outputs = Vec::new();
            for &(said, happening) in course {
                if !said.is_empty() {
                    outputs = bench.input(1, Input::Data(said)).1;
                }
                outputs = match happening {
                    None => outputs,
                    Some(Eof(_)) => bench.input(1, Input::Eof { unread: said }).1,
                    Some(happening) => bench.happen(happening),
                };
            }
            let expected = [note(1, PEER, code, words), close(1, reason)];
            assert_eq!(outputs, expected, "{listener} {words}");
            assert_eq!(bench.engine.sources.clients(), Some(0));
        }
    }
}

#[test]
fn header_and_hello_have_one_deadline() {
    let mut bench = Bench::proxied();
    bench.accept(1, NAMED);
    bench.happen(Later(HELLO / 2));
    bench.input(1, Input::Data(&header()));
    let outputs = bench.happen(Later(HELLO / 2));
    let words = "no hello came in time";
    let expected = [
        note(1, ELSEWHERE, Code::Timeout, words),
        say(1, &format!("ERR timeout {words}\n")),
        closed(1, HelloTimeout, Ending::Finish),
    ];
    assert_eq!(outputs, expected);
}

#[test]
fn the_address_in_the_header_is_the_one_that_is_counted() {
    let mut bench = Bench::proxied().with_clients_per_source(1);
    // As long as nobody knows who they are they are nobody's.
    for client in 1..4 {
        assert_eq!(bench.accept(client, NAMED), vec![]);
    }
    assert_eq!(bench.engine.sources.clients(), Some(0));
    assert_eq!(bench.input(1, Input::Data(&header())).1.len(), 2);
    assert_eq!(bench.input(2, Input::Data(UNKNOWN)).1, [resume(2)]);
    assert_eq!(bench.engine.sources.clients(), Some(2));
    let (_, outputs) = bench.input(3, Input::Data(LINE));
    let expected = [
        speaks(3),
        note(3, ELSEWHERE, Code::Full, FULL_WORDS),
        say(3, &format!("ERR full {FULL_WORDS}\n")),
        closed(3, Full, Ending::Finish),
    ];
    assert_eq!(outputs, expected);
    // The same where nobody understands words.
    let (_, outputs) = bench.comes(4, RELAY, LINE);
    let expected = [
        speaks(4),
        note(4, ELSEWHERE, Code::Full, FULL_WORDS),
        close(4, Full),
    ];
    assert_eq!(outputs, expected);
    bench.happen(Lost(1));
    assert_eq!(bench.comes(5, RELAY, LINE).1, [speaks(5)]);
    bench.happen(Lost(5));
    bench.happen(Lost(2));
    assert_eq!(bench.engine.sources.clients(), Some(0));
}

#[test]
fn what_a_transit_client_says_behind_its_header_is_its_first_line() {
    let mut bench = Bench::proxied();
    let line = format!("please relay {}\n", "a".repeat(64));
    let all = [&header()[..], line.as_bytes()].concat();
    assert_eq!(bench.comes(1, TRANSIT, &all).1, [speaks(1), resume(1)]);
    let (taken, _) = bench.input(1, Input::Data(line.as_bytes()));
    assert_eq!((taken, bench.waiting_at(TRANSIT)), (line.len(), 1));
    // A header is said once.
    let (_, outputs) = bench.comes(2, TRANSIT, LINE);
    assert_eq!(outputs, [speaks(2), resume(2)]);
    let (_, outputs) = bench.input(2, Input::Data(LINE));
    assert_eq!(outputs[1], say(2, "bad handshake\n"));
}
