//! Known traps of services that talk in lines, one at a time.

use std::time::Duration;

use pairloop::engine::{CloseReason, Timeouts};
use pairloop::limits::{BUFFER_FLOOR, LINGER, LONGEST_LINE};
use pairloop::reactor::Signal;

use super::chat_oracle::{NOTICE, WELCOME};
use super::lab::{Lab, MAX_CLIENTS};
use super::net::{Capacity, End, Loss, Wire};
use super::setup::{CHAT, ECHO, ORDER, RELAY, TRANSIT};

const SECOND: Duration = Duration::from_secs(1);

/// The edge that says there is room may come in the same turn as more words.
#[test]
fn more_words_do_not_lose_the_edge_for_those_that_wait() {
    let mut lab = Lab::new();
    let x = lab.client(CHAT, 64, 4);
    let mut heard = lab.wire().take(x, 4);
    lab.wire().signal(Signal::Stop);
    heard.extend(lab.take_all(x));
    assert_eq!(heard, [WELCOME, NOTICE].concat());
    assert_eq!(lab.end(x), Some(End::Fin));
}

/// What Y says or takes is as good a sign of life as what X does.
#[test]
fn a_room_where_only_y_is_active_is_not_idle() {
    let mut lab = Lab::with(Timeouts {
        idle: Some(5 * SECOND),
        ..Timeouts::default()
    });
    let (x, y) = (lab.client(CHAT, 64, 64), lab.client(CHAT, 64, 4));
    lab.send(x, b"a line of forty bytes, taken four by 4.\n");
    for _ in 0..9 {
        lab.pass(3 * SECOND);
        assert_eq!(lab.wire().take(y, 4).len(), 4);
    }
    lab.take_all(y);
    for _ in 0..9 {
        lab.pass(3 * SECOND);
        lab.send(y, b"slowly ");
    }
    assert_eq!(lab.take_all(x), WELCOME);
    assert_eq!((lab.end(x), lab.end(y)), (None, None));
    lab.pass(5 * SECOND);
    assert_eq!((lab.end(x), lab.end(y)), (Some(End::Fin), Some(End::Fin)));
    lab.pass(LINGER);
    assert_eq!(lab.closed(CloseReason::IdleTimeout), 2);
}

/// What Y says is an edge, too, but not one that says there is room.
#[test]
fn nothing_is_written_to_a_full_socket() {
    let mut lab = Lab::new();
    let (x, y) = (lab.client(CHAT, 64, 64), lab.client(CHAT, 64, 4));
    lab.send(x, b"hello\n");
    let before = lab.wire().calls.writes;
    lab.send(y, b"early\n");
    assert_eq!(lab.wire().calls.writes, before);
    assert_eq!(lab.take_all(y), b"hello\n");
    assert!(lab.take_all(x).ends_with(b"early\n"));
}

/// X's line finds Y broken; then what Y had said is read, and nobody takes it, because Y never gets X's line.
#[test]
fn who_breaks_with_a_line_unread_is_noticed() {
    let mut lab = Lab::new();
    let rooms: Vec<_> = (0..8)
        .map(|_| (lab.client(CHAT, 64, 64), lab.client(CHAT, 64, 64)))
        .collect();
    for &(x, y) in &rooms {
        lab.wire().send(y, b"early\n");
        lab.wire().lose(y, Loss::Reset);
        lab.wire().send(x, b"hello\n");
    }
    // Edges come in any order; in some of the rooms it is this one.
    for (x, _) in rooms {
        lab.take_all(x);
        assert_eq!(lab.end(x), Some(End::Fin));
    }
    assert_eq!(lab.closed(CloseReason::Reset), 8);
}

/// Bytes and RST come with one edge. The bytes are kept for a partner, so no read finds the reset.
#[test]
fn who_breaks_in_the_lobby_with_bytes_unread_is_noticed() {
    let mut lab = Lab::new();
    for lobby in [RELAY, CHAT, ORDER] {
        let socket = lab.client(lobby, 64, 64);
        lab.wire().send(socket, b"early\n");
        lab.wire().lose(socket, Loss::Reset);
        lab.settle();
    }
    assert_eq!(lab.closed(CloseReason::Reset), 3);
    assert_eq!(lab.statistics().connections, 0);
}

/// Of two writes that answer one event the second finds a reset, which has destroyed the first as well: what has come for
/// its client is not told to somebody who was never greeted, and its partner hears that it is gone.
#[test]
fn what_a_reset_has_destroyed_between_two_writes_is_not_on_its_way() {
    let mut lab = Lab::named();
    let (x, y) = (lab.client(ORDER, 64, 256), lab.client(ORDER, 64, 256));
    lab.send(x, b"JOIN r\nfirst\n");
    lab.wire().send(y, b"JOIN r ack\n");
    let happening = move |wire: &mut Wire| {
        assert!(wire.waiting(y) > 0, "OK Y is on its way");
        wire.send(y, b"second\n");
        wire.lose(y, Loss::Reset);
    };
    lab.wire().after_write = Some((y, Box::new(happening)));
    let heard = lab.take_all(x);
    assert!(lab.wire().after_write.is_none(), "it has happened");
    assert_eq!(
        String::from_utf8_lossy(&heard),
        "Client X connected\nERR room the partner is gone\n"
    );
    assert_eq!(lab.closed(CloseReason::Reset), 1);
}

/// What a line holds already is not counted against it when it grows.
#[test]
fn a_line_that_fits_into_memory_is_not_read_byte_by_byte() {
    let mut lab = Lab::with_memory(Timeouts::default(), LONGEST_LINE);
    let (x, y) = (
        lab.client(CHAT, LONGEST_LINE, LONGEST_LINE),
        lab.client(CHAT, LONGEST_LINE, LONGEST_LINE),
    );
    let before = lab.wire().calls.reads;
    let mut line = vec![b'a'; LONGEST_LINE];
    line[LONGEST_LINE - 1] = b'\n';
    for piece in line.chunks(LONGEST_LINE / 4) {
        lab.send(x, piece);
    }
    assert!(lab.wire().calls.reads - before < 10);
    assert!(lab.take_all(y) == line);
}

/// Beyond their floors, unfinished lines share what there is. One for which nothing is left ends its client, not the
/// limit.
#[test]
fn unfinished_lines_stay_within_the_memory() {
    let mut lab = Lab::with_memory(Timeouts::default(), LONGEST_LINE);
    let rooms: Vec<_> = (0..4)
        .map(|_| {
            let x = lab.client(CHAT, LONGEST_LINE, 64);
            (x, lab.client(CHAT, LONGEST_LINE, LONGEST_LINE))
        })
        .collect();
    for &(x, _) in &rooms {
        lab.send(x, &vec![b'a'; LONGEST_LINE / 2]);
        assert!(lab.statistics().buffered <= LONGEST_LINE + 4 * BUFFER_FLOOR);
    }
    assert_eq!(lab.closed(CloseReason::Failed), 2);
    let (x, y) = rooms[0];
    lab.send(x, b"\n");
    assert_eq!(lab.take_all(y).len(), LONGEST_LINE / 2 + 1);
}

#[test]
fn who_gives_way_on_a_full_table_still_hears_its_last_words() {
    let mut lab = Lab::new();
    let refused = lab.client(TRANSIT, 64, 64);
    lab.send(refused, b"?\n");
    while lab.statistics().connections < MAX_CLIENTS {
        lab.client(ECHO, 64, 64);
    }
    // It goes on speaking; before that is read, its place is wanted.
    let capacity = Capacity {
        inbound: 64,
        outbound: 64,
    };
    lab.wire().send(refused, b"more");
    lab.wire().connect(ECHO, capacity);
    assert_eq!(lab.take_all(refused), b"bad handshake\n");
    assert_eq!(lab.end(refused), Some(End::Fin));
    assert_eq!(
        lab.statistics().connections,
        MAX_CLIENTS,
        "somebody has its place"
    );
}
