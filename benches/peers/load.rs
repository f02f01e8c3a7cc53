//! The load generator, `pairloop bench`: the same for all.

use std::io;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::json::Json;
use crate::machine::Machine;
use crate::peer::Role;
use crate::programs::pairloop_as_users_have_it;
use crate::server::Server;

/// How long a run may take beyond what it measures.
const PATIENCE: Duration = Duration::from_secs(60);

/// What is put on a server.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub mode: &'static str,
    /// Connections of echo and idle, rooms of the others.
    pub count: usize,
    pub options: &'static [&'static str],
    /// How long it goes on before it is measured, as a multiple of how long it is measured.
    pub warmup: f64,
}

pub struct Measured {
    pub json: Json,
    pub text: String,
}

fn generator() -> Command {
    let mut command = Command::new(pairloop_as_users_have_it());
    command.arg("bench").stdin(Stdio::null());
    command
}

/// Runs the load for so long.
///
/// # Errors
/// In words; nothing of such a run counts.
pub fn run(
    machine: &Machine,
    server: &Server,
    load: &Load,
    seconds: f64,
) -> Result<Measured, String> {
    let mut command = generator();
    command.args(arguments(server, load));
    let milliseconds = |seconds: f64| format!("{:.0}ms", seconds * 1000.0);
    command.args(["--duration", &milliseconds(seconds)]);
    command.args(["--warmup", &milliseconds(seconds * load.warmup)]);
    command.args(load.options).arg("--json");
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = machine.spawn_on(machine.load_core, &mut command);
    let child = child.map_err(|error| format!("pairloop bench: {error}"))?;
    let patience = PATIENCE + Duration::from_secs_f64(2.0 * seconds);
    let (status, text, errors) = finish(child, patience)?;
    if status != Some(0) {
        let why = errors.lines().last().unwrap_or("no reason given");
        return Err(why.trim_start_matches("pairloop: ").to_owned());
    }
    Ok(Measured {
        json: Json::parse(&text),
        text: text.trim_end().to_owned(),
    })
}

fn arguments(server: &Server, load: &Load) -> Vec<String> {
    // Of what stands behind a proxy its idle clients have one each, so that the number of connections is the same.
    let halved = load.mode == "idle" && server.role == Role::Proxy;
    let count = load.count / if halved { 2 } else { 1 };
    let what = match load.mode {
        "echo" | "idle" => "--connections",
        _ => "--rooms",
    };
    let mut arguments = vec![load.mode.into(), what.into(), count.to_string()];
    arguments.extend(["--at".into(), server.at.to_string()]);
    match server.role {
        Role::Rooms => {}
        Role::Transit => arguments.extend(["--hello".into(), "transit".into()]),
        Role::Proxy | Role::Direct => arguments.extend(["--sink".into(), server.sink.to_string()]),
    }
    if let Some(pid) = server.pid() {
        arguments.extend(["--server-pid".into(), pid.to_string()]);
    }
    arguments
}

/// Waits without a look at the clock, which would take time from the core that is measured.
fn finish(child: Child, patience: Duration) -> Result<(Option<i32>, String, String), String> {
    let pid = Pid::from_child(&child);
    let (sender, receiver) = mpsc::channel();
    let waiting = thread::spawn(move || sender.send(child.wait_with_output()));
    let output = receiver.recv_timeout(patience).map_err(|_| {
        let _ = kill_process(pid, Signal::KILL);
        "the generator did not come to an end".to_owned()
    });
    let _ = waiting.join();
    let output = output?.map_err(|error| error.to_string())?;
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    Ok((
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    ))
}

/// Opens idle connections and keeps them until it is killed.
pub fn hold(machine: &Machine, at: SocketAddr, connections: usize) -> io::Result<Child> {
    let mut command = generator();
    command.args(["idle", "--duration", "1h", "--at", &at.to_string()]);
    command.args(["--connections", &connections.to_string()]);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    machine.spawn_on(machine.load_core, &mut command)
}
