//! Clients that come to guess, to flood, or to take every place: others do not notice.

mod common;

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use common::users::{PASSWORD, UserFile, base64, connect_from, log_in, message, read_line};
use common::{Daemon, End, Noise, Signal, connect, end_of, eventually, receive};
use pairloop::limits::{LOGIN_PENALTY, PENALTY_THRESHOLD};

const HERE: [u8; 4] = [127, 0, 0, 1];
const ELSEWHERE: [u8; 4] = [127, 0, 0, 2];

const PENALISED: &str = "ERR auth too many failed logins from your address: try again later";

/// Tries some proof, without the work that a real one would be. Answers what the server says to it in the end.
fn guess(at: SocketAddr) -> String {
    let mut stream = connect_from(HERE, at);
    let hello = format!("JOIN r scram={}\n", base64("n,,n=alice,r=guess"));
    // Whoever is penalised is turned away before it says anything.
    if stream.write_all(hello.as_bytes()).is_err() {
        return PENALISED.into();
    }
    let line = read_line(&mut stream);
    if line.starts_with("ERR ") {
        return line;
    }
    let first = String::from_utf8(message(&line)).expect("text");
    let nonce = first.split(',').next().expect("a nonce");
    let last = format!("c=biws,{nonce},p={}", base64([0; 32]));
    writeln!(stream, "AUTH {}", base64(last)).expect("it is read");
    read_line(&mut stream)
}

/// Rounds of a room, until it is told to stop; every byte must come. Answers how many there were.
fn play(mut x: TcpStream, mut y: TcpStream, stop: &AtomicBool) -> u64 {
    let mut rounds = 0;
    while !stop.load(Ordering::Relaxed) {
        let number = u64::to_be_bytes(rounds);
        x.write_all(&number).unwrap();
        receive(&mut y, &number);
        y.write_all(&number).unwrap();
        receive(&mut x, &number);
        rounds += 1;
    }
    rounds
}

#[test]
fn ten_thousand_wrong_passwords_harm_nobody_else() {
    const GUESSES: usize = 10_000;
    let users = UserFile::of("guessing", &["alice"]);
    let mut daemon = Daemon::serve(&[&users.lock("relay"), common::RELAY], &["-q"]);
    let locked = daemon.address(0);
    let begin = Instant::now();
    let (mut wrong, mut penalised) = (0, 0);
    let (x, y) = (connect(daemon.address(1)), connect(daemon.address(1)));
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let room = scope.spawn(|| play(x, y, &stop));
        for number in 0..GUESSES {
            match guess(locked).as_str() {
                "ERR auth wrong user name or password" => wrong += 1,
                PENALISED => penalised += 1,
                other => panic!("{other}"),
            }
            if number % 1000 == 500 {
                // Somebody else logs in, and has a stream that is whole.
                let mut x = connect_from(ELSEWHERE, locked);
                let mut y = connect_from(ELSEWHERE, locked);
                log_in(&mut x, "JOIN r", "alice", PASSWORD).unwrap();
                log_in(&mut y, "JOIN r", "alice", PASSWORD).unwrap();
                let noise = Noise::new(number as u64);
                noise.send(&mut x, 0..10_000);
                noise.receive(&mut y, 0..10_000);
            }
        }
        stop.store(true, Ordering::Relaxed);
        assert!(room.join().unwrap() > 0);
    });
    assert_eq!(wrong + penalised, GUESSES);
    // A guess costs the source its time, and the server no more than these few looked at.
    let allowed = begin.elapsed() + PENALTY_THRESHOLD + LOGIN_PENALTY;
    assert!(
        wrong >= 4 && LOGIN_PENALTY * wrong as u32 <= allowed,
        "{wrong}"
    );
    daemon.has_clients(0);
    daemon.stop();
}

#[test]
fn a_source_with_all_its_places_leaves_those_of_others() {
    let urls = ["relay://127.0.0.1:0", "relay://127.0.0.1:0?rooms=named"];
    let mut daemon = Daemon::serve(&urls, &["--max-clients-per-source", "2"]);
    let [arrival, named] = [0, 1].map(|listener| daemon.address(listener));
    let mut first = connect_from(HERE, arrival);
    let second = connect_from(HERE, named);
    daemon.has_clients(2);
    // Words where words are expected, and where bytes are raw, no end that looks like one.
    assert_eq!(end_of(&mut connect_from(HERE, arrival)), End::Reset);
    let mut third = connect_from(HERE, named);
    third.write_all(b"JOIN r\n").unwrap();
    let words = "ERR full your address has as many clients here as it may";
    assert_eq!(read_line(&mut third), words);
    assert_eq!(end_of(&mut third), End::Fin);
    daemon.stderr.find("as many clients here as it may");
    let mut other = connect_from(ELSEWHERE, arrival);
    other.write_all(b"hello").unwrap();
    receive(&mut first, b"hello");
    // A place is free again as soon as its client is gone.
    drop(second);
    daemon.has_clients(2);
    connect_from(HERE, named).write_all(b"JOIN r\n").unwrap();
    drop((first, other));
    daemon.has_clients(0);
    for _ in 0..2 {
        let mut x = connect_from(HERE, named);
        let mut y = connect_from(HERE, named);
        x.write_all(b"JOIN r\nto y").unwrap();
        y.write_all(b"JOIN r\nto x").unwrap();
        receive(&mut x, b"to x");
        receive(&mut y, b"to y");
        drop((x, y));
        daemon.has_clients(0);
    }
}

#[test]
fn who_is_sent_away_and_stays_keeps_nobody_out() {
    let named = "relay://127.0.0.1:0?rooms=named";
    let options = ["--max-clients", "8", "--max-clients-per-source", "4"];
    let daemon = Daemon::serve(&[named], &options);
    let stays = || {
        let mut client = connect_from(HERE, daemon.address(0));
        client.write_all(b"?\n").unwrap();
        assert!(read_line(&mut client).starts_with("ERR hello "));
        client
    };
    // They have their answer, and the daemon is waiting for them to close.
    let sent_away: Vec<TcpStream> = (0..8).map(|_| stays()).collect();
    let mut x = connect_from(ELSEWHERE, daemon.address(0));
    let mut y = connect_from(ELSEWHERE, daemon.address(0));
    x.write_all(b"JOIN r\nto y").unwrap();
    y.write_all(b"JOIN r\n").unwrap();
    receive(&mut y, b"to y");
    drop(sent_away);
}

#[test]
fn a_flood_of_bad_hellos_is_cut_in_the_log_and_counted() {
    const FLOOD: u64 = 3000;
    let mut daemon = Daemon::serve(&["relay://127.0.0.1:0?rooms=named"], &[]);
    let mut waiting = daemon.connect();
    waiting.write_all(b"JOIN r ack\n").unwrap();
    daemon.settle();
    // They all wait in the listener's queue, so that it meets them at once, however slow this machine is.
    daemon.signal(Signal::STOP);
    for _ in 0..FLOOD {
        daemon
            .connect()
            .write_all(b"GET / HTTP/1.0\r\n\r\n")
            .unwrap();
    }
    daemon.signal(Signal::CONT);
    daemon.has_clients(1);
    let mut said = None;
    eventually("the count of lines left out", || {
        daemon.signal(Signal::USR2);
        said = daemon.stderr.has("log lines suppressed");
        said.is_some()
    });
    let said = said.unwrap();
    let count = said.split(' ').next().unwrap().parse::<u64>().unwrap();
    // Each was to have two lines at least, and only a thousand a second are written.
    assert!(count > FLOOD / 2, "{said}");
    // Nobody else has noticed.
    let mut partner = daemon.connect();
    partner.write_all(b"JOIN r\n").unwrap();
    assert!(read_line(&mut waiting).starts_with("OK X "));
    drop((waiting, partner));
    daemon.stop();
}
