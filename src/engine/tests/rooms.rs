//! Every state of a room against everything that can happen in it.

use super::named::NAMED;
use super::*;

#[test]
fn a_waiting_client() {
    check(
        &[
            (&[Eof(1)], left(1, Left)),
            (&[Lost(1)], left(1, Reset)),
            (&[Later(WAIT - MOMENT)], vec![]),
            (&[Later(WAIT)], left(1, WaitTimeout)),
            (&[Stop], left(1, Stopping)),
            (&[Stop, Later(DRAIN)], vec![]),
        ],
        waiting,
    );
}

#[test]
fn an_open_relay_room() {
    let ask = vec![Output::AskActivity(Members::two(id(1), id(2)))];
    check(
        &[
            (&[Eof(1)], vec![finish(2)]),
            (&[Eof(2)], vec![finish(1)]),
            (&[Lost(1)], over(Reset, Some(1), Reset, PartnerLost, NONE)),
            (&[Lost(2)], over(Reset, Some(2), PartnerLost, Reset, NONE)),
            // The wait is over for those who are paired.
            (&[Later(WAIT)], vec![]),
            (&[Later(IDLE)], ask.clone()),
            (
                &[Later(IDLE), Active(IDLE)],
                over(IdleTimeout, None, IdleTimeout, IdleTimeout, IDLE),
            ),
            (&[Later(IDLE), Active(IDLE - MOMENT)], vec![]),
            (
                &[Later(IDLE), Active(IDLE - MOMENT), Later(MOMENT)],
                ask.clone(),
            ),
            // A stop lets it finish, for a while.
            (&[Stop], vec![]),
            (&[Stop, Later(DRAIN - MOMENT)], vec![]),
            (
                &[Stop, Later(DRAIN)],
                over(Stopped, None, Stopped, Stopped, DRAIN),
            ),
            (&[Stop, Eof(1)], vec![finish(2)]),
            (&[Stop, Stop], vec![]),
            (&[Stop, Lost(2), Later(DRAIN)], vec![]),
        ],
        paired,
    );
}

#[test]
fn a_relay_room_half_closed_by_x() {
    check(
        &[
            (&[Eof(2)], over(Done, None, Done, Done, NONE)),
            (&[Lost(1)], over(Reset, Some(1), Reset, PartnerLost, NONE)),
            (&[Lost(2)], over(Reset, Some(2), PartnerLost, Reset, NONE)),
            (&[Later(HALF_CLOSE - MOMENT)], vec![]),
            (
                &[Later(HALF_CLOSE)],
                vec![Output::AskActivity(Members::two(id(1), id(2)))],
            ),
            (&[Later(HALF_CLOSE), Active(HALF_CLOSE - MOMENT)], vec![]),
            (
                &[Later(HALF_CLOSE), Active(HALF_CLOSE)],
                over(
                    HalfCloseTimeout,
                    None,
                    HalfCloseTimeout,
                    HalfCloseTimeout,
                    HALF_CLOSE,
                ),
            ),
            (&[Stop, Eof(2)], over(Done, None, Done, Done, NONE)),
            (
                &[Stop, Later(DRAIN)],
                over(Stopped, None, Stopped, Stopped, DRAIN),
            ),
        ],
        half_closed_by_x,
    );
}

#[test]
fn a_relay_room_half_closed_by_y() {
    check(
        &[
            (&[Eof(1)], over(Done, None, Done, Done, NONE)),
            (&[Lost(1)], over(Reset, Some(1), Reset, PartnerLost, NONE)),
            (&[Lost(2)], over(Reset, Some(2), PartnerLost, Reset, NONE)),
            (
                &[Later(HALF_CLOSE)],
                vec![Output::AskActivity(Members::two(id(1), id(2)))],
            ),
            (&[Stop, Eof(1)], over(Done, None, Done, Done, NONE)),
        ],
        half_closed_by_y,
    );
}

#[test]
fn an_echo_room_is_a_client_forwarded_to_itself() {
    let echoing = || {
        let mut bench = Bench::new();
        let opened = Note::RoomOpened {
            room: 1,
            members: Members::one(id(1)),
        };
        assert_eq!(
            bench.accept(1, ECHO),
            vec![Output::Note(opened), forward(1, 1)]
        );
        bench
    };
    let over = |reason, by, lasted| {
        let note = Note::RoomOver {
            room: 1,
            members: Members::one(id(1)),
            reason,
            by,
            lasted,
        };
        vec![Output::Note(note), close(1, reason)]
    };
    check(
        &[
            (&[Eof(1)], over(Done, None, NONE)),
            (&[Lost(1)], over(Reset, Some(id(1)), NONE)),
            (&[Later(IDLE), Active(IDLE)], over(IdleTimeout, None, IDLE)),
            (&[Stop], vec![]),
            (&[Stop, Later(DRAIN)], over(Stopped, None, DRAIN)),
        ],
        echoing,
    );
}

#[test]
fn an_answer_for_an_id_kept_too_long_does_not_reach_the_next_tenant_of_its_slot() {
    let mut bench = Bench::new();
    bench.accept(1, RELAY);
    bench.happen(Eof(1));
    let tenant = ClientId::new(2, id(1).slot());
    let accepted = accepted(RELAY);
    bench.engine.handle_input(bench.now, tenant, accepted);
    assert_eq!(bench.outputs(), []);
    let before = bench.engine.poll_timeout();
    let last = bench.now + MOMENT;
    bench.input(1, Input::Activity { last });
    assert_eq!(bench.engine.poll_timeout(), before);
    bench
        .engine
        .handle_input(bench.now, tenant, Input::Activity { last });
    assert_ne!(bench.engine.poll_timeout(), before);
}

#[test]
fn a_stop_is_over_when_the_last_client_is() {
    let mut bench = paired();
    assert!(!bench.engine.is_stopped());
    bench.happen(Stop);
    assert!(!bench.engine.is_stopped());
    assert_eq!(bench.accept(3, RELAY), vec![close(3, Stopping)]);
    bench.happen(Eof(1));
    bench.happen(Eof(2));
    assert!(bench.engine.is_stopped());
    assert_eq!(bench.engine.poll_timeout(), None);

    let mut empty = Bench::new();
    empty.happen(Stop);
    assert!(empty.engine.is_stopped());
}

#[test]
fn a_listener_may_have_a_wait_timeout_of_its_own() {
    let mut bench = Bench::new();
    bench.engine.set_wait_timeout(RELAY, Some(WAIT * 2));
    bench.engine.set_wait_timeout(ORDER, None);
    bench.accept(1, RELAY);
    bench.accept(2, ORDER);
    assert_eq!(bench.happen(Later(WAIT * 2 - MOMENT)), vec![]);
    assert_eq!(bench.happen(Later(MOMENT)), left(1, WaitTimeout));
    assert_eq!(bench.engine.poll_timeout(), None);
}

#[test]
fn without_timeouts_nothing_is_armed() {
    let mut bench = Bench::new();
    for lobby in &mut bench.engine.lobbies {
        lobby.timeouts = Timeouts::default();
    }
    bench.accept(1, RELAY);
    bench.accept(2, RELAY);
    bench.accept(3, RELAY);
    bench.happen(Eof(1));
    assert_eq!(bench.engine.poll_timeout(), None);
}

#[test]
fn of_many_who_are_due_together_some_are_sent_away_at_a_time() {
    let mut bench = Bench::new();
    let many = DEADLINES_PER_TURN as u64 + 10;
    for client in 1..=many {
        bench.accept(client, NAMED);
    }
    bench.now += HELLO;
    let mut closed = || {
        bench.engine.handle_timeout(bench.now);
        let outputs = bench.outputs();
        let closes = outputs.iter().filter_map(|output| match output {
            Output::Close { client, .. } => Some(client.number()),
            _ => None,
        });
        let due = bench.engine.poll_timeout().is_some();
        (closes.collect::<Vec<_>>(), due)
    };
    let first = DEADLINES_PER_TURN as u64;
    assert_eq!(closed(), ((1..=first).collect(), true));
    assert_eq!(closed(), ((first + 1..=many).collect(), false));
}
