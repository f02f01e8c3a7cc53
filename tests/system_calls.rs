//! A message costs one read, one write and one poll.

#![cfg(target_os = "linux")]

mod common;

use std::collections::BTreeMap;
use std::io::Write;
use std::net::Shutdown;
use std::path::Path;
use std::process::Command;

use common::{Daemon, ECHO, RELAY, connect, eventually, receive, scratch};

const MESSAGES: usize = 1000;

/// Calls beyond those that messages take: for clients that come and go, and for the stop.
const FEW: usize = 40;

/// A daemon that is traced into a file. The tracer stands aside, so that the daemon itself is our child.
fn traced(file: &Path) -> Daemon {
    let plain = common::serve(&[ECHO, RELAY]);
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-o"]).arg(file);
    command.arg(plain.get_program()).args(plain.get_args());
    command.arg("-q").env_remove("RUST_LOG");
    Daemon::run(command, 2)
}

/// Ends the daemon and counts its system calls since it was ready.
fn calls(mut daemon: Daemon, file: &Path) -> BTreeMap<String, usize> {
    daemon.stop();
    let mut trace = String::new();
    eventually("the end of the trace", || {
        trace = std::fs::read_to_string(file).unwrap();
        trace.contains("+++ exited with 0 +++")
    });
    let (_, serving) = trace
        .split_once("relay listening on")
        .expect("the last ready line");
    let mut calls = BTreeMap::new();
    for line in serving.lines().skip(1) {
        // `PID name(arguments) = result`; everything else is signals and ends.
        let call = line.split_whitespace().nth(1).unwrap_or_default();
        if let Some((name, _)) = call.split_once('(') {
            *calls.entry(name.to_owned()).or_default() += 1;
        }
    }
    calls
}

/// So many of these calls, and a few more at most.
#[track_caller]
fn assert_calls(calls: &BTreeMap<String, usize>, name: &str, least: usize, more: usize) {
    let count = calls.get(name).copied().unwrap_or_default();
    assert!(
        (least..=least + more).contains(&count),
        "{count} {name}: {calls:#?}"
    );
}

#[track_caller]
fn assert_cheap(calls: &BTreeMap<String, usize>) {
    let all: usize = calls.values().sum();
    println!(
        "{:.3} system calls a message: {calls:?}",
        all as f64 / MESSAGES as f64
    );
    // Each client's FIN takes a read. The signal to stop comes through a pair of sockets: a send and two reads.
    assert_calls(calls, "recvfrom", MESSAGES, 4);
    assert_calls(calls, "sendto", MESSAGES, 1);
    assert_calls(calls, "epoll_wait", MESSAGES, FEW);
    assert_calls(calls, "accept4", 1, FEW);
    assert_calls(calls, "epoll_ctl", 1, FEW);
    let others = all - 3 * MESSAGES;
    assert!(others < FEW, "{others} calls more: {calls:#?}");
}

#[test]
#[ignore = "needs strace"]
fn an_echoed_message_costs_one_read_one_write_and_one_poll() {
    let file = scratch("echo.strace");
    let daemon = traced(&file);
    let mut client = daemon.connect();
    for number in 0..MESSAGES {
        let message = [number as u8; 64];
        client.write_all(&message).unwrap();
        receive(&mut client, &message);
    }
    drop(client);
    assert_cheap(&calls(daemon, &file));
}

#[test]
#[ignore = "needs strace"]
fn a_relayed_message_costs_one_read_one_write_and_one_poll() {
    let file = scratch("relay.strace");
    let daemon = traced(&file);
    let address = daemon.address(1);
    let (mut x, mut y) = (connect(address), connect(address));
    for number in 0..MESSAGES {
        let message = [number as u8; 64];
        x.write_all(&message).unwrap();
        receive(&mut y, &message);
        std::mem::swap(&mut x, &mut y);
    }
    drop((x, y));
    assert_cheap(&calls(daemon, &file));
}

/// Two come, one byte goes from X to Y, both finish in order. ARCHITECTURE.md has the list.
#[test]
#[ignore = "needs strace"]
fn a_room_that_comes_and_goes_costs_what_is_listed() {
    const ROOMS: usize = 200;
    let file = scratch("rooms.strace");
    let daemon = traced(&file);
    let address = daemon.address(1);
    for _ in 0..ROOMS {
        let (mut x, mut y) = (connect(address), connect(address));
        x.write_all(b"!").unwrap();
        receive(&mut y, b"!");
        x.shutdown(Shutdown::Write).unwrap();
        assert_eq!(common::end_of(&mut y), common::End::Fin);
        y.shutdown(Shutdown::Write).unwrap();
        assert_eq!(common::end_of(&mut x), common::End::Fin);
    }
    let calls = calls(daemon, &file);
    println!("{ROOMS} rooms: {calls:?}");
    // Each batch of clients is found to be over by one more accept4.
    assert_calls(&calls, "accept4", 3 * ROOMS, ROOMS + FEW);
    assert_calls(&calls, "epoll_ctl", 2 * ROOMS, 4);
    assert_calls(&calls, "recvfrom", 3 * ROOMS, ROOMS + FEW);
    assert_calls(&calls, "sendto", ROOMS, 4);
    // The second FIN is sent by closing.
    assert_calls(&calls, "shutdown", ROOMS, 0);
    assert_calls(&calls, "setsockopt", 2 * ROOMS, 0);
    assert_calls(&calls, "close", 2 * ROOMS, FEW);
}

#[test]
#[ignore = "needs strace"]
fn idle_clients_cost_no_system_call() {
    let file = scratch("idle.strace");
    let mut daemon = traced(&file);
    let clients: Vec<_> = (0..100).map(|_| connect(daemon.address(1))).collect();
    daemon.has_clients(100);
    daemon.settle();
    let before = std::fs::read_to_string(&file).unwrap().lines().count();
    // Nothing is to happen, so there is nothing to wait for but time.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let after = std::fs::read_to_string(&file).unwrap().lines().count();
    drop(clients);
    let calls = calls(daemon, &file);
    // The tracer may be a line behind.
    assert!(after - before <= 1, "{} lines: {calls:?}", after - before);
}
