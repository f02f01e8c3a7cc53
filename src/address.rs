//! `HOST:PORT` as people write it: where to listen, and whom to connect to.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// `HOST:PORT` to connect to, where `HOST` is a name, an IPv4 address, or an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// Without brackets.
    pub host: String,
    /// 1 to 65535.
    pub port: u16,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Host {
    /// `*`: every address of this machine.
    Any,
    /// A name or an address, without brackets.
    Named(String),
}

/// What is wrong with `HOST:PORT`, in the words for whoever connects.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AddressError {
    #[error("expected HOST:PORT, such as 127.0.0.1:7000 or [::1]:7000")]
    Shape,
    #[error("no port: write {0}:PORT")]
    NoPort(String),
    #[error("not a port: `{0}` (up to 65535)")]
    Port(String),
    #[error("an IPv6 address goes in brackets: [{0}]")]
    Brackets(String),
    #[error("only an IPv6 address goes in brackets: write {0}:PORT")]
    NoBrackets(String),
    #[error("no host: write a name or an address in front of the port")]
    NoHost,
    #[error("write the address alone: {address}, without {service}://")]
    Service { service: String, address: String },
    #[error("* is for listeners: write a name or an address")]
    Any,
    #[error("no server has port 0 (1 to 65535)")]
    PortZero,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some((service, address)) = text.split_once("://") {
            let (service, address) = (service.into(), address.into());
            return Err(AddressError::Service { service, address });
        }
        match host_and_port(text)? {
            (Host::Any, _) => Err(AddressError::Any),
            (Host::Named(_), 0) => Err(AddressError::PortZero),
            (Host::Named(host), port) => Ok(Self { host, port }),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') {
            write!(f, "[{host}]:{port}")
        } else {
            write!(f, "{host}:{port}")
        }
    }
}

pub(crate) fn host_and_port(address: &str) -> Result<(Host, u16), AddressError> {
    if address.is_empty() {
        return Err(AddressError::Shape);
    }
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(AddressError::Shape)?;
            (
                host,
                port.strip_prefix(':')
                    .ok_or_else(|| AddressError::NoPort(format!("[{host}]")))?,
            )
        }
        None => {
            let (host, port) = address
                .rsplit_once(':')
                .ok_or_else(|| AddressError::NoPort(address.into()))?;
            if host.contains(':') {
                return Err(AddressError::Brackets(host.into()));
            }
            (host, port)
        }
    };
    let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = port
        .parse()
        .ok()
        .filter(|_| digits)
        .ok_or_else(|| AddressError::Port(port.into()))?;
    match host {
        "" => Err(AddressError::NoHost),
        // Others are not printed with them, and some would mean something else without.
        host if address.starts_with('[') && !host.contains(':') => {
            Err(AddressError::NoBrackets(host.into()))
        }
        "*" => Ok((Host::Any, port)),
        name => Ok((Host::Named(name.into()), port)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_are_printed() {
        for text in ["127.0.0.1:7000", "localhost:1", "[::1]:65535"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn wrong_addresses_say_what_to_write() {
        for (text, words) in [
            ("", "expected HOST:PORT"),
            ("localhost", "write localhost:PORT"),
            ("[::1", "expected HOST:PORT"),
            ("::1:7000", "in brackets: [::1]"),
            (":7000", "no host"),
            ("*:7000", "for listeners"),
            ("h:0", "port 0"),
            ("h:65536", "not a port"),
            ("relay://h:1", "write the address alone: h:1"),
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
