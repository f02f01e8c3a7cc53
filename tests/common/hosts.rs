//! Hosts: network namespaces, each with a cable to the main server's and to no other.

use std::net::SocketAddr;
use std::process::{self, Command};

/// Four hosts. Whatever runs on them has to end first: declare it later.
pub struct Hosts {
    pub main: Host,
    pub x: Host,
    pub y: Host,
    pub worker: Host,
}

pub struct Host {
    /// The namespace.
    name: String,
    /// Which network its cable is.
    network: u8,
}

impl Hosts {
    /// Needs root. The names must differ between tests of one program.
    pub fn new(test: &str) -> Self {
        let host = |name, network| Host::new(format!("pl{}-{test}-{name}", process::id()), network);
        let hosts = Self {
            main: host("main", 0),
            x: host("x", 1),
            y: host("y", 2),
            worker: host("worker", 3),
        };
        for host in [&hosts.x, &hosts.y, &hosts.worker] {
            host.cable_to(&hosts.main);
        }
        hosts
    }
}

impl Host {
    fn new(name: String, network: u8) -> Self {
        ip(&["netns", "add", &name]);
        let host = Self { name, network };
        host.ip(&["link", "set", "lo", "up"]);
        host
    }

    fn cable_to(&self, main: &Self) {
        let far = format!("veth{}", self.network);
        let cable = ["link", "add", "veth", "type", "veth", "peer", "name", &far];
        self.ip(&[&cable[..], &["netns", &main.name]].concat());
        for (host, end, address) in [(self, "veth", self.address()), (main, &far, self.main())] {
            host.ip(&["address", "add", &format!("{address}/24"), "dev", end]);
            host.ip(&["link", "set", end, "up"]);
        }
    }

    /// Its own address.
    pub fn address(&self) -> String {
        format!("10.77.{}.2", self.network)
    }

    /// The main server's address at the other end of its cable.
    pub fn main(&self) -> String {
        format!("10.77.{}.1", self.network)
    }

    /// Where this host reaches a listener of the main server, who listens on all addresses.
    pub fn reaches(&self, listener: SocketAddr) -> SocketAddr {
        let address = format!("{}:{}", self.main(), listener.port());
        address.parse().expect("an address")
    }

    /// The same command, to be run here.
    pub fn runs(&self, command: &Command) -> Command {
        let mut here = Command::new("ip");
        here.args(["netns", "exec", &self.name]);
        here.arg(command.get_program()).args(command.get_args());
        here.env_remove("RUST_LOG");
        here
    }

    /// Pulls its cable out, which neither end is told of.
    pub fn unplug(&self) {
        self.ip(&["link", "set", "veth", "down"]);
    }

    pub fn plug_in(&self) {
        self.ip(&["link", "set", "veth", "up"]);
    }

    fn ip(&self, arguments: &[&str]) {
        ip(&[&["-n", &self.name], arguments].concat());
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = Command::new("ip")
            .args(["netns", "delete", &self.name])
            .status();
    }
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).output();
    let output = output.expect("iproute2 is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "ip {}: {said}",
        arguments.join(" ")
    );
}
