//! A main server and its workers, each a process of its own.

mod common;

use std::io::Write;
use std::net::Shutdown;
use std::thread;

use common::forward::{RELAY, both, main_server, nobody, pair};
use common::{
    Client, Daemon, End, Noise, Signal, connect, end_of, eventually, read_all, receive, reset,
};

const CHAT: &str = "chat://127.0.0.1:0?rooms=named";
const ORDER: &str = "order://127.0.0.1:0?rooms=named";
const WELCOME: &[u8] = b"YOU'RE CONNECTED TO : @MAIN SERVER\n";

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
fn a_worker_knows_where_clients_come_from_if_it_is_told() {
    let mut worker = Daemon::serve(&["relay://127.0.0.1:0?rooms=named&proxy=on"], &[]);
    let mut main = main_server(&[worker.address(0)], "&proxy=v2");
    let (x, y) = pair(&mut main);
    for (number, client) in [(1, &x), (2, &y)] {
        let address = client.local_addr().unwrap();
        worker
            .stderr
            .find(&format!("client {number}: speaks for {address}"));
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
