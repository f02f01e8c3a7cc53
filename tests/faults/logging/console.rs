//! Whoever reads stdout and stderr, or doesn't, can neither hold up the daemon nor end it.

use std::fs::File;
use std::io::{BufRead, BufReader, PipeReader, Write, pipe};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};

use rustix::pipe::fcntl_setpipe_size;

use super::dropped;
use crate::common::{
    DEADLINE, Daemon, Noise, RELAY, connect, eventually, patient, program, receive,
};
use crate::common::{scratch, serve};

/// An address that no connection of another test can come upon by chance: those are all between 127.0.0.1 and itself.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.77.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// A whole room: two clients come, are joined, carry bytes both ways and go.
fn a_room_works(address: SocketAddr) {
    let noise = Noise::new(1);
    let (mut x, mut y) = (connect(address), connect(address));
    std::thread::scope(|scope| {
        scope.spawn(|| noise.send(&mut x, 0..1 << 20));
        noise.receive(&mut y, 0..1 << 20);
    });
    y.write_all(b"and back").unwrap();
    receive(&mut x, b"and back");
}

/// Reads one line, and then no more; the pipe is made as small as it gets.
fn first_line(reader: PipeReader) -> (String, PipeReader) {
    let (mut lines, mut line) = (BufReader::with_capacity(1, reader), String::new());
    lines.read_line(&mut line).unwrap();
    let reader = lines.into_inner();
    fcntl_setpipe_size(&reader, 4096).unwrap();
    (line, reader)
}

/// A device on which every write fails.
fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

/// Ends without having panicked, as far as stderr tells.
fn ends_well(daemon: &mut Daemon) {
    daemon.stop();
    let log = daemon.stderr.rest();
    let panicked = log.iter().any(|line| line.contains("panicked"));
    assert!(!panicked, "{log:#?}");
}

#[test]
fn a_stopped_reader_of_stdout_costs_lines_and_nothing_else() {
    let (reader, writer) = pipe().unwrap();
    let mut command = serve(&[RELAY]);
    command.stdout(writer).stderr(Stdio::piped());
    let mut daemon = Daemon::adopt(&mut command);
    drop(command);
    let (ready, reader) = first_line(reader);
    daemon.is_ready(&ready);
    // Each answer is logged with the count of the lines that were lost before it.
    let mut seen = 0;
    while seen == 0 {
        daemon.signal(crate::common::Signal::USR2);
        let line = daemon.stderr.find("lines dropped: ");
        let (_, counts) = line.split_once("dropped: ").unwrap();
        seen = counts.split(' ').next().unwrap().parse().unwrap();
    }
    a_room_works(daemon.address(0));
    ends_well(&mut daemon);
    // What had room in the pipe is there, in whole lines.
    for line in BufReader::new(reader).lines().map(Result::unwrap) {
        assert_eq!(line, "NUMBER OF CLIENTS : 0");
    }
}

#[test]
fn a_stopped_reader_of_stderr_costs_lines_and_nothing_else() {
    let (reader, writer) = pipe().unwrap();
    fcntl_setpipe_size(&reader, 4096).unwrap();
    let file = scratch("stopped_stderr.prom");
    let mut command = serve(&[RELAY]);
    command.arg("--stats-file").arg(&file);
    command.stdout(Stdio::piped()).stderr(writer);
    let mut daemon = Daemon::adopt(&mut command);
    let ready = daemon.stdout.next().unwrap();
    daemon.is_ready(&ready);
    let clients: Vec<_> = (0..200).map(|_| daemon.connect()).collect();
    daemon.has_clients(200);
    eventually("lost lines", || dropped(&daemon, &file, "stderr") >= 100);
    daemon.has_state('S');
    // Lost is lost: nothing is kept for a reader that may come back.
    let (before, descriptors) = (daemon.memory("VmRSS"), daemon.descriptors().len());
    for _ in 0..1000 {
        daemon.report();
    }
    let grown = daemon.memory("VmRSS").saturating_sub(before);
    assert!(grown < 1 << 20, "{grown} bytes more");
    daemon.has_descriptors(descriptors);
    a_room_works(daemon.address(0));
    drop(clients);
    daemon.stop();
    drop(reader);
}

#[test]
fn readers_that_have_gone_cost_lines_and_nothing_else() {
    let (out, out_writer) = pipe().unwrap();
    let (err, err_writer) = pipe().unwrap();
    let file = scratch("gone_readers.prom");
    let mut command = serve(&[RELAY]);
    command.arg("--stats-file").arg(&file);
    command.stdout(out_writer).stderr(err_writer);
    let mut daemon = Daemon::adopt(&mut command);
    drop(command);
    let (ready, out) = first_line(out);
    daemon.is_ready(&ready);
    drop((out, err));
    a_room_works(daemon.address(0));
    for stream in ["stdout", "stderr"] {
        eventually("lost lines", || dropped(&daemon, &file, stream) > 0);
    }
    daemon.stop();
}

#[test]
fn a_full_device_costs_lines_and_nothing_else() {
    let (address, file) = (free_address(), scratch("full_device.prom"));
    let mut command = serve(&[&format!("relay://{address}")]);
    command.arg("--stats-file").arg(&file);
    command.stdout(full()).stderr(full());
    let mut daemon = Daemon::adopt(&mut command);
    is_serving(address);
    a_room_works(address);
    for stream in ["stdout", "stderr"] {
        eventually("lost lines", || dropped(&daemon, &file, stream) > 1);
    }
    daemon.stop();
}

#[test]
fn lines_lost_on_stdout_alone_are_told_on_stderr() {
    let mut command = serve(&[&format!("relay://{}", free_address())]);
    command.arg("-v").stdout(full()).stderr(Stdio::piped());
    let mut daemon = Daemon::adopt(&mut command);
    daemon.stderr.find("clients");
    // The ready line and this answer.
    daemon.signal(crate::common::Signal::USR2);
    daemon
        .stderr
        .find("lines dropped: 2 on stdout, 0 on stderr");
    ends_well(&mut daemon);
}

#[test]
fn closed_streams_do_no_harm() {
    for redirection in [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"] {
        let address = free_address();
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("exec \"$@\" {redirection}"), "sh"])
            .arg(program().get_program())
            .args(["serve", "--listen", &format!("relay://{address}")]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut daemon = Daemon::adopt(&mut command);
        is_serving(address);
        for _ in 0..10 {
            daemon.signal(crate::common::Signal::USR2);
        }
        a_room_works(address);
        ends_well(&mut daemon);
    }
}

/// Returns when somebody listens there. The client that finds out says nothing, and so leaves no trace.
fn is_serving(address: SocketAddr) {
    eventually("a listener", || {
        TcpStream::connect_timeout(&address, DEADLINE).is_ok_and(|stream| {
            // It is gone for the daemon too before the next client comes.
            patient(&stream);
            stream.shutdown(std::net::Shutdown::Write).unwrap();
            crate::common::end_of(&mut &stream) == crate::common::End::Fin
        })
    });
}

/// A terminal that nobody reads says that it has room as long as it has some, which may be less than a line.
#[test]
fn a_stopped_terminal_costs_lines_and_no_time() {
    let (master, terminal) = a_terminal();
    let mut command = serve(&[RELAY]);
    command.stdout(Stdio::piped()).stderr(terminal);
    let mut daemon = Daemon::adopt(&mut command);
    let line = daemon.stdout.next().unwrap();
    daemon.is_ready(&line);
    for _ in 0..300 {
        let (x, y) = daemon.pair();
        drop((x, y));
    }
    a_room_works(daemon.address(0));
    daemon.has_clients(0);
    daemon.signal(crate::common::Signal::TERM);
    assert_eq!(daemon.wait().code(), Some(0));
    drop(master);
}

/// A terminal as a standard stream, and the other side of it.
fn a_terminal() -> (rustix::fd::OwnedFd, Stdio) {
    use rustix::fs::{Mode, OFlags, open};
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap();
    let terminal = open(&name, OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).unwrap();
    (master, terminal.into())
}
