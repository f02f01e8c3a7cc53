//! What is noted of a room in yes and no, in one byte: a room is kept for every two clients.

use super::sides::{Side, Sides};

/// What a side can be marked as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    /// What it says is thrown away: it only receives.
    Mute = 0,
    /// It has sent FIN.
    Finished = 2,
    /// Something that was sent to it may not be on its way yet.
    Unsent = 4,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Marks(u8);

impl Marks {
    const SECOND_LEG: u8 = 1 << 6;
    const ALONE: u8 = 1 << 7;

    /// The sides that are marked as this.
    pub fn sides(self, mark: Mark) -> Sides {
        Sides::from_bits(self.0 >> mark as u8)
    }

    pub fn has(self, mark: Mark, side: Side) -> bool {
        self.sides(mark).has(side)
    }

    pub fn add(&mut self, mark: Mark, side: Side) {
        self.0 |= Sides::of(side).bits() << mark as u8;
    }

    pub fn remove(&mut self, mark: Mark, side: Side) {
        self.0 &= !(Sides::of(side).bits() << mark as u8);
    }

    /// The room is only Y's part of one on a worker. X's part stands for the whole.
    pub fn set_second_leg(&mut self) {
        self.0 |= Self::SECOND_LEG;
    }

    pub fn is_second_leg(self) -> bool {
        self.0 & Self::SECOND_LEG != 0
    }

    /// The room has one seat.
    pub fn set_alone(&mut self) {
        self.0 |= Self::ALONE;
    }

    pub fn is_alone(self) -> bool {
        self.0 & Self::ALONE != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_do_not_touch_each_other() {
        let all = [Mark::Mute, Mark::Finished, Mark::Unsent]
            .map(|mark| [(mark, Side::X), (mark, Side::Y)]);
        for &(mark, side) in all.as_flattened() {
            let mut marks = Marks::default();
            marks.add(mark, side);
            for &(other, another) in all.as_flattened() {
                assert_eq!(marks.has(other, another), (other, another) == (mark, side));
            }
            assert!(!marks.is_second_leg());
            marks.set_second_leg();
            marks.remove(mark, side);
            assert!(marks.is_second_leg() && !marks.has(mark, side));
        }
    }
}
