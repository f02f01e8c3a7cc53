//! Both sides end at the same time, in the order in which nobody would write it down: each is freed once, and whoever has
//! their places next does not notice.

use std::io::Write;
use std::net::{Shutdown, TcpStream};

use crate::common::{
    Bystander, Daemon, ECHO, RELAY, Signal, connect, eventually, hears_nothing, receive, reset,
};

/// How a room ends.
type Ending = fn(TcpStream, TcpStream);

/// All the ways in which two can go, as far as they can do so at once.
const ENDINGS: [Ending; 9] = [
    |x, y| drop((x, y)),
    |x, y| drop((y, x)),
    |x, y| reset_all([x, y]),
    |x, y| {
        drop(x);
        reset(y);
    },
    |x, y| {
        reset(x);
        drop(y);
    },
    |mut x, y| {
        x.write_all(b"never read").unwrap();
        drop((y, x));
    },
    |mut x, mut y| {
        x.write_all(b"never read").unwrap();
        y.write_all(b"neither").unwrap();
        reset_all([y, x]);
    },
    |mut x, mut y| {
        x.write_all(b"never read").unwrap();
        y.write_all(b"neither").unwrap();
        drop((x, y));
    },
    |x, mut y| {
        x.shutdown(Shutdown::Write).unwrap();
        y.write_all(b"an answer").unwrap();
        reset(y);
    },
];

fn reset_all(clients: [TcpStream; 2]) {
    clients.into_iter().for_each(reset);
}

/// The kernel tells of both in one go.
#[test]
fn two_that_end_in_one_batch_are_each_freed_once() {
    let mut daemon = Daemon::serve(&[RELAY, ECHO, RELAY], &[]);
    let mut bystander = Bystander::at(daemon.address(2));
    daemon.has_clients(2);
    daemon.settle();
    let before = daemon.descriptors().len();
    let mut clients = 2;
    for ending in ENDINGS {
        let rooms: Vec<_> = (0..20).map(|_| daemon.pair()).collect();
        let mut echoes: Vec<_> = (0..20).map(|_| connect(daemon.address(1))).collect();
        daemon.has_clients(2 + 60);
        clients += 60;
        for echo in &mut echoes {
            echo.write_all(b"on its way").unwrap();
        }
        bystander.excuses(|| {
            daemon.signal(Signal::STOP);
            rooms.into_iter().for_each(|(x, y)| ending(x, y));
            echoes.into_iter().for_each(reset);
            daemon.signal(Signal::CONT);
        });
        daemon.has_clients(2);
    }
    daemon.has_descriptors(before);
    bystander.was_undisturbed();
    daemon.has_clients(0);
    eventually("everybody's end is counted, once", || {
        daemon.report();
        let report = daemon.stderr.has(&format!("{clients} accepted, closed: "));
        report.is_some_and(|line| {
            let (_, closed) = line.split_once("closed: ").unwrap();
            let counts = closed
                .split(", ")
                .map(|count| count.split(' ').next().unwrap());
            let closed: u64 = counts.map(|count| count.parse::<u64>().unwrap()).sum();
            assert!(closed <= clients, "{line}");
            closed == clients
        })
    });
    daemon.stop();
}

/// What the kernel has to say of the old clients, and the new ones themselves, come in one batch.
#[test]
fn new_clients_in_places_freed_in_the_same_batch_are_untouched() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    daemon.settle();
    let before = daemon.descriptors().len();
    for round in 0..20 {
        let old: Vec<_> = (0..16).map(|_| daemon.pair()).collect();
        daemon.has_clients(32);
        daemon.signal(Signal::STOP);
        for (x, mut y) in old {
            // Both have edges, and the first to be looked at ends the room for both.
            y.write_all(b"for somebody else").unwrap();
            ENDINGS[round % ENDINGS.len()](x, y);
        }
        let mut new: Vec<_> = (0..16).map(|_| daemon.pair()).collect();
        for (number, (x, y)) in (0..).zip(&mut new) {
            x.write_all(&[number, b'x']).unwrap();
            y.write_all(&[number, b'y']).unwrap();
        }
        daemon.signal(Signal::CONT);
        for (number, (x, y)) in (0..).zip(&mut new) {
            receive(x, &[number, b'y']);
            receive(y, &[number, b'x']);
        }
        daemon.has_clients(32);
        daemon.settle();
        let untouched = |(x, y): &(TcpStream, TcpStream)| hears_nothing(x) && hears_nothing(y);
        assert!(new.iter().all(untouched));
        drop(new);
        daemon.has_clients(0);
    }
    daemon.has_descriptors(before);
}

#[test]
fn no_descriptor_is_left_however_rooms_end() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    daemon.settle();
    let before = daemon.descriptors().len();
    for _ in 0..10 {
        for ending in ENDINGS {
            let (x, y) = daemon.pair();
            ending(x, y);
        }
        let (x, y) = daemon.pair();
        daemon.settle();
        reset_all([x, y]);
        drop(daemon.connect());
        daemon.settle();
    }
    daemon.has_clients(0);
    daemon.has_descriptors(before);
}
