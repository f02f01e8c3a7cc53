//! Workers of a main server that are down, mute, something else, or full.

use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::common::forward::{RELAY, both, main_server, nobody, pair};
use crate::common::{
    AtRest, Bystander, Client, Daemon, End, Noise, end_of, eventually, patient, read, read_all,
    receive,
};

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
    assert!(!meets(&raw));
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
    main.stderr.find(&format!("worker {address}: up, 1 room"));
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

/// X and Y have come beside so many others, and know each other. Answers on which worker.
fn one_more_pair(main: &mut Daemon, others: usize) -> (String, TcpStream, TcpStream) {
    let mut x = main.connect();
    main.has_clients(others + 1);
    let mut y = main.connect();
    let line = main.stderr.find("are now connected by worker");
    y.write_all(b"y").unwrap();
    receive(&mut x, b"y");
    let worker = line.rsplit(' ').next().unwrap().to_owned();
    (worker, x, y)
}

#[test]
fn a_worker_that_dies_in_mid_room_leaves_the_rooms_of_others_and_nothing_else() {
    let worker = || Daemon::serve(&[RELAY], &[]);
    for options in [&[][..], &["--no-splice"]] {
        let workers = [worker(), worker()];
        let [dying, living] = workers.each_ref().map(|worker| worker.address(0));
        let url = format!("forward://127.0.0.1:0?to={dying},{living}");
        let mut main = Daemon::serve(&[&url], options);
        bulk(&mut main);
        let rest = AtRest::of(&mut main);
        one_of_two_dies(&mut main, workers);
        if !options.is_empty() {
            // Pipes are kept for the next ones.
            rest.is_back(&mut main);
        }
    }
}

/// Much goes through one room.
fn bulk(main: &mut Daemon) {
    let noise = Noise::new(4);
    let (_, x, mut y) = one_more_pair(main, 0);
    // As much as it takes in, so that its buffers have once been as large as they get.
    let sent = noise.send_until_stopped(&x, main);
    noise.receive(&mut y, 0..sent);
    drop((x, y));
    main.has_clients(0);
}

/// The first of these workers dies while there are rooms on both.
fn one_of_two_dies(main: &mut Daemon, [mut dying, _living]: [Daemon; 2]) {
    let mut rooms: Vec<_> = (0..4)
        .map(|number| one_more_pair(main, 2 * number))
        .collect();
    let on_dying = dying.address(0).to_string();
    rooms.sort_by_key(|(worker, ..)| *worker != on_dying);
    let noise = Noise::new(3);
    let others = rooms.split_off(2);
    assert!(rooms.iter().all(|(worker, ..)| *worker == on_dying));
    assert!(others.iter().all(|(worker, ..)| *worker != on_dying));
    let [(_, mut x, mut y), (_, second_x, second_y)] = <[_; 2]>::try_from(others).unwrap();
    thread::scope(|scope| {
        // Somebody sends all the time, in the midst of which the worker dies.
        let cut = rooms.into_iter().map(|(_, mut x, mut y)| {
            let noise = &noise;
            scope.spawn(move || while noise.try_send(&mut x, 0..1 << 20) {});
            scope.spawn(move || noise_until_cut(noise, &mut y))
        });
        let cut: Vec<_> = cut.collect();
        Bystander::beside((second_x, second_y), || {
            noise.send(&mut x, 0..1 << 20);
            dying.kill();
            noise.send(&mut x, 1 << 20..2 << 20);
            noise.receive(&mut y, 0..2 << 20);
        });
        for reader in cut {
            assert_eq!(reader.join().unwrap(), End::Reset, "a cut is no clean end");
        }
    });
    drop((x, y));
    main.has_clients(0);
}

/// Reads one stream of a MiB after the other until it ends.
fn noise_until_cut(noise: &Noise, stream: &mut TcpStream) -> End {
    loop {
        let (position, end) = noise.receive_up_to(stream, 0..1 << 20);
        match end {
            Some(end) => return end,
            None => assert_eq!(position, 1 << 20),
        }
    }
}

#[test]
fn our_clients_take_the_death_of_a_worker_for_a_cut() {
    let (main, mut worker) = both(RELAY);
    let mut consumer = Client::start("consume", main.address(0), &[]);
    let mut producer = Client::start("produce", main.address(0), &[]);
    producer.say(b"the first half\n");
    assert_eq!(consumer.stdout.next().unwrap(), "the first half");
    worker.kill();
    assert!(consumer.ends(1).contains("cut"));
    assert!(producer.ends(1).contains("cut"));
}

#[test]
fn lines_of_a_room_whose_worker_dies_end_with_a_cut_too() {
    let (mut main, mut worker) = both("chat://127.0.0.1:0?rooms=named");
    let mut x = main.connect();
    main.has_clients(1);
    let mut y = main.connect();
    receive(&mut x, b"YOU'RE CONNECTED TO : @MAIN SERVER\n");
    x.write_all(b"hello\n").unwrap();
    receive(&mut y, b"hello\n");
    worker.kill();
    assert_eq!([end_of(&mut x), end_of(&mut y)], [End::Reset; 2]);
    main.has_clients(0);
}

/// A pair comes. Answers whether it has a room; if not, both are reset.
fn meets(main: &Daemon) -> bool {
    let mut x = main.connect();
    x.write_all(b"x").unwrap();
    // Y may be reset before it knows that it is connected.
    let y = TcpStream::connect(main.address(0)).inspect(patient);
    let end = match y {
        Ok(mut y) => read(&mut y, &mut [0]).err(),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
            Some(End::Reset)
        }
    };
    let Some(end) = end else { return true };
    assert_eq!([end_of(&mut x), end], [End::Reset; 2]);
    false
}

/// Pairs come until one has a room.
fn finds_its_worker(main: &mut Daemon) {
    eventually("the worker has a room", || {
        let is_met = meets(main);
        main.has_clients(0);
        is_met
    });
}

#[test]
fn a_main_server_that_starts_before_its_only_worker_finds_it_later() {
    let later = nobody();
    let mut main = main_server(&[later], "");
    for _ in 0..3 {
        assert!(!meets(&main));
    }
    main.has_clients(0);
    let rest = AtRest::of(&mut main);
    let mut worker = Daemon::serve(&[&format!("relay://{later}?rooms=named")], &[]);
    finds_its_worker(&mut main);
    // And again, after it was killed and has come back.
    worker.kill();
    assert!(!meets(&main));
    let _worker = Daemon::serve(&[&format!("relay://{later}?rooms=named")], &[]);
    finds_its_worker(&mut main);
    rest.is_back(&mut main);
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
    let state = format!("worker {}: up, 1 room", worker.address(0));
    main.stderr.find(&state);
}
