//! What a process is handed: its streams, its environment, its folder, its rights, and /proc.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

use super::{behind, fails, mounting};
use crate::common::{Daemon, ECHO, Folder, Noise, RELAY, Room, program, scratch, serve};

/// It is at these addresses, which it can't say.
fn free_addresses() -> [String; 2] {
    ["127.0.79.1:0", "127.0.79.2:0"].map(|address| {
        let listener = std::net::TcpListener::bind(address).unwrap();
        listener.local_addr().unwrap().to_string()
    })
}

/// A relay and an echo that work, are watched and are stopped.
#[track_caller]
fn serves(command: Command) {
    let mut daemon = Daemon::run(command, 2);
    let (mut relay, mut echo) = (Room::relay(&daemon, 0), Room::echo(&daemon, 1));
    daemon.has_clients(3);
    relay.goes_on();
    echo.goes_on();
    drop((relay, echo));
    daemon.has_clients(0);
    daemon.stop();
}

/// A descriptor from 0 to 2 that is free would go to a socket, and the log into a client's stream.
#[test]
fn streams_that_are_closed_are_not_taken_by_sockets() {
    for closed in 0..8_u8 {
        let [relay, echo] = free_addresses();
        let urls = [format!("relay://{relay}"), format!("echo://{echo}")];
        let streams = ["0<&-", "1>&-", "2>&-"].iter().enumerate();
        let streams = streams.filter(|(bit, _)| closed & (1 << bit) != 0);
        let streams: Vec<&str> = streams.map(|(_, stream)| *stream).collect();
        let plain = serve(&[&urls[0], &urls[1]]);
        let mut command = behind(&format!("exec \"$@\" -v {}", streams.join(" ")), &plain);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut daemon = Daemon::adopt(&mut command);
        crate::common::eventually("it listens", || {
            std::net::TcpStream::connect(echo.as_str()).is_ok()
        });
        for number in 0..3 {
            let path = format!("/proc/{}/fd/{number}", daemon.pid().as_raw_nonzero());
            let stream = fs::read_link(path).unwrap().display().to_string();
            let is_closed = closed & (1 << number) != 0;
            let null = stream == "/dev/null";
            // The test's own standard input is that as well.
            assert_eq!(
                null,
                is_closed || number == 0,
                "{streams:?}: {number} is {stream}"
            );
        }
        // A client hears what its partner says, and not a word more.
        let [relay, echo] = [relay, echo].map(|address| address.parse().unwrap());
        let (mut x, mut y) = (crate::common::connect(relay), crate::common::connect(relay));
        let mut echoed = crate::common::connect(echo);
        let noise = Noise::new(1);
        for part in 0..100 {
            daemon.signal(crate::common::Signal::USR2);
            noise.send(&mut x, part * 1000..(part + 1) * 1000);
            noise.receive(&mut y, part * 1000..(part + 1) * 1000);
            noise.send(&mut y, part * 1000..(part + 1) * 1000);
            noise.receive(&mut x, part * 1000..(part + 1) * 1000);
            noise.send(&mut echoed, part * 1000..(part + 1) * 1000);
            noise.receive(&mut echoed, part * 1000..(part + 1) * 1000);
        }
        assert!(
            [&x, &y, &echoed]
                .iter()
                .all(|client| crate::common::hears_nothing(client))
        );
        drop((x, y, echoed));
        daemon.stop();
        let said = (
            daemon.stdout.rest().is_empty(),
            daemon.stderr.rest().is_empty(),
        );
        assert_eq!(said, (closed & 2 != 0, closed & 4 != 0), "{streams:?}");
    }
}

#[test]
fn without_an_environment_it_serves() {
    let mut command = serve(&[RELAY, ECHO]);
    command.env_clear();
    serves(command);
}

#[test]
fn a_language_that_is_not_there_changes_nothing() {
    for language in ["C", "POSIX", "xx_YY.UTF-9", "", "\u{1b}["] {
        let mut command = serve(&[RELAY, ECHO]);
        command.env("LC_ALL", language).env("LANG", language);
        serves(command);
    }
}

#[test]
fn in_a_folder_that_was_removed_it_serves_and_what_it_can_not_find_there_is_named() {
    let folder = scratch("removed");
    let removed = |plain: &Command| {
        fs::create_dir(&folder).unwrap();
        let script = "rmdir \"$PWD\"; exec \"$@\"";
        let mut command = behind(script, plain);
        command.current_dir(&folder);
        command
    };
    serves(removed(&serve(&[RELAY, ECHO])));
    for (option, code) in [
        ("--pid-file", 1),
        ("--stats-file", 1),
        ("--usage-log", 1),
        ("--config", 2),
    ] {
        let mut plain = serve(&[ECHO]);
        plain.args([option, "here"]);
        fails(
            removed(&plain),
            code,
            &["here", "No such file or directory"],
        );
    }
}

#[test]
#[ignore = "needs root"]
fn without_proc_everything_is_served_and_received() {
    let hidden = "mount -t tmpfs none /proc && exec \"$@\"";
    let without = |plain: &Command| mounting(hidden, plain);
    let folder = Folder::new("no-proc");
    let (pid_file, statistics) = (folder.text("pid"), folder.text("statistics"));
    let usage = folder.text("usage");
    let mut plain = serve(&[RELAY, ECHO]);
    plain.args(["--pid-file", &pid_file, "--stats-file", &statistics]);
    plain.args(["--usage-log", &usage]);
    serves(without(&plain));
    assert!(
        fs::read_to_string(statistics)
            .unwrap()
            .contains("pairloop_clients")
    );
    assert_eq!(fs::read_to_string(usage).unwrap().lines().count(), 2);
    // A limit for memory is kept without being told how much is taken.
    let limited = behind("ulimit -v 65536; exec \"$@\"", &serve(&[RELAY, ECHO]));
    serves(without(&limited));

    let (from, into) = (Folder::new("no-proc-from"), Folder::new("no-proc-into"));
    from.write("top/file", b"contents");
    let rooms = crate::common::Rooms::open();
    let mut receive = crate::common::transfer("receive", rooms.address(), &[]);
    receive.arg("--into").arg(into.path());
    let send = crate::common::transfer("send", rooms.address(), &[&from.text("top")]);
    let mut receiver = crate::common::Client::spawn(without(&receive));
    let mut sender = crate::common::Client::spawn(without(&send));
    assert_eq!(
        (sender.ends(0), receiver.ends(0)),
        (String::new(), String::new())
    );
    assert_eq!(into.everything(), from.everything());
}

/// Somebody who may write nowhere, and for whom the files of the tests' own user do not exist.
#[test]
#[ignore = "needs root"]
fn as_nobody_it_serves_and_what_is_not_allowed_is_named() {
    const NOBODY: u32 = 65_534;
    let folder = std::env::temp_dir().join(format!("pairloop.{}.nobody", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let copy = folder.join("pairloop");
    fs::copy(program().get_program(), &copy).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let as_nobody = |arguments: &[&str]| {
        let mut command = Command::new(&copy);
        command
            .args(["serve", "--listen", RELAY, "--listen", ECHO])
            .args(arguments);
        command.uid(NOBODY).gid(NOBODY).env_clear().current_dir("/");
        command
    };
    serves(as_nobody(&[]));
    for option in ["--pid-file", "--stats-file", "--usage-log"] {
        let file = folder.join("file").display().to_string();
        fails(
            as_nobody(&[option, &file]),
            1,
            &[&file, "Permission denied"],
        );
    }
    fs::write(folder.join("config"), "max-clients = 5\n").unwrap();
    let secret = fs::Permissions::from_mode(0o600);
    fs::set_permissions(folder.join("config"), secret).unwrap();
    let config = folder.join("config").display().to_string();
    fails(
        as_nobody(&["--config", &config]),
        2,
        &[&config, "Permission denied"],
    );
    fs::remove_dir_all(&folder).unwrap();
}
