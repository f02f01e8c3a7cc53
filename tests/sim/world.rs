//! All peers together, and when each of them acts.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::Ipv4Addr;
use std::time::Duration;

use fastrand::Rng;
use pairloop::engine::Timeouts;
use pairloop::limits::LONGEST_LINE;
use pairloop::reactor::{BufferMemory, Signal};

use super::net::Wire;
use super::opening::{Opening, Wish};
use super::peer::Peer;
use super::plan::{Exit, Kind, Plan};
use super::script::Script;
use super::setup::{Lobby, Service, Setup};

/// Something that happens at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Arrival,
    Stop,
    Reload,
    /// A worker goes down, or comes back.
    Down(usize),
    Up(usize),
    Act(usize),
}

pub struct World {
    rng: Rng,
    setup: Setup,
    pub peers: Vec<Peer>,
    /// When each peer acts next; older entries of the agenda don't count.
    planned: Vec<Option<Duration>>,
    agenda: BinaryHeap<Reverse<(Duration, Happening)>>,
    to_come: usize,
    /// The next arrival waits until somebody has gone.
    held_up: bool,
    /// Peers that are not done.
    pub live: usize,
    /// When the stop was asked for.
    pub stopped: Option<Duration>,
}

impl World {
    pub fn new(setup: Setup, seed: u64) -> Self {
        let mut agenda = BinaryHeap::new();
        agenda.push(Reverse((Duration::ZERO, Happening::Arrival)));
        if let Some((first, second)) = setup.stop {
            for time in [first].into_iter().chain(second) {
                agenda.push(Reverse((time, Happening::Stop)));
            }
        }
        if let Some(time) = setup.reload {
            agenda.push(Reverse((time, Happening::Reload)));
        }
        for down in &setup.downs {
            agenda.push(Reverse((down.from, Happening::Down(down.worker))));
            agenda.push(Reverse((down.to, Happening::Up(down.worker))));
        }
        Self {
            rng: Rng::with_seed(seed),
            to_come: setup.clients,
            held_up: false,
            setup,
            peers: Vec::new(),
            planned: Vec::new(),
            agenda,
            live: 0,
            stopped: None,
        }
    }

    /// Whether everybody has come.
    pub fn is_complete(&self) -> bool {
        self.to_come == 0
    }

    /// Everything that is due; answers when the next thing is.
    pub fn drive(&mut self, wire: &mut Wire) -> Option<Duration> {
        let now = wire.now();
        loop {
            self.hear_news(wire);
            let &Reverse((time, happening)) = self.agenda.peek()?;
            if let Happening::Act(number) = happening
                && self.planned[number] != Some(time)
            {
                self.agenda.pop();
                continue;
            }
            if time > now {
                return Some(time);
            }
            self.agenda.pop();
            match happening {
                Happening::Arrival => self.arrival(wire),
                Happening::Stop => {
                    wire.signal(Signal::Stop);
                    self.stopped.get_or_insert(now);
                }
                Happening::Reload => wire.signal(Signal::Reload),
                Happening::Down(worker) => wire.take_down(worker),
                Happening::Up(worker) => wire.bring_up(worker),
                Happening::Act(number) => self.act(number, wire),
            }
        }
    }

    fn arrival(&mut self, wire: &mut Wire) {
        if self.to_come == 0 {
            return;
        }
        if self.live >= self.setup.crowd {
            self.held_up = true;
            return;
        }
        self.to_come -= 1;
        let kind = self.setup.kinds[self.rng.usize(..self.setup.kinds.len())];
        let listener = self.rng.usize(..self.setup.lobbies.len());
        let (lobby, number) = (self.setup.lobbies[listener], self.peers.len());
        let source = self.rng.usize(..self.setup.sources) as u8;
        let named = lobby.is_named();
        let opening = named.then(|| Opening::random(lobby, number, &self.setup, &mut self.rng));
        // Only named rooms share addresses: who is turned away because of that is still counted among those who came.
        let source = named.then_some(Ipv4Addr::new(10, 0, 0, source));
        self.add(kind, listener, opening, source, wire);
        self.plan_arrival(wire.now());
    }

    fn plan_arrival(&mut self, now: Duration) {
        let gap = self.setup.gap.mul_f64(self.rng.f64());
        self.agenda.push(Reverse((now + gap, Happening::Arrival)));
    }

    /// A well-behaved client connects for whoever wishes to meet one.
    pub fn help(&mut self, listener: usize, wish: Option<Wish>, wire: &mut Wire) {
        let (lobby, number) = (self.setup.lobbies[listener], self.peers.len());
        let opening = wish.map(|wish| Opening::right(lobby, number, wish, &mut self.rng));
        self.add(Kind::Honest, listener, opening, None, wire);
    }

    /// Another client connects; without a source, from an address of its own.
    fn add(
        &mut self,
        kind: Kind,
        listener: usize,
        opening: Option<Opening>,
        source: Option<Ipv4Addr>,
        wire: &mut Wire,
    ) {
        let now = wire.now();
        let mut plan = Plan::new(kind, now, &self.setup.profile, &mut self.rng);
        let capacity = self.setup.profile.capacity(&mut self.rng);
        let number = self.peers.len();
        let service = self.setup.lobbies[listener].service;
        let script = self.script(&plan, number, service);
        if let Some(script) = &script {
            plan = plan.saying(script.text.len());
        }
        if opening.as_ref().is_some_and(Opening::may_fall_silent) {
            let patience = Duration::from_millis(self.rng.u64(500..60_000));
            plan.exit_at = plan.exit_at.or(Some((now + patience, Exit::Reset)));
        }
        let [.., high, low] = (number as u32).to_be_bytes();
        let own = Ipv4Addr::new(10, 1, high, low);
        let socket = wire.connect_from(listener, capacity, source.unwrap_or(own));
        assert_eq!(socket, number, "sockets are numbered as peers are");
        let mut peer = Peer::new(number, plan, socket, (listener, service), script, now);
        peer.opening = opening;
        self.peers.push(peer);
        self.planned.push(None);
        self.live += 1;
        if self.rng.bool() {
            // Bytes, FIN or RST before it is even accepted.
            self.act(number, wire);
        } else {
            self.plan(
                number,
                now + self.peers[number].pause(&mut self.rng.clone()),
            );
        }
    }

    fn script(&mut self, plan: &Plan, number: usize, service: Service) -> Option<Script> {
        let (Plan { kind, fin, .. }, rng) = (*plan, &mut self.rng);
        match service {
            Service::Relay | Service::Echo | Service::Transit => None,
            Service::Chat { free } => Some(Script::chat(
                kind,
                number,
                free,
                fin,
                &self.setup.profile,
                rng,
            )),
            Service::Order { settle } => Some(Script::order(kind, number, settle, fin, rng)),
        }
    }

    /// Whether the buffers of the lines that are begun at one time may want more than there is.
    pub fn is_short_of_memory(&self) -> bool {
        let settings = &self.setup.settings;
        let most = settings.max_clients * self.setup.connections_per_client();
        let shared = settings.buffer_memory - BufferMemory::floors(most);
        shared < settings.max_clients * LONGEST_LINE
    }

    /// Whether no worker has a reason to fail a room.
    pub fn is_easy_for_workers(&self) -> bool {
        self.setup.downs.is_empty()
            && self.stopped.is_none()
            && self.setup.cable_delay <= Duration::from_millis(5)
            && self.setup.backlog >= self.setup.clients
            && self
                .lobbies()
                .iter()
                .filter_map(|lobby| lobby.via)
                .all(|workers| workers.patience >= Duration::from_secs(5) && !workers.dead_address)
    }

    /// Whether this client's room is on a worker.
    pub fn is_forwarded(&self, peer: &Peer) -> bool {
        self.lobbies()[peer.listener].via.is_some()
    }

    pub fn clients_per_source(&self) -> Option<u32> {
        self.setup.clients_per_source
    }

    pub fn timeouts(&self) -> Timeouts {
        self.setup.timeouts
    }

    pub fn lobbies(&self) -> &[Lobby] {
        &self.setup.lobbies
    }

    fn act(&mut self, number: usize, wire: &mut Wire) {
        self.planned[number] = None;
        let peer = &mut self.peers[number];
        let was_done = peer.is_done();
        let next = peer.act(wire, &mut self.rng);
        if !was_done && peer.is_done() {
            self.live -= 1;
            if std::mem::take(&mut self.held_up) {
                self.plan_arrival(wire.now());
            }
        }
        if let Some(time) = next {
            self.plan(number, time);
        }
    }

    fn plan(&mut self, number: usize, time: Duration) {
        if self.planned[number].is_none_or(|planned| time < planned) {
            self.planned[number] = Some(time);
            self.agenda.push(Reverse((time, Happening::Act(number))));
        }
    }

    /// Peers on whose connection something has changed react, each after a while.
    fn hear_news(&mut self, wire: &mut Wire) {
        for socket in wire.take_news() {
            let peer = &self.peers[socket];
            if !peer.is_done() || wire.waiting(socket) > 0 {
                let pause = peer.pause(&mut self.rng);
                self.plan(socket, wire.now() + pause);
            }
        }
    }
}
