//! Order rooms: when a message is complete, whose was first, and what is said when there is none.

use super::*;

const SETTLE: Duration = Duration::from_millis(100);
type Closed = (CloseReason, Ending);

const DONE: [Closed; 2] = [(Done, Ending::Finish); 2];

/// What happens in an order room.
#[derive(Debug, Clone, Copy)]
enum Event {
    Says(u64, &'static str),
    Finishes(u64),
    Resets(u64),
    Passes(Duration),
    Stops,
}
use Event::*;

/// What clients 1 and 2 were sent after the greeting, and how they were closed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    sent: [String; 2],
    printed: Vec<String>,
    closed: Vec<Closed>,
}

impl Outcome {
    fn note(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send {
                    to,
                    payload: Payload::Text(text),
                } => {
                    self.sent[to.slot() - 1].push_str(std::str::from_utf8(&text).unwrap());
                }
                Output::Print(line) => self.printed.push(line),
                Output::Close { reason, ending, .. } => self.closed.push((reason, ending)),
                Output::Note(_) | Output::Resume(_) => {}
                other => panic!("{other:?} in an order room"),
            }
        }
    }
}

fn run(events: &[Event]) -> Outcome {
    let mut bench = Bench::new();
    let mut outcome = Outcome::default();
    for client in [1, 2] {
        outcome.note(bench.accept(client, ORDER));
    }
    for client in [1, 2] {
        outcome.note(bench.input(client, Input::SendDrained).1);
    }
    assert_eq!(
        outcome.sent,
        ["Client X connected\n", "Client Y connected\n"]
    );
    outcome.sent = Default::default();
    for &event in events {
        assert!(
            outcome.closed.is_empty(),
            "{event:?} is about a room that is over"
        );
        let outputs = match event {
            Says(client, text) => {
                let (taken, outputs) = bench.input(client, Input::Data(text.as_bytes()));
                assert_eq!(taken, text.len());
                outputs
            }
            Finishes(client) => bench.happen(Eof(client)),
            Resets(client) => bench.happen(Lost(client)),
            Passes(time) => bench.happen(Later(time)),
            Stops => bench.happen(Stop),
        };
        outcome.note(outputs);
    }
    outcome
}

fn told(sentence: &str) -> [String; 2] {
    [format!("{sentence}\n"), format!("{sentence}\n")]
}

const X_FIRST: &str = "X: Alice received before Y: Bob";
const Y_FIRST: &str = "Y: Bob received before X: Alice";
const A_WHILE: Duration = Duration::from_millis(60);

#[test]
fn both_hear_whose_message_came_first() {
    let table: [(&[Event], &str); 6] = [
        (&[Says(1, "Alice\n"), Says(2, "Bob\n")], X_FIRST),
        (&[Says(2, "Bob\n"), Says(1, "Alice\n")], Y_FIRST),
        // Without a newline a message is complete once nothing more has come for a while, but counts from its last byte.
        (&[Says(2, "Bob"), Says(1, "Alice"), Passes(SETTLE)], Y_FIRST),
        (
            &[
                Says(1, "Alice"),
                Passes(A_WHILE),
                Says(2, "Bob\n"),
                Passes(A_WHILE),
            ],
            X_FIRST,
        ),
        (
            &[
                Says(1, "Al"),
                Says(2, "Bob\n"),
                Passes(A_WHILE),
                Says(1, "ice"),
                Passes(SETTLE),
            ],
            Y_FIRST,
        ),
        (
            &[
                Says(1, "Al"),
                Passes(A_WHILE),
                Says(1, "ice"),
                Passes(A_WHILE),
                Says(2, "Bob\n"),
                Passes(A_WHILE),
            ],
            X_FIRST,
        ),
    ];
    agree(&table);
}

#[test]
fn a_message_ends_with_lf_or_fin_and_counts_once() {
    let table: [(&[Event], &str); 3] = [
        // FIN completes it as well, and so does CRLF; the name that some clients put in front is taken off.
        (
            &[
                Says(2, "Client Y: Bob"),
                Finishes(2),
                Says(1, "Client X: Alice\r\n"),
            ],
            Y_FIRST,
        ),
        (
            &[Says(1, "Alice"), Finishes(1), Says(2, "Bob"), Finishes(2)],
            X_FIRST,
        ),
        // Each says one thing.
        (
            &[
                Says(1, "Alice\nand more\n"),
                Says(1, "and more"),
                Says(2, "Bob\n"),
            ],
            X_FIRST,
        ),
    ];
    agree(&table);
}

/// Checks that each row's events end with its sentence for both.
fn agree(table: &[(&[Event], &str)]) {
    for &(events, sentence) in table {
        let outcome = run(events);
        assert_eq!(
            (&outcome.sent, &outcome.closed[..]),
            (&told(sentence), &DONE[..]),
            "{events:?}"
        );
        let mut printed = outcome.printed;
        assert_eq!(
            printed.pop().as_deref(),
            Some("Sent acknowledgment to both X and Y")
        );
        printed.sort();
        assert_eq!(printed, ["X: Alice", "Y: Bob"], "{events:?}");
    }
}

#[test]
fn nothing_is_said_before_both_messages_are_complete() {
    let table: [&[Event]; 4] = [
        &[],
        &[Says(1, "Alice\n"), Passes(SETTLE)],
        &[Says(1, "Alice\n"), Says(2, "Bob")],
        &[
            Says(1, "Alice"),
            Passes(A_WHILE),
            Says(1, " and more"),
            Passes(A_WHILE),
            Says(2, "Bob\n"),
        ],
    ];
    for events in table {
        let outcome = run(events);
        assert_eq!(
            (outcome.sent, outcome.closed),
            (Default::default(), vec![]),
            "{events:?}"
        );
    }
}

#[test]
fn whoever_is_still_there_is_told_why_there_is_no_order() {
    let gone = "ERR room the partner is gone\n";
    let empty = "ERR room the message is empty\n";
    let stop = "ERR closing the server stops\n";
    let reset = (Reset, Ending::Reset);
    let finish = |reason| (reason, Ending::Finish);
    let table: [(&[Event], &str, &str, [Closed; 2]); 6] = [
        (&[Resets(1)], gone, gone, [reset, finish(PartnerLost)]),
        (
            &[Says(1, "Alice\n"), Resets(1)],
            gone,
            gone,
            [reset, finish(PartnerLost)],
        ),
        (
            &[Says(1, "Alice\n"), Resets(2)],
            gone,
            gone,
            [finish(PartnerLost), reset],
        ),
        (
            &[Finishes(1)],
            empty,
            gone,
            [finish(Empty), finish(PartnerLost)],
        ),
        (
            &[Says(2, "Client Y: \r\n")],
            gone,
            empty,
            [finish(PartnerLost), finish(Empty)],
        ),
        (
            &[Says(2, "Bob\n"), Stops],
            stop,
            stop,
            [finish(Stopping); 2],
        ),
    ];
    for (events, x, y, closed) in table {
        let outcome = run(events);
        assert_eq!(
            (&outcome.sent[..], &outcome.closed[..]),
            (&[x, y].map(String::from)[..], &closed[..]),
            "{events:?}"
        );
    }
}

#[test]
fn a_message_may_have_1024_bytes_and_no_more() {
    for (bytes, fits) in [(1023, true), (1024, true), (1025, false)] {
        let text: &'static str = "a".repeat(bytes).leak();
        for events in [
            &[Says(1, text), Passes(SETTLE)][..],
            &[Says(1, text), Finishes(1)],
        ] {
            let events = if fits { events } else { &events[..1] };
            let outcome = run(events);
            assert_eq!(outcome.closed.is_empty(), fits, "{bytes}");
            let told = if fits {
                ""
            } else {
                "ERR room the message is longer than 1024 bytes\n"
            };
            assert_eq!(outcome.sent[0], told);
        }
    }
}

#[test]
fn what_x_says_before_y_comes_counts() {
    let mut bench = Bench::new();
    bench.accept(1, ORDER);
    assert_eq!(bench.input(1, Input::Data(b"Alice\n")), (0, vec![]));
    bench.accept(2, ORDER);
    let resumed = [1, 2].map(|client| bench.input(client, Input::SendDrained).1);
    assert_eq!(
        resumed.concat(),
        [2, 1, 2].map(|client| Output::Resume(id(client)))
    );
    bench.input(1, Input::Data(b"Alice\n"));
    let (_, outputs) = bench.input(2, Input::Data(b"Bob\n"));
    let mut outcome = Outcome::default();
    outcome.note(outputs);
    assert_eq!(outcome.sent, told(X_FIRST));
}

#[test]
fn who_leaves_while_it_waits_is_told_nothing_of_a_partner() {
    let mut bench = Bench::new();
    bench.accept(1, ORDER);
    let mut outcome = Outcome::default();
    outcome.note(bench.happen(Eof(1)));
    assert_eq!(outcome.sent[0], "ERR room the message is empty\n");
    assert_eq!(outcome.closed, [(Left, Ending::Finish)]);
}

#[test]
fn nobody_waits_in_vain_without_a_word() {
    let mut bench = Bench::new();
    bench.accept(1, ORDER);
    let mut outcome = Outcome::default();
    outcome.note(bench.happen(Later(WAIT)));
    assert_eq!(outcome.sent[0], "ERR timeout no partner came\n");
    assert_eq!(outcome.closed, [(WaitTimeout, Ending::Finish)]);
}

#[test]
fn an_empty_message_is_not_acknowledged() {
    let table: [&[Event]; 2] = [
        &[Says(1, "Client X: "), Says(2, "Bob"), Passes(SETTLE)],
        &[Says(1, "Alice"), Says(2, "Client Y: "), Passes(SETTLE)],
    ];
    for events in table {
        let outcome = run(events);
        assert!(
            outcome.sent.iter().all(|text| text.starts_with("ERR ")),
            "{events:?}: {outcome:?}"
        );
        assert!(
            !outcome
                .printed
                .iter()
                .any(|line| line.contains("acknowledgment")),
            "{outcome:?}"
        );
    }
}
