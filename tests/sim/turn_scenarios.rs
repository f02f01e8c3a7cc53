//! What a turn of the loop does is bounded, whatever there is to do.

use pairloop::engine::{CloseReason, Timeouts};
use pairloop::limits::{
    ACCEPTS_PER_TURN, BYTES_PER_TURN, CONNECTIONS_PER_TURN, DEADLINES_PER_TURN, GIVING_WAY,
    HEAVY_PER_TURN, HEAVY_TIME_PER_TURN, LIGHT_BYTES_PER_TURN, LINGER, SCRATCH,
};
use pairloop::reactor::Splicing;

use super::data;
use super::lab::{Lab, MAX_CLIENTS};
use super::net::{Capacity, End, Loss, SocketId};
use super::setup::{CHAT, ECHO, TRANSIT};

const MEGABYTE: usize = 1 << 20;

#[test]
fn accepts_are_bounded_per_turn() {
    let mut lab = Lab::new();
    let capacity = Capacity {
        inbound: 16,
        outbound: 16,
    };
    for _ in 0..3 * ACCEPTS_PER_TURN {
        lab.wire().connect(ECHO, capacity);
    }
    for turn in 1..=3 {
        assert!(lab.turn());
        assert_eq!(lab.wire().joined(ECHO).len(), turn * ACCEPTS_PER_TURN);
    }
}

/// What a turn leaves is done in the next ones, without any edge.
#[test]
fn bytes_are_bounded_per_turn() {
    let mut lab = Lab::new();
    let (x, y) = lab.pair(4 << 20, 4 << 20);
    let text = data::bytes(x, 0, 3 << 20);
    lab.wire().send(x, &text);
    assert!(lab.turn());
    let first = lab.wire().waiting(y);
    assert_eq!(
        first, LIGHT_BYTES_PER_TURN,
        "nobody knows yet how much it is"
    );
    assert!(lab.turn());
    let moved = lab.wire().waiting(y) - first;
    assert!((BYTES_PER_TURN..BYTES_PER_TURN + SCRATCH).contains(&moved));
    assert!(lab.take_all(y) == text);
}

#[test]
fn spliced_bytes_are_bounded_per_turn() {
    let mut lab = Lab::splicing(Splicing::Always);
    let (x, y) = lab.pair(4 * MEGABYTE, 4 * MEGABYTE);
    let text = data::bytes(x, 0, 3 * MEGABYTE);
    lab.wire().send(x, &text);
    assert!(lab.turn());
    assert_eq!(lab.wire().waiting(y), LIGHT_BYTES_PER_TURN);
    assert!(lab.turn());
    assert_eq!(lab.wire().waiting(y), LIGHT_BYTES_PER_TURN + BYTES_PER_TURN);
    assert!(lab.take_all(y) == text);
}

/// Nor do many small reads make it more.
#[test]
fn bytes_are_bounded_per_turn_also_where_memory_is_short() {
    let mut lab = Lab::with_memory(Timeouts::default(), 0);
    let (x, y) = lab.pair(MEGABYTE, MEGABYTE);
    lab.wire().send(x, &data::bytes(x, 0, MEGABYTE));
    assert!(lab.turn());
    let first = lab.wire().waiting(y);
    assert_eq!(first, LIGHT_BYTES_PER_TURN);
    assert!(lab.turn());
    assert_eq!(lab.wire().waiting(y) - first, BYTES_PER_TURN);
}

/// However many streams there are, a turn has time for few of their bytes, and for all messages.
#[test]
fn messages_do_not_wait_for_streams() {
    // More than a turn would see to if all stood in one line.
    const STREAMS: usize = CONNECTIONS_PER_TURN + 44;
    const EACH: usize = 3 * BYTES_PER_TURN;
    let mut lab = Lab::new();
    let (x, y) = lab.pair(64, 64);
    let streams: Vec<_> = (0..STREAMS).map(|_| lab.client(ECHO, EACH, EACH)).collect();
    for &stream in &streams {
        lab.wire().send(stream, &data::bytes(stream, 0, EACH));
    }
    // By now they are known for what they are.
    for _ in 0..=STREAMS / CONNECTIONS_PER_TURN {
        assert!(lab.turn());
    }
    for _ in 0..3 {
        let before = all_waiting(&lab, &streams);
        lab.wire().send(x, b"now");
        assert!(lab.turn());
        assert_eq!(lab.wire().take(y, 64), b"now");
        let moved = all_waiting(&lab, &streams) - before;
        assert!((1..=HEAVY_PER_TURN * BYTES_PER_TURN).contains(&moved));
    }
    for stream in streams {
        assert!(lab.take_all(stream) == data::bytes(stream, 0, EACH));
    }
}

/// Bytes that these could take.
fn all_waiting(lab: &Lab, clients: &[SocketId]) -> usize {
    let waiting = clients.iter().map(|&client| lab.wire().waiting(client));
    waiting.sum()
}

/// Nor do those for whom few bytes wait, when room for them is told of together with room for streams.
#[test]
fn readers_of_messages_do_not_wait_for_readers_of_streams() {
    const WINDOW: usize = LIGHT_BYTES_PER_TURN + 1;
    let mut lab = Lab::with_memory(Timeouts::default(), 2 * HEAVY_PER_TURN * SCRATCH);
    let rooms: Vec<_> = (0..8).map(|_| lab.pair(64, 4)).collect();
    let streams: Vec<_> = (0..2 * HEAVY_PER_TURN)
        .map(|_| lab.pair(MEGABYTE, WINDOW))
        .collect();
    for &(source, _) in &streams {
        lab.wire().send(source, &data::bytes(source, 0, MEGABYTE));
    }
    rooms.iter().for_each(|&(x, _)| lab.send(x, b"message"));
    for &(_, reader) in rooms.iter().chain(&streams) {
        assert!(lab.wire().take(reader, WINDOW).len() >= 4, "it was full");
    }
    assert!(lab.turn());
    let given = |readers: &[(SocketId, SocketId)]| {
        let waiting = readers
            .iter()
            .map(|&(_, reader)| lab.wire().waiting(reader));
        waiting.filter(|&bytes| bytes > 0).count()
    };
    assert_eq!(given(&rooms), rooms.len());
    assert_eq!(given(&streams), HEAVY_PER_TURN);
}

/// Nor for the time that their bytes cost: a turn begins no other stream when it is over. One at least has its turn.
#[test]
fn streams_have_a_turn_no_longer_than_their_time() {
    const STREAMS: usize = 16;
    const EACH: usize = 16 * BYTES_PER_TURN;
    let mut lab = Lab::new();
    let streams: Vec<_> = (0..STREAMS).map(|_| lab.client(ECHO, EACH, EACH)).collect();
    for &stream in &streams {
        lab.wire().send(stream, &vec![b's'; EACH]);
    }
    // By now they are known for what they are.
    assert!(lab.turn());
    for (takes, reads) in [
        (HEAVY_TIME_PER_TURN / 4, 4),
        (HEAVY_TIME_PER_TURN, 1),
        (HEAVY_TIME_PER_TURN * 4, 1),
    ] {
        lab.wire().reading_takes = takes;
        for _ in 0..3 {
            let before = all_waiting(&lab, &streams);
            assert!(lab.turn());
            let moved = all_waiting(&lab, &streams) - before;
            assert_eq!(moved, reads * BYTES_PER_TURN, "a read takes {takes:?}");
        }
    }
}

/// All who were sent away together go at the same time, and others are not kept waiting for that.
#[test]
fn deadlines_of_connections_are_bounded_per_turn() {
    const CROWD: usize = 3 * DEADLINES_PER_TURN;
    let mut lab = Lab::new();
    let crowd: Vec<_> = (0..CROWD).map(|_| lab.client(TRANSIT, 64, 64)).collect();
    for &client in &crowd {
        lab.wire().send(client, b"nonsense\n");
    }
    // They are told so, and are read on, as they do not go by themselves.
    lab.settle();
    assert_eq!(lab.statistics().connections, CROWD);
    let until = lab.wire().now() + LINGER;
    lab.wire().advance_to(until);
    for turn in 1..=3 {
        assert!(lab.turn());
        let gone = lab.closed(CloseReason::BadHello);
        assert_eq!(gone, (turn * DEADLINES_PER_TURN) as u64);
    }
}

/// On a full table those who linger give way, and are read for that.
#[test]
fn what_is_read_of_those_who_give_way_is_bounded_per_turn() {
    let mut lab = Lab::new();
    let talkers: Vec<_> = (0..ACCEPTS_PER_TURN)
        .map(|_| lab.client(TRANSIT, 2 * SCRATCH, 64))
        .collect();
    talkers
        .iter()
        .for_each(|&talker| lab.send(talker, b"nonsense\n"));
    for _ in ACCEPTS_PER_TURN..MAX_CLIENTS {
        lab.client(ECHO, 64, 64);
    }
    for &talker in &talkers {
        lab.wire().send(talker, &vec![b'x'; SCRATCH]);
    }
    let capacity = Capacity {
        inbound: 16,
        outbound: 16,
    };
    let new: Vec<_> = (0..ACCEPTS_PER_TURN)
        .map(|_| lab.wire().connect(ECHO, capacity))
        .collect();
    let let_in = |lab: &Lab| new.iter().filter(|&&n| lab.wire().id(n).is_some()).count();
    assert!(lab.turn());
    let as_much_as_may_be = BYTES_PER_TURN / SCRATCH;
    assert_eq!(let_in(&lab), as_much_as_may_be + 1);
    lab.settle();
    assert_eq!(let_in(&lab), ACCEPTS_PER_TURN);
}

/// Of one who gives way no more is read than its kernel holds as a rule: if it has said more it may be reset.
#[test]
fn what_is_read_of_one_who_gives_way_is_bounded() {
    let mut lab = Lab::new();
    let talker = lab.client(TRANSIT, 2 * GIVING_WAY, 64);
    lab.send(talker, b"nonsense\n");
    for _ in 1..MAX_CLIENTS {
        lab.client(ECHO, 64, 64);
    }
    lab.wire().send(talker, &vec![b'x'; 2 * GIVING_WAY]);
    let capacity = Capacity {
        inbound: 16,
        outbound: 16,
    };
    let new = lab.wire().connect(ECHO, capacity);
    let before = lab.wire().moved;
    assert!(lab.turn());
    assert!(lab.wire().id(new).is_some(), "it has its place");
    assert_eq!(lab.wire().moved - before, GIVING_WAY as u64);
}

/// Who was told everything may go on speaking: it is read to its end, by as much as comes, and is gone with that.
#[test]
fn who_was_told_everything_is_read_to_its_end() {
    const ROOM: usize = 8 * LIGHT_BYTES_PER_TURN;
    let mut lab = Lab::new();
    let (x, y) = (lab.client(CHAT, ROOM, ROOM), lab.client(CHAT, ROOM, ROOM));
    lab.send(x, b"exit\n");
    assert!(lab.take_all(y).ends_with(b"exit\n"));
    assert_eq!(lab.statistics().connections, 2);
    lab.send(y, &data::bytes(y, 0, ROOM));
    assert_eq!(lab.wire().room(y), ROOM, "all of it was read");
    lab.wire().send_fin(y);
    lab.wire().lose(x, Loss::Reset);
    lab.settle();
    assert_eq!(lab.statistics().connections, 0);
    assert_eq!(lab.end(y), Some(End::Fin));
}
