//! Bad hellos by the million: the log says what there is room for and how much it has left out, and nobody else notices.

use std::io::{Read, Write, pipe};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rustix::pipe::fcntl_setpipe_size;

use super::dropped;
use crate::common::{
    Daemon, RELAY, Room, Signal, connect, eventually, read_all, reset, scratch, serve,
};

const NAMED: &str = "relay://127.0.0.1:0?rooms=named";
const TRANSIT: &str = "transit://127.0.0.1:0";

/// Lines that the log may have in a second about clients, and as many about all else.
const LINES: u64 = 1000;

/// In what SIGUSR2 reports, behind how many clients have come.
const REPORT: &str = " accepted, closed: ";

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
    // So often is asked for a report: not as often as to be a flood, too.
    const EACH: u64 = 1000;
    let file = scratch(&format!("flood.{count}.prom"));
    let begin = Instant::now();
    let options = ["--stats-file", file.to_str().unwrap()];
    let mut daemon = Daemon::serve(&[RELAY, NAMED, TRANSIT], &options);
    let mut room = Room::relay(&daemon, 0);
    daemon.settle();
    daemon.has_state('S');
    let (before, descriptors) = (daemon.memory("VmRSS"), daemon.descriptors().len());
    let said = AtomicU64::new(0);
    let addresses = [daemon.address(1), daemon.address(2)];
    let mut reports = 0;
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
            if said.load(Ordering::Relaxed) >= (reports + 1) * EACH {
                daemon.report();
                // Some are still to come, which tells this answer from those to the last questions.
                reports += u64::from(said.load(Ordering::Relaxed) < count);
            }
        }
    });
    daemon.has_clients(2);
    let bad = all_are_counted(&mut daemon, &file, count);
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
    // On a busy machine we may read too slowly for some of them.
    let lost = dropped(&daemon, &file, "stderr");
    daemon.stop();
    let log = daemon.stderr.rest();
    let log: Vec<&str> = log.iter().map(String::as_str).collect();
    is_cut(&log, begin.elapsed(), bad, lost);
    // Whoever asked meanwhile has the answer, although there were too many lines about clients at that time.
    let all = 2 + bad;
    let answers = reported(&log).filter(|come| (3..all).contains(come));
    let answers = answers.count() as u64;
    assert!(reports > 0, "nobody asked");
    assert!(
        answers + lost >= reports,
        "{answers} and {lost} of {reports}"
    );
}

/// Waits until so many bad hellos are counted, and answers how many it were.
fn all_are_counted(daemon: &mut Daemon, file: &Path, count: u64) -> u64 {
    let mut bad = 0;
    eventually("each is counted", || {
        daemon.report();
        let statistics = std::fs::read_to_string(file).unwrap();
        let name = "pairloop_closed_total{reason=\"bad_hello\"} ";
        let value = statistics.lines().find_map(|line| line.strip_prefix(name));
        bad = value.unwrap().parse::<u64>().unwrap();
        bad >= count
    });
    bad
}

/// How many clients had come by each report.
fn reported(log: &[&str]) -> impl Iterator<Item = u64> {
    let reports = log.iter().filter_map(|line| line.split_once(REPORT));
    reports.map(|(before, _)| before.rsplit(' ').next().unwrap().parse().unwrap())
}

/// The log of so much time keeps to its allowances, and says of all else about so many clients that it was left out, but for
/// what it says elsewhere that it has lost.
fn is_cut(log: &[&str], time: Duration, clients: u64, lost: u64) {
    let (mut about_clients, mut others, mut notes, mut suppressed) = (0, 0, 0, 0);
    for line in log {
        if let Some(count) = line.strip_suffix(" log lines suppressed") {
            suppressed += count.parse::<u64>().unwrap();
            notes += 1;
        } else if line.split_whitespace().nth(2) == Some("client") {
            about_clients += 1;
        } else {
            others += 1;
        }
    }
    // A second begins with its first line.
    let most = LINES * (time.as_secs() + 1);
    assert!(about_clients <= most, "{about_clients} in {time:?}");
    assert!(others <= most, "{others} more in {time:?}");
    // Each says what was left out before the line that follows.
    assert!(notes <= about_clients + others, "{notes} notes");
    // Each client has two lines at least: it comes, and it is sent away.
    assert!(
        suppressed + about_clients + lost >= 2 * clients,
        "{suppressed}, {about_clients} and {lost} of {clients}"
    );
    assert!(suppressed > 0, "{clients} were no flood");
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

/// The line that says how many were left out may itself find no room where the log goes.
#[test]
fn what_was_left_out_is_told_once_there_is_room_for_it() {
    const FLOOD: u64 = 3000;
    let (mut reader, writer) = pipe().unwrap();
    fcntl_setpipe_size(&reader, 4096).unwrap();
    let file = scratch("left_out.prom");
    let mut command = serve(&[RELAY]);
    command.arg("--stats-file").arg(&file);
    command.stdout(Stdio::piped()).stderr(writer);
    let begin = Instant::now();
    let mut daemon = Daemon::adopt(&mut command);
    drop(command);
    let ready = daemon.stdout.next().unwrap();
    daemon.is_ready(&ready);
    // They all wait in the listener's queue, so that it meets them at once, however slow this machine is.
    daemon.signal(Signal::STOP);
    (0..FLOOD).for_each(|_| drop::<TcpStream>(daemon.connect()));
    daemon.signal(Signal::CONT);
    // Of the answers, each is logged with what was left out before it.
    daemon.has_clients(0);
    daemon.settle();
    let mut log = vec![0; 4096];
    let bytes = reader.read(&mut log).unwrap();
    log.truncate(bytes);
    daemon.settle();
    let lost = dropped(&daemon, &file, "stderr");
    daemon.stop();
    reader.read_to_end(&mut log).unwrap();
    let log = String::from_utf8(log).unwrap();
    let log: Vec<&str> = log.lines().collect();
    is_cut(&log, begin.elapsed(), FLOOD, lost);
}
