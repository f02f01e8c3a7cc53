//! The peers, each in its best configuration.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::programs::{
    built, find, pairloop_as_users_have_it, tokio_version, transit_version, version_of,
};

pub struct Peer {
    /// As in the tables.
    pub name: &'static str,
    pub role: Role,
    /// Rooms that it was made for.
    pub most_rooms: usize,
    /// Idle clients that it has beside those that are measured.
    pub crowd: usize,
    pub find: fn() -> Option<PathBuf>,
    pub install: &'static str,
    pub version: fn(&Path) -> Option<String>,
    pub command: fn(&Path, &Place) -> io::Result<Command>,
}

/// How clients reach each other through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It pairs clients in the order in which they come.
    Rooms,
    /// It pairs those that say the same token.
    Transit,
    /// It connects each client to a sink behind it.
    Proxy,
    /// There is nothing between them.
    Direct,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    Echo,
    Relay,
    Transit,
}

/// Where a peer is to listen, and where its sink is.
pub struct Place {
    pub service: Service,
    pub at: SocketAddr,
    pub sink: SocketAddr,
    /// Its own, for configuration.
    pub folder: PathBuf,
}

impl Peer {
    pub fn known_version(&self) -> Option<String> {
        (self.version)(&(self.find)()?)
    }
}

impl Service {
    pub fn name(self) -> &'static str {
        match self {
            Service::Echo => "echo",
            Service::Relay => "relay",
            Service::Transit => "transit",
        }
    }
}

const APT: fn(&Path) -> Option<String> = |program| version_of(program, "--version");

/// What all have in common that have nothing special.
const PLAIN: Peer = Peer {
    name: "",
    role: Role::Rooms,
    most_rooms: usize::MAX,
    crowd: 0,
    find: || None,
    install: "",
    version: APT,
    command: |program, place| Ok(ours(program, place)),
};

const PAIRLOOP: Peer = Peer {
    name: "pairloop",
    find: || Some(pairloop_as_users_have_it()),
    command: |program, place| Ok(pairloop(program, place)),
    ..PLAIN
};

const HAPROXY: Peer = Peer {
    name: "haproxy",
    role: Role::Proxy,
    find: || find("haproxy"),
    install: "apt-get install haproxy",
    version: |program| version_of(program, "-v"),
    command: |program, place| haproxy(program, place, true),
    ..PLAIN
};

pub const PEERS: &[Peer] = &[
    PAIRLOOP,
    Peer {
        name: "pairloop --no-splice",
        command: |program, place| {
            let mut command = pairloop(program, place);
            command.arg("--no-splice");
            Ok(command)
        },
        ..PAIRLOOP
    },
    Peer {
        name: "pairloop beside 15,000 idle",
        crowd: 15_000,
        ..PAIRLOOP
    },
    Peer {
        name: "direct (limit)",
        role: Role::Direct,
        version: |_| None,
        ..PAIRLOOP
    },
    Peer {
        name: "raw (limit)",
        find: || built("programs/release/raw"),
        install: "cargo builds it from benches/peers/programs",
        version: |_| None,
        command: |program, place| {
            let mut command = Command::new(program);
            command.arg(place.at.to_string());
            Ok(command)
        },
        ..PLAIN
    },
    Peer {
        name: "tokio",
        find: || built("programs/release/tokio"),
        install: "cargo builds it from benches/peers/programs",
        version: |_| tokio_version(),
        ..PLAIN
    },
    Peer {
        name: "go",
        find: || built("go"),
        install: "apt-get install golang-go",
        version: |_| version_of(Path::new("go"), "version"),
        command: |program, place| {
            let mut command = ours(program, place);
            command.env("GOMAXPROCS", "1");
            Ok(command)
        },
        ..PLAIN
    },
    HAPROXY,
    Peer {
        name: "haproxy copying",
        command: |program, place| haproxy(program, place, false),
        ..HAPROXY
    },
    Peer {
        name: "nginx",
        role: Role::Proxy,
        find: || find("nginx").filter(|_| Path::new(NGINX_MODULE).exists()),
        install: "apt-get install nginx libnginx-mod-stream",
        version: |program| version_of(program, "-v"),
        command: nginx,
        ..PLAIN
    },
    Peer {
        name: "socat",
        role: Role::Proxy,
        // Each is a process.
        most_rooms: 16,
        find: || find("socat"),
        install: "apt-get install socat",
        version: |program| version_of(program, "-V"),
        command: |program, place| Ok(socat(program, place)),
        ..PLAIN
    },
    Peer {
        name: "ncat --broker",
        // It sends what comes from one to all others.
        most_rooms: 1,
        find: || find("ncat"),
        install: "apt-get install ncat",
        command: |program, place| {
            let mut command = Command::new(program);
            command.args(["--broker", "-l"]);
            command.args([place.at.ip().to_string(), place.at.port().to_string()]);
            Ok(command)
        },
        ..PLAIN
    },
    Peer {
        name: "transit relay",
        role: Role::Transit,
        find: twist,
        install: "cargo bench --bench peers -- --install",
        version: transit_version,
        command: |program, place| {
            let mut command = Command::new(program);
            let (port, host) = (place.at.port(), place.at.ip());
            command.arg("transitrelay");
            // With the default backlog of 50, a crowd comes in by retransmissions.
            command.arg(format!("--port=tcp:{port}:interface={host}:backlog=65535"));
            Ok(command)
        },
        ..PLAIN
    },
];

fn pairloop(program: &Path, place: &Place) -> Command {
    let mut command = Command::new(program);
    let url = format!("{}://{}", place.service.name(), place.at);
    command.args(["serve", "-qq", "--listen", &url]);
    command
}

fn ours(program: &Path, place: &Place) -> Command {
    let mut command = Command::new(program);
    command.args([place.service.name(), &place.at.to_string()]);
    command
}

/// `splice-request` and `-response`, as `splice-auto` hardly ever splices here. Sessions and pipes are what 20,000
/// descriptors allow, and more than are ever needed.
fn haproxy(program: &Path, place: &Place, splices: bool) -> io::Result<Command> {
    let Place { at, sink, .. } = place;
    let splicing = if splices {
        "  option splice-request\n  option splice-response\n"
    } else {
        ""
    };
    let text = format!(
        "global\n  nbthread 1\n  maxconn 9200\n  maxpipes 600\n\
         defaults\n  mode tcp\n  timeout connect 10s\n  timeout client 1h\n  timeout server 1h\n{splicing}\
         frontend clients\n  bind {at}\n  default_backend sink\n\
         backend sink\n  server sink {sink}\n"
    );
    let file = configuration(place, "haproxy.cfg", &text)?;
    let mut command = Command::new(program);
    command.args(["-db", "-f"]).arg(file);
    Ok(command)
}

const NGINX_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// With the default buffer of 16 KiB bulk is half as fast.
fn nginx(program: &Path, place: &Place) -> io::Result<Command> {
    let Place { at, sink, .. } = place;
    let folder = place.folder.display();
    let text = format!(
        "load_module {NGINX_MODULE};\ndaemon off;\nworker_processes 1;\nworker_rlimit_nofile 20000;\n\
         pid {folder}/nginx.pid;\nerror_log {folder}/nginx.log crit;\n\
         events {{ worker_connections 20000; }}\n\
         stream {{\n  access_log off;\n  proxy_buffer_size 64k;\n  proxy_timeout 1h;\n\
         server {{ listen {at} backlog=65535; proxy_pass {sink}; }}\n}}\n"
    );
    let file = configuration(place, "nginx.conf", &text)?;
    let mut command = Command::new(program);
    command.arg("-c").arg(file);
    command.arg("-e").arg(place.folder.join("nginx.log"));
    Ok(command)
}

fn socat(program: &Path, place: &Place) -> Command {
    let (ip, port) = (place.at.ip(), place.at.port());
    let mut command = Command::new(program);
    command.args(["-b", "65536"]);
    command.arg(format!(
        "TCP-LISTEN:{port},bind={ip},fork,reuseaddr,backlog=1024,nodelay"
    ));
    command.arg(format!("TCP:{},nodelay", place.sink));
    command
}

/// The script, not what a link of its folder leads to: it finds its Python beside it.
fn twist() -> Option<PathBuf> {
    let script = std::path::absolute(crate::FOLDER).ok()?;
    let script = script.join("transit/bin/twist");
    script.is_file().then_some(script)
}

fn configuration(place: &Place, name: &str, text: &str) -> io::Result<PathBuf> {
    let file = place.folder.join(name);
    fs::write(&file, text)?;
    Ok(file)
}
