//! Copied or spliced, a stream is the same stream.

#![cfg(target_os = "linux")]

mod common;

use std::io::Write;
use std::net::Shutdown;

use common::{Daemon, End, Noise, RELAY, end_of, reset};

/// Enough for a link to take to splicing, and to go on for a while.
const BULK: u64 = 48 << 20;

fn each_transport(test: fn(Daemon)) {
    for options in [&["--no-splice"][..], &[]] {
        test(Daemon::serve(&[RELAY], options));
    }
}

/// The pipes that a daemon holds for splicing: two descriptors each.
fn pipes(daemon: &Daemon) -> usize {
    let folder = format!("/proc/{}/fd", daemon.pid());
    let links = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| std::fs::read_link(entry.unwrap().path()));
    let pipes = links
        .flatten()
        .filter(|link| link.to_string_lossy().starts_with("pipe:"));
    pipes.count()
}

#[test]
fn bulk_arrives_whole_and_ends_with_fin() {
    each_transport(|daemon| {
        let (mut x, mut y) = daemon.pair();
        let noise = Noise::new(5);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                noise.send(&mut x, 0..BULK);
                x.shutdown(Shutdown::Write).unwrap();
            });
            assert_eq!(noise.receive_all(&mut y, 0), (BULK, End::Fin));
        });
        y.write_all(b"a small answer").unwrap();
        y.shutdown(Shutdown::Write).unwrap();
        common::receive(&mut x, b"a small answer");
        assert_eq!(end_of(&mut x), End::Fin);
    });
}

#[test]
fn bulk_that_is_cut_ends_with_rst_behind_what_had_come() {
    each_transport(|daemon| {
        let (mut x, mut y) = daemon.pair();
        let noise = Noise::new(6);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                noise.send(&mut x, 0..BULK);
                reset(x);
            });
            let (received, end) = noise.receive_all(&mut y, 0);
            assert_eq!(end, End::Reset);
            assert!(received > 0 && received <= BULK, "{received}");
        });
    });
}

#[test]
fn bulk_is_spliced_unless_that_is_turned_off() {
    let mut made = Vec::new();
    for options in [&["--no-splice"][..], &[]] {
        let mut daemon = Daemon::serve(&[RELAY], options);
        let (mut x, mut y) = daemon.pair();
        // By now it has logged and printed, for which it opens its standard streams anew.
        daemon.settle();
        let before = pipes(&daemon);
        let noise = Noise::new(7);
        std::thread::scope(|scope| {
            scope.spawn(|| noise.send(&mut x, 0..BULK));
            noise.receive(&mut y, 0..BULK);
        });
        made.push(pipes(&daemon) - before);
    }
    assert_eq!(made, [0, 2], "descriptors for pipes");
}

/// splice(2) stops in front of urgent data and says that nothing is there.
#[test]
fn urgent_data_in_the_midst_of_bulk_does_not_stop_it() {
    each_transport(|daemon| {
        let (mut x, mut y) = daemon.pair();
        let noise = Noise::new(8);
        std::thread::scope(|scope| {
            scope.spawn(|| noise.send(&mut x, 0..BULK));
            noise.receive(&mut y, 0..BULK);
        });
        std::thread::scope(|scope| {
            scope.spawn(|| {
                noise.send(&mut x, BULK..BULK + 1000);
                socket2::SockRef::from(&x).send_out_of_band(b"!").unwrap();
                noise.send(&mut x, 0..BULK);
            });
            noise.receive(&mut y, BULK..BULK + 1000);
            common::receive(&mut y, b"!");
            noise.receive(&mut y, 0..BULK);
        });
    });
}
