//! NUL, ESC, CR, invalid UTF-8 and other bytes that drive terminals or forge lines, wherever a client can say something:
//! partners get them untouched, and nobody who operates the daemon or a client gets them raw.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::thread;

use crate::common::proxied::{IPV4, LOCAL, said, v2};
use crate::common::transit::{TRANSIT, are_partners, handshake};
use crate::common::users::{UserFile, base64, begin};
use crate::common::{
    CHAT, Client, Daemon, ECHO, End, ORDER, RELAY, Terminal, connect, eventually, patient, program,
    read_all, receive, scratch, serve,
};

/// NUL, clearing the screen, setting its title, going back to the start of the line, deleting, what is not UTF-8, control
/// characters of one byte and of two, and one that turns text around.
const EVIL: &[u8] =
    b"a\0\x1b[2J\x1b]0;t\x07b\rc\x08\x7f\xff\xfe\xc3\xc2\x9b31m\xe2\x80\xae\xe2\x80\xa8d";

/// What of it an operator may see.
const ESCAPED: &str = "a\\u{0}\\u{1b}[2J\\u{1b}]0;t\\u{7}b\\rc\\u{8}\\u{7f}\u{fffd}\u{fffd}\u{fffd}\\u{9b}31m\\u{202e}\\u{2028}d";

const NAMED: &str = "relay://127.0.0.1:0?rooms=named";
const PROXY: &str = "relay://127.0.0.1:0?rooms=named&proxy=on";

/// Text in lines, without a character that does anything else than being seen.
#[track_caller]
fn is_harmless(what: &str, bytes: &[u8]) {
    let text = str::from_utf8(bytes).unwrap_or_else(|error| panic!("{what}: {error}"));
    let acts = |character: char| {
        let layout = "\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\u{202c}\u{202d}\u{202e}";
        character != '\n' && (character.is_control() || layout.contains(character))
    };
    assert!(!text.contains(acts), "{what}: {text:?}");
}

/// A daemon that writes all that it has to say into files, at the level where it says most.
struct Recorded {
    daemon: Daemon,
    files: Vec<PathBuf>,
}

impl Recorded {
    fn serve(name: &str, urls: &[&str]) -> Self {
        let files = ["out", "err", "usage", "prom"].map(|kind| scratch(&format!("{name}.{kind}")));
        let mut command = serve(urls);
        command.arg("-vv").arg("--usage-log").arg(&files[2]);
        command.arg("--stats-file").arg(&files[3]);
        let [out, err] = [0, 1].map(|file| File::create(&files[file]).unwrap());
        command.stdout(out).stderr(err);
        let mut daemon = Daemon::adopt(&mut command);
        let ready = || fs::read_to_string(&files[0]).unwrap();
        eventually("all listen", || ready().matches('\n').count() == urls.len());
        ready().lines().for_each(|line| daemon.is_ready(line));
        let files = files.into();
        Self { daemon, files }
    }

    /// Waits until this has been written there.
    fn wrote(&self, file: usize, words: &str) {
        eventually(words, || self.text(file).contains(words));
    }

    fn text(&self, file: usize) -> String {
        let bytes = fs::read(&self.files[file]).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// It ends well, and nothing that it has written was meant to do anything.
    fn was_harmless(mut self) {
        self.daemon.stop();
        for file in &self.files {
            is_harmless(&file.display().to_string(), &fs::read(file).unwrap());
            fs::remove_file(file).unwrap();
        }
    }
}

fn line(parts: &[&[u8]]) -> Vec<u8> {
    [&parts.concat()[..], b"\n"].concat()
}

#[test]
fn partners_get_every_byte_untouched_and_the_log_none_that_acts() {
    let urls = [RELAY, ECHO, CHAT, ORDER, TRANSIT, NAMED];
    let recorded = Recorded::serve("untouched", &urls);
    let comes = |listener: usize| connect(recorded.daemon.address(listener));
    let all: Vec<u8> = (0..=255).filter(|&byte| byte != b'\n').collect();
    for evil in [line(&[EVIL]), line(&[&all])] {
        for listener in [0, 2, 4, 5] {
            let (mut x, mut y) = (comes(listener), comes(listener));
            match listener {
                2 => receive(&mut x, b"YOU'RE CONNECTED TO : @MAIN SERVER\n"),
                4 => {
                    for client in [&mut x, &mut y] {
                        client.write_all(handshake(1, None).as_bytes()).unwrap();
                    }
                    are_partners(&mut x, &mut y);
                }
                5 => {
                    x.write_all(b"JOIN r\n").unwrap();
                    y.write_all(b"JOIN r\n").unwrap();
                }
                _ => {}
            }
            x.write_all(&evil).unwrap();
            receive(&mut y, &evil);
            y.write_all(&evil).unwrap();
            receive(&mut x, &evil);
        }
        let mut echo = comes(1);
        echo.write_all(&evil).unwrap();
        receive(&mut echo, &evil);
        // A message's own end is not part of it.
        let message = &evil[..evil.len() - 1];
        let (mut x, mut y) = (comes(3), comes(3));
        receive(&mut x, b"Client X connected\n");
        receive(&mut y, b"Client Y connected\n");
        x.write_all(&evil).unwrap();
        recorded.wrote(0, "X: ");
        y.write_all(&evil).unwrap();
        let (told, end) = read_all(&mut y);
        assert_eq!(read_all(&mut x), (told.clone(), end));
        let order = |first: &[u8], then: &[u8]| {
            line(&[
                first,
                b": ",
                message,
                b" received before ",
                then,
                b": ",
                message,
            ])
        };
        assert!(told == order(b"X", b"Y") || told == order(b"Y", b"X"));
        assert_eq!(end, End::Fin);
    }
    recorded.wrote(0, &format!("X: {ESCAPED}\n"));
    recorded.was_harmless();
}

#[test]
fn nothing_that_is_said_at_the_door_gets_raw_into_the_log() {
    let users = UserFile::of("unprintable", &["alice"]);
    let locked = users.lock("relay");
    let urls = [NAMED, TRANSIT, PROXY, &locked];
    let recorded = Recorded::serve("door", &urls);
    let says = |listener: usize, words: &[u8]| {
        let mut client = connect(recorded.daemon.address(listener));
        client.write_all(words).unwrap();
        // It may have been reset by now.
        let _ = client.shutdown(Shutdown::Write);
        let (told, _) = read_all(&mut client);
        is_harmless("an answer", &told);
    };
    let name = String::from_utf8_lossy(EVIL);
    let scram = format!("n,,n={},r=nonce", name.replace(',', ""));
    for listener in 0..urls.len() {
        for words in [
            line(&[EVIL]),
            line(&[b"JOIN ", EVIL]),
            line(&[b"JOIN r ", EVIL]),
            line(&[b"JOIN r scram=", EVIL]),
            line(&[b"JOIN r scram=", base64(EVIL).as_bytes()]),
            line(&[b"JOIN r scram=", base64(&scram).as_bytes()]),
            line(&[b"please relay ", EVIL]),
            line(&[
                handshake(1, None).trim_end().as_bytes(),
                b" for side ",
                EVIL,
            ]),
            line(&[b"PROXY ", EVIL, b"\r"]),
            line(&[b"PROXY UNKNOWN ", EVIL, b"\r"]),
            said(&[
                &v2(0x31, &said(&[EVIL, &vec![0; 216 - EVIL.len()]]), b""),
                b"?",
            ]),
            said(&[
                &v2(0x11, &IPV4, &said(&[&[2, 0, EVIL.len() as u8], EVIL])),
                b"?",
            ]),
            said(&[LOCAL, b"JOIN ", EVIL, b"\n"]),
        ] {
            says(listener, &words);
        }
    }
    let mut guess = connect(recorded.daemon.address(3));
    begin(&mut guess, "JOIN r", "alice", "a guess");
    guess.write_all(&line(&[b"AUTH ", EVIL])).unwrap();
    is_harmless("an answer", &read_all(&mut guess).0);
    recorded.wrote(1, " PROXY header");
    recorded.wrote(1, "refused: not SCRAM-SHA-256");
    recorded.was_harmless();
}

#[test]
fn what_a_worker_says_instead_of_an_answer_does_not_get_raw_into_the_log() {
    let worker = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("forward://127.0.0.1:0?to={}", worker.local_addr().unwrap());
    let recorded = Recorded::serve("worker", &[&url]);
    let (mut x, mut y) = recorded.daemon.pair();
    let (mut leg, _) = worker.accept().unwrap();
    leg.write_all(&line(&[EVIL])).unwrap();
    for client in [&mut x, &mut y] {
        assert_eq!(read_all(client), (Vec::new(), End::Reset));
    }
    recorded.wrote(1, "it said \"a");
    drop((x, y));
    recorded.was_harmless();
}

/// A server, or a partner behind it, that says this to whoever comes, and ends.
fn liar(answer: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            answers(client.unwrap(), &answer);
        }
    });
    address
}

fn answers(mut client: TcpStream, answer: &[u8]) {
    patient(&client);
    // A client that says nothing first has read it all the same; one that has gone does not matter.
    let _ = client.write_all(answer);
    let _ = client.shutdown(Shutdown::Write);
    let _ = client.read_to_end(&mut Vec::new());
}

fn run(arguments: &[&str], at: SocketAddr) -> Output {
    let mut command = program();
    command.args(arguments).args(["--at", &at.to_string()]);
    command.env("PAIRLOOP_PASSWORD", "pencil");
    command.stdin(Stdio::null()).output().unwrap()
}

#[test]
fn no_client_shows_raw_what_a_server_says() {
    let into = scratch("unprintable.inbox");
    fs::create_dir_all(&into).unwrap();
    let into = into.to_str().unwrap();
    let file = scratch("unprintable.sent");
    fs::write(&file, b"contents").unwrap();
    let file = file.to_str().unwrap();
    let abort = said(&[b"A", &(EVIL.len() as u32).to_be_bytes(), EVIL]);
    let greeting = |role: &str| format!("OK Y 127.0.0.1:1\nPAIRLOOP-FILES 1 {role}\n");
    for answer in [
        line(&[EVIL]),
        line(&[b"ERR room ", EVIL]),
        line(&[b"ERR ", EVIL, b" ", EVIL]),
        line(&[b"OK X ", EVIL]),
        line(&[b"AUTH ", EVIL]),
        line(&[b"AUTH ", base64(EVIL).as_bytes()]),
        line(&[b"OK Y 127.0.0.1:1\nPAIRLOOP-FILES ", EVIL, b" send"]),
        said(&[greeting("send").as_bytes(), &abort]),
        said(&[greeting("receive").as_bytes(), &abort]),
    ] {
        let at = liar(answer.clone());
        for arguments in [
            &["chat"][..],
            &["chat", "--room", "r"],
            &["order", "Alice"],
            &["order", "--room", "r", "Alice"],
            &["produce", "--room", "r"],
            &["consume", "--room", "r"],
            &["consume", "--room", "r", "--user", "alice"],
            &["send", "--room", "r", file],
            &["receive", "--room", "r", "--into", into],
        ] {
            let output = run(arguments, at);
            let what = format!("{arguments:?} told {}", answer.escape_ascii());
            is_harmless(&format!("{what}: stderr"), &output.stderr);
            // What is consumed is the stream itself; it begins behind the server's answer.
            if arguments[0] != "consume" {
                is_harmless(&format!("{what}: stdout"), &output.stdout);
            }
        }
    }
}

#[test]
fn what_a_partner_says_cannot_drive_a_chat_or_its_terminal() {
    let mut daemon = Daemon::serve(&[CHAT], &[]);
    let mut x = daemon.connect();
    daemon.has_clients(1);
    let mut y = Client::start("chat", daemon.address(0), &[]);
    daemon.has_clients(2);
    x.write_all(&line(&[EVIL, b"\r"])).unwrap();
    assert_eq!(y.stdout.next().unwrap(), ESCAPED);
    drop((x, y));
    daemon.has_clients(0);

    let mut x = daemon.connect();
    daemon.has_clients(1);
    let mut y = Terminal::start("chat", daemon.address(0), &[], &[]);
    y.shows("(READ) >");
    x.write_all(&line(&[EVIL])).unwrap();
    y.shows(ESCAPED);
}

#[test]
fn what_a_partner_said_cannot_drive_the_terminal_of_an_order() {
    let mut daemon = Daemon::serve(&[ORDER], &[]);
    let mut x = Client::start("order", daemon.address(0), &["Alice"]);
    daemon.has_clients(1);
    // It stays: closing over the greeting would be a reset.
    let mut y = daemon.connect();
    y.write_all(&line(&[EVIL])).unwrap();
    let answer = x.stdout.find(" received before ");
    assert!(answer.contains(&format!("Y: {ESCAPED}")), "{answer}");
}
