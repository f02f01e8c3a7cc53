//! A transit relay for magic-wormhole's clients, byte for byte.

mod common;

use std::io::Write;
use std::net::{Shutdown, TcpStream};

use common::transit::{TRANSIT, are_partners, handshake};
use common::{Daemon, End, Noise, Signal, end_of, eventually, hears_nothing, receive, reset};

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
