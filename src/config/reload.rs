//! What of the settings can change while the daemon runs.

use log::{info, warn};

use super::{Config, Sources, Value};
use crate::engine::Engine;
use crate::listen::ListenUrl;
use crate::logging;
use crate::reactor::Settings;
use crate::serve::timeouts;

/// The options that hold from a reload on. Each of the others is decided once: what a listener is, how large a table is, what the
/// kernel was told of a socket.
pub(super) const RELOADABLE: [&str; 8] = [
    PER_SOURCE,
    "hello-timeout",
    "wait-timeout",
    "idle-timeout",
    "half-close-timeout",
    "drain-timeout",
    "stats-file",
    "log-level",
];

const PER_SOURCE: &str = "max-clients-per-source";

/// The settings of a daemon that runs.
pub struct Running {
    config: Config,
    urls: Vec<ListenUrl>,
}

impl Running {
    pub fn new(config: Config, urls: Vec<ListenUrl>) -> Self {
        Self { config, urls }
    }

    /// From where they are read again, if there is a file.
    pub fn sources(&self) -> Option<&Sources> {
        let sources = &self.config.sources;
        sources.file().map(|_| sources)
    }

    /// Lets new settings hold as far as that is possible, and says how far.
    pub fn take_over(&mut self, new: Config, engine: &mut Engine, settings: &mut Settings) {
        let is_counting = self.config.args.max_clients_per_source.is_some();
        let changed = changed(&self.config, &new);
        let (now, later): (Vec<String>, Vec<String>) = changed.into_iter().partition(|key| {
            // Those who are here already were not counted, if nobody was.
            RELOADABLE.contains(&key.as_str()) && (key != PER_SOURCE || is_counting)
        });
        let args = &new.args;
        engine.set_timeouts(timeouts(args));
        for (lobby, url) in self.urls.iter().enumerate() {
            engine.set_wait_timeout(lobby, url.wait_timeout(args.wait_timeout));
        }
        if is_counting {
            engine.set_clients_per_source(args.max_clients_per_source);
        }
        settings.drain_timeout = args.drain_timeout;
        settings.stats_file = args.stats_file.clone();
        logging::set_level(new.level);
        self.report(&now, &later);
        let old = &mut self.config.values;
        old.retain(|value| !now.contains(&value.key));
        let values = new.values.into_iter();
        old.extend(values.filter(|value| now.contains(&value.key)));
    }

    fn report(&self, now: &[String], later: &[String]) {
        let path = self.config.sources.file().unwrap_or("".as_ref()).display();
        match now {
            [] => info!("reloaded {path}: nothing new"),
            now => info!("reloaded {path}: {}", now.join(", ")),
        }
        if !later.is_empty() {
            warn!(
                "reload: {} changed: restart to let it hold",
                later.join(", ")
            );
        }
    }
}

/// The options that are not set as they were.
fn changed(old: &Config, new: &Config) -> Vec<String> {
    let all = new.defaults().into_iter().map(|(key, _)| key);
    all.filter(|key| {
        let text = |value: &Value| value.text.clone();
        !old.set(key).map(text).eq(new.set(key).map(text))
    })
    .collect()
}
