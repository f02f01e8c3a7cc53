//! The time of day is set, by years: nothing is decided by it. Needs faketime, which lies to this one process about the time of day
//! (`CLOCK_REALTIME`) and leaves the monotonic clock alone.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use crate::common::{
    DEADLINE, Daemon, ECHO, End, RELAY, Room, connect, end_of, eventually, scratch, serve,
};

/// The library that does it.
fn faketime() -> PathBuf {
    let folders = fs::read_dir("/usr/lib").unwrap().map(Result::unwrap);
    let mut libraries = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1"));
    libraries
        .find(|path| path.exists())
        .expect("faketime is installed")
}

/// Sets the time of day of the process that looks at this file.
fn set(clock: &PathBuf, offset: &str) {
    let draft = clock.with_extension("draft");
    fs::write(&draft, format!("{offset}\n")).unwrap();
    fs::rename(&draft, clock).unwrap();
}

#[test]
#[ignore = "needs faketime"]
fn a_wall_clock_that_jumps_by_years_changes_nothing_but_the_dates() {
    const WAITS: &str = "relay://127.0.0.1:0?wait=1h";
    const HURRIES: &str = "relay://127.0.0.1:0?wait=300ms";
    const NAMED: &str = "relay://127.0.0.1:0?rooms=named";
    let (clock, file) = (scratch("clock"), scratch("clock.prom"));
    let usage = scratch("clock.usage");
    set(&clock, "+0");
    let mut command = serve(&[RELAY, ECHO, WAITS, HURRIES, NAMED]);
    command.args(["--idle-timeout", "1h", "--hello-timeout", "1h"]);
    command.arg("--stats-file").arg(&file);
    command.arg("--usage-log").arg(&usage);
    command.env("LD_PRELOAD", faketime());
    command.env("FAKETIME_TIMESTAMP_FILE", &clock);
    command.env("FAKETIME_NO_CACHE", "1");
    command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let mut daemon = Daemon::run(command, 5);
    let (mut relay, mut echo) = (Room::relay(&daemon, 0), Room::echo(&daemon, 1));
    let _waiting = connect(daemon.address(2));
    let mut speaking = connect(daemon.address(4));
    speaking.write_all(b"JOIN ").unwrap();
    daemon.has_clients(5);
    let year = |line: &str| line[..4].parse::<u32>().expect("a date in front");
    let begin = year(&daemon.stderr.find("client 5: "));
    let mut stopped_at = Duration::ZERO;
    for (offset, years) in [("+7300d", 20), ("-7300d", -20), ("+0", 0), ("+36500d", 100)] {
        set(&clock, offset);
        relay.goes_on();
        echo.goes_on();
        // Whoever has little time still has that, and the log shows that the jump was one.
        let begun = std::time::Instant::now();
        assert_eq!(end_of(&mut connect(daemon.address(3))), End::Reset);
        let took = begun.elapsed();
        assert!(took >= Duration::from_millis(300), "{took:?}");
        stopped_at += took;
        let now = year(&daemon.stderr.find(" connected"));
        let jumped = now.abs_diff(begin.saturating_add_signed(years));
        assert!(jumped <= 1, "{begin} {now} {offset}");
        daemon.has_clients(5);
    }
    daemon.settle();
    let statistics = fs::read_to_string(&file).unwrap();
    let uptime = statistics
        .lines()
        .find_map(|line| line.strip_prefix("pairloop_uptime_seconds "));
    let uptime: f64 = uptime.unwrap().parse().unwrap();
    let most = stopped_at + 10 * DEADLINE;
    assert!(
        (stopped_at.as_secs_f64()..most.as_secs_f64()).contains(&uptime),
        "{uptime}"
    );
    drop(relay);
    eventually("the room's line", || {
        let text = fs::read_to_string(&usage).unwrap_or_default();
        text.lines()
            .any(|line| line.contains("\"happy\"") && total_time(line) < most.as_secs_f64())
    });
    drop(echo);
    daemon.has_clients(2);
    daemon.signal(crate::common::Signal::TERM);
    assert_eq!(daemon.wait().code(), Some(0));
}

/// The seconds that a session took, by its line in the usage log.
fn total_time(line: &str) -> f64 {
    let (_, rest) = line.split_once("\"total_time\":").expect("a time");
    let number = rest.split([',', '}']).next().expect("a number");
    number.parse().expect("a number")
}
