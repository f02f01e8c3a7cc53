//! Bad hellos by the million: the log says what there is room for and how much it has left out, and nobody else notices.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::common::{Daemon, RELAY, Room, connect, eventually, read_all, reset, scratch};

const NAMED: &str = "relay://127.0.0.1:0?rooms=named";
const TRANSIT: &str = "transit://127.0.0.1:0";

/// Lines that the log may have in a second.
const LINES: u64 = 1000;

/// Says what nobody understands, and hears so.
fn misspeak(address: SocketAddr, words: &[u8], answer: &[u8]) {
    let mut client = connect(address);
    client.write_all(words).unwrap();
    let (heard, _) = read_all(&mut client);
    assert!(
        heard.starts_with(answer),
        "{:?}",
        heard.escape_ascii().to_string()
    );
    // It leaves nothing behind in the kernel, of which there is not room for a million.
    reset(client);
}

fn flood(count: u64) {
    const CLIENTS: u64 = 4;
    let file = scratch(&format!("flood.{count}.prom"));
    let options = ["--stats-file", file.to_str().unwrap()];
    let mut daemon = Daemon::serve(&[RELAY, NAMED, TRANSIT], &options);
    let mut room = Room::relay(&daemon, 0);
    daemon.settle();
    let (before, descriptors) = (daemon.memory("VmRSS"), daemon.descriptors().len());
    let (begin, said) = (Instant::now(), AtomicU64::new(0));
    let addresses = [daemon.address(1), daemon.address(2)];
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                while said.fetch_add(2, Ordering::Relaxed) < count {
                    misspeak(addresses[0], b"GET / HTTP/1.0\r\n\r\n", b"ERR hello ");
                    misspeak(
                        addresses[1],
                        b"\x16\x03\x01\x02\0\x01\n",
                        b"bad handshake\n",
                    );
                }
            });
        }
        while said.load(Ordering::Relaxed) < count {
            room.goes_on();
        }
    });
    daemon.has_clients(2);
    let mut bad = 0;
    eventually("each is counted", || {
        daemon.report();
        let statistics = std::fs::read_to_string(&file).unwrap();
        let name = "pairloop_closed_total{reason=\"bad_hello\"} ";
        let value = statistics.lines().find_map(|line| line.strip_prefix(name));
        bad = value.unwrap().parse::<u64>().unwrap();
        bad >= count
    });
    room.goes_on();
    let grown = daemon.memory("VmRSS").saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes more");
    daemon.has_descriptors(descriptors);
    // A line in a new second says what was left out before it.
    let end = Instant::now();
    eventually("a new second", || {
        daemon.report();
        end.elapsed() > Duration::from_millis(1100)
    });
    drop(room);
    daemon.has_clients(0);
    daemon.stop();
    let log = daemon.stderr.rest();
    let counts = log
        .iter()
        .filter_map(|line| line.strip_suffix(" log lines suppressed"));
    let suppressed: u64 = counts.map(|count| count.parse::<u64>().unwrap()).sum();
    let (written, seconds) = (log.len() as u64, begin.elapsed().as_secs() + 1);
    assert!(
        written <= (LINES + 1) * (seconds + 1),
        "{written} in {seconds} s"
    );
    // Each has two lines at least: it comes, and it is sent away.
    assert!(
        suppressed + written >= 2 * bad,
        "{suppressed} and {written} of {bad}"
    );
    assert!(suppressed > 0, "{bad} were no flood");
}

#[test]
fn thousands_of_bad_hellos_are_cut_in_the_log_and_each_is_counted() {
    flood(20_000);
}

#[test]
#[ignore = "needs two minutes"]
fn a_million_bad_hellos_are_cut_in_the_log_and_each_is_counted() {
    flood(1_000_000);
}
