//! The load generator as clients of a transit relay.

mod common;

use std::io::{Read, Write};
use std::thread;

use common::Daemon;
use common::generator::{listen, measure, pass_on};

/// Bytes of `please relay <64> for side <16>\n`.
const TRANSIT_LINE: usize = 13 + 64 + 10 + 16 + 1;

#[test]
fn transit_clients_shake_hands_first() {
    let (listener, at) = listen();
    thread::spawn(move || {
        loop {
            let [x, y] = [&listener, &listener].map(|listener| {
                let stream = listener.accept().expect("a client").0;
                let mut line = [0; TRANSIT_LINE];
                let mut reader = &stream;
                reader.read_exact(&mut line).expect("a line");
                (stream, String::from_utf8(line.into()).expect("text"))
            });
            let token = |line: &str| line["please relay ".len()..][..64].to_owned();
            assert!(
                x.1.ends_with('\n') && x.1.contains(" for side "),
                "{:?}",
                x.1
            );
            assert_eq!(token(&x.1), token(&y.1));
            assert_ne!(x.1, y.1, "the sides differ");
            for mut stream in [&x.0, &y.0] {
                stream.write_all(b"ok\n").expect("it is there");
            }
            thread::spawn(move || pass_on(x.0, y.0));
        }
    });
    let result = measure("relay", at, "--hello transit --rooms 2 --count 50");
    assert_eq!(result.number("count"), 50.0);
    let result = measure("connect", at, "--hello transit --rooms 1 --count 5");
    assert_eq!(result.number("count"), 5.0);
}

#[test]
fn transit_clients_meet_at_our_own_relay() {
    let daemon = Daemon::serve(&["transit://127.0.0.1:0"], &["-qq"]);
    for (mode, options) in [
        ("relay", "--rooms 2 --count 50"),
        ("connect", "--rooms 3 --count 50"),
        ("connect", "--size 4K --close fin --rooms 3 --count 50"),
    ] {
        let result = measure(
            mode,
            daemon.address(0),
            &format!("--hello transit {options}"),
        );
        assert_eq!(result.number("count"), 50.0, "{mode} {options}");
        assert_eq!(result.number("lost"), 0.0, "{mode} {options}");
    }
}

#[test]
fn idle_transit_clients_have_a_token_each() {
    let (listener, at) = listen();
    let server = thread::spawn(move || {
        let clients = [(); 3].map(|()| {
            let mut stream = listener.accept().expect("a client").0;
            let mut line = [0; TRANSIT_LINE];
            stream.read_exact(&mut line).expect("a line");
            assert!(line.starts_with(b"please relay ") && line.ends_with(b"\n"));
            (line, stream)
        });
        // Whoever has its line may be held for as long as it likes.
        clients.map(|(mut line, mut stream)| {
            let _ = stream.read(&mut line[..1]);
            line["please relay ".len()..][..64].to_vec()
        })
    });
    let result = measure(
        "idle",
        at,
        "--hello transit --connections 3 --duration 50ms",
    );
    assert_eq!(result.number("count"), 3.0);
    let [a, b, c] = server.join().expect("they said hello");
    assert!(a != b && b != c && a != c, "they would meet");
}
