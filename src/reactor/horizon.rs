//! How far back everything is known to have been heard.

use std::time::Instant;

use crate::limits::ACCEPTS_PER_TURN;

use super::agenda::Lines;

/// A poll hands over a bounded number of events, oldest first, and a turn works off a bounded number of connections
/// in each of two lines, in the order in which they came to stand there. A turn that was given all events, accepted nobody,
/// and left nobody in line has heard all that had happened when its poll was called. Otherwise somebody may still be
/// waiting. Whoever is in a listener's queue is accepted in one turn, and heard in the next at the earliest. And each
/// connection stands in line at most once, so when as many have had their turn as stood in line back then, or as
/// there are connections if events were left as well, all that had happened back then has been heard too. The
/// horizon is the latest time for which this is certain: whoever seems silent up to there has been given the chance to be
/// heard.
#[derive(Default)]
pub struct Horizon {
    /// The horizon that busy turns are working towards, and who must be heard until it is reached.
    next: Option<(Instant, Unheard)>,
    reached: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
enum Unheard {
    /// Some are in a listener's queue, for so many turns at most.
    Queued(u32),
    /// Nobody is, but the last may have come just now: the next poll tells what they have said.
    Accepted,
    /// So many in line.
    InLine(Lines),
}

/// Turns after which whoever was in a listener's queue has been accepted, however many come behind: a queue holds 4,096
/// clients, unless the system is told otherwise (net.core.somaxconn).
const QUEUE_TURNS: u32 = (4096 / ACCEPTS_PER_TURN) as u32;

/// What a turn did.
pub struct Turn {
    /// When its poll was called.
    pub asked: Instant,
    /// No events were left in the kernel.
    pub all_told: bool,
    /// Somebody was accepted.
    pub accepted: bool,
    /// Somebody may be in a listener's queue.
    pub queued: bool,
    /// Connections that had their turn.
    pub worked: Lines,
    /// Connections that still stand in line.
    pub waiting: Lines,
    /// Connections in all.
    pub connections: usize,
}

impl Horizon {
    /// Notes a turn that has heard all that had happened when its poll was called, and answers the horizon: that time.
    pub fn all_is_heard(&mut self, asked: Instant) -> Instant {
        self.next = None;
        self.reached = Some(asked);
        asked
    }

    /// Notes any other turn, and answers the horizon.
    #[inline(never)]
    pub fn advance(&mut self, turn: &Turn) -> Instant {
        let (time, unheard) = match self.next {
            None => (turn.asked, turn.unheard()),
            Some((time, unheard)) => (time, unheard.after(turn)),
        };
        let all_heard = match unheard {
            Unheard::Queued(_) | Unheard::Accepted => false,
            Unheard::InLine(left) => {
                left.light == 0 && (left.heavy == 0 || turn.waiting.heavy == 0)
            }
        };
        if all_heard {
            self.reached = Some(time);
            self.next = turn.accepted.then(|| (turn.asked, turn.unheard()));
        } else {
            self.next = Some((time, unheard));
        }
        *self.reached.get_or_insert(turn.asked)
    }

    /// The horizon reached so far; `start` if there was no turn yet.
    pub fn time(&self, start: Instant) -> Instant {
        self.reached.unwrap_or(start)
    }
}

impl Unheard {
    /// Who is left of these after another turn.
    fn after(self, turn: &Turn) -> Self {
        match self {
            Unheard::Queued(turns) if turn.queued && turns > 0 => Unheard::Queued(turns - 1),
            Unheard::Queued(_) => Unheard::Accepted,
            Unheard::Accepted => Unheard::InLine(turn.in_line()),
            Unheard::InLine(left) => {
                // Who is left stands in line, once all events have been given.
                let most = turn.in_line();
                Unheard::InLine(Lines {
                    light: left.light.saturating_sub(turn.worked.light).min(most.light),
                    heavy: left.heavy.saturating_sub(turn.worked.heavy).min(most.heavy),
                })
            }
        }
    }
}

impl Turn {
    /// Through whom all may have to be heard that had happened until the poll.
    fn unheard(&self) -> Unheard {
        if self.queued {
            Unheard::Queued(QUEUE_TURNS)
        } else if self.accepted {
            Unheard::Accepted
        } else {
            Unheard::InLine(self.in_line())
        }
    }

    /// The same of those who were connected.
    fn in_line(&self) -> Lines {
        match self.all_told {
            // Whoever stands in the first line may have to stand in the second, too.
            true => Lines {
                light: self.waiting.light,
                heavy: self.waiting.light + self.waiting.heavy,
            },
            false => Lines {
                light: self.connections,
                heavy: self.connections,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn lines(light: usize, heavy: usize) -> Lines {
        Lines { light, heavy }
    }

    #[test]
    fn busy_turns_move_the_horizon_only_when_everyone_could_be_heard() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut horizon = Horizon::default();
        assert_eq!(horizon.all_is_heard(at(1)), at(1));
        for (second, worked, waiting, reached) in [
            (2, lines(256, 0), lines(44, 0), 1),
            (3, lines(44, 0), lines(200, 0), 2),
            (4, lines(200, 0), lines(100, 3), 2),
            // Those hundred may have gone into the second line.
            (5, lines(100, 1), lines(0, 102), 2),
            (6, lines(0, 64), lines(10, 38), 2),
            (7, lines(10, 37), lines(10, 1), 2),
            (8, lines(10, 1), lines(10, 1), 4),
        ] {
            let turn = Turn {
                asked: at(second),
                all_told: true,
                accepted: false,
                queued: false,
                worked,
                waiting,
                connections: 300,
            };
            assert_eq!(horizon.advance(&turn), at(reached), "in second {second}");
        }
    }

    #[test]
    fn while_events_are_left_everybody_has_a_turn_before_the_horizon_moves() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut horizon = Horizon::default();
        for (second, worked, reached) in [
            (1, 5, 1),
            (2, 256, 1),
            (3, 43, 1),
            (4, 1, 1),
            (5, 256, 1),
            (6, 256, 1),
            (7, 44, 5),
        ] {
            let turn = Turn {
                asked: at(second),
                all_told: false,
                accepted: false,
                queued: false,
                worked: lines(worked, 0),
                waiting: lines(0, 0),
                connections: 300,
            };
            assert_eq!(horizon.advance(&turn), at(reached), "in second {second}");
        }
    }

    #[test]
    fn whoever_is_accepted_is_heard_before_the_horizon_moves() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut horizon = Horizon::default();
        assert_eq!(horizon.all_is_heard(at(1)), at(1));
        for (second, accepted, queued, waiting, reached) in [
            (2, true, true, lines(0, 0), 1),
            (3, true, false, lines(0, 0), 1),
            (4, true, false, lines(1, 0), 1),
            (5, true, false, lines(0, 0), 2),
            (6, true, false, lines(0, 0), 5),
            (7, true, false, lines(0, 0), 6),
        ] {
            let turn = Turn {
                asked: at(second),
                all_told: true,
                accepted,
                queued,
                worked: lines(1, 0),
                waiting,
                connections: 300,
            };
            assert_eq!(horizon.advance(&turn), at(reached), "in second {second}");
        }
    }

    #[test]
    fn a_queue_that_is_never_empty_does_not_hold_the_horizon_for_ever() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(u64::from(seconds));
        let mut horizon = Horizon::default();
        horizon.all_is_heard(start);
        let moved = (1..=QUEUE_TURNS + 3).find(|&second| {
            let turn = Turn {
                asked: at(second),
                all_told: true,
                accepted: true,
                queued: true,
                worked: lines(1, 0),
                waiting: lines(0, 0),
                connections: 300,
            };
            horizon.advance(&turn) > start
        });
        assert_eq!((moved, horizon.time(start)), (Some(QUEUE_TURNS + 3), at(1)));
    }
}
