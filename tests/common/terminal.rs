//! A client command on a terminal.

use std::fs::File;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use super::{DEADLINE, eventually, program};

/// The other side of a terminal on which a command runs: what it shows, and keys to press.
pub struct Terminal {
    child: Child,
    keys: File,
    screen: Receiver<Vec<u8>>,
    /// What was shown and not yet looked at.
    pending: String,
}

impl Terminal {
    /// Starts a command that connects to this address, in this environment.
    pub fn start(
        command: &str,
        at: SocketAddr,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let mut program = program();
        program.args([command, "--at", &at.to_string()]);
        program.env_remove("NO_COLOR").env("TERM", "xterm");
        program.args(arguments).envs(environment.iter().copied());
        Self::run(&mut program)
    }

    /// Starts a program with a terminal of its own.
    pub fn run(program: &mut Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&master).expect("a terminal");
        unlockpt(&master).expect("a terminal");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let terminal = || -> Stdio {
            let flags = OFlags::RDWR | OFlags::NOCTTY;
            File::from(open(&name, flags, Mode::empty()).expect("it opens")).into()
        };
        let program = program.stdin(terminal()).stdout(terminal());
        let child = program.stderr(terminal()).spawn().expect("it starts");
        let keys = File::from(master);
        let screen = watch(keys.try_clone().expect("a descriptor"));
        Self {
            child,
            keys,
            screen,
            pending: String::new(),
        }
    }

    /// Presses these keys.
    pub fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).expect("a terminal");
    }

    /// Waits until this is shown. Answers everything up to and with it.
    #[track_caller]
    pub fn shows(&mut self, text: &str) -> String {
        let begin = Instant::now();
        loop {
            if let Some(at) = self.pending.find(text) {
                let rest = self.pending.split_off(at + text.len());
                return std::mem::replace(&mut self.pending, rest);
            }
            let left = DEADLINE.saturating_sub(begin.elapsed());
            match self.screen.recv_timeout(left) {
                Ok(bytes) => self.pending += &String::from_utf8_lossy(&bytes),
                Err(_) => panic!("no {text:?} in {:?}", self.pending),
            }
        }
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Whether it shows what is typed.
    pub fn echoes(&self) -> bool {
        let modes = tcgetattr(&self.keys).expect("a terminal");
        modes.local_modes.contains(LocalModes::ECHO)
    }

    /// It ends with this exit code. Answers what was left on its screen.
    #[track_caller]
    pub fn ends(&mut self, code: i32) -> String {
        let status = self.wait();
        assert_eq!(status.code(), Some(code), "{:?}", self.pending);
        std::mem::take(&mut self.pending)
    }

    /// It ends by this signal.
    #[track_caller]
    pub fn ends_by(&mut self, signal: Signal) {
        let status = self.wait();
        assert_eq!(status.signal(), Some(signal.as_raw()), "{status}");
    }

    fn wait(&mut self) -> ExitStatus {
        let child = &mut self.child;
        let mut status = None;
        eventually("the end of the client", || {
            status = child.try_wait().expect("it can be waited for");
            status.is_some()
        });
        for bytes in self.screen.iter() {
            self.pending += &String::from_utf8_lossy(&bytes);
        }
        status.expect("it has ended")
    }
}

/// What is shown, read all the time. It ends when nobody has the terminal open any more.
fn watch(mut screen: File) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(bytes @ 1..) = screen.read(&mut buffer) {
            if sender.send(buffer[..bytes].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
