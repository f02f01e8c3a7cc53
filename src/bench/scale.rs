//! Values to places on an axis, straight or by logarithm, and the round values to write beside it.

use libm::{exp10, log10};

pub struct Scale {
    low: f64,
    high: f64,
    logarithmic: bool,
}

impl Scale {
    /// By logarithm if the values differ so much that the small ones would be a flat line.
    pub fn around(low: f64, high: f64) -> Self {
        if high / low < 12.0 {
            return Self::from_zero(high);
        }
        Self {
            low: low * 0.9,
            high: high * 1.25,
            logarithmic: true,
        }
    }

    pub fn from_zero(high: f64) -> Self {
        Self {
            low: 0.0,
            high: high.max(1e-9) * 1.12,
            logarithmic: false,
        }
    }

    /// Where a value stands: 0 at the lower end, 1 at the upper.
    pub fn share(&self, value: f64) -> f64 {
        if self.logarithmic {
            log10(value.max(self.low) / self.low) / log10(self.high / self.low)
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }

    /// Round values: 1, 2 and 5 times powers of ten.
    pub fn ticks(&self) -> Vec<f64> {
        if self.logarithmic {
            let all = |factors: &[f64]| -> Vec<f64> {
                (-1..12)
                    .flat_map(|power| {
                        factors
                            .iter()
                            .map(move |factor| factor * exp10(f64::from(power)))
                    })
                    .filter(|tick| (self.low..=self.high).contains(tick))
                    .collect()
            };
            let fine = all(&[1.0, 2.0, 5.0]);
            return if fine.len() > 9 { all(&[1.0]) } else { fine };
        }
        let rough = self.high / 5.0;
        let power = exp10(log10(rough).floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .map(|factor| factor * power)
            .into_iter()
            .find(|step| *step >= rough)
            .unwrap_or(rough);
        (0..)
            .map(|index| f64::from(index) * step)
            .take_while(|tick| *tick <= self.high)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        for (low, high) in [(1.0, 3.0), (0.1, 1e7), (40.0, 900.0), (3.0, 3.0)] {
            let scale = Scale::around(low, high);
            let ticks = scale.ticks();
            assert!((2..=9).contains(&ticks.len()), "{low} {high}: {ticks:?}");
            assert!(
                ticks
                    .iter()
                    .all(|&tick| (0.0..=1.0).contains(&scale.share(tick)))
            );
        }
    }
}
