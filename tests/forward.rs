//! A main server and its workers, each a process of its own.

mod common;

use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use common::{
    Client, Daemon, End, Noise, Signal, connect, end_of, eventually, read_all, receive, reset,
};

const RELAY: &str = "relay://127.0.0.1:0?rooms=named";
const CHAT: &str = "chat://127.0.0.1:0?rooms=named";
const ORDER: &str = "order://127.0.0.1:0?rooms=named";
const WELCOME: &[u8] = b"YOU'RE CONNECTED TO : @MAIN SERVER\n";

/// A main server for these workers.
fn main_server(workers: &[SocketAddr], options: &str) -> Daemon {
    let workers: Vec<String> = workers.iter().map(SocketAddr::to_string).collect();
    let url = format!("forward://127.0.0.1:0?to={}{options}", workers.join(","));
    Daemon::serve(&[&url], &[])
}

/// A worker with one service, and a main server that has no other.
fn both(service: &str) -> (Daemon, Daemon) {
    let worker = Daemon::serve(&[service], &[]);
    let main = main_server(&[worker.address(0)], "");
    (main, worker)
}

/// An address where nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

/// X and Y have come, in this order, and know each other.
fn pair(main: &mut Daemon) -> (TcpStream, TcpStream) {
    let mut x = main.connect();
    main.has_clients(1);
    let mut y = main.connect();
    y.write_all(b"y").unwrap();
    receive(&mut x, b"y");
    x.write_all(b"x").unwrap();
    receive(&mut y, b"x");
    (x, y)
}

#[test]
fn a_relay_carries_bytes_both_ways_and_fin_of_each() {
    let (mut main, mut worker) = both(RELAY);
    let (mut x, mut y) = pair(&mut main);
    let noise = Noise::new(1);
    let sender = thread::spawn(move || {
        noise.send(&mut x, 0..20_000_000);
        x.shutdown(Shutdown::Write).unwrap();
        x
    });
    let noise = Noise::new(1);
    assert_eq!(noise.receive_all(&mut y, 0), (20_000_000, End::Fin));
    let mut x = sender.join().unwrap();
    // The other direction goes on.
    y.write_all(b"got it").unwrap();
    y.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut x), (b"got it".to_vec(), End::Fin));
    main.has_clients(0);
    worker.has_clients(0);
}

#[test]
fn what_was_said_before_the_partner_came_arrives() {
    let (mut main, _worker) = both(RELAY);
    let mut x = main.say("early");
    x.shutdown(Shutdown::Write).unwrap();
    main.settle();
    let mut y = main.connect();
    y.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut y), (b"early".to_vec(), End::Fin));
    assert_eq!(end_of(&mut x), End::Fin);
}

#[test]
fn a_client_that_is_reset_takes_its_partner_with_it_and_nothing_that_came_is_lost() {
    let (mut main, mut worker) = both(RELAY);
    let (mut x, mut y) = pair(&mut main);
    let noise = Noise::new(2);
    noise.send(&mut x, 0..100_000);
    eventually("everything is on its way", || {
        main.report();
        let bytes: u64 = main
            .stderr
            .find("forward: ")
            .split(", ")
            .find_map(|part| part.strip_suffix(" bytes")?.parse().ok())
            .unwrap();
        bytes >= 100_002
    });
    reset(x);
    assert_eq!(noise.receive_all(&mut y, 0), (100_000, End::Reset));
    main.has_clients(0);
    worker.has_clients(0);
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
fn chat_keeps_its_turns() {
    let (mut main, _worker) = both(CHAT);
    let mut x = main.connect();
    main.has_clients(1);
    let mut y = main.connect();
    receive(&mut x, WELCOME);
    // X has the first turn, on the worker as well.
    y.write_all(b"out of turn\n").unwrap();
    x.write_all(b"hello\n").unwrap();
    receive(&mut y, b"hello\n");
    receive(&mut x, b"out of turn\n");
    x.write_all(b"exit\n").unwrap();
    assert_eq!(read_all(&mut y), (b"exit\n".to_vec(), End::Fin));
    assert_eq!(end_of(&mut x), End::Fin);
}

#[test]
fn order_knows_who_came_first() {
    let (mut main, mut worker) = both(ORDER);
    for _ in 0..20 {
        let mut x = main.connect();
        main.has_clients(1);
        let mut y = main.connect();
        receive(&mut x, b"Client X connected\n");
        receive(&mut y, b"Client Y connected\n");
        y.write_all(b"Bob\n").unwrap();
        assert_eq!(worker.stdout.next().unwrap(), "Y: Bob");
        x.write_all(b"Alice\n").unwrap();
        let answer = b"Y: Bob received before X: Alice\n".to_vec();
        assert_eq!(read_all(&mut x), (answer.clone(), End::Fin));
        assert_eq!(read_all(&mut y), (answer, End::Fin));
        worker.stdout.find("Sent acknowledgment");
        drop((x, y));
        main.has_clients(0);
    }
}

#[test]
fn our_clients_meet_by_name() {
    let worker = Daemon::serve(&[RELAY], &[]);
    let main = main_server(&[worker.address(0)], "&rooms=named");
    let mut consumer = Client::start("consume", main.address(0), &["--room", "here"]);
    let mut producer = Client::start("produce", main.address(0), &["--room", "here"]);
    producer.say(b"through two servers\n");
    producer.end_input();
    assert_eq!(consumer.stdout.next().unwrap(), "through two servers");
    producer.ends(0);
    consumer.ends(0);
}

#[test]
fn a_consumer_may_finish_before_anything_else_happens() {
    let worker = Daemon::serve(&[RELAY], &[]);
    let mut main = main_server(&[worker.address(0)], "&rooms=named");
    let mut consumer = main.say("JOIN r consume ack\n");
    consumer.shutdown(Shutdown::Write).unwrap();
    main.has_clients(1);
    let mut producer = main.say("JOIN r produce ack\nbytes");
    producer.shutdown(Shutdown::Write).unwrap();
    let addresses = [&producer, &consumer].map(|client| client.local_addr().unwrap());
    receive(&mut consumer, format!("OK X {}\n", addresses[0]).as_bytes());
    receive(&mut producer, format!("OK Y {}\n", addresses[1]).as_bytes());
    assert_eq!(read_all(&mut consumer), (b"bytes".to_vec(), End::Fin));
    assert_eq!(end_of(&mut producer), End::Fin);
}

#[test]
fn a_worker_that_is_down_is_passed_over_and_tried_again() {
    let gone = nobody();
    let worker = Daemon::serve(&[RELAY], &[]);
    let mut main = main_server(&[gone, worker.address(0)], "");
    for _ in 0..4 {
        pair(&mut main);
        main.has_clients(0);
    }
    main.stderr.find(&format!("worker {gone} at {gone}: "));
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
fn a_stop_lets_rooms_on_workers_finish() {
    let (mut main, _worker) = both(RELAY);
    let (mut x, mut y) = pair(&mut main);
    main.signal(Signal::TERM);
    main.stdout.find("THE SERVER WILL DISCONNECT");
    x.write_all(b"last").unwrap();
    x.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&mut y), (b"last".to_vec(), End::Fin));
    y.shutdown(Shutdown::Write).unwrap();
    assert_eq!(end_of(&mut x), End::Fin);
    assert_eq!(main.wait().code(), Some(0));
}

#[test]
fn one_process_may_be_main_server_and_worker() {
    let taken = nobody();
    let mut daemon = Daemon::serve(
        &[
            &format!("forward://127.0.0.1:0?to={taken}"),
            &format!("relay://{taken}?rooms=named"),
        ],
        &[],
    );
    let mut x = daemon.connect();
    daemon.has_clients(1);
    let mut y = connect(daemon.address(0));
    y.write_all(b"y").unwrap();
    receive(&mut x, b"y");
    // Two here, and two that came from here.
    daemon.has_clients(4);
}

#[test]
fn no_descriptor_is_left_after_rooms_of_all_kinds() {
    let worker = Daemon::serve(&[RELAY], &[]);
    let mut main = main_server(&[worker.address(0), nobody()], "");
    // The first line of the log opens a descriptor, and that stays.
    pair(&mut main);
    main.has_clients(0);
    let before = main.descriptors().len();
    for round in 0..20 {
        let (x, y) = pair(&mut main);
        match round % 3 {
            0 => reset(x),
            1 => drop((x, y)),
            _ => {
                x.shutdown(Shutdown::Both).unwrap();
                drop(y);
            }
        }
        main.has_clients(0);
    }
    eventually("all descriptors are back", || {
        main.descriptors().len() == before
    });
}
