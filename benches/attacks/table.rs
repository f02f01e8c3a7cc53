//! The results as one table, which is also Markdown.

use std::fmt::Write;

use crate::measure::{Cost, Phase, Result, Sample};

/// From here on an attack is marked: the room's p99 beside it, divided by that beside the control.
pub const MOST: f64 = 2.0;

/// What each column says, from the third on. Whatever has `us` is a median over the runs.
const HEAD: [&str; 12] = [
    "attack",
    "counted by",
    "a second",
    "attacker: us CPU, bytes",
    "daemon: us CPU",
    "daemon / attacker",
    "bytes of RSS a connection",
    "quiet",
    "attacked",
    "control",
    "just after",
    "p99 attacked / control",
];

/// A line for each attack.
pub fn table(results: &[Result], connections: usize) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(results.iter().map(|result| row(result, connections)));
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let widths: [usize; HEAD.len()] = std::array::from_fn(width);
    let mut text = String::new();
    for (number, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(widths) {
            let _ = write!(text, "| {cell:width$} ");
        }
        text.push_str("|\n");
        if number == 0 {
            widths.iter().for_each(|_| text.push_str("| --- "));
            text.push_str("|\n");
        }
    }
    text
}

/// What the attacks are, for whoever reads the table.
pub fn legend(results: &[Result]) -> String {
    let line = |result: &Result| format!("- `{}`: {}\n", result.attack.name, result.attack.what);
    results.iter().map(line).collect()
}

fn row(result: &Result, connections: usize) -> [String; HEAD.len()] {
    let costs = || {
        result
            .runs
            .iter()
            .flatten()
            .filter_map(|sample| sample.cost)
    };
    let cost = |of: fn(&Cost) -> f64| median(costs().map(|cost| of(&cost)).collect());
    // The first run finds a daemon that has never held so many; later ones find its memory grown.
    let memory = costs().map(|cost| cost.memory).fold(0.0, f64::max);
    let verdict = match ratio(result) {
        ratio if ratio > MOST => format!("**{ratio:.2}**"),
        ratio => format!("{ratio:.2}"),
    };
    let verdict = match result.failures.len() {
        0 => verdict,
        failed => format!("{verdict}, {failed} FAILED"),
    };
    [
        result.attack.name.into(),
        result.attack.unit.name().into(),
        format!("{:.0}", cost(|cost| cost.units)),
        format!(
            "{}, {}",
            number(cost(|cost| cost.attacker_cpu / cost.units * 1e6)),
            number(cost(|cost| cost.attacker_bytes / cost.units))
        ),
        number(cost(|cost| cost.daemon_cpu / cost.units * 1e6)),
        format!("{:.2}", cost(|cost| cost.daemon_cpu / cost.attacker_cpu)),
        number(memory / connections as f64),
        latency(result, Phase::Quiet),
        latency(result, Phase::Attacked),
        latency(result, Phase::Control),
        latency(result, Phase::After),
        verdict,
    ]
}

/// Microseconds: p50 / p99 / p99.9 / max.
fn latency(result: &Result, phase: Phase) -> String {
    let points = (0..4).map(|point| {
        let values = result.runs.iter().filter_map(|run| find(run, phase));
        let value = median(values.map(|sample| sample.latency[point]).collect());
        format!("{value:.0}")
    });
    points.collect::<Vec<_>>().join(" / ")
}

/// The median over the runs of p99 under attack divided by p99 beside the control.
pub fn ratio(result: &Result) -> f64 {
    let ratios = result.runs.iter().filter_map(|run| {
        let p99 = |phase| find(run, phase).map(|sample| sample.latency[1]);
        Some(p99(Phase::Attacked)? / p99(Phase::Control)?)
    });
    median(ratios.collect())
}

fn find(run: &[Sample], phase: Phase) -> Option<&Sample> {
    run.iter().find(|sample| sample.phase == phase)
}

/// NaN, which is shown as such, if there is none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match (values.len(), values.len() / 2) {
        (0, _) => f64::NAN,
        (count, middle) if count % 2 == 0 => f64::midpoint(values[middle - 1], values[middle]),
        (_, middle) => values[middle],
    }
}

/// Enough digits to tell it from others; of what was never counted there is no cost.
fn number(value: f64) -> String {
    match value {
        value if !value.is_finite() => "-".into(),
        value if value < 10.0 => format!("{value:.1}"),
        value => format!("{value:.0}"),
    }
}
