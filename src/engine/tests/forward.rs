//! Main servers: pairs that are handed over to workers.

use super::*;

pub(super) const ARRIVAL: ListenerId = 0;
pub(super) const NAMED: ListenerId = 1;
pub(super) const LINES: ListenerId = 2;
pub(super) const NAMED_LINES: ListenerId = 3;
pub(super) const PROXY: ListenerId = 4;

pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// The first worker of every listener, and the second.
pub(super) const FIRST: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 10)), 1001);
pub(super) const SECOND: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 11)), 1001);

fn main_server() -> Bench {
    let options = [("to", "first:1001,second:1001"), ("patience", "2s")];
    let with =
        |more: &[(&'static str, &'static str)]| factory("forward", &[&options, more].concat());
    let services = [
        (with(&[]), Meeting::Arrival),
        (with(&[]), Meeting::Named),
        (with(&[("lines", "on")]), Meeting::Arrival),
        (with(&[("lines", "on")]), Meeting::Named),
        (with(&[("proxy", "v2")]), Meeting::Arrival),
    ];
    let timeouts = Timeouts {
        hello: Some(HELLO),
        wait: Some(WAIT),
        idle: None,
        half_close: Some(HALF_CLOSE),
    };
    let mut bench = Bench::of(services, timeouts);
    for listener in [ARRIVAL, NAMED, LINES, NAMED_LINES, PROXY] {
        bench.engine.set_worker(listener, 0, vec![FIRST]);
        bench.engine.set_worker(listener, 1, vec![SECOND]);
    }
    bench
}

impl Bench {
    pub(super) fn tell(&mut self, client: u64, input: Input<'_>) -> Vec<Output> {
        self.input(client, input).1
    }

    /// Clients 1 and 2 have come, in this order.
    pub(super) fn two_came(listener: ListenerId) -> (Bench, Vec<Output>) {
        let mut bench = main_server();
        assert_eq!(bench.accept(1, listener), vec![]);
        let outputs = bench.accept(2, listener);
        (bench, outputs)
    }

    /// Connection `id` for this client is there and has been told what for.
    pub(super) fn connected(&mut self, id: u64, client: u64) -> String {
        let client = super::id(client);
        assert_eq!(self.tell(id, Input::Dialing { client }), vec![]);
        let said = self.tell(id, Input::Dialed);
        let [
            Output::Send {
                to,
                payload: Payload::Text(hello),
            },
        ] = &said[..]
        else {
            panic!("{said:?}");
        };
        assert_eq!(*to, super::id(id));
        self.tell(id, Input::SendDrained);
        str::from_utf8(hello).unwrap().into()
    }
}

pub(super) fn dial(client: u64, to: SocketAddr) -> Output {
    let client = id(client);
    Output::Dial { client, to }
}

pub(super) fn hung_up(client: u64) -> Output {
    Output::Close {
        client: id(client),
        reason: NoWorker,
        ending: Ending::Reset,
    }
}

/// Both are handed over to the first worker, by connections 3 and 4.
fn handed_over() -> Bench {
    let (mut bench, outputs) = Bench::two_came(ARRIVAL);
    assert_eq!(outputs, vec![dial(1, FIRST)]);
    let name = bench.connected(3, 1);
    assert!(
        name.starts_with("JOIN any.") && name.ends_with(" seat\n"),
        "{name:?}"
    );
    assert_eq!(
        bench.input(3, Input::Data(b"OK seat X\nwelcome")),
        (10, vec![Output::ReadOn(id(3)), dial(2, FIRST)])
    );
    assert_eq!(bench.connected(4, 2), name, "the same room");
    let over = Note::HandedOver {
        room: 1,
        members: Members::two(id(1), id(2)),
        worker: "first:1001".into(),
    };
    assert_eq!(
        bench.input(4, Input::Data(b"OK seat Y\n")),
        (
            10,
            vec![
                Output::Note(over),
                forward(1, 3),
                forward(3, 1),
                forward(2, 4),
                forward(4, 2)
            ]
        )
    );
    bench
}

#[test]
fn x_gets_its_seat_and_then_y_and_then_they_are_linked() {
    let bench = handed_over();
    assert_eq!(bench.engine.clients(), 2);
    let counts = Counts {
        clients: 2,
        waiting: 0,
        rooms: 1,
        ..Counts::default()
    };
    assert_eq!(bench.engine.counts()[ARRIVAL], ("forward", counts));
    let states = bench.engine.workers();
    assert_eq!(
        (states[0].up, states[0].rooms, states[1].rooms),
        (true, 1, 0)
    );
}

#[test]
fn what_the_rooms_service_says_to_x_waits_until_y_is_there() {
    let (mut bench, _) = Bench::two_came(ARRIVAL);
    bench.connected(3, 1);
    bench.input(3, Input::Data(b"OK seat X\n"));
    assert_eq!(
        bench.input(3, Input::Data(b"YOU'RE CONNECTED")),
        (0, vec![Output::ReadOn(id(3))])
    );
}

#[test]
fn a_worker_that_does_not_stop_speaking_to_x_is_not_read_on_for_ever() {
    let (mut bench, _) = Bench::two_came(ARRIVAL);
    bench.connected(3, 1);
    bench.input(3, Input::Data(b"OK seat X\n"));
    let words = [b'x'; crate::limits::BUFFER_FLOOR];
    assert_eq!(bench.input(3, Input::Data(&words)), (0, vec![]));
}

#[test]
fn a_worker_that_welcomes_x_and_sends_it_away_before_y_comes_has_failed() {
    let (mut bench, _) = Bench::two_came(ARRIVAL);
    bench.connected(3, 1);
    // Whoever does not read on behind the welcome does not find FIN.
    let outputs = bench.input(3, Input::Data(b"OK seat X\nYOU'RE")).1;
    assert!(outputs.contains(&Output::ReadOn(id(3))), "{outputs:?}");
    bench.connected(4, 2);
    let outputs = bench.tell(3, Input::Eof { unread: b"YOU'RE" });
    assert_eq!(outputs[1..], [hung_up(3), hung_up(4), dial(1, SECOND)]);
}

#[test]
fn workers_that_several_listeners_name_are_told_of_once() {
    let bench = handed_over();
    let names = bench.engine.workers().into_iter().map(|state| state.name);
    assert_eq!(names.collect::<Vec<_>>(), ["first:1001", "second:1001"]);
}

#[test]
fn where_lines_are_spoken_nobody_has_a_role() {
    let mut bench = main_server();
    bench.accept(1, NAMED_LINES);
    let outputs = bench.input(1, Input::Data(b"JOIN r produce\n")).1;
    assert_eq!(
        outputs.last(),
        Some(&Output::Close {
            client: id(1),
            reason: BadHello,
            ending: Ending::Finish
        })
    );
}

#[test]
fn an_answer_may_come_in_pieces() {
    let (mut bench, _) = Bench::two_came(ARRIVAL);
    bench.connected(3, 1);
    let read_on = vec![Output::ReadOn(id(3))];
    assert_eq!(bench.input(3, Input::Data(b"OK se")), (0, read_on));
    assert_eq!(
        bench.input(3, Input::Data(b"OK seat X\n")),
        (10, vec![dial(2, FIRST)])
    );
}

#[test]
fn each_client_and_its_connection_end_by_themselves() {
    let mut bench = handed_over();
    assert_eq!(bench.happen(Eof(1)), vec![finish(3)]);
    assert_eq!(bench.happen(Eof(4)), vec![finish(2)]);
    let outputs = bench.happen(Eof(3));
    assert_eq!(outputs[1..], [close(1, Done), close(3, Done)]);
    assert_eq!(bench.engine.clients(), 1);
    let outputs = bench.happen(Lost(4));
    assert_eq!(outputs[1..], [close(2, PartnerLost), close(4, Reset)]);
    assert_eq!(bench.engine.clients(), 0);
    assert_eq!(bench.engine.workers()[0].rooms, 0);
    let [session] = bench.sessions[..] else {
        panic!("one for the room: {:?}", bench.sessions);
    };
    assert_eq!(
        (session.mood, session.members),
        (Mood::Happy, Members::two(id(1), id(3)))
    );
    let counts = bench.engine.counts()[ARRIVAL].1;
    assert_eq!((counts.clients, counts.waiting, counts.rooms), (0, 0, 0));
    assert!(
        bench.openings.contains(&(id(3), 10)),
        "OK seat is no part of the stream"
    );
    assert_eq!(bench.engine.poll_timeout(), None);
}

#[test]
fn a_worker_that_dies_cuts_the_clients_of_its_rooms() {
    let mut bench = handed_over();
    let outputs = bench.happen(Lost(3));
    assert_eq!(outputs[1..], [close(1, PartnerLost), close(3, Reset)]);
    assert_eq!(PartnerLost.ending(), Ending::FlushThenReset);
}

#[test]
fn a_stop_ends_what_is_not_handed_over_and_lets_the_rest_finish() {
    let (mut bench, _) = Bench::two_came(ARRIVAL);
    bench.connected(3, 1);
    let outputs = bench.happen(Stop);
    assert_eq!(outputs[0], hung_up(3));
    assert!(outputs.contains(&close(1, Stopping)) && outputs.contains(&close(2, Stopping)));
    assert!(bench.engine.is_stopped());

    let mut bench = handed_over();
    assert_eq!(bench.happen(Stop), vec![]);
    for client in [1, 3, 2, 4] {
        assert!(!bench.engine.is_stopped());
        bench.happen(Eof(client));
    }
    assert!(bench.engine.is_stopped());
}

#[test]
fn names_and_roles_and_acknowledgements() {
    let (mut bench, _) = Bench::two_came(NAMED);
    let (_, outputs) = bench.input(1, Input::Data(b"JOIN somewhere consume ack\n"));
    assert_eq!(outputs, vec![Output::Resume(id(1))]);
    let (taken, outputs) = bench.input(2, Input::Data(b"JOIN somewhere produce\nbytes"));
    assert_eq!(taken, 23);
    let Output::Dial { client, to } = outputs[0] else {
        panic!("{outputs:?}");
    };
    assert_eq!(client, id(1));
    let hello = bench.connected(3, 1);
    assert!(hello.starts_with("JOIN somewhere."), "{hello:?}");
    assert!(hello.ends_with(" consume seat\n"), "{hello:?}");
    assert_eq!(
        bench.input(3, Input::Data(b"OK seat X\n")).1,
        vec![dial(2, to)]
    );
    assert_eq!(bench.connected(4, 2), hello.replace("consume", "produce"));
    let outputs = bench.input(4, Input::Data(b"OK seat Y\n")).1;
    let told = Output::Send {
        to: id(1),
        payload: Payload::Text(format!("OK X {PEER}\n").into_bytes().into()),
    };
    // What a consumer says goes nowhere.
    assert_eq!(
        outputs[1..],
        [
            told,
            forward(3, 1),
            Output::Resume(id(1)),
            forward(2, 4),
            forward(4, 2)
        ]
    );
    assert_eq!(bench.input(1, Input::Data(b"not heard")), (9, vec![]));
}

#[test]
fn whoever_speaks_for_others_is_told_of_its_seat_first() {
    let mut bench = Bench::new();
    let said = |client, side| Output::Send {
        to: id(client),
        payload: Payload::Text(format!("OK seat {side}\n").into_bytes().into()),
    };
    bench.accept(1, 4);
    let outputs = bench.input(1, Input::Data(b"JOIN r seat\n")).1;
    assert_eq!(outputs[0], said(1, 'X'), "before the welcome");
    assert_eq!(outputs.len(), 2);
    bench.accept(2, 4);
    assert_eq!(
        bench.input(2, Input::Data(b"JOIN r seat\n")).1[0],
        said(2, 'Y')
    );
}

#[test]
fn a_worker_is_told_where_a_client_comes_from_if_it_is_to_know() {
    let options = [("to", "first:1001"), ("proxy", "v2")];
    let service = (factory("forward", &options), Meeting::Arrival);
    let mut bench = Bench::of([service], Timeouts::default());
    let local = (Ipv4Addr::LOCALHOST, 1000).into();
    bench.engine.set_worker(0, 0, vec![FIRST]);
    bench.engine.set_local(0, local);
    bench.tell(
        1,
        Input::Accepted {
            listener: 0,
            peer: ELSEWHERE,
        },
    );
    bench.tell(2, accepted(0));
    let client = id(1);
    bench.tell(3, Input::Dialing { client });
    let said = bench.tell(3, Input::Dialed);
    let [
        Output::Send {
            payload: Payload::Text(said),
            ..
        },
    ] = &said[..]
    else {
        panic!("{said:?}");
    };
    let header = proxy::header_v2(ELSEWHERE, local);
    assert!(said.starts_with(&header) && said[header.len()..].starts_with(b"JOIN any."));
}
