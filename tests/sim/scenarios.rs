//! Known traps, one at a time.

use std::time::Duration;

use pairloop::engine::{CloseReason, Timeouts};
use pairloop::limits::{ACCEPT_RETRY, FAREWELLS_PER_TURN, RESET_PATIENCE, RESET_RECHECK, SCRATCH};
use pairloop::reactor::Signal;

use super::data;
use super::lab::{Lab, MAX_CLIENTS};
use super::net::{End, Fault, Loss};
use super::setup::{ECHO, RELAY, TRANSIT};
use super::transit;

const SECOND: Duration = Duration::from_secs(1);

pub const TOKEN: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

pub fn idle_after(limit: Duration) -> Lab {
    Lab::with(Timeouts {
        idle: Some(limit),
        ..Timeouts::default()
    })
}

/// After the error was told to a write, reads say what is left, and then 0, though no FIN was sent.
#[test]
fn error_told_to_a_write_does_not_turn_into_fin() {
    let mut lab = Lab::new();
    let (x, y) = lab.pair(64, 4);
    let text = data::bytes(x, 0, 15);
    lab.send(x, &text[..10]);
    lab.send(x, &text[10..]);
    assert_eq!(lab.wire().room(x), 64 - 5, "the rest is not read yet");
    lab.wire().lose(x, Loss::Reset);
    lab.wire().send(y, b"yes");
    lab.settle();
    assert_eq!(lab.end(y), None, "there is more for it");
    assert_eq!(lab.take_all(y), text);
    lab.pass(RESET_RECHECK);
    assert_eq!(lab.end(y), Some(End::Reset));
    assert_eq!(lab.closed(CloseReason::Reset), 1);
}

#[test]
fn rst_leaves_received_bytes_readable() {
    let mut lab = Lab::new();
    let (x, y) = lab.pair(64, 4);
    let text = data::bytes(x, 0, 30);
    lab.send(x, &text[..10]);
    lab.wire().send(x, &text[10..]);
    lab.wire().lose(x, Loss::Reset);
    assert_eq!(lab.take_all(y), text);
    lab.pass(RESET_RECHECK);
    assert_eq!(lab.end(y), Some(End::Reset));
}

/// Bytes and FIN come with one edge; the read that takes the bytes is short, and no other edge follows.
#[test]
fn fin_after_short_read_is_noticed() {
    let mut lab = Lab::new();
    let (x, y) = lab.pair(64, 64);
    lab.wire().send(x, b"last words");
    lab.wire().send_fin(x);
    assert_eq!(lab.take_all(y), b"last words");
    assert_eq!(lab.end(y), Some(End::Fin));
    lab.send(y, b"an answer");
    assert_eq!(lab.take_all(x), b"an answer");
    lab.wire().send_fin(y);
    lab.settle();
    assert_eq!(lab.end(x), Some(End::Fin));
    assert_eq!(lab.statistics().connections, 0);
}

#[test]
fn slow_sink_throttles_its_source() {
    let mut lab = Lab::new();
    let (x, y) = lab.pair(64, 16);
    let mut sent = 0;
    for _ in 0..10 {
        let room = lab.wire().room(x);
        lab.send(x, &data::bytes(x, sent, room));
        sent += room as u64;
    }
    assert_eq!(sent, 2 * 64, "what was read first, and what waits");
    assert_eq!(lab.statistics().buffered, 64 - 16);
    let (a, b) = lab.pair(64, 16);
    lab.send(a, b"nobody else");
    assert_eq!(lab.take_all(b), b"nobody else");
    assert_eq!(lab.take_all(y), data::bytes(x, 0, sent as usize));
    assert_eq!(lab.statistics().buffered, 0);
    assert_eq!(lab.wire().room(x), 64);
}

/// Bytes taken from the server are a sign of life, even while none are read.
#[test]
fn a_room_whose_sink_takes_bytes_is_not_idle() {
    let mut lab = idle_after(5 * SECOND);
    let (x, y) = lab.pair(100, 10);
    lab.send(x, &data::bytes(x, 0, 100));
    for _ in 0..9 {
        lab.pass(3 * SECOND);
        assert_eq!(lab.wire().take(y, 10).len(), 10);
    }
    lab.settle();
    assert_eq!(lab.closed(CloseReason::IdleTimeout), 0);
    lab.pass(5 * SECOND);
    assert_eq!(
        lab.closed(CloseReason::IdleTimeout),
        1,
        "the other is still given what came for it"
    );
    lab.pass(RESET_PATIENCE);
    assert_eq!(lab.closed(CloseReason::IdleTimeout), 2);
}

/// No turn later: each of them may be the last for a while.
#[test]
fn an_idle_room_ends_in_the_turn_in_which_its_time_is_over() {
    let mut lab = idle_after(5 * SECOND);
    lab.pair(100, 100);
    lab.wire().advance_to(5 * SECOND);
    assert!(lab.turn());
    assert_eq!(lab.closed(CloseReason::IdleTimeout), 2);
}

/// Also when it is asked for a sign of life, and has bytes that nobody takes.
#[test]
fn a_room_whose_reader_takes_nothing_is_idle() {
    let mut lab = idle_after(5 * SECOND);
    let (x, y) = lab.pair(100, 10);
    lab.send(y, &data::bytes(y, 0, 100));
    lab.pass(5 * SECOND);
    lab.pass(RESET_PATIENCE);
    assert_eq!(lab.end(y), Some(End::Reset));
    assert_eq!(lab.wire().take(x, 10).len(), 10);
}

#[test]
fn stale_edge_leaves_the_next_tenant_alone() {
    let mut lab = Lab::new();
    let old = lab.client(ECHO, 64, 64);
    lab.wire().lose(old, Loss::Reset);
    lab.settle();
    let new = lab.client(ECHO, 64, 64);
    let slot = |lab: &Lab, socket| lab.wire().id(socket).map(|id| id.slot());
    assert_eq!(slot(&lab, old), slot(&lab, new));
    let before = lab.wire().calls;
    lab.wire().faults.set(Fault::StaleEdgeForTakenSlot, 1000);
    lab.wire().signal(Signal::Report);
    assert!(lab.turn());
    assert!(lab.wire().faults.hits[Fault::StaleEdgeForTakenSlot as usize] > 0);
    assert_eq!(lab.wire().calls.reads, before.reads, "nobody is read");
    lab.send(new, b"still here");
    assert_eq!(lab.take_all(new), b"still here");
    assert_eq!(lab.end(new), None);
}

#[test]
fn emfile_heals_by_time() {
    let mut lab = Lab::new();
    lab.wire().faults.set(Fault::NoDescriptor, 1000);
    let socket = lab.client(ECHO, 64, 64);
    for _ in 0..9 {
        lab.pass(ACCEPT_RETRY);
    }
    assert_eq!(lab.statistics().accepted, 0);
    assert!(lab.wire().calls.accepts <= 10, "little is tried");
    lab.wire().faults.switch_off();
    lab.pass(ACCEPT_RETRY);
    lab.send(socket, b"at last");
    assert_eq!(lab.take_all(socket), b"at last");
}

#[test]
fn echo_of_a_small_message_is_one_read_and_one_write() {
    let mut lab = Lab::new();
    let socket = lab.client(ECHO, 64, 64);
    let before = lab.wire().calls;
    lab.send(socket, b"hello");
    let after = lab.wire().calls;
    assert_eq!(lab.take_all(socket), b"hello");
    assert_eq!(after.reads - before.reads, 1);
    assert_eq!(after.writes - before.writes, 1);
}

#[test]
fn second_stop_ends_at_once() {
    let mut lab = Lab::new();
    let (x, y) = lab.pair(64, 4);
    lab.send(x, b"more than fits");
    lab.wire().signal(Signal::Stop);
    lab.settle();
    assert_eq!(lab.wire().open_listeners, 0);
    assert_eq!((lab.end(x), lab.end(y)), (None, None), "it may finish");
    lab.wire().signal(Signal::Stop);
    assert!(!lab.turn());
    let wire = lab.end_process();
    let wire = wire.borrow();
    assert_eq!(
        (wire.end(x), wire.end(y)),
        (Some(End::Reset), Some(End::Reset))
    );
    assert_eq!(wire.open_streams, 0);
}

/// Its bytes are held back, so no read would ever find the error.
#[test]
fn whoever_is_reset_while_waiting_is_nobodys_partner() {
    let mut lab = Lab::new();
    let gone = lab.client(0, 64, 64);
    lab.send(gone, b"hello?");
    lab.wire().lose(gone, Loss::Reset);
    lab.settle();
    assert_eq!(lab.closed(CloseReason::Reset), 1);
    let (x, y) = lab.pair(64, 64);
    lab.send(x, b"hello!");
    assert_eq!(lab.take_all(y), b"hello!");
}

/// Early bytes that nobody takes are kept, and then nothing is read: the reset that came with them must be noticed all
/// the same.
#[test]
fn early_bytes_and_a_reset_in_one_edge_leave_no_one_waiting() {
    let mut lab = Lab::new();
    let scan = lab.client(RELAY, 64, 64);
    lab.wire().send(scan, b"GET / HTTP/1.0\r\n");
    lab.wire().lose(scan, Loss::Reset);
    lab.settle();
    assert_eq!(lab.closed(CloseReason::Reset), 1);
    let (x, y) = lab.pair(64, 64);
    lab.send(x, b"for the living");
    assert_eq!(lab.take_all(y), b"for the living");
}

/// What had come for a slow reader reaches it, however long ago the last byte went out, and then the reset.
#[test]
fn a_slow_reader_is_given_everything_before_the_reset() {
    let mut lab = Lab::new();
    let (x, y) = lab.pair(200, 200);
    lab.send(x, &data::bytes(x, 0, 200));
    lab.pass(2 * RESET_PATIENCE);
    lab.wire().lose(x, Loss::Reset);
    lab.settle();
    let mut got = Vec::new();
    while got.len() < 200 {
        lab.pass(RESET_PATIENCE / 2);
        got.extend(lab.wire().take(y, 50));
    }
    assert_eq!(got, data::bytes(x, 0, 200));
    lab.pass(RESET_RECHECK);
    assert_eq!(lab.end(y), Some(End::Reset));
}

/// A sender that had finished is whole, whatever becomes of it afterwards.
#[test]
fn fin_that_was_on_its_way_comes_before_the_reset() {
    let mut lab = Lab::new();
    let (x, y) = lab.pair(200, 50);
    lab.wire().send(x, &data::bytes(x, 0, 200));
    lab.wire().send_fin(x);
    lab.settle();
    lab.wire().lose(x, Loss::Reset);
    lab.settle();
    let mut got = Vec::new();
    while got.len() < 200 {
        got.extend(lab.take_all(y));
        lab.pass(RESET_RECHECK);
    }
    assert_eq!(got, data::bytes(x, 0, 200));
    assert_eq!(lab.end(y), Some(End::Fin), "its partner had sent all");
}

/// One decision sends all of them away: a room that has nothing to do with it goes on in the meantime.
#[test]
fn a_crowd_that_is_sent_away_holds_nobody_up() {
    const CROWD: usize = 3 * FAREWELLS_PER_TURN;
    let mut lab = Lab::new();
    let (x, y) = lab.pair(64, 64);
    let [one, other] = [[b'1'; 16], [b'2'; 16]].map(|side| transit::handshake(TOKEN, Some(side)));
    let waits = |lab: &mut Lab| {
        let client = lab.client(TRANSIT, 200, 64);
        lab.send(client, &one);
        client
    };
    let first = waits(&mut lab);
    let crowd: Vec<_> = (0..CROWD).map(|_| waits(&mut lab)).collect();
    let partner = lab.client(TRANSIT, 200, 64);
    lab.wire().send(partner, &other);
    lab.turn();
    let told = |lab: &Lab| {
        crowd
            .iter()
            .filter(|&&c| lab.end(c) == Some(End::Fin))
            .count()
    };
    assert_eq!(told(&lab), FAREWELLS_PER_TURN);
    lab.wire().send(x, b"urgent");
    lab.turn();
    assert_eq!(lab.wire().take(y, 64), b"urgent");
    assert_eq!(told(&lab), 2 * FAREWELLS_PER_TURN);
    lab.settle();
    assert_eq!(told(&lab), CROWD);
    assert_eq!(lab.take_all(first), transit::OK);
}

/// More than one read brings may have come from whoever gives way to somebody new on a full table.
#[test]
fn who_gives_way_on_a_full_table_still_hears_its_last_words() {
    let mut lab = Lab::new();
    let talker = lab.client(TRANSIT, 4 * SCRATCH, 64);
    lab.send(talker, b"nonsense\n");
    for _ in 1..MAX_CLIENTS {
        lab.client(ECHO, 64, 64);
    }
    lab.wire().send(talker, &vec![b'x'; 3 * SCRATCH]);
    let newcomer = lab.client(ECHO, 64, 64);
    assert!(lab.wire().id(newcomer).is_some(), "it has its place");
    assert_eq!(lab.wire().take(talker, 64), b"bad handshake\n");
    assert_eq!(lab.end(talker), Some(End::Fin));
}
