//! The machine: made as fair as it can be, and described.
//!
//! Two things spoil loopback figures. The congestion control may be one that paces (bbr), even where there is nothing to be
//! congested: so a network namespace of our own, with reno. And a core that sleeps takes tens of microseconds to
//! wake, which is taken for the server's: so no core may sleep deeply while we measure.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Says to the process that it is in the namespace already.
const INSIDE: &str = "PEERS_NAMESPACE";

/// For both ends of 9,000 rooms.
const DESCRIPTORS: u64 = 20_000;

pub struct Machine {
    pub server_core: usize,
    pub load_core: usize,
    all: CpuSet,
    /// Open as long as cores are to stay awake.
    _awake: Option<File>,
    /// What could not be had, in words.
    pub shortcomings: Vec<String>,
}

pub fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Becomes the same program in a network namespace of its own; returns if it is there, or can't get there.
pub fn enter_namespace() -> bool {
    if is_inside() {
        return true;
    }
    // Without `ip` nobody could connect to anybody in there.
    let possible = Command::new("unshare")
        .args(["-n", "ip", "link", "set", "lo", "up"])
        .output();
    if !possible.is_ok_and(|output| output.status.success()) {
        return false;
    }
    let Ok(program) = std::env::current_exe() else {
        return false;
    };
    let error = Command::new("unshare")
        .arg("-n")
        .arg(program)
        .args(std::env::args_os().skip(1))
        .env(INSIDE, "1")
        .exec();
    eprintln!("unshare: {error}");
    false
}

impl Machine {
    /// `private`: whether the network is ours.
    pub fn prepare(private: bool) -> io::Result<Self> {
        let mut shortcomings = Vec::new();
        if private {
            if let Err(error) = prepare_network() {
                shortcomings.push(format!(
                    "the network namespace is not as it should be: {error}"
                ));
            }
        } else {
            let control = read("/proc/sys/net/ipv4/tcp_congestion_control");
            shortcomings.push(format!(
                "no network namespace (needs root, unshare and ip): congestion control is {control}"
            ));
        }
        let awake = stay_awake();
        if let Err(error) = &awake {
            shortcomings.push(format!("cores may sleep (/dev/cpu_dma_latency: {error})"));
        }
        let all = sched_getaffinity(None)?;
        let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| all.is_set(core));
        let server_core = cores.next().unwrap_or(0);
        let load_core = cores.next().unwrap_or(server_core);
        if server_core == load_core {
            shortcomings.push("server and load share the only core".into());
        }
        if raise_descriptors() < DESCRIPTORS {
            shortcomings.push(format!("fewer than {DESCRIPTORS} descriptors (ulimit -Hn)"));
        }
        Ok(Self {
            server_core,
            load_core,
            all,
            _awake: awake.ok(),
            shortcomings,
        })
    }

    /// Starts a program on one core.
    pub fn spawn_on(&self, core: usize, command: &mut Command) -> io::Result<Child> {
        self.on(core, || command.spawn())?
    }

    /// Does this on one core. Every process and thread that it starts inherits the core.
    pub fn on<T>(&self, core: usize, work: impl FnOnce() -> T) -> io::Result<T> {
        let mut one = CpuSet::new();
        one.set(core);
        sched_setaffinity(None, &one)?;
        let done = work();
        sched_setaffinity(None, &self.all)?;
        Ok(done)
    }

    /// The kind of machine, in words.
    pub fn describe(&self) -> String {
        let info = read("/proc/cpuinfo");
        let field = |name: &str| {
            let line = info.lines().find(|line| line.starts_with(name))?;
            line.split_once(':').map(|(_, value)| value.trim())
        };
        let model = field("model name").unwrap_or(std::env::consts::ARCH);
        let hypervisor = field("flags").is_some_and(|flags| flags.contains("hypervisor"));
        let kind = if hypervisor { "virtual cores" } else { "cores" };
        let kernel = read("/proc/sys/kernel/osrelease");
        format!("{model}, {} {kind}, Linux {kernel}", self.all.count())
    }
}

fn prepare_network() -> io::Result<()> {
    let up = Command::new("ip")
        .args(["link", "set", "lo", "up"])
        .status()?;
    if !up.success() {
        return Err(io::Error::other("ip link set lo up failed"));
    }
    for (name, value) in [
        ("ipv4/tcp_congestion_control", "reno"),
        // Servers have the ports below.
        ("ipv4/ip_local_port_range", "10000 65535"),
        ("ipv4/tcp_max_syn_backlog", "65535"),
        ("core/somaxconn", "65535"),
    ] {
        fs::write(format!("/proc/sys/net/{name}"), value)
            .map_err(|error| io::Error::other(format!("{name}: {error}")))?;
    }
    Ok(())
}

/// The kernel reads a latency in microseconds, and keeps to it while the file is open (pm_qos_interface.rst).
fn stay_awake() -> io::Result<File> {
    let mut file = OpenOptions::new()
        .write(true)
        .open("/dev/cpu_dma_latency")?;
    file.write_all(&0_i32.to_ne_bytes())?;
    Ok(file)
}

/// As many as may be had; all that is started inherits them.
fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= DESCRIPTORS) {
        return DESCRIPTORS;
    }
    let wanted = |maximum| Rlimit {
        current: Some(maximum),
        maximum: Some(maximum),
    };
    // Beyond the hard limit only root gets.
    if setrlimit(Resource::Nofile, wanted(DESCRIPTORS)).is_ok() {
        return DESCRIPTORS;
    }
    let hard = limit.maximum.unwrap_or(DESCRIPTORS);
    let _ = setrlimit(Resource::Nofile, wanted(hard));
    hard
}

fn read(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.trim().into()
}
