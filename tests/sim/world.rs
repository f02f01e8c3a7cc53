//! All peers together, and when each of them acts.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use fastrand::Rng;
use pairloop::limits::LONGEST_LINE;
use pairloop::reactor::{BufferMemory, Signal};

use super::net::Wire;
use super::peer::Peer;
use super::plan::{Kind, Plan};
use super::script::Script;
use super::setup::{Service, Setup};

/// Something that happens at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Arrival,
    Stop,
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
        self.add(kind, listener, wire);
        self.plan_arrival(wire.now());
    }

    fn plan_arrival(&mut self, now: Duration) {
        let gap = self.setup.gap.mul_f64(self.rng.f64());
        self.agenda.push(Reverse((now + gap, Happening::Arrival)));
    }

    /// Another client connects.
    pub fn add(&mut self, kind: Kind, listener: usize, wire: &mut Wire) {
        let now = wire.now();
        let mut plan = Plan::new(kind, now, &self.setup.profile, &mut self.rng);
        let capacity = self.setup.profile.capacity(&mut self.rng);
        let number = self.peers.len();
        let service = self.setup.lobbies[listener];
        let script = self.script(&plan, number, service);
        if let Some(script) = &script {
            plan = plan.saying(script.text.len());
        }
        let socket = wire.connect(listener, capacity);
        assert_eq!(socket, number, "sockets are numbered as peers are");
        self.peers.push(Peer::new(
            number,
            plan,
            socket,
            (listener, service),
            script,
            now,
        ));
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
            Service::Relay | Service::Echo => None,
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
        let shared = settings.buffer_memory - BufferMemory::floors(settings.max_clients);
        shared < settings.max_clients * LONGEST_LINE
    }

    pub fn lobbies(&self) -> &[Service] {
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
