//! The process is stopped for a while, as by SIGSTOP: what it did not see is nobody's silence.

use std::time::Duration;

use pairloop::engine::{CloseReason, Timeouts};
use pairloop::limits::{ACCEPTS_PER_TURN, EVENTS_PER_POLL, RESET_PATIENCE, RESET_RECHECK};
use pairloop::reactor::Signal;

use super::data;
use super::lab::Lab;
use super::net::{Capacity, End, Fault, Loss};
use super::scenarios::{TOKEN, idle_after};
use super::setup::TRANSIT;
use super::transit;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn nobody_expires_before_being_read_after_a_pause() {
    let mut lab = idle_after(5 * SECOND);
    let (x, y) = lab.pair(64, 64);
    lab.wire().advance_to(4 * SECOND);
    lab.wire().send(x, b"in time");
    lab.pass(60 * SECOND);
    assert_eq!(lab.take_all(y), b"in time");
    assert_eq!(lab.closed(CloseReason::IdleTimeout), 0);
    lab.pass(5 * SECOND);
    assert_eq!(lab.closed(CloseReason::IdleTimeout), 2);
}

/// A poll that hands over as many events as fit into one may have left some.
#[test]
fn nobody_expires_whose_event_is_behind_a_full_poll() {
    let mut lab = idle_after(5 * SECOND);
    let (x, y) = lab.pair(64, 64);
    lab.wire().advance_to(4 * SECOND);
    for _ in 0..EVENTS_PER_POLL {
        lab.wire().signal(Signal::Report);
    }
    lab.wire().send(x, b"in time");
    lab.pass(60 * SECOND);
    assert_eq!(lab.take_all(y), b"in time");
    assert_eq!(lab.closed(CloseReason::IdleTimeout), 0);
}

/// The process may be stopped between any two system calls.
#[test]
fn a_pause_in_mid_turn_is_nobodys_silence() {
    let mut lab = idle_after(SECOND);
    let (x, y) = lab.pair(64, 64);
    lab.wire().send(x, b"between two pauses");
    lab.wire().faults.set(Fault::Pause, 1000);
    assert!(lab.turn());
    lab.wire().faults.switch_off();
    assert!(lab.wire().now() > 5 * SECOND, "it was a long turn");
    assert_eq!(lab.take_all(y), b"between two pauses");
    assert_eq!(lab.closed(CloseReason::IdleTimeout), 0);
}

/// Stops the process for much longer than a reset waits, while it polls.
fn pause(lab: &mut Lab) {
    let long = lab.wire().now() + 3 * RESET_PATIENCE;
    while lab.wire().now() < long {
        lab.wire().faults.set(Fault::Pause, 1000);
        assert!(lab.turn());
        lab.wire().faults.switch_off();
    }
}

/// A peer that was stopped as well has taken nothing meanwhile, and takes its time to go on.
#[test]
fn a_pause_is_no_patience_of_a_reset() {
    let mut lab = Lab::new();
    let (x, y) = lab.pair(200, 200);
    lab.send(x, &data::bytes(x, 0, 200));
    lab.wire().lose(x, Loss::Reset);
    lab.settle();
    let mut got = Vec::new();
    while got.len() < 200 {
        pause(&mut lab);
        lab.pass(RESET_PATIENCE / 4);
        assert_eq!(lab.end(y), None, "{} bytes were taken", got.len());
        got.extend(lab.wire().take(y, 50));
    }
    assert_eq!(got, data::bytes(x, 0, 200));
    lab.pass(RESET_RECHECK);
    assert_eq!(lab.end(y), Some(End::Reset));
}

/// Nor is it an excuse: the silence around it adds up.
#[test]
fn a_reader_that_takes_nothing_around_a_pause_is_reset() {
    let mut lab = Lab::new();
    let (x, y) = lab.pair(200, 200);
    lab.send(x, &data::bytes(x, 0, 200));
    lab.wire().lose(x, Loss::Reset);
    lab.settle();
    lab.pass(RESET_PATIENCE / 2);
    pause(&mut lab);
    assert_eq!(lab.end(y), None);
    lab.pass(RESET_PATIENCE / 2);
    assert_eq!(lab.end(y), Some(End::Reset));
}

/// Who comes during a pause is accepted in one turn and heard in the next, or later if there is a crowd in front of it,
/// be they gone by then.
#[test]
fn whoever_came_during_a_pause_is_heard_before_its_partner_has_waited_too_long() {
    for (crowd, are_there) in [
        (0, true),
        (2 * ACCEPTS_PER_TURN, true),
        (ACCEPTS_PER_TURN, false),
    ] {
        let mut lab = Lab::with(Timeouts {
            wait: Some(5 * SECOND),
            ..Timeouts::default()
        });
        let [one, other] =
            [[b'1'; 16], [b'2'; 16]].map(|side| transit::handshake(TOKEN, Some(side)));
        let x = lab.client(TRANSIT, 200, 64);
        lab.send(x, &one);
        lab.wire().advance_to(4 * SECOND);
        let capacity = Capacity {
            inbound: 200,
            outbound: 64,
        };
        for _ in 0..crowd {
            lab.wire().connect(TRANSIT, capacity);
        }
        let y = lab.wire().connect(TRANSIT, capacity);
        lab.wire().send(y, &other);
        lab.wire().advance_to(60 * SECOND);
        let gone = if are_there { 0 } else { 1000 };
        lab.wire().faults.set(Fault::AbortedAccept, gone);
        assert!(lab.turn());
        lab.wire().faults.switch_off();
        assert_eq!(lab.take_all(x), transit::OK, "behind {crowd}");
    }
}
