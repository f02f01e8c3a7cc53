//! What workers and clients may do to a main server.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use crate::common::{Daemon, End, end_of, receive};

/// A main server for a worker that the test plays.
fn main_server(worker: &TcpListener, options: &[&str]) -> Daemon {
    let url = format!("forward://127.0.0.1:0?to={}", worker.local_addr().unwrap());
    Daemon::serve(&[&url], options)
}

fn worker() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

/// Takes a client in, as X or Y.
fn seat(worker: &TcpListener, side: char) -> TcpStream {
    let (mut leg, _) = worker.accept().unwrap();
    let mut byte = [0];
    while byte != *b"\n" {
        leg.read_exact(&mut byte).unwrap();
    }
    leg.write_all(format!("OK seat {side}\n").as_bytes())
        .unwrap();
    leg
}

/// Sends until nobody takes any more.
fn fill(client: &mut TcpStream) {
    client
        .set_write_timeout(Some(Duration::from_millis(300)))
        .unwrap();
    client.write_all(&vec![0; 256 << 20]).unwrap_err();
}

#[test]
fn connections_that_no_worker_reads_do_not_pile_up() {
    let worker = worker();
    let mut main = main_server(&worker, &["--max-clients", "2", "--idle-timeout", "300ms"]);
    let (mut x, y) = main.pair();
    let _legs = [seat(&worker, 'X'), seat(&worker, 'Y')];
    fill(&mut x);
    main.has_clients(0);
    drop((x, y));
    // What X has said is still being sent to its worker, and for Y of the next pair there is no place beside that.
    let (mut x, mut y) = main.pair();
    let _leg = seat(&worker, 'X');
    assert_eq!([end_of(&mut x), end_of(&mut y)], [End::Reset, End::Reset]);
    main.stderr.find("this system has no connection for it");
}

#[test]
fn a_worker_that_talks_before_it_answers_has_failed() {
    let worker = worker();
    let mut main = main_server(&worker, &[]);
    let (mut x, mut y) = main.pair();
    let talker = thread::spawn(move || {
        let (mut leg, _) = worker.accept().unwrap();
        leg.write_all(&vec![b'x'; 64 << 20]).unwrap_err();
    });
    assert_eq!([end_of(&mut x), end_of(&mut y)], [End::Reset, End::Reset]);
    main.stderr.find("it said \"xxxx");
    talker.join().unwrap();
}

#[test]
fn clients_with_roles_do_not_keep_others_from_a_chat_worker() {
    let worker = Daemon::serve(&["chat://127.0.0.1:0?rooms=named"], &[]);
    let url = format!("forward://127.0.0.1:0?rooms=named&to={}", worker.address(0));
    let mut main = Daemon::serve(&[&url], &[]);
    let (mut x, mut y) = (main.say("JOIN r produce\n"), main.say("JOIN r consume\n"));
    for client in [&mut x, &mut y] {
        receive(client, b"ERR full no worker\n");
    }
    let (mut x, _y) = (main.say("JOIN r\n"), main.say("JOIN r\n"));
    receive(&mut x, b"YOU'RE CONNECTED TO : @MAIN SERVER\n");
    main.has_clients(2);
}
