//! What of the settings can change while the daemon runs.

use std::path::PathBuf;

use log::{info, warn};

use super::{Config, ConfigError, Value};
use crate::capacity::Allowance;
use crate::cli::ServeArgs;
use crate::engine::Engine;
use crate::listen::ListenUrl;
use crate::logging;
use crate::preflight;
use crate::reactor::Settings;
use crate::serve::{ServeError, timeouts, urls};
use crate::users::Users;

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
    /// What there was at the start.
    allowance: Allowance,
}

impl Running {
    pub fn new(config: Config, urls: Vec<ListenUrl>, allowance: Allowance) -> Self {
        Self {
            config,
            urls,
            allowance,
        }
    }

    /// From where they are read again, if there is a file.
    pub fn next(&self) -> Option<Next> {
        let has_file = self.config.sources.file().is_some();
        has_file.then(|| Next {
            running: self.config.clone(),
            allowance: self.allowance,
        })
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
        self.config.args.stats_file.clone_from(&args.stats_file);
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

/// Settings that are to be read again.
pub struct Next {
    running: Config,
    allowance: Allowance,
}

impl Next {
    /// Reads them.
    ///
    /// # Errors
    /// What is wrong in them.
    pub fn load(&self) -> Result<Config, ConfigError> {
        self.running.sources.load()
    }

    /// What the next start would refuse is refused now, unless it would refuse the settings that hold just as well: what has become
    /// wrong around them is no reason to keep everything else from changing, and is warned of. Files of users that are `known` are
    /// not looked at. May wait for name servers.
    ///
    /// # Errors
    /// Why the settings can't hold.
    pub fn look(&self, new: &Config, known: &[PathBuf]) -> Result<(), ServeError> {
        let Err(error) = self.would_start(&new.args, known) else {
            return Ok(());
        };
        let old = self.would_start(&self.running.args, known).err();
        let is_old = old.is_some_and(|old| old.to_string() == error.to_string());
        let error = error.at(new);
        match is_old {
            false => Err(error),
            true => {
                warn!("the next start would fail: {error}");
                Ok(())
            }
        }
    }

    fn would_start(&self, args: &ServeArgs, known: &[PathBuf]) -> Result<(), ServeError> {
        let urls = urls(args);
        preflight::before(args, &urls, self.allowance)?;
        preflight::files(args)?;
        let files = urls.iter().filter_map(|url| url.auth.as_ref());
        for path in files.filter(|path| !known.contains(path)) {
            Users::load(path)?;
        }
        Ok(())
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
