//! How much was done when: one entry for each tenth of a second.

/// Nanoseconds of a step.
pub const STEP: u64 = 100_000_000;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Series {
    steps: Vec<Amount>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amount {
    pub messages: u64,
    pub bytes: u64,
}

impl Series {
    /// Adds what was done this long (nanoseconds) after the beginning.
    pub fn add(&mut self, at: u64, messages: u64, bytes: u64) {
        let step = (at / STEP) as usize;
        if step >= self.steps.len() {
            self.steps.resize(step + 1, Amount::default());
        }
        self.steps[step].messages += messages;
        self.steps[step].bytes += bytes;
    }

    pub fn merge(&mut self, other: &Series) {
        if self.steps.len() < other.steps.len() {
            self.steps.resize(other.steps.len(), Amount::default());
        }
        for (mine, theirs) in self.steps.iter_mut().zip(&other.steps) {
            mine.messages += theirs.messages;
            mine.bytes += theirs.bytes;
        }
    }

    /// Rates a second over whole groups of so many steps of `elapsed` nanoseconds: when each group ends, in seconds,
    /// messages and bytes a second. A rest that is shorter than a group would look like a drop, and is left out.
    pub fn rates(&self, group: usize, elapsed: u64) -> Vec<(f64, f64, f64)> {
        let seconds = group as f64 * STEP as f64 / 1e9;
        // A window ends a little before its time if a message held its beginning up.
        let whole = ((elapsed + STEP / 10) / STEP) as usize / group;
        (0..whole)
            .map(|index| {
                let from = index * group;
                let steps = self.steps.iter().skip(from).take(group);
                let (messages, bytes) = steps.fold((0, 0), |(messages, bytes), step| {
                    (messages + step.messages, bytes + step.bytes)
                });
                (
                    (index + 1) as f64 * seconds,
                    messages as f64 / seconds,
                    bytes as f64 / seconds,
                )
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_go_where_their_time_is() {
        let mut series = Series::default();
        series.add(0, 1, 10);
        series.add(STEP - 1, 1, 10);
        series.add(3 * STEP, 5, 50);
        let rates = series.rates(1, 4 * STEP);
        let messages: Vec<f64> = rates.iter().map(|rate| rate.1).collect();
        assert_eq!(messages, [20.0, 0.0, 0.0, 50.0]);
        assert_eq!(series.rates(2, 4 * STEP)[1], (0.4, 25.0, 250.0));
    }

    #[test]
    fn a_rest_is_no_drop_and_silence_at_the_end_is_one() {
        let mut series = Series::default();
        series.add(STEP / 2, 1, 1);
        assert_eq!(series.rates(1, STEP / 2), []);
        assert_eq!(series.rates(1, 3 * STEP).len(), 3);
    }

    #[test]
    fn threads_add_up() {
        let (mut one, mut two) = (Series::default(), Series::default());
        one.add(0, 1, 10);
        two.add(STEP, 2, 20);
        two.add(0, 3, 30);
        one.merge(&two);
        let rates: Vec<f64> = one.rates(1, 2 * STEP).iter().map(|rate| rate.1).collect();
        assert_eq!(rates, [40.0, 20.0]);
    }
}
