//! Real magic-wormhole clients, sending files through the transit service.

mod common;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::transit::TRANSIT;
use common::usage::{Line, logged, sessions};
use common::{Client, Daemon, End, Noise, Signal, eventually, scratch};
use rustix::process::{Pid, kill_process};

/// How long a transfer may take: 200 MiB are encrypted and decrypted in Python.
const PATIENCE: Duration = Duration::from_secs(120);

const MIB: u64 = 1 << 20;

/// The relay's usage log.
const USAGE: &str = "usage.jsonl";

/// What the parties to a transfer need: the mailbox server where they agree on a key, and the relay.
struct Stage {
    relay: Daemon,
    _mailbox: Client,
    mailbox_url: String,
    /// Where magic-wormhole's programs are.
    programs: PathBuf,
    folder: PathBuf,
}

/// A running client. Its output goes into a file, so that it never waits for us.
struct Party {
    child: Child,
    output: PathBuf,
}

impl Stage {
    fn new(name: &str) -> Self {
        let programs = std::env::var("WORMHOLE_BIN");
        let programs = programs.expect("WORMHOLE_BIN names a folder with wormhole");
        let programs = fs::canonicalize(programs).expect("the folder exists");
        let mut mailbox = Command::new(programs.join("twist"));
        mailbox.args(["--log-format=text", "wormhole-mailbox"]);
        mailbox.args(["--port=tcp:0:interface=127.0.0.1", "--channel-db=:memory:"]);
        let mut mailbox = Client::spawn(mailbox);
        let line = mailbox.stdout.find(" starting on ");
        let (_, port) = line.rsplit_once(' ').expect("a port");
        let folder = scratch(name);
        fs::create_dir_all(&folder).unwrap();
        Self {
            relay: logged(&[TRANSIT], &folder.join(USAGE), &[]),
            mailbox_url: format!("ws://127.0.0.1:{port}/v1"),
            _mailbox: mailbox,
            programs,
            folder,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A file with so much noise.
    fn write(&self, name: &str, length: u64) {
        let mut file = File::create(self.path(name)).unwrap();
        Noise::new(length).send(&mut file, 0..length);
    }

    /// It holds the noise that was written.
    #[track_caller]
    fn is_whole(&self, name: &str, length: u64) {
        let mut file = File::open(self.path(name)).unwrap();
        let whole = Noise::new(length).receive_all(&mut file, 0);
        assert_eq!(whole, (length, End::Fin), "{name}");
    }

    /// So many sessions have ended, all in this mood. Answers how many bytes went through the last.
    #[track_caller]
    fn has_logged(&self, count: usize, mood: &str) -> u64 {
        let sessions = sessions(&self.path(USAGE), count);
        let in_mood = |session: &&Line| session.mood == mood && session.waited;
        assert_eq!(
            sessions.iter().filter(in_mood).count(),
            count,
            "{sessions:?}"
        );
        sessions.last().map_or(0, |session| session.bytes)
    }

    fn send(&self, code: &str, file: &str) -> Party {
        self.wormhole(code, &["send", "--code", code, file])
    }

    fn receive(&self, code: &str, file: &str) -> Party {
        self.wormhole(code, &["receive", "--accept-file", "-o", file, code])
    }

    /// One of magic-wormhole's commands. It does not listen, so that nobody can go past the relay.
    fn wormhole(&self, code: &str, arguments: &[&str]) -> Party {
        let (verb, arguments) = arguments.split_first().unwrap();
        let mut command = Command::new(self.programs.join("wormhole"));
        command.args([verb, "--no-listen", "--hide-progress"]);
        command.args(arguments).current_dir(&self.folder);
        command.env("WORMHOLE_RELAY_URL", &self.mailbox_url);
        let relay = format!("tcp:{}", self.relay.address(0));
        command.env("WORMHOLE_TRANSIT_HELPER", relay);
        command.env("WORMHOLE_QR", "0");
        Party::start(&mut command, self.path(&format!("{code}.{verb}")))
    }
}

impl Party {
    fn start(command: &mut Command, output: PathBuf) -> Self {
        let file = File::create(&output).unwrap();
        command.stdout(file.try_clone().unwrap()).stderr(file);
        let child = command.spawn().expect("it starts");
        Self { child, output }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it runs");
    }

    /// Whether it has ended by now, and with success.
    fn ended(&mut self) -> Option<bool> {
        let status = self.child.try_wait().expect("it can be waited for");
        status.map(|status| status.success())
    }

    /// What it has said.
    fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.output).unwrap()).into_owned()
    }

    /// It ends, and with success.
    #[track_caller]
    fn succeeds(&mut self) {
        let begin = Instant::now();
        while self.ended().is_none() {
            assert!(begin.elapsed() < PATIENCE, "in vain: {}", self.said());
            thread::sleep(Duration::from_millis(10));
        }
        assert_eq!(self.ended(), Some(true), "{}", self.said());
    }

    #[track_caller]
    fn used_the_relay(&self) {
        let said = self.said();
        assert!(said.contains("->relay:tcp:127.0.0.1:"), "{said}");
    }
}

impl Drop for Party {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // What a failed test leaves is in the target folder, and of use there.
        if !thread::panicking() {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Both come to their ends, and the file has arrived through the relay.
#[track_caller]
fn has_arrived(stage: &Stage, mut parties: [Party; 2], received: &str, length: u64) {
    for party in &mut parties {
        party.succeeds();
        party.used_the_relay();
    }
    stage.is_whole(received, length);
}

#[test]
#[ignore = "needs magic-wormhole"]
fn a_file_arrives_whoever_comes_first() {
    let mut stage = Stage::new("wormhole-sizes");
    for (number, length) in [1, 5 * MIB, 200 * MIB].into_iter().enumerate() {
        let [first, second] = [2, 3].map(|word| format!("{number}-{word}"));
        stage.write("file", length);
        let sender = stage.send(&first, "file");
        stage.relay.settle();
        let receiver = stage.receive(&first, &first);
        has_arrived(&stage, [sender, receiver], &first, length);
        is_plausible(stage.has_logged(2 * number + 1, "happy"), length);
        let receiver = stage.receive(&second, &second);
        let sender = stage.send(&second, "file");
        has_arrived(&stage, [sender, receiver], &second, length);
        is_plausible(stage.has_logged(2 * number + 2, "happy"), length);
    }
    stage.relay.has_clients(0);
}

#[test]
#[ignore = "needs magic-wormhole"]
fn three_transfers_go_on_at_once() {
    let mut stage = Stage::new("wormhole-three");
    let lengths = [20 * MIB, 30 * MIB, 40 * MIB];
    let transfers = lengths.map(|length| {
        let (code, file) = (format!("{}-three", length / MIB), format!("file-{length}"));
        stage.write(&file, length);
        let parties = [stage.send(&code, &file), stage.receive(&code, &code)];
        (parties, code, length)
    });
    for (parties, received, length) in transfers {
        has_arrived(&stage, parties, &received, length);
    }
    stage.relay.has_clients(0);
}

#[test]
#[ignore = "needs magic-wormhole"]
fn a_sender_notices_at_once_that_its_receiver_was_killed() {
    let mut stage = Stage::new("wormhole-killed");
    stage.write("file", 200 * MIB);
    let mut sender = stage.send("1-killed", "file");
    let mut receiver = stage.receive("1-killed", "received");
    let partial = stage.path("received.tmp");
    eventually("the transfer", || length(&partial) > 0);
    receiver.signal(Signal::STOP);
    assert_eq!(sender.ended(), None, "{}", sender.said());
    sender.used_the_relay();
    receiver.signal(Signal::KILL);
    // Left to itself it would wait for minutes.
    eventually("the sender's end", || sender.ended().is_some());
    assert_eq!(sender.ended(), Some(false), "{}", sender.said());
    eventually("the receiver's end", || receiver.ended().is_some());
    assert!(!stage.path("received").exists());
    let bytes = stage.has_logged(1, "jilted");
    assert!(0 < bytes && bytes < 200 * MIB, "{bytes}");
    stage.relay.has_clients(0);
}

/// Encrypted, a file is somewhat longer; and the two have greeted each other.
#[track_caller]
fn is_plausible(bytes: u64, length: u64) {
    let most = length + length / 100 + 4096;
    assert!(length < bytes && bytes < most, "{bytes} for {length}");
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

#[test]
#[ignore = "needs magic-wormhole, wormhole-william, unshare and ip"]
fn wormhole_william_receives_what_magic_wormhole_sends() {
    if !is_alone("wormhole_william_receives_what_magic_wormhole_sends") {
        return;
    }
    let mut stage = Stage::new("wormhole-william");
    for (number, length) in [1, 5 * MIB].into_iter().enumerate() {
        let (code, file) = (format!("{number}-william"), format!("file-{number}"));
        stage.write(&file, length);
        let mut sender = stage.send(&code, &file);
        fs::create_dir_all(stage.path("inbox")).unwrap();
        let mut william = Command::new("wormhole-william");
        william.args(["--relay-url", &stage.mailbox_url, "receive"]);
        william
            .args(["--hide-progress", &code])
            .stdin(Stdio::piped());
        let william = william.current_dir(stage.path("inbox"));
        let mut receiver = Party::start(william, stage.path("william"));
        let mut stdin = receiver.child.stdin.take().unwrap();
        stdin.write_all(b"y\n").unwrap();
        receiver.succeeds();
        sender.succeeds();
        // The receiver does not say which way the bytes came.
        sender.used_the_relay();
        stage.is_whole(&format!("inbox/{file}"), length);
    }
    stage.relay.has_clients(0);
}

/// Whether this test is alone in its network. If it is not it runs once more where it is: wormhole-william listens on
/// all addresses but the loopback's, and would be reached without the relay.
fn is_alone(test: &str) -> bool {
    const ALONE: &str = "ALONE_IN_NETWORK";
    if std::env::var_os(ALONE).is_some() {
        return true;
    }
    let mut again = Command::new("unshare");
    again.args(["-rn", "sh", "-c", "ip link set lo up && exec \"$@\"", "sh"]);
    again.arg(std::env::current_exe().unwrap());
    again.args(["--exact", test, "--include-ignored"]);
    let status = again.env(ALONE, "1").status().expect("unshare runs");
    assert!(status.success());
    false
}
