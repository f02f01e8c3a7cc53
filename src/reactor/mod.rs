//! The reactor moves bytes: one loop over readiness, time and signals, for all connections.
//!
//! It carries out what the [engine](crate::engine) decides and knows no service. A turn of the loop is
//!
//! 1. poll: edges are noted, connections that have one stand in line;
//! 2. accept, a bounded number of clients;
//! 3. work: a bounded number of connections, those with little to say first, send, read and pass on, each within a budget;
//! 4. deadlines;
//! 5. FIN for a bounded number of those who were sent away.
//!
//! Whatever a turn leaves undone stays in line (or its listener stays ready), and the next poll does
//! not wait. Edge-triggered readiness is never told twice, so each queued byte has something that will wake it:
//! an edge to come, a place in line, or a deadline.

mod accept;
mod agenda;
mod buffer;
mod connection;
mod decisions;
mod dial;
mod ending;
mod feed;
mod horizon;
mod link;
mod mio_net;
mod net;
mod outq;
mod pipe;
mod prometheus;
mod readiness;
mod reload;
mod report;
mod signals;
mod slots;
mod splice;
mod stop;
mod usage;
mod watcher;
mod work;

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::engine::{ClientId, Deadlines, Engine, Epoch, Moment};
use crate::limits::{
    DEADLINES_PER_TURN, EVENTS_PER_POLL, FAREWELLS_PER_TURN, LONGEST_TURN, SCRATCH,
};

pub use buffer::BufferMemory;
pub use link::Splicing;
pub use mio_net::MioNet;
pub use net::{Event, Net};
pub use readiness::Readiness;
pub use reload::Reload;
pub use report::Statistics;
pub use signals::Signal;
pub use usage::Usage;
pub use watcher::Watcher;

use accept::Listener;
use agenda::Agenda;
use connection::Connection;
use decisions::Question;
use dial::Dialed;
use horizon::{Horizon, Turn};
use report::Counters;
use slots::Slots;
use splice::Pipes;
use stop::{Signals, Stop};

/// What the operator chose.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Clients at one time; others are refused.
    pub max_clients: usize,
    /// Bytes that all buffers together may hold. At least [`BufferMemory::floors`] of `max_clients`, and of as
    /// many connections more if the engine [dials](Engine::connections_per_client).
    pub buffer_memory: usize,
    /// Which links splice.
    pub splicing: Splicing,
    /// Pipes at one time; more links that would splice then copy.
    pub pipes: usize,
    /// How long a client may leave bytes waiting without taking any. `None` is for ever.
    pub stall_timeout: Option<Duration>,
    /// How long rooms may go on once the stop has begun.
    pub drain_timeout: Duration,
    /// Whether to stop once the first room is over.
    pub once: bool,
    /// Where a report also goes as Prometheus text.
    pub stats_file: Option<PathBuf>,
}

pub struct Reactor<N: Net> {
    net: N,
    engine: Engine,
    settings: Settings,
    listeners: Vec<Listener<N::Listener>>,
    connections: Slots<Connection<N>>,
    agenda: Agenda,
    dialed: Dialed,
    /// What the engine is to be told once its outputs are drained.
    questions: Vec<(ClientId, Question)>,
    timers: Deadlines<ClientId>,
    /// How many may still be sent FIN in this turn, as the last that they hear, and those who must wait for another turn.
    farewells: usize,
    leaving: VecDeque<ClientId>,
    /// Connections that were told everything and are read to their end, those first who have been so the longest. Some are
    /// gone by now.
    lingering: VecDeque<ClientId>,
    horizon: Horizon,
    /// Bytes on their way through; between two uses it holds none.
    scratch: Box<[u8; SCRATCH]>,
    buffers: BufferMemory,
    pipes: Pipes<N::Pipe>,
    counters: Counters,
    /// Where the lines for the operator go (stdout). It must not block.
    console: Box<dyn Write>,
    /// The time of this turn.
    now: Instant,
    /// The same, as connections keep it.
    moment: Moment,
    epoch: Epoch,
    /// Time that the loop does not count.
    paused: Duration,
    stop: Stop,
    /// What is read again on SIGHUP.
    reload: Option<Box<dyn Reload>>,
    /// Who keeps a record of sessions, if anybody does.
    usage: Option<Box<dyn Usage>>,
    watcher: Option<Box<dyn Watcher>>,
    /// A signal has asked for the stop; another means at once.
    told_to_stop: bool,
}

impl<N: Net> Reactor<N> {
    /// A reactor for an engine that has as many lobbies as the listeners name.
    pub fn new(net: N, engine: Engine, settings: Settings, console: Box<dyn Write>) -> Self {
        let now = net.now();
        let epoch = Epoch::new(now);
        let most = settings.max_clients * engine.connections_per_client();
        Self {
            buffers: BufferMemory::new(settings.buffer_memory, most),
            pipes: Pipes::new(settings.pipes),
            net,
            engine,
            settings,
            listeners: Vec::new(),
            connections: Slots::new(),
            agenda: Agenda::default(),
            dialed: Dialed::default(),
            questions: Vec::new(),
            timers: Deadlines::default(),
            farewells: FAREWELLS_PER_TURN,
            leaving: VecDeque::new(),
            lingering: VecDeque::new(),
            horizon: Horizon::default(),
            scratch: vec![0; SCRATCH]
                .try_into()
                .expect("it is as long as it was made"),
            counters: Counters::new(now),
            console,
            now,
            moment: epoch.moment(now),
            epoch,
            paused: Duration::ZERO,
            stop: Stop::No,
            reload: None,
            usage: None,
            watcher: None,
            told_to_stop: false,
        }
    }

    /// Turns until the stop is complete.
    ///
    /// # Errors
    /// If the poll itself fails: the system can't be served from then on.
    pub fn run(&mut self) -> io::Result<()> {
        while self.turn()? {}
        Ok(())
    }

    /// One turn of the loop. `false` says that it was the last.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub fn turn(&mut self) -> io::Result<bool> {
        let asked = self.clock();
        let patience = self.patience(asked);
        let (events, signals) = self.poll(patience)?;
        self.now = match patience {
            Some(patience) => self.forgive_pause(asked + patience),
            None => self.clock(),
        };
        self.moment = self.epoch.moment(self.now);
        if signals.stops > 0 {
            self.leave_shared_listeners();
        }
        // Accepting first: whoever was there before the signal counts.
        let before = self.connections.given();
        self.accept_clients();
        let accepted = self.connections.given() > before;
        self.heed(&signals);
        self.take_over_reloaded();
        let worked = self.work_off_agenda();
        let queued = self.listeners.iter().any(Listener::is_ready);
        let all_told = events < EVENTS_PER_POLL;
        let horizon = if all_told && self.agenda.is_empty() && !accepted && !queued {
            self.horizon.all_is_heard(asked)
        } else {
            self.horizon.advance(&Turn {
                asked,
                all_told,
                accepted,
                queued,
                worked,
                waiting: self.agenda.waiting(),
                connections: self.connections.len(),
            })
        };
        self.expire(horizon);
        self.see_off();
        if self.settings.once && self.engine.rooms_over() > 0 {
            self.begin_stop();
        }
        self.tell_watcher();
        self.forgive_pause(self.now);
        Ok(!self.is_finished())
    }

    /// The loop's own time. It stands still while the process does.
    fn clock(&self) -> Instant {
        self.net.now() - self.paused
    }

    /// Leaves out of account by how much it is later than it should be beyond all reason, a turn or a poll having taken
    /// that long: the process was stopped in the middle of it, saw nobody, and what it does after that may still bear the
    /// time from before. Answers what the time is then.
    fn forgive_pause(&mut self, due: Instant) -> Instant {
        let now = self.clock();
        let late = now.saturating_duration_since(due);
        if late <= LONGEST_TURN {
            return now;
        }
        self.paused += late - LONGEST_TURN;
        due + LONGEST_TURN
    }

    pub fn net(&mut self) -> &mut N {
        &mut self.net
    }

    /// How long the next poll may wait.
    fn patience(&self, now: Instant) -> Option<Duration> {
        let busy = !self.agenda.is_empty() || !self.leaving.is_empty();
        if busy || self.listeners.iter().any(Listener::is_ready) {
            return Some(Duration::ZERO);
        }
        let retries = self
            .listeners
            .iter()
            .filter_map(|listener| listener.retry_at);
        let deadlines = [
            self.engine.poll_timeout(),
            self.timers.next().map(|at| self.epoch.instant(at)),
            self.stop.deadline(),
        ];
        let next = deadlines.into_iter().flatten().chain(retries).min();
        let next = next.map(|at| at.saturating_duration_since(now));
        let beside = [self.reload_patience(), self.watcher_patience()];
        next.into_iter().chain(beside.into_iter().flatten()).min()
    }

    /// Notes what has become ready. Answers how many events there were, and the signals among them.
    fn poll(&mut self, timeout: Option<Duration>) -> io::Result<(usize, Signals)> {
        let Self {
            net,
            connections,
            listeners,
            agenda,
            ..
        } = self;
        let mut events = 0;
        let mut signals = Signals::default();
        let polled = net.poll(timeout, |event| {
            events += 1;
            match event {
                Event::Client(id, readiness) => {
                    if let Some(connection) = connections.get_mut(id) {
                        connection.readiness.add(readiness);
                        agenda.add(id, connection);
                    }
                }
                Event::Listener(number) => {
                    if let Some(listener) = listeners.get_mut(number) {
                        listener.ready = true;
                    }
                }
                Event::Signal(Signal::Report) => signals.report = true,
                Event::Signal(Signal::Reload) => signals.reload = true,
                Event::Signal(Signal::Stop) => signals.stops += 1,
            }
        });
        match polled {
            Err(error) if error.kind() != ErrorKind::Interrupted => Err(error),
            _ => Ok((events, signals)),
        }
    }

    /// Does what has become due. Only deadlines behind the horizon count: a process that was stopped for a
    /// while must not take its own silence for its clients'.
    fn expire(&mut self, horizon: Instant) {
        for listener in &mut self.listeners {
            listener.resume(horizon);
        }
        if self.engine.poll_timeout().is_some_and(|at| at <= horizon) {
            self.engine.handle_timeout(horizon);
            self.carry_out();
        }
        let horizon = self.epoch.moment(horizon);
        for _ in 0..DEADLINES_PER_TURN {
            match self.timers.pop(horizon) {
                Some((_, id)) => self.timer_fired(id, horizon),
                None => break,
            }
        }
    }

    fn enqueue(&mut self, id: ClientId) {
        if let Some(connection) = self.connections.get_mut(id) {
            self.agenda.add(id, connection);
        }
    }
}

/// Repeats a system call that a signal has interrupted.
#[inline(always)]
fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
