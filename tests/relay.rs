//! relay: two clients, raw bytes, both directions.

mod common;

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::thread;

use common::{Daemon, ECHO, End, Noise, RELAY, end_of, receive};

#[test]
fn every_byte_value_goes_both_ways_untouched() {
    let daemon = Daemon::serve(&[RELAY], &[]);
    let (mut x, mut y) = daemon.pair();
    let all: Vec<u8> = (0..=255).collect();
    let reversed: Vec<u8> = (0..=255).rev().collect();
    for _ in 0..3 {
        x.write_all(&all).unwrap();
        receive(&mut y, &all);
        y.write_all(&reversed).unwrap();
        receive(&mut x, &reversed);
    }
    x.shutdown(Shutdown::Write).unwrap();
    assert_eq!(end_of(&mut y), End::Fin);
    y.shutdown(Shutdown::Write).unwrap();
    assert_eq!(end_of(&mut x), End::Fin);
}

#[test]
fn long_streams_cross_each_other_whole() {
    const LENGTH: u64 = 64 << 20;
    let daemon = Daemon::serve(&[RELAY], &[]);
    let (x, y) = daemon.pair();
    let (from_x, from_y) = (&Noise::new(1), &Noise::new(2));
    let send = |mut stream: &TcpStream, noise: &Noise| {
        noise.send(&mut stream, 0..LENGTH);
        stream.shutdown(Shutdown::Write).unwrap();
    };
    let take = |mut stream: &TcpStream, noise: &Noise| {
        assert_eq!(noise.receive_all(&mut stream, 0), (LENGTH, End::Fin));
    };
    thread::scope(|scope| {
        scope.spawn(|| send(&x, from_x));
        scope.spawn(|| send(&y, from_y));
        scope.spawn(|| take(&x, from_y));
        scope.spawn(|| take(&y, from_x));
    });
}

#[test]
fn what_a_waiting_client_sent_early_arrives_first() {
    const EARLY: u64 = 100_000;
    const LATE: u64 = 1_000_000;
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let noise = Noise::new(3);
    let mut x = daemon.connect();
    noise.send(&mut x, 0..EARLY);
    daemon.settle();
    let mut y = daemon.connect();
    thread::scope(|scope| {
        scope.spawn(|| noise.receive(&mut y, 0..LATE));
        noise.send(&mut x, EARLY..LATE);
    });
    y.write_all(b"and back").unwrap();
    receive(&mut x, b"and back");
}

#[test]
fn a_sender_that_has_left_still_reaches_its_consumer() {
    // Less than the daemon reads ahead, and more.
    for length in [1, 2048, 100_000] {
        let mut daemon = Daemon::serve(&[RELAY], &[]);
        let noise = Noise::new(4);
        let mut x = daemon.connect();
        noise.send(&mut x, 0..length);
        drop(x);
        daemon.settle();
        assert_eq!(daemon.report(), 1, "it waits, although it has left");
        let mut y = daemon.connect();
        assert_eq!(noise.receive_all(&mut y, 0), (length, End::Fin));
    }
}

#[test]
fn rooms_do_not_hear_each_other() {
    let daemon = Daemon::serve(&[RELAY, ECHO], &[]);
    let mut rooms: Vec<_> = (0..20).map(|_| daemon.pair()).collect();
    let mut echo = common::connect(daemon.address(1));
    echo.write_all(b"echo").unwrap();
    for (number, (x, _)) in rooms.iter_mut().enumerate() {
        x.write_all(format!("room {number}").as_bytes()).unwrap();
    }
    for (number, (x, y)) in rooms.iter_mut().enumerate() {
        receive(y, format!("room {number}").as_bytes());
        x.shutdown(Shutdown::Write).unwrap();
        assert_eq!(end_of(y), End::Fin);
    }
    receive(&mut echo, b"echo");
}
