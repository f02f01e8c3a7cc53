//! Workers of a main server that are down, mute, something else, or full.

use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use crate::common::forward::{RELAY, both, main_server, nobody, pair};
use crate::common::{Daemon, End, end_of, eventually, read_all, receive};

#[test]
fn a_worker_that_is_down_is_passed_over_and_tried_again() {
    let gone = nobody();
    let worker = Daemon::serve(&[RELAY], &[]);
    let mut main = main_server(&[gone, worker.address(0)], "");
    for _ in 0..4 {
        pair(&mut main);
        main.has_clients(0);
    }
    main.stderr.find(&format!(
        "worker {gone} at {gone}: it can't be connected to"
    ));
    main.report();
    main.stderr.find(&format!("worker {gone}: down, 0 rooms"));
    main.stderr
        .find(&format!("worker {}: up, 0 rooms", worker.address(0)));
    // It comes back, and is given rooms again when its time has come.
    let back = Daemon::serve(&[&format!("relay://{gone}?rooms=named")], &[]);
    eventually("the worker that came back has a room", || {
        pair(&mut main);
        main.has_clients(0);
        // The log has its limit, too.
        thread::sleep(Duration::from_millis(50));
        main.report();
        main.stderr.find(&format!("worker {gone}: ")).contains("up")
    });
    drop(back);
}

#[test]
fn without_a_worker_raw_clients_are_reset_and_others_are_told() {
    let mut raw = main_server(&[nobody()], "");
    let (mut x, mut y) = raw.pair();
    assert_eq!(end_of(&mut x), End::Reset);
    assert_eq!(end_of(&mut y), End::Reset);
    raw.has_clients(0);
    let told = (b"ERR full no worker\n".to_vec(), End::Fin);
    let lines = main_server(&[nobody()], "&lines=on");
    let (mut x, mut y) = lines.pair();
    assert_eq!(
        [read_all(&mut x), read_all(&mut y)],
        [told.clone(), told.clone()]
    );
    let named = main_server(&[nobody()], "&rooms=named");
    let (mut x, mut y) = (named.say("JOIN r\n"), named.say("JOIN r\n"));
    for client in [&mut x, &mut y] {
        receive(client, &told.0);
        assert_eq!(
            end_of(client),
            End::Reset,
            "whoever waits for bytes must not take this for their end"
        );
    }
}

#[test]
fn a_worker_whose_name_has_no_address_does_not_keep_the_others_from_being_used() {
    let worker = Daemon::serve(&[RELAY], &[]);
    let address = worker.address(0);
    let url = format!("forward://127.0.0.1:0?to=nobody.invalid:1,{address}");
    let mut main = Daemon::serve(&[&url], &[]);
    main.stderr.find("worker nobody.invalid:1: ");
    pair(&mut main);
    main.report();
    main.stderr.find("worker nobody.invalid:1: down, 0 rooms");
    main.stderr.find(&format!("worker {address}: up, 1 rooms"));
}

#[test]
fn a_worker_that_says_nothing_is_given_up() {
    let mute = TcpListener::bind("127.0.0.1:0").unwrap();
    let worker = Daemon::serve(&[RELAY], &[]);
    let workers = [mute.local_addr().unwrap(), worker.address(0)];
    let mut main = main_server(&workers, "&patience=50ms");
    pair(&mut main);
    main.stderr.find("no answer in time");
}

#[test]
fn a_worker_of_another_kind_is_no_worker() {
    // It has no rooms with names, and so takes the hello for the client's first line.
    let arrival = Daemon::serve(&["order://127.0.0.1:0"], &[]);
    let refuses = Daemon::serve(&["transit://127.0.0.1:0"], &[]);
    let workers = [arrival.address(0), refuses.address(0)];
    let mut main = main_server(&workers, "&patience=100ms");
    let (mut x, mut y) = main.pair();
    assert_eq!(end_of(&mut x), End::Reset);
    assert_eq!(end_of(&mut y), End::Reset);
    main.stderr.find("it said \"bad handshake\"");
}

#[test]
fn a_named_room_stays_on_its_worker_when_another_goes() {
    let mut workers: Vec<Daemon> = (0..3).map(|_| Daemon::serve(&[RELAY], &[])).collect();
    let addresses: Vec<SocketAddr> = workers.iter().map(|worker| worker.address(0)).collect();
    let mut main = main_server(&addresses, "&rooms=named");
    let place = |main: &mut Daemon, room: usize| {
        let mut x = main.say(format!("JOIN room-{room}\nx"));
        let mut y = main.say(format!("JOIN room-{room}\ny"));
        receive(&mut x, b"y");
        receive(&mut y, b"x");
        let line = main.stderr.find("are now connected by worker");
        drop((x, y));
        main.has_clients(0);
        line.rsplit(' ').next().unwrap().to_owned()
    };
    let before: Vec<String> = (0..12).map(|room| place(&mut main, room)).collect();
    let gone = addresses[0].to_string();
    assert!(before.contains(&gone));
    workers[0].kill();
    for (room, before) in before.iter().enumerate() {
        let now = place(&mut main, room);
        assert!(
            now != gone && (now == *before || *before == gone),
            "{room}: {before}, {now}"
        );
    }
}

#[test]
fn a_worker_that_dies_cuts_its_rooms_and_is_no_clean_end() {
    let (mut main, mut worker) = both(RELAY);
    let (mut x, mut y) = pair(&mut main);
    worker.kill();
    assert_eq!(end_of(&mut x), End::Reset);
    assert_eq!(end_of(&mut y), End::Reset);
    main.has_clients(0);
}

#[test]
fn a_worker_counts_the_clients_of_each_source_behind_a_main_server() {
    let worker = "relay://127.0.0.1:0?rooms=named&proxy=on";
    let worker = Daemon::serve(&[worker], &["--max-clients-per-source", "2"]);
    let mut main = main_server(&[worker.address(0)], "&proxy=v2");
    let _first = pair(&mut main);
    // Two more of this address: for them the worker has no place, and there is no other worker.
    let (mut x, mut y) = main.pair();
    assert_eq!([end_of(&mut x), end_of(&mut y)], [End::Reset, End::Reset]);
    main.stderr.find("it said \"ERR full ");
    main.report();
    let state = format!("worker {}: up, 1 rooms", worker.address(0));
    main.stderr.find(&state);
}
