//! Splicing that the system refuses: bytes are copied instead, or their stream ends with RST, and the daemon goes on.

use std::net::Shutdown;
use std::process::Command;

use crate::common::{Daemon, End, Noise, RELAY, eventually, scratch};

/// Enough for a link to try to splice.
const BULK: u64 = 48 << 20;

/// A relay whose system calls fail as told. The tracer stands aside, so that the daemon itself is our child.
fn injected(fault: &str) -> Daemon {
    let plain = crate::common::serve(&[RELAY]);
    let mut command = Command::new("strace");
    let file = scratch(&format!("{}.strace", fault.replace([':', '='], ".")));
    command.args(["-D", "-f", "-e", "trace=splice,pipe2"]);
    command.args(["-e", &format!("inject={fault}"), "-o"]);
    command.arg(&file).arg(plain.get_program());
    command.args(plain.get_args()).env_remove("RUST_LOG");
    Daemon::run(command, 1)
}

/// The fault has struck, or there was nothing to see.
fn has_struck(fault: &str) {
    let file = scratch(&format!("{}.strace", fault.replace([':', '='], ".")));
    eventually("the fault has struck", || {
        std::fs::read_to_string(&file).is_ok_and(|trace| trace.contains("(INJECTED)"))
    });
}

/// Sends much from X to Y. Answers how much arrived, and how it ended.
fn bulk(daemon: &Daemon) -> (u64, End) {
    let (mut x, mut y) = daemon.pair();
    let noise = Noise::new(9);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // It may be cut off.
            if noise.try_send(&mut x, 0..BULK) {
                x.shutdown(Shutdown::Write).expect("a socket");
            }
        });
        noise.receive_all(&mut y, 0)
    })
}

#[track_caller]
fn arrives_whole_in_spite_of(fault: &str) {
    let mut daemon = injected(fault);
    for _ in 0..2 {
        assert_eq!(bulk(&daemon), (BULK, End::Fin));
    }
    has_struck(fault);
    daemon.has_clients(0);
    daemon.stop();
}

#[test]
#[ignore = "needs strace"]
fn sockets_that_cannot_be_spliced_are_copied() {
    arrives_whole_in_spite_of("splice:error=EINVAL:when=1+");
}

/// A seccomp filter, or a kernel that is not quite Linux.
#[test]
#[ignore = "needs strace"]
fn a_kernel_without_splice_copies() {
    arrives_whole_in_spite_of("splice:error=ENOSYS:when=1+");
}

#[test]
#[ignore = "needs strace"]
fn links_copy_when_no_pipe_can_be_made() {
    for error in ["EMFILE", "ENFILE", "ENOMEM"] {
        arrives_whole_in_spite_of(&format!("pipe2:error={error}:when=1+"));
    }
}

/// What is in the pipe then is lost.
#[test]
#[ignore = "needs strace"]
fn a_pipe_that_cannot_be_emptied_ends_the_stream_with_rst() {
    let fault = "splice:error=EINVAL:when=2";
    let mut daemon = injected(fault);
    let (received, end) = bulk(&daemon);
    assert_eq!(end, End::Reset);
    assert!(received < BULK);
    has_struck(fault);
    assert_eq!(bulk(&daemon), (BULK, End::Fin));
    daemon.has_clients(0);
    daemon.stop();
}
