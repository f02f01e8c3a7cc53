//! Lines of the usage log.

use std::fs;
use std::path::Path;

use super::json::Json;
use super::{Daemon, eventually, serve};

/// What is said of one session, in short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub service: String,
    pub mood: String,
    pub bytes: u64,
    /// Whether there was a partner to wait for.
    pub waited: bool,
}

pub fn line(service: &str, mood: &str, bytes: u64, waited: bool) -> Line {
    let (service, mood) = (service.into(), mood.into());
    Line {
        service,
        mood,
        bytes,
        waited,
    }
}

/// Serves these with a usage log.
pub fn logged(urls: &[&str], path: &Path, options: &[&str]) -> Daemon {
    let mut command = serve(urls);
    command.arg("--usage-log").arg(path).args(options);
    Daemon::run(command, urls.len())
}

/// The lines that there are, once there are so many.
#[track_caller]
pub fn lines(path: &Path, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    eventually(&format!("{count} lines in {}", path.display()), || {
        let text = fs::read_to_string(path).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        lines = whole.lines().map(str::to_owned).collect();
        lines.len() >= count
    });
    assert_eq!(lines.len(), count, "{lines:#?}");
    lines
}

#[track_caller]
pub fn sessions(path: &Path, count: usize) -> Vec<Line> {
    lines(path, count).iter().map(|text| parse(text)).collect()
}

/// A line is JSON with the fields of the reference, in their order, and one more.
#[track_caller]
pub fn parse(text: &str) -> Line {
    let names = [
        "started",
        "total_time",
        "waiting_time",
        "total_bytes",
        "mood",
        "service",
    ];
    let places: Vec<usize> = names
        .iter()
        .map(|name| text.find(&format!("\"{name}\":")).expect(name))
        .collect();
    assert!(places.is_sorted(), "{text}");
    let json = Json::parse(text);
    let waited = json.text("waiting_time") != "null";
    if waited {
        assert!(json.number("waiting_time") <= json.number("total_time"));
    }
    Line {
        service: json.text("service").into(),
        mood: json.text("mood").into(),
        bytes: json.text("total_bytes").parse().expect("a whole number"),
        waited,
    }
}
