//! What a daemon has when nothing happens, to see later that it is all that it has again.

use std::time::Duration;

use super::{Daemon, eventually};

/// What may come from how the allocator deals with the same in another order: after thousands of clients, a few bytes of each.
const KEPT: u64 = 128 << 10;

/// Taken after some of what is to come has already happened once, because what is made for the first time may stay.
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
    /// What its loop has used of the processor.
    pub fn cpu_time(&self) -> Duration {
        let schedule = self.proc("schedstat");
        let nanoseconds = schedule
            .split(' ')
            .next()
            .and_then(|time| time.parse().ok());
        Duration::from_nanos(nanoseconds.expect("a number"))
    }
}
