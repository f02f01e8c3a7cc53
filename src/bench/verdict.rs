//! Whose limit the numbers are.

use super::probe::Usage;

/// From this share of a core on, a thread counts as busy.
const BUSY: f64 = 0.9;

/// With less of the machine idle than this, those who run on it take time from each other.
const FULL: f64 = 0.05;

/// So do those of whom one waits for a core for more than this share of the time.
const HELD_UP: f64 = 0.1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The server was busy and the generator was not.
    Server,
    Both,
    Generator,
    /// The generator was busy, and nobody looked at the server.
    MaybeGenerator,
    /// Others had the cores when server or generator needed one.
    Machine,
    /// Both had time to spare.
    Neither,
    /// The generator had time to spare, and nobody looked at the server.
    NotGenerator,
}

impl Verdict {
    /// `generator`: the share of a core that its busiest thread used.
    pub fn new(generator: f64, usage: &Usage) -> Self {
        let full = usage.idle.is_some_and(|idle| idle < FULL)
            || usage.waiting.is_some_and(|waiting| waiting > HELD_UP);
        match (
            generator >= BUSY,
            usage.server_thread.map(|share| share >= BUSY),
        ) {
            (false, Some(true)) => Verdict::Server,
            (true, Some(true)) => Verdict::Both,
            (true, Some(false)) => Verdict::Generator,
            (true, None) => Verdict::MaybeGenerator,
            (false, _) if full => Verdict::Machine,
            (false, Some(false)) => Verdict::Neither,
            (false, None) => Verdict::NotGenerator,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Verdict::Server => "server",
            Verdict::Both => "both",
            Verdict::Generator => "generator",
            Verdict::MaybeGenerator => "maybe-generator",
            Verdict::Machine => "machine",
            Verdict::Neither => "neither",
            Verdict::NotGenerator => "not-generator",
        }
    }

    /// For people; `more` is what would make the generator stronger.
    pub fn words(self, more: &str) -> String {
        let words = match self {
            Verdict::Server => "the server was the bottleneck: this is its limit under this load",
            Verdict::Both => {
                "server and generator were both busy: the server's limit may be higher; to be sure"
            }
            Verdict::Generator => {
                "the generator was the bottleneck: these numbers are not the server's limit;"
            }
            Verdict::MaybeGenerator => {
                "the generator was busy and may be the bottleneck: these numbers need not be the server's limit (--server-pid tells);"
            }
            Verdict::Machine => {
                "the machine was the bottleneck: server, generator and what else runs here took the cores from each other; these numbers are not the server's limit"
            }
            Verdict::Neither => {
                "neither was busy: bound by latency, depth or rate, not by the server's limit"
            }
            Verdict::NotGenerator => {
                "the generator was not the bottleneck; whether the server was is not known (--server-pid tells)"
            }
        };
        match self {
            Verdict::Both | Verdict::Generator | Verdict::MaybeGenerator => {
                format!("{words} {more}")
            }
            _ => words.into(),
        }
    }

    /// Whether the numbers could be taken for more than they are.
    pub fn is_warning(self) -> bool {
        !matches!(
            self,
            Verdict::Server | Verdict::Neither | Verdict::NotGenerator
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_is_blamed_only_if_it_was_seen_busy() {
        let usage = |server_thread, idle| Usage {
            server_thread,
            idle,
            ..Usage::default()
        };
        let table = [
            (0.5, Some(0.95), Some(0.3), Verdict::Server),
            (0.5, Some(0.95), Some(0.0), Verdict::Server),
            (0.95, Some(0.95), None, Verdict::Both),
            (0.95, Some(0.5), None, Verdict::Generator),
            (0.95, None, None, Verdict::MaybeGenerator),
            (0.95, None, Some(0.0), Verdict::MaybeGenerator),
            (0.6, Some(0.6), Some(0.01), Verdict::Machine),
            (0.6, None, Some(0.01), Verdict::Machine),
            (0.6, Some(0.6), Some(0.5), Verdict::Neither),
            (0.6, Some(0.6), None, Verdict::Neither),
            (0.6, None, Some(0.5), Verdict::NotGenerator),
        ];
        for (generator, server, idle, verdict) in table {
            let found = Verdict::new(generator, &usage(server, idle));
            assert_eq!(found, verdict, "{generator} {server:?} {idle:?}");
        }
        let held_up = Usage {
            waiting: Some(0.3),
            ..usage(Some(0.6), Some(0.5))
        };
        assert_eq!(Verdict::new(0.6, &held_up), Verdict::Machine);
    }
}
