//! Who leaves bytes waiting, and for how long that may be.

use std::time::Duration;

use pairloop::engine::CloseReason;
use pairloop::limits::STALL_CHECKS;
use pairloop::reactor::Signal;

use super::chat_oracle::WELCOME;
use super::data;
use super::lab::{DRAIN_TIMEOUT, Lab};
use super::net::{End, SocketId};
use super::setup::{CHAT, NAMED};

const LIMIT: Duration = Duration::from_secs(8);

/// A room whose reader has a full socket, and more to come than fits into it.
fn stuck(lab: &mut Lab) -> (SocketId, SocketId) {
    let (x, y) = lab.pair(200, 100);
    lab.send(x, &data::bytes(x, 0, 200));
    (x, y)
}

#[test]
fn a_reader_that_takes_nothing_has_stalled_when_its_time_is_over() {
    let mut lab = Lab::stalling(LIMIT);
    let (x, y) = stuck(&mut lab);
    lab.pass(LIMIT - Duration::from_millis(1));
    assert_eq!((lab.end(x), lab.end(y)), (None, None));
    lab.pass(LIMIT / STALL_CHECKS);
    assert_eq!(lab.closed(CloseReason::StallTimeout), 1);
    let (_, y) = stuck(&mut lab);
    lab.pass(LIMIT);
    assert_eq!(lab.closed(CloseReason::StallTimeout), 2);
    assert_eq!(lab.end(y), Some(End::Reset));
}

/// The kernel tells of room only when much has become free, so what is taken before that has to be asked for.
#[test]
fn a_reader_that_takes_less_than_makes_room_has_not_stalled() {
    let mut lab = Lab::stalling(LIMIT);
    let (_, y) = stuck(&mut lab);
    let before = lab.wire().calls.writes;
    for _ in 0..9 {
        lab.pass(LIMIT * 3 / 4);
        lab.wire().take(y, 1);
    }
    assert_eq!(lab.end(y), None);
    assert_eq!(lab.wire().calls.writes, before, "there was no room yet");
}

/// Its socket was just full when it was told the last thing, an hour ago; it has left nothing waiting since.
#[test]
fn whoever_waited_for_long_has_all_the_time_for_the_first_bytes() {
    let seat = b"OK seat X\n";
    let mut lab = Lab::stalling(LIMIT);
    let x = lab.client(NAMED, 64, seat.len());
    lab.send(x, b"JOIN den seat\n");
    lab.pass(Duration::from_secs(3600));
    let y = lab.client(NAMED, 64, 64);
    lab.send(y, b"JOIN den\nearly");
    lab.pass(LIMIT - Duration::from_millis(1));
    assert_eq!(lab.take_all(x), [&seat[..], b"early"].concat());
}

/// Nothing else would wake the loop then.
#[test]
fn a_stop_does_not_wait_for_who_does_not_take_its_last_words() {
    let mut lab = Lab::new();
    let x = lab.client(CHAT, 64, WELCOME.len());
    lab.wire().signal(Signal::Stop);
    lab.wire().frozen = false;
    while lab.turn() {}
    assert_eq!(lab.wire().now(), DRAIN_TIMEOUT);
    assert_eq!(lab.end_process().borrow().end(x), Some(End::Reset));
}
