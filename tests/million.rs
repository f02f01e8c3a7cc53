//! A million clients in the reactor and the engine, without sockets: what one costs, and that those who come and go leave
//! nothing behind.
//!
//! Debug builds sweep all clients after each input, which is not for a million.

#![cfg(target_os = "linux")]

#[path = "../benches/engine/kernel.rs"]
#[allow(dead_code, reason = "benches/engine uses the rest")]
mod kernel;

use std::alloc::System;
use std::fs;
use std::io;
use std::time::Duration;

use pairloop::engine::service::ServiceKind;
use pairloop::engine::{Engine, Meeting, Timeouts};
use pairloop::reactor::{BufferMemory, Net, Reactor, Settings, Splicing};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

use kernel::{Arrived, Kernel};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CLIENTS: usize = 1_000_000;

/// Clients who come and go at one time, and so the room for them beside the million.
const GUESTS: usize = 1000;

/// What an idle client may cost, in bytes of memory that the system has really given.
const LIMIT: usize = 200;

/// Bytes that are allocated now.
fn allocated() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Bytes of memory that the process has.
fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("RssAnon:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
    kilobytes
        .expect("RssAnon")
        .parse::<usize>()
        .expect("a number")
        * 1024
}

/// A daemon for a million clients and their guests, with the timeouts that `pairloop serve` has by default.
fn daemon() -> Reactor<Kernel> {
    let max_clients = CLIENTS + GUESTS;
    let relay = ServiceKind::find("relay").expect("it is a service");
    let factory = relay.factory(&[]).expect("it needs no options");
    let timeouts = Timeouts {
        half_close: Some(Duration::from_secs(3600)),
        ..Timeouts::default()
    };
    let settings = Settings {
        max_clients,
        buffer_memory: BufferMemory::floors(max_clients),
        splicing: Splicing::Adaptive,
        pipes: 0,
        stall_timeout: Some(Duration::from_secs(60)),
        drain_timeout: Duration::from_secs(10),
        once: false,
        stats_file: None,
    };
    let net = Kernel::new(b"hello", max_clients);
    let engine = Engine::new([(factory, Meeting::Arrival)], timeouts, net.now());
    let mut daemon = Reactor::new(net, engine, settings, Box::new(io::sink()));
    let listener = daemon.add_listener(0, |_, _| Ok(()));
    listener.expect("this kernel refuses nothing");
    daemon
}

fn settle(daemon: &mut Reactor<Kernel>) {
    while !daemon.net().is_idle() {
        assert!(daemon.turn().expect("this poll does not fail"));
    }
}

fn connect(daemon: &mut Reactor<Kernel>, clients: usize) {
    daemon.net().connect(clients);
    settle(daemon);
}

/// Lets those with the highest sockets come, say something, and leave.
fn visit(daemon: &mut Reactor<Kernel>) {
    connect(daemon, GUESTS);
    let expected = daemon.net().closed + GUESTS;
    for what in [Arrived::Message, Arrived::Fin] {
        for guest in CLIENTS..CLIENTS + GUESTS {
            daemon.net().arrive(guest, what);
        }
        settle(daemon);
    }
    assert_eq!(daemon.net().closed, expected);
    assert_eq!(daemon.statistics().connections, CLIENTS);
}

#[test]
// A debug build sweeps its invariants after each of them, which takes days.
#[cfg_attr(debug_assertions, ignore = "needs the release build")]
fn a_million_idle_clients_fit_into_their_limit_and_a_million_guests_leave_nothing() {
    let mut daemon = daemon();
    let (before, resident_before) = (allocated(), resident());
    connect(&mut daemon, CLIENTS);
    assert_eq!(daemon.statistics().connections, CLIENTS);
    let each = |bytes: usize| bytes as f64 / CLIENTS as f64;
    println!(
        "a client in a room: {:.1} bytes resident, {:.1} allocated",
        each(resident() - resident_before),
        each(allocated() - before),
    );
    let cost = (resident() - resident_before).div_ceil(CLIENTS);

    // The first guests make tables grow to what they need.
    visit(&mut daemon);
    let settled = allocated();
    for _ in 0..CLIENTS / GUESTS {
        visit(&mut daemon);
    }
    assert_eq!(allocated(), settled, "guests have left something behind");
    assert!(cost <= LIMIT, "{cost} bytes a client; the limit is {LIMIT}");
}
