//! The statistics in the text format of a Prometheus scrape
//! (<https://prometheus.io/docs/instrumenting/exposition_formats/>), for a node exporter's textfile collector.

use std::fmt::{Display, Write as _};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::Path;

use crate::console;
use crate::regular_file;

use super::report::{ServiceStatistics, Statistics};

/// Writes the statistics so that a reader sees the old text or the new, never a part. The file is not synced: the
/// next report replaces it, and a disk must not hold up the loop.
pub(super) fn write(path: &Path, statistics: &Statistics) -> io::Result<()> {
    regular_file::may_be_replaced(path)?;
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".tmp");
    // Whatever has that name is not ours to write into: a link would lead elsewhere, a FIFO would block.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .open(&temporary)?;
    let written = file.write_all(text(statistics).as_bytes());
    let placed = written.and_then(|()| fs::rename(&temporary, path));
    if placed.is_err() {
        // A part of it helps nobody, least of all on a disk that is full.
        let _ = fs::remove_file(&temporary);
    }
    placed
}

fn text(statistics: &Statistics) -> String {
    let mut page = Page::default();
    services(&mut page, &statistics.services);
    let workers = statistics.workers.iter();
    page.many(
        "worker_up",
        GAUGE,
        "worker",
        workers
            .clone()
            .map(|worker| (&*worker.name, worker.up.into())),
    );
    page.many(
        "worker_rooms",
        GAUGE,
        "worker",
        workers.map(|worker| (&*worker.name, worker.rooms.into())),
    );
    let closed = statistics.closed.iter();
    page.many(
        "closed_total",
        COUNTER,
        "reason",
        closed.map(|&(reason, n)| (reason.name(), n)),
    );
    page.one("accepted_total", COUNTER, statistics.accepted);
    page.one("accept_failures_total", COUNTER, statistics.accept_failures);
    page.one("pipes_refused_total", COUNTER, statistics.pipes_refused);
    page.one("buffered_bytes", GAUGE, statistics.buffered);
    let dropped = [
        ("stdout", Some(console::STDOUT.dropped())),
        ("stderr", Some(console::STDERR.dropped())),
        ("usage_log", statistics.usage_lost),
    ];
    let dropped = dropped.into_iter();
    let dropped = dropped.filter_map(|(stream, lines)| Some((stream, lines?)));
    page.many("dropped_lines_total", COUNTER, "stream", dropped);
    page.one("uptime_seconds", GAUGE, statistics.uptime.as_secs_f64());
    page.0
}

fn services(page: &mut Page, services: &[ServiceStatistics]) {
    let mut family = |name, kind, value: fn(&ServiceStatistics) -> u64| {
        let samples = services
            .iter()
            .map(|service| (service.service, value(service)));
        page.many(name, kind, "service", samples);
    };
    family("clients", GAUGE, |service| service.counts.clients as u64);
    family("waiting", GAUGE, |service| service.counts.waiting as u64);
    family("rooms", GAUGE, |service| service.counts.rooms as u64);
    family("received_bytes_total", COUNTER, |service| service.bytes);
    family("refused_total", COUNTER, |service| service.refused);
    page.line(format_args!("# TYPE pairloop_sessions_total {COUNTER}"));
    for service in services {
        for (mood, sessions) in service.counts.moods.iter() {
            page.line(format_args!(
                "pairloop_sessions_total{{service=\"{}\",mood=\"{}\"}} {sessions}",
                service.service,
                mood.name()
            ));
        }
    }
}

const GAUGE: &str = "gauge";
const COUNTER: &str = "counter";

/// Metric families, one after the other.
#[derive(Default)]
struct Page(String);

impl Page {
    /// A family with one sample.
    fn one(&mut self, name: &str, kind: &str, value: impl Display) {
        self.line(format_args!("# TYPE pairloop_{name} {kind}"));
        self.line(format_args!("pairloop_{name} {value}"));
    }

    /// A family with a sample for each value of a label.
    fn many<'a>(
        &mut self,
        name: &str,
        kind: &str,
        label: &str,
        samples: impl IntoIterator<Item = (&'a str, u64)>,
    ) {
        self.line(format_args!("# TYPE pairloop_{name} {kind}"));
        for (of, value) in samples {
            self.line(format_args!("pairloop_{name}{{{label}=\"{of}\"}} {value}"));
        }
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        writeln!(self.0, "{line}").expect("a string takes everything");
    }
}
