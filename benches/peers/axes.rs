//! What is measured: the loads, the peers that can bear them, and what of the result counts.

use crate::load::Load;
use crate::peer::{Peer, Role, Service};

pub struct Axis {
    pub name: &'static str,
    pub title: &'static str,
    pub peers: &'static [&'static str],
    pub points: &'static [Point],
    /// Short names of what is measured, and where it is found.
    pub metrics: &'static [Metric],
    /// What needs no more runs than this.
    pub most_runs: u32,
}

pub struct Point {
    pub label: &'static str,
    pub service: Service,
    pub task: Task,
    /// Peers of the axis that can't do this.
    pub except: &'static [&'static str],
}

#[derive(Clone, Copy)]
pub enum Task {
    Load(Load),
    /// Not under load: how long it takes to start, and how large it is.
    Start,
}

pub struct Metric {
    pub unit: &'static str,
    /// In the generator's JSON.
    pub path: &'static str,
    pub scale: f64,
    /// How many of the units that count the generator's unit is, with such a server.
    pub factor: fn(Role) -> f64,
    pub digits: usize,
}

const fn latency(path: &'static str) -> Metric {
    Metric {
        unit: "us",
        path,
        scale: 1.0,
        factor: |_| 1.0,
        digits: 1,
    }
}

const RATE: Metric = Metric {
    unit: "k/s",
    path: "per_second",
    scale: 1e-3,
    factor: |_| 1.0,
    digits: 1,
};

const CPU: Metric = Metric {
    unit: "us",
    path: "server_us_per_unit",
    scale: 1.0,
    factor: |_| 1.0,
    digits: 2,
};

/// A room has two; a proxy makes the second connection itself.
const CLIENTS: Metric = Metric {
    unit: "k clients/s",
    factor: |role| if let Role::Proxy = role { 1.0 } else { 2.0 },
    ..RATE
};

const SPEED: Metric = Metric {
    unit: "GB/s",
    path: "gigabytes_per_second",
    scale: 1.0,
    factor: |_| 1.0,
    digits: 2,
};

const CPU_OF_SPEED: Metric = Metric {
    unit: "s/GB",
    path: "server_seconds_per_gigabyte",
    scale: 1.0,
    factor: |_| 1.0,
    digits: 3,
};

pub const AXES: &[Axis] = &[
    Axis {
        name: "echo",
        title: "Echo of 64 bytes: thousand messages a second / server CPU us a message",
        peers: &["pairloop", "raw (limit)", "tokio", "go"],
        points: &[
            echo("1 client", 1),
            echo("50", 50),
            echo("1,000", 1000),
            echo("10,000", 10_000),
        ],
        metrics: &[RATE, CPU],
        most_runs: u32::MAX,
    },
    Axis {
        name: "messages",
        title: "64 bytes through rooms: thousand messages a second / server CPU us a message",
        peers: &[
            "pairloop",
            "tokio",
            "haproxy",
            "nginx",
            "ncat --broker",
            "transit relay",
        ],
        points: &[relay("1 room", "relay", 1), relay("5,000", "relay", 5000)],
        metrics: &[RATE, CPU],
        most_runs: u32::MAX,
    },
    Axis {
        name: "bulk",
        title: "Bulk: GB/s / server CPU seconds a GB",
        peers: &[
            "pairloop",
            "pairloop --no-splice",
            "direct (limit)",
            "tokio",
            "go",
            "haproxy",
            "haproxy copying",
            "nginx",
            "socat",
            "ncat --broker",
            "transit relay",
        ],
        points: &[
            bulk("1 room", 1, 0.5, &["--bulk"]),
            bulk("16", 16, 1.0, &["--bulk"]),
            bulk("256", 256, 3.0, &["--bulk"]),
        ],
        metrics: &[SPEED, CPU_OF_SPEED],
        most_runs: u32::MAX,
    },
    Axis {
        name: "discard",
        title: "Bulk to readers that throw away uncopied what comes: GB/s / server CPU seconds a GB",
        peers: &[
            "pairloop",
            "pairloop --no-splice",
            "direct (limit)",
            "tokio",
            "go",
            "haproxy",
            "haproxy copying",
            "nginx",
        ],
        points: &[
            bulk("1 room", 1, 0.5, &["--bulk", "--discard"]),
            bulk("16", 16, 1.0, &["--bulk", "--discard"]),
            bulk("256", 256, 3.0, &["--bulk", "--discard"]),
        ],
        metrics: &[SPEED, CPU_OF_SPEED],
        // Beside `bulk`, to tell how much of it is the readers' part.
        most_runs: 3,
    },
    Axis {
        name: "connect",
        title: "Connect, pair, one byte, close: thousand rooms a second (behind a proxy, a client and the connection that it makes) / thousand clients accepted a second / server CPU us a room",
        peers: &["pairloop", "tokio", "haproxy", "nginx", "transit relay"],
        points: &[relay("16 at a time", "connect", 16)],
        metrics: &[RATE, CLIENTS, CPU],
        most_runs: u32::MAX,
    },
    Axis {
        name: "memory",
        title: "Memory of an idle client, with 18,000 connections: bytes of RSS",
        peers: &["pairloop", "tokio", "go", "haproxy", "nginx"],
        points: &[
            idle("echo", Service::Echo),
            Point {
                // It holds a pipe for each direction, idle or not: 54,000 descriptors.
                except: &["go"],
                ..idle("relay", Service::Relay)
            },
        ],
        metrics: &[Metric {
            unit: "bytes",
            path: "server_rss_per_connection",
            scale: 1.0,
            // A proxy has two connections for each that the generator makes.
            factor: |role| if let Role::Proxy = role { 0.5 } else { 1.0 },
            digits: 0,
        }],
        // It is nearly the same each time.
        most_runs: 3,
    },
    Axis {
        name: "crowd",
        title: "Echo of 64 bytes to 100 clients, 20,000 messages a second in all: us at p50 / p90 / p99",
        peers: &["pairloop", "pairloop beside 15,000 idle"],
        points: &[Point {
            task: Task::Load(Load {
                mode: "echo",
                count: 100,
                options: &["--rate", "20000"],
                warmup: WARMUP,
            }),
            ..echo("100 busy", 100)
        }],
        metrics: &[
            latency("latency_us.p50"),
            latency("latency_us.p90"),
            latency("latency_us.p99"),
        ],
        most_runs: u32::MAX,
    },
    Axis {
        name: "start",
        title: "Start: ms to the first connection / MB of RSS then / MB of the program's file",
        peers: &[
            "pairloop",
            "tokio",
            "go",
            "haproxy",
            "nginx",
            "socat",
            "ncat --broker",
            "transit relay",
        ],
        points: &[Point {
            label: "start",
            service: Service::Relay,
            task: Task::Start,
            except: &[],
        }],
        metrics: &[
            small("ms", "start_ms", 1.0),
            small("MB RSS", "resident", 1e-6),
            small("MB", "size", 1e-6),
        ],
        most_runs: u32::MAX,
    },
];

const WARMUP: f64 = 0.33;

const fn echo(label: &'static str, count: usize) -> Point {
    point(label, Service::Echo, "echo", count)
}

const fn relay(label: &'static str, mode: &'static str, count: usize) -> Point {
    point(label, Service::Relay, mode, count)
}

const fn idle(label: &'static str, service: Service) -> Point {
    point(label, service, "idle", 18_000)
}

const fn point(label: &'static str, service: Service, mode: &'static str, count: usize) -> Point {
    Point {
        label,
        service,
        task: Task::Load(Load {
            mode,
            count,
            options: &[],
            warmup: WARMUP,
        }),
        except: &[],
    }
}

/// The more rooms there are, the longer it takes to fill the buffers of all sockets. Until then the server has work with what
/// nobody receives.
const fn bulk(
    label: &'static str,
    count: usize,
    warmup: f64,
    options: &'static [&'static str],
) -> Point {
    Point {
        task: Task::Load(Load {
            mode: "relay",
            count,
            options,
            warmup,
        }),
        ..relay(label, "relay", count)
    }
}

const fn small(unit: &'static str, path: &'static str, scale: f64) -> Metric {
    Metric {
        unit,
        path,
        scale,
        factor: |_| 1.0,
        digits: 1,
    }
}

impl Point {
    /// Whether the peer does this at all.
    pub fn suits(&self, peer: &Peer) -> bool {
        let rooms = match self.task {
            // Its rooms are never all there at once, but its processes are.
            Task::Load(load) if self.service == Service::Relay => load.count,
            _ => 1,
        };
        let serves = self.service == Service::Relay || peer.role == Role::Rooms;
        serves && rooms <= peer.most_rooms && !self.except.contains(&peer.name)
    }

    /// Whether what the load leaves behind would be measured by the next run.
    pub fn needs_fresh_server(&self) -> bool {
        match self.task {
            Task::Load(load) => load.mode == "idle",
            Task::Start => true,
        }
    }
}
