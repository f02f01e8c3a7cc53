//! Few descriptors and little memory: a sentence, or the daemon serves. What ends before the program begins is the loader's.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use super::behind;
use crate::common::{
    Client, Daemon, ECHO, Folder, RELAY, Room, Rooms, send_files, serve, transfer,
};

/// What has come of a start.
enum Outcome {
    Serves,
    /// With the sentence that is right for it.
    Refused,
    /// The program has not begun: its loader, or the kernel's, failed.
    NotLoaded,
}

/// Starts it with this limit; anything but an [`Outcome`] is a failure. A client is served if anybody is.
#[track_caller]
fn start(limit: &str, words: &str) -> Outcome {
    let script = format!("ulimit {limit} || exit 127; exec \"$@\"");
    let mut command = behind(&script, &serve(&[ECHO, RELAY]));
    command.env_remove("RUST_BACKTRACE");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut daemon = Daemon::adopt(&mut command);
    let Some(line) = daemon.stdout.next() else {
        let status = daemon.wait();
        let stderr = daemon.stderr.rest();
        return match status.code() {
            Some(1) => {
                assert_eq!(stderr.len(), 1, "{limit}: {stderr:#?}");
                let parts = ["pairloop: this process may have ", words, "raise "];
                let right = parts.iter().all(|part| stderr[0].contains(part));
                assert!(right, "{limit}: {stderr:#?}");
                Outcome::Refused
            }
            Some(127) => Outcome::NotLoaded,
            // The kernel could not even map the program.
            None if status.signal() == Some(11) && stderr.is_empty() => Outcome::NotLoaded,
            _ => panic!("{limit}: {status}: {stderr:#?}"),
        };
    };
    daemon.is_ready(&line);
    let line = daemon.stdout.next().expect("the second listener");
    daemon.is_ready(&line);
    let mut echo = Room::echo(&daemon, 0);
    echo.goes_on();
    drop(echo);
    daemon.has_clients(0);
    daemon.stop();
    Outcome::Serves
}

/// Starts it with limits from low to high: first it can't be loaded, perhaps, then it refuses, then it serves, and never goes back.
#[track_caller]
fn climb(limits: impl Iterator<Item = String>, words: &str) {
    let mut reached = 0;
    for limit in limits {
        let step = match start(&limit, words) {
            Outcome::NotLoaded => 0,
            Outcome::Refused => 1,
            Outcome::Serves => 2,
        };
        assert!(step >= reached, "{limit}: worse than with less");
        assert!(step <= reached + 1, "{limit}: nothing was said about less");
        reached = step;
    }
    assert_eq!(reached, 2, "it serves at last");
}

#[test]
fn with_few_descriptors_it_says_so_or_serves() {
    let few = [0, 3, 4, 5, 6, 7, 8, 10, 12, 16, 24, 32, 48, 63, 64];
    let more = [65, 66, 67, 68, 69, 70, 72, 80, 96, 128, 256, 1024];
    let limits = few.iter().chain(&more);
    climb(
        limits.map(|limit| format!("-n {limit}")),
        " descriptors, too few ",
    );
}

#[test]
fn with_little_memory_it_says_so_or_serves() {
    // In kilobytes.
    let fine = (8..24).flat_map(|megabytes| [0, 256, 512, 768].map(|part| megabytes * 1024 + part));
    let limits = [1, 2, 4, 6].map(|megabytes| megabytes * 1024);
    let coarse = [24, 32, 64, 128, 512].map(|megabytes| megabytes * 1024);
    let limits = limits.into_iter().chain(fine).chain(coarse);
    climb(
        limits.map(|limit| format!("-v {limit}")),
        " bytes of memory, too little ",
    );
}

/// The limit is 1 KiB or less, as the shell counts it.
#[test]
fn where_files_may_not_grow_lines_are_lost_and_nothing_else() {
    let folder = Folder::new("file-size");
    let usage = folder.text("usage");
    let mut plain = serve(&[ECHO, RELAY]);
    plain.args(["--usage-log", &usage]);
    let mut daemon = Daemon::run(behind("ulimit -f 1; exec \"$@\"", &plain), 2);
    for _ in 0..50 {
        Room::echo(&daemon, 0).goes_on();
    }
    daemon.has_clients(0);
    daemon.stderr.find("usage log: ");
    let mut relay = Room::relay(&daemon, 1);
    relay.goes_on();
    drop(relay);
    daemon.has_clients(0);
    daemon.stop();
    let length = std::fs::metadata(&usage).unwrap().len();
    assert!((1..=1024).contains(&length), "{length}");
}

#[test]
fn a_file_that_may_not_grow_so_large_is_not_received_and_both_are_told() {
    let (from, into) = (Folder::new("grow"), Folder::new("grow-there"));
    from.write("large", &vec![7; 3 << 20]);
    let rooms = Rooms::open();
    let plain = transfer("receive", rooms.address(), &["--into", &into.text(".")]);
    let mut receiver = Client::spawn(behind("ulimit -f 100; exec \"$@\"", &plain));
    let mut sender = send_files(rooms.address(), &[&from.text("large")]);
    for mut side in [receiver.ends(1), sender.ends(1)] {
        side.make_ascii_lowercase();
        assert!(side.contains("file too large"), "{side}");
    }
}
