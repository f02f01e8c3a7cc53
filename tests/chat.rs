//! What the chat service promises to whoever speaks to it.

mod common;

use std::io::Write;
use std::net::{Shutdown, TcpStream};

use common::{CHAT, Daemon, End, Signal, end_of, read_all, receive, reset};

const WELCOME: &[u8] = b"YOU'RE CONNECTED TO : @MAIN SERVER\n";
const NOTICE: &[u8] = b"SERVEUR WILL CLOSE NOW\n";
const FREE: &str = "chat://127.0.0.1:0?turns=free";

/// Two clients in a room; the first has been welcomed.
fn pair(daemon: &Daemon) -> (TcpStream, TcpStream) {
    let mut x = daemon.connect();
    receive(&mut x, WELCOME);
    (x, daemon.connect())
}

#[test]
fn lines_out_of_turn_are_held_and_delivered_in_turn() {
    let mut daemon = Daemon::serve(&[CHAT], &[]);
    let (mut x, mut y) = pair(&daemon);
    y.write_all(b"y1\ny2\ny3\n").unwrap();
    daemon.settle();
    x.write_all(b"x1\n").unwrap();
    receive(&mut y, b"x1\n");
    receive(&mut x, b"y1\n");
    // y2 waits for x2. A line that came too early would be found in front of the next one, or at the end.
    daemon.settle();
    x.set_nonblocking(true).unwrap();
    let early = x.peek(&mut [0; 8]).map_err(|error| error.kind());
    assert_eq!(early, Err(std::io::ErrorKind::WouldBlock));
    x.set_nonblocking(false).unwrap();
    x.write_all(b"x2\nx3\n").unwrap();
    receive(&mut y, b"x2\nx3\n");
    receive(&mut x, b"y2\ny3\n");
    drop(x);
    assert_eq!(end_of(&mut y), End::Fin);
}

#[test]
fn more_than_is_read_ahead_may_wait_for_its_turn() {
    let daemon = Daemon::serve(&[CHAT], &[]);
    let (mut x, mut y) = pair(&daemon);
    let line = |round: usize| format!("{round:0>1000}\n").into_bytes();
    (0..100).for_each(|round| y.write_all(&line(round)).unwrap());
    for round in 0..100 {
        x.write_all(b"next\n").unwrap();
        receive(&mut x, &line(round));
        receive(&mut y, b"next\n");
    }
}

#[test]
fn a_line_of_64_kib_is_whole() {
    let daemon = Daemon::serve(&[CHAT], &[]);
    let (mut x, mut y) = pair(&daemon);
    let mut line = vec![b'a'; 64 * 1024];
    line[64 * 1024 - 1] = b'\n';
    x.write_all(&line).unwrap();
    receive(&mut y, &line);
    y.write_all(&line).unwrap();
    receive(&mut x, &line);
}

#[test]
fn a_longer_line_ends_the_room() {
    let daemon = Daemon::serve(&[CHAT], &[]);
    let (mut x, mut y) = pair(&daemon);
    x.write_all(&[b'a'; 64 * 1024 + 1]).unwrap();
    assert_eq!((end_of(&mut x), end_of(&mut y)), (End::Fin, End::Fin));
}

#[test]
fn bytes_are_carried_untouched() {
    let daemon = Daemon::serve(&[CHAT], &[]);
    let (mut x, mut y) = pair(&daemon);
    let line: Vec<u8> = (0..=255)
        .filter(|&byte| byte != b'\n')
        .chain([b'\n'])
        .collect();
    x.write_all(&line).unwrap();
    receive(&mut y, &line);
}

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
fn a_partner_that_leaves_is_heard_to_its_end() {
    let daemon = Daemon::serve(&[CHAT], &[]);
    let (mut x, mut y) = pair(&daemon);
    x.write_all(b"last words\nwithout an end").unwrap();
    x.shutdown(Shutdown::Write).unwrap();
    y.write_all(b"go on\n").unwrap();
    let words = b"last words\nwithout an end".to_vec();
    assert_eq!(read_all(&mut y), (words, End::Fin));
    assert_eq!(read_all(&mut x), (b"go on\n".to_vec(), End::Fin));
}

#[test]
fn a_partner_that_is_reset_leaves_too() {
    let mut daemon = Daemon::serve(&[CHAT], &[]);
    let (mut x, mut y) = pair(&daemon);
    x.write_all(b"last words\n").unwrap();
    daemon.has_clients(2);
    daemon.settle();
    reset(x);
    assert_eq!(read_all(&mut y), (b"last words\n".to_vec(), End::Fin));
    daemon.stderr.find("over after");
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
    daemon.stderr.find("chat: 3 clients, 1 waiting, 1 rooms");
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

#[test]
fn a_held_line_has_its_turn_before_the_fin_that_followed_the_last_one() {
    let mut daemon = Daemon::serve(&[CHAT], &[]);
    let (mut x, mut y) = pair(&daemon);
    y.write_all(b"bye\n").unwrap();
    daemon.settle();
    x.write_all(b"hello\n").unwrap();
    x.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut x), (b"bye\n".to_vec(), End::Fin));
    assert_eq!(read_all(&mut y), (b"hello\n".to_vec(), End::Fin));
}

#[test]
fn with_free_turns_who_does_not_read_may_still_be_heard() {
    let mut daemon = Daemon::serve(&[FREE], &[]);
    let (mut x, mut y) = pair(&daemon);
    let line = [&[b'a'; 60_000][..], b"\n"].concat();
    y.set_nonblocking(true).unwrap();
    // Until the daemon and both kernels are full of what x does not read.
    let mut full = 0;
    while full < 20 {
        match y.write(&line) {
            Ok(_) => full = 0,
            Err(_) => full += 1,
        }
        daemon.report();
    }
    y.set_nonblocking(false).unwrap();
    x.write_all(b"I do not read\n").unwrap();
    receive(&mut y, b"I do not read\n");
}
