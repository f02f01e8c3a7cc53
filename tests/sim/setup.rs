//! What one run is like: the daemon's settings and the crowd.

use std::time::Duration;

use fastrand::Rng;
use pairloop::engine::Timeouts;
use pairloop::engine::service::{Factory, ServiceKind};
use pairloop::reactor::{BufferMemory, Settings, Splicing};

use super::net::Capacity;
use super::plan::Kind;

/// A lobby's service, with its options.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Relay,
    Echo,
    Chat { free: bool },
    Order { settle: Duration },
}

/// The lobbies of scenarios; those of the seeds are in any order.
pub const LOBBIES: [Service; 6] = [
    Service::Relay,
    Service::Echo,
    Service::Chat { free: false },
    Service::Order { settle: ms(100) },
    Service::Relay,
    Service::Chat { free: true },
];
pub const RELAY: usize = 0;
pub const ECHO: usize = 1;
pub const CHAT: usize = 2;
pub const ORDER: usize = 3;

impl Service {
    pub fn name(self) -> &'static str {
        match self {
            Service::Relay => "relay",
            Service::Echo => "echo",
            Service::Chat { .. } => "chat",
            Service::Order { .. } => "order",
        }
    }

    /// Whether its clients carry raw bytes, and hear them as they were sent.
    pub fn is_raw(self) -> bool {
        matches!(self, Service::Relay | Service::Echo)
    }

    pub fn factory(self) -> Factory {
        let kind = ServiceKind::find(self.name()).expect("it is a service");
        let settle = |time: Duration| format!("{}ms", time.as_millis());
        let factory = match self {
            Service::Relay | Service::Echo | Service::Chat { free: false } => kind.factory(&[]),
            Service::Chat { free: true } => kind.factory(&[("turns", "free")]),
            Service::Order { settle: time } => kind.factory(&[("settle", &settle(time))]),
        };
        factory.expect("its options are right")
    }
}

/// How large kernel buffers are, and with them the streams.
#[derive(Debug, Clone)]
pub struct Profile {
    smallest: usize,
    pub largest: usize,
    volume: u64,
}

const PROFILES: [(usize, usize, u64); 5] = [
    (1, 16, 300),
    (1, 512, 4 << 10),
    (64, 4 << 10, 20 << 10),
    (2 << 10, 64 << 10, 200 << 10),
    // More than a turn's budget in one go.
    (4 << 20, 4 << 20, 3 << 20),
];

impl Profile {
    pub fn random(rng: &mut Rng) -> Self {
        let index = match rng.u8(..100) {
            0..3 => 4,
            3..12 => 3,
            number => usize::from(number) % 3,
        };
        Self::numbered(index)
    }

    pub fn bulk() -> Self {
        Self::numbered(PROFILES.len() - 1)
    }

    fn numbered(index: usize) -> Self {
        let (smallest, largest, volume) = PROFILES[index];
        Self {
            smallest,
            largest,
            volume,
        }
    }

    pub fn capacity(&self, rng: &mut Rng) -> Capacity {
        let mut size = || match rng.u8(..3) {
            0 => self.smallest,
            1 => self.largest,
            _ => rng.usize(self.smallest..=self.largest),
        };
        Capacity {
            inbound: size(),
            outbound: size(),
        }
    }

    /// Bytes that one client sends.
    pub fn volume(&self, rng: &mut Rng) -> u64 {
        match rng.u8(..4) {
            0 => 1 + rng.u64(..8),
            1 => self.volume,
            _ => 1 + rng.u64(..self.volume),
        }
    }

    /// So that a stream takes some hundred steps, not a million.
    pub fn at_least_a_share(&self, piece: usize, whole: u64) -> usize {
        piece.max(whole as usize / 256)
    }

    pub fn is_bulk(&self) -> bool {
        self.smallest > 1 << 20
    }
}

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
    pub lobbies: Vec<Service>,
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
        let max_clients = match rng.u8(..3) {
            // When one waits in every lobby, there is still room for a partner.
            0 => LOBBIES.len() + 2 + rng.usize(..8),
            _ => crowd + 8,
        };
        let beyond_floors = match rng.u8(..3) {
            0 => rng.usize(..64),
            1 => rng.usize(..20_000),
            _ => 16 << 20,
        };
        let mut limit = |from, to| (rng.u8(..3) > 0).then(|| ms(rng.u64(from..to)));
        let timeouts = Timeouts {
            hello: limit(4000, 20_000),
            wait: limit(1000, 20_000),
            idle: limit(8000, 20_000),
            half_close: limit(6000, 20_000),
        };
        let stall_timeout = limit(4000, 20_000);
        let stop = (rng.u8(..4) == 0).then(|| {
            let first = ms(rng.u64(..4000));
            let second = (rng.u8(..3) == 0).then(|| first + ms(rng.u64(..1000)));
            (first, second)
        });
        Self {
            settings: Settings {
                max_clients,
                buffer_memory: BufferMemory::floors(max_clients) + beyond_floors,
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
            lobbies: lobbies(rng),
            stop,
        }
    }
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

/// Every service, and relay and order twice.
fn lobbies(rng: &mut Rng) -> Vec<Service> {
    let mut lobbies = LOBBIES.to_vec();
    let settle = ms([5, 100, 2000][rng.usize(..3)]);
    lobbies.push(Service::Order { settle });
    rng.shuffle(&mut lobbies);
    lobbies
}
