//! One client command, running.

use std::io::Write;
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::{DEADLINE, Lines, eventually_within, program};

/// A client command between pipes; it is killed when the test is over, however the test ends.
pub struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    pub stdout: Lines,
    pub stderr: Lines,
}

impl Client {
    /// Starts a command that connects to this address.
    pub fn start(command: &str, at: SocketAddr, arguments: &[&str]) -> Self {
        let mut program = program();
        program.args([command, "--at", &at.to_string()]);
        program.args(arguments);
        Self::spawn(program)
    }

    /// Starts this.
    pub fn spawn(mut program: Command) -> Self {
        let program = program.stdin(Stdio::piped());
        let program = program.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = program.spawn().expect("it starts");
        Self {
            stdin: child.stdin.take(),
            stdout: Lines::of("stdout", child.stdout.take()),
            stderr: Lines::of("stderr", child.stderr.take()),
            child,
        }
    }

    /// Types this.
    pub fn say(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("its input has not ended");
        stdin.write_all(bytes).expect("it reads its input");
    }

    /// Ends its input.
    pub fn end_input(&mut self) {
        self.stdin = None;
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// It ends with this exit code. Answers what was left on its stderr.
    #[track_caller]
    pub fn ends(&mut self, code: i32) -> String {
        self.ends_within(DEADLINE, code)
    }

    /// It ends with this exit code, within this time. Answers what was left on its stderr.
    #[track_caller]
    pub fn ends_within(&mut self, patience: Duration, code: i32) -> String {
        let status = self.wait_for(patience);
        let stderr = self.stderr.rest().join("\n");
        assert_eq!(status.code(), Some(code), "{stderr}");
        stderr
    }

    /// It ends by itself, or by a signal.
    pub fn wait(&mut self) -> ExitStatus {
        self.wait_for(DEADLINE)
    }

    fn wait_for(&mut self, patience: Duration) -> ExitStatus {
        let child = &mut self.child;
        let mut status = None;
        eventually_within(patience, "the end of the client", || {
            status = child.try_wait().expect("it can be waited for");
            status.is_some()
        });
        status.expect("it has ended")
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
