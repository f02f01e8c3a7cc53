//! `pairloop serve --check`: what would be served. It fails where `serve` would, but opens no port and writes no file.

use std::fmt::Write;

use log::warn;

use crate::capacity::{Allowance, Capacity};
use crate::config::Config;
use crate::console;
use crate::engine::Meeting;
use crate::listen::{DEFAULTS, ListenUrl};
use crate::preflight;
use crate::serve::{ServeError, assume, urls};
use crate::units::{Limit, count};
use crate::users::Users;
use crate::workers;

/// Prints a line for each listener, and one for each setting, with where it was set.
///
/// # Errors
/// What keeps the daemon from being started with these settings; what only shows when a port is opened is not found.
pub fn check(config: &Config) -> Result<(), ServeError> {
    let urls = urls(&config.args);
    let (capacity, identity) = preflight::before(&config.args, &urls, Allowance::take())?;
    assume(identity)?;
    capacity.tell();
    preflight::files(&config.args)?;
    for worker in workers::named_by(&urls) {
        if let Err(error) = worker.look_up() {
            warn!("{error}: it gets no rooms");
        }
    }
    let text = listeners(config, &urls)? + &settings(config, &capacity);
    console::print(text.as_bytes()).map_err(ServeError::Output)
}

fn listeners(config: &Config, urls: &[ListenUrl]) -> Result<String, ServeError> {
    let given = config.set("listen");
    let mut given: Vec<_> = given.map(|value| value.text.to_string_lossy()).collect();
    if given.is_empty() {
        given.extend(DEFAULTS.iter().map(|&url| url.into()));
    }
    let mut text = String::new();
    for (url, given) in urls.iter().zip(given) {
        let _ = writeln!(text, "{given} {}", listener(config, url)?);
    }
    Ok(text)
}

fn settings(config: &Config, capacity: &Capacity) -> String {
    let mut text = String::new();
    for (key, default) in config.defaults() {
        let origin = config.set(&key).next().map(|value| &value.origin);
        let value = match key.as_str() {
            "listen" => continue,
            // As they follow from other settings and from the system.
            "max-clients" => capacity.max_clients.to_string(),
            "buffer-memory" => capacity.buffer_memory.to_string(),
            _ => said(config, &key).unwrap_or(default),
        };
        let origin = origin.map_or("default".into(), ToString::to_string);
        let _ = writeln!(text, "{key} = {value} ({origin})");
    }
    text
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
        let _ = write!(words, ", {}", count(Users::load(path)?.len(), "user"));
    }
    Ok(words)
}

fn said(config: &Config, key: &str) -> Option<String> {
    let value = config.set(key).next()?;
    Some(value.text.to_string_lossy().into_owned())
}
