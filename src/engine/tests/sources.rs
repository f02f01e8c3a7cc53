//! How many clients may come from one source.

use super::named::{NAMED, closed, say};
use super::*;

const FULL: &str = "your address has as many clients here as it may";

impl Bench {
    pub(super) fn with_clients_per_source(mut self, most: u32) -> Self {
        self.engine = self.engine.with_clients_per_source(Some(most));
        self
    }
}

/// How two clients of a source may end that has no place for a third.
#[test]
fn however_a_client_ends_its_source_has_its_place_again() {
    type Course = &'static [(u64, &'static str, Option<Happening>)];
    let courses: [Course; 8] = [
        &[(1, "", Some(Lost(1)))],
        &[(1, "", Some(Eof(1)))],
        &[(1, "", Some(Later(HELLO)))],
        &[(1, "?", None)],
        &[(1, "JOIN a\n", Some(Lost(1)))],
        &[(1, "JOIN a\n", Some(Later(WAIT)))],
        &[(1, "JOIN a\n", None), (2, "JOIN a\n", Some(Lost(2)))],
        &[(1, "JOIN a\n", None), (2, "JOIN a\n", Some(Stop))],
    ];
    for course in courses {
        let mut bench = Bench::new().with_clients_per_source(2);
        for &(client, words, end) in course {
            bench.greet(client, NAMED, words);
            end.map(|end| bench.happen(end));
        }
        if matches!(course.last(), Some((.., Some(Stop)))) {
            bench.happen(Later(DRAIN));
        } else {
            for client in [11, 12] {
                assert_eq!(bench.accept(client, NAMED), vec![], "{course:?}");
            }
            assert!(!bench.accept(13, NAMED).is_empty(), "{course:?}");
            bench.happen(Lost(11));
            bench.happen(Lost(12));
        }
        assert_eq!(bench.engine.sources.clients(), Some(0), "{course:?}");
    }
}

#[test]
fn a_source_with_all_its_clients_is_told_where_words_are_expected() {
    let mut bench = Bench::new().with_clients_per_source(1);
    assert_eq!(bench.accept(1, RELAY), vec![]);
    let note = |client| {
        let (client, peer) = (id(client), PEER);
        let (code, words) = (Code::Full, FULL);
        let refusal = Refusal { code, words };
        Output::Note(Note::Refused {
            client,
            peer,
            refusal,
        })
    };
    assert_eq!(
        bench.accept(2, NAMED),
        [
            note(2),
            say(2, &format!("ERR full {FULL}\n")),
            closed(2, Full, Ending::Finish)
        ]
    );
    assert_eq!(
        bench.accept(3, RELAY),
        [note(3), closed(3, Full, Ending::Reset)]
    );
    let listener = NAMED;
    let peer = ELSEWHERE;
    let other = Input::Accepted { listener, peer };
    assert_eq!(bench.input(4, other).1, vec![], "another source");
    assert_eq!(bench.engine.clients(), 2);
}

#[test]
fn another_limit_holds_for_whoever_comes_then_and_nobody_is_sent_away() {
    let mut bench = Bench::new().with_clients_per_source(2);
    let is_refused = |outputs: &[Output]| {
        let refused = |output: &Output| matches!(output, Output::Note(Note::Refused { .. }));
        outputs.iter().any(refused)
    };
    assert!(!is_refused(&bench.accept(1, NAMED)));
    assert!(!is_refused(&bench.accept(2, NAMED)));
    bench.engine.set_clients_per_source(Some(1));
    assert_eq!(bench.engine.clients(), 2);
    assert!(is_refused(&bench.accept(3, NAMED)));
    bench.happen(Lost(1));
    assert!(is_refused(&bench.accept(4, NAMED)));
    bench.happen(Lost(2));
    assert!(!is_refused(&bench.accept(5, NAMED)));
    bench.engine.set_clients_per_source(None);
    assert!(!is_refused(&bench.accept(6, NAMED)));
    bench.engine.set_clients_per_source(Some(2));
    assert!(
        is_refused(&bench.accept(7, NAMED)),
        "they were counted all the time"
    );
}
