//! The tables in README.md, each section's between two marks.

use std::collections::HashSet;
use std::fmt::Write;

use crate::Session;
use crate::marks;
use crate::measure::Sample;
use crate::peer::Peer;
use crate::section::Section;
use crate::summary::{Cell, Summary, ratio};

/// Replaces the tables of sections that were measured whole.
///
/// # Errors
/// If the file or its marks are not there, in words.
pub fn write(
    session: &Session,
    samples: &[Sample],
    sections: impl Iterator<Item = Section>,
) -> Result<(), String> {
    for section in sections {
        let tables = tables(session, samples, section);
        marks::replace(section.command(), &tables)?;
    }
    Ok(())
}

fn tables(session: &Session, samples: &[Sample], section: Section) -> String {
    let mut text = format!(
        "Measured on {} with `{}` on {}: medians of {} runs of {} s.\n",
        session.date,
        section.command(),
        session.machine,
        session.runs,
        session.seconds
    );
    let _ = writeln!(text, "Versions: {}.", versions(session, section).join(", "));
    for shortcoming in &session.shortcomings {
        let _ = writeln!(text, "**Not fair: {shortcoming}.**");
    }
    for axis in section.axes() {
        let summary = Summary::new(axis, samples);
        if summary.peers().next().is_some() {
            text += &table(&summary);
        }
    }
    text
}

/// Of each program of others that the section's tables name, once.
fn versions(session: &Session, section: Section) -> Vec<String> {
    let named = |peer: &&&Peer| {
        let mut axes = section.axes();
        axes.any(|axis| axis.peers.contains(&peer.name))
    };
    let mut programs = HashSet::new();
    let found = session.found.iter().filter(named);
    found
        .filter(|peer| !peer.name.starts_with("pairloop") && programs.insert((peer.find)()))
        .filter_map(|peer| Some(format!("{} {}", peer.name, peer.known_version()?)))
        .collect()
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
