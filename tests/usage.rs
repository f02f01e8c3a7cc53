//! The usage log: what became of everybody, a line each.

mod common;

use std::fs;
use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant, SystemTime};

use common::json::Json;
use common::transit::{TRANSIT, handshake};
use common::usage::{Line, line, lines, logged, parse, sessions};
use common::{
    CHAT, Daemon, ECHO, End, ORDER, RELAY, Signal, connect, end_of, eventually, hears_nothing,
    read_all, receive, reset, scratch,
};

fn seconds_since_1970() -> f64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    now.expect("it is later than 1970").as_secs_f64()
}

/// Two who have said nothing more than that they are there.
fn meet(daemon: &Daemon, x: &str, y: &str) -> (TcpStream, TcpStream) {
    let mut x = daemon.say(x);
    // The first line is read before the second client comes.
    let mut nobody = daemon.say("\n");
    receive(&mut nobody, b"bad handshake\n");
    let mut y = daemon.say(y);
    receive(&mut x, b"ok\n");
    receive(&mut y, b"ok\n");
    (x, y)
}

#[test]
fn a_transit_relay_logs_all_seven_moods() {
    let path = scratch("moods");
    let mut daemon = logged(&[TRANSIT], &path, &[]);
    let has = |count: usize, expected: Line| {
        let last = sessions(&path, count).pop().unwrap();
        assert_eq!(last, expected);
    };
    drop(daemon.connect());
    has(1, line("transit", "empty", 0, false));
    drop(daemon.say("please"));
    has(2, line("transit", "empty", 0, false));
    end_of_talk(daemon.say("please relay\n"), b"bad handshake\n");
    has(3, line("transit", "errory", 0, false));
    let lonely = daemon.say(handshake(1, Some(1)));
    daemon.settle();
    reset(lonely);
    has(4, line("transit", "lonely", 0, false));
    let hasty = daemon.say(handshake(1, Some(1)) + "early");
    end_of_talk(hasty, b"impatient\n");
    has(5, line("transit", "impatient", 0, false));
    let mut redundant = daemon.say(handshake(1, Some(2)));
    let first = daemon.say(handshake(1, Some(2)));
    daemon.settle();
    let second = daemon.say(handshake(1, Some(3)));
    // Which of the two was first is the daemon's to know.
    let (mut x, mut y) = (first, second);
    receive(&mut y, b"ok\n");
    if !hears_nothing(&redundant) {
        std::mem::swap(&mut redundant, &mut x);
    }
    receive(&mut x, b"ok\n");
    assert_eq!(end_of(&mut redundant), End::Fin);
    has(6, line("transit", "redundant", 0, false));
    x.write_all(b"12345").unwrap();
    y.write_all(b"678").unwrap();
    receive(&mut y, b"12345");
    receive(&mut x, b"678");
    x.shutdown(Shutdown::Write).unwrap();
    y.shutdown(Shutdown::Write).unwrap();
    assert_eq!((end_of(&mut x), end_of(&mut y)), (End::Fin, End::Fin));
    has(7, line("transit", "happy", 8, true));
    let (mut x, y) = meet(&daemon, &handshake(1, None), &handshake(1, Some(4)));
    x.write_all(b"cut").unwrap();
    daemon.settle();
    reset(y);
    has(9, line("transit", "jilted", 3, true));
    assert_eq!(end_of(&mut x), End::Reset);
    daemon.report();
    let moods = "2 empty, 2 errory, 1 lonely, 1 redundant, 1 impatient, 1 happy, 1 jilted";
    daemon.stderr.find(moods);
}

/// It is told this, and no more.
#[track_caller]
fn end_of_talk(mut client: TcpStream, words: &[u8]) {
    receive(&mut client, words);
    assert_eq!(end_of(&mut client), End::Fin);
}

#[test]
fn every_service_logs_its_rooms() {
    let path = scratch("services");
    let named = "relay://127.0.0.1:0?rooms=named";
    let urls = [RELAY, ECHO, CHAT, ORDER, named];
    let daemon = logged(&urls, &path, &[]);
    let finish = |clients: &mut [TcpStream]| {
        for client in clients.iter_mut() {
            client.shutdown(Shutdown::Write).unwrap();
        }
        clients.iter_mut().for_each(|client| {
            read_all(client);
        });
    };
    let pair = |listener: usize| {
        let address = daemon.address(listener);
        (connect(address), connect(address))
    };
    let (mut x, y) = pair(0);
    x.write_all(&[0; 70]).unwrap();
    finish(&mut [x, y]);
    assert_eq!(sessions(&path, 1)[0], line("relay", "happy", 70, true));

    let mut echo = connect(daemon.address(1));
    echo.write_all(b"hello").unwrap();
    receive(&mut echo, b"hello");
    finish(&mut [echo]);
    assert_eq!(sessions(&path, 2)[1], line("echo", "happy", 5, false));

    let (mut x, mut y) = pair(2);
    receive(&mut x, pairloop::engine::service::WELCOME);
    x.write_all(b"exit\n").unwrap();
    receive(&mut y, b"exit\n");
    assert_eq!(sessions(&path, 3)[2], line("chat", "happy", 5, true));

    let (mut x, mut y) = pair(3);
    receive(&mut x, b"Client X connected\n");
    receive(&mut y, b"Client Y connected\n");
    x.write_all(b"Alice\n").unwrap();
    y.write_all(b"Bob\n").unwrap();
    assert_eq!(sessions(&path, 4)[3], line("order", "happy", 10, true));

    let (mut x, mut y) = pair(4);
    x.write_all(b"JOIN a produce\n12345").unwrap();
    y.write_all(b"JOIN a consume\n").unwrap();
    receive(&mut y, b"12345");
    finish(&mut [x, y]);
    // The hellos are no part of it.
    assert_eq!(sessions(&path, 5)[4], line("relay", "happy", 5, true));
}

#[test]
fn times_are_from_the_first_clients_coming_until_the_end() {
    let path = scratch("times");
    let mut daemon = logged(&[RELAY], &path, &[]);
    let before = seconds_since_1970();
    let x = daemon.connect();
    daemon.has_clients(1);
    let connected = seconds_since_1970();
    let pause = Instant::now();
    eventually("a while", || pause.elapsed() > Duration::from_millis(50));
    let y = daemon.connect();
    daemon.has_clients(2);
    drop((x, y));
    let json = Json::parse(&lines(&path, 1)[0]);
    let after = seconds_since_1970();
    let (started, total) = (json.number("started"), json.number("total_time"));
    let waiting = json.number("waiting_time");
    assert!(
        before - 0.01 <= started && started <= connected + 0.01,
        "{started}"
    );
    assert!(waiting >= 0.05 && waiting <= total, "{waiting} of {total}");
    assert!(started + total <= after + 0.01, "{total}");
}

#[test]
fn blurred_lines_say_less() {
    let path = scratch("blur");
    let mut daemon = logged(&[RELAY], &path, &["--blur-usage", "3600"]);
    let (mut x, mut y) = daemon.pair();
    x.write_all(&[0; 12_345]).unwrap();
    receive(&mut y, &[0; 12_345]);
    drop((x, y));
    drop(daemon.connect());
    let lines = lines(&path, 2);
    for text in &lines {
        let started = Json::parse(text).text("started").to_owned();
        assert_eq!(started.parse::<u64>().expect("whole seconds") % 3600, 0);
    }
    let mut bytes: Vec<u64> = lines.iter().map(|text| parse(text).bytes).collect();
    bytes.sort_unstable();
    assert_eq!(bytes, [0, 20_000]);
    daemon.stop();
}

#[test]
fn the_last_sessions_are_written_before_the_daemon_ends() {
    for (signals, path) in [(1, scratch("last")), (2, scratch("last-at-once"))] {
        let mut daemon = logged(&[RELAY, ECHO], &path, &["--drain-timeout", "1h"]);
        let _pair = daemon.pair();
        let _waiting = daemon.connect();
        let _echo = connect(daemon.address(1));
        daemon.has_clients(4);
        daemon.signal(Signal::TERM);
        daemon.stdout.find("THE SERVER WILL DISCONNECT");
        match signals {
            1 => drop((_pair, _echo)),
            _ => daemon.signal(Signal::TERM),
        }
        assert_eq!(daemon.wait().code(), Some(0));
        let mut moods: Vec<String> = sessions(&path, 3).into_iter().map(|l| l.mood).collect();
        moods.sort_unstable();
        let good = if signals == 1 { "happy" } else { "jilted" };
        let mut expected = [good, good, "lonely"];
        expected.sort_unstable();
        assert_eq!(moods, expected);
    }
}

/// For Prometheus, a counter that goes down has begun anew.
#[test]
fn what_is_said_at_the_door_is_never_counted_among_a_services_bytes() {
    let file = scratch("door.prom");
    let options = ["--stats-file", file.to_str().unwrap()];
    let mut daemon = Daemon::serve(&[TRANSIT], &options);
    let address = daemon.address(0);
    let mut received = |bytes: u64| {
        daemon.settle();
        let statistics = fs::read_to_string(&file).unwrap();
        let sample = format!("received_bytes_total{{service=\"transit\"}} {bytes}\n");
        assert!(statistics.contains(&sample), "{sample} {statistics}");
    };
    let line = handshake(1, None);
    let mut clients = [connect(address), connect(address)];
    for client in &mut clients {
        for half in [&line[..40], &line[40..]] {
            client.write_all(half.as_bytes()).unwrap();
            received(0);
        }
    }
    clients[0].write_all(b"stream").unwrap();
    receive(&mut clients[1], b"ok\nstream");
    received(6);
}
