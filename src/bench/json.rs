//! The result for programs. Times are in the unit that the name says.

use std::fmt::Write;

use super::outcome::{Outcome, percentiles};

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

/// An object whose names and order are those of the calls (RFC 8259).
#[derive(Default)]
pub struct Object(String);

impl Object {
    pub fn raw(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        let _ = write!(self.0, "{}:{value}", string(name));
    }

    pub fn text(&mut self, name: &str, value: &str) {
        self.raw(name, &string(value));
    }

    pub fn number(&mut self, name: &str, value: f64) {
        self.raw(name, &number(value));
    }

    pub fn finish(self) -> String {
        self.0 + "}"
    }
}

pub fn list(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(","))
}

/// JSON has no words for what is not finite.
fn number(value: f64) -> String {
    if !value.is_finite() {
        "null".into()
    } else if value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.6}")
    }
}

pub fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            control if control < ' ' => {
                let _ = write!(quoted, "\\u{:04x}", control as u32);
            }
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let mut object = Object::default();
        object.text("a\"b\\\n", "\u{1b}\u{e9}");
        object.number("whole", 1e15);
        object.number("part", 0.5);
        object.number("none", f64::NAN);
        object.raw("list", &list(["1".to_owned(), "2".to_owned()].into_iter()));
        assert_eq!(
            object.finish(),
            "{\"a\\\"b\\\\\\u000a\":\"\\u001b\u{e9}\",\"whole\":1000000000000000,\"part\":0.500000,\"none\":null,\"list\":[1,2]}"
        );
    }
}
