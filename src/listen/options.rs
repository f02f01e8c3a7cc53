//! What stands behind the `?` of a listener's URL.

use std::path::PathBuf;

use super::UrlError;
use crate::cidr::Cidr;
use crate::engine::Meeting;
use crate::engine::service::{Factory, Seats, ServiceKind};
use crate::units::Limit;

pub(super) struct Options {
    pub service: Factory,
    pub meeting: Meeting,
    pub auth: Option<PathBuf>,
    pub proxies: Option<Vec<Cidr>>,
    pub wait: Option<Limit>,
}

impl Options {
    /// Reads the options: those of every listener here, the others by the service.
    pub fn read(service: &'static ServiceKind, options: &str) -> Result<Self, UrlError> {
        let (mut own, mut meeting) = (Vec::new(), Meeting::Arrival);
        let (mut auth, mut wait) = (None, None);
        let (mut proxy, mut trust) = (false, Vec::new());
        let mut seen = Vec::new();
        for option in options.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option
                .split_once('=')
                .ok_or_else(|| UrlError::NoValue(option.into()))?;
            if seen.contains(&name) {
                return Err(UrlError::Twice(name.into()));
            }
            seen.push(name);
            match (name, value) {
                ("rooms" | "auth", _) if service.greeting.is_some() => {
                    return Err(UrlError::Greeting(service.name));
                }
                ("rooms", "arrival") => meeting = Meeting::Arrival,
                ("rooms", "named") | ("wait", _) if service.seats == Seats::One => {
                    return Err(UrlError::Alone(service.name));
                }
                ("wait", limit) => wait = Some(limit.parse().map_err(UrlError::Wait)?),
                ("rooms", "named") => meeting = Meeting::Named,
                (name @ ("auth" | "trust"), "") => return Err(UrlError::NoValue(name.into())),
                ("auth", path) => auth = Some(PathBuf::from(path)),
                ("rooms", value) => return Err(UrlError::Rooms(value.into())),
                // Other values may be a service's own.
                ("proxy", "on") => proxy = true,
                ("trust", networks) => {
                    for network in networks.split(',') {
                        trust.push(network.parse()?);
                    }
                }
                option => own.push(option),
            }
        }
        let factory = service.factory(&own).map_err(|error| UrlError::Option {
            service: service.name,
            error,
        })?;
        if auth.is_some() && meeting == Meeting::Arrival {
            return Err(UrlError::AuthByArrival);
        }
        Ok(Self {
            service: factory,
            meeting,
            auth,
            proxies: proxies(proxy, trust)?,
            wait,
        })
    }
}

/// Which proxies are trusted, if there are any.
fn proxies(proxy: bool, trust: Vec<Cidr>) -> Result<Option<Vec<Cidr>>, UrlError> {
    match (proxy, trust.is_empty()) {
        (false, true) => Ok(None),
        (false, false) => Err(UrlError::TrustWithoutProxy),
        (true, true) => Ok(Some(Cidr::LOOPBACK.into())),
        (true, false) => Ok(Some(trust)),
    }
}
