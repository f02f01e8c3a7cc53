//! What a turn of the loop does is bounded, whatever there is to do.

use pairloop::limits::{
    ACCEPTS_PER_TURN, BYTES_PER_TURN, HEAVY_PER_TURN, LIGHT_BYTES_PER_TURN, SCRATCH,
};

use super::data;
use super::lab::{Lab, MAX_CLIENTS};
use super::net::{Capacity, End, Loss};
use super::setup::{CHAT, ECHO, TRANSIT};

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

/// However many streams there are, a turn has time for few of their bytes, and for all messages.
#[test]
fn messages_do_not_wait_for_streams() {
    const STREAMS: usize = 200;
    let mut lab = Lab::new();
    let (x, y) = lab.pair(64, 64);
    let streams: Vec<_> = (0..STREAMS).map(|_| lab.pair(4 << 20, 4 << 20)).collect();
    for &(source, _) in &streams {
        lab.wire().send(source, &data::bytes(source, 0, 1 << 20));
    }
    // By now they are known for what they are.
    assert!(lab.turn());
    for _ in 0..3 {
        let waiting = |lab: &mut Lab| {
            let sinks = streams.iter().map(|&(_, sink)| lab.wire().waiting(sink));
            sinks.sum::<usize>()
        };
        let before = waiting(&mut lab);
        lab.wire().send(x, b"now");
        assert!(lab.turn());
        assert_eq!(lab.wire().take(y, 64), b"now");
        let moved = waiting(&mut lab) - before;
        assert!((1..=HEAVY_PER_TURN * BYTES_PER_TURN).contains(&moved));
    }
    for (source, sink) in streams {
        assert!(lab.take_all(sink) == data::bytes(source, 0, 1 << 20));
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
    let first = let_in(&lab);
    assert!(
        (1..=BYTES_PER_TURN / SCRATCH + 1).contains(&first),
        "{first}"
    );
    lab.settle();
    assert_eq!(let_in(&lab), ACCEPTS_PER_TURN);
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
