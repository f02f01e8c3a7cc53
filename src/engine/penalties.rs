//! Sources that fail to log in too often are refused for a while.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Deadlines, Moment, Source};
use crate::limits::{LOGIN_PENALTY, LONGEST_PENALTY, PENALTIES_FORGOTTEN, PENALTY_THRESHOLD};

/// Penalties after the manner of OpenSSH's PerSourcePenalties (sshd_config(5)): each failure adds time to what is
/// left of its source's penalty, which passes as time does. Once more than the threshold is due, the source is
/// refused until all of it has passed. A slip or two thus cost nothing, and whoever guesses has, in the long run, one
/// try in the time that a failure costs.
pub(super) struct Penalties {
    most: usize,
    by_source: BTreeMap<Source, Penalty>,
    by_time: Deadlines<Source>,
}

struct Penalty {
    until: Option<Moment>,
    is_due: bool,
}

impl Penalties {
    pub fn of_at_most(most: usize) -> Self {
        Self {
            most,
            by_source: BTreeMap::new(),
            by_time: Deadlines::default(),
        }
    }

    /// Adds a failure. Answers for how long the source is refused from now on, if it is.
    pub fn add(&mut self, now: Moment, source: Source) -> Option<Duration> {
        self.forget(now);
        let penalty = self.by_source.entry(source).or_insert(Penalty {
            until: None,
            is_due: false,
        });
        let left = penalty
            .until
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        if left.is_zero() {
            penalty.is_due = false;
        }
        let left = (left + LOGIN_PENALTY).min(LONGEST_PENALTY);
        penalty.is_due |= left > PENALTY_THRESHOLD;
        let answer = penalty.is_due.then_some(left);
        self.by_time
            .set(&mut penalty.until, Some(now + left), source);
        self.make_room();
        answer
    }

    /// Whether this source is refused.
    pub fn apply(&self, now: Moment, source: Source) -> bool {
        let penalty = self.by_source.get(&source);
        penalty.is_some_and(|penalty| penalty.is_due && penalty.until > Some(now))
    }

    /// How many sources are remembered.
    #[cfg(test)]
    pub fn len(&self) -> usize {
        assert_eq!(self.by_time.len(), self.by_source.len());
        self.by_source.len()
    }

    /// Takes out penalties that have passed: more than come in, and never so many that it would take long.
    fn forget(&mut self, now: Moment) {
        for _ in 0..PENALTIES_FORGOTTEN {
            let Some((_, source)) = self.by_time.pop(now) else {
                return;
            };
            self.by_source.remove(&source);
        }
    }

    /// Of too many, the one that would pass first is let off: those who failed most stay. OpenSSH calls this
    /// permissive. The other way, refusing everybody, would let a few hosts lock out the rest.
    fn make_room(&mut self) {
        if self.by_source.len() > self.most {
            let first = self.by_time.pop_first().expect("each has its time");
            self.by_source.remove(&first);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::engine::Epoch;
    use std::time::Instant;

    fn a_moment() -> Moment {
        let now = Instant::now();
        Epoch::new(now).moment(now)
    }

    /// A source with this number.
    fn numbered(number: u8) -> Source {
        Source::V4(Ipv4Addr::new(10, 0, 0, number))
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn of_too_many_those_who_failed_least_are_let_off() {
        let now = a_moment();
        let mut penalties = Penalties::of_at_most(3);
        for _ in 0..4 {
            penalties.add(now, numbered(1));
        }
        for number in 2..100 {
            penalties.add(now + seconds(1), numbered(number));
            assert!(penalties.len() <= 3);
        }
        assert!(penalties.apply(now + seconds(1), numbered(1)));
    }

    #[test]
    fn what_has_passed_is_forgotten() {
        let now = a_moment();
        let mut penalties = Penalties::of_at_most(100);
        for number in 0..50 {
            penalties.add(now, numbered(number));
        }
        for _ in 0..50 {
            penalties.add(now + seconds(5), numbered(200));
        }
        assert_eq!(penalties.len(), 1);
    }
}
