//! Main servers: workers that fail, and clients that leave, before a pair is handed over.

use super::forward::*;
use super::*;
use crate::engine::note::WorkerFailure;

/// Clients `x` and the next meet in this room. Answers where the room is to go.
fn meet(bench: &mut Bench, x: u64, room: &str) -> SocketAddr {
    let hello = format!("JOIN {room}\n").into_bytes();
    for client in [x, x + 1] {
        bench.accept(client, NAMED);
        let outputs = bench.input(client, Input::Data(&hello)).1;
        if let [Output::Dial { to, .. }] = outputs[..] {
            return to;
        }
    }
    panic!("nobody was dialed for {room}");
}

fn failed(worker: &str, address: SocketAddr, why: &str) -> Output {
    Output::Note(Note::WorkerFailed(Box::new(WorkerFailure {
        worker: worker.into(),
        address,
        why: why.into(),
        rest: Some(Duration::from_secs(1)),
    })))
}

#[test]
fn the_next_worker_is_tried_if_one_fails() {
    type Fail = fn(&mut Bench) -> Vec<Output>;
    let table: [(&str, Fail); 8] = [
        ("it can't be dialed", |bench| {
            bench.tell(1, Input::NotDialed { for_want: false })
        }),
        ("connection reset", |bench| {
            bench.tell(3, Input::Dialing { client: id(1) });
            bench.tell(3, Input::Lost(Reset))
        }),
        ("no answer in time", |bench| {
            bench.tell(3, Input::Dialing { client: id(1) });
            bench.happen(Later(PATIENCE))
        }),
        ("no answer in time", |bench| {
            bench.connected(3, 1);
            bench.happen(Later(PATIENCE))
        }),
        ("left without a word", |bench| {
            bench.connected(3, 1);
            bench.happen(Eof(3))
        }),
        ("it said \"ERR closing the server stops\"", |bench| {
            bench.connected(3, 1);
            bench.tell(3, Input::Data(b"ERR closing the server stops\n"))
        }),
        ("connection reset", |bench| {
            bench.connected(3, 1);
            bench.input(3, Input::Data(b"OK seat X\n"));
            bench.connected(4, 2);
            // X has its seat, and loses it again.
            bench.tell(3, Input::Lost(Reset))
        }),
        ("no answer in time", |bench| {
            bench.connected(3, 1);
            bench.happen(Later(PATIENCE - MOMENT));
            bench.input(3, Input::Data(b"OK seat X\n"));
            bench.connected(4, 2);
            // Each of the two has that much time.
            assert_eq!(bench.happen(Later(PATIENCE - MOMENT)), vec![]);
            bench.happen(Later(MOMENT))
        }),
    ];
    for (row, (why, fail)) in table.into_iter().enumerate() {
        let (mut bench, _) = Bench::two_came(ARRIVAL);
        let outputs = fail(&mut bench);
        assert_eq!(outputs[0], failed("first:1001", FIRST, why), "row {row}");
        assert_eq!(outputs.last(), Some(&dial(1, SECOND)), "row {row}");
        for output in &outputs[1..outputs.len() - 1] {
            assert!(
                [hung_up(3), hung_up(4)].contains(output),
                "row {row}: {output:?}"
            );
        }
        bench.connected(5, 1);
        assert_eq!(
            bench.input(5, Input::Data(b"OK seat X\n")).1,
            vec![dial(2, SECOND)]
        );
        bench.connected(6, 2);
        assert_eq!(
            bench.input(6, Input::Data(b"OK seat Y\n")).1[1],
            forward(1, 5)
        );
        let states = bench.engine.workers();
        assert_eq!((states[0].up, states[0].rooms), (false, 0), "row {row}");
        assert_eq!((states[1].up, states[1].rooms), (true, 1), "row {row}");
    }
}

/// Both workers refuse the room of clients 1 and 2.
fn no_worker(listener: ListenerId) -> Vec<Output> {
    let (mut bench, _) = Bench::two_came(listener);
    bench.tell(1, Input::NotDialed { for_want: false });
    let outputs = bench.tell(1, Input::NotDialed { for_want: false });
    assert_eq!(bench.engine.clients(), 0);
    assert_eq!(bench.engine.poll_timeout(), None);
    let moods: Vec<Mood> = bench.sessions.iter().map(|session| session.mood).collect();
    assert_eq!(moods, [Mood::Lonely; 2]);
    outputs[1..].to_vec()
}

#[test]
fn if_no_worker_is_left_both_are_cut() {
    let both = [left(1, NoWorker), left(2, NoWorker)].concat();
    assert_eq!(no_worker(ARRIVAL), both);
    assert_eq!(
        NoWorker.ending(),
        Ending::FlushThenReset,
        "without words it is RST"
    );
}

#[test]
fn if_they_understand_words_they_are_told() {
    let told = |client| Output::Send {
        to: id(client),
        payload: Payload::Text(b"ERR full no worker\n".into()),
    };
    let outputs = no_worker(LINES);
    assert_eq!([&outputs[1], &outputs[4]], [&told(1), &told(2)]);
    let Output::Close { ending, .. } = outputs[2] else {
        panic!("{outputs:?}");
    };
    assert_eq!(ending, Ending::Finish);
}

#[test]
fn a_worker_that_failed_is_left_out_until_its_time_has_come() {
    let (mut bench, _) = Bench::two_came(ARRIVAL);
    bench.tell(1, Input::NotDialed { for_want: false });
    bench.happen(Lost(1));
    for (client, later, tried) in [
        (11, Duration::ZERO, SECOND),
        (13, Duration::from_secs(1), FIRST),
    ] {
        bench.happen(Later(later));
        bench.accept(client, ARRIVAL);
        assert_eq!(bench.accept(client + 1, ARRIVAL), vec![dial(client, tried)]);
    }
    let client = id(13);
    bench.tell(20, Input::Dialing { client });
    bench.tell(20, Input::Dialed);
    let outputs = bench.input(20, Input::Data(b"OK seat X\n")).1;
    let worker = "first:1001".into();
    assert_eq!(outputs[0], Output::Note(Note::WorkerUp { worker }));
}

#[test]
fn one_of_the_two_leaves_in_the_midst_of_it() {
    let lost = |client, reason| {
        vec![
            Output::Note(Note::LeftLobby {
                client: id(client),
                reason,
            }),
            close(client, reason),
        ]
    };
    // Whoever finishes early is still to be handed over.
    let (mut bench, _) = Bench::two_came(ARRIVAL);
    assert_eq!(bench.happen(Eof(1)), vec![]);
    bench.connected(3, 1);
    assert_eq!(bench.happen(Eof(2)), vec![]);
    bench.input(3, Input::Data(b"OK seat X\n"));
    bench.connected(4, 2);
    let outputs = bench.input(4, Input::Data(b"OK seat Y\n")).1;
    assert!(
        outputs.contains(&finish(3)) && outputs.contains(&finish(4)),
        "{outputs:?}"
    );

    let (mut bench, _) = Bench::two_came(ARRIVAL);
    bench.connected(3, 1);
    let both = [vec![hung_up(3)], lost(1, PartnerLost), lost(2, Reset)].concat();
    assert_eq!(bench.happen(Lost(2)), both);
    assert_eq!(bench.engine.poll_timeout(), None);

    // What was dialed for somebody who has gone is nobody's.
    let (mut bench, _) = Bench::two_came(ARRIVAL);
    bench.happen(Lost(1));
    assert_eq!(
        bench.tell(3, Input::Dialing { client: id(1) }),
        vec![hung_up(3)]
    );
}

#[test]
fn a_worker_that_refuses_one_room_takes_others() {
    for refusal in ["ERR hello this service has no roles", "ERR room no"] {
        let (mut bench, _) = Bench::two_came(ARRIVAL);
        bench.connected(3, 1);
        let outputs = bench.tell(3, Input::Data(format!("{refusal}\n").as_bytes()));
        let passed_over = Note::WorkerFailed(Box::new(WorkerFailure {
            worker: "first:1001".into(),
            address: FIRST,
            why: format!("it said {refusal:?}"),
            rest: None,
        }));
        assert_eq!(outputs[0], Output::Note(passed_over));
        assert_eq!(outputs.last(), Some(&dial(1, SECOND)));
        assert!(bench.engine.workers()[0].up);
    }
}

#[test]
fn an_address_with_too_many_clients_does_not_keep_others_from_a_worker() {
    // Only a worker that is told whose clients they are can mean the client.
    for (listener, is_up) in [(PROXY, true), (ARRIVAL, false)] {
        let (mut bench, _) = Bench::two_came(listener);
        let client = id(1);
        bench.tell(3, Input::Dialing { client });
        bench.tell(3, Input::Dialed);
        let refusal = b"ERR full your address has as many clients here as it may\n";
        let outputs = bench.tell(3, Input::Data(refusal));
        assert_eq!(outputs.last(), Some(&dial(1, SECOND)));
        assert_eq!(bench.engine.workers()[0].up, is_up, "listener {listener}");
    }
}

#[test]
fn what_the_system_here_lacks_is_not_the_workers_fault() {
    let (mut bench, _) = Bench::two_came(ARRIVAL);
    let outputs = bench.tell(1, Input::NotDialed { for_want: true });
    assert_eq!(outputs.last(), Some(&dial(1, SECOND)));
    assert!(bench.engine.workers()[0].up);
}

#[test]
fn a_worker_whose_rest_is_over_is_left_to_a_room_that_tries_it() {
    let (mut bench, _) = Bench::two_came(ARRIVAL);
    bench.happen(Lost(1));
    let mut client = 10;
    let mut meet = |bench: &mut Bench, room: &str| {
        client += 10;
        (client, meet(bench, client, room))
    };
    let mut room_of = |bench: &mut Bench, worker| {
        let rooms = (0..).map(|number| format!("room-{number}"));
        let mut rooms = rooms.filter(|room| {
            let (client, to) = meet(bench, room);
            bench.happen(Lost(client));
            to == worker
        });
        rooms.next().expect("names are many")
    };
    let (first, second) = (room_of(&mut bench, FIRST), room_of(&mut bench, SECOND));
    let (client, _) = meet(&mut bench, &first);
    bench.tell(client, Input::NotDialed { for_want: false });
    bench.happen(Lost(client));
    bench.happen(Later(Duration::from_secs(1)));
    assert_eq!(meet(&mut bench, &second).1, SECOND);
    assert_eq!(meet(&mut bench, &first).1, FIRST);
}

#[test]
fn a_second_client_that_gets_the_firsts_seat_is_not_handed_over() {
    // The worker has sent X away since, perhaps because it waits for nobody that long.
    let (mut bench, _) = Bench::two_came(ARRIVAL);
    bench.connected(3, 1);
    bench.input(3, Input::Data(b"OK seat X\n"));
    bench.connected(4, 2);
    let (taken, outputs) = bench.input(4, Input::Data(b"OK seat X\n"));
    assert_eq!(taken, 10);
    let closed = [hung_up(3), hung_up(4), dial(1, SECOND)];
    assert_eq!(outputs[1..], closed);
    let states = bench.engine.workers();
    assert!(states[0].up, "that was no fault of the worker's");
}
