//! The result for a person at a terminal.

use std::fmt::Write;

use super::outcome::{Outcome, percentiles};

pub fn table(outcome: &Outcome) -> String {
    let mut text = format!(
        "{} at {}: {}\n{}\n\n",
        outcome.mode,
        outcome.server,
        outcome.load,
        measured(outcome)
    );
    for (name, value) in rows(outcome) {
        let _ = writeln!(text, "{name:<15} {value}");
    }
    let _ = writeln!(text, "\n{}", sentence(&outcome.words));
    text
}

/// How long it was measured.
pub fn measured(outcome: &Outcome) -> String {
    if outcome.mode == "idle" {
        return format!("connected within {:.2} s", outcome.seconds());
    }
    format!(
        "measured for {:.2} s after {:.2} s of warm-up",
        outcome.seconds(),
        outcome.warmup.as_secs_f64()
    )
}

/// Names and values, as the page shows them too.
pub fn rows(outcome: &Outcome) -> Vec<(String, String)> {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
    if outcome.messages > 0 {
        row(outcome.unit, grouped(outcome.messages as f64, 0));
        row(
            "rate",
            format!(
                "{} a second",
                grouped(outcome.rate(), digits(outcome.rate()))
            ),
        );
    }
    if outcome.bytes > 0 {
        row("throughput", format!("{:.4} GB/s", outcome.gigabytes()));
    }
    if !outcome.latency.is_empty() {
        row(
            "latency in us",
            distribution(&percentiles(&outcome.latency)),
        );
    }
    if let Some(late) = &outcome.late {
        row("sent late by us", distribution(&percentiles(late)));
        row("unanswered", grouped(outcome.unanswered as f64, 0));
    }
    row("generator CPU", generator(outcome));
    if let Some(share) = outcome.server_share() {
        row("server CPU", server(outcome, share));
    }
    if let Some(waiting) = outcome.usage.waiting.filter(|&waiting| waiting >= 0.01) {
        row(
            "held up",
            format!(
                "{} of the time a thread was ready and had no core",
                percent(waiting)
            ),
        );
    }
    if let Some((all, anonymous)) = outcome.memory {
        row(
            "server memory",
            format!(
                "{all:.0} bytes a connection (RSS), {anonymous:.0} of them anonymous (RssAnon)"
            ),
        );
    }
    if let Some(first) = &outcome.losses.first {
        row(
            "lost",
            format!(
                "{}, the first: {first}",
                grouped(outcome.losses.count as f64, 0)
            ),
        );
    }
    rows
}

fn distribution(points: &[(&str, f64)]) -> String {
    let words: Vec<String> = points
        .iter()
        .map(|(name, value)| format!("{name} {}", grouped(*value, 1)))
        .collect();
    words.join("   ")
}

fn generator(outcome: &Outcome) -> String {
    match outcome.threads.as_slice() {
        [share] => format!("{} of a core", percent(*share)),
        threads => {
            let sum: f64 = threads.iter().sum();
            format!(
                "{} of a core by the busiest of {} threads, {} by all",
                percent(outcome.busiest()),
                threads.len(),
                percent(sum)
            )
        }
    }
}

fn server(outcome: &Outcome, share: f64) -> String {
    let mut text = format!("{} of a core", percent(share));
    if let Some(busiest) = outcome
        .usage
        .server_thread
        .filter(|busiest| share - busiest > 0.02)
    {
        let _ = write!(text, ", {} by its busiest thread", percent(busiest));
    }
    if let Some(cost) = outcome.server_per_message() {
        let one = outcome.unit.trim_end_matches('s');
        let _ = write!(text, ", {cost:.2} us a {one}");
    }
    // Of a load that is not about bytes this would be a large number without a meaning.
    if let Some(cost) = outcome
        .server_per_gigabyte()
        .filter(|_| outcome.gigabytes() >= 0.1)
    {
        let _ = write!(text, ", {cost:.3} s a GB");
    }
    text
}

pub fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn digits(value: f64) -> usize {
    if value < 100.0 { 2 } else { 0 }
}

/// A number with commas between its thousands.
pub fn grouped(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut grouped = String::from(if value < 0.0 { "-" } else { "" });
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped + rest
}

/// Words as a sentence.
pub fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_uppercase());
    first
        .into_iter()
        .flatten()
        .chain(letters)
        .chain(['.'])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_grouped() {
        assert_eq!(grouped(0.0, 0), "0");
        assert_eq!(grouped(999.0, 0), "999");
        assert_eq!(grouped(1000.0, 0), "1,000");
        assert_eq!(grouped(1_234_567.891, 1), "1,234,567.9");
        assert_eq!(grouped(-1234.0, 0), "-1,234");
    }

    #[test]
    fn sentences_begin_large_and_end() {
        assert_eq!(sentence("so it is"), "So it is.");
    }
}
