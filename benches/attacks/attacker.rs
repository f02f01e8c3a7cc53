//! Whoever attacks: a thread with one poll and many connections.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use mio::{Events, Interest, Poll, Token};
use rustix::time::{ClockId, clock_gettime};

use crate::attack::{Attack, Unit};
use crate::connection::{Connection, Go};
use crate::machine::Machine;

/// How often connections look at the clock.
const TICK: Duration = Duration::from_millis(5);

/// Bytes of one read.
const SCRATCH: usize = 128 * 1024;

/// How long all of them may take to connect once.
const PATIENCE: Duration = Duration::from_secs(20);

/// What it has done up to now.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sums {
    /// Connections made.
    pub connections: u64,
    /// Attempts to connect that failed.
    pub failures: u64,
    /// Whatever the attack is counted by.
    pub units: f64,
    pub bytes: u64,
    /// Of its thread.
    pub cpu: Duration,
}

pub struct Attacker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    sums: Mutex<Sums>,
}

impl Attacker {
    /// Begins, on the core for loads, and returns when each connection was made once.
    ///
    /// # Errors
    /// In words.
    pub fn start(
        machine: &Machine,
        attack: &'static Attack,
        at: SocketAddr,
        connections: usize,
    ) -> Result<Self, String> {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let begin =
            move || thread::spawn(move || Crowd::new(attack, at, connections, theirs)?.run());
        let thread = machine.on(machine.load_core, begin);
        let thread = Some(thread.map_err(|error| error.to_string())?);
        let attacker = Self { shared, thread };
        let start = Instant::now();
        while attacker.sums().connections < connections as u64 {
            if start.elapsed() > PATIENCE {
                return Err(format!("{}: not all could connect", attack.name));
            }
            sleep(Duration::from_millis(2));
        }
        Ok(attacker)
    }

    pub fn sums(&self) -> Sums {
        *self
            .shared
            .sums
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Resets all connections.
    ///
    /// # Errors
    /// If it had to give up before, in words.
    pub fn stop(mut self) -> Result<(), String> {
        self.shared.stop.store(true, Ordering::Relaxed);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(Err(error))) => Err(format!("the attacker: {error}")),
            Some(Err(_)) => Err("the attacker panicked".into()),
            _ => Ok(()),
        }
    }
}

impl Drop for Attacker {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

struct Crowd {
    attack: &'static Attack,
    at: SocketAddr,
    poll: Poll,
    connections: Vec<Connection>,
    ready: Vec<usize>,
    sums: Sums,
    scratch: Vec<u8>,
    shared: Arc<Shared>,
}

impl Crowd {
    fn new(
        attack: &'static Attack,
        at: SocketAddr,
        connections: usize,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        Ok(Self {
            attack,
            at,
            poll: Poll::new()?,
            connections: (0..connections).map(Connection::new).collect(),
            ready: Vec::new(),
            sums: Sums::default(),
            scratch: vec![b'.'; SCRATCH],
            shared,
        })
    }

    fn run(mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        let mut ticked = Instant::now();
        while !self.shared.stop.load(Ordering::Relaxed) {
            let patience = if self.ready.is_empty() {
                TICK
            } else {
                Duration::ZERO
            };
            self.poll.poll(&mut events, Some(patience))?;
            for index in std::mem::take(&mut self.ready) {
                self.attend(index);
            }
            for event in &events {
                self.attend(event.token().0);
            }
            let now = Instant::now();
            if now - ticked >= TICK {
                self.tick(now, now - ticked);
                ticked = now;
            }
        }
        Ok(())
    }

    /// What is done by the clock: bytes that are due, and connections that could not be made before.
    fn tick(&mut self, now: Instant, passed: Duration) {
        let mut open = 0_u32;
        for index in 0..self.connections.len() {
            if self.connections[index].stream.is_none() {
                self.open(index);
            } else {
                open += 1;
                if self.connections[index].is_due(now) {
                    self.attend(index);
                }
            }
        }
        if self.attack.unit == Unit::Second {
            self.sums.units += f64::from(open) * passed.as_secs_f64();
        }
        let time = clock_gettime(ClockId::ThreadCPUTime);
        self.sums.cpu = Duration::new(time.tv_sec as u64, time.tv_nsec as u32);
        *self
            .shared
            .sums
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = self.sums;
    }

    fn attend(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        match connection.attend(self.attack, &mut self.sums, &mut self.scratch) {
            Go::Wait => {}
            Go::Ready => self.ready.push(index),
            Go::Again => self.open(index),
        }
    }

    /// Leaves, if it is there, and comes again; at the next tick if there is no way now.
    fn open(&mut self, index: usize) {
        let connection = &mut self.connections[index];
        connection.stream = None;
        let number = self.sums.connections;
        let opened = connection.open(self.attack, self.at, number);
        let registry = self.poll.registry();
        let both = Interest::READABLE | Interest::WRITABLE;
        let registered = opened.and_then(|()| match &mut connection.stream {
            Some(stream) => registry.register(stream, Token(index), both),
            None => Ok(()),
        });
        match registered {
            Ok(()) => {
                self.sums.connections += 1;
                self.sums.units += f64::from(u8::from(self.attack.unit == Unit::Connection));
            }
            Err(_) => {
                self.sums.failures += 1;
                connection.stream = None;
            }
        }
    }
}
