//! When messages are meant to be sent, and waking up for that.
//!
//! A generator that waits for an answer before it thinks of the next message asks a slow server less, and so measures its
//! slowness once where users would have met it many times (coordinated omission). Here the times are fixed beforehand.

use std::io;
use std::time::Duration;

use mio::{Registry, Token};

/// The intended times of one thread's share of a rate, in nanoseconds from the start.
pub struct Schedule {
    /// Nanoseconds between two of this thread's messages.
    interval: f64,
    offset: f64,
    next: u64,
}

impl Schedule {
    /// Threads take turns, so that their messages together are evenly spaced.
    pub fn new(rate: f64, thread: usize, threads: usize) -> Self {
        let apart = 1e9 / rate;
        Self {
            interval: apart * threads as f64,
            offset: apart * thread as f64,
            next: 0,
        }
    }

    /// The time of the next message.
    pub fn peek(&self) -> u64 {
        // From the number each time: adding up intervals would add up their errors.
        (self.offset + self.next as f64 * self.interval) as u64
    }

    /// Messages whose time has come and that nobody has taken.
    pub fn overdue(&self, now: u64) -> u64 {
        let since = now as f64 - self.offset;
        let due = match since < 0.0 {
            true => 0,
            false => (since / self.interval) as u64 + 1,
        };
        due.saturating_sub(self.next)
    }

    /// Takes the next message if its time has come.
    pub fn take(&mut self, now: u64) -> Option<u64> {
        let at = self.peek();
        (at <= now).then(|| {
            self.next += 1;
            at
        })
    }
}

/// Wakes a poll at a time that is finer than the poll's own milliseconds.
pub struct Alarm {
    #[cfg(target_os = "linux")]
    timer: std::os::fd::OwnedFd,
}

/// A wait that is shorter than this is not worth going to sleep for.
const SPIN: Duration = Duration::from_micros(10);

#[cfg(target_os = "linux")]
impl Alarm {
    pub fn new(registry: &Registry, token: Token) -> io::Result<Self> {
        use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
        use std::os::fd::AsRawFd;
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        registry.register(
            &mut mio::unix::SourceFd(&timer.as_raw_fd()),
            token,
            mio::Interest::READABLE,
        )?;
        Ok(Self { timer })
    }

    /// Sets it off after this time, and answers how long the poll may wait at most.
    pub fn set(&self, after: Duration, most: Duration) -> io::Result<Duration> {
        use rustix::time::{Itimerspec, TimerfdTimerFlags, Timespec, timerfd_settime};
        if after < SPIN {
            return Ok(Duration::ZERO);
        }
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let once = Itimerspec {
            it_interval: zero,
            it_value: after.try_into().unwrap_or(zero),
        };
        // Setting it also forgets that it went off, so it never has to be read.
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &once)?;
        Ok(most)
    }
}

#[cfg(not(target_os = "linux"))]
impl Alarm {
    pub fn new(_: &Registry, _: Token) -> io::Result<Self> {
        Ok(Self {})
    }

    /// Without a fine timer the last millisecond is spent awake.
    pub fn set(&self, after: Duration, most: Duration) -> io::Result<Duration> {
        let _ = SPIN;
        Ok(after.saturating_sub(Duration::from_millis(1)).min(most))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_even_and_do_not_drift() {
        let mut schedule = Schedule::new(3.0, 0, 1);
        let mut last = 0;
        for _ in 0..3_000_001 {
            last = schedule.take(u64::MAX).unwrap();
        }
        assert_eq!(last, 1_000_000_000_000_000);
    }

    #[test]
    fn nothing_is_due_early_and_everything_late_keeps_its_time() {
        let mut schedule = Schedule::new(1000.0, 0, 1);
        assert_eq!(schedule.take(0), Some(0));
        assert_eq!(schedule.take(999_999), None);
        // The thread was held up for three milliseconds: all of it is seen.
        let late: Vec<u64> = std::iter::from_fn(|| schedule.take(3_000_000)).collect();
        assert_eq!(late, [1_000_000, 2_000_000, 3_000_000]);
        assert_eq!(schedule.overdue(3_999_999), 0);
        assert_eq!(schedule.overdue(5_000_000), 2);
    }

    #[test]
    fn threads_share_a_rate_evenly() {
        let (mut one, mut two) = (Schedule::new(10.0, 0, 2), Schedule::new(10.0, 1, 2));
        let times: Vec<u64> = (0..4)
            .map(|_| {
                if one.peek() < two.peek() {
                    &mut one
                } else {
                    &mut two
                }
                .take(u64::MAX)
                .unwrap()
            })
            .collect();
        assert_eq!(times, [0, 100_000_000, 200_000_000, 300_000_000]);
    }
}
