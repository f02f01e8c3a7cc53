//! FIN travels: whoever has finished sending may go on listening.

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use crate::common::{self, Daemon, End, Noise, RELAY, end_of, eventually};

/// Copied, and spliced as soon as there is enough.
const TRANSPORTS: [&[&str]; 2] = [&["--no-splice"], &[]];

#[test]
fn the_first_client_may_finish_first() {
    for options in TRANSPORTS {
        let daemon = Daemon::serve(&[RELAY], options);
        let (x, y) = daemon.pair();
        one_finishes_then_the_other(x, y);
        everybody_is_gone(daemon);
    }
}

#[test]
fn the_second_client_may_finish_first() {
    for options in TRANSPORTS {
        let daemon = Daemon::serve(&[RELAY], options);
        let (x, y) = daemon.pair();
        one_finishes_then_the_other(y, x);
        everybody_is_gone(daemon);
    }
}

fn everybody_is_gone(mut daemon: Daemon) {
    let over = daemon.stderr.find("over after");
    assert!(over.contains(": done;"), "{over}");
    daemon.has_clients(0);
}

fn one_finishes_then_the_other(mut early: TcpStream, mut late: TcpStream) {
    const LENGTH: u64 = 16 << 20;
    let (question, answer) = (Noise::new(1), Noise::new(2));
    thread::scope(|scope| {
        scope.spawn(|| {
            question.send(&mut early, 0..LENGTH);
            early.shutdown(Shutdown::Write).unwrap();
        });
        let whole = question.receive_all(&mut late, 0);
        assert_eq!(whole, (LENGTH, End::Fin), "FIN behind the last byte");
    });
    thread::scope(|scope| {
        scope.spawn(|| {
            answer.send(&mut late, 0..LENGTH);
            late.shutdown(Shutdown::Write).unwrap();
        });
        let whole = answer.receive_all(&mut early, 0);
        assert_eq!(whole, (LENGTH, End::Fin), "the other direction goes on");
    });
}

#[test]
fn fin_stays_behind_bytes_that_the_reader_has_not_taken() {
    const LENGTH: u64 = 32 << 20;
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let (mut x, mut y) = daemon.pair();
    let noise = Noise::new(3);
    let blocked = noise.send_at_once(&x, 0, LENGTH);
    assert!(blocked < LENGTH, "the reader is behind");
    x.shutdown(Shutdown::Write).unwrap();
    daemon.settle();
    assert_eq!(noise.receive_all(&mut y, 0), (blocked, End::Fin));
    y.write_all(b"thanks").unwrap();
    common::receive(&mut x, b"thanks");
}

#[test]
fn both_may_finish_without_a_byte() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let (mut x, mut y) = daemon.pair();
    daemon.has_clients(2);
    daemon.stderr.find("are now connected");
    x.shutdown(Shutdown::Write).unwrap();
    y.shutdown(Shutdown::Write).unwrap();
    assert_eq!((end_of(&mut x), end_of(&mut y)), (End::Fin, End::Fin));
    let over = daemon.stderr.find("over after");
    assert!(over.contains(": done;"), "{over}");
    daemon.has_clients(0);
}

#[test]
fn a_half_closed_room_that_falls_silent_is_reset() {
    let mut daemon = Daemon::serve(&[RELAY], &["--half-close-timeout", "200ms"]);
    daemon.settle();
    let before = daemon.descriptors().len();
    for x_is_first in [true, false] {
        let (x, y) = daemon.pair();
        let (mut early, mut late) = if x_is_first { (x, y) } else { (y, x) };
        early.write_all(b"all I have").unwrap();
        early.shutdown(Shutdown::Write).unwrap();
        common::receive(&mut late, b"all I have");
        assert_eq!(end_of(&mut late), End::Fin);
        assert_eq!(end_of(&mut early), End::Reset, "the answer was cut short");
        daemon.stderr.find("half-closed for too long");
        // FIN is all that a read can find here any more; a write learns of the reset.
        let kinds = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
        eventually("a reset for the side that was silent", || {
            late.write_all(b"?")
                .is_err_and(|error| kinds.contains(&error.kind()))
        });
        daemon.has_clients(0);
        assert_eq!(daemon.descriptors().len(), before);
    }
}

#[test]
fn the_half_close_timeout_leaves_open_rooms_alone() {
    let mut daemon = Daemon::serve(&[RELAY], &["--half-close-timeout", "50ms"]);
    let (mut x, mut y) = daemon.pair();
    let (mut half, mut closed) = daemon.pair();
    closed.shutdown(Shutdown::Write).unwrap();
    assert_eq!(end_of(&mut half), End::Fin);
    // The half-closed room, which is younger, is over: the older one would be too.
    assert_eq!(end_of(&mut closed), End::Reset);
    x.write_all(b"still here").unwrap();
    common::receive(&mut y, b"still here");
    daemon.has_clients(2);
}
