//! Known traps of spliced links, one at a time.

use pairloop::engine::{CloseReason, Timeouts};
use pairloop::limits::{
    BUFFER_FLOOR, BULK, LIGHT_BYTES_PER_TURN, PIPE_RETRY, PIPE_SIZE, RESET_RECHECK, SCRATCH, STREAK,
};
use pairloop::reactor::Splicing;

use super::data;
use super::lab::{Lab, PIPES};
use super::net::{End, Fault, Loss, SocketId};

const MEGABYTE: usize = 1 << 20;

/// A room whose sink has a full socket, and the rest of this text in a pipe.
fn stuck(lab: &mut Lab, text: &[u8]) -> (SocketId, SocketId) {
    let (x, y) = lab.pair(text.len(), 4);
    lab.send(x, text);
    assert_eq!(lab.wire().room(x), text.len(), "all of it was read");
    (x, y)
}

/// Pipes that there ever were, and those that there are.
fn pipes(lab: &Lab) -> (usize, usize) {
    let wire = lab.wire();
    (wire.pipes.made, wire.pipes.open)
}

/// What went through pipes meanwhile.
fn spliced(lab: &mut Lab, act: impl FnOnce(&mut Lab)) -> u64 {
    let before = lab.wire().pipes.spliced;
    act(lab);
    lab.wire().pipes.spliced - before
}

#[test]
fn an_empty_socket_is_asked_once_and_waited_for() {
    let mut lab = Lab::splicing(Splicing::Always);
    let (x, y) = lab.pair(64, 64);
    for _ in 0..3 {
        let before = lab.wire().calls.reads;
        lab.send(x, b"a message");
        // A pipe that took little may have been full, so only the second answer says that there is no more.
        assert_eq!(lab.wire().calls.reads - before, 2);
        assert_eq!(lab.take_all(y), b"a message");
    }
    assert_eq!(lab.wire().pipes.spliced, 27);
}

/// EAGAIN would have two meanings, and the wrong one would lose the wake-up for the bytes that are still in the socket.
#[test]
fn a_pipe_that_holds_bytes_is_not_asked_to_take_more() {
    let mut lab = Lab::splicing(Splicing::Always);
    let text = data::bytes(7, 0, 90);
    let (x, y) = stuck(&mut lab, &text[..30]);
    for piece in text[30..].chunks(15) {
        lab.wire().send(x, &piece[..7]);
        lab.settle();
        lab.wire().send(x, &piece[7..]);
        lab.settle();
        if lab.wire().room(x) == 0 {
            break;
        }
    }
    assert_eq!(lab.wire().room(x), 0, "the source waits for the sink");
    assert_eq!(lab.take_all(y), text[..60]);
    lab.send(x, &text[60..]);
    assert_eq!(lab.take_all(y), text[60..]);
    assert_eq!(lab.wire().pipes.overfilled, 0);
}

/// A pipe of 64 KiB is full at 32,000 bytes if they came in small segments.
#[test]
fn a_pipe_that_is_full_below_its_size_leaves_nothing_behind() {
    let mut lab = Lab::splicing(Splicing::Always);
    lab.wire().pipes.room = 3;
    let (x, y) = lab.pair(1000, 1000);
    let text = data::bytes(x, 0, 1000);
    lab.wire().send(x, &text);
    lab.wire().send_fin(x);
    assert_eq!(lab.take_all(y), text);
    assert_eq!(
        (lab.end(y), lab.wire().pipes.spliced),
        (Some(End::Fin), 1000)
    );
}

/// A pipe may hold more than its size, but not more than the memory that is left.
#[test]
fn a_pipe_that_holds_more_than_its_size_keeps_within_the_memory() {
    let beyond_floors = 5000;
    let mut lab = Lab::build(Timeouts::default(), beyond_floors, Splicing::Always);
    let (x, y) = lab.pair(MEGABYTE, 1);
    let text = data::bytes(x, 0, 100_000);
    lab.send(x, &text);
    assert_eq!(
        lab.statistics().buffered,
        BUFFER_FLOOR + beyond_floors - 1,
        "what was read, but the byte that went on"
    );
    assert_eq!(lab.wire().take(y, 1), text[..1]);
    let mut lab = Lab::splicing(Splicing::Always);
    // What goes on in the first turn, before it is known for a stream, and a byte.
    let (x, _) = lab.pair(4 * MEGABYTE, LIGHT_BYTES_PER_TURN + 1);
    lab.send(x, &data::bytes(x, 0, 3 * MEGABYTE));
    assert_eq!(lab.statistics().buffered, PIPE_SIZE - 1);
}

#[test]
fn fin_comes_behind_the_bytes_in_the_pipe() {
    let mut lab = Lab::splicing(Splicing::Always);
    let text = data::bytes(7, 0, 30);
    let (x, y) = stuck(&mut lab, &text);
    lab.wire().send_fin(x);
    lab.settle();
    assert_eq!(lab.end(y), None, "there is more for it");
    assert_eq!(lab.take_all(y), text);
    assert_eq!(lab.end(y), Some(End::Fin));
    lab.send(y, b"an answer");
    lab.wire().send_fin(y);
    assert_eq!(lab.take_all(x), b"an answer");
    assert_eq!(lab.end(x), Some(End::Fin));
    assert_eq!(lab.statistics().connections, 0);
    assert_eq!(lab.statistics().buffered, 0);
}

/// FIN is announced while the socket holds more than the pipe takes.
#[test]
fn fin_that_is_announced_early_is_found_behind_the_last_byte() {
    let mut lab = Lab::splicing(Splicing::Always);
    lab.wire().pipes.room = 8;
    let (x, y) = lab.pair(100, 4);
    let text = data::bytes(x, 0, 100);
    lab.wire().send(x, &text);
    lab.wire().send_fin(x);
    lab.settle();
    assert_eq!(lab.end(y), None);
    assert_eq!(lab.take_all(y), text);
    assert_eq!(lab.end(y), Some(End::Fin));
}

#[test]
fn rst_comes_behind_the_bytes_in_the_pipe() {
    let mut lab = Lab::splicing(Splicing::Always);
    let text = data::bytes(7, 0, 30);
    let (x, y) = stuck(&mut lab, &text);
    lab.wire().lose(x, Loss::Reset);
    lab.settle();
    assert_eq!(lab.end(y), None, "there is more for it");
    assert_eq!(lab.take_all(y), text);
    lab.pass(RESET_RECHECK);
    assert_eq!(lab.end(y), Some(End::Reset));
    assert_eq!(lab.closed(CloseReason::Reset), 1);
    assert_eq!((lab.wire().pipes.open, lab.statistics().buffered), (1, 0));
}

/// The error goes to a splice out of the pipe, and after that reads say 0, though no FIN was sent.
#[test]
fn error_told_to_a_splice_does_not_turn_into_fin() {
    let mut lab = Lab::splicing(Splicing::Always);
    let text = data::bytes(7, 0, 30);
    let (x, y) = stuck(&mut lab, &text);
    lab.send(x, b"and more");
    lab.wire().lose(x, Loss::Reset);
    lab.wire().send(y, b"yes");
    lab.settle();
    assert_eq!(lab.take_all(y), [&text[..], b"and more"].concat());
    lab.pass(RESET_RECHECK);
    assert_eq!(lab.end(y), Some(End::Reset));
}

/// What is left in its pipe must reach neither the next borrower nor the next tenant of its slot.
#[test]
fn the_pipe_of_a_sink_that_is_gone_is_destroyed() {
    let mut lab = Lab::splicing(Splicing::Always);
    let (x, y) = stuck(&mut lab, &data::bytes(7, 0, 30));
    assert_eq!(lab.wire().pipes.open, 1);
    lab.wire().lose(y, Loss::Reset);
    lab.settle();
    lab.pass(RESET_RECHECK);
    assert_eq!(lab.end(x), Some(End::Reset));
    assert_eq!(lab.statistics().buffered, 0);
    // The one that is left is empty: through it nothing came from y.
    assert_eq!(pipes(&lab), (2, 1));
    let (a, b) = lab.pair(64, 64);
    let slots = |sockets: [SocketId; 2]| {
        let mut slots = sockets.map(|socket| lab.wire().id(socket).map(|id| id.slot()));
        slots.sort();
        slots
    };
    assert_eq!(slots([a, b]), slots([x, y]));
    lab.send(a, b"for b alone");
    assert_eq!(lab.take_all(b), b"for b alone");
}

/// Its bytes are read before anybody knows that nobody takes them.
#[test]
fn the_pipe_whose_first_bytes_are_refused_is_destroyed() {
    let mut lab = Lab::splicing(Splicing::Always);
    for _ in 0..8 {
        let (x, y) = lab.pair(64, 64);
        // Edges come in any order; in some of the rooms the bytes are first.
        lab.wire().send(x, b"too late");
        lab.wire().lose(y, Loss::Reset);
        lab.settle();
        lab.pass(RESET_RECHECK);
        assert_eq!(
            (lab.end(x), lab.statistics().buffered),
            (Some(End::Reset), 0)
        );
    }
    assert!(lab.wire().pipes.made > 1, "some were destroyed");
    assert_eq!(lab.statistics().connections, 0);
    let (x, y) = lab.pair(64, 64);
    lab.send(x, b"in time");
    assert_eq!(lab.take_all(y), b"in time");
}

#[test]
fn an_empty_pipe_goes_back_to_the_pool() {
    let mut lab = Lab::splicing(Splicing::Always);
    let rooms: Vec<_> = (0..3 * PIPES).map(|_| lab.pair(64, 4)).collect();
    for (x, y) in rooms {
        let text = data::bytes(x, 0, 40);
        lab.send(x, &text);
        assert_eq!(lab.take_all(y), text);
    }
    assert_eq!(pipes(&lab), (1, 1));
    assert_eq!(lab.statistics().pipes_refused, 0);
}

/// However many came back before, or went with their sinks.
#[test]
fn links_copy_when_all_pipes_are_lent() {
    let mut lab = Lab::splicing(Splicing::Always);
    let text = data::bytes(7, 0, 30);
    for _ in 0..PIPES {
        let [(_, y), (_, gone)] = [stuck(&mut lab, &text), stuck(&mut lab, &text)];
        assert_eq!(lab.take_all(y), text);
        lab.wire().lose(gone, Loss::Reset);
        lab.settle();
    }
    assert_eq!(lab.statistics().pipes_refused, 0);
    let rooms: Vec<_> = (0..2 * PIPES).map(|_| stuck(&mut lab, &text)).collect();
    assert_eq!(lab.wire().pipes.open, PIPES);
    assert_eq!(lab.statistics().pipes_refused, PIPES as u64);
    for (_, y) in rooms {
        assert_eq!(lab.take_all(y), text);
    }
    assert_eq!(
        (lab.wire().pipes.open, lab.statistics().buffered),
        (PIPES, 0)
    );
}

/// EMFILE, ENFILE, or EPERM for an unprivileged user whose pages are used up.
#[test]
fn without_pipes_links_copy_and_ask_again_after_a_while() {
    let mut lab = Lab::splicing(Splicing::Always);
    lab.wire().faults.set(Fault::NoPipe, 1000);
    let (x, y) = lab.pair(64, 4);
    let text = data::bytes(x, 0, 120);
    for piece in text[..80].chunks(10) {
        lab.send(x, piece);
        assert_eq!(lab.take_all(y), piece);
    }
    assert_eq!(lab.wire().faults.hits[Fault::NoPipe as usize], 1);
    assert!(lab.statistics().pipes_refused > 1, "each read is counted");
    lab.wire().faults.switch_off();
    lab.pass(PIPE_RETRY);
    lab.send(x, &text[80..]);
    assert_eq!(lab.take_all(y), text[80..]);
    assert_eq!(lab.wire().pipes.spliced, 40);
}

#[test]
fn a_link_that_cannot_be_spliced_is_copied_from_then_on() {
    let mut lab = Lab::splicing(Splicing::Always);
    let (x, y) = lab.pair(64, 4);
    let text = data::bytes(x, 0, 90);
    lab.send(x, &text[..30]);
    lab.wire().faults.set(Fault::NotSpliceable, 1000);
    lab.wire().send(x, &text[30..60]);
    assert_eq!(lab.take_all(y), text[..60]);
    lab.wire().faults.switch_off();
    lab.send(x, &text[60..]);
    assert_eq!(lab.take_all(y), text[60..]);
    assert_eq!(lab.wire().faults.hits[Fault::NotSpliceable as usize], 1);
    assert_eq!(lab.wire().pipes.spliced, 30);
    assert_eq!(pipes(&lab), (1, 1));
    let other = |lab: &mut Lab| lab.send(y, b"the other direction");
    assert_eq!(spliced(&mut lab, other), 19);
}

/// There and back, twice, with bytes on their way at each change.
#[test]
fn a_link_changes_its_transport_in_mid_stream() {
    let mut lab = Lab::splicing(Splicing::Adaptive);
    let (x, y) = lab.pair(MEGABYTE, SCRATCH / 2);
    let (mut sent, mut taken) = (0, 0);
    for _ in 0..2 {
        let bulk = spliced(&mut lab, |lab| {
            for _ in 0..2 * STREAK {
                lab.send(x, &data::bytes(x, sent, BULK + SCRATCH / 4));
                sent += (BULK + SCRATCH / 4) as u64;
                let bytes = lab.take_all(y);
                assert!(bytes == data::bytes(x, taken, bytes.len()));
                taken += bytes.len() as u64;
            }
        });
        assert!(bulk > 0, "it took to splicing");
        let messages = spliced(&mut lab, |lab| {
            for _ in 0..2 * STREAK {
                lab.send(x, &data::bytes(x, sent, 64));
                sent += 64;
                let bytes = lab.take_all(y);
                assert!(bytes == data::bytes(x, taken, bytes.len()));
                taken += bytes.len() as u64;
            }
        });
        assert_eq!(messages, u64::from(STREAK) * 64, "then it copied again");
    }
    assert_eq!(taken, sent);
    lab.wire().send_fin(x);
    lab.settle();
    assert_eq!(lab.end(y), Some(End::Fin));
}

/// splice(2) never passes urgent data, and says 0 there once FIN has arrived. They may arrive after the poll, which would
/// have announced them.
#[test]
fn urgent_data_in_front_of_fin_are_not_taken_for_fin() {
    let mut lab = Lab::splicing(Splicing::Always);
    let (x, y) = lab.pair(64, 64);
    lab.wire().pipes.before_splice = Some(Box::new(move |wire| {
        wire.send_urgent(x, b'!');
        wire.send(x, b" and the rest");
        wire.send_fin(x);
    }));
    lab.send(x, b"attention");
    assert_eq!(lab.take_all(y), b"attention! and the rest");
    assert_eq!(lab.end(y), Some(End::Fin));
}
