//! Slow readers, and such as never read: one stops its own sender and nobody else, and costs a bounded amount of memory.

use std::io::{ErrorKind, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

use crate::common::{Bystander, Daemon, End, Noise, RELAY, connect, end_of, receive};

#[test]
fn a_consumer_that_does_not_read_stops_its_producer_and_loses_nothing() {
    let mut daemon = Daemon::serve(&[RELAY, RELAY], &[]);
    let bystander = Bystander::at(daemon.address(1));
    let noise = Noise::new(1);
    let (producer, mut consumer) = daemon.pair();
    let (mut x, mut y) = daemon.pair();
    noise.send(&mut x, 0..1);
    noise.receive(&mut y, 0..1);
    let before = daemon.memory("VmRSS");

    let sent = noise.send_until_stopped(&producer, &mut daemon);
    let grown = daemon.memory("VmRSS").saturating_sub(before);
    assert!(
        grown < 2 << 20,
        "{grown} bytes of memory for one slow reader"
    );
    bystander.goes_on_for(20);

    thread::scope(|scope| {
        scope.spawn(|| noise.send(&mut x, 1..8 << 20));
        noise.receive(&mut y, 1..8 << 20);
    });
    assert_eq!(daemon.report(), 6);
    bystander.was_undisturbed();

    thread::scope(|scope| {
        scope.spawn(|| {
            noise.send(&mut &producer, sent..sent + 1000);
            producer.shutdown(Shutdown::Write).unwrap();
        });
        let whole = noise.receive_all(&mut consumer, 0);
        assert_eq!(whole, (sent + 1000, End::Fin));
    });
}

#[test]
fn a_stopped_direction_does_not_stop_the_other() {
    let mut daemon = Daemon::serve(&[RELAY], &[]);
    let (there, back) = (Noise::new(2), Noise::new(3));
    let (mut x, mut y) = daemon.pair();
    let sent = there.send_until_stopped(&x, &mut daemon);
    thread::scope(|scope| {
        scope.spawn(|| back.send(&mut &y, 0..8 << 20));
        back.receive(&mut x, 0..8 << 20);
    });
    there.receive(&mut y, 0..sent);
}

#[test]
fn a_reader_that_stalls_is_ended_and_its_producer_is_told() {
    let mut daemon = Daemon::serve(&[RELAY], &["--stall-timeout", "300ms"]);
    let noise = Noise::new(5);
    let (producer, mut consumer) = daemon.pair();
    let (mut x, mut y) = daemon.pair();
    let (sent, error) = fill(&producer, &noise);
    assert_eq!(error, ErrorKind::ConnectionReset);
    daemon.stderr.find("client 2: did not take its bytes");
    let (reached, end) = noise.receive_all(&mut consumer, 0);
    assert_eq!(end, End::Reset, "what was cut short does not look complete");
    assert!(reached < sent, "it had stalled");
    // A room where nobody has anything to take is no stalled one.
    x.write_all(b"unharmed").unwrap();
    receive(&mut y, b"unharmed");
    daemon.has_clients(2);
}

/// Sends, waiting for room like any program, until an error ends it.
pub(super) fn fill(mut producer: &TcpStream, noise: &Noise) -> (u64, ErrorKind) {
    let mut sent = 0;
    loop {
        match producer.write(noise.from(sent)) {
            Ok(count) => sent += count as u64,
            Err(error) => return (sent, error.kind()),
        }
    }
}

#[test]
fn a_slow_reader_that_takes_a_little_is_not_stalled() {
    let mut daemon = Daemon::serve(&[RELAY, RELAY], &["--stall-timeout", "2s"]);
    let noise = Noise::new(6);
    let (producer, mut consumer) = daemon.pair();
    let (stalled, _never_reads) = (connect(daemon.address(1)), connect(daemon.address(1)));
    let sent = noise.send_until_stopped(&producer, &mut daemon);
    // What this room holds is taken piece by piece while the other room stalls from beginning to end.
    thread::scope(|scope| {
        let other = scope.spawn(|| fill(&stalled, &noise));
        let (mut taken, step) = (0, sent / 40);
        while !other.is_finished() {
            let next = (taken + step).min(sent);
            noise.receive(&mut consumer, taken..next);
            taken = next;
            thread::sleep(Duration::from_millis(75));
        }
        noise.receive(&mut consumer, taken..sent);
    });
    daemon.stderr.find("client 4: did not take its bytes");
    producer.shutdown(Shutdown::Write).unwrap();
    assert_eq!(end_of(&mut consumer), End::Fin);
}
