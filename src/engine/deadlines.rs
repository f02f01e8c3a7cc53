//! Deadlines in order of time, each owned by exactly one thing.

use super::Moment;
use std::collections::BTreeSet;

/// A sorted set of (time, owner). The owner keeps its own deadline in an `Option<Moment>`, so that setting and
/// clearing are exact: nothing stale is left behind, however fast owners come and go.
pub struct Deadlines<K> {
    queue: BTreeSet<(Moment, K)>,
}

impl<K: Ord + Copy> Deadlines<K> {
    /// Moves the owner's deadline from where it is to `at`, or takes it away.
    pub fn set(&mut self, armed: &mut Option<Moment>, at: Option<Moment>, owner: K) {
        if *armed == at {
            return;
        }
        if let Some(old) = armed.take() {
            self.queue.remove(&(old, owner));
        }
        if let Some(at) = at {
            self.queue.insert((at, owner));
            *armed = Some(at);
        }
    }

    /// The earliest deadline.
    pub fn next(&self) -> Option<Moment> {
        self.queue.first().map(|&(at, _)| at)
    }

    /// Takes out the earliest deadline that is not after `now`. The owner's own copy must be cleared by the caller.
    pub fn pop(&mut self, now: Moment) -> Option<(Moment, K)> {
        self.queue.first().filter(|&&(at, _)| at <= now)?;
        self.queue.pop_first()
    }

    /// Takes out the earliest deadline, whenever it is, and answers whose it was.
    pub fn pop_first(&mut self) -> Option<K> {
        self.queue.pop_first().map(|(_, owner)| owner)
    }

    /// How many are armed.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }
}

impl<K: Ord> Default for Deadlines<K> {
    fn default() -> Self {
        Self {
            queue: BTreeSet::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    use crate::engine::Epoch;

    #[test]
    fn setting_again_moves_and_clearing_removes() {
        let start = Instant::now();
        let start = Epoch::new(start).moment(start);
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut deadlines = Deadlines::default();
        let (mut one, mut two) = (None, None);
        deadlines.set(&mut one, Some(at(5)), 1);
        deadlines.set(&mut two, Some(at(3)), 2);
        deadlines.set(&mut one, Some(at(2)), 1);
        assert_eq!((deadlines.len(), deadlines.next()), (2, Some(at(2))));
        deadlines.set(&mut one, None, 1);
        assert_eq!(deadlines.pop(at(2)), None);
        assert_eq!(deadlines.pop(at(3)), Some((at(3), 2)));
        assert_eq!(deadlines.len(), 0);
    }
}
