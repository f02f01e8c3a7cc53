//! Main servers: listeners whose rooms are on others of the same daemon, the workers. Their clients are judged as if
//! they were direct clients of the workers' service. What differs is said where it is judged, and is this:
//!
//! - X is welcomed when Y is there, and not before; `OK X` comes before the welcome.
//! - A room for which there is no worker does not begin: its clients are told so, or reset.
//! - What happens in a room happens at the worker's sockets: there the order of things is looked at.
//! - A client that goes on talking when its room is over may be reset before it has read the last words.
//! - A room is two sessions: here that of X and its connection to the worker, there that of both clients' connections.
//! - Timeouts are each connection's own: what is quiet, and what is slow, is judged without the partner's.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Duration;

use fastrand::Rng;
use pairloop::engine::service::{Factory, ServiceKind};
use pairloop::engine::{CloseReason, Engine};

use super::net::{Fault, SocketId, Way, Wire, address_of, nobody};
use super::notes::{self, Room};
use super::peer::Peer;
use super::setup::{Door, Lobby, Service};
use super::world::World;

/// The workers of a main server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workers {
    /// Their listeners.
    pub first: usize,
    pub second: Option<usize>,
    pub patience: Duration,
    /// The first has an address more, at which nobody is.
    pub dead_address: bool,
}

/// A worker that is down from one time to another.
#[derive(Debug, Clone, Copy)]
pub struct Down {
    pub worker: usize,
    pub from: Duration,
    pub to: Duration,
}

impl Workers {
    fn listeners(self) -> impl Iterator<Item = usize> {
        [Some(self.first), self.second].into_iter().flatten()
    }

    pub fn factory(self, service: Service) -> Factory {
        let names: Vec<String> = self
            .listeners()
            .map(|worker| format!("w{worker}:1"))
            .collect();
        let patience = format!("{}ms", self.patience.as_millis());
        let lines = if service.is_raw() { "off" } else { "on" };
        let options = [
            ("to", &*names.join(",")),
            ("patience", &*patience),
            ("lines", lines),
        ];
        let kind = ServiceKind::find("forward").expect("it is a service");
        kind.factory(&options).expect("its options are right")
    }

    /// Tells the engine where they are.
    pub fn announce(self, listener: usize, engine: &mut Engine) {
        for (number, worker) in self.listeners().enumerate() {
            let dead = (self.dead_address && number == 0).then(nobody);
            let addresses: Vec<SocketAddr> = dead.into_iter().chain([address_of(worker)]).collect();
            engine.set_worker(listener, number, addresses);
        }
    }
}

/// Adds main servers of all kinds, and their workers.
pub fn add_main_servers(lobbies: &mut Vec<Lobby>, rng: &mut Rng) {
    let ms = Duration::from_millis;
    let settle = ms([5, 100, 2000][rng.usize(..3)]);
    let chat = Service::Chat { free: rng.bool() };
    let patience = [ms(100), ms(5000), ms(5000), ms(5000)][rng.usize(..4)];
    let dead_address = rng.u8(..4) == 0;
    let services = [Service::Relay, chat, Service::Order { settle }];
    let count = 1 + rng.usize(..2);
    for service in rng.choose_multiple(services, count) {
        let first = lobbies.len();
        let count = 1 + rng.usize(..2);
        let named = |via| Lobby {
            service,
            door: Door::Named,
            via,
        };
        lobbies.extend(vec![named(None); count]);
        let via = Some(Workers {
            first,
            second: (count == 2).then_some(first + 1),
            patience,
            dead_address,
        });
        lobbies.push(Lobby {
            service,
            door: Door::Open,
            via,
        });
        lobbies.push(named(via));
        if service == Service::Relay {
            lobbies.push(Lobby {
                service,
                door: Door::Login,
                via,
            });
        }
    }
}

/// Workers that are down at the start, or go down for a while.
pub fn downs(lobbies: &[Lobby], rng: &mut Rng) -> Vec<Down> {
    let workers = lobbies
        .iter()
        .filter_map(|lobby| lobby.via)
        .flat_map(Workers::listeners);
    let workers: Vec<usize> = workers.collect();
    let count = match workers.is_empty() || rng.bool() {
        true => 0,
        false => rng.usize(1..4),
    };
    let down = |_| {
        let from = Duration::from_millis([0, rng.u64(..4000)][rng.usize(..2)]);
        Down {
            worker: workers[rng.usize(..workers.len())],
            from,
            to: from + Duration::from_millis(rng.u64(1..10_000)),
        }
    };
    (0..count).map(down).collect()
}

/// A client and its connection to the worker, once both are gone.
#[derive(Debug, Clone, Copy)]
pub struct Leg {
    pub client: u64,
    /// The worker's end.
    pub far: SocketId,
}

/// All legs that the log tells of.
fn legs(wire: &Wire) -> Vec<Leg> {
    let legs = notes::legs().into_iter();
    let legs = legs.map(|(client, dialed)| Leg {
        client,
        far: wire.far_end(dialed).expect("it was dialed"),
    });
    legs.collect()
}

/// What strikes a client's connection to the worker strikes the client.
pub fn spread_strikes(world: &World, wire: &mut Wire) {
    let rooms = as_direct(notes::rooms(), wire).into_iter();
    let members = rooms.filter_map(|(room, ends)| Some([(room.x, ends?[0]), (room.y, ends?[1])]));
    for (client, far) in members.flatten() {
        let is_it = |peer: &&Peer| wire.id(peer.socket).is_some_and(|id| id.number() == client);
        let peer = world.peers.iter().find(is_it).expect("legs are of clients");
        if wire.is_cable_struck(far) {
            wire.strike(peer.socket);
        }
    }
}

/// Rooms of clients only: of one that was handed over, the end is the worker's, and so are the sockets at which its order
/// of things can be seen.
pub fn as_direct(rooms: Vec<Room>, wire: &Wire) -> Vec<(Room, Option<[SocketId; 2]>)> {
    let legs = legs(wire);
    let far = |client: u64| {
        legs.iter()
            .find(|leg| leg.client == client)
            .map(|leg| leg.far)
    };
    let number = |far: SocketId| wire.id(far).map(|id| id.number());
    let direct = rooms.iter().filter(|room| wire.far_end(room.x).is_none());
    let direct = direct.map(|&room| {
        if !room.handed_over {
            return (room, None);
        }
        let known = [far(room.x), far(room.y)];
        let Some(one) = known.into_iter().flatten().next() else {
            // The process has ended before either leg was over.
            return (Room { over: None, ..room }, None);
        };
        let theirs = |other: &&Room| [Some(other.x), Some(other.y)].contains(&number(one));
        let Some(on_worker) = rooms.iter().find(theirs) else {
            panic!("{room:?} was handed over, and there is no such room");
        };
        let ends = [on_worker.x, on_worker.y].map(|member| wire.far_end(member));
        for (known, end) in known.into_iter().zip(ends) {
            let is_its_own = known.is_none() || known == end;
            assert!(is_its_own, "{room:?} is mixed up on its worker");
        }
        let by_x = on_worker.by == Some(on_worker.x);
        let by = on_worker.by.map(|_| if by_x { room.x } else { room.y });
        let ends = ends.map(|end| end.expect("both have come from here"));
        let over = on_worker.over;
        (Room { over, by, ..room }, Some(ends))
    });
    direct.collect()
}

/// What a worker answers to a hello, for either seat.
pub const SEATED: &str = "OK seat X\n";

/// Which bytes at the worker's socket are not the client's stream: the hello, and the answer to it.
pub fn foreign(far: SocketId, way: Way, wire: &Wire) -> [Range<usize>; 2] {
    let length = match way {
        Way::Wrote => SEATED.len(),
        Way::Arrived | Way::Read => wire.hello_to(far).expect("its client has its seat"),
    };
    [0..length, 0..0]
}

/// What can cost a pair its worker.
const HINDRANCES: [Fault; 11] = [
    Fault::NoDescriptor,
    Fault::AbortedAccept,
    Fault::RegisterFails,
    Fault::ReadFails,
    Fault::WriteFails,
    Fault::DialRefused,
    Fault::DialRefusedLater,
    Fault::DialSlow,
    Fault::DialUnheard,
    Fault::DialReset,
    Fault::Pause,
];

/// What was seen of main servers.
#[derive(Debug, Default, Clone)]
pub struct Handovers {
    pub handed_over: u64,
    /// Of those, how many in runs in which no attempt may fail.
    pub unhindered: u64,
    /// Attempts that failed.
    pub retried: u64,
    pub no_worker: u64,
    /// Connections to workers that went with the worker.
    pub cut: u64,
    /// Connections that a full backlog held up.
    pub held_up: u64,
}

impl Handovers {
    pub fn add(&mut self, other: &Handovers) {
        self.handed_over += other.handed_over;
        self.retried += other.retried;
        self.unhindered += other.unhindered;
        self.no_worker += other.no_worker;
        self.cut += other.cut;
        self.held_up += other.held_up;
    }

    /// Counts them in one run. Where nothing stands in the way no worker fails.
    pub fn of(world: &World, wire: &Wire, refused: u64) -> Self {
        let all = notes::all();
        let count = |words: &str| all.iter().filter(|note| note.text.contains(words)).count();
        let failed = all
            .iter()
            .filter(|note| note.text.starts_with("worker ") && note.text.contains(" at "));
        let left = format!("gone from the lobby: {}", CloseReason::NoWorker);
        let mut handovers = Self {
            unhindered: 0,
            handed_over: count("are now connected by worker ") as u64,
            retried: failed.clone().count() as u64,
            no_worker: count(&left) as u64,
            cut: wire.cables.cut,
            held_up: wire.cables.held_up,
        };
        let easy = refused == 0 && world.is_easy_for_workers();
        if easy && !HINDRANCES.iter().any(|&fault| wire.faults.hit(fault)) {
            handovers.unhindered = handovers.handed_over;
            let failed: Vec<&str> = failed.map(|note| &*note.text).collect();
            assert!(
                failed.is_empty() && handovers.no_worker == 0,
                "nothing stood in the way, and yet {failed:?}"
            );
        }
        handovers
    }
}
