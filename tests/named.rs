//! Rooms with names: who says the same name meets.

mod common;

use std::io::Write;
use std::net::{Shutdown, SocketAddr};
use std::process::{Output, Stdio};
use std::thread;

use common::{Client, Daemon, End, connect, end_of, program, receive};

const NAMED: &str = "relay://127.0.0.1:0?rooms=named";
const NAMED_CHAT: &str = "chat://127.0.0.1:0?rooms=named";
const NAMED_ORDER: &str = "order://127.0.0.1:0?rooms=named";

#[test]
fn clients_meet_by_name_beside_those_that_meet_by_arrival() {
    let mut daemon = Daemon::serve(&[NAMED, common::RELAY], &[]);
    let mut a = daemon.say("JOIN a\nfrom a");
    let mut plain = connect(daemon.address(1));
    plain.write_all(b"JOIN a\n").unwrap();
    let mut b = daemon.say("JOIN b\nfrom b");
    daemon.has_clients(3);
    let mut partner_of_b = daemon.say("JOIN b\r\nto b");
    let mut partner_of_a = daemon.say("JOIN a\nto a");
    let mut partner_of_plain = connect(daemon.address(1));
    receive(&mut partner_of_b, b"from b");
    receive(&mut b, b"to b");
    receive(&mut partner_of_a, b"from a");
    receive(&mut a, b"to a");
    receive(&mut partner_of_plain, b"JOIN a\n");
}

#[test]
fn who_waits_by_name_is_told_why_it_waits_no_longer() {
    let mut daemon = Daemon::serve(&[NAMED, NAMED_CHAT], &["--wait-timeout", "200ms"]);
    let mut waiting = daemon.say("JOIN a ack\n");
    receive(&mut waiting, b"ERR timeout no partner came in time\n");
    // Raw bytes: nobody shall take the words for all that there was.
    assert_eq!(end_of(&mut waiting), End::Reset);
    let mut daemon_that_stops = Daemon::serve(&[NAMED], &[]);
    let mut waiting = daemon_that_stops.say("JOIN a ack\n");
    daemon_that_stops.settle();
    daemon_that_stops.signal(common::Signal::USR1);
    receive(&mut waiting, b"ERR closing the server stops\n");
    assert_eq!(end_of(&mut waiting), End::Reset);
    daemon.stop();
}

#[test]
fn a_consumer_that_has_closed_its_input_still_receives() {
    let daemon = Daemon::serve(&[NAMED], &[]);
    let mut consumer = daemon.say("JOIN a consume\nnobody reads this");
    consumer.shutdown(Shutdown::Write).unwrap();
    let mut producer = daemon.say("JOIN a produce\nall of it");
    producer.shutdown(Shutdown::Write).unwrap();
    receive(&mut consumer, b"all of it");
    assert_eq!(end_of(&mut consumer), End::Fin);
    assert_eq!(end_of(&mut producer), End::Fin);
}

fn run(command: &str, at: SocketAddr, arguments: &[&str], input: &str) -> Output {
    let mut program = program();
    let program = program.arg(command).args(["--at", &at.to_string()]);
    let program = program.args(arguments).stdin(Stdio::piped());
    let program = program.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

#[test]
fn our_clients_meet_in_named_rooms() {
    let mut daemon = Daemon::serve(&[NAMED, NAMED_CHAT, NAMED_ORDER], &[]);
    let [relay, chat, order] = [0, 1, 2].map(|listener| daemon.address(listener));
    thread::scope(|scope| {
        let consumer = scope.spawn(move || run("consume", relay, &["--room", "r"], ""));
        let other = scope.spawn(move || run("consume", relay, &["--room", "other"], ""));
        for (room, text) in [("r", "for r"), ("other", "for the other")] {
            let produced = run("produce", relay, &["--room", room], text);
            assert!(produced.status.success(), "{produced:?}");
        }
        assert_eq!(consumer.join().unwrap().stdout, b"for r");
        assert_eq!(other.join().unwrap().stdout, b"for the other");
        let alice = scope.spawn(move || run("order", order, &["--room", "o", "Alice"], ""));
        let second = run("order", order, &["--room", "o", "Bob"], "");
        let first = alice.join().unwrap();
        assert!(first.status.success() && second.status.success());
        assert_eq!(
            first.stdout.split(|&b| b == b'\n').nth(2),
            second.stdout.split(|&b| b == b'\n').nth(2)
        );
    });
    let mut x = Client::start("chat", chat, &["--room", "c"]);
    daemon.has_clients(1);
    let y = thread::scope(|scope| {
        let y = scope.spawn(move || run("chat", chat, &["--room", "c"], "and hello to you\n"));
        x.say(b"hello\n");
        x.stdout.find("and hello to you");
        y.join().unwrap()
    });
    assert_eq!(String::from_utf8_lossy(&y.stdout), "hello\n");
}

#[test]
fn a_client_that_forgot_the_room_does_not_take_the_refusal_for_the_stream() {
    let daemon = Daemon::serve(
        &[NAMED, NAMED_CHAT, NAMED_ORDER],
        &["--hello-timeout", "100ms"],
    );
    for (command, listener, arguments, input) in [
        ("consume", 0, &[][..], ""),
        ("produce", 0, &[], "no hello\n"),
        ("chat", 1, &[], "no hello\n"),
        ("order", 2, &["Alice"], ""),
    ] {
        let output = run(command, daemon.address(listener), arguments, input);
        let stderr = String::from_utf8_lossy(&output.stderr);
        let words = "this listener has named rooms: say which with --room NAME";
        assert_eq!(output.status.code(), Some(1), "{command}: {stderr}");
        assert!(stderr.contains(words), "{command}: {stderr}");
    }
}

#[test]
fn a_client_says_what_the_server_has_against_it() {
    let daemon = Daemon::serve(
        &[NAMED, NAMED_CHAT, common::RELAY],
        &["--wait-timeout", "100ms"],
    );
    for (command, listener) in [("consume", 0), ("chat", 1)] {
        let output = run(command, daemon.address(listener), &["--room", "r"], "");
        let stderr = String::from_utf8_lossy(&output.stderr);
        if command == "consume" {
            assert_eq!(output.status.code(), Some(1));
            assert!(
                stderr.contains("no partner came in time (ERR timeout)"),
                "{stderr}"
            );
        }
        assert!(output.stdout.is_empty());
    }
    let wrong = run("consume", daemon.address(0), &["--room", "a b"], "");
    assert_eq!(wrong.status.code(), Some(2));
    let mut plain = connect(daemon.address(2));
    plain.write_all(b"some bytes\n").unwrap();
    let output = run("consume", daemon.address(2), &["--room", "r"], "");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains("rooms=named"), "{stderr}");
    let output = program()
        .args(["serve", "--listen", "echo://127.0.0.1:0?rooms=named"])
        .output();
    assert_eq!(output.unwrap().status.code(), Some(2));
}
