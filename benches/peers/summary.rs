//! Medians, spread and ratios of an axis.

use std::fmt::{self, Display, Formatter};

use crate::axes::Axis;
use crate::measure::{Sample, Warning};
use crate::metric::Metric;

/// Whom all are compared with.
const OURS: &str = "pairloop";

pub struct Summary<'a> {
    pub axis: &'static Axis,
    samples: Vec<&'a Sample>,
}

/// One peer at one point.
pub struct Cell {
    /// Of each metric, over the runs that count.
    pub spreads: Vec<Option<Spread>>,
    /// pairloop's median divided by this peer's, of each metric.
    pub ratios: Vec<Option<f64>>,
    /// How many runs there were, and how many did not count.
    pub runs: usize,
    pub failures: Vec<String>,
    /// How many were bound by the generator, and by others on the machine.
    pub generator: usize,
    pub machine: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl<'a> Summary<'a> {
    pub fn new(axis: &'static Axis, samples: &'a [Sample]) -> Self {
        let samples = samples.iter();
        let samples = samples.filter(|sample| sample.axis.name == axis.name);
        Self {
            axis,
            samples: samples.collect(),
        }
    }

    /// Those that were measured, in the axis's order.
    pub fn peers(&self) -> impl Iterator<Item = &'static str> {
        let measured = |name: &&str| self.samples.iter().any(|sample| sample.peer.name == *name);
        self.axis.peers.iter().copied().filter(measured)
    }

    /// None if the peer does not do this.
    pub fn cell(&self, peer: &str, point: &str) -> Option<Cell> {
        let samples = self.of(peer, point);
        if samples.is_empty() {
            return None;
        }
        let ours = self.of(OURS, point);
        let metrics = 0..self.axis.metrics.len();
        let spreads: Vec<_> = metrics.map(|metric| spread(&samples, metric)).collect();
        let ratios = spreads.iter().enumerate().map(|(metric, theirs)| {
            let (ours, theirs) = (spread(&ours, metric)?, theirs.as_ref()?);
            Some(ours.median / theirs.median).filter(|ratio| ratio.is_finite())
        });
        let warned = |warning| {
            let samples = samples.iter();
            samples
                .filter(|sample| sample.warning == Some(warning))
                .count()
        };
        let failures = samples.iter().flat_map(|sample| sample.failure.clone());
        Some(Cell {
            ratios: ratios.collect(),
            runs: samples.len(),
            failures: failures.collect(),
            generator: warned(Warning::Generator),
            machine: warned(Warning::Machine),
            spreads,
        })
    }

    fn of(&self, peer: &str, point: &str) -> Vec<&'a Sample> {
        let samples = self.samples.iter().copied();
        let wanted = |sample: &&Sample| sample.peer.name == peer && sample.point.label == point;
        samples.filter(wanted).collect()
    }
}

fn spread(samples: &[&Sample], metric: usize) -> Option<Spread> {
    let values = samples.iter();
    Spread::new(
        values
            .filter_map(|sample| sample.values.get(metric).copied()?)
            .collect(),
    )
}

impl Spread {
    fn new(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = if values.len().is_multiple_of(2) {
            f64::midpoint(values[middle - 1], values[middle])
        } else {
            values[middle]
        };
        Some(Self { median, min, max })
    }
}

/// Two digits, and of small ones a third.
pub fn ratio(ratio: Option<f64>) -> String {
    match ratio {
        None => "-".into(),
        Some(small) if small < 0.1 => format!("{small:.3}"),
        Some(ratio) => format!("{ratio:.2}"),
    }
}

impl Metric {
    pub fn format(&self, value: f64) -> String {
        format!("{value:.*}", self.digits)
    }
}

/// For the terminal: a line for each peer and metric, ratios first.
impl Display for Summary<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        writeln!(out, "{}", self.axis.title)?;
        for point in self.axis.points {
            for peer in self.peers() {
                if let Some(cell) = self.cell(peer, point.label) {
                    writeln!(out, "{:12} {peer:28}{}", point.label, self.line(&cell))?;
                }
            }
        }
        write!(
            out,
            "(x: pairloop's divided by the peer's; then median, least and most)"
        )
    }
}

impl Summary<'_> {
    fn line(&self, cell: &Cell) -> String {
        let mut line = String::new();
        for (index, metric) in self.axis.metrics.iter().enumerate() {
            let Some(spread) = cell.spreads[index] else {
                continue;
            };
            let ratio = ratio(cell.ratios[index]);
            let range = format!(
                "{}..{}",
                metric.format(spread.min),
                metric.format(spread.max)
            );
            let median = metric.format(spread.median);
            line += &format!(" x {ratio:>5} {median:>8} {range:<16} {:6}", metric.unit);
        }
        let runs = cell.runs;
        for (count, words) in [
            (cell.generator, "bound by the generator"),
            (cell.machine, "disturbed by others on the machine"),
            (cell.failures.len(), "failed and not counted"),
        ] {
            if count > 0 {
                line += &format!(" [{count} of {runs} {words}]");
            }
        }
        if let Some(why) = cell.failures.first() {
            line += &format!(" {why}");
        }
        line
    }
}
