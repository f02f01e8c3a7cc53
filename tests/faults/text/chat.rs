//! Chat lines out of turn, long, and cut off.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use fastrand::Rng;

use crate::common::chat::{FREE, WELCOME, pair};
use crate::common::{CHAT, Daemon, End, connect, end_of, read_all, receive, reset};

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

/// What it had said whole is heard. Half a line behind which nobody stands any more is not.
#[test]
fn a_partner_that_is_reset_in_the_middle_of_a_line_is_heard_up_to_that_line() {
    let mut daemon = Daemon::serve(&[CHAT, FREE], &[]);
    for listener in [0, 1] {
        for x_leaves in [true, false] {
            let mut x = connect(daemon.address(listener));
            receive(&mut x, WELCOME);
            let mut y = connect(daemon.address(listener));
            if !x_leaves {
                x.write_all(b"your turn\n").unwrap();
                receive(&mut y, b"your turn\n");
            }
            let (mut leaves, mut stays) = if x_leaves { (x, y) } else { (y, x) };
            leaves.write_all(b"a whole line\n").unwrap();
            receive(&mut stays, b"a whole line\n");
            stays.write_all(b"yours again\n").unwrap();
            receive(&mut leaves, b"yours again\n");
            leaves.write_all(b"half a li").unwrap();
            daemon.settle();
            reset(leaves);
            assert_eq!(end_of(&mut stays), End::Fin);
            drop(stays);
            daemon.has_clients(0);
        }
    }
}

#[test]
fn lines_of_both_at_once_arrive_whole_and_in_order() {
    const LINES: u64 = 300;
    for url in [CHAT, FREE] {
        let daemon = Daemon::serve(&[url], &[]);
        let (x, y) = pair(&daemon);
        thread::scope(|scope| {
            for (side, one, other) in [('x', &x, &y), ('y', &y, &x)] {
                scope.spawn(move || speak(one, side, LINES));
                scope.spawn(move || {
                    let mut lines = BufReader::new(other).lines();
                    for number in 0..LINES {
                        let heard = lines.next().unwrap().unwrap();
                        assert_eq!(heard + "\n", line(side, number));
                    }
                });
            }
        });
    }
}

/// Says all these lines in pieces that have nothing to do with where they end.
fn speak(mut stream: &TcpStream, side: char, lines: u64) {
    let mut random = Rng::with_seed(u64::from(side));
    let text: String = (0..lines).map(|number| line(side, number)).collect();
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(random.usize(1..3000).min(rest.len()));
        stream.write_all(piece).unwrap();
        rest = after;
    }
}

/// Lines of all lengths, some longer than what is read at a time.
fn line(side: char, number: u64) -> String {
    let length = Rng::with_seed(number).usize(..1 << (number % 16));
    format!("{side} {number} {}\n", side.to_string().repeat(length))
}
