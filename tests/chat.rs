//! What the chat service promises to whoever speaks to it.

mod common;

use std::io::Write;

use common::chat::{FREE, WELCOME, pair};
use common::{CHAT, Daemon, End, Signal, end_of, read_all, receive};

const NOTICE: &[u8] = b"SERVEUR WILL CLOSE NOW\n";

#[test]
fn with_free_turns_both_may_write() {
    let daemon = Daemon::serve(&[FREE], &[]);
    let (mut x, mut y) = pair(&daemon);
    y.write_all(b"y1\ny2\n").unwrap();
    receive(&mut x, b"y1\ny2\n");
    x.write_all(b"x1\nx2\n").unwrap();
    receive(&mut y, b"x1\nx2\n");
}

#[test]
fn exit_passes_on_and_ends_the_room_for_both() {
    for exit in [&b"exit\n"[..], b"exit\r\n"] {
        let mut daemon = Daemon::serve(&[CHAT], &[]);
        let (mut x, mut y) = pair(&daemon);
        x.write_all(exit).unwrap();
        receive(&mut y, exit);
        assert_eq!((end_of(&mut x), end_of(&mut y)), (End::Fin, End::Fin));
        daemon.stderr.find("over after");
    }
}

#[test]
fn an_early_line_reaches_a_partner_that_comes_later() {
    let mut daemon = Daemon::serve(&[CHAT], &[]);
    let mut x = daemon.connect();
    receive(&mut x, WELCOME);
    x.write_all(b"is anybody there?\n").unwrap();
    daemon.settle();
    let mut y = daemon.connect();
    receive(&mut y, b"is anybody there?\n");
}

#[test]
fn a_stop_is_announced_to_everybody() {
    for signal in [Signal::USR1, Signal::TERM, Signal::INT] {
        let mut daemon = Daemon::serve(&[CHAT], &[]);
        let (mut x, mut y) = pair(&daemon);
        let mut waiting = daemon.connect();
        receive(&mut waiting, WELCOME);
        x.write_all(b"hello\n").unwrap();
        receive(&mut y, b"hello\n");
        daemon.has_clients(3);
        daemon.signal(signal);
        for client in [&mut x, &mut y, &mut waiting] {
            assert_eq!(read_all(client), (NOTICE.to_vec(), End::Fin));
        }
        drop((x, y, waiting));
        assert_eq!(daemon.wait().code(), Some(0));
        daemon.stdout.find("THE SERVER WILL DISCONNECT");
    }
}

#[test]
fn the_report_counts_them() {
    let mut daemon = Daemon::serve(&[CHAT], &[]);
    let (x, y) = pair(&daemon);
    let _waiting = daemon.connect();
    daemon.has_clients(3);
    daemon.stderr.find("chat: 3 clients, 1 waiting, 1 room");
    drop((x, y));
    daemon.has_clients(1);
}

#[test]
fn once_ends_with_the_first_room() {
    let mut daemon = Daemon::serve(&[CHAT], &["--once"]);
    let (mut x, mut y) = pair(&daemon);
    x.write_all(b"exit\n").unwrap();
    receive(&mut y, b"exit\n");
    assert_eq!((end_of(&mut x), end_of(&mut y)), (End::Fin, End::Fin));
    drop((x, y));
    assert_eq!(daemon.wait().code(), Some(0));
}
