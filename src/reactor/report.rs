//! What operators are told on SIGUSR2.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use log::{error, info};

use crate::console;
use crate::engine::{CloseReason, Counts, WorkerState};
use crate::units::count;

use super::net::Net;
use super::{Reactor, prometheus};

/// Counts since the start.
pub(super) struct Counters {
    started: Instant,
    closed: [u64; CloseReason::ALL.len()],
    pub accept_failures: u64,
}

impl Counters {
    pub fn new(started: Instant) -> Self {
        Self {
            started,
            closed: [0; CloseReason::ALL.len()],
            accept_failures: 0,
        }
    }

    pub fn count_close(&mut self, reason: CloseReason) {
        self.closed[reason as usize] += 1;
    }
}

/// A service's part of the statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceStatistics {
    pub service: &'static str,
    pub counts: Counts,
    /// Bytes that its clients have sent since the start.
    pub bytes: u64,
    /// Clients turned away since the start.
    pub refused: u64,
}

/// Everything that can be known from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statistics {
    pub services: Vec<ServiceStatistics>,
    /// The workers that rooms are handed to.
    pub workers: Vec<WorkerState>,
    /// Clients accepted since the start.
    pub accepted: u64,
    /// Clients closed since the start, by reason.
    pub closed: Vec<(CloseReason, u64)>,
    pub accept_failures: u64,
    /// How often a link had to copy for want of a pipe.
    pub pipes_refused: u64,
    /// Connections on the table, those included that the engine has closed and that are still being sent to.
    pub connections: usize,
    /// Bytes held by buffers.
    pub buffered: usize,
    /// Timers armed.
    pub timers: usize,
    /// Sessions that the usage log has lost, if there is one.
    pub usage_lost: Option<u64>,
    pub uptime: Duration,
}

impl<N: Net> Reactor<N> {
    /// The state of things.
    pub fn statistics(&self) -> Statistics {
        // Counted when somebody asks, and not with every message.
        let mut received = vec![0; self.listeners.len()];
        for connection in self.connections.iter() {
            if let Some(listener) = connection.listener() {
                received[listener] += connection.counted();
            }
        }
        let mut services: Vec<ServiceStatistics> = Vec::new();
        for (lobby, (service, counts)) in self.engine.counts().into_iter().enumerate() {
            let sockets = self.listeners.iter().zip(&received);
            let sockets = sockets.filter(|(listener, _)| listener.lobby == lobby);
            let (bytes, refused) = sockets.fold((0, 0), |(bytes, refused), (socket, here)| {
                (bytes + socket.bytes + here, refused + socket.refused)
            });
            match services.iter_mut().find(|known| known.service == service) {
                Some(known) => {
                    known.counts.add(counts);
                    known.bytes += bytes;
                    known.refused += refused;
                }
                None => services.push(ServiceStatistics {
                    service,
                    counts,
                    bytes,
                    refused,
                }),
            }
        }
        Statistics {
            services,
            workers: self.engine.workers(),
            accepted: self.connections.given() - self.dialed.ever,
            closed: CloseReason::ALL
                .iter()
                .map(|&reason| (reason, self.counters.closed[reason as usize]))
                .collect(),
            accept_failures: self.counters.accept_failures,
            pipes_refused: self.pipes.refused,
            connections: self.connections.len(),
            buffered: self.buffers.held(),
            timers: self.timers.len(),
            usage_lost: self.usage.as_ref().map(|usage| usage.lost()),
            uptime: self.now.saturating_duration_since(self.counters.started),
        }
    }

    /// Writes the statistics file, if there is to be one.
    ///
    /// # Errors
    /// If it can't be written; the error names it.
    pub fn write_statistics(&self) -> io::Result<()> {
        let Some(path) = &self.settings.stats_file else {
            return Ok(());
        };
        prometheus::write(path, &self.statistics()).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("{} not written: {error}", path.display()),
            )
        })
    }

    /// One line for the operator. What can't be written is the console's to count.
    pub(super) fn print(&mut self, line: &str) {
        let _ = self.console.write_all(format!("{line}\n").as_bytes());
    }

    /// Answers SIGUSR2. Whoever has read the count finds the statistics file written.
    pub(super) fn report(&mut self) {
        let written = self.write_statistics();
        self.print(&format!("NUMBER OF CLIENTS : {}", self.engine.clients()));
        let statistics = self.statistics();
        statistics.lines().for_each(|line| info!("{line}"));
        if let Err(error) = written {
            error!("{error}");
        }
    }
}

impl Statistics {
    fn lines(&self) -> impl Iterator<Item = String> {
        let services = self.services.iter().map(ServiceStatistics::line);
        let workers = self.workers.iter().map(|WorkerState { name, up, rooms }| {
            let up = if *up { "up" } else { "down" };
            format!("worker {name}: {up}, {}", count(*rooms as usize, "room"))
        });
        let closed = self.closed.iter().copied();
        let totals = format!(
            "up {:.0?}, {} accepted, closed: {}",
            self.uptime,
            self.accepted,
            listed(closed.map(|(reason, count)| (reason.name(), count)))
        );
        let mut dropped = format!(
            "{} bytes buffered; lines dropped: {} on stdout, {} on stderr",
            self.buffered,
            console::STDOUT.dropped(),
            console::STDERR.dropped()
        );
        if let Some(lost) = self.usage_lost {
            dropped += &format!(", {lost} of the usage log");
        }
        services
            .chain(workers)
            .chain([totals, dropped])
            .collect::<Vec<_>>()
            .into_iter()
    }
}

impl ServiceStatistics {
    fn line(&self) -> String {
        let Counts {
            clients,
            waiting,
            rooms,
            moods,
        } = self.counts;
        format!(
            "{}: {}, {waiting} waiting, {}, {} bytes, {} refused, sessions: {}",
            self.service,
            count(clients, "client"),
            count(rooms, "room"),
            self.bytes,
            self.refused,
            listed(moods.iter().map(|(mood, count)| (mood.name(), count)))
        )
    }
}

/// Those counts that are not zero.
fn listed(counts: impl Iterator<Item = (&'static str, u64)>) -> String {
    let counts = counts.filter(|&(_, count)| count > 0);
    let counts: Vec<String> = counts.map(|(name, n)| format!("{n} {name}")).collect();
    match counts.is_empty() {
        true => "none".into(),
        false => counts.join(", "),
    }
}
