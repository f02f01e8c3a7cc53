//! A stop in the middle of transfers, and twice: they are drained, or cut with RST in time, and the exit code is 0.

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::thread;

use crate::common::stop::{FAREWELL, begin_stop, ends_well};
use crate::common::{CHAT, Daemon, ECHO, End, Noise, RELAY, Signal, connect, end_of, receive};

/// More than all buffers on the way hold.
const LONG: u64 = 64 << 20;
const ENDLESS: u64 = 1 << 40;

/// Runs `meanwhile` when the first MiB has gone from X to Y, and then goes on to the end. Answers how much arrived, and how that
/// ended.
fn transfer(
    x: &mut TcpStream,
    y: &mut TcpStream,
    length: u64,
    meanwhile: impl FnOnce(),
) -> (u64, End) {
    let noise = Noise::new(1);
    thread::scope(|scope| {
        scope.spawn(|| {
            // It may be cut off.
            if noise.try_send(x, 0..length) {
                x.shutdown(Shutdown::Write).unwrap();
            }
        });
        noise.receive(y, 0..1 << 20);
        meanwhile();
        noise.receive_all(y, 1 << 20)
    })
}

#[test]
fn a_transfer_that_is_under_way_at_the_stop_is_drained_and_whoever_only_waits_is_told() {
    const NAMED: &str = "relay://127.0.0.1:0?rooms=named";
    for signal in [Signal::USR1, Signal::TERM] {
        let options = ["--drain-timeout", "1h"];
        let mut daemon = Daemon::serve(&[RELAY, CHAT, NAMED], &options);
        let (mut x, mut y) = daemon.pair();
        let mut chat = connect(daemon.address(1));
        receive(&mut chat, b"YOU'RE CONNECTED TO : @MAIN SERVER\n");
        let mut waiting = connect(daemon.address(2));
        waiting.write_all(b"JOIN room ack\n").unwrap();
        daemon.has_clients(4);
        let whole = transfer(&mut x, &mut y, LONG, || {
            begin_stop(&mut daemon, signal);
            receive(&mut chat, b"SERVEUR WILL CLOSE NOW\n");
            receive(&mut waiting, b"ERR closing the server stops\n");
        });
        assert_eq!(whole, (LONG, End::Fin));
        drop(y);
        assert_eq!(end_of(&mut x), End::Fin);
        drop((chat, waiting));
        ends_well(&mut daemon);
    }
}

#[test]
fn a_transfer_that_outlasts_the_drain_timeout_is_reset_in_its_middle() {
    for signal in [Signal::USR1, Signal::TERM] {
        let mut daemon = Daemon::serve(&[RELAY], &["--drain-timeout", "300ms"]);
        let (mut x, mut y) = daemon.pair();
        let (_, end) = transfer(&mut x, &mut y, ENDLESS, || begin_stop(&mut daemon, signal));
        assert_eq!(end, End::Reset);
        ends_well(&mut daemon);
    }
}

#[test]
fn a_second_signal_in_the_middle_of_a_transfer_resets_it_at_once() {
    for (first, second) in [
        (Signal::USR1, Signal::USR1),
        (Signal::TERM, Signal::TERM),
        (Signal::USR1, Signal::TERM),
        (Signal::TERM, Signal::INT),
    ] {
        let mut daemon = Daemon::serve(&[RELAY], &["--drain-timeout", "1h"]);
        let (mut x, mut y) = daemon.pair();
        let (_, end) = transfer(&mut x, &mut y, ENDLESS, || {
            begin_stop(&mut daemon, first);
            daemon.signal(second);
        });
        assert_eq!(end, End::Reset);
        ends_well(&mut daemon);
    }
}

#[test]
fn rooms_that_outlast_the_drain_timeout_are_reset() {
    let mut daemon = Daemon::serve(&[RELAY, ECHO], &["--drain-timeout", "200ms"]);
    let (mut x, mut y) = daemon.pair();
    let mut echo = connect(daemon.address(1));
    daemon.has_clients(3);
    x.write_all(b"the first half").unwrap();
    receive(&mut y, b"the first half");
    daemon.signal(Signal::TERM);
    daemon.stdout.find(FAREWELL);
    for client in [&mut x, &mut y, &mut echo] {
        assert_eq!(end_of(client), End::Reset);
    }
    ends_well(&mut daemon);
}

#[test]
fn a_reader_that_stalls_does_not_outlast_the_drain_timeout() {
    let mut daemon = Daemon::serve(&[RELAY], &["--drain-timeout", "200ms"]);
    let noise = Noise::new(2);
    let (x, mut y) = daemon.pair();
    let sent = noise.send_until_stopped(&x, &mut daemon);
    x.shutdown(Shutdown::Write).unwrap();
    daemon.signal(Signal::TERM);
    daemon.stdout.find(FAREWELL);
    ends_well(&mut daemon);
    let (reached, end) = noise.receive_all(&mut y, 0);
    assert_eq!(end, End::Reset, "{reached} of {sent} bytes are not all");
}
