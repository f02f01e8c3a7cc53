//! Workers' names, and the addresses they stand for. Names are looked up at the start and on SIGHUP, and by the loop only
//! where the process may not have the memory for a thread: a name server may take its time.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};

use thiserror::Error;

use crate::engine::{Engine, ListenerId};
use crate::listen::ListenUrl;

/// One worker of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worker {
    listener: ListenerId,
    /// Its place in the listener's list.
    number: usize,
    name: String,
}

/// A worker's name has no address.
#[derive(Debug, Error)]
#[error("worker {name}: {error}")]
pub struct WorkerError {
    name: String,
    error: io::Error,
}

/// All workers that these listeners name.
pub fn named_by(urls: &[ListenUrl]) -> Vec<Worker> {
    let mut workers = Vec::new();
    for (listener, url) in urls.iter().enumerate() {
        let names = url.service.route.iter().flat_map(|route| &route.workers);
        workers.extend(names.enumerate().map(|(number, name)| Worker {
            listener,
            number,
            name: name.clone(),
        }));
    }
    workers
}

impl Worker {
    /// Looks its name up. This may take as long as the name server does.
    ///
    /// # Errors
    /// If it has no address.
    pub fn look_up(&self) -> Result<Vec<SocketAddr>, WorkerError> {
        let found = self.name.to_socket_addrs().map(Iterator::collect);
        let found = found.and_then(|addresses: Vec<SocketAddr>| match addresses.is_empty() {
            true => Err(io::Error::other("the name has no address")),
            false => Ok(addresses),
        });
        found.map_err(|error| WorkerError {
            name: self.name.clone(),
            error,
        })
    }

    /// Lets it have these addresses from now on.
    pub fn set(&self, engine: &mut Engine, addresses: Vec<SocketAddr>) {
        engine.set_worker(self.listener, self.number, addresses);
    }
}
