//! How far back everything is known to have been heard.

use std::time::Instant;

use super::agenda::Lines;

/// A poll hands over a bounded number of events, oldest first, and a turn works off a bounded number of connections
/// in each of two lines, in the order in which they came to stand there. A turn that was given all events and left nobody
/// in line has heard all that had happened when its poll was called. Otherwise somebody may still be waiting; but each
/// connection stands in line at most once, so when as many have had their turn as stood in line back then, or as
/// there are connections if events were left as well, all that had happened back then has been heard too. The
/// horizon is the latest time for which this is certain: whoever seems silent up to there has been given the chance to be
/// heard.
#[derive(Default)]
pub struct Horizon {
    /// The horizon that busy turns are working towards, and connections to go until it is reached, in either line.
    next: Option<(Instant, usize, usize)>,
    reached: Option<Instant>,
}

/// What a turn did.
pub struct Turn {
    /// When its poll was called.
    pub asked: Instant,
    /// No events were left in the kernel.
    pub all_told: bool,
    pub lines: Lines,
    /// Connections in all.
    pub connections: usize,
}

impl Horizon {
    /// Notes a turn, and answers the horizon.
    pub fn advance(&mut self, turn: &Turn) -> Instant {
        let Lines { light, heavy } = turn.lines;
        let (time, light_left, heavy_left) = match self.next {
            // Whoever stands in the first line may have to stand in the second, too.
            None if turn.all_told => (turn.asked, light.waiting, light.waiting + heavy.waiting),
            None => (turn.asked, turn.connections, turn.connections),
            Some((time, light_left, heavy_left)) => (
                time,
                light_left.saturating_sub(light.worked),
                heavy_left.saturating_sub(heavy.worked),
            ),
        };
        let nobody_waits = turn.all_told && light.waiting + heavy.waiting == 0;
        if nobody_waits {
            self.next = None;
            self.reached = Some(turn.asked);
        } else if light_left == 0 && (heavy_left == 0 || heavy.waiting == 0) {
            self.next = None;
            self.reached = Some(time);
        } else {
            self.next = Some((time, light_left, heavy_left));
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
    use crate::reactor::agenda::Line;
    use std::time::Duration;

    fn line(worked: usize, waiting: usize) -> Line {
        Line { worked, waiting }
    }

    #[test]
    fn busy_turns_move_the_horizon_only_when_everyone_could_be_heard() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let turn = |seconds, all_told, light, heavy| Turn {
            asked: at(seconds),
            all_told,
            lines: Lines { light, heavy },
            connections: 300,
        };
        let (none, mut horizon) = (line(0, 0), Horizon::default());
        assert_eq!(horizon.advance(&turn(1, true, line(5, 0), none)), at(1));
        for (second, light, heavy, reached) in [
            (2, line(256, 44), none, 1),
            (3, line(44, 200), none, 2),
            (4, line(200, 100), line(0, 3), 2),
            // Those hundred may have gone into the second line.
            (5, line(100, 0), line(1, 102), 2),
            (6, line(0, 10), line(64, 38), 2),
            (7, line(10, 10), line(37, 1), 2),
            (8, line(10, 10), line(1, 1), 4),
            (9, none, none, 9),
        ] {
            let turn = turn(second, true, light, heavy);
            assert_eq!(horizon.advance(&turn), at(reached), "in second {second}");
        }
    }

    #[test]
    fn while_events_are_left_everybody_has_a_turn_before_the_horizon_moves() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut horizon = Horizon::default();
        let mut turn = |seconds, light| {
            horizon.advance(&Turn {
                asked: at(seconds),
                all_told: false,
                lines: Lines {
                    light,
                    heavy: Line::default(),
                },
                connections: 300,
            })
        };
        assert_eq!(turn(1, line(5, 0)), at(1));
        assert_eq!(turn(2, line(256, 0)), at(1));
        assert_eq!(turn(3, line(43, 0)), at(1));
        assert_eq!(turn(4, line(1, 0)), at(1), "all that was there at 1");
        assert_eq!(turn(5, line(300, 0)), at(1));
        assert_eq!(turn(6, line(300, 0)), at(5));
    }
}
