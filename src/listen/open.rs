//! From a listener's URL to its sockets.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, ToSocketAddrs};
use std::time::Duration;

use thiserror::Error;

use super::{Host, ListenUrl, Place};
use crate::socket::listen;
use crate::systemd::{Passed, PassedError};

impl ListenUrl {
    /// Opens a socket for every address that the host has, or takes those that were passed. An address whose protocol
    /// this machine lacks is passed over as long as another works: `localhost` often has two.
    ///
    /// # Errors
    /// If the name has no address or no socket, or one of them can't be had.
    pub fn open(
        &self,
        passed: &mut Passed,
        user_timeout: Option<Duration>,
    ) -> Result<Vec<TcpListener>, ListenError> {
        let (host, port) = match &self.place {
            Place::Address(host, port) => (host, *port),
            Place::Passed(name) => {
                let sockets = passed.take(name, user_timeout);
                let url = self.to_string();
                return sockets.map_err(|error| ListenError::Passed { url, error });
            }
        };
        let mut sockets = Vec::new();
        let mut lacking = None;
        for address in self.addresses(host, port)? {
            match listen(address, user_timeout) {
                Ok(socket) => {
                    sockets.push(socket);
                    if *host == Host::Any {
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

    /// Where it will listen, if this machine has both protocols; nowhere of its own, if its sockets are passed.
    ///
    /// # Errors
    /// If the name has no address.
    pub fn places(&self) -> Result<Vec<SocketAddr>, ListenError> {
        let Place::Address(host, port) = &self.place else {
            return Ok(Vec::new());
        };
        let mut addresses = self.addresses(host, *port)?;
        if *host == Host::Any {
            addresses.truncate(1);
        }
        Ok(addresses)
    }

    fn addresses(&self, host: &Host, port: u16) -> Result<Vec<SocketAddr>, ListenError> {
        let host = match host {
            // The first takes IPv4 clients as well; the second is for machines without IPv6.
            Host::Any => {
                return Ok(vec![
                    (Ipv6Addr::UNSPECIFIED, port).into(),
                    (Ipv4Addr::UNSPECIFIED, port).into(),
                ]);
            }
            Host::Named(host) => host,
        };
        let addresses = (host.as_str(), port).to_socket_addrs();
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
    #[error("cannot listen on {url}: {error}")]
    Passed { url: String, error: PassedError },
}

/// Whether this machine does not have the protocol or the address at all.
fn is_lacking(error: &io::Error) -> bool {
    error.kind() == ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error())
}
