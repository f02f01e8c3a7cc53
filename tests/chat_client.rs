//! `pairloop chat`, in pipes and on a terminal.

mod common;

use std::io::Write;
use std::net::Shutdown;

use common::{CHAT, Client, Daemon, End, Signal, Terminal, end_of, receive, reset};

const WELCOME: &[u8] = b"YOU'RE CONNECTED TO : @MAIN SERVER\n";

fn daemon() -> Daemon {
    Daemon::serve(&[CHAT], &[])
}

/// Two chat clients in pipes, in the order in which they came.
fn pair(daemon: &mut Daemon) -> (Client, Client) {
    let x = Client::start("chat", daemon.address(0), &[]);
    daemon.has_clients(1);
    let y = Client::start("chat", daemon.address(0), &[]);
    daemon.has_clients(2);
    (x, y)
}

#[test]
fn two_talk_in_turns() {
    let mut daemon = daemon();
    let (mut x, mut y) = pair(&mut daemon);
    for round in 0..3 {
        x.say(format!("question {round}\n").as_bytes());
        assert_eq!(y.stdout.next().unwrap(), format!("question {round}"));
        y.say(format!("answer {round}\n").as_bytes());
        assert_eq!(x.stdout.next().unwrap(), format!("answer {round}"));
    }
    x.end_input();
    assert_eq!(x.ends(0), "");
    assert_eq!(y.ends(0), "pairloop: your partner has left");
    assert_eq!((x.stdout.next(), y.stdout.next()), (None, None));
}

#[test]
fn two_scripts_say_all_their_lines() {
    let mut daemon = daemon();
    let (mut x, mut y) = pair(&mut daemon);
    x.say(b"one\nthree\nfive");
    y.say(b"two\nfour\n");
    x.end_input();
    y.end_input();
    assert_eq!(x.stdout.rest(), ["two", "four"]);
    assert_eq!(y.stdout.rest()[..2], ["one", "three"]);
    // Both leave when they have said everything, and it may hear of the other's end before its own.
    let words = y.ends(0);
    assert!(
        ["", "pairloop: your partner has left"].contains(&&words[..]),
        "{words}"
    );
}

#[test]
fn lines_typed_ahead_go_out_one_a_turn() {
    let mut daemon = daemon();
    let mut x = daemon.connect();
    receive(&mut x, WELCOME);
    let mut y = Client::start("chat", daemon.address(0), &[]);
    daemon.has_clients(2);
    y.say(b"early\nearlier\n");
    x.write_all(b"one\n").unwrap();
    receive(&mut x, b"early\n");
    assert_eq!(y.stdout.next().unwrap(), "one");
    // Had the second been sent with the first, it would have come before this answer.
    x.write_all(b"two\n").unwrap();
    receive(&mut x, b"earlier\n");
    assert_eq!(y.stdout.next().unwrap(), "two");
}

#[test]
fn lines_that_could_not_be_sent_are_no_success() {
    let mut daemon = daemon();
    let x = daemon.connect();
    daemon.has_clients(1);
    let mut y = Client::start("chat", daemon.address(0), &[]);
    daemon.has_clients(2);
    y.say(b"one\ntwo\n");
    y.end_input();
    x.shutdown(Shutdown::Write).unwrap();
    let words = y.ends(1);
    assert!(words.contains("your partner has left"), "{words}");
    assert!(words.contains("before all lines were sent"), "{words}");
}

#[test]
fn an_empty_input_leaves_at_once() {
    let daemon = daemon();
    let mut alone = Client::start("chat", daemon.address(0), &[]);
    alone.end_input();
    assert_eq!(alone.ends(0), "");
}

#[test]
fn exit_leaves_and_is_passed_on() {
    let mut daemon = daemon();
    let (mut x, mut y) = pair(&mut daemon);
    x.say(b"bye\n");
    assert_eq!(y.stdout.next().unwrap(), "bye");
    y.say(b"exit\n");
    assert_eq!(x.stdout.next().unwrap(), "exit");
    assert_eq!(x.ends(0), "pairloop: your partner has left");
    assert_eq!(y.ends(0), "");
    daemon.has_clients(0);
}

#[test]
fn the_stop_is_said_in_words() {
    let mut daemon = daemon();
    let (mut x, mut y) = pair(&mut daemon);
    let mut waiting = Client::start("chat", daemon.address(0), &[]);
    daemon.has_clients(3);
    daemon.signal(Signal::USR1);
    for client in [&mut x, &mut y, &mut waiting] {
        assert_eq!(client.ends(0), "pairloop: the server is closing");
        assert_eq!(client.stdout.next(), None);
    }
    assert_eq!(daemon.wait().code(), Some(0));
}

#[test]
fn a_cut_is_a_failure() {
    let mut daemon = daemon();
    let (mut x, mut y) = pair(&mut daemon);
    x.say(b"hello\n");
    assert_eq!(y.stdout.next().unwrap(), "hello");
    daemon.kill();
    let words = x.ends(1);
    assert!(words.contains("the connection was cut"), "{words}");
}

#[test]
fn a_partner_that_is_reset_has_left() {
    let mut daemon = daemon();
    let x = daemon.connect();
    daemon.has_clients(1);
    let mut y = Client::start("chat", daemon.address(0), &[]);
    daemon.has_clients(2);
    reset(x);
    assert_eq!(y.ends(0), "pairloop: your partner has left");
}

#[test]
fn a_signal_leaves_in_order() {
    let mut daemon = daemon();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut x = Client::start("chat", daemon.address(0), &[]);
        daemon.has_clients(1);
        let mut y = daemon.connect();
        daemon.has_clients(2);
        x.say(b"hello\n");
        receive(&mut y, b"hello\n");
        x.signal(signal);
        assert_eq!(end_of(&mut y), End::Fin);
        assert_eq!(x.ends(code), "");
        drop(y);
        daemon.has_clients(0);
    }
}

#[test]
fn the_prompt_has_the_name_and_the_turn() {
    let mut daemon = daemon();
    let at = daemon.address(0);
    let mut x = Terminal::start("chat", at, &["--name", "Alice"], &[]);
    x.shows("the first line is yours");
    x.shows("\x1b[32mAlice (WRITE) >\x1b[0m ");
    let mut y = Terminal::start("chat", at, &["--name", "Bob"], &[("NO_COLOR", "1")]);
    daemon.has_clients(2);
    let mut seen = y.shows("Bob (READ) > ");
    x.press("hello\n");
    x.shows("\x1b[33mAlice (READ) >\x1b[0m ");
    seen += &y.shows("< hello\r\n");
    seen += &y.shows("Bob (WRITE) > ");
    y.press("hi\n");
    x.shows("\x1b[36m< hi\x1b[0m\r\n");
    x.shows("Alice (WRITE) >");
    x.press("\x04");
    x.ends(0);
    seen += &y.ends(0);
    assert!(seen.contains("-- your partner has left"), "{seen:?}");
    for colour in ["\x1b[3", "\x1b[2m", "\x1b[0m"] {
        assert!(!seen.contains(colour), "{seen:?}");
    }
}

#[test]
fn keys_pressed_out_of_turn_are_not_lost() {
    let daemon = daemon();
    let mut x = daemon.connect();
    receive(&mut x, WELCOME);
    let mut y = Terminal::start("chat", daemon.address(0), &["--name", "Bob"], &[]);
    y.shows("Bob (READ) >");
    y.press("a whole line\nhalf ");
    y.shows("kept until it is your turn");
    x.write_all(b"one\n").unwrap();
    y.shows("< one");
    y.shows("sent: a whole line");
    receive(&mut x, b"a whole line\n");
    x.write_all(b"two\n").unwrap();
    y.shows("Bob (WRITE) >");
    y.press("a line\n");
    receive(&mut x, b"half a line\n");
}

#[test]
fn return_alone_does_not_give_the_turn_away() {
    let daemon = daemon();
    let mut x = Terminal::start("chat", daemon.address(0), &[], &[]);
    x.shows("you (WRITE) >");
    x.press("\n");
    x.shows("you (WRITE) >");
    let mut y = daemon.connect();
    x.press("hello\n");
    receive(&mut y, b"hello\n");
}

#[test]
fn control_d_and_control_c_leave() {
    let mut daemon = daemon();
    for (key, code) in [(None, 130), (Some("\x04"), 0)] {
        let mut x = Terminal::start("chat", daemon.address(0), &[], &[]);
        x.shows("you (WRITE) >");
        let mut y = daemon.connect();
        daemon.has_clients(2);
        match key {
            Some(key) => x.press(key),
            // The terminal makes SIGINT of Ctrl-C.
            None => x.signal(Signal::INT),
        }
        let rest = x.ends(code);
        assert!(
            rest.ends_with('\n'),
            "the shell gets a line of its own: {rest:?}"
        );
        assert_eq!(end_of(&mut y), End::Fin);
        drop(y);
        daemon.has_clients(0);
    }
}

#[test]
fn whoever_waits_alone_can_leave() {
    let mut daemon = daemon();
    let mut x = Terminal::start("chat", daemon.address(0), &[], &[]);
    x.shows("you (WRITE) >");
    // The line waits in the lobby, where a client that has said something may be gone.
    x.press("is anybody there?\n");
    x.shows("you (READ) >");
    x.press("\x04");
    x.ends(0);
    let mut y = daemon.connect();
    receive(&mut y, b"is anybody there?\n");
    assert_eq!(end_of(&mut y), End::Fin);
    drop(y);
    daemon.has_clients(0);
}

#[test]
fn a_dumb_terminal_gets_no_escape_sequences() {
    let mut daemon = daemon();
    let mut x = Terminal::start("chat", daemon.address(0), &[], &[("TERM", "dumb")]);
    let mut seen = x.shows("you (WRITE) > ");
    let mut y = daemon.connect();
    daemon.has_clients(2);
    x.press("hello\n");
    receive(&mut y, b"hello\n");
    y.write_all(b"hi\n").unwrap();
    seen += &x.shows("< hi");
    seen += &x.shows("you (WRITE) > ");
    assert!(!seen.contains('\x1b'), "{seen:?}");
}
