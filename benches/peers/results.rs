//! All results for programs: a JSON file.

use std::fs;
use std::path::Path;

use pairloop::json::{Object, list, string};

use crate::Session;
use crate::measure::Sample;

/// # Errors
/// If the file can't be written, in words.
pub fn write(file: &Path, session: &Session, samples: &[Sample]) -> Result<(), String> {
    let mut object = Object::default();
    object.text("date", &session.date);
    object.text("machine", &session.machine);
    object.number("runs_of_each", f64::from(session.runs));
    object.number("seconds_of_each", session.seconds);
    object.raw(
        "not_fair",
        &list(session.shortcomings.iter().map(|words| string(words))),
    );
    let peers = session.found.iter().map(|peer| {
        let mut object = Object::default();
        object.text("name", peer.name);
        if let Some(version) = peer.known_version() {
            object.text("version", &version);
        }
        object.finish()
    });
    object.raw("peers", &list(peers));
    let missing = session.missing.iter().map(|peer| {
        let mut object = Object::default();
        object.text("name", peer.name);
        object.text("install", peer.install);
        object.finish()
    });
    object.raw("missing", &list(missing));
    object.raw("runs", &list(samples.iter().map(sample)));
    if let Some(folder) = file.parent() {
        let _ = fs::create_dir_all(folder);
    }
    fs::write(file, object.finish() + "\n").map_err(|error| format!("{}: {error}", file.display()))
}

fn sample(sample: &Sample) -> String {
    let mut object = Object::default();
    object.text("axis", sample.axis.name);
    object.text("point", sample.point.label);
    object.text("peer", sample.peer.name);
    object.number("run", f64::from(sample.run));
    for (metric, value) in sample.axis.metrics.iter().zip(&sample.values) {
        if let Some(value) = value {
            object.number(metric.unit, *value);
        }
    }
    if let Some(failure) = &sample.failure {
        object.text("failure", failure);
    }
    if let Some(warning) = sample.warning {
        object.text("bound_by", &format!("{warning:?}").to_lowercase());
    }
    if let Some(result) = &sample.result {
        object.raw("result", result);
    }
    object.finish()
}
