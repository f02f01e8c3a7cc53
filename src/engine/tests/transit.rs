//! Clients of magic-wormhole's transit relay: tokens and sides, patience, and silence.

use super::named::{opened, refused, say};
use super::*;

pub(super) const TRANSIT: ListenerId = 5;

/// The first line of a client with this token and side.
pub(super) fn handshake(token: char, side: Option<char>) -> String {
    let token = token.to_string().repeat(64);
    match side.map(|side| side.to_string().repeat(16)) {
        None => format!("please relay {token}\n"),
        Some(side) => format!("please relay {token} for side {side}\n"),
    }
}

impl Bench {
    /// A client comes, shakes hands, and waits.
    pub(super) fn waits(&mut self, client: u64, token: char, side: Option<char>) {
        assert_eq!(self.meets(client, token, side), []);
    }

    /// The same, where one may wait that it meets.
    pub(super) fn meets(&mut self, client: u64, token: char, side: Option<char>) -> Vec<Output> {
        let line = handshake(token, side);
        let (taken, outputs) = self.greet(client, TRANSIT, &line);
        assert_eq!(taken, line.len());
        outputs
    }
}

/// Two clients have met: both are told before a byte of either may come.
fn met(room: u64, x: u64, y: u64) -> Vec<Output> {
    let told = [say(x, "ok\n"), say(y, "ok\n")];
    let mut outputs = vec![opened(room, x, y)];
    outputs.extend(told);
    outputs.extend([forward(x, y), forward(y, x)]);
    outputs
}

/// Sent away without a word.
fn silently(client: u64, reason: CloseReason, ending: Ending) -> Vec<Output> {
    let client = id(client);
    vec![
        Output::Note(Note::LeftLobby { client, reason }),
        Output::Close {
            client,
            reason,
            ending,
        },
    ]
}

#[test]
fn a_token_makes_two_meet_unless_they_are_of_one_side() {
    let (a, b) = (Some('a'), Some('b'));
    for (x, y) in [(None, None), (None, b), (a, None), (a, b)] {
        let mut bench = Bench::new();
        bench.waits(1, 't', x);
        bench.waits(2, 'u', y);
        assert_eq!(bench.meets(3, 't', y), met(1, 1, 3), "{x:?} {y:?}");
    }
    let mut bench = Bench::new();
    bench.waits(1, 't', a);
    bench.waits(2, 't', a);
    assert_eq!(bench.engine.counts()[TRANSIT].1.waiting, 2);
}

#[test]
fn when_two_meet_all_others_with_the_token_are_sent_away() {
    for last in [Some('b'), None] {
        let mut bench = Bench::new();
        bench.waits(1, 't', Some('a'));
        bench.waits(2, 'u', Some('a'));
        bench.waits(3, 't', Some('a'));
        bench.waits(4, 't', Some('a'));
        let mut expected = silently(3, Redundant, Ending::Finish);
        expected.extend(silently(4, Redundant, Ending::Finish));
        expected.extend(met(1, 1, 5));
        assert_eq!(bench.meets(5, 't', last), expected);
        assert_eq!(bench.engine.clients(), 3);
        // Other tokens are other rooms.
        assert_eq!(bench.meets(6, 'u', Some('b')), met(2, 2, 6));
    }
}

#[test]
fn a_token_is_forgotten_once_two_have_met() {
    let mut bench = Bench::new();
    bench.waits(1, 't', Some('a'));
    bench.meets(2, 't', Some('b'));
    bench.waits(3, 't', Some('a'));
    assert_eq!(bench.meets(4, 't', Some('b')), met(2, 3, 4));
    assert_eq!(bench.engine.counts()[TRANSIT].1.rooms, 2);
    assert_eq!(bench.happen(Eof(1)), [finish(2)], "a relay by now");
    assert_eq!(bench.happen(Eof(2)), over(Done, None, Done, Done, NONE));
}

#[test]
fn whoever_speaks_while_it_waits_is_impatient() {
    let line = handshake('t', Some('a'));
    let mut expected = vec![say(1, "impatient\n")];
    expected.extend(silently(1, Impatient, Ending::Finish));
    // In one segment with the line, which nobody may get in between, or later.
    for early in ["e", "\n", &line] {
        for is_later in [false, true] {
            let mut bench = Bench::new();
            let (taken, outputs) = if is_later {
                bench.waits(1, 't', Some('a'));
                bench.input(1, Input::Data(early.as_bytes()))
            } else {
                let (taken, outputs) = bench.greet(1, TRANSIT, &[&line, early].concat());
                (taken - line.len(), outputs)
            };
            assert_eq!((taken, &outputs), (early.len(), &expected));
            // It is nobody's partner.
            bench.waits(2, 't', Some('b'));
            assert_eq!(bench.meets(3, 't', Some('c')), met(1, 2, 3));
        }
    }
}

#[test]
fn what_the_second_says_behind_its_line_belongs_to_the_stream() {
    let mut bench = Bench::new();
    bench.waits(1, 't', None);
    let line = handshake('t', None);
    let (taken, outputs) = bench.greet(2, TRANSIT, &format!("{line}early"));
    // What was not taken is forwarded, and so behind the partner's ok.
    assert_eq!((taken, outputs), (line.len(), met(1, 1, 2)));
}

#[test]
fn a_handshake_may_come_byte_by_byte() {
    let mut bench = Bench::new();
    let line = handshake('t', Some('a'));
    bench.accept(1, TRANSIT);
    for split in 1..line.len() {
        let part = bench.input(1, Input::Data(&line.as_bytes()[..split]));
        assert_eq!(part, (0, vec![Output::ReadOn(id(1))]), "{split}");
    }
    let whole = bench.input(1, Input::Data(line.as_bytes()));
    assert_eq!(whole, (line.len(), vec![]));
}

#[test]
fn a_bad_handshake_is_answered_and_a_line_without_end_is_not() {
    let hello = |words, answer: Option<Output>| {
        let mut outputs = refused(1, Code::Hello, words, BadHello);
        outputs.splice(1..2, answer);
        outputs
    };
    let bad = Some(say(1, "bad handshake\n"));
    let expected = "expected please relay <token>";
    let long = "x".repeat(1025);
    for (said, outputs) in [
        ("\n", hello(expected, bad.clone())),
        (
            "GET / HTTP/1.1\r\nHost: a\r\n",
            hello(expected, bad.clone()),
        ),
        ("JOIN a\n", hello(expected, bad)),
        (&long, hello("the line is too long", None)),
    ] {
        let mut bench = Bench::new();
        assert_eq!(bench.greet(1, TRANSIT, said), (said.len(), outputs));
        assert_eq!(bench.engine.clients(), 0);
    }
    let mut bench = Bench::new();
    bench.accept(1, TRANSIT);
    let half = bench.input(1, Input::Eof { unread: b"please" }).1;
    assert_eq!(half, hello("the hello has no end", None));
}

#[test]
fn nobody_is_told_anything_else() {
    // At the door: its time is over, or the server stops.
    for (happening, code, words, reason) in [
        (
            Later(HELLO),
            Code::Timeout,
            "no hello came in time",
            HelloTimeout,
        ),
        (Stop, Code::Closing, "the server stops", Stopping),
    ] {
        let mut bench = Bench::new();
        bench.accept(1, TRANSIT);
        let mut expected = refused(1, code, words, reason);
        expected.remove(1);
        assert_eq!(bench.happen(happening), expected);
    }
    // While it waits.
    for (happening, reason, ending) in [
        (Eof(1), Left, Ending::Finish),
        (Lost(1), Reset, Ending::Reset),
        (Later(WAIT), WaitTimeout, Ending::FlushThenReset),
        (Stop, Stopping, Ending::FlushThenReset),
    ] {
        let mut bench = Bench::new();
        bench.waits(1, 't', None);
        assert_eq!(bench.happen(happening), silently(1, reason, ending));
        assert_eq!(bench.engine.clients(), 0);
        assert!(bench.is_empty(TRANSIT));
    }
    // Where its source has all its clients already.
    let mut bench = Bench::new().with_clients_per_source(1);
    bench.accept(1, TRANSIT);
    assert_eq!(bench.accept(2, TRANSIT)[1..], [close(2, Full)]);
}

#[test]
fn a_partner_that_is_lost_cuts_the_stream() {
    let mut bench = Bench::new();
    bench.waits(1, 't', None);
    bench.meets(2, 't', None);
    let cut = over(Reset, Some(2), PartnerLost, Reset, NONE);
    assert_eq!(bench.happen(Lost(2)), cut);
    assert_eq!(bench.engine.clients(), 0);
}

#[test]
fn one_of_very_many_is_chosen_and_the_others_leave_nothing() {
    const WAITING: u64 = 500;
    let mut bench = Bench::new();
    for client in 1..=WAITING {
        bench.waits(client, 't', Some('a'));
    }
    let outputs = bench.meets(WAITING + 1, 't', Some('b'));
    let closed = |output: &&Output| {
        matches!(
            output,
            Output::Close {
                reason: Redundant,
                ..
            }
        )
    };
    assert_eq!(outputs.iter().filter(closed).count() as u64, WAITING - 1);
    assert_eq!(bench.engine.clients(), 2);
    bench.happen(Lost(1));
    assert!(bench.is_empty(TRANSIT));
    assert_eq!(bench.engine.poll_timeout(), None);
}
