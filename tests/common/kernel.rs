//! What the kernel knows of a process.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, prlimit};

use super::{Daemon, eventually};

impl Daemon {
    /// Processor time that it has used (proc(5): fields 14 and 15 of stat, in ticks of which Linux has 100 a second).
    pub fn processor_time(&self) -> Duration {
        let stat = self.proc("stat");
        let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
        let ticks = fields.split(' ').skip(11).take(2);
        let ticks = ticks.map(|ticks| ticks.parse::<u64>().expect("a number"));
        Duration::from_millis(10 * ticks.sum::<u64>())
    }

    /// Returns when it has as many descriptors open as it had.
    #[track_caller]
    pub fn has_descriptors(&self, count: usize) {
        eventually(&format!("{count} descriptors"), || {
            self.descriptors().len() == count
        });
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
