//! The usage log where the disk is full, the reader asleep and the file gone: nobody else notices.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};

use crate::common::usage::{line, lines, logged, parse};
use crate::common::{ECHO, Noise, RELAY, Signal, connect, eventually, receive, scratch, serve};

#[test]
fn after_sighup_lines_go_into_a_new_file() {
    let (path, old) = (scratch("rotated"), scratch("rotated.1"));
    let mut daemon = logged(&[RELAY], &path, &[]);
    drop(daemon.connect());
    lines(&path, 1);
    fs::rename(&path, &old).unwrap();
    drop(daemon.connect());
    lines(&old, 2);
    daemon.signal(Signal::HUP);
    daemon.stderr.find(" again");
    drop(daemon.connect());
    assert_eq!(lines(&path, 1).len(), lines(&old, 2).len() - 1);
    // What cannot be opened leaves things as they are.
    fs::rename(&path, &old).unwrap();
    fs::create_dir(&path).unwrap();
    daemon.signal(Signal::HUP);
    daemon.stderr.find("the old file stays in use");
    drop(daemon.connect());
    lines(&old, 2);
    daemon.stop();
}

#[test]
fn a_line_that_was_torn_does_not_spoil_the_next() {
    let path = scratch("torn");
    fs::write(&path, "{\"started\":17").unwrap();
    let mut daemon = logged(&[RELAY], &path, &[]);
    drop(daemon.connect());
    assert_eq!(
        parse(&lines(&path, 2)[1]),
        line("relay", "lonely", 0, false)
    );
    daemon.stop();
}

#[test]
fn a_full_disk_costs_lines_and_nothing_else() {
    let file = scratch("full.prom");
    let options = ["--stats-file", file.to_str().unwrap()];
    let mut daemon = logged(&[RELAY, ECHO], Path::new("/dev/full"), &options);
    for _ in 0..20 {
        drop(connect(daemon.address(1)));
    }
    daemon.stderr.find("usage log: ");
    daemon.has_clients(0);
    eventually("20 lines lost", || {
        daemon.report();
        let dropped = daemon.stderr.find("lines dropped: ");
        dropped.ends_with(", 20 of the usage log")
    });
    let statistics = fs::read_to_string(&file).unwrap();
    assert!(statistics.contains("pairloop_dropped_lines_total{stream=\"usage_log\"} 20\n"));
    for mood in [
        "empty",
        "errory",
        "lonely",
        "redundant",
        "impatient",
        "happy",
        "jilted",
    ] {
        let count = if mood == "happy" { 20 } else { 0 };
        let sample = format!("sessions_total{{service=\"echo\",mood=\"{mood}\"}} {count}\n");
        assert!(statistics.contains(&sample), "{sample} {statistics}");
    }
    let noise = Noise::new(1);
    let (mut x, mut y) = daemon.pair();
    noise.send(&mut x, 0..100_000);
    noise.receive(&mut y, 0..100_000);
    drop((x, y));
    daemon.stop();
    let said = daemon.stderr.rest();
    let said = said.iter().filter(|line| line.contains("lines lost"));
    assert_eq!(said.count(), 0, "once is enough for a minute");
}

fn fifo(name: &str) -> PathBuf {
    let path = scratch(name);
    let mode = Mode::from_raw_mode(0o600);
    mknodat(CWD, &path, FileType::Fifo, mode, 0).expect("a FIFO");
    path
}

#[test]
fn a_reader_of_the_log_that_stops_holds_up_nobody() {
    let path = fifo("stopped");
    // Whoever opens it without waiting for a writer is there, and does not read.
    let mut options = OpenOptions::new();
    options.custom_flags(OFlags::NONBLOCK.bits() as i32);
    let mut reader: File = options.read(true).open(&path).unwrap();
    let mut daemon = logged(&[RELAY, ECHO], &path, &[]);
    // A pipe that small holds a few dozen lines.
    rustix::pipe::fcntl_setpipe_size(&reader, 4096).unwrap();
    let mut echo = connect(daemon.address(1));
    for _ in 0..200 {
        drop(connect(daemon.address(1)));
        echo.write_all(b"still here").unwrap();
        receive(&mut echo, b"still here");
    }
    daemon.stderr.find("usage log: ");
    echo.write_all(b"still here").unwrap();
    receive(&mut echo, b"still here");
    // Once somebody reads, lines come whole again.
    let mut text = Vec::new();
    let full = reader.read_to_end(&mut text).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::WouldBlock);
    let (mut x, mut y) = daemon.pair();
    x.write_all(b"hello").unwrap();
    receive(&mut y, b"hello");
    drop((x, y));
    rustix::fs::fcntl_setfl(&reader, OFlags::empty()).unwrap();
    let mut reader = BufReader::new(reader);
    while !String::from_utf8_lossy(&text).contains("\"relay\"}\n") {
        reader.read_until(b'\n', &mut text).unwrap();
    }
    let text = String::from_utf8(text).unwrap();
    let whole = |line: &&str| line.starts_with("{\"started\":") && line.ends_with("\"}");
    let torn: Vec<&str> = text.lines().filter(|line| !whole(line)).collect();
    assert!(torn.len() <= 2, "{torn:?}");
    assert_eq!(
        parse(text.lines().last().unwrap()),
        line("relay", "happy", 5, true)
    );
    // Nor does the daemon's end wait for long.
    for _ in 0..100 {
        drop(connect(daemon.address(1)));
    }
    drop(echo);
    daemon.has_clients(0);
    daemon.stop();
    drop(reader);
}

#[test]
fn a_log_that_cannot_be_opened_is_said_at_the_start() {
    let nobody_reads = fifo("unread");
    let missing = scratch("no-folder").join("usage");
    for (path, words) in [(missing, "No such file"), (nobody_reads, "No such device")] {
        let mut command = serve(&[RELAY]);
        let output = command.arg("--usage-log").arg(&path).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        let path = path.display().to_string();
        assert!(stderr.starts_with("pairloop: --usage-log: "), "{stderr}");
        assert!(stderr.contains(&path) && stderr.contains(words), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "one sentence: {stderr}");
        assert!(output.stdout.is_empty(), "nothing listens");
    }
}

#[test]
fn blurring_needs_a_log_and_a_window() {
    for options in [
        &["--blur-usage", "60"][..],
        &["--usage-log", "x", "--blur-usage", "0"],
    ] {
        let output = serve(&[RELAY]).args(options).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{options:?}");
    }
}
