//! An unprivileged user has 16,384 pages for all pipes (pipe-user-pages-soft in pipe(7)). Whoever has used them up with
//! 1,024 pipes gets only pipes of two pages, which can't grow: then links copy.

use std::fs;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::thread;

use rustix::io::write;
use rustix::pipe::pipe;
use rustix::process::{Resource, Rlimit, geteuid, getrlimit, setrlimit};
use rustix::thread::{Uid, set_thread_uid};

use crate::common::{Daemon, End, Noise, RELAY};

/// Pipes of the usual 16 pages, which leave none for others.
const PIPES: usize = 1_100;

/// Enough for a link to try to splice.
const BULK: u64 = 48 << 20;

/// Whom root becomes: one user of which nothing else is likely to run.
const NOBODY: u32 = 65_533;

/// Busy pipes that belong to an unprivileged user.
fn busy_pipes() -> Vec<(OwnedFd, OwnedFd)> {
    // Root has no quota. On Linux a thread can be somebody else by itself.
    let make = || {
        if geteuid().is_root() {
            set_thread_uid(Uid::from_raw(NOBODY)).expect("root may");
        }
        let pipes: Vec<_> = (0..PIPES).map(|_| pipe().expect("a pipe")).collect();
        for (_, end) in &pipes {
            write(end, b"busy").expect("there is room");
        }
        pipes
    };
    thread::spawn(make).join().expect("it makes pipes")
}

/// The daemon as the same user, who must be able to reach the program and the folder of its statistics.
fn unprivileged(folder: &Path) -> Daemon {
    let program = folder.join("pairloop");
    fs::copy(env!("CARGO_BIN_EXE_pairloop"), &program).unwrap();
    let mut command = Command::new(&program);
    command.args(["serve", "--listen", RELAY]);
    command.arg("--stats-file").arg(folder.join("statistics"));
    if geteuid().is_root() {
        chown(folder, Some(NOBODY), Some(NOBODY)).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }
    Daemon::run(command, 1)
}

/// How often a link had to copy for want of a pipe, as the daemon says.
fn refused(daemon: &mut Daemon, folder: &Path) -> u64 {
    daemon.settle();
    let text = fs::read_to_string(folder.join("statistics")).unwrap();
    let name = "pairloop_pipes_refused_total ";
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    value.expect("it is counted").parse().expect("a number")
}

#[test]
#[ignore = "needs 3,000 descriptors, and as root a thread that may become somebody else"]
fn an_unprivileged_user_with_over_1024_busy_pipes_gets_copies_that_are_right() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let current = maximum;
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
    let folder = std::env::temp_dir().join(format!("pairloop.{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let mut daemon = unprivileged(&folder);
    let noise = Noise::new(10);
    let pipes = busy_pipes();
    let (mut x, mut y) = daemon.pair();
    thread::scope(|scope| {
        scope.spawn(|| {
            noise.send(&mut x, 0..BULK);
            x.shutdown(Shutdown::Write).unwrap();
        });
        assert_eq!(noise.receive_all(&mut y, 0), (BULK, End::Fin));
    });
    daemon.stderr.find("links copy for lack of a pipe");
    assert!(refused(&mut daemon, &folder) > 0, "it is counted");
    drop((x, y, pipes));
    daemon.has_clients(0);
    daemon.stop();
    fs::remove_dir_all(&folder).unwrap();
}
