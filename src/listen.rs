//! Listeners: their URLs, and what stands behind the names in them.

mod options;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use crate::address::{AddressError, Host, host_and_port};
use crate::cidr::{Cidr, CidrError};
use crate::engine::Meeting;
use crate::engine::service::{Factory, OptionError, SERVICES, ServiceKind};
use crate::units::Limit;

mod open;

pub use open::ListenError;
use options::Options;

/// What `pairloop serve` serves when it is not told.
pub const DEFAULTS: &[&str] = &[
    "relay://127.0.0.1:7000",
    "echo://127.0.0.1:7007",
    "order://127.0.0.1:12000",
    "chat://127.0.0.1:33016",
];

/// `SERVICE://HOST:PORT[?option=value&...]`, or `@NAME` in place of host and port
#[derive(Debug, Clone)]
pub struct ListenUrl {
    /// The service, with its options.
    pub service: Factory,
    /// How its clients find their partners.
    pub meeting: Meeting,
    /// The file of those who may log in, if that is not everybody.
    pub auth: Option<PathBuf>,
    /// From where proxies are trusted to say who its clients are, if they do.
    pub proxies: Option<Vec<Cidr>>,
    /// How long its clients wait for a partner, if it says so.
    wait: Option<Limit>,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    /// A socket that we open.
    Address(Host, u16),
    /// The sockets of this name that whoever started us has opened.
    Passed(String),
}

#[derive(Debug, Error, PartialEq, Eq)]
pub enum UrlError {
    #[error("expected SERVICE://HOST:PORT, such as relay://127.0.0.1:7000")]
    Shape,
    #[error("unknown service `{0}`; there are: {names}", names = names().join(", "))]
    Service(String),
    #[error("no port: write {0}:PORT, where 0 picks a free one")]
    NoPort(String),
    #[error(transparent)]
    Address(AddressError),
    #[error("no host: write a name, an address, or * for all addresses")]
    NoHost,
    #[error("no name: write @NAME, as in FileDescriptorName=NAME of a systemd socket unit")]
    NoName,
    #[error("{0}: write option=value")]
    NoValue(String),
    #[error("{0} is there twice: say it once; a list has commas")]
    Twice(String),
    #[error("rooms is arrival or named, not `{0}`")]
    Rooms(String),
    #[error("auth=FILE is for rooms=named: by arrival nobody says who they are")]
    AuthByArrival,
    #[error("{0} has rooms for one, so they need no names, and nobody waits")]
    Alone(&'static str),
    #[error("rooms= and auth= are not for {0}: its clients bring a first line of their own")]
    Greeting(&'static str),
    #[error("trust: {0}")]
    Trust(#[from] CidrError),
    #[error("trust=CIDR says where proxies are, so it is for proxy=on")]
    TrustWithoutProxy,
    #[error("wait: {0}")]
    Wait(String),
    #[error("{service}: {error}", error = error.0)]
    Option {
        service: &'static str,
        error: OptionError,
    },
}

impl From<AddressError> for UrlError {
    /// Whoever listens may write more than whoever connects.
    fn from(error: AddressError) -> Self {
        match error {
            AddressError::Shape => UrlError::Shape,
            AddressError::NoPort(host) => UrlError::NoPort(host),
            AddressError::NoHost => UrlError::NoHost,
            error => UrlError::Address(error),
        }
    }
}

fn names() -> Vec<&'static str> {
    SERVICES.iter().map(|service| service.name).collect()
}

impl FromStr for ListenUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (service, rest) = text.split_once("://").ok_or(UrlError::Shape)?;
        let service =
            ServiceKind::find(service).ok_or_else(|| UrlError::Service(service.into()))?;
        let (address, options) = rest.split_once('?').unwrap_or((rest, ""));
        let Options {
            service,
            meeting,
            auth,
            proxies,
            wait,
        } = Options::read(service, options)?;
        let place = match address.strip_prefix('@') {
            Some("") => return Err(UrlError::NoName),
            Some(name) => Place::Passed(name.into()),
            None => host_and_port(address).map(|(host, port)| Place::Address(host, port))?,
        };
        Ok(Self {
            service,
            meeting,
            auth,
            proxies,
            wait,
            place,
        })
    }
}

impl fmt::Display for ListenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.service.kind.name)?;
        match &self.place {
            Place::Passed(name) => write!(f, "@{name}"),
            Place::Address(Host::Any, port) => write!(f, "*:{port}"),
            Place::Address(Host::Named(host), port) if host.contains(':') => {
                write!(f, "[{host}]:{port}")
            }
            Place::Address(Host::Named(host), port) => write!(f, "{host}:{port}"),
        }
    }
}

impl ListenUrl {
    /// How long its clients wait for a partner: what the listener says goes before what is `given` for all, and that before
    /// what its service has by default.
    pub fn wait_timeout(&self, given: Option<Limit>) -> Option<Duration> {
        let said = self.wait.or(given);
        said.map_or(self.service.kind.wait, |limit| limit.0)
    }

    /// Whether its sockets are those that were passed to us.
    pub fn is_passed(&self) -> bool {
        matches!(self.place, Place::Passed(_))
    }
}

#[cfg(test)]
mod tests;
