//! Sessions: one for every client or pair, in the right mood, with the right times, and what was said at the door.

use super::named::NAMED;
use super::transit::{TRANSIT, handshake};
use super::*;
use crate::users::Users;

const CHAT: ListenerId = 4;
const SECOND: Duration = Duration::from_secs(1);

/// What leads to a session's end.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// A client comes, and says this.
    Comes(u64, &'static str),
    Says(u64, &'static str),
    /// Everything that it was sent is on its way.
    Hears(u64),
    /// It sends FIN in the middle of its first line.
    Breaks(u64),
    Happens(Happening),
}
use Step::*;

/// A session's mood, whose it was, how many seconds it lasted, and how many the first waited.
type Told = (Mood, &'static [u64], u64, Option<u64>);

impl Bench {
    fn go(&mut self, listener: ListenerId, steps: &[Step]) {
        for &step in steps {
            match step {
                Comes(client, words) => {
                    self.accept(client, listener);
                    if !words.is_empty() {
                        self.input(client, Input::Data(words.as_bytes()));
                    }
                }
                Says(client, words) => _ = self.input(client, Input::Data(words.as_bytes())),
                Hears(client) => _ = self.input(client, Input::SendDrained),
                Breaks(client) => _ = self.input(client, Input::Eof { unread: b"JO" }),
                Happens(happening) => _ = self.happen(happening),
            }
        }
    }
}

#[track_caller]
fn tell(listener: ListenerId, steps: &[Step], expected: &[Told]) {
    let mut bench = Bench::new();
    bench.go(listener, steps);
    has_told(&bench, listener, expected, steps);
}

#[track_caller]
fn has_told(bench: &Bench, listener: ListenerId, expected: &[Told], steps: &[Step]) {
    let (service, counts) = bench.engine.counts()[listener];
    let expected = expected.iter().map(|&(mood, members, lasted, waited)| {
        let members = match members {
            [x, y] => Members::two(id(*x), id(*y)),
            _ => Members::one(id(members[0])),
        };
        Session {
            service,
            mood,
            members,
            lasted: Duration::from_secs(lasted),
            waited: waited.map(Duration::from_secs),
        }
    });
    let expected: Vec<Session> = expected.collect();
    assert_eq!(bench.sessions, expected, "{steps:?}");
    for (mood, count) in counts.moods.iter() {
        let told = expected.iter().filter(|session| session.mood == mood);
        assert_eq!(told.count() as u64, count, "{mood:?} after {steps:?}");
    }
}

#[test]
fn whoever_is_gone_before_it_has_said_what_it_wants_is_empty() {
    for listener in [NAMED, CHAT, TRANSIT] {
        for (end, lasted) in [
            (Happens(Lost(1)), 1),
            (Happens(Eof(1)), 1),
            (Breaks(1), 1),
            (Happens(Stop), 1),
            (Happens(Later(HELLO - SECOND)), 20),
        ] {
            let steps = [Comes(1, ""), Happens(Later(SECOND)), end];
            tell(listener, &steps, &[(Mood::Empty, &[1], lasted, None)]);
        }
    }
    let steps = [Happens(Stop), Comes(1, "")];
    tell(RELAY, &steps, &[(Mood::Empty, &[1], 0, None)]);
}

#[test]
fn whoever_says_what_is_wrong_or_may_not_come_in_is_errory() {
    for (listener, words) in [
        (NAMED, "?"),
        (NAMED, "JOIN a/b\n"),
        (NAMED, "JOIN a scram=biws\n"),
        (CHAT, "JOIN a produce\n"),
        (TRANSIT, "\n"),
        (TRANSIT, "please relay\n"),
    ] {
        let steps = [Comes(1, ""), Happens(Later(SECOND)), Says(1, words)];
        tell(listener, &steps, &[(Mood::Errory, &[1], 1, None)]);
    }
    for listener in [RELAY, NAMED, TRANSIT] {
        let mut bench = Bench::new().with_clients_per_source(1);
        let steps = [Comes(1, ""), Comes(2, "")];
        bench.go(listener, &steps);
        has_told(&bench, listener, &[(Mood::Errory, &[2], 0, None)], &steps);
    }
}

#[test]
fn a_login_that_fails_is_errory_and_one_that_is_broken_off_is_empty() {
    // RFC 5802's client-first, for a user whom nobody knows.
    const FIRST: &str = "JOIN a scram=biwsbj11c2VyLHI9bm9uY2U=\n";
    for (end, mood) in [
        (Says(1, "AUTH biws\n"), Mood::Errory),
        (Says(1, "?"), Mood::Errory),
        (Happens(Lost(1)), Mood::Empty),
        (Breaks(1), Mood::Empty),
        (Happens(Later(HELLO)), Mood::Empty),
    ] {
        let mut bench = Bench::new();
        let users = Users::parse("", [1; 32]).unwrap();
        bench.engine.set_users(NAMED, users.into());
        let steps = [Comes(1, FIRST), end];
        bench.go(NAMED, &steps);
        let lasted = if matches!(end, Happens(Later(_))) {
            20
        } else {
            0
        };
        has_told(&bench, NAMED, &[(mood, &[1], lasted, None)], &steps);
    }
}

#[test]
fn whoever_had_no_partner_is_lonely() {
    for (listener, words) in [
        (RELAY, ""),
        (ORDER, ""),
        (NAMED, "JOIN a\n"),
        (CHAT, "JOIN a\n"),
    ] {
        for (end, lasted) in [
            (Happens(Lost(1)), 1),
            (Happens(Eof(1)), 1),
            (Happens(Stop), 1),
            (Happens(Later(WAIT - SECOND)), 30),
        ] {
            let steps = [Comes(1, words), Happens(Later(SECOND)), end];
            tell(listener, &steps, &[(Mood::Lonely, &[1], lasted, None)]);
        }
    }
}

#[test]
fn a_room_that_ends_well_is_happy_and_one_that_is_cut_is_jilted() {
    const PAIR: [Step; 3] = [Comes(1, ""), Happens(Later(SECOND)), Comes(2, "")];
    let second = Happens(Later(SECOND));
    for (steps, mood, lasted) in [
        (
            &[second, Happens(Eof(1)), Happens(Eof(2))][..],
            Mood::Happy,
            2,
        ),
        (
            &[Happens(Stop), Happens(Eof(2)), Happens(Eof(1))],
            Mood::Happy,
            1,
        ),
        (&[second, Happens(Lost(1))], Mood::Jilted, 2),
        (&[Happens(Eof(1)), Happens(Lost(2))], Mood::Jilted, 1),
        (
            &[Happens(Later(IDLE)), Happens(Active(IDLE))],
            Mood::Jilted,
            61,
        ),
        (
            &[
                Happens(Eof(1)),
                Happens(Later(HALF_CLOSE)),
                Happens(Active(HALF_CLOSE)),
            ],
            Mood::Jilted,
            11,
        ),
        (&[Happens(Stop), Happens(Later(DRAIN))], Mood::Jilted, 6),
    ] {
        let steps = [&PAIR, steps].concat();
        tell(RELAY, &steps, &[(mood, &[1, 2], lasted, Some(1))]);
    }
}

#[test]
fn every_service_has_its_good_and_bad_ends() {
    let [x, y] = [Comes(1, "JOIN a\n"), Comes(2, "JOIN a\n")];
    for (listener, steps, mood) in [
        (CHAT, &[x, y, Hears(1), Says(1, "exit\n")][..], Mood::Happy),
        (CHAT, &[x, y, Happens(Lost(1))], Mood::Jilted),
        (CHAT, &[x, y, Happens(Stop)], Mood::Jilted),
        (
            ORDER,
            &[Comes(1, ""), Comes(2, ""), Happens(Stop)],
            Mood::Jilted,
        ),
        (
            ORDER,
            &[
                Comes(1, ""),
                Comes(2, ""),
                Hears(1),
                Hears(2),
                Says(1, "Alice\n"),
                Says(2, "Bob\n"),
            ],
            Mood::Happy,
        ),
        (
            ORDER,
            &[
                Comes(1, ""),
                Comes(2, ""),
                Hears(1),
                Hears(2),
                Happens(Eof(1)),
            ],
            Mood::Jilted,
        ),
    ] {
        tell(listener, steps, &[(mood, &[1, 2], 0, Some(0))]);
    }
    let second = Happens(Later(SECOND));
    for (end, mood) in [(Eof(1), Mood::Happy), (Lost(1), Mood::Jilted)] {
        let steps = [Comes(1, ""), second, Happens(end)];
        tell(ECHO, &steps, &[(mood, &[1], 1, None)]);
    }
}

/// The moods of a waiting client and of a pair, as the reference's own tests have them.
#[test]
fn transit_has_the_moods_of_the_reference() {
    let handshakes = [('t', Some('a')), ('t', Some('a')), ('t', Some('b'))];
    let lines = handshakes.map(|(token, side)| &*handshake(token, side).leak());
    let [a, again, b] = [(1, lines[0]), (2, lines[1]), (3, lines[2])];
    let [a, again, b] = [a, again, b].map(|(client, line)| Comes(client, line));
    let second = Happens(Later(SECOND));
    tell(
        TRANSIT,
        &[a, second, Happens(Lost(1))],
        &[(Mood::Lonely, &[1], 1, None)],
    );
    let steps = [a, second, Says(1, "early")];
    tell(TRANSIT, &steps, &[(Mood::Impatient, &[1], 1, None)]);
    let steps = [
        a,
        second,
        again,
        second,
        b,
        second,
        Happens(Eof(3)),
        Happens(Eof(1)),
    ];
    tell(
        TRANSIT,
        &steps,
        &[
            (Mood::Redundant, &[2], 1, None),
            (Mood::Happy, &[1, 3], 3, Some(2)),
        ],
    );
    let steps = [a, second, b, second, Happens(Lost(3))];
    tell(TRANSIT, &steps, &[(Mood::Jilted, &[1, 3], 2, Some(1))]);
}

#[test]
fn time_at_the_door_counts_for_whoever_came_first() {
    let second = Happens(Later(SECOND));
    // Client 1 connects first, and client 2 says first what it wants.
    let steps = [
        Comes(1, ""),
        second,
        Comes(2, "JOIN a\n"),
        second,
        Says(1, "JOIN a\n"),
        second,
        Happens(Lost(1)),
    ];
    tell(NAMED, &steps, &[(Mood::Jilted, &[2, 1], 3, Some(2))]);
}

#[test]
fn what_is_said_at_the_door_is_told_apart_from_the_stream() {
    let line = handshake('t', None);
    for (listener, words, opening) in [
        (NAMED, "JOIN a\n".to_owned(), 7),
        (NAMED, "JOIN a\r\nearly".to_owned(), 8),
        (TRANSIT, format!("{line}early"), line.len()),
    ] {
        let mut bench = Bench::new();
        bench.go(listener, &[Comes(1, words.leak())]);
        assert_eq!(bench.openings, [(id(1), opening)]);
    }
    // Where nobody is asked, nothing is.
    let mut bench = Bench::new();
    bench.go(RELAY, &[Comes(1, "JOIN a\n"), Comes(2, "")]);
    assert_eq!(bench.openings, []);
}

#[test]
fn a_stop_at_once_ends_the_sessions_of_rooms_too() {
    let mut bench = paired();
    bench.happen(Stop);
    assert_eq!(bench.sessions, []);
    bench.engine.stop_at_once(bench.now);
    let closes = bench.outputs();
    assert_eq!(closes, over(Stopped, None, Stopped, Stopped, NONE));
    assert!(bench.engine.is_stopped());
}
