//! The arguments of `pairloop bench`.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::units;

/// Put load on a server, and say how it bore it
///
/// Works against any server that does what the mode needs, not only pairloop. Latency is measured from the moment a
/// message was meant to be sent, and the result says whether the generator itself was the bottleneck.
#[derive(Debug, Args)]
#[command(
    after_help = "Example: pairloop bench echo --connections 1000 --duration 10s --server-pid $(pidof pairloop) --report echo.html"
)]
pub struct BenchArgs {
    /// What the clients do
    #[arg(value_enum)]
    pub mode: Mode,

    /// The server [default: where `pairloop serve` has the mode's service]
    #[arg(long, value_name = "HOST:PORT")]
    pub at: Option<String>,

    /// Connections of echo [default: 50] and idle [default: 1000]
    #[arg(long, value_name = "N", value_parser = units::number::<u32>(1, u32::MAX.into()))]
    pub connections: Option<u32>,

    /// Rooms of two connections at one time, of relay [default: 1], chat [default: 1], order and connect [default: 16]
    #[arg(long, value_name = "N", value_parser = units::number::<u32>(1, u32::MAX.into()))]
    pub rooms: Option<u32>,

    /// Bytes of a message, a chat line's end included: 1 to 64K, of connect to 4K [default: 64, of connect 1]
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    pub size: Option<usize>,

    /// Messages that echo and relay keep in flight on each connection or in each room
    #[arg(long, value_name = "N", default_value = "1", value_parser = units::number::<u32>(1, 65536))]
    pub depth: u32,

    /// relay: send as fast as the server takes it, and measure bytes instead of messages
    #[arg(long)]
    pub bulk: bool,

    /// With --bulk: let the kernel throw away what arrives, uncopied, so that the generator costs less (Linux). Lengths are
    /// still checked, contents are not
    #[arg(long, requires = "bulk")]
    pub discard: bool,

    /// Messages a second over all connections (cycles of order and connect), sent when due whether or not the
    /// earlier ones were answered [default: send as soon as answered]
    #[arg(long, value_name = "N", value_parser = rate)]
    pub rate: Option<f64>,

    /// How long to measure
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = units::duration)]
    pub duration: Duration,

    /// Measure so many messages or cycles instead
    #[arg(long, value_name = "N", conflicts_with_all = ["duration", "bulk"], value_parser = units::number::<u64>(1, u64::MAX))]
    pub count: Option<u64>,

    /// How long to run before measuring: a time, or none
    #[arg(long, value_name = "TIME", default_value = "1s")]
    pub warmup: units::Limit,

    /// Threads of the generator; each has its own connections
    #[arg(long, value_name = "N", default_value = "1", value_parser = units::number::<u16>(1, 1024))]
    pub threads: u16,

    /// Addresses to connect from, in turns: a list, or how many from 127.0.0.1 on. Each is good for about 28000 connections
    #[arg(long, value_name = "ADDRESSES|N", default_value = "")]
    pub sources: Sources,

    /// What a client says first, before its partner can be reached
    #[arg(long, value_enum)]
    pub hello: Option<Hello>,

    /// relay, connect, idle: listen here, and be what stands behind a proxy that has no rooms; connections accepted here
    /// are the receiving sides
    #[arg(long, value_name = "HOST:PORT")]
    pub sink: Option<String>,

    /// How clients leave [default: fin for order, rst for the others: it leaves no port in TIME_WAIT]
    #[arg(long, value_enum)]
    pub close: Option<Close>,

    /// The server's processes, to measure their CPU time and memory, and that of their children (Linux)
    #[arg(long, value_name = "PID,...", value_delimiter = ',', value_parser = units::number::<u32>(1, u32::MAX.into()))]
    pub server_pid: Vec<u32>,

    /// Print the result as JSON
    #[arg(long)]
    pub json: bool,

    /// Also write the result here as one HTML page
    #[arg(long, value_name = "FILE")]
    pub report: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// Each connection sends messages and gets them back
    Echo,
    /// In each room X sends messages and Y receives them
    Relay,
    /// In each room lines go back and forth in turns
    Chat,
    /// Rooms of order, one after the other: two greetings, two messages, the acknowledgment
    Order,
    /// Connect X and Y, one message from X to Y, close: again and again
    Connect,
    /// Open connections and hold them
    Idle,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Mode::Echo => "echo",
            Mode::Relay => "relay",
            Mode::Chat => "chat",
            Mode::Order => "order",
            Mode::Connect => "connect",
            Mode::Idle => "idle",
        }
    }

    /// Where `pairloop serve` has the service if it is not told otherwise.
    pub fn default_address(self) -> &'static str {
        match self {
            Mode::Echo => "127.0.0.1:7007",
            Mode::Relay | Mode::Connect | Mode::Idle => "127.0.0.1:7000",
            Mode::Order => "127.0.0.1:12000",
            Mode::Chat => "127.0.0.1:33016",
        }
    }

    /// What it counts.
    pub fn unit(self) -> &'static str {
        match self {
            Mode::Echo | Mode::Relay => "messages",
            Mode::Chat => "lines",
            Mode::Order | Mode::Connect => "rooms",
            Mode::Idle => "connections",
        }
    }

    /// Whether it is told in rooms, not in connections, how many clients there are.
    pub fn has_rooms(self) -> bool {
        !matches!(self, Mode::Echo | Mode::Idle)
    }

    /// Whether its rooms come and go.
    pub fn cycles(self) -> bool {
        matches!(self, Mode::Order | Mode::Connect)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Hello {
    /// magic-wormhole's transit relay: `please relay <token> for side <side>`, answered by `ok`
    Transit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Close {
    /// In order; the side that closes first keeps the port in TIME_WAIT for a minute
    Fin,
    /// By a reset, after the last byte has arrived
    Rst,
}

/// Addresses to connect from; none leaves the choice to the kernel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sources(pub Vec<IpAddr>);

impl FromStr for Sources {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Sources::default());
        }
        if let Ok(count) = text.parse::<u8>() {
            return match count {
                0 | 255 => Err("1 to 254 addresses from 127.0.0.1 on".into()),
                count => Ok(Sources(
                    (1..=count)
                        .map(|host| Ipv4Addr::new(127, 0, 0, host).into())
                        .collect(),
                )),
            };
        }
        text.split(',')
            .map(|address| {
                address.parse().map_err(|_| {
                    format!("not an address: `{address}` (write 127.0.0.1,127.0.0.2 or a number)")
                })
            })
            .collect::<Result<_, _>>()
            .map(Sources)
    }
}

/// Messages a second: a number above nothing.
fn rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.001..=1e9).contains(&rate) => Ok(rate),
        _ => Err("not a rate: write messages a second, such as 20000".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources() {
        let parsed = |text: &str| text.parse::<Sources>().map(|sources| sources.0);
        let local = |host| IpAddr::from([127, 0, 0, host]);
        assert_eq!(parsed(""), Ok(vec![]));
        assert_eq!(parsed("3"), Ok(vec![local(1), local(2), local(3)]));
        assert_eq!(parsed("127.0.0.7,127.0.0.9"), Ok(vec![local(7), local(9)]));
        assert_eq!(parsed("::1"), Ok(vec!["::1".parse().unwrap()]));
        for bad in ["0", "255", "localhost", "127.0.0.1,", "127.0.0.1;127.0.0.2"] {
            assert!(parsed(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(rate("20000"), Ok(20000.0));
        assert_eq!(rate("0.5"), Ok(0.5));
        for bad in ["", "0", "-1", "NaN", "inf", "1e12", "fast"] {
            assert!(rate(bad).is_err(), "{bad}");
        }
    }
}
