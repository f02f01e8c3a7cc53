//! How long, how much: from the command line.

use std::time::Duration;

use clap::Parser;

use crate::load::Size;

/// Mixed load on the release build for a long time, and whether anything was lost, wrong or left over
#[derive(Debug, Parser)]
#[command(name = "cargo bench --bench soak --")]
pub struct Options {
    /// Some seconds with a few hundred connections: whether it works
    #[arg(long)]
    pub quick: bool,

    /// How long the load goes on, after a wave of the same that warms up
    #[arg(long, value_name = "N", default_value = "30")]
    pub minutes: f64,

    /// --max-clients of the daemon [default: 90 % of what it could have]
    #[arg(long, value_name = "N")]
    pub clients: Option<usize>,

    /// Of all that is left to chance
    #[arg(long, value_name = "N", default_value = "1")]
    pub seed: u64,

    /// Cargo says it to every benchmark, and not when it runs them as tests
    #[arg(long, hide = true)]
    pub bench: bool,
}

/// When things happen.
#[derive(Debug, Clone, Copy)]
pub struct Times {
    pub warm_up: Duration,
    pub load: Duration,
    pub told: Duration,
    pub reload: Duration,
    /// The daemon is stopped for a moment so often, and for so long.
    pub stop: Duration,
    pub stopped: Duration,
    /// The log's reader is stopped so often, and for so long.
    pub deaf: Duration,
    pub deafness: Duration,
    pub burst: Duration,
}

impl Options {
    /// With room for so many clients in the daemon.
    pub fn size(&self, clients: usize) -> Size {
        let seconds = if self.quick { 2 } else { 60 };
        Size {
            most: clients * 95 / 100,
            // The others and the bursts have what is left.
            idle: clients - (clients / 4).min(2000),
            longest: Duration::from_secs(seconds),
            pace: 1.0,
        }
    }

    /// The daemon's limit, where it could have so many.
    pub fn clients(&self, possible: usize) -> usize {
        match self.clients {
            Some(clients) => clients,
            None if self.quick => 1000,
            None => possible * 90 / 100,
        }
    }

    /// Connections of a burst: more lines than the log may have in a second.
    pub fn burst(&self) -> usize {
        1500
    }

    pub fn times(&self) -> Times {
        let seconds = Duration::from_secs_f64;
        if self.quick {
            return Times {
                warm_up: seconds(4.0),
                load: seconds(8.0),
                told: seconds(4.0),
                reload: seconds(2.0),
                stop: seconds(3.0),
                stopped: seconds(0.3),
                deaf: seconds(3.0),
                deafness: seconds(1.5),
                burst: seconds(2.0),
            };
        }
        Times {
            warm_up: seconds(60.0),
            load: seconds(60.0 * self.minutes),
            told: seconds(60.0),
            reload: seconds(60.0),
            stop: seconds(45.0),
            stopped: seconds(1.0),
            deaf: seconds(90.0),
            deafness: seconds(20.0),
            burst: seconds(15.0),
        }
    }
}
