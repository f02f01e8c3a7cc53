//! Time in half the room: an `Instant` takes 16 bytes, and an `Option` of one is no smaller.

use std::num::NonZeroU64;
use std::ops::Add;
use std::time::{Duration, Instant};

/// Where [`Moment`]s are counted from.
#[derive(Debug, Clone, Copy)]
pub struct Epoch(Instant);

/// An epoch that remembers what it was last asked: in one turn of a loop that is the same time again and again.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    epoch: Epoch,
    last: (Instant, Moment),
}

impl Clock {
    pub fn new(start: Instant) -> Self {
        let epoch = Epoch::new(start);
        let last = (start, epoch.moment(start));
        Self { epoch, last }
    }

    pub fn moment(&mut self, at: Instant) -> Moment {
        if self.last.0 != at {
            self.last = (at, self.epoch.moment(at));
        }
        self.last.1
    }

    pub fn instant(&self, at: Moment) -> Instant {
        self.epoch.instant(at)
    }
}

/// A point in time, in nanoseconds since an [`Epoch`]. So it is as exact as an `Instant`, for 584 years; what lies
/// beyond either end is taken for that end. An `Option` of it takes 8 bytes as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(NonZeroU64);

impl Epoch {
    /// Moments count from `start`.
    pub fn new(start: Instant) -> Self {
        Self(start)
    }

    pub fn moment(self, at: Instant) -> Moment {
        Moment::FIRST + at.saturating_duration_since(self.0)
    }

    pub fn instant(self, at: Moment) -> Instant {
        self.0 + at.saturating_duration_since(Moment::FIRST)
    }
}

impl Moment {
    /// The epoch itself.
    const FIRST: Moment = Moment(NonZeroU64::MIN);

    /// How long ago `earlier` was; nothing, if it was not earlier.
    pub fn saturating_duration_since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.get().saturating_sub(earlier.0.get()))
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;

    fn add(self, duration: Duration) -> Moment {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        Moment(self.0.saturating_add(nanoseconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_as_exact_as_the_instant_that_it_stands_for() {
        let start = Instant::now();
        let epoch = Epoch::new(start);
        for nanoseconds in [0, 1, 999_999_999, 1 << 40, 1 << 60] {
            let at = start + Duration::from_nanos(nanoseconds);
            assert_eq!(epoch.instant(epoch.moment(at)), at);
        }
    }

    #[test]
    fn what_lies_beyond_either_end_is_taken_for_that_end() {
        let start = Instant::now();
        let epoch = Epoch::new(start + Duration::from_secs(1));
        assert_eq!(epoch.moment(start), Moment::FIRST);
        let last = Moment::FIRST + Duration::MAX;
        assert_eq!(last + Duration::from_nanos(1), last);
        assert!(epoch.instant(last) > start + Duration::from_secs(500 * 365 * 86_400));
    }
}
