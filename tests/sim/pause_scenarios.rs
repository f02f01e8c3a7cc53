//! The process is stopped for a while, as by SIGSTOP: what it did not see is nobody's silence.

use std::time::Duration;

use pairloop::engine::CloseReason;
use pairloop::limits::{RESET_PATIENCE, RESET_RECHECK};

use super::data;
use super::lab::Lab;
use super::net::{End, Fault, Loss};
use super::scenarios::idle_after;

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
