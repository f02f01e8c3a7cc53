//! Surroundings that are not as they should be when the daemon starts: it says in one sentence what is wrong, with the right exit
//! code, or it serves all the same.

#![cfg(target_os = "linux")]

mod disk;
mod limits;
mod missing;
mod process;

use std::process::{Command, Stdio};

use crate::common::Daemon;

/// The command ends with this code and one sentence on stderr, in which these words are. Nothing listens.
#[track_caller]
fn fails(mut command: Command, code: i32, parts: &[&str]) {
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut daemon = Daemon::adopt(&mut command);
    let status = daemon.wait();
    let stderr = daemon.stderr.rest();
    assert_eq!(status.code(), Some(code), "{stderr:#?}");
    assert_eq!(stderr.len(), 1, "one sentence: {stderr:#?}");
    assert!(stderr[0].starts_with("pairloop: "), "{stderr:#?}");
    for part in parts {
        assert!(stderr[0].contains(part), "no {part:?} in {stderr:#?}");
    }
    assert_eq!(daemon.stdout.rest(), [""; 0]);
}

/// The same program and arguments, run by a shell behind this script; `"$@"` in it is the program.
fn behind(script: &str, plain: &Command) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script, "sh"]).arg(plain.get_program());
    command.args(plain.get_args()).env_remove("RUST_LOG");
    command
}

/// The same where what the script mounts is seen by nobody else. Needs root.
fn mounting(script: &str, plain: &Command) -> Command {
    let inner = behind(script, plain);
    let mut command = Command::new("unshare");
    command.arg("-m").arg(inner.get_program());
    command.args(inner.get_args()).env_remove("RUST_LOG");
    command
}
