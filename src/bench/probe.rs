//! What other processes and the whole machine use, as Linux tells it in /proc.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::BenchError;

/// CPU times at one moment.
pub struct Probe {
    at: Instant,
    /// Of the server's processes together.
    server: Option<Duration>,
    /// Of each of their threads, and how long it was ready and had no core.
    threads: HashMap<PathBuf, Turns>,
    machine: Option<Machine>,
}

/// A thread's time with a core, and its time in the queue for one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Turns {
    pub running: Duration,
    pub waiting: Duration,
}

#[derive(Clone, Copy)]
struct Machine {
    idle: u64,
    all: u64,
}

/// What was used between two moments.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    pub elapsed: Duration,
    /// CPU time of the server's processes and of their children.
    pub server: Option<Duration>,
    /// Share of one core that the server's busiest thread used.
    pub server_thread: Option<f64>,
    /// Share of the time that some thread of the server, or of the generator, waited for a core.
    pub waiting: Option<f64>,
    /// Share of the machine's time in which some core had nothing to do.
    pub idle: Option<f64>,
}

impl Probe {
    /// # Errors
    /// If one of the processes can't be looked at.
    pub fn take(pids: &[u32]) -> Result<Self, BenchError> {
        let mut threads = HashMap::new();
        let mut server = Duration::ZERO;
        for pid in family(pids) {
            match cpu(&format!("/proc/{pid}/stat")) {
                Some(time) => server += time,
                None if pids.contains(&pid) => return Err(BenchError::NoProcess(pid)),
                // A child may end at any time.
                None => continue,
            }
            for entry in fs::read_dir(format!("/proc/{pid}/task"))
                .into_iter()
                .flatten()
                .flatten()
            {
                // A thread may end between the two looks.
                if let Some(turns) = turns(&entry.path()) {
                    threads.insert(entry.path(), turns);
                }
            }
        }
        Ok(Self {
            at: Instant::now(),
            server: (!pids.is_empty()).then_some(server),
            threads,
            machine: fs::read_to_string("/proc/stat")
                .ok()
                .and_then(|text| machine(&text)),
        })
    }

    /// What was used since an earlier look.
    pub fn since(&self, earlier: &Probe) -> Usage {
        let elapsed = self.at - earlier.at;
        let share = |cpu: Duration| cpu.as_secs_f64() / elapsed.as_secs_f64().max(1e-9);
        let shares = |of: fn(&Turns) -> Duration| {
            let shares = self.threads.iter().map(|(thread, turns)| {
                let before = earlier.threads.get(thread).map(of).unwrap_or_default();
                share(of(turns).saturating_sub(before))
            });
            shares.fold(0.0, f64::max)
        };
        let idle = self.machine.zip(earlier.machine).and_then(|(now, before)| {
            let all = now.all.checked_sub(before.all).filter(|&all| all > 0)?;
            Some(now.idle.saturating_sub(before.idle) as f64 / all as f64)
        });
        Usage {
            elapsed,
            server: self.server_since(earlier),
            server_thread: self.server.map(|_| shares(|turns| turns.running)),
            waiting: self.server.map(|_| shares(|turns| turns.waiting)),
            idle,
        }
    }

    /// The processes' clocks tick a hundred times a second, those of threads count nanoseconds; but the time of a thread
    /// that has ended is only in its process's.
    fn server_since(&self, earlier: &Probe) -> Option<Duration> {
        let (now, before) = self.server.zip(earlier.server)?;
        let ended = |thread| !self.threads.contains_key(thread);
        if self.threads.is_empty() || earlier.threads.keys().any(ended) {
            return Some(now.saturating_sub(before));
        }
        let threads = self.threads.iter().map(|(thread, turns)| {
            let before = earlier.threads.get(thread).copied().unwrap_or_default();
            turns.running.saturating_sub(before.running)
        });
        Some(threads.sum())
    }
}

/// Whether a thread of theirs has a core or waits for one: time in the queue is only told when it is over.
pub fn wants_core(pids: &[u32]) -> bool {
    family(pids).into_iter().any(|pid| {
        let tasks = fs::read_dir(format!("/proc/{pid}/task"));
        tasks.into_iter().flatten().flatten().any(|task| {
            let stat = fs::read_to_string(task.path().join("stat")).unwrap_or_default();
            // The name in brackets may have brackets of its own.
            stat.rsplit_once(')')
                .is_some_and(|(_, rest)| rest.starts_with(" R"))
        })
    })
}

/// The processes and those that they started: the server that forks is all of them.
fn family(pids: &[u32]) -> Vec<u32> {
    let mut family = pids.to_vec();
    let mut next = 0;
    while let Some(&pid) = family.get(next) {
        next += 1;
        let tasks = fs::read_dir(format!("/proc/{pid}/task"));
        for task in tasks.into_iter().flatten().flatten() {
            let children = fs::read_to_string(task.path().join("children"));
            for child in children.unwrap_or_default().split_whitespace() {
                let known = |child: &u32| !family.contains(child);
                family.extend(child.parse().ok().filter(known));
            }
        }
    }
    family
}

fn cpu(path: &str) -> Option<Duration> {
    let ticks = ticks(&fs::read_to_string(path).ok()?)?;
    let second = rustix::param::clock_ticks_per_second();
    Some(Duration::from_secs_f64(ticks as f64 / second as f64))
}

/// The times of the thread that asks.
pub fn own_turns() -> Option<Turns> {
    turns(Path::new("/proc/thread-self"))
}

fn turns(thread: &Path) -> Option<Turns> {
    schedstat(&fs::read_to_string(thread.join("schedstat")).ok()?)
}

/// The first two of three numbers are nanoseconds (sched-stats.rst of the Linux kernel).
fn schedstat(text: &str) -> Option<Turns> {
    let mut times = text.split_whitespace().map(str::parse);
    let mut next = || Some(Duration::from_nanos(times.next()?.ok()?));
    Some(Turns {
        running: next()?,
        waiting: next()?,
    })
}

/// User and system time of a `stat` file (proc(5): fields 14 and 15). The name in field 2 may hold anything, also
/// parentheses and spaces.
fn ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<u64>().ok();
    Some(next()? + next()?)
}

/// The first line of /proc/stat: user nice system idle iowait irq softirq steal, and guests that are in user already.
fn machine(text: &str) -> Option<Machine> {
    let fields = text.lines().next()?.strip_prefix("cpu ")?;
    let fields: Vec<u64> = fields
        .split_whitespace()
        .take(8)
        .map_while(|field| field.parse().ok())
        .collect();
    (fields.len() >= 5).then(|| Machine {
        idle: fields[3] + fields[4],
        all: fields.iter().sum(),
    })
}

/// Bytes of memory that the processes have: all that is resident, and what is theirs alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    pub resident: u64,
    pub anonymous: u64,
}

/// # Errors
/// If one of the processes can't be looked at.
pub fn memory(pids: &[u32]) -> Result<Option<Memory>, BenchError> {
    let mut sum = Memory {
        resident: 0,
        anonymous: 0,
    };
    for pid in family(pids) {
        let status = match fs::read_to_string(format!("/proc/{pid}/status")) {
            Ok(status) => status,
            Err(_) if pids.contains(&pid) => return Err(BenchError::NoProcess(pid)),
            Err(_) => continue,
        };
        sum.resident += bytes(&status, "VmRSS:").unwrap_or(0);
        sum.anonymous += bytes(&status, "RssAnon:").unwrap_or(0);
    }
    Ok((!pids.is_empty()).then_some(sum))
}

fn bytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_is_passed_over() {
        let stat = "42 (a ) 1 2) S 1 42 42 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 1 0";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("42 (short) S 1"), None);
    }

    #[test]
    fn turns_are_in_nanoseconds() {
        let turns = schedstat("3000000000 500 17\n").unwrap();
        assert_eq!(turns.running, Duration::from_secs(3));
        assert_eq!(turns.waiting, Duration::from_nanos(500));
    }

    #[test]
    fn idle_includes_waiting_for_disks() {
        let machine = machine("cpu  10 0 20 60 5 1 2 2 99 99\ncpu0 1 2 3\n").unwrap();
        assert_eq!((machine.idle, machine.all), (65, 100));
    }

    #[test]
    fn memory_is_in_kilobytes() {
        let status = "Name:\tx\nVmRSS:\t    1880 kB\nRssAnon:\t     512 kB\n";
        assert_eq!(bytes(status, "VmRSS:"), Some(1_925_120));
        assert_eq!(bytes(status, "RssAnon:"), Some(524_288));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_server_that_forks_is_all_of_its_processes() {
        use std::process::{Command, Stdio};
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        let own = std::process::id();
        let family = family(&[own]);
        drop(child.stdin.take());
        child.wait().unwrap();
        assert!(family.starts_with(&[own]) && family.contains(&child.id()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_process_that_is_not_there_is_named() {
        assert!(matches!(
            Probe::take(&[u32::MAX]),
            Err(BenchError::NoProcess(u32::MAX))
        ));
        assert!(Probe::take(&[std::process::id()]).is_ok());
    }
}
