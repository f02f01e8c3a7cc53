//! `pairloop serve --check`: what would be served. It fails where `serve` would, but opens no port and writes no file.

use std::fmt::Write;
use std::io;
use std::path::Path;

use rustix::fs::{Access, access};

use crate::capacity;
use crate::cli::ServeArgs;
use crate::config::Config;
use crate::console;
use crate::engine::Meeting;
use crate::listen::{DEFAULTS, ListenUrl};
use crate::pid_file::PidFileError;
use crate::serve::{ServeError, identity, urls};
use crate::units::Limit;
use crate::users::Users;
use crate::workers;

/// Prints a line for each listener, and one for each setting, with where it was set.
///
/// # Errors
/// What keeps the daemon from being started with these settings; what only shows when a port is opened is not found.
pub fn check(config: &Config) -> Result<(), ServeError> {
    let mut text = String::new();
    let given = config
        .set("listen")
        .map(|value| value.text.to_string_lossy());
    let mut given: Vec<_> = given.collect();
    if given.is_empty() {
        given.extend(DEFAULTS.iter().map(|&url| url.into()));
    }
    for (url, given) in urls(&config.args).iter().zip(given) {
        let _ = writeln!(text, "{given} {}", listener(config, url)?);
    }
    for worker in workers::named_by(&urls(&config.args)) {
        worker.look_up()?;
    }
    let settings = capacity::settings(&config.args, &urls(&config.args))?;
    for (key, default) in config.defaults() {
        let origin = config.set(&key).next().map(|value| &value.origin);
        let value = match key.as_str() {
            "listen" => continue,
            // As they follow from other settings and from the system.
            "max-clients" => settings.max_clients.to_string(),
            "buffer-memory" => settings.buffer_memory.to_string(),
            _ => said(config, &key).unwrap_or(default),
        };
        let origin = origin.map_or("default".into(), ToString::to_string);
        let _ = writeln!(text, "{key} = {value} ({origin})");
    }
    files(&config.args)?;
    identity(&config.args)?;
    console::print(text.as_bytes()).map_err(ServeError::Output)
}

/// What is to be written can be, as far as that shows without doing it.
fn files(args: &ServeArgs) -> Result<(), ServeError> {
    if let Some(path) = &args.stats_file {
        in_its_folder(path).map_err(ServeError::StatsFile)?;
    }
    if let Some(path) = &args.usage_log {
        let named = |error| io::Error::other(format!("{}: {error}", path.display()));
        let written = match path.exists() {
            true => access(path, Access::WRITE_OK).map_err(io::Error::from),
            false => in_its_folder(path),
        };
        written.map_err(named).map_err(ServeError::UsageLog)?;
    }
    if let Some(path) = &args.pid_file {
        let path = path.to_owned();
        in_its_folder(&path).map_err(|error| PidFileError::Io { path, error })?;
    }
    Ok(())
}

/// Whether a file could be made there.
fn in_its_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    Ok(access(folder.unwrap_or(Path::new(".")), Access::WRITE_OK)?)
}

/// What is known of a listener before it is opened.
fn listener(config: &Config, url: &ListenUrl) -> Result<String, ServeError> {
    let mut words = String::from("on");
    for address in url.places()? {
        let _ = write!(words, " {address}");
    }
    if url.is_passed() {
        words += " sockets that are passed";
    }
    let wait = Limit(url.wait_timeout(config.args.wait_timeout));
    let rooms = match url.meeting {
        _ if url.service.kind.greeting.is_some() => "by a first line of its own",
        Meeting::Arrival => "arrival",
        Meeting::Named => "named",
    };
    let _ = write!(words, ": rooms {rooms}, wait {wait}");
    for worker in url.service.route.iter().flat_map(|route| &route.workers) {
        let _ = write!(words, ", worker {worker}");
    }
    if let Some(path) = &url.auth {
        let _ = write!(words, ", {} users", Users::load(path)?.len());
    }
    Ok(words)
}

fn said(config: &Config, key: &str) -> Option<String> {
    let value = config.set(key).next()?;
    Some(value.text.to_string_lossy().into_owned())
}
