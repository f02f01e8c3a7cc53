//! kill -9 and a restart under load: the successor has its port at once, and what was cut does not look whole anywhere.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::Ends;
use crate::common::{DEADLINE, Daemon, End, Noise, eventually, patient, reset, scratch, serve};

/// Where a daemon listens again and again. No connection of another test can come upon it by chance: those are all between
/// 127.0.0.1 and itself.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.78.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn start(address: SocketAddr, pid_file: &str) -> Daemon {
    let mut command = serve(&[&format!("relay://{address}?rooms=named")]);
    command.args(["--pid-file", pid_file]);
    let daemon = Daemon::run(command, 1);
    assert_eq!(daemon.address(0), address);
    daemon
}

/// What has become of it: parts that were sent, rooms that were cut, bytes that arrived until then.
#[derive(Default)]
struct Load {
    parts: AtomicU64,
    cuts: AtomicU64,
    arrived: AtomicU64,
}

/// Waits until each of these counts is higher by so many.
fn all_grow(what: &str, loads: &[Load], by: u64, count: impl Fn(&Load) -> &AtomicU64) {
    let now = || loads.iter().map(|load| count(load).load(Ordering::Relaxed));
    let before: Vec<u64> = now().collect();
    eventually(what, || {
        now().zip(&before).all(|(now, before)| now >= before + by)
    });
}

/// Sends without end through room after room of this name, until it is over. What arrives is a part of what was sent, and is never
/// said to be all of it.
fn load(address: SocketAddr, name: usize, over: &AtomicBool, load: &Load) {
    const PART: u64 = 1 << 20;
    let noise = &Noise::new(name as u64);
    while !over.load(Ordering::Relaxed) {
        // Nobody may be there just now.
        let Some((mut x, mut y)) = room(address, name) else {
            continue;
        };
        thread::scope(|scope| {
            scope.spawn(move || {
                let mut sent = 0;
                while !over.load(Ordering::Relaxed) && noise.try_send(&mut x, sent..sent + PART) {
                    sent += PART;
                    load.parts.fetch_add(1, Ordering::Relaxed);
                }
                reset(x);
            });
            let (bytes, end) = noise.receive_all(&mut y, 0);
            assert_eq!(end, End::Reset, "after {bytes} bytes");
            load.arrived.fetch_add(bytes, Ordering::Relaxed);
            load.cuts.fetch_add(1, Ordering::Relaxed);
        });
    }
}

/// Two clients that one daemon has brought together.
fn room(address: SocketAddr, name: usize) -> Option<(TcpStream, TcpStream)> {
    let (mut x, mut y) = (join(address, name)?, join(address, name)?);
    for client in [&mut x, &mut y] {
        let mut byte = [0];
        while byte != *b"\n" {
            client.read_exact(&mut byte).ok()?;
        }
    }
    Some((x, y))
}

fn join(address: SocketAddr, name: usize) -> Option<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE).ok()?;
    patient(&stream);
    let hello = format!("JOIN room{name} ack\n");
    stream.write_all(hello.as_bytes()).ok()?;
    Some(stream)
}

#[test]
fn killed_and_restarted_under_load_it_has_its_port_at_once_and_no_stream_looks_whole() {
    const LOADS: usize = 4;
    let (address, pid_file) = (free_address(), scratch("restarted.pid"));
    let pid_file = pid_file.to_str().unwrap();
    let mut daemon = start(address, pid_file);
    let over = AtomicBool::new(false);
    let loads: [Load; LOADS] = Default::default();
    thread::scope(|scope| {
        let _ends = Ends(&over);
        for (name, counts) in loads.iter().enumerate() {
            let over = &over;
            scope.spawn(move || load(address, name, over, counts));
        }
        for round in 1..=5 {
            daemon.has_clients(2 * LOADS);
            all_grow("bytes flow", &loads, 8, |load| &load.parts);
            daemon.kill();
            daemon = start(address, pid_file);
            eventually("each stream is cut", || {
                let mut cuts = loads.iter().map(|load| load.cuts.load(Ordering::Relaxed));
                cuts.all(|cuts| cuts >= round)
            });
        }
    });
    assert!(
        loads
            .iter()
            .all(|load| load.arrived.load(Ordering::Relaxed) > 0)
    );
    daemon.has_clients(0);
    daemon.stop();
    assert!(!fs::exists(pid_file).unwrap());
}
