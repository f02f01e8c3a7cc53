//! The workers of a main server: which of them a room goes to, and which are down.
//!
//! Nobody is asked whether a worker is up. One that failed a room is left out for a while, longer each time; then one
//! room tries it, and if that works it is up again.

use std::cell::Cell;
use std::collections::VecDeque;
use std::net::{Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::limits::{WORKER_RETRY_FIRST, WORKER_RETRY_LAST};

use super::{Moment, proxy};

/// What a main server's listener was told about its workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteOptions {
    /// `HOST:PORT` of each. By this it is known, wherever the name leads.
    pub workers: Vec<String>,
    /// How long a worker has to take one client in.
    pub patience: Duration,
    /// Clients whose room no worker takes are told so in words, not by RST alone.
    pub lines: bool,
    /// Workers are told by a PROXY header where a client comes from.
    pub proxy: bool,
}

/// A worker as operators see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerState {
    pub name: String,
    pub up: bool,
    /// Rooms that are there now.
    pub rooms: u32,
}

impl WorkerState {
    /// The same worker, as another listener sees it.
    pub fn add(&mut self, other: &WorkerState) {
        self.up &= other.up;
        self.rooms += other.rooms;
    }
}

/// The workers of one listener.
pub(super) struct Route {
    workers: Vec<Worker>,
    pub options: RouteOptions,
    /// Where its clients connect to.
    pub local: Option<SocketAddr>,
}

struct Worker {
    name: String,
    addresses: Vec<SocketAddr>,
    rooms: Rc<Cell<u32>>,
    /// Rooms that it was given, ever.
    given: u64,
    /// Failures since it last took a client in.
    failures: u32,
    /// After a failure: no room before then.
    resting: Option<Moment>,
}

/// One address to try for a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub worker: usize,
    pub address: SocketAddr,
    first: bool,
    /// How often the worker had failed when it was tried.
    failures: u32,
    /// It is the worker's last address: if this fails, the worker has failed.
    last: bool,
}

/// A room's place on a worker; given back when it is dropped.
pub(super) struct Lease(Rc<Cell<u32>>);

impl Lease {
    fn of(rooms: &Rc<Cell<u32>>) -> Rc<Self> {
        rooms.set(rooms.get() + 1);
        Rc::new(Self(Rc::clone(rooms)))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl Route {
    /// The workers have no addresses yet: see [`set_addresses`](Self::set_addresses).
    pub fn new(options: RouteOptions) -> Self {
        let worker = |name: &String| Worker {
            name: name.clone(),
            addresses: Vec::new(),
            rooms: Rc::default(),
            given: 0,
            failures: 0,
            resting: None,
        };
        Self {
            workers: options.workers.iter().map(worker).collect(),
            options,
            local: None,
        }
    }

    /// What a worker's name stands for, from now on.
    pub fn set_addresses(&mut self, worker: usize, addresses: Vec<SocketAddr>) {
        self.workers[worker].addresses = addresses;
    }

    /// Where to try to put a room, the best first: a named room as the name says, as long as that worker is there, and any
    /// other where the fewest are.
    pub fn candidates(&self, now: Moment, room: Option<&str>) -> VecDeque<Candidate> {
        let mut order: Vec<usize> = (0..self.workers.len()).collect();
        match room {
            None => order.sort_by_key(|&worker| {
                let worker = &self.workers[worker];
                (worker.rooms.get(), worker.given)
            }),
            Some(room) => order.sort_by_key(|&worker| weight(&self.workers[worker].name, room)),
        }
        let up = order
            .into_iter()
            .filter(|&worker| !self.workers[worker].rests(now));
        let up: Vec<usize> = up.collect();
        let addresses = up.into_iter().flat_map(|worker| {
            let addresses = &self.workers[worker].addresses;
            let last = addresses.len().wrapping_sub(1);
            let addresses = addresses.iter().enumerate();
            addresses.map(move |(number, &address)| Candidate {
                worker,
                address,
                first: number == 0,
                failures: self.workers[worker].failures,
                last: number == last,
            })
        });
        addresses.collect()
    }

    /// What a worker is told of where a client comes from, if it is.
    pub fn header(&self, peer: SocketAddr) -> Option<Vec<u8>> {
        let local = self.local.unwrap_or((Ipv6Addr::UNSPECIFIED, 0).into());
        self.options.proxy.then(|| proxy::header_v2(peer, local))
    }

    pub fn name(&self, worker: usize) -> &str {
        &self.workers[worker].name
    }

    /// Takes the next of these that may be tried now, for a room that is about to be there.
    pub fn next(
        &mut self,
        now: Moment,
        candidates: &mut VecDeque<Candidate>,
    ) -> Option<(Candidate, Rc<Lease>)> {
        while let Some(mut candidate) = candidates.pop_front() {
            let worker = &mut self.workers[candidate.worker];
            if !candidate.first || worker.may_be_tried(now) {
                candidate.failures = worker.failures;
                return Some((candidate, self.lease(candidate.worker)));
            }
            candidates.retain(|other| other.worker != candidate.worker);
        }
        None
    }

    /// The same without asking when.
    pub fn lease(&mut self, worker: usize) -> Rc<Lease> {
        let worker = &mut self.workers[worker];
        worker.given += 1;
        Lease::of(&worker.rooms)
    }

    /// It has taken a client in. Answers whether it had been down.
    pub fn worked(&mut self, worker: usize) -> bool {
        let worker = &mut self.workers[worker];
        worker.resting = None;
        std::mem::take(&mut worker.failures) > 0
    }

    /// It did not take a client in. Answers how long it is left out now; `None` if it has another address.
    pub fn failed(&mut self, now: Moment, candidate: Candidate) -> Option<Duration> {
        candidate.last.then(|| {
            let worker = &mut self.workers[candidate.worker];
            // Others that it failed at the same time have told no more than the first of them.
            worker.failures += u32::from(worker.failures == candidate.failures);
            worker.rest(now)
        })
    }

    pub fn states(&self) -> impl Iterator<Item = WorkerState> {
        self.workers.iter().map(|worker| WorkerState {
            name: worker.name.clone(),
            up: worker.failures == 0 && !worker.addresses.is_empty(),
            rooms: worker.rooms.get(),
        })
    }
}

impl Worker {
    /// Whether a room may be put there. One whose rest is over is tried by this room and by no other until it is known
    /// how that went.
    fn may_be_tried(&mut self, now: Moment) -> bool {
        let may = !self.rests(now);
        if may && self.resting.is_some() {
            self.rest(now);
        }
        may
    }

    fn rests(&self, now: Moment) -> bool {
        self.resting.is_some_and(|until| now < until)
    }

    fn rest(&mut self, now: Moment) -> Duration {
        let doubled = 1 << (self.failures.max(1) - 1).min(16);
        let rest = (WORKER_RETRY_FIRST * doubled).min(WORKER_RETRY_LAST);
        self.resting = Some(now + rest);
        rest
    }
}

/// How little a room wants to be on a worker (rendezvous hashing: Thaler and Ravishankar, 1998). Where a worker comes or
/// goes, only the rooms move that were or will be there. The hash is the same everywhere and always, so that several main
/// servers agree.
fn weight(worker: &str, room: &str) -> [u8; 32] {
    let hash = Sha256::new().chain_update(worker).chain_update([0]);
    hash.chain_update(room).finalize().into()
}
