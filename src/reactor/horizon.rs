//! How far back everything is known to have been heard.

use std::time::Instant;

/// A poll hands over a bounded number of events, oldest first, and a turn works off a bounded number of connections
/// in the order in which they became ready. A turn that was given all events and left nothing on the list has
/// heard all that had happened when its poll was called. Otherwise somebody may still be waiting; but each
/// connection stands in line at most once, so when as many have had their turn as there are connections, all
/// that had happened back then has been heard too. The horizon is the latest time for which this is certain:
/// whoever seems silent up to there has been given the chance to be heard.
#[derive(Default)]
pub struct Horizon {
    /// The horizon that busy turns are working towards, and connections to go until it is reached.
    next: Option<(Instant, usize)>,
    reached: Option<Instant>,
}

/// What a turn did.
pub struct Turn {
    /// When its poll was called.
    pub asked: Instant,
    /// Nobody was left waiting, in the kernel or on the ready list.
    pub complete: bool,
    /// Connections worked off.
    pub worked: usize,
    /// Connections in all.
    pub connections: usize,
}

impl Horizon {
    /// Notes a turn, and answers the horizon.
    pub fn advance(&mut self, turn: &Turn) -> Instant {
        if turn.complete {
            self.next = None;
            self.reached = Some(turn.asked);
        } else {
            let (time, left) = self.next.unwrap_or((turn.asked, turn.connections));
            match left.checked_sub(turn.worked) {
                Some(left) if left > 0 => self.next = Some((time, left)),
                _ => {
                    self.next = None;
                    self.reached = Some(time);
                }
            }
        }
        *self.reached.get_or_insert(turn.asked)
    }

    /// The horizon reached so far; `start` if there was no turn yet.
    pub fn time(&self, start: Instant) -> Instant {
        self.reached.unwrap_or(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn busy_turns_move_the_horizon_only_when_everyone_could_be_heard() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let turn = |seconds, complete, worked| Turn {
            asked: at(seconds),
            complete,
            worked,
            connections: 300,
        };
        let mut horizon = Horizon::default();
        assert_eq!(horizon.advance(&turn(1, true, 5)), at(1));
        assert_eq!(horizon.advance(&turn(2, false, 128)), at(1));
        assert_eq!(horizon.advance(&turn(3, false, 128)), at(1));
        assert_eq!(
            horizon.advance(&turn(4, false, 128)),
            at(2),
            "all that was there at 2 has been heard"
        );
        assert_eq!(horizon.advance(&turn(5, false, 128)), at(2));
        assert_eq!(horizon.advance(&turn(6, true, 0)), at(6));
    }
}
