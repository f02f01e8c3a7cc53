//! Signals by the thousand, and calls that they interrupt: nobody notices but whoever asked.

use std::io::Write;
use std::net::Shutdown;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use rustix::process::kill_process;

use super::Ends;
use crate::common::{
    Daemon, ECHO, End, Noise, RELAY, Room, Signal, Strace, end_of, receive, reset,
};

#[test]
fn a_hundred_thousand_sigusr2_are_answered_rightly_and_stall_nobody() {
    const STORM: u32 = 100_000;
    const ROUND: u64 = 10_000;
    let mut daemon = Daemon::serve(&[RELAY, ECHO], &[]);
    let (mut x, mut y) = daemon.pair();
    daemon.has_clients(2);
    let (before, descriptors) = (daemon.memory("VmRSS"), daemon.descriptors().len());
    let (over, rounds) = (AtomicBool::new(false), AtomicU64::new(0));
    let noise = Noise::new(1);
    thread::scope(|scope| {
        let _ends = Ends(&over);
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                let round = rounds.fetch_add(1, Ordering::Relaxed);
                noise.send(&mut x, round * ROUND..(round + 1) * ROUND);
                noise.receive(&mut y, round * ROUND..(round + 1) * ROUND);
            }
        });
        for number in 0..STORM {
            daemon.signal(Signal::USR2);
            // As many rounds as tenths of the storm: none is without any.
            if number % (STORM / 10) == 0 {
                let seen = rounds.load(Ordering::Relaxed);
                crate::common::eventually("the room goes on", || {
                    rounds.load(Ordering::Relaxed) > seen + 1
                });
            }
        }
    });
    // The answers up to the one that counts a client more, which is none to an earlier signal.
    let echo = Room::echo(&daemon, 1);
    daemon.signal(Signal::USR2);
    let answers = std::iter::from_fn(|| daemon.stdout.next());
    let answers = answers.take_while(|line| line != "NUMBER OF CLIENTS : 3");
    let wrong: Vec<String> = answers
        .filter(|line| line != "NUMBER OF CLIENTS : 2")
        .collect();
    assert_eq!(wrong, [""; 0]);
    let grown = daemon.memory("VmRSS").saturating_sub(before);
    assert!(grown < 2 << 20, "{grown} bytes more");
    drop((x, y, echo));
    daemon.has_clients(0);
    daemon.has_descriptors(descriptors - 2);
    daemon.stop();
}

/// Every other call of each kind is interrupted, which a storm can't be sure to do.
#[test]
#[ignore = "needs root and strace"]
fn interrupted_calls_are_made_again() {
    const LENGTH: u64 = 24 << 20;
    let calls = ["epoll_wait", "accept4", "recvfrom", "sendto", "splice"];
    let faults = calls.map(|call| format!("{call}:error=EINTR:when=1+2"));
    let faults = faults.each_ref().map(String::as_str);
    for options in [&["--no-splice"][..], &[]] {
        let mut daemon = Daemon::serve(&[RELAY], options);
        daemon.settle();
        let descriptors = daemon.descriptors().len();
        let strace = Strace::attach(&daemon, &calls.join(","), &faults);
        let (mut x, mut y) = daemon.pair();
        let noise = Noise::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                noise.send(&mut x, 0..LENGTH);
                x.shutdown(Shutdown::Write).unwrap();
            });
            assert_eq!(noise.receive_all(&mut y, 0), (LENGTH, End::Fin));
        });
        y.write_all(b"and back").unwrap();
        receive(&mut x, b"and back");
        reset(y);
        assert_eq!(end_of(&mut x), End::Reset);
        let trace = strace.trace();
        for call in calls {
            let is_hit = |line: &str| line.contains(&format!("{call}(")) && line.contains("EINTR");
            let needed = call != "splice" || options.is_empty();
            assert_eq!(trace.lines().any(is_hit), needed, "{call}");
        }
        // Only now can signals be dealt with: their handler sends, too, and nothing ever interrupts that in truth.
        drop((strace, x));
        daemon.has_clients(0);
        let pipe = daemon.descriptors().len() - descriptors;
        assert!(pipe == 0 || pipe == 2, "{pipe} descriptors more");
        daemon.stop();
    }
}

#[test]
fn after_a_storm_of_sigusr2_the_last_one_is_answered() {
    let mut daemon = Daemon::serve(&[ECHO], &[]);
    let mut clients = vec![daemon.connect()];
    for round in 1..=20 {
        let noise = Noise::new(round);
        let (pid, over) = (daemon.pid(), &AtomicBool::new(false));
        thread::scope(|scope| {
            let storm = scope.spawn(move || {
                let mut signals = 0;
                while signals < 500 || !over.load(Ordering::Relaxed) {
                    kill_process(pid, Signal::USR2).unwrap();
                    signals += 1;
                }
            });
            let client = clients.last_mut().unwrap();
            for part in 0..50 {
                noise.send(client, part * 1000..(part + 1) * 1000);
                noise.receive(client, part * 1000..(part + 1) * 1000);
            }
            over.store(true, Ordering::Relaxed);
            storm.join().unwrap();
        });
        // An echo shows that one client more is there; an answer that counts it is none to an earlier signal.
        let mut client = daemon.connect();
        client.write_all(b"here").unwrap();
        receive(&mut client, b"here");
        clients.push(client);
        daemon.signal(Signal::USR2);
        let count = format!("NUMBER OF CLIENTS : {}", clients.len());
        daemon.stdout.find(&count);
    }
    drop(clients);
    daemon.stop();
}
