//! One room of the load: its ends, each at some step.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use mio::net::TcpStream;

use crate::script::{Kind, Script};
use crate::step::{Go, Place, Step, Tools, Wrong};

/// How long whoever was left by an end that never said anything waits for the news: perhaps there is none, because
/// the two had not met yet.
const NEWS: Duration = Duration::from_secs(5);

pub struct Room {
    pub kind: Kind,
    pub number: u64,
    pub listener: usize,
    pub ends: Vec<End>,
    /// The first end leaves by RST.
    pub cut: bool,
    pub deadline: Instant,
    /// When the first end had left.
    left: Option<Instant>,
}

pub struct End {
    pub stream: Option<TcpStream>,
    pub place: Place,
    pub room: Option<usize>,
    steps: VecDeque<Step>,
    done: usize,
    after: usize,
    /// It has been there.
    came: bool,
}

impl Room {
    pub fn new(kind: Kind, number: u64, script: Script, patience: Duration) -> Self {
        let ends = script.ends.into_iter().map(|end| End {
            stream: None,
            place: Place::default(),
            room: end.room,
            steps: end.steps.into(),
            done: 0,
            after: end.after,
            came: false,
        });
        Self {
            kind,
            number,
            listener: script.listener,
            ends: ends.collect(),
            cut: script.cut,
            deadline: Instant::now() + patience,
            left: None,
        }
    }

    /// The end that is to connect now; then it is taken to have come.
    pub fn comes_next(&mut self) -> Option<usize> {
        let done = self.ends[0].done;
        let side = self
            .ends
            .iter()
            .position(|end| !end.came && end.after <= done)?;
        self.ends[side].came = true;
        Some(side)
    }

    /// Goes on with an end's steps. `Done` if that was the last and it has left.
    ///
    /// # Errors
    /// If something came that must not, or did not come that must.
    pub fn advance(&mut self, side: usize, tools: &mut Tools<'_>) -> Result<Go, Wrong> {
        let was_cut = self.cut && self.left.is_some();
        let Some(end) = self.ends.get_mut(side) else {
            return Ok(Go::Blocked);
        };
        let Some(stream) = &mut end.stream else {
            return Ok(Go::Blocked);
        };
        while let Some(step) = end.steps.front_mut() {
            match end.place.advance(step, stream, tools) {
                Ok(Go::Done) => {
                    end.steps.pop_front();
                    end.place.begin_next();
                    end.done += 1;
                }
                // Whenever the other one left, this may be how it is heard of.
                Err(wrong) if wrong.cut && was_cut => end.steps.clear(),
                other => return other,
            }
        }
        end.stream = None;
        if side == 0 {
            self.left = Some(tools.now);
        }
        Ok(Go::Done)
    }

    pub fn is_over(&self) -> bool {
        self.ends.iter().all(|end| end.came && end.stream.is_none())
    }

    /// What can only be said of both ends: that they were told the same.
    pub fn verdict(&self) -> Result<(), String> {
        match &self.ends[..] {
            [x, y] if x.place.chosen != y.place.chosen => {
                Err("the two were told different results".into())
            }
            _ => Ok(()),
        }
    }

    /// Whether the one who is left has never met the one who has reset.
    pub fn is_alone(&self, now: Instant) -> bool {
        let left = self.cut && self.left.is_some_and(|left| now > left + NEWS);
        left && self
            .ends
            .iter()
            .all(|end| end.place.right == 0 || end.stream.is_none())
    }

    pub fn state(&self) -> String {
        let of = |end: &End| {
            let left = end.steps.len();
            format!(
                "{} steps done, {left} left, {} bytes",
                end.done, end.place.right
            )
        };
        self.ends.iter().map(of).collect::<Vec<_>>().join("; ")
    }
}
