//! The page's two plots, as SVG whose colours are the page's.

use std::f64::consts::LOG10_2;
use std::fmt::Write;

use hdrhistogram::Histogram;
use libm::{exp10, log10};

use super::outcome::Outcome;
use super::scale::Scale;
use super::table::{grouped, sentence};

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 24.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 34.0;

/// Most points of a plot over time: more are no longer seen one by one.
const POINTS: usize = 150;

/// Latency by percentile. The axis is the logarithm of 1/(1-p): each further nine has as much room as the one before, because
/// the rare slow answers are what it is about.
pub fn latency(outcome: &Outcome) -> String {
    let mut lines = vec![("latency", "line", &outcome.latency)];
    if let Some(late) = &outcome.late {
        lines.push(("of it: sent late by the generator", "line second", late));
    }
    let nines = log10(outcome.latency.len() as f64).clamp(1.0, 7.0);
    let all: Vec<f64> = lines
        .iter()
        .flat_map(|(_, _, histogram)| [histogram.value_at_quantile(0.0), histogram.max()])
        .map(|value| (value as f64 / 1000.0).max(1.0))
        .collect();
    let (low, high) = all
        .iter()
        .fold((f64::MAX, f64::MIN), |(low, high), &value| {
            (low.min(value), high.max(value))
        });
    let scale = Scale::around(low, high);
    let mut svg = begin("Latency by percentile");
    for tick in scale.ticks() {
        grid(&mut svg, y(&scale, tick), &duration(tick));
    }
    for (name, at) in nine_ticks(nines) {
        column(&mut svg, at / nines, &name);
    }
    for (_, class, histogram) in &lines {
        let path: Vec<(f64, f64)> = (0..=400)
            .map(|step| f64::from(step) / 400.0)
            .map(|share| (x(share), y(&scale, at_nines(histogram, share * nines))))
            .collect();
        stroke(&mut svg, class, &path);
    }
    marks(&mut svg, &outcome.latency, nines, &scale);
    if lines.len() > 1 {
        legend(
            &mut svg,
            &lines
                .iter()
                .map(|line| (line.0, line.1))
                .collect::<Vec<_>>(),
        );
    }
    svg + "</svg></div>"
}

/// Messages, or bytes, a second over time.
pub fn throughput(outcome: &Outcome) -> String {
    let elapsed = outcome.elapsed.as_nanos() as u64;
    let steps = (outcome.seconds() * 10.0) as usize;
    let group = [1, 2, 5, 10, 20, 50, 100, 200, 500, 600]
        .into_iter()
        .find(|group| steps / group <= POINTS)
        .unwrap_or(steps / POINTS);
    let in_bytes = outcome.messages == 0;
    let points: Vec<(f64, f64)> = outcome
        .series
        .rates(group, elapsed)
        .into_iter()
        .map(|(at, messages, bytes)| (at, if in_bytes { bytes / 1e9 } else { messages }))
        .collect();
    let mean = if in_bytes {
        outcome.gigabytes()
    } else {
        outcome.rate()
    };
    let most = points.iter().map(|point| point.1).fold(mean, f64::max);
    let scale = Scale::from_zero(most);
    let end = points.last().map_or(1.0, |point| point.0);
    let mut svg = begin("Throughput over time");
    for tick in scale.ticks() {
        grid(&mut svg, y(&scale, tick), &amount(tick, in_bytes));
    }
    for tick in Scale::from_zero(end)
        .ticks()
        .into_iter()
        .filter(|&tick| tick <= end)
    {
        column(&mut svg, tick / end, &format!("{} s", short(tick)));
    }
    // A point stands in the middle of the time that it is the mean of.
    let half = group as f64 * 0.05;
    let path: Vec<(f64, f64)> = points
        .iter()
        .map(|&(at, value)| (x((at - half) / end), y(&scale, value)))
        .collect();
    if let (Some(first), Some(last)) = (path.first(), path.last()) {
        let floor = y(&scale, 0.0);
        let mut area = vec![(first.0, floor)];
        area.extend(&path);
        area.push((last.0, floor));
        stroke(&mut svg, "area", &area);
    }
    stroke(&mut svg, "line", &path);
    let y = y(&scale, mean);
    let _ = write!(
        svg,
        "<line class='mean' x1='{LEFT}' x2='{:.1}' y1='{y:.1}' y2='{y:.1}'/>",
        WIDTH - RIGHT
    );
    svg + "</svg></div>"
}

/// What the second plot shows, and its dashed line.
pub fn throughput_words(outcome: &Outcome) -> (String, String) {
    if outcome.messages == 0 {
        return ("GB a second".into(), short(outcome.gigabytes()));
    }
    let unit = sentence(outcome.unit);
    let unit = unit.trim_end_matches('.');
    (format!("{unit} a second"), amount(outcome.rate(), false))
}

fn y(scale: &Scale, value: f64) -> f64 {
    HEIGHT - BOTTOM - scale.share(value) * (HEIGHT - TOP - BOTTOM)
}

fn x(share: f64) -> f64 {
    LEFT + share * (WIDTH - LEFT - RIGHT)
}

/// Microseconds at so many nines: 0 is the least, 1 is p90, 2 is p99.
fn at_nines(histogram: &Histogram<u64>, nines: f64) -> f64 {
    histogram.value_at_quantile(1.0 - exp10(-nines)) as f64 / 1000.0
}

fn nine_ticks(nines: f64) -> Vec<(String, f64)> {
    let names = [
        "0 %",
        "50 %",
        "90 %",
        "99 %",
        "99.9 %",
        "99.99 %",
        "99.999 %",
        "99.9999 %",
        "99.99999 %",
    ];
    let places = [0.0, LOG10_2, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0];
    let all = names.into_iter().map(str::to_owned).zip(places);
    all.filter(|(_, at)| *at <= nines).collect()
}

fn marks(svg: &mut String, histogram: &Histogram<u64>, nines: f64, scale: &Scale) {
    let points = [
        ("p50", LOG10_2),
        ("p90", 1.0),
        ("p99", 2.0),
        ("p99.9", 3.0),
        ("max", nines),
    ];
    let mut last = f64::MIN;
    for (name, at) in points.into_iter().filter(|(_, at)| *at <= nines) {
        let value = if name == "max" {
            histogram.max() as f64 / 1000.0
        } else {
            at_nines(histogram, at)
        };
        let (x, y) = (x(at / nines), y(scale, value));
        let _ = write!(
            svg,
            "<circle class='dot' cx='{x:.1}' cy='{y:.1}' r='4'><title>{name}: {}</title></circle>",
            duration(value)
        );
        // Labels that would lie on each other are left to the table.
        if x - last < 84.0 {
            continue;
        }
        last = x;
        // To the left of its point, because to the right the curve rises; but not into the axis.
        let (anchor, x) = if x > LEFT + 110.0 {
            ("end", x + 4.0)
        } else {
            ("middle", x)
        };
        let _ = write!(
            svg,
            "<text class='mark' text-anchor='{anchor}' x='{x:.1}' y='{:.1}'>{name} {}</text>",
            y - 10.0,
            duration(value)
        );
    }
}

fn begin(title: &str) -> String {
    format!(
        "<div class='plot'><svg viewBox='0 0 {WIDTH} {HEIGHT}' role='img' aria-label='{title}'><title>{title}</title>"
    )
}

fn grid(svg: &mut String, y: f64, name: &str) {
    let _ = write!(
        svg,
        "<line class='grid' x1='{LEFT}' x2='{:.1}' y1='{y:.1}' y2='{y:.1}'/><text class='tick' text-anchor='end' x='{:.1}' y='{:.1}'>{name}</text>",
        WIDTH - RIGHT,
        LEFT - 8.0,
        y + 4.0
    );
}

fn column(svg: &mut String, share: f64, name: &str) {
    let x = x(share);
    let floor = HEIGHT - BOTTOM;
    let anchor = if share > 0.97 { "end" } else { "middle" };
    let _ = write!(
        svg,
        "<line class='grid' x1='{x:.1}' x2='{x:.1}' y1='{floor:.1}' y2='{:.1}'/><text class='tick' text-anchor='{anchor}' x='{x:.1}' y='{:.1}'>{name}</text>",
        floor + 5.0,
        floor + 20.0
    );
}

fn stroke(svg: &mut String, class: &str, path: &[(f64, f64)]) {
    let points: Vec<String> = path.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = write!(
        svg,
        "<polyline class='{class}' points='{}'/>",
        points.join(" ")
    );
}

/// In the lower right, where a curve that only rises never is.
fn legend(svg: &mut String, names: &[(&str, &str)]) {
    let x = WIDTH - RIGHT - 230.0;
    for (index, (name, class)) in names.iter().enumerate() {
        let y = HEIGHT - BOTTOM - 44.0 + 20.0 * index as f64;
        let _ = write!(
            svg,
            "<polyline class='{class}' points='{x:.1},{y:.1} {:.1},{y:.1}'/><text class='tick' x='{:.1}' y='{:.1}'>{name}</text>",
            x + 22.0,
            x + 30.0,
            y + 4.0
        );
    }
}

/// Microseconds in the unit that suits them.
pub fn duration(microseconds: f64) -> String {
    match microseconds {
        value if value < 999.5 => format!("{} \u{b5}s", short(value)),
        value if value < 999_500.0 => format!("{} ms", short(value / 1e3)),
        value => format!("{} s", short(value / 1e6)),
    }
}

fn amount(value: f64, in_bytes: bool) -> String {
    if in_bytes {
        format!("{} GB", short(value))
    } else {
        grouped(value, if value > 0.0 && value < 10.0 { 1 } else { 0 })
    }
}

/// Three digits, without zeros that say nothing.
fn short(value: f64) -> String {
    let decimals = match value {
        value if value >= 100.0 => 0,
        value if value >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!(duration(0.5), "0.5 \u{b5}s");
        assert_eq!(duration(250.0), "250 \u{b5}s");
        assert_eq!(duration(999.7), "1 ms");
        assert_eq!(duration(12_345.0), "12.3 ms");
        assert_eq!(duration(2_000_000.0), "2 s");
        assert_eq!(amount(1_234_567.0, false), "1,234,567");
    }
}
