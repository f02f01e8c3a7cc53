//! A daemon that runs out of descriptors keeps its rooms, rests, and goes on accepting by itself.

use std::io::Write;
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::common::{Daemon, ECHO, RELAY, connect, receive};

fn says(client: &mut TcpStream, words: &[u8]) {
    client.write_all(words).unwrap();
    receive(client, words);
}

#[test]
fn without_descriptors_rooms_go_on_and_accepting_rests_until_there_are_some() {
    let mut daemon = Daemon::serve(&[RELAY, ECHO], &[]);
    let (mut x, mut y) = daemon.pair();
    let mut echo = connect(daemon.address(1));
    says(&mut echo, b"before");
    daemon.has_clients(3);
    daemon.may_open(Some(0));

    let mut pending = connect(daemon.address(1));
    pending.write_all(b"is anybody there?").unwrap();
    let (begin, used) = (Instant::now(), daemon.cpu_time());
    while begin.elapsed() < Duration::from_secs(1) {
        daemon.stderr.find("accepting pauses");
        x.write_all(b"room").unwrap();
        receive(&mut y, b"room");
        says(&mut echo, b"echo");
    }
    assert_eq!(daemon.report(), 3);
    let (passed, used) = (begin.elapsed(), daemon.cpu_time() - used);
    assert!(used < passed / 4, "{used:?} of {passed:?} spent on waiting");

    daemon.may_open(None);
    receive(&mut pending, b"is anybody there?");
    assert_eq!(daemon.report(), 4);
}

/// Without pipes links copy, so they are no reason to refuse.
#[test]
fn pipes_do_not_take_descriptors_from_the_clients_that_were_asked_for() {
    let plain = crate::common::serve(&[RELAY]);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 1024; exec \"$0\" \"$@\""]);
    command.arg(plain.get_program()).args(plain.get_args());
    command
        .args(["--max-clients", "960"])
        .env_remove("RUST_LOG");
    let mut daemon = Daemon::run(command, 1);
    let (mut x, mut y) = daemon.pair();
    x.write_all(b"room").unwrap();
    receive(&mut y, b"room");
    assert_eq!(daemon.report(), 2);
}

#[test]
fn a_descriptor_that_becomes_free_goes_to_whoever_has_waited() {
    let mut daemon = Daemon::serve(&[ECHO], &[]);
    daemon.settle();
    daemon.may_open(Some(2));
    let mut first = daemon.connect();
    let mut second = daemon.connect();
    says(&mut first, b"first");
    says(&mut second, b"second");
    let mut third = daemon.connect();
    let mut fourth = daemon.connect();
    third.write_all(b"third").unwrap();
    fourth.write_all(b"fourth").unwrap();
    daemon.stderr.find("accepting pauses");
    assert_eq!(daemon.report(), 2);
    drop(first);
    receive(&mut third, b"third");
    says(&mut second, b"still here");
    drop(second);
    receive(&mut fourth, b"fourth");
    says(&mut third, b"both");
}
