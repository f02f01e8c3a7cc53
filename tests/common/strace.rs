//! System calls of a running process that fail as told, by strace. Needs root (or a system that lets strangers trace) and strace.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::{Pid, Signal, kill_process};

use super::{Daemon, eventually, scratch};

/// A tracer; when it goes, everything works again.
pub struct Strace {
    child: Child,
    file: PathBuf,
}

impl Strace {
    /// Returns when it holds. `faults` are strace's, such as `accept4:error=ENFILE`; beside them it only notes these calls,
    /// with commas between them.
    pub fn attach(daemon: &Daemon, calls: &str, faults: &[&str]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let file = scratch(&format!("{number}.strace"));
        let mut command = Command::new("strace");
        command.args(["-f", "-p", &daemon.pid().as_raw_nonzero().to_string()]);
        command.args(["-e", &format!("trace={calls}")]);
        for fault in faults {
            command.args(["-e", &format!("inject={fault}")]);
        }
        command.arg("-o").arg(&file).stderr(Stdio::piped());
        let mut child = command.spawn().expect("strace is installed");
        let mut said = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut line = String::new();
        said.read_line(&mut line).expect("it says something");
        assert!(line.contains("attached"), "{line}");
        Self { child, file }
    }

    /// What it has noted so far.
    pub fn trace(&self) -> String {
        std::fs::read_to_string(&self.file).expect("it writes at once")
    }

    /// How many calls have failed as told so far.
    pub fn struck(&self) -> usize {
        self.trace().matches("(INJECTED)").count()
    }

    /// Returns when a fault has struck.
    #[track_caller]
    pub fn strikes(&self) {
        eventually("the fault strikes", || self.struck() > 0);
    }
}

impl Drop for Strace {
    fn drop(&mut self) {
        // It lets go of the process, and ends with that process if it has gone.
        let _ = kill_process(Pid::from_child(&self.child), Signal::INT);
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.file);
    }
}
