//! What a daemon takes of the system, as the kernel counts it, and how much it may.

use std::ffi::OsStr;
use std::fs;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, prlimit};

use super::{Daemon, eventually};

/// What may come from how the allocator deals with the same in another order: after thousands of clients, a few bytes of each.
const KEPT: u64 = 128 << 10;

/// What a daemon has when nothing happens, to see later that it is all that it has again. Taken after some of what is to come
/// has already happened once, because what is made for the first time may stay.
pub struct AtRest {
    descriptors: usize,
    memory: u64,
}

impl AtRest {
    pub fn of(daemon: &mut Daemon) -> Self {
        daemon.settle();
        Self {
            descriptors: daemon.descriptors().len(),
            memory: daemon.memory("RssAnon"),
        }
    }

    /// Waits until the daemon has no more descriptors than then, and sees that it has not much more memory.
    #[track_caller]
    pub fn is_back(&self, daemon: &mut Daemon) {
        eventually("no descriptor is left", || {
            daemon.descriptors().len() <= self.descriptors
        });
        let (before, now) = (self.memory, daemon.memory("RssAnon"));
        assert!(now < before + KEPT, "memory grew from {before} to {now}");
    }
}

impl Daemon {
    /// The text of a file that the kernel keeps about it.
    pub fn proc(&self, name: &str) -> String {
        let path = format!("/proc/{}/{name}", self.child.id());
        fs::read_to_string(path).expect("it runs")
    }

    /// A line of its status, in bytes: `VmRSS`, `RssAnon`.
    pub fn memory(&self, name: &str) -> u64 {
        let status = self.proc("status");
        let line = status.lines().find(|line| line.starts_with(name));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
        kilobytes.expect(name).parse::<u64>().expect("a number") * 1024
    }

    /// Returns when its loop is in this state: `S`, it sleeps, and all that it had begun is done, such as writing a file of
    /// statistics behind an answer; or `T`, it is stopped.
    #[track_caller]
    pub fn has_state(&self, state: char) {
        eventually(&format!("state {state}"), || {
            self.proc("status").contains(&format!("State:\t{state}"))
        });
    }

    /// What its loop, or any other thread that it has, has used of the processor.
    pub fn cpu_time(&self) -> Duration {
        let threads = self.numbers("task").into_iter().map(|thread| {
            let schedule = self.proc(&format!("task/{thread}/schedstat"));
            let nanoseconds = schedule.split(' ').next().expect("a first word");
            Duration::from_nanos(nanoseconds.parse().expect("a number"))
        });
        threads.sum()
    }

    /// The numbers of its open descriptors.
    pub fn descriptors(&self) -> Vec<u64> {
        self.numbers("fd")
    }

    /// The numbers that are the names in a folder which the kernel keeps about it.
    fn numbers(&self, folder: &str) -> Vec<u64> {
        let entries = fs::read_dir(format!("/proc/{}/{folder}", self.child.id())).expect("it runs");
        let number = |name: &OsStr| name.to_str().and_then(|name| name.parse().ok());
        entries
            .map(|entry| number(&entry.expect("an entry").file_name()).expect("a number"))
            .collect()
    }

    /// Returns when it has so many descriptors open.
    #[track_caller]
    pub fn has_descriptors(&self, count: usize) {
        eventually(&format!("{count} descriptors"), || {
            self.descriptors().len() == count
        });
    }

    /// How many descriptors it may have, unless it raises that.
    pub fn descriptor_limit(&self) -> String {
        let limits = self.proc("limits");
        let line = limits
            .lines()
            .find(|line| line.starts_with("Max open files"));
        line.expect("there is one").to_owned()
    }

    /// Lets it open only so many descriptors more; `None` is as many as this process may.
    pub fn may_open(&self, more: Option<usize>) {
        let taken = self.descriptors();
        let mut free = (0..).filter(|number| !taken.contains(number));
        let maximum = getrlimit(Resource::Nofile).maximum;
        let current = more.map_or(maximum, |more| free.nth(more));
        let limit = Rlimit { current, maximum };
        prlimit(Some(self.pid()), Resource::Nofile, limit).expect("one's own child");
    }
}
