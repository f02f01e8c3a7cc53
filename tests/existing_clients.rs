//! Clients that have been there before this daemon. They read once where a person would expect one thing, and take
//! what they got for it.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;

use common::{CHAT, Daemon, End, ORDER, Signal, end_of};

const WELCOME: &str = "YOU'RE CONNECTED TO : @MAIN SERVER\n";
const NOTICE: &str = "SERVEUR WILL CLOSE NOW\n";

/// One read, and what it found.
#[track_caller]
fn recv(stream: &mut TcpStream, most: usize) -> String {
    let mut buffer = vec![0; most];
    let bytes = stream.read(&mut buffer).expect("something comes");
    String::from_utf8(buffer[..bytes].to_vec()).expect("text")
}

/// Two clients that have been told that both are there.
fn order_pair(daemon: &Daemon) -> (TcpStream, TcpStream) {
    let (mut x, mut y) = daemon.pair();
    assert_eq!(recv(&mut x, 1024), "Client X connected\n");
    assert_eq!(recv(&mut y, 1024), "Client Y connected\n");
    (x, y)
}

#[test]
fn chat_clients_find_one_line_in_every_read() {
    let mut daemon = Daemon::serve(&[CHAT], &[]);
    let mut x = daemon.connect();
    assert_eq!(recv(&mut x, 256), WELCOME);
    let mut y = daemon.connect();
    // What each will say is typed as soon as it may be, and the longest line fills the read.
    for round in 0..50 {
        let longest = format!("{round:0>255}\n");
        x.write_all(longest.as_bytes()).unwrap();
        assert_eq!(recv(&mut y, 256), longest);
        let answer = format!("answer {round}\n");
        y.write_all(answer.as_bytes()).unwrap();
        assert_eq!(recv(&mut x, 256), answer);
    }
    daemon.has_clients(2);
    daemon.signal(Signal::USR1);
    assert_eq!(
        (recv(&mut x, 256), recv(&mut y, 256)),
        (NOTICE.into(), NOTICE.into())
    );
    assert_eq!((end_of(&mut x), end_of(&mut y)), (End::Fin, End::Fin));
    drop((x, y));
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn a_chat_client_that_waits_finds_the_notice_alone() {
    let daemon = Daemon::serve(&[CHAT], &[]);
    let mut x = daemon.connect();
    assert_eq!(recv(&mut x, 256), WELCOME);
    daemon.signal(Signal::USR1);
    assert_eq!(recv(&mut x, 256), NOTICE);
    assert_eq!(end_of(&mut x), End::Fin);
}

#[test]
fn order_clients_find_one_thing_in_every_read() {
    let mut daemon = Daemon::serve(&[ORDER], &[]);
    for y_is_first in [false, true] {
        let (mut x, mut y) = order_pair(&daemon);
        // Neither sends a newline, and the second message is sent when the first is known to be there.
        let order = if y_is_first {
            y.write_all(b"Bob").unwrap();
            assert_eq!(daemon.stdout.next().unwrap(), "Y: Bob");
            x.write_all(b"Alice").unwrap();
            assert_eq!(daemon.stdout.next().unwrap(), "X: Alice");
            "Y: Bob received before X: Alice\n"
        } else {
            x.write_all(b"Alice").unwrap();
            assert_eq!(daemon.stdout.next().unwrap(), "X: Alice");
            y.write_all(b"Bob").unwrap();
            assert_eq!(daemon.stdout.next().unwrap(), "Y: Bob");
            "X: Alice received before Y: Bob\n"
        };
        assert_eq!(
            (recv(&mut x, 1024), recv(&mut y, 1024)),
            (order.into(), order.into())
        );
        let printed = daemon.stdout.next().unwrap();
        assert_eq!(printed, "Sent acknowledgment to both X and Y");
        assert_eq!((end_of(&mut x), end_of(&mut y)), (End::Fin, End::Fin));
    }
}

#[test]
fn a_message_may_have_an_end_and_a_name_in_front() {
    let daemon = Daemon::serve(&[ORDER], &[]);
    for (alice, bob) in [
        ("Alice\n", "Bob\n"),
        ("Alice\r\n", "Bob\r\n"),
        ("Client X: Alice", "Client Y: Bob"),
        ("Client X: Alice\n", "Client Y: Bob\r\n"),
    ] {
        let (mut x, mut y) = daemon.pair();
        // Nothing is read before both are there, but early words are not lost.
        x.write_all(alice.as_bytes()).unwrap();
        assert_eq!(recv(&mut x, 1024), "Client X connected\n");
        assert_eq!(recv(&mut y, 1024), "Client Y connected\n");
        y.write_all(bob.as_bytes()).unwrap();
        let (said, heard) = (recv(&mut x, 1024), recv(&mut y, 1024));
        assert_eq!(said, heard);
        let orders = [
            "X: Alice received before Y: Bob\n",
            "Y: Bob received before X: Alice\n",
        ];
        assert!(orders.contains(&said.as_str()), "{said:?}");
    }
}

#[test]
fn whoever_waits_is_told_of_a_stop() {
    let mut daemon = Daemon::serve(&[ORDER], &[]);
    let mut x = daemon.connect();
    daemon.has_clients(1);
    daemon.signal(Signal::USR1);
    assert_eq!(recv(&mut x, 1024), "ERR closing the server stops\n");
    assert_eq!(end_of(&mut x), End::Fin);
}

#[test]
fn once_serves_one_room() {
    let mut daemon = Daemon::serve(&[ORDER], &["--once"]);
    let (mut x, mut y) = order_pair(&daemon);
    x.write_all(b"Alice").unwrap();
    daemon.stdout.find("X: Alice");
    y.write_all(b"Bob").unwrap();
    let order = "X: Alice received before Y: Bob\n";
    assert_eq!(
        (recv(&mut x, 1024), recv(&mut y, 1024)),
        (order.into(), order.into())
    );
    drop((x, y));
    assert_eq!(daemon.wait().code(), Some(0), "{:?}", daemon.stderr.rest());
    assert_eq!(
        daemon.stdout.rest(),
        ["Y: Bob", "Sent acknowledgment to both X and Y"]
    );
}
