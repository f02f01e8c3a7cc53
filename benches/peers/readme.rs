//! The tables in README.md, between two marks.

use std::fmt::Write;
use std::fs;

use crate::Session;
use crate::axes::AXES;
use crate::measure::Sample;
use crate::summary::{Cell, Summary, ratio};

const FILE: &str = "README.md";
const BEGIN: &str = "<!-- begin: cargo bench --bench peers -- --write-readme -->\n";
const END: &str = "<!-- end -->\n";

/// # Errors
/// If the file or its marks are not there, in words.
pub fn write(session: &Session, samples: &[Sample]) -> Result<(), String> {
    let unable = |error| format!("{FILE}: {error}");
    let text = fs::read_to_string(FILE).map_err(unable)?;
    let text = replace(&text, &tables(session, samples))
        .ok_or_else(|| format!("{FILE} has no marks: {BEGIN}{END}"))?;
    fs::write(FILE, text).map_err(unable)
}

/// The text with something else between the marks.
fn replace(text: &str, tables: &str) -> Option<String> {
    let (before, rest) = text.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}{tables}{END}{after}"))
}

fn tables(session: &Session, samples: &[Sample]) -> String {
    let mut text = format!(
        "Measured on {} with `cargo bench --bench peers -- --write-readme` on {}: medians of {} runs of {} s.\n",
        session.date, session.machine, session.runs, session.seconds
    );
    let versions: Vec<String> = session
        .found
        .iter()
        .filter(|peer| !peer.name.contains(' ') && peer.name != "pairloop")
        .filter_map(|peer| Some(format!("{} {}", peer.name, peer.known_version()?)))
        .collect();
    let _ = writeln!(text, "Versions: {}.", versions.join(", "));
    for shortcoming in &session.shortcomings {
        let _ = writeln!(text, "**Not fair: {shortcoming}.**");
    }
    for axis in AXES {
        let summary = Summary::new(axis, samples);
        if summary.peers().next().is_some() {
            text += &table(&summary);
        }
    }
    text
}

fn table(summary: &Summary<'_>) -> String {
    let points = summary.axis.points;
    let labels: Vec<&str> = points.iter().map(|point| point.label).collect();
    let mut text = format!("\n{}\n\n", summary.axis.title);
    let _ = writeln!(text, "| | {} |", labels.join(" | "));
    let _ = writeln!(text, "| --- |{}", " --- |".repeat(points.len()));
    for peer in summary.peers() {
        let cells: Vec<String> = labels
            .iter()
            .map(|point| match summary.cell(peer, point) {
                None => "-".into(),
                Some(cell) => words(summary, &cell, peer == "pairloop"),
            })
            .collect();
        let _ = writeln!(text, "| {peer} | {} |", cells.join(" | "));
    }
    text
}

/// Ratios first, and in brackets what they are ratios of.
fn words(summary: &Summary<'_>, cell: &Cell, ours: bool) -> String {
    let metrics = summary.axis.metrics.iter();
    let figures: Vec<String> = metrics
        .zip(&cell.spreads)
        .map(|(metric, spread)| spread.map_or("-".into(), |spread| metric.format(spread.median)))
        .collect();
    let ratios: Vec<String> = cell.ratios.iter().copied().map(ratio).collect();
    let mut words = if cell.failures.len() == cell.runs {
        "failed".into()
    } else if ours {
        figures.join(" / ")
    } else {
        format!("**{}** ({})", ratios.join(", "), figures.join(" / "))
    };
    for (count, mark) in [
        (cell.generator, "g"),
        (cell.machine, "m"),
        (cell.failures.len(), "f"),
    ] {
        if count > 0 {
            let _ = write!(words, " {mark}{count}");
        }
    }
    words
}
