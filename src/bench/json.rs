//! The result for programs. Times are in the unit that the name says.

use super::outcome::{Outcome, percentiles};
use crate::json::{Object, list, number};

pub fn json(outcome: &Outcome) -> String {
    let mut object = Object::default();
    object.text("mode", outcome.mode);
    object.text("server", &outcome.server);
    object.text("load", &outcome.load);
    object.text("unit", outcome.unit);
    object.number("count", outcome.messages as f64);
    object.number("seconds", outcome.seconds());
    object.number("warmup_seconds", outcome.warmup.as_secs_f64());
    object.number("per_second", outcome.rate());
    object.number("bytes", outcome.bytes as f64);
    object.number("gigabytes_per_second", outcome.gigabytes());
    if !outcome.latency.is_empty() {
        object.raw("latency_us", &distribution(&percentiles(&outcome.latency)));
    }
    if let Some(late) = &outcome.late {
        object.raw("sent_late_us", &distribution(&percentiles(late)));
        object.number("unanswered", outcome.unanswered as f64);
    }
    object.raw(
        "generator_cpu",
        &list(outcome.threads.iter().map(|share| number(*share))),
    );
    let server = [
        ("server_cpu", outcome.server_share()),
        ("server_busiest_thread", outcome.usage.server_thread),
        ("server_us_per_unit", outcome.server_per_message()),
        ("server_seconds_per_gigabyte", outcome.server_per_gigabyte()),
        ("machine_idle", outcome.usage.idle),
        ("waited_for_a_core", outcome.usage.waiting),
        (
            "server_rss_per_connection",
            outcome.memory.map(|memory| memory.0),
        ),
        (
            "server_rss_anon_per_connection",
            outcome.memory.map(|memory| memory.1),
        ),
    ];
    for (name, value) in server {
        if let Some(value) = value {
            object.number(name, value);
        }
    }
    object.number("lost", outcome.losses.count as f64);
    if let Some(first) = &outcome.losses.first {
        object.text("first_loss", first);
    }
    object.text("verdict", outcome.verdict.name());
    object.text("verdict_words", &outcome.words);
    let elapsed = outcome.elapsed.as_nanos() as u64;
    let rates = outcome.series.rates(10, elapsed);
    object.raw(
        "per_second_series",
        &list(rates.iter().map(|(_, messages, _)| number(*messages))),
    );
    object.raw(
        "bytes_per_second_series",
        &list(rates.iter().map(|(_, _, bytes)| number(*bytes))),
    );
    object.finish() + "\n"
}

fn distribution(points: &[(&str, f64)]) -> String {
    let mut object = Object::default();
    points
        .iter()
        .for_each(|(name, value)| object.number(name, *value));
    object.finish()
}
