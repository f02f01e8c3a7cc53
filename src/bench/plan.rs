//! What is to be done: the arguments with their defaults filled in and their contradictions refused.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::time::Duration;

use super::BenchError;
use super::args::{BenchArgs, Close, Hello, Mode};
use super::proxied::MOST_ROOMS;

/// Bytes of the longest message.
const LONGEST: usize = 64 * 1024;

/// The same of connect, where a message is written at once and nobody waits until there is room for it.
pub const LONGEST_AT_ONCE: usize = 4096;

#[derive(Debug, Clone)]
pub struct Plan {
    pub mode: Mode,
    pub server: SocketAddr,
    pub sources: Vec<IpAddr>,
    /// Rooms at one time; of echo and idle, connections.
    pub rooms: usize,
    pub size: usize,
    pub depth: usize,
    pub bulk: bool,
    pub discard: bool,
    /// Messages a second in all; without it each is sent when there is room for it.
    pub rate: Option<f64>,
    pub warmup: Duration,
    pub length: Length,
    pub threads: usize,
    pub hello: Option<Hello>,
    pub sink: Option<SocketAddr>,
    pub close: Close,
    pub server_pids: Vec<u32>,
}

/// When it has been enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    Time(Duration),
    Messages(u64),
}

impl Plan {
    /// # Errors
    /// If options don't go together, or a name has no address.
    pub fn new(args: &BenchArgs) -> Result<Self, BenchError> {
        let mode = args.mode;
        let server = address(args.at.as_deref().unwrap_or(mode.default_address()))?;
        let plan = Self {
            mode,
            server,
            sources: args.sources.0.clone(),
            rooms: rooms(args)?,
            size: args.size.unwrap_or(match mode {
                Mode::Connect => 1,
                _ => 64,
            }),
            depth: args.depth as usize,
            bulk: args.bulk,
            discard: args.discard,
            rate: args.rate,
            warmup: args.warmup.0.unwrap_or(Duration::ZERO),
            length: args
                .count
                .map_or(Length::Time(args.duration), Length::Messages),
            threads: usize::from(args.threads),
            hello: args.hello,
            sink: args.sink.as_deref().map(address).transpose()?,
            close: args.close.unwrap_or(match mode {
                Mode::Order => Close::Fin,
                _ => Close::Rst,
            }),
            server_pids: args.server_pid.clone(),
        };
        plan.refuse_contradictions()?;
        Ok(Self {
            threads: plan.threads.min(plan.rooms),
            ..plan
        })
    }

    fn refuse_contradictions(&self) -> Result<(), BenchError> {
        let mode = self.mode;
        let relay = mode == Mode::Relay;
        let flows = matches!(mode, Mode::Echo | Mode::Relay);
        let (sizes, words) = self.sizes();
        let refusals = [
            (!sizes.contains(&self.size), format!("--size is {words}")),
            (self.bulk && !relay, "--bulk is for relay".into()),
            (
                self.discard && !cfg!(target_os = "linux"),
                "--discard needs Linux".into(),
            ),
            (
                self.bulk && self.rate.is_some(),
                "--bulk is as fast as it can be: it has no --rate".into(),
            ),
            (
                self.depth > 1 && (!flows || self.bulk),
                "--depth is for messages of echo and relay".into(),
            ),
            (
                self.depth > 1 && self.rate.is_some(),
                "--depth and --rate exclude each other: a rate does not wait for answers".into(),
            ),
            (
                self.sink.is_some() && !matches!(mode, Mode::Relay | Mode::Connect | Mode::Idle),
                "--sink is for relay, connect and idle".into(),
            ),
            (
                self.sink.is_some() && !relay && (self.threads > 1 || self.rate.is_some()),
                "--sink has neither --threads nor --rate but with relay".into(),
            ),
            (
                self.sink.is_some() && mode == Mode::Connect && self.rooms > MOST_ROOMS,
                format!("connect with --sink has at most {MOST_ROOMS} --rooms"),
            ),
            (
                self.hello.is_some() && !matches!(mode, Mode::Relay | Mode::Connect | Mode::Idle),
                "--hello is for relay, connect and idle".into(),
            ),
            (
                self.hello.is_some() && self.sink.is_some(),
                "--hello and --sink exclude each other".into(),
            ),
            (
                mode == Mode::Idle
                    && (self.rate.is_some() || matches!(self.length, Length::Messages(_))),
                "idle sends nothing: it has neither --rate nor --count".into(),
            ),
            (
                self.sources
                    .iter()
                    .any(|source| source.is_ipv4() != self.server.is_ipv4()),
                format!("--sources: {} is of the other IP version", self.server),
            ),
            (
                !self.server_pids.is_empty() && !cfg!(target_os = "linux"),
                "--server-pid needs Linux".into(),
            ),
        ];
        match refusals.into_iter().find(|(refused, _)| *refused) {
            Some((_, words)) => Err(BenchError::Usage(words)),
            None => Ok(()),
        }
    }

    /// Bytes that a message may have, and the same in words.
    fn sizes(&self) -> (RangeInclusive<usize>, &'static str) {
        match (self.mode, self.sink) {
            (Mode::Chat, _) => (2..=LONGEST, "2 to 64K"),
            (Mode::Connect, None) => (1..=LONGEST_AT_ONCE, "1 to 4K for connect"),
            (Mode::Connect, Some(_)) => (1..=1, "1 for connect with --sink"),
            _ => (1..=LONGEST, "1 to 64K"),
        }
    }

    /// Connections at one time.
    pub fn connections(&self) -> usize {
        let both = self.mode.has_rooms() || self.sink.is_some();
        self.rooms * if both { 2 } else { 1 }
    }

    /// What would make the generator stronger.
    pub fn advice(&self) -> &'static str {
        if self.bulk && !self.discard && cfg!(target_os = "linux") {
            "use --discard"
        } else if self.threads < self.rooms {
            "use more --threads"
        } else if self.mode.has_rooms() {
            "use more --rooms and --threads"
        } else {
            "use more --connections and --threads"
        }
    }

    /// The load in words.
    pub fn describe(&self) -> String {
        let plural = |count: usize, one: &str| match count {
            1 => format!("1 {one}"),
            count => format!("{count} {one}s"),
        };
        let mut words = vec![plural(
            self.rooms,
            if self.mode.has_rooms() {
                "room"
            } else {
                "connection"
            },
        )];
        match self.mode {
            Mode::Echo | Mode::Relay | Mode::Chat if !self.bulk => {
                words.push(plural(self.size, "byte"));
                if self.rate.is_none() {
                    words.push(format!("depth {}", self.depth));
                }
            }
            Mode::Relay => words.push("bulk".into()),
            Mode::Connect => words.push(plural(self.size, "byte")),
            _ => {}
        }
        if let Some(rate) = self.rate {
            words.push(format!("{rate} a second intended"));
        }
        words.push(plural(self.threads, "thread"));
        if self.sources.len() > 1 {
            words.push(format!("{} source addresses", self.sources.len()));
        }
        words.join(", ")
    }
}

fn rooms(args: &BenchArgs) -> Result<usize, BenchError> {
    let (given, other, fallback) = match args.mode {
        Mode::Echo => (args.connections, args.rooms, 50),
        Mode::Idle => (args.connections, args.rooms, 1000),
        Mode::Relay | Mode::Chat => (args.rooms, args.connections, 1),
        Mode::Order | Mode::Connect => (args.rooms, args.connections, 16),
    };
    if other.is_some() {
        let words = if args.mode.has_rooms() {
            "has rooms of two connections: use --rooms"
        } else {
            "has no rooms: use --connections"
        };
        return Err(BenchError::Usage(format!("{} {words}", args.mode.name())));
    }
    Ok(given.unwrap_or(fallback) as usize)
}

fn address(text: &str) -> Result<SocketAddr, BenchError> {
    let port = text.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(_))) {
        return Err(BenchError::Usage(format!("{text}: write HOST:PORT")));
    }
    let unknown = |error: std::io::Error| BenchError::Connect(format!("{text}: {error}"));
    let mut addresses = text.to_socket_addrs().map_err(unknown)?;
    addresses
        .next()
        .ok_or_else(|| BenchError::Connect(format!("{text} has no address")))
}

#[cfg(test)]
pub(super) mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: BenchArgs,
    }

    pub fn plan(line: &str) -> Result<Plan, String> {
        let words = std::iter::once("bench").chain(line.split_whitespace());
        let line = Line::try_parse_from(words).map_err(|error| error.to_string())?;
        Plan::new(&line.args).map_err(|error| error.to_string())
    }

    #[test]
    fn defaults() {
        let echo = plan("echo").unwrap();
        assert_eq!((echo.rooms, echo.connections()), (50, 50));
        assert_eq!(echo.server, ([127, 0, 0, 1], 7007).into());
        assert_eq!(echo.length, Length::Time(Duration::from_secs(10)));
        assert_eq!(echo.close, Close::Rst);
        let order = plan("order --count 5 --warmup none --threads 99").unwrap();
        assert_eq!((order.rooms, order.connections()), (16, 32));
        assert_eq!(
            (order.length, order.warmup),
            (Length::Messages(5), Duration::ZERO)
        );
        assert_eq!((order.close, order.threads), (Close::Fin, 16));
        assert_eq!((echo.size, plan("connect").unwrap().size), (64, 1));
    }

    #[test]
    fn contradictions() {
        for (line, part) in [
            ("echo --rooms 2", "use --connections"),
            ("relay --connections 2", "use --rooms"),
            ("echo --bulk", "--bulk is for relay"),
            ("relay --bulk --rate 5", "no --rate"),
            ("relay --discard", "--bulk"),
            ("chat --depth 2", "--depth is for"),
            ("chat --size 1", "--size is 2"),
            ("echo --size 65K", "--size is 1"),
            ("connect --size 4097", "--size is 1 to 4K"),
            ("connect --sink 127.0.0.1:0 --size 2", "with --sink"),
            ("echo --depth 2 --rate 5", "exclude"),
            ("echo --sink 127.0.0.1:0", "--sink is for relay"),
            ("idle --sink 127.0.0.1:0 --threads 2", "neither --threads"),
            ("connect --sink 127.0.0.1:0 --rooms 257", "at most 256"),
            ("chat --hello transit", "--hello is for"),
            ("idle --rate 5", "sends nothing"),
            ("echo --sources ::1", "other IP version"),
            ("echo --count 5 --duration 5s", "cannot be used with"),
            ("echo --at nowhere", "nowhere"),
        ] {
            let error = plan(line).expect_err(line);
            assert!(error.contains(part), "{line}: {error}");
        }
    }
}
