//! Messages of order rooms that come late, early, in pieces, empty, or not at all.

use std::io::Write;
use std::net::{Shutdown, TcpStream};

use fastrand::Rng;

use crate::common::{Daemon, End, ORDER, end_of, read_all, receive, reset};

const TO_X: &[u8] = b"Client X connected\n";
const TO_Y: &[u8] = b"Client Y connected\n";
const GONE: &[u8] = b"ERR room the partner is gone\n";

/// Two clients that have been told that both are there.
fn pair(daemon: &Daemon) -> (TcpStream, TcpStream) {
    let (mut x, mut y) = daemon.pair();
    receive(&mut x, TO_X);
    receive(&mut y, TO_Y);
    (x, y)
}

/// This is all that comes, and FIN.
#[track_caller]
fn hears(mut client: TcpStream, words: impl AsRef<[u8]>) {
    let expected = words.as_ref().to_vec();
    assert_eq!(read_all(&mut client), (expected, End::Fin));
}

/// How a message may be said: with an end, with FIN, or until nothing more comes; with the name in front that some
/// clients put there.
fn say(client: &mut TcpStream, message: &str, random: &mut Rng) {
    let name = random.choice(["", "Client X: ", "Client Y: "]).unwrap();
    let end = random.choice(["\n", "\r\n", "", "FIN"]).unwrap();
    let text = format!("{name}{message}{}", end.trim_start_matches("FIN"));
    let split = random.usize(..=text.len());
    client.write_all(&text.as_bytes()[..split]).unwrap();
    client.write_all(&text.as_bytes()[split..]).unwrap();
    if end == "FIN" {
        client.shutdown(Shutdown::Write).unwrap();
    }
}

#[test]
fn however_early_or_late_messages_come_the_order_is_that_in_which_they_came() {
    let mut daemon = Daemon::serve(&[ORDER], &[]);
    let mut random = Rng::with_seed(1);
    for room in 0..60 {
        let (mut x, x_is_early) = (daemon.connect(), random.bool());
        let (alice, bob) = (format!("Alice {room}"), format!("Bob {room}"));
        if x_is_early {
            // Nothing is read before both are there.
            say(&mut x, &alice, &mut random);
            daemon.settle();
        }
        let mut y = daemon.connect();
        receive(&mut x, TO_X);
        receive(&mut y, TO_Y);
        let x_is_first = x_is_early || random.bool();
        let (first, second) = if x_is_first {
            ((&mut x, 'X', &alice), (&mut y, 'Y', &bob))
        } else {
            ((&mut y, 'Y', &bob), (&mut x, 'X', &alice))
        };
        for (client, side, message) in [first, second] {
            if side == 'Y' || !x_is_early {
                say(client, message, &mut random);
            }
            let line = daemon.stdout.find(&message[..3]);
            assert_eq!(line, format!("{side}: {message}"));
        }
        let order = match x_is_first {
            true => format!("X: {alice} received before Y: {bob}\n"),
            false => format!("Y: {bob} received before X: {alice}\n"),
        };
        let said = daemon.stdout.next().unwrap();
        assert_eq!(said, "Sent acknowledgment to both X and Y");
        hears(x, &order);
        hears(y, &order);
    }
    daemon.has_clients(0);
}

/// Both speak at once: X before Y has come, and Y with its first segment.
#[test]
fn early_messages_of_both_keep_their_order() {
    let mut daemon = Daemon::serve(&[ORDER], &[]);
    for _ in 0..50 {
        let x = daemon.say("Alice\n");
        daemon.settle();
        let y = daemon.say("Bob\n");
        let order = "X: Alice received before Y: Bob\n";
        hears(x, [TO_X, order.as_bytes()].concat());
        hears(y, [TO_Y, order.as_bytes()].concat());
    }
}

#[test]
fn a_message_in_pieces_counts_from_its_last_byte() {
    let mut daemon = Daemon::serve(&["order://127.0.0.1:0?settle=1d"], &[]);
    let (mut x, mut y) = pair(&daemon);
    x.write_all(b"Al").unwrap();
    daemon.settle();
    y.write_all(b"Bob\n").unwrap();
    daemon.stdout.find("Y: Bob");
    x.write_all(b"ice\n").unwrap();
    let order = "Y: Bob received before X: Alice\n";
    hears(x, order);
    hears(y, order);
}

#[test]
fn an_empty_message_ends_the_room_for_both() {
    let mut daemon = Daemon::serve(&[ORDER], &[]);
    for message in ["\n", "\r\n", "Client X: \n", ""] {
        for x_says_it in [true, false] {
            let (x, y) = pair(&daemon);
            let (mut one, other) = if x_says_it { (x, y) } else { (y, x) };
            one.write_all(message.as_bytes()).unwrap();
            if message.is_empty() {
                one.shutdown(Shutdown::Write).unwrap();
            }
            hears(one, "ERR room the message is empty\n");
            hears(other, GONE);
        }
    }
    daemon.has_clients(0);
}

#[test]
fn whoever_is_left_alone_is_told() {
    let mut daemon = Daemon::serve(&[ORDER], &[]);
    let leave: [fn(TcpStream); 2] = [reset, drop];
    for leave in leave {
        for x_leaves in [true, false] {
            for has_spoken in [false, true] {
                let (x, y) = pair(&daemon);
                let (one, mut other) = if x_leaves { (x, y) } else { (y, x) };
                if has_spoken {
                    other.write_all(b"Carol\n").unwrap();
                    daemon.stdout.find("Carol");
                }
                leave(one);
                hears(other, GONE);
            }
        }
    }
    // In the middle of its message, and behind it.
    for said in ["Al", "Alice\n"] {
        let (mut x, y) = pair(&daemon);
        x.write_all(said.as_bytes()).unwrap();
        daemon.settle();
        reset(x);
        hears(y, GONE);
    }
    daemon.has_clients(0);
}

#[test]
fn a_partner_who_never_speaks_is_waited_for_no_longer_than_said() {
    let mut daemon = Daemon::serve(&[ORDER], &["--idle-timeout", "300ms"]);
    let (mut x, y) = pair(&daemon);
    x.write_all(b"Alice\n").unwrap();
    hears(x, "ERR timeout nothing was said\n");
    hears(y, "ERR timeout nothing was said\n");
    daemon.has_clients(0);
    let mut lonely = Daemon::serve(&[ORDER], &["--wait-timeout", "100ms"]);
    let mut x = lonely.say("Alice\n");
    receive(&mut x, b"ERR timeout no partner came\n");
    assert_eq!(end_of(&mut x), End::Fin);
    drop(x);
    lonely.has_clients(0);
}
