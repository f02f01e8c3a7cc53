//! Memory that is not there: `--buffer-memory`, and a limit for the process (ulimit -v). New work is refused before it runs out.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};

use socket2::{Domain, SockRef, Socket, Type};

use crate::common::users::UserFile;
use crate::common::{
    DEADLINE, Daemon, ECHO, Noise, RELAY, Room, Signal, patient, raise_descriptor_limit, read,
    scratch, serve,
};

/// Far more than the kernel and the daemon may keep for one direction.
const ENDLESS: u64 = 1 << 30;

/// Rooms whose readers do not read. Answers how much was sent into each before its producer was stopped.
fn slow_rooms(daemon: &mut Daemon, count: usize) -> Vec<(TcpStream, TcpStream, u64)> {
    let noise = Noise::new(1);
    let address = daemon.address(0);
    let rooms = (0..count).map(|_| {
        (
            with_buffers(address, 256 << 10),
            with_buffers(address, 4096),
            0,
        )
    });
    let mut rooms: Vec<_> = rooms.collect();
    let mut refusals = 0;
    while refusals < 5 {
        let mut moved = false;
        for (producer, _, sent) in &mut rooms {
            let reached = noise.send_at_once(producer, *sent, ENDLESS);
            assert!(reached < ENDLESS, "nothing stops the producer");
            moved |= reached > *sent;
            *sent = reached;
        }
        refusals = if moved { 0 } else { refusals + 1 };
        daemon.settle();
    }
    rooms
}

/// At last their readers read.
#[track_caller]
fn all_arrives(rooms: Vec<(TcpStream, TcpStream, u64)>) {
    let noise = Noise::new(1);
    for (_producer, mut consumer, sent) in rooms {
        let socket = SockRef::from(&consumer);
        socket.set_recv_buffer_size(1 << 20).unwrap();
        noise.receive(&mut consumer, 0..sent);
    }
}

/// A client for which the kernel keeps so much and not megabytes, so that many of them are no burden to the machine.
fn with_buffers(address: SocketAddr, bytes: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(bytes).unwrap();
    socket.set_send_buffer_size(bytes).unwrap();
    socket.connect(&address.into()).unwrap();
    let stream = TcpStream::from(socket);
    patient(&stream);
    stream
}

/// The process may have so many bytes of address space.
fn limited(megabytes: u64, options: &[&str]) -> Command {
    limited_to(megabytes, &[RELAY, ECHO], options)
}

fn limited_to(megabytes: u64, urls: &[&str], options: &[&str]) -> Command {
    let plain = serve(urls);
    let mut command = Command::new("sh");
    let limit = format!("ulimit -v {}; exec \"$0\" \"$@\"", megabytes * 1024);
    command.args(["-c", &limit]).arg(plain.get_program());
    command.args(plain.get_args()).args(options);
    command.env_remove("RUST_LOG");
    command
}

/// Users are read while rooms go on, and more of them than there is memory for are an error, not the end.
#[test]
fn users_that_the_address_space_is_too_small_for_are_refused_and_rooms_go_on() {
    let names: Vec<String> = (0..5000).map(|number| format!("user{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let few = UserFile::of("memory", &names);
    let urls = [RELAY, &few.lock("relay")];
    let mut daemon = Daemon::run(limited_to(40, &urls, &[]), 2);
    let mut room = Room::relay(&daemon, 0);
    daemon.signal(Signal::HUP);
    daemon.stderr.find("5000 users");
    room.goes_on();
    // Longer, and mostly empty.
    few.is(&"#\n".repeat(4 << 20));
    daemon.signal(Signal::HUP);
    let line = daemon.stderr.find("bytes of memory");
    assert!(line.contains("the users stay as they were"), "{line}");
    room.goes_on();
    drop(room);
    daemon.has_clients(0);
    daemon.stop();
    let output = limited_to(40, &urls, &[]).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("raise its limit (ulimit -v)"), "{stderr}");
}

/// Where an allocation fails the process ends, and with it all rooms.
#[test]
fn slow_readers_do_not_take_the_daemon_beyond_its_address_space() {
    raise_descriptor_limit(2048);
    for options in [&["--no-splice"][..], &[]] {
        let mut daemon = Daemon::run(limited(20, options), 2);
        let mut echo = Room::echo(&daemon, 1);
        let rooms = slow_rooms(&mut daemon, 80);
        echo.goes_on();
        all_arrives(rooms);
        echo.goes_on();
        drop(echo);
        daemon.has_clients(0);
        daemon.stop();
    }
}

/// As many as the memory is enough for are let in, whatever some of them do.
#[test]
fn clients_beyond_what_the_address_space_is_enough_for_are_refused() {
    raise_descriptor_limit(4096);
    let mut daemon = Daemon::run(limited(20, &["-v", "--no-splice"]), 2);
    let most = daemon.stderr.find("up to ");
    let most = most.split("up to ").nth(1).unwrap();
    let most: usize = most.split(' ').next().unwrap().parse().unwrap();
    assert!((50..2000).contains(&most), "{most} clients");
    let rooms = slow_rooms(&mut daemon, 20);
    let idle: Vec<_> = (2 * rooms.len()..most).map(|_| daemon.connect()).collect();
    daemon.has_clients(most);
    assert!(
        (0..10).all(|_| let_in(&daemon).is_none()),
        "nobody else is let in"
    );
    daemon.stderr.find("clients is the limit");
    all_arrives(rooms);
    drop(idle);
    daemon.has_clients(0);
    assert!(let_in(&daemon).is_some());
    daemon.has_clients(0);
    daemon.stop();
}

/// A client that is not refused.
fn let_in(daemon: &Daemon) -> Option<TcpStream> {
    // The reset may come before the connect has returned.
    let mut client = TcpStream::connect_timeout(&daemon.address(1), DEADLINE).ok()?;
    patient(&client);
    client.write_all(b"?").ok()?;
    read(&mut client, &mut [0]).is_ok().then_some(client)
}

#[test]
fn what_is_asked_for_beyond_the_address_space_is_an_error() {
    for (options, words) in [
        (["--max-clients", "15000"], "--max-clients 15000 needs "),
        (
            ["--buffer-memory", "1G"],
            "--buffer-memory 1073741824 needs ",
        ),
    ] {
        let mut command = limited(64, &options);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut daemon = Daemon::adopt(&mut command);
        assert_eq!(daemon.wait().code(), Some(1));
        let stderr = daemon.stderr.rest();
        assert_eq!(stderr.len(), 1, "one sentence: {stderr:#?}");
        assert!(stderr[0].contains(words), "{stderr:#?}");
        assert!(stderr[0].ends_with("raise its limit (ulimit -v)"));
        assert_eq!(daemon.stdout.rest(), [""; 0], "nothing listens");
    }
}

/// The daemon keeps what it was allowed, and so does its memory. Who comes beyond that is refused.
#[test]
fn slow_readers_stay_within_the_buffer_memory_and_clients_beyond_it_are_refused() {
    const LIMIT: usize = 600 << 10;
    let file = scratch("buffer_memory.prom");
    let options = ["--buffer-memory", "600K", "--no-splice", "--stats-file"];
    let options = [&options[..], &[file.to_str().unwrap()]].concat();
    // 4 KiB for each client.
    const CLIENTS: usize = LIMIT / 4096;
    let mut daemon = Daemon::serve(&[RELAY, ECHO], &options);
    let mut echo = Room::echo(&daemon, 1);
    let before = daemon.memory("VmRSS");
    let rooms = slow_rooms(&mut daemon, (CLIENTS - 1) / 2);
    echo.goes_on();
    let grown = daemon.memory("VmRSS").saturating_sub(before);
    assert!(grown < 4 << 20, "{grown} bytes more");
    let buffered = statistic(&file, "pairloop_buffered_bytes ");
    assert!(0 < buffered && buffered <= LIMIT, "{buffered} bytes");

    let connected = 1 + 2 * rooms.len();
    let others: Vec<_> = (0..10).filter_map(|_| let_in(&daemon)).collect();
    assert_eq!(connected + others.len(), CLIENTS);
    daemon.has_clients(CLIENTS);
    daemon.settle();
    let refused = statistic(&file, "pairloop_refused_total{service=\"echo\"} ");
    assert_eq!(refused, 10 - others.len());
    all_arrives(rooms);
    echo.goes_on();
    drop((others, echo));
    daemon.has_clients(0);
    daemon.stop();
}

fn statistic(file: &Path, name: &str) -> usize {
    let text = std::fs::read_to_string(file).unwrap();
    let value = text.lines().find_map(|line| line.strip_prefix(name));
    value.expect(name).parse().unwrap()
}
