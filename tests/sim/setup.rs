//! What one run is like: the daemon's settings and the crowd.

use std::time::Duration;

use fastrand::Rng;
use pairloop::engine::service::{Factory, ServiceKind};
use pairloop::engine::{Meeting, Timeouts};
use pairloop::reactor::{BufferMemory, Settings, Splicing};

use super::forward::{Down, Workers, add_main_servers, downs};
use super::plan::Kind;
use super::profile::Profile;

/// A lobby's service, with its options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Relay,
    Echo,
    Chat { free: bool },
    Order { settle: Duration },
    Transit,
}

/// The lobbies of scenarios; those of the seeds are in any order.
pub const LOBBIES: [Service; 7] = [
    Service::Relay,
    Service::Echo,
    Service::Chat { free: false },
    Service::Order { settle: ms(100) },
    Service::Relay,
    Service::Chat { free: true },
    Service::Transit,
];
pub const RELAY: usize = 0;
pub const ECHO: usize = 1;
pub const CHAT: usize = 2;
pub const ORDER: usize = 3;
/// A relay whose rooms have names, in scenarios.
pub const NAMED: usize = 4;
pub const TRANSIT: usize = 6;

impl Service {
    pub fn name(self) -> &'static str {
        match self {
            Service::Relay => "relay",
            Service::Echo => "echo",
            Service::Chat { .. } => "chat",
            Service::Order { .. } => "order",
            Service::Transit => "transit",
        }
    }

    /// Whether its clients carry raw bytes, and hear them as they were sent.
    pub fn is_raw(self) -> bool {
        matches!(self, Service::Relay | Service::Echo | Service::Transit)
    }

    pub fn factory(self) -> Factory {
        let kind = ServiceKind::find(self.name()).expect("it is a service");
        let settle = |time: Duration| format!("{}ms", time.as_millis());
        let factory = match self {
            Service::Chat { free: true } => kind.factory(&[("turns", "free")]),
            Service::Order { settle: time } => kind.factory(&[("settle", &settle(time))]),
            _ => kind.factory(&[]),
        };
        factory.expect("its options are right")
    }
}

/// What somebody has to say before being let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Open,
    Named,
    /// The same, and users must log in.
    Login,
    /// The service's own: a line of a transit client.
    Handshake,
}

/// A listener: its service, and who is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lobby {
    pub service: Service,
    pub door: Door,
    /// Its rooms are on these.
    pub via: Option<Workers>,
}

impl Lobby {
    pub fn factory(self) -> Factory {
        match self.via {
            Some(workers) => workers.factory(self.service),
            None => self.service.factory(),
        }
    }

    pub fn meeting(self) -> Meeting {
        match self.door {
            Door::Open | Door::Handshake => Meeting::Arrival,
            Door::Named | Door::Login => Meeting::Named,
        }
    }

    pub fn is_named(self) -> bool {
        self.door != Door::Open
    }

    /// How many may wait, if they ask for so many names.
    fn places(self, names: usize, crowd: usize) -> usize {
        match self.door {
            Door::Open => 1,
            Door::Named | Door::Login => 3 * names,
            // All may be of one side.
            Door::Handshake => crowd,
        }
    }
}

/// Names of rooms at most, and sources of clients.
const MOST_NAMES: usize = 4;
const MOST_SOURCES: usize = 6;

pub struct Setup {
    pub settings: Settings,
    pub timeouts: Timeouts,
    pub profile: Profile,
    /// Clients in all.
    pub clients: usize,
    /// Clients at one time.
    pub crowd: usize,
    /// The longest pause between two arrivals.
    pub gap: Duration,
    pub kinds: Vec<Kind>,
    pub lobbies: Vec<Lobby>,
    /// So many names do the clients of named rooms choose from, and from so many addresses they come.
    pub names: usize,
    pub sources: usize,
    /// Most who are to log in fail, and all come from one address.
    pub guessing: bool,
    /// How many of them may come from one.
    pub clients_per_source: Option<u32>,
    /// When the users' file is read again.
    pub reload: Option<Duration>,
    /// When workers are down.
    pub downs: Vec<Down>,
    /// How long bytes take on their way to a worker and back, and how many connections wait there to be accepted.
    pub cable_delay: Duration,
    pub backlog: usize,
    /// When the stop comes, and the second.
    pub stop: Option<(Duration, Option<Duration>)>,
}

const fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}

impl Setup {
    pub fn random(rng: &mut Rng) -> Self {
        let profile = Profile::random(rng);
        let crowd = 2 + rng.usize(..20);
        let clients = match profile.is_bulk() {
            true => 6,
            false => 4 + rng.usize(..60),
        };
        let lobbies = lobbies(rng);
        let guessing = rng.u8(..4) == 0;
        let names = rng.usize(1..=MOST_NAMES);
        let places: usize = lobbies.iter().map(|lobby| lobby.places(names, crowd)).sum();
        let max_clients = match rng.u8(..3) {
            // When one waits in every place, there is still room for a partner.
            0 => places + 1 + rng.usize(..8),
            _ => crowd + 8,
        };
        // Each pair comes to its worker as a pair of clients, and is connected with it twice more.
        let each = 1 + usize::from(lobbies.iter().any(|lobby| lobby.via.is_some()));
        let max_clients = max_clients * each;
        let beyond_floors = match rng.u8(..3) {
            0 => rng.usize(..64),
            1 => rng.usize(..20_000),
            _ => 16 << 20,
        };
        let (timeouts, stall_timeout) = limits(rng, each);
        let stop = (rng.u8(..4) == 0).then(|| {
            let first = ms(rng.u64(..4000));
            let second = (rng.u8(..3) == 0).then(|| first + ms(rng.u64(..1000)));
            (first, second)
        });
        Self {
            settings: Settings {
                max_clients,
                buffer_memory: BufferMemory::floors(max_clients * each) + beyond_floors,
                stall_timeout,
                drain_timeout: ms(rng.u64(1..3000)),
                splicing: [
                    Splicing::Never,
                    Splicing::Adaptive,
                    Splicing::Always,
                    Splicing::Always,
                ][rng.usize(..4)],
                pipes: rng.usize(..20),
                once: false,
                stats_file: None,
            },
            timeouts,
            profile,
            clients,
            crowd,
            gap: ms([0, 5, 100][rng.usize(..3)]),
            kinds: kinds(rng),
            names,
            sources: if guessing {
                1
            } else {
                rng.usize(1..=MOST_SOURCES)
            },
            guessing,
            clients_per_source: (rng.u8(..3) == 0).then(|| rng.u32(1..6)),
            reload: rng.bool().then(|| ms(rng.u64(..4000))),
            downs: downs(&lobbies, rng),
            cable_delay: ms([0, 1, 5, 20][rng.usize(..4)]),
            backlog: [1, 100, 100][rng.usize(..3)],
            lobbies,
            stop,
        }
    }
}

impl Setup {
    /// As the engine says it.
    pub fn connections_per_client(&self) -> usize {
        1 + usize::from(self.lobbies.iter().any(|lobby| lobby.via.is_some()))
    }
}

fn limits(rng: &mut Rng, each: usize) -> (Timeouts, Option<Duration>) {
    let mut limit = |from, to| (rng.u8(..3) > 0).then(|| ms(rng.u64(from..to)));
    // At workers a slow client moves in large steps, and X is quiet while Y talks. A client that is reset there is only
    // missed behind what it has said, so somebody must watch for stalls.
    let steps = ms(if each > 1 { 600_000 } else { 0 });
    let timeouts = Timeouts {
        hello: limit(4000, 20_000),
        wait: limit(1000, 20_000),
        idle: limit(8000, 20_000).map(|limit| limit + steps),
        half_close: limit(6000, 20_000).map(|limit| limit + steps),
    };
    let stall_timeout = limit(4000, 20_000).map(|limit| limit + steps);
    (timeouts, stall_timeout.or((each > 1).then_some(steps)))
}

/// Who comes: mostly the well-behaved, or only they.
fn kinds(rng: &mut Rng) -> Vec<Kind> {
    let (good, bad): (Vec<Kind>, Vec<Kind>) =
        Kind::ALL.iter().partition(|kind| kind.is_well_behaved());
    let mut kinds = good.repeat(2);
    match rng.u8(..4) {
        0 => {}
        1 => kinds.extend(bad),
        _ => kinds.extend(rng.choose_multiple(bad, 2)),
    }
    kinds
}

/// Every service, and relay and order twice; or services with named rooms; or all of them; or two transit relays.
fn lobbies(rng: &mut Rng) -> Vec<Lobby> {
    let settle = ms([5, 100, 2000][rng.usize(..3)]);
    let order = Service::Order { settle };
    let chat = Service::Chat { free: rng.bool() };
    let open = LOBBIES
        .into_iter()
        .filter(|&service| service != Service::Transit)
        .chain([order]);
    let at = |door| {
        move |service| Lobby {
            service,
            door,
            via: None,
        }
    };
    let open = open.map(at(Door::Open));
    let named = [Service::Relay, Service::Relay, chat, order].map(at(Door::Named));
    let login = [Service::Relay, chat].map(at(Door::Login));
    let transit = [Service::Transit; 2].map(at(Door::Handshake));
    let mut lobbies: Vec<Lobby> = match rng.u8(..5) {
        0 | 1 => open.collect(),
        2 => named.into_iter().chain(login).collect(),
        3 => open.chain(named).chain(login).chain(transit).collect(),
        _ => transit.to_vec(),
    };
    rng.shuffle(&mut lobbies);
    if rng.bool() {
        lobbies.truncate(1);
        add_main_servers(&mut lobbies, rng);
    }
    lobbies
}
