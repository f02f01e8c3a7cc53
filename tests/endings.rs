//! How streams end: FIN only behind the last byte of a whole stream, RST for everything that was cut short.

mod common;

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;

use common::{
    Daemon, ECHO, End, Noise, RELAY, Signal, connect, end_of, eventually, read_all, receive, reset,
};

/// How many bytes the daemon says it has received from this client, when it says that its room is over.
fn bytes_from(daemon: &mut Daemon, client: u32) -> u64 {
    let over = daemon.stderr.find("over after");
    let (before, _) = over
        .split_once(&format!(" bytes from client {client}"))
        .unwrap_or_else(|| panic!("{over}"));
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_reset_comes_behind_the_bytes_that_were_received() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let noise = Noise::new(1);
    let (mut x, mut y) = daemon.pair();
    let reached = thread::scope(|scope| {
        let reader = scope.spawn(|| noise.receive_all(&mut y, 0));
        noise.send(&mut x, 0..8 << 20);
        reset(x);
        let (reached, end) = reader.join().unwrap();
        assert_eq!(end, End::Reset, "a cut stream must not look complete");
        reached
    });
    assert_eq!(reached, bytes_from(&mut daemon, 1));
}

#[test]
fn a_reset_waits_for_a_slow_partner_to_take_what_was_received() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let noise = Noise::new(2);
    let (x, mut y) = daemon.pair();
    let mut sent = 0;
    for _ in 0..5 {
        sent = noise.send_at_once(&x, sent, 1 << 30);
        daemon.settle();
    }
    reset(x);
    daemon.settle();
    let (reached, end) = noise.receive_all(&mut y, 0);
    assert_eq!(end, End::Reset);
    assert_eq!(reached, bytes_from(&mut daemon, 1));
    assert!(reached > 0);
    daemon.has_clients(0);
}

#[test]
fn bytes_that_wait_for_a_reader_survive_the_reset_behind_them() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let noise = Noise::new(3);
    let (mut x, mut y) = daemon.pair();
    noise.send(&mut x, 0..50_000);
    daemon.settle();
    reset(x);
    // The daemon is done with the room before a byte of it is read.
    assert_eq!(bytes_from(&mut daemon, 1), 50_000);
    assert_eq!(noise.receive_all(&mut y, 0), (50_000, End::Reset));
}

#[test]
fn fin_with_unread_bytes_is_not_reset() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let noise = Noise::new(4);
    let (mut x, mut y) = daemon.pair();
    y.write_all(b"that is all").unwrap();
    y.shutdown(Shutdown::Write).unwrap();
    noise.send(&mut x, 0..100_000);
    x.shutdown(Shutdown::Write).unwrap();
    // Both sockets of the daemon are closed before either client has read.
    let over = daemon.stderr.find("over after");
    assert!(over.contains(": done;"), "{over}");
    daemon.settle();
    assert_eq!(noise.receive_all(&mut y, 0), (100_000, End::Fin));
    assert_eq!(read_all(&mut x), (b"that is all".into(), End::Fin));
}

#[test]
fn nobody_can_go_on_sending_to_a_partner_that_is_gone() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let (mut x, mut y) = daemon.pair();
    y.write_all(b"good-bye").unwrap();
    drop(y);
    assert_eq!(read_all(&mut x), (b"good-bye".into(), End::Fin));
    let error = loop {
        if let Err(error) = x.write(&[0; 1000]) {
            break error;
        }
    };
    let kinds = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
    assert!(kinds.contains(&error.kind()), "{error}");
    daemon.stderr.find("client 2: connection reset");
    daemon.has_clients(0);
}

#[test]
fn a_reset_is_noticed_after_fin_too() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let (x, mut y) = daemon.pair();
    x.shutdown(Shutdown::Write).unwrap();
    assert_eq!(end_of(&mut y), End::Fin);
    reset(x);
    // Nothing is sent to it that could fail: only its socket says that it is gone.
    daemon.stderr.find("client 1: connection reset");
    daemon.has_clients(0);
}

#[cfg(target_os = "linux")]
#[test]
fn nobody_waits_for_bytes_to_reach_a_client_that_is_gone() {
    let mut daemon = Daemon::serve(&[RELAY, RELAY], &["--wait-timeout", "1s"]);
    daemon.settle();
    let before = daemon.descriptors().len();
    let (x, mut y) = daemon.pair();
    x.shutdown(Shutdown::Write).unwrap();
    assert_eq!(end_of(&mut y), End::Fin);
    // The answer finds nobody, and so it is never acknowledged; right behind it comes the end of the room.
    drop(x);
    daemon.signal(Signal::STOP);
    y.write_all(b"an answer").unwrap();
    reset(y);
    daemon.signal(Signal::CONT);
    daemon.has_clients(0);
    // This one comes later and stays for longer than it takes to find out.
    assert_eq!(end_of(&mut connect(daemon.address(1))), End::Reset);
    daemon.has_clients(0);
    assert_eq!(daemon.descriptors().len(), before);
}

#[test]
fn a_daemon_that_is_killed_leaves_no_stream_that_looks_complete() {
    let mut daemon = Daemon::serve(&[RELAY, ECHO], &[]);
    let (mut x, mut y) = daemon.pair();
    let mut waiting = daemon.connect();
    let mut echo = connect(daemon.address(1));
    x.write_all(b"so far so good").unwrap();
    receive(&mut y, b"so far so good");
    echo.write_all(b"hello").unwrap();
    receive(&mut echo, b"hello");
    daemon.has_clients(4);
    daemon.kill();
    for client in [&mut x, &mut y, &mut waiting, &mut echo] {
        assert_eq!(end_of(client), End::Reset);
    }
}

#[test]
fn a_successor_has_the_port_at_once() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let address = daemon.address(0);
    let url = format!("relay://{address}");
    // A stream that the daemon finished first leaves its port in TIME-WAIT.
    let (x, mut y) = daemon.pair();
    x.shutdown(Shutdown::Write).unwrap();
    assert_eq!(end_of(&mut y), End::Fin);
    drop((y, x));
    daemon.has_clients(0);
    let clients: Vec<_> = (0..10).map(|_| daemon.connect()).collect();
    daemon.has_clients(10);
    daemon.kill();
    let mut successor = Daemon::serve(&[&url], &[]);
    assert_eq!(successor.address(0), address);
    let (mut x, mut y) = successor.pair();
    x.write_all(b"as before").unwrap();
    receive(&mut y, b"as before");
    assert_eq!(successor.report(), 2);
    drop(clients);
}

#[cfg(target_os = "linux")]
#[test]
fn no_descriptor_is_left_however_rooms_end() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    daemon.settle();
    let before = daemon.descriptors().len();
    let endings: [fn(TcpStream, TcpStream); 7] = [
        |x, y| drop((x, y)),
        |x, y| drop((y, x)),
        |x, y| reset_all([x, y]),
        |x, y| {
            drop(x);
            reset(y);
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
        |x, mut y| {
            x.shutdown(Shutdown::Write).unwrap();
            y.write_all(b"an answer").unwrap();
            reset(y);
        },
    ];
    for _ in 0..10 {
        for ending in endings {
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
    eventually("no descriptor is left", || {
        daemon.descriptors().len() == before
    });
}

fn reset_all(clients: [TcpStream; 2]) {
    clients.into_iter().for_each(reset);
}
