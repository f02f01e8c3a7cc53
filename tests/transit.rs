//! A transit relay for magic-wormhole's clients, byte for byte.

mod common;

use std::io::Write;
use std::net::{Shutdown, TcpStream};
use std::thread;

use common::transit::{TRANSIT, are_partners, handshake};
use common::{
    Daemon, End, Noise, Signal, end_of, eventually, hears_nothing, read_all, receive, reset,
};

impl Daemon {
    /// Two clients that have met.
    fn met(&mut self) -> (TcpStream, TcpStream) {
        let mut x = self.say(handshake(0, Some(1)));
        self.settle();
        let mut y = self.say(handshake(0, Some(2)));
        receive(&mut x, b"ok\n");
        receive(&mut y, b"ok\n");
        (x, y)
    }

    /// Its report comes to say that so many were closed for this reason, once they are gone.
    fn has_closed(&mut self, count: &str) {
        eventually(count, || {
            self.report();
            self.stderr.find("closed:").contains(count)
        });
    }

    /// Everything that was sent before has been read: a client that comes now has been answered.
    fn has_read(&self) {
        is_bad(self.say("\n"));
    }
}

/// Answered that it does not know the protocol, and sent away.
#[track_caller]
fn is_bad(mut client: TcpStream) {
    receive(&mut client, b"bad handshake\n");
    assert_eq!(end_of(&mut client), End::Fin);
}

#[test]
fn old_and_new_clients_meet_in_all_combinations() {
    let daemon = Daemon::serve(&[TRANSIT], &[]);
    for (x, y) in [
        (None, None),
        (None, Some(2)),
        (Some(1), None),
        (Some(1), Some(2)),
    ] {
        let mut other = daemon.say(handshake(7, y));
        let mut x = daemon.say(handshake(0, x));
        daemon.has_read();
        assert!(hears_nothing(&x), "the relay speaks second");
        let mut y = daemon.say(handshake(0, y));
        are_partners(&mut x, &mut y);
        assert!(hears_nothing(&other));
        other.shutdown(Shutdown::Write).unwrap();
        assert_eq!(end_of(&mut other), End::Fin);
    }
}

#[test]
fn a_handshake_split_anywhere_is_the_same_handshake() {
    let daemon = Daemon::serve(&[TRANSIT], &[]);
    let line = handshake(1, Some(2));
    for split in 1..line.len() {
        let mut x = daemon.say(&line[..split]);
        daemon.has_read();
        x.write_all(&line.as_bytes()[split..]).unwrap();
        let mut y = daemon.say(handshake(1, Some(3)));
        are_partners(&mut x, &mut y);
    }
}

#[test]
fn clients_of_one_side_wait_for_another_and_one_of_them_gets_it() {
    let mut daemon = Daemon::serve(&[TRANSIT], &[]);
    let mut same: Vec<TcpStream> = (0..5)
        .map(|_| {
            let client = daemon.say(handshake(0, Some(1)));
            daemon.has_read();
            client
        })
        .collect();
    assert!(same.iter().all(hears_nothing));
    let mut other = daemon.say(handshake(0, Some(2)));
    are_partners(&mut same[0], &mut other);
    for mut redundant in same.split_off(1) {
        assert_eq!(end_of(&mut redundant), End::Fin);
    }
    daemon.has_clients(2);
    daemon.has_closed("4 redundant");
    // The token is free again, while its first room goes on.
    let mut x = daemon.say(handshake(0, Some(1)));
    daemon.has_clients(3);
    assert!(hears_nothing(&x));
    let mut y = daemon.say(handshake(0, Some(2)));
    are_partners(&mut x, &mut y);
    same[0].write_all(b"still here").unwrap();
    receive(&mut other, b"still here");
}

#[test]
fn whatever_is_no_handshake_is_answered_and_sent_away() {
    let mut daemon = Daemon::serve(&[TRANSIT], &[]);
    let (old, new) = (handshake(0, None), handshake(0, Some(1)));
    let (old, new) = (old.trim_end(), new.trim_end());
    for line in [
        String::new(),
        "\u{16}\u{3}\u{1}\0".into(),
        "GET / HTTP/1.1\r".into(),
        "JOIN room".into(),
        format!("{old}\r"),
        format!("{new}\r"),
        format!("{old} "),
        format!("{new} "),
        format!(" {old}"),
        format!("{old}0"),
        format!("{new}0"),
        old[..old.len() - 1].into(),
        new[..new.len() - 1].into(),
        old.to_uppercase(),
    ] {
        // What stands behind the line is not looked at.
        is_bad(daemon.say(format!("{line}\n{old}\n")));
        is_bad(daemon.say(format!("{line}\n")));
    }
    is_bad(daemon.say(b"\xff\xfe\n"));
    daemon.has_clients(0);
    daemon.has_closed("29 bad_hello");
}

#[test]
fn a_bad_handshake_split_anywhere_is_as_bad() {
    let daemon = Daemon::serve(&[TRANSIT], &[]);
    let line = handshake(0, Some(1)).replace('\n', "\r\n");
    for split in 1..line.len() {
        let mut client = daemon.say(&line[..split]);
        daemon.has_read();
        client.write_all(&line.as_bytes()[split..]).unwrap();
        is_bad(client);
    }
}

#[test]
fn a_line_may_have_1024_bytes_and_a_longer_one_is_closed_without_a_word() {
    let daemon = Daemon::serve(&[TRANSIT], &[]);
    for length in [1023, 1024] {
        is_bad(daemon.say("x".repeat(length) + "\n"));
        let mut client = daemon.say("x".repeat(length));
        daemon.has_read();
        assert!(hears_nothing(&client), "{length} may still become a line");
        client.write_all(b"\n").unwrap();
        is_bad(client);
    }
    for length in [1025, 2048, 1 << 20] {
        for end in ["", "\n"] {
            let mut client = daemon.connect();
            // It may be closed before all of it is written.
            let _ = client.write_all(("x".repeat(length) + end).as_bytes());
            let (answer, _) = read_all(&mut client);
            assert!(answer.is_empty(), "{length}");
        }
    }
    let mut client = daemon.say("x".repeat(1025));
    assert_eq!(end_of(&mut client), End::Fin);
}

#[test]
fn whoever_speaks_while_it_waits_is_impatient_and_nobodys_partner() {
    let mut daemon = Daemon::serve(&[TRANSIT], &[]);
    for side in [None, Some(1)] {
        let at_once = daemon.say(handshake(1, side) + "early");
        let later = daemon.say(handshake(2, side));
        daemon.has_read();
        (&later).write_all(b"early").unwrap();
        let line = handshake(3, side);
        let slow = daemon.say(&line[..20]);
        daemon.has_read();
        (&slow).write_all(&line.as_bytes()[20..]).unwrap();
        (&slow).write_all(b"early").unwrap();
        for mut impatient in [at_once, later, slow] {
            receive(&mut impatient, b"impatient\n");
            assert_eq!(end_of(&mut impatient), End::Fin);
        }
    }
    daemon.has_clients(0);
    daemon.has_closed("6 impatient");
    for token in 1..=3 {
        let mut x = daemon.say(handshake(token, Some(2)));
        daemon.has_read();
        assert!(hears_nothing(&x));
        are_partners(&mut x, &mut daemon.say(handshake(token, Some(1))));
    }
}

#[test]
fn a_partner_that_comes_at_the_same_time_does_not_make_up_for_impatience() {
    let daemon = Daemon::serve(&[TRANSIT], &[]);
    // Both are there when the daemon looks.
    daemon.signal(Signal::STOP);
    let mut impatient = daemon.say(handshake(0, Some(1)) + "early");
    let mut waiting = daemon.say(handshake(0, Some(2)));
    daemon.signal(Signal::CONT);
    receive(&mut impatient, b"impatient\n");
    assert_eq!(end_of(&mut impatient), End::Fin);
    are_partners(&mut waiting, &mut daemon.say(handshake(0, Some(1))));
}

#[test]
fn a_transfer_behind_the_second_handshake_arrives_whole_copied_or_spliced() {
    const BULK: u64 = 16 << 20;
    for options in [&[][..], &["--no-splice"]] {
        let daemon = Daemon::serve(&[TRANSIT], options);
        let mut x = daemon.say(handshake(0, Some(1)));
        daemon.has_read();
        let mut y = daemon.connect();
        let noise = Noise::new(11);
        thread::scope(|scope| {
            scope.spawn(|| {
                // One segment, and more of the stream than is read ahead.
                let head = [handshake(0, Some(2)).as_bytes(), &noise.from(0)[..5000]].concat();
                y.write_all(&head).unwrap();
                noise.send(&mut y, 5000..BULK);
                y.shutdown(Shutdown::Write).unwrap();
            });
            receive(&mut x, b"ok\n");
            assert_eq!(noise.receive_all(&mut x, 0), (BULK, End::Fin));
        });
        x.write_all(b"received").unwrap();
        x.shutdown(Shutdown::Write).unwrap();
        receive(&mut y, b"ok\nreceived");
        assert_eq!(end_of(&mut y), End::Fin);
    }
}

#[test]
fn who_has_finished_still_receives() {
    let mut daemon = Daemon::serve(&[TRANSIT], &[]);
    let (x, y) = daemon.met();
    for (mut early, mut late) in [(x, y), daemon.met()] {
        early.write_all(b"all of it").unwrap();
        early.shutdown(Shutdown::Write).unwrap();
        receive(&mut late, b"all of it");
        assert_eq!(end_of(&mut late), End::Fin);
        late.write_all(b"and the answer").unwrap();
        late.shutdown(Shutdown::Write).unwrap();
        receive(&mut early, b"and the answer");
        assert_eq!(end_of(&mut early), End::Fin);
    }
}

#[test]
fn a_client_that_goes_while_it_waits_is_nobodys_partner() {
    let mut daemon = Daemon::serve(&[TRANSIT], &[]);
    for leave in [reset as fn(TcpStream), drop] {
        let client = daemon.say(handshake(0, Some(1)));
        daemon.has_clients(1);
        leave(client);
        daemon.has_clients(0);
        let mut x = daemon.say(handshake(0, Some(2)));
        daemon.has_read();
        are_partners(&mut x, &mut daemon.say(handshake(0, Some(1))));
        drop(x);
        daemon.has_clients(0);
    }
}

#[test]
fn a_transfer_that_is_cut_ends_with_a_reset_behind_what_had_come() {
    let mut daemon = Daemon::serve(&[TRANSIT], &[]);
    let noise = Noise::new(12);
    let (mut x, mut y) = daemon.met();
    noise.send(&mut x, 0..100_000);
    daemon.settle();
    reset(x);
    assert_eq!(noise.receive_all(&mut y, 0), (100_000, End::Reset));
    daemon.has_clients(0);
}

#[test]
fn a_listener_bounds_the_wait_of_its_clients_alone() {
    let urls = ["transit://127.0.0.1:0?wait=100ms", TRANSIT];
    let mut daemon = Daemon::serve(&urls, &["--hello-timeout", "100ms"]);
    let mut patient = common::connect(daemon.address(1));
    patient.write_all(handshake(0, None).as_bytes()).unwrap();
    let (silent, half) = (daemon.connect(), daemon.say("please relay "));
    let mut lonely = daemon.say(handshake(0, None));
    for mut client in [silent, half] {
        assert_eq!(end_of(&mut client), End::Fin);
    }
    assert_eq!(end_of(&mut lonely), End::Reset);
    daemon.has_clients(1);
    daemon.has_closed("1 wait_timeout, 2 hello_timeout");
    let mut partner = common::connect(daemon.address(1));
    partner.write_all(handshake(0, None).as_bytes()).unwrap();
    are_partners(&mut patient, &mut partner);
}

#[test]
fn a_stop_lets_transfers_finish_and_sends_away_who_waits() {
    let mut daemon = Daemon::serve(&[TRANSIT], &[]);
    let (mut x, mut y) = daemon.met();
    let mut waiting = daemon.say(handshake(1, None));
    let mut silent = daemon.connect();
    daemon.has_clients(4);
    daemon.has_read();
    daemon.signal(Signal::TERM);
    assert_eq!(end_of(&mut waiting), End::Reset);
    assert_eq!(end_of(&mut silent), End::Fin);
    x.write_all(b"the rest").unwrap();
    x.shutdown(Shutdown::Write).unwrap();
    receive(&mut y, b"the rest");
    assert_eq!(end_of(&mut y), End::Fin);
    drop((x, y, silent));
    assert_eq!(daemon.wait().code(), Some(0));
}
