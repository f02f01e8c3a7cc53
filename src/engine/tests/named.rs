//! Rooms that have names: hellos, roles, and who meets whom.

use super::*;

pub(super) const NAMED: ListenerId = 3;
const NAMED_CHAT: ListenerId = 4;

impl Bench {
    /// A client comes, and says this at once. Answers how much of it was taken.
    pub(super) fn greet(
        &mut self,
        client: u64,
        listener: ListenerId,
        hello: &str,
    ) -> (usize, Vec<Output>) {
        assert_eq!(self.accept(client, listener), vec![]);
        self.input(client, Input::Data(hello.as_bytes()))
    }

    /// One that says a hello and gets no answer.
    pub(super) fn join(&mut self, client: u64, hello: &str) {
        let taken = self.greet(client, NAMED, hello);
        assert_eq!(taken, (hello.len(), vec![]), "{hello}");
    }
}

pub(super) fn opened(room: u64, x: u64, y: u64) -> Output {
    let members = Members::two(id(x), id(y));
    Output::Note(Note::RoomOpened { room, members })
}

pub(super) fn say(to: u64, words: &str) -> Output {
    Output::Send {
        to: id(to),
        payload: Payload::Text(words.as_bytes().to_vec().into()),
    }
}

/// Turned away with these words.
pub(super) fn refused(
    client: u64,
    code: Code,
    words: &'static str,
    reason: CloseReason,
) -> Vec<Output> {
    let refusal = Refusal { code, words };
    vec![
        Output::Note(Note::Refused {
            client: id(client),
            peer: PEER,
            refusal,
        }),
        say(client, &format!("{refusal}\n")),
        closed(client, reason, Ending::Finish),
    ]
}

pub(super) fn closed(client: u64, reason: CloseReason, ending: Ending) -> Output {
    Output::Close {
        client: id(client),
        reason,
        ending,
    }
}

#[test]
fn clients_of_one_name_meet_and_others_do_not() {
    let mut bench = Bench::new();
    bench.join(1, "JOIN a\n");
    bench.join(2, "JOIN b\r\n");
    let (_, outputs) = bench.greet(3, NAMED, "JOIN b\n");
    assert_eq!(outputs, [opened(1, 2, 3), forward(2, 3), forward(3, 2)]);
    let (_, outputs) = bench.greet(4, NAMED, "JOIN a\n");
    assert_eq!(outputs, [opened(2, 1, 4), forward(1, 4), forward(4, 1)]);
    // The name is free again while its room still is.
    bench.join(5, "JOIN a\n");
    assert_eq!(bench.engine.counts()[NAMED].1.waiting, 1);
    assert_eq!(bench.engine.counts()[NAMED].1.clients, 5);
}

#[test]
fn a_name_is_one_of_its_listener() {
    let mut bench = Bench::new();
    bench.join(1, "JOIN a\n");
    let (_, outputs) = bench.greet(2, NAMED_CHAT, "JOIN a\n");
    assert_eq!(outputs, [send(2, service::WELCOME)], "another lobby");
    assert_eq!(bench.accept(3, RELAY), vec![], "no names here");
}

fn send(to: u64, words: &'static [u8]) -> Output {
    Output::Send {
        to: id(to),
        payload: Payload::Text(words.into()),
    }
}

#[test]
fn a_producer_pairs_only_with_a_consumer_and_in_order() {
    let mut bench = Bench::new();
    bench.join(1, "JOIN a\n");
    bench.join(2, "JOIN a produce\n");
    bench.join(3, "JOIN a produce\n");
    // One direction only: what the consumer sends goes nowhere.
    let (_, outputs) = bench.greet(4, NAMED, "JOIN a consume\n");
    assert_eq!(
        outputs,
        [opened(1, 2, 4), forward(2, 4), Output::Resume(id(4))]
    );
    let (_, outputs) = bench.greet(5, NAMED, "JOIN a consume\n");
    assert_eq!(
        outputs,
        [opened(2, 3, 5), forward(3, 5), Output::Resume(id(5))]
    );
    let (_, outputs) = bench.greet(6, NAMED, "JOIN a\n");
    assert_eq!(outputs, [opened(3, 1, 6), forward(1, 6), forward(6, 1)]);
    assert_eq!(bench.input(4, Input::Data(b"noise")), (5, vec![]));
}

#[test]
fn one_that_gave_up_is_no_partner() {
    let mut bench = Bench::new();
    for client in 1..=3 {
        bench.join(client, "JOIN a produce\n");
    }
    assert_eq!(bench.happen(Lost(2)), left(2, Reset));
    assert_eq!(bench.happen(Eof(1)), left(1, Left));
    let (_, outputs) = bench.greet(4, NAMED, "JOIN a consume\n");
    assert_eq!(outputs[..2], [opened(1, 3, 4), forward(3, 4)]);
    bench.greet(5, NAMED, "JOIN a consume\n");
    assert_eq!(bench.engine.counts()[NAMED].1.waiting, 1);
}

#[test]
fn a_consumer_that_has_finished_still_waits_and_still_hears() {
    let mut bench = Bench::new();
    let outputs = bench.greet(1, NAMED, "JOIN a consume\nnoise").1;
    assert_eq!(outputs, [Output::Resume(id(1))]);
    assert_eq!(bench.input(1, Input::Data(b"noise")), (5, vec![]));
    assert_eq!(bench.happen(Eof(1)), vec![]);
    let (_, outputs) = bench.greet(2, NAMED, "JOIN a produce\n");
    assert_eq!(
        outputs,
        [
            opened(1, 1, 2),
            forward(2, 1),
            finish(2),
            Output::Resume(id(1))
        ]
    );
    assert_eq!(bench.happen(Eof(2)), over(Done, None, Done, Done, NONE));
}

#[test]
fn who_wants_to_know_is_told_who_the_partner_is() {
    for (x, y, told) in [
        ("JOIN a ack\n", "JOIN a ack\n", &[1, 2][..]),
        ("JOIN a ack\n", "JOIN a\n", &[1]),
        ("JOIN a\n", "JOIN a ack\n", &[2]),
        ("JOIN a\n", "JOIN a\n", &[]),
    ] {
        let mut bench = Bench::new();
        bench.join(1, x);
        let (_, outputs) = bench.greet(2, NAMED, y);
        let sides = [(1, "OK X 127.0.0.1:5000\n"), (2, "OK Y 127.0.0.1:5000\n")];
        let mut expected = vec![opened(1, 1, 2)];
        let told = sides.iter().filter(|(client, _)| told.contains(client));
        // Before anything that the partner has said.
        expected.extend(told.map(|&(client, words)| say(client, words)));
        expected.extend([forward(1, 2), forward(2, 1)]);
        assert_eq!(outputs, expected, "{x:?} {y:?}");
    }
}

#[test]
fn bytes_behind_the_hello_belong_to_the_stream() {
    let mut bench = Bench::new();
    assert_eq!(bench.greet(1, NAMED, "JOIN a\nearly").0, 7);
    assert_eq!(bench.input(1, Input::Data(b"early")).0, 0, "they wait");
    let mut bench = Bench::new();
    bench.greet(1, NAMED_CHAT, "JOIN a\nfirst line\n");
    bench.input(1, Input::SendDrained);
    let (taken, outputs) = bench.greet(2, NAMED_CHAT, "JOIN a\n");
    assert_eq!(taken, 7);
    assert!(outputs.contains(&Output::Resume(id(1))), "{outputs:?}");
    let (taken, outputs) = bench.input(1, Input::Data(b"first line\n"));
    let payload = Payload::Input(0..11);
    assert_eq!(
        (taken, outputs),
        (11, vec![Output::Send { to: id(2), payload }])
    );
}

#[test]
fn a_hello_may_come_byte_by_byte() {
    let mut bench = Bench::new();
    let hello = b"JOIN room.1 ack\n";
    bench.accept(1, NAMED);
    for split in 1..hello.len() {
        let part = bench.input(1, Input::Data(&hello[..split]));
        assert_eq!(part, (0, vec![Output::ReadOn(id(1))]), "{split}");
    }
    assert_eq!(bench.input(1, Input::Data(hello)), (hello.len(), vec![]));
    assert_eq!(bench.engine.counts()[NAMED].1.waiting, 1);
}

#[test]
fn who_says_no_proper_hello_is_told_and_sent_away() {
    let behind = "behind the room: produce or consume, ack, scram=<base64>";
    for (listener, hello, code, words) in [
        (
            NAMED,
            "GET / HTTP/1.1\r\n",
            Code::Hello,
            "expected JOIN <room>",
        ),
        (
            NAMED,
            "JOIN a+b\n",
            Code::Room,
            "a room is 1 to 64 of A-Z a-z 0-9 . _ -",
        ),
        (NAMED, "JOIN a eat\n", Code::Hello, behind),
        (
            NAMED_CHAT,
            "JOIN a produce\n",
            Code::Hello,
            "this service has no producers and consumers",
        ),
    ] {
        let mut bench = Bench::new();
        let (taken, outputs) = bench.greet(1, listener, hello);
        assert_eq!(outputs, refused(1, code, words, BadHello), "{hello:?}");
        assert_eq!(taken, hello.len());
        assert_eq!(bench.engine.clients(), 0);
    }
}

#[test]
fn a_hello_has_its_time_however_slowly_it_comes() {
    let mut bench = Bench::new();
    bench.accept(1, NAMED);
    bench.happen(Later(HELLO - MOMENT));
    let part = bench.input(1, Input::Data(b"JOIN "));
    assert_eq!(part, (0, vec![Output::ReadOn(id(1))]));
    let late = refused(1, Code::Timeout, "no hello came in time", HelloTimeout);
    assert_eq!(bench.happen(Later(MOMENT)), late);
    // Once it is said, there is as much time for a partner as everywhere.
    bench.join(2, "JOIN a\n");
    assert_eq!(bench.happen(Later(WAIT - MOMENT)), vec![]);
    let note = Output::Note(Note::LeftLobby {
        client: id(2),
        reason: WaitTimeout,
    });
    let words = say(2, "ERR timeout no partner came in time\n");
    // Whoever was to get raw bytes must not take the words for all of them.
    let reset = closed(2, WaitTimeout, Ending::FlushThenReset);
    assert_eq!(bench.happen(Later(MOMENT)), [note, words, reset]);
}

#[test]
fn who_leaves_at_the_door_is_forgotten() {
    for (happening, expected) in [
        (Lost(1), left(1, Reset)),
        (Eof(1), left(1, Left)),
        (
            Stop,
            refused(1, Code::Closing, "the server stops", Stopping),
        ),
    ] {
        let mut bench = Bench::new();
        bench.accept(1, NAMED);
        assert_eq!(bench.happen(happening), expected, "{happening:?}");
        assert_eq!(bench.engine.clients(), 0);
        assert!(bench.is_empty(NAMED));
    }
    let mut bench = Bench::new();
    bench.accept(1, NAMED);
    let half = bench.input(1, Input::Eof { unread: b"JOI" }).1;
    let words = "the hello has no end";
    assert_eq!(half, refused(1, Code::Hello, words, BadHello));
}

#[test]
fn a_stop_tells_those_who_wait_by_name() {
    let mut bench = Bench::new();
    bench.join(1, "JOIN a\n");
    bench.greet(2, NAMED_CHAT, "JOIN a\n");
    let note = |client| {
        Output::Note(Note::LeftLobby {
            client: id(client),
            reason: Stopping,
        })
    };
    let words = "ERR closing the server stops\n";
    assert_eq!(
        bench.happen(Stop),
        [
            note(1),
            say(1, words),
            closed(1, Stopping, Ending::FlushThenReset),
            note(2),
            say(2, words),
            closed(2, Stopping, Ending::Finish),
        ]
    );
    assert!(bench.engine.is_stopped());
}
