//! What is measured: the loads, the peers that can bear them, and what of the result counts.

use crate::load::Load;
use crate::metric::{
    CLIENTS, CPU, CPU_OF_SPEED, CPU_OF_THOUSAND, MEMORY, Metric, RATE, SPEED, latency, small,
};
use crate::peer::{Peer, Role, Service};
use crate::section::Section;

pub struct Axis {
    pub name: &'static str,
    pub section: Section,
    pub title: &'static str,
    pub peers: &'static [&'static str],
    pub points: &'static [Point],
    /// Short names of what is measured, and where it is found.
    pub metrics: &'static [Metric],
    /// What needs no more runs than this.
    pub most_runs: u32,
}

impl Axis {
    /// Its own or its section's.
    pub fn has_name(&self, name: &str) -> bool {
        name == self.name || name == self.section.name()
    }
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

pub const AXES: &[Axis] = &[
    Axis {
        name: "echo",
        section: Section::HowFast,
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
        section: Section::HowFast,
        title: "64 bytes through rooms: thousand messages a second / server CPU us a message",
        peers: &[
            "pairloop",
            "tokio",
            "haproxy",
            "haproxy copying",
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
        section: Section::HowFast,
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
        section: Section::HowFast,
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
        section: Section::HowFast,
        title: "Connect, pair, one byte, close: thousand rooms a second (behind a proxy, a client and the connection that it makes) / thousand clients accepted a second / server CPU us a room",
        peers: &[
            "pairloop",
            "tokio",
            "haproxy",
            "haproxy copying",
            "nginx",
            "transit relay",
        ],
        points: &[relay("16 at a time", "connect", 16)],
        metrics: &[RATE, CLIENTS, CPU],
        most_runs: u32::MAX,
    },
    Axis {
        name: "memory",
        section: Section::HowFast,
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
        metrics: &[MEMORY],
        // It is nearly the same each time.
        most_runs: 3,
    },
    Axis {
        name: "crowd",
        section: Section::HowFast,
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
        section: Section::HowFast,
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
    Axis {
        name: "transfers",
        section: Section::TransitRelay,
        title: "Transfers of 1 KiB (connect both, say hello, 1 KiB, FIN from both): thousand a second / server CPU seconds for 1,000",
        peers: RELAYS,
        points: &[Point {
            task: Task::Load(Load {
                mode: "connect",
                count: 16,
                options: &["--size", "1K", "--close", "fin"],
                warmup: WARMUP,
            }),
            ..transit("16 at a time", "connect", 16)
        }],
        metrics: &[RATE, CPU_OF_THOUSAND],
        most_runs: u32::MAX,
    },
    Axis {
        name: "throughput",
        section: Section::TransitRelay,
        title: "Large transfers: GB/s / server CPU seconds a GB",
        peers: RELAYS,
        points: &[
            Point {
                service: Service::Transit,
                ..bulk("1 transfer", 1, 0.5, &["--bulk"])
            },
            Point {
                service: Service::Transit,
                ..bulk("50 at once", 50, 3.0, &["--bulk"])
            },
        ],
        metrics: &[SPEED, CPU_OF_SPEED],
        most_runs: u32::MAX,
    },
    Axis {
        name: "waiting",
        section: Section::TransitRelay,
        title: "Memory of a client that waits for its partner, with 5,000 of them: bytes of RSS above the empty program",
        peers: RELAYS,
        points: &[transit("5,000 waiting", "idle", 5000)],
        metrics: &[MEMORY],
        // It is nearly the same each time.
        most_runs: 3,
    },
];

const WARMUP: f64 = 0.33;

/// Those that clients of a transit relay can be sent to.
const RELAYS: &[&str] = &["pairloop", "transit relay"];

const fn echo(label: &'static str, count: usize) -> Point {
    point(label, Service::Echo, "echo", count)
}

const fn relay(label: &'static str, mode: &'static str, count: usize) -> Point {
    point(label, Service::Relay, mode, count)
}

const fn transit(label: &'static str, mode: &'static str, count: usize) -> Point {
    point(label, Service::Transit, mode, count)
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

impl Point {
    /// Whether the peer does this at all.
    pub fn suits(&self, peer: &Peer) -> bool {
        let rooms = match self.task {
            // Its rooms are never all there at once, but its processes are.
            Task::Load(load) if self.service != Service::Echo => load.count,
            _ => 1,
        };
        let serves = self.service != Service::Echo || peer.role == Role::Rooms;
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
