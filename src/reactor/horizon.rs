//! How far back everything is known to have been read.

use std::time::Instant;

use crate::limits::EVENTS_PER_POLL as FULL;

/// A poll hands over a bounded number of events, oldest first. A poll that was not filled has handed over all
/// that had happened when it was called. After a full one, more may be waiting; but each connection has at
/// most one event pending, so a while later all of *those* have been handed over too. The horizon is the latest
/// time for which this is certain: whoever seems silent up to there has been given the chance to be heard.
#[derive(Default)]
pub struct Horizon {
    /// The horizon that full polls are working towards, and events to go until it is reached.
    next: Option<(Instant, usize)>,
    reached: Option<Instant>,
}

impl Horizon {
    /// Notes a poll that was called at `asked` and brought so many events. Answers the horizon.
    pub fn advance(&mut self, asked: Instant, events: usize, connections: usize) -> Instant {
        if events < FULL {
            self.next = None;
            self.reached = Some(asked);
        } else {
            let (time, left) = self.next.unwrap_or((asked, connections));
            match left.checked_sub(events) {
                Some(left) => self.next = Some((time, left)),
                None => {
                    self.next = None;
                    self.reached = Some(time);
                }
            }
        }
        *self.reached.get_or_insert(asked)
    }

    /// The horizon reached so far; `start` if there was no poll yet.
    pub fn time(&self, start: Instant) -> Instant {
        self.reached.unwrap_or(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn full_polls_move_the_horizon_only_when_everyone_could_be_heard() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut horizon = Horizon::default();
        assert_eq!(horizon.advance(at(1), 5, 3000), at(1));
        assert_eq!(horizon.advance(at(2), FULL, 3000), at(1));
        assert_eq!(horizon.advance(at(3), FULL, 3000), at(1));
        assert_eq!(
            horizon.advance(at(4), FULL, 3000),
            at(2),
            "all that was there at 2 has come"
        );
        assert_eq!(horizon.advance(at(5), FULL, 3000), at(2));
        assert_eq!(horizon.advance(at(6), 0, 3000), at(6));
    }
}
