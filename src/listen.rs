//! Listeners: their URLs, and what stands behind the names in them.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;

use crate::engine::Meeting;
use crate::engine::service::{Factory, OptionError, SERVICES, Seats, ServiceKind};
use crate::socket::listen;
use crate::units::Limit;

/// What `pairloop serve` serves when it is not told.
pub const DEFAULTS: &[&str] = &[
    "relay://127.0.0.1:7000",
    "echo://127.0.0.1:7007",
    "order://127.0.0.1:12000",
    "chat://127.0.0.1:33016",
];

/// `SERVICE://HOST:PORT[?option=value&...]`
#[derive(Debug, Clone)]
pub struct ListenUrl {
    /// The service, with its options.
    pub service: Factory,
    /// How its clients find their partners.
    pub meeting: Meeting,
    /// The file of those who may log in, if that is not everybody.
    pub auth: Option<PathBuf>,
    /// How long its clients wait for a partner, if it says so.
    wait: Option<Limit>,
    host: Host,
    port: u16,
}

/// What is said behind the `?`.
struct Options {
    service: Factory,
    meeting: Meeting,
    auth: Option<PathBuf>,
    wait: Option<Limit>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// `*`: every address of this machine.
    Any,
    /// A name or an address, without brackets.
    Named(String),
}

#[derive(Debug, Error, PartialEq, Eq)]
pub enum UrlError {
    #[error("expected SERVICE://HOST:PORT, such as relay://127.0.0.1:7000")]
    Shape,
    #[error("unknown service `{0}`; there are: {names}", names = names().join(", "))]
    Service(String),
    #[error("no port: write {0}:PORT, where 0 picks a free one")]
    NoPort(String),
    #[error("not a port: `{0}` (0 to 65535)")]
    Port(String),
    #[error("an IPv6 address goes in brackets: [{0}]")]
    Brackets(String),
    #[error("no host: write a name, an address, or * for all addresses")]
    NoHost,
    #[error("{0}: write option=value")]
    NoValue(String),
    #[error("rooms is arrival or named, not `{0}`")]
    Rooms(String),
    #[error("auth=FILE is for rooms=named: by arrival nobody says who they are")]
    AuthByArrival,
    #[error("{0} has rooms for one, so they need no names, and nobody waits")]
    Alone(&'static str),
    #[error("rooms= and auth= are not for {0}: its clients bring a first line of their own")]
    Greeting(&'static str),
    #[error("wait: {0}")]
    Wait(String),
    #[error("{service}: {error}", error = error.0)]
    Option {
        service: &'static str,
        error: OptionError,
    },
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
            wait,
        } = with_options(service, options)?;
        let (host, port) = host_and_port(address)?;
        Ok(Self {
            service,
            meeting,
            auth,
            wait,
            host,
            port,
        })
    }
}

/// Reads the options: those of every listener here, the others by the service.
fn with_options(service: &'static ServiceKind, options: &str) -> Result<Options, UrlError> {
    let (mut own, mut meeting) = (Vec::new(), Meeting::Arrival);
    let (mut auth, mut wait) = (None, None);
    for option in options.split('&').filter(|option| !option.is_empty()) {
        match option
            .split_once('=')
            .ok_or_else(|| UrlError::NoValue(option.into()))?
        {
            ("rooms" | "auth", _) if service.greeting.is_some() => {
                return Err(UrlError::Greeting(service.name));
            }
            ("rooms", "arrival") => meeting = Meeting::Arrival,
            ("rooms", "named") | ("wait", _) if service.seats == Seats::One => {
                return Err(UrlError::Alone(service.name));
            }
            ("wait", limit) => wait = Some(limit.parse().map_err(UrlError::Wait)?),
            ("rooms", "named") => meeting = Meeting::Named,
            ("auth", "") => return Err(UrlError::NoValue("auth".into())),
            ("auth", path) => auth = Some(PathBuf::from(path)),
            ("rooms", value) => return Err(UrlError::Rooms(value.into())),
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
    Ok(Options {
        service: factory,
        meeting,
        auth,
        wait,
    })
}

pub(crate) fn host_and_port(address: &str) -> Result<(Host, u16), UrlError> {
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(UrlError::Shape)?;
            (
                host,
                port.strip_prefix(':')
                    .ok_or_else(|| UrlError::NoPort(format!("[{host}]")))?,
            )
        }
        None => {
            let (host, port) = address
                .rsplit_once(':')
                .ok_or_else(|| UrlError::NoPort(address.into()))?;
            if host.contains(':') {
                return Err(UrlError::Brackets(host.into()));
            }
            (host, port)
        }
    };
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port
        .parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| UrlError::Port(port.into()))?;
    match host {
        "" => Err(UrlError::NoHost),
        "*" => Ok((Host::Any, port)),
        name => Ok((Host::Named(name.into()), port)),
    }
}

impl fmt::Display for ListenUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (service, port) = (self.service.kind.name, self.port);
        match &self.host {
            Host::Any => write!(f, "{service}://*:{port}"),
            Host::Named(host) if host.contains(':') => write!(f, "{service}://[{host}]:{port}"),
            Host::Named(host) => write!(f, "{service}://{host}:{port}"),
        }
    }
}

/// Why a listener could not be opened.
#[derive(Debug, Error)]
pub enum ListenError {
    #[error("cannot listen on {url}: {error}")]
    Resolve { url: String, error: io::Error },
    #[error(
        "cannot listen on {url}: {address} is taken: by another pairloop, or another --listen?"
    )]
    Taken { url: String, address: SocketAddr },
    #[error("cannot listen on {url}: not allowed to use port {port}: ports below 1024 need root or CAP_NET_BIND_SERVICE",
        port = address.port())]
    Forbidden { url: String, address: SocketAddr },
    #[error("cannot listen on {url}: {address}: {error}")]
    Bind {
        url: String,
        address: SocketAddr,
        error: io::Error,
    },
}

impl ListenUrl {
    /// How long its clients wait for a partner: what the listener says goes before what is `given` for all, and that before
    /// what its service has by default.
    pub fn wait_timeout(&self, given: Option<Limit>) -> Option<Duration> {
        let said = self.wait.or(given);
        said.map_or(self.service.kind.wait, |limit| limit.0)
    }

    /// Opens a socket for every address that the host has. An address whose protocol this machine lacks is
    /// passed over as long as another works: `localhost` often has two.
    ///
    /// # Errors
    /// If the name has no address, or one of them can't be had.
    pub fn open(&self, user_timeout: Option<Duration>) -> Result<Vec<TcpListener>, ListenError> {
        let mut sockets = Vec::new();
        let mut lacking = None;
        for address in self.addresses()? {
            match listen(address, user_timeout) {
                Ok(socket) => {
                    sockets.push(socket);
                    if self.host == Host::Any {
                        break;
                    }
                }
                Err(error) if is_lacking(&error) => lacking = Some(self.refuse(address, error)),
                Err(error) => return Err(self.refuse(address, error)),
            }
        }
        match lacking {
            Some(error) if sockets.is_empty() => Err(error),
            _ => Ok(sockets),
        }
    }

    /// Where it will listen, if this machine has both protocols.
    ///
    /// # Errors
    /// If the name has no address.
    pub fn places(&self) -> Result<Vec<SocketAddr>, ListenError> {
        let mut addresses = self.addresses()?;
        if self.host == Host::Any {
            addresses.truncate(1);
        }
        Ok(addresses)
    }

    fn addresses(&self) -> Result<Vec<SocketAddr>, ListenError> {
        let host = match &self.host {
            // The first takes IPv4 clients as well; the second is for machines without IPv6.
            Host::Any => {
                return Ok(vec![
                    (Ipv6Addr::UNSPECIFIED, self.port).into(),
                    (Ipv4Addr::UNSPECIFIED, self.port).into(),
                ]);
            }
            Host::Named(host) => host,
        };
        let addresses = (host.as_str(), self.port).to_socket_addrs();
        let mut addresses: Vec<SocketAddr> = addresses
            .map_err(|error| ListenError::Resolve {
                url: self.to_string(),
                error,
            })?
            .collect();
        addresses.sort();
        addresses.dedup();
        Ok(addresses)
    }

    fn refuse(&self, address: SocketAddr, error: io::Error) -> ListenError {
        let url = self.to_string();
        match error.kind() {
            ErrorKind::AddrInUse => ListenError::Taken { url, address },
            ErrorKind::PermissionDenied => ListenError::Forbidden { url, address },
            _ => ListenError::Bind {
                url,
                address,
                error,
            },
        }
    }
}

/// Whether this machine does not have the protocol or the address at all.
fn is_lacking(error: &io::Error) -> bool {
    error.kind() == ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}

#[cfg(test)]
mod tests;
