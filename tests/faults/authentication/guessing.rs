//! Whoever guesses passwords, names and tokens.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use pairloop::limits::{LOGIN_PENALTY, PENALTY_THRESHOLD};

use super::{ELSEWHERE, HERE, PENALISED, WRONG};
use crate::common::proxied::header;
use crate::common::transit::{TRANSIT, are_partners, handshake};
use crate::common::users::{
    PASSWORD, UserFile, base64, client, connect_from, log_in, message, read_line, run,
};
use crate::common::{
    AtRest, Bystander, Daemon, End, Noise, RELAY, connect, end_of, hears_nothing, receive,
};

/// Failures that are forgiven, and one more.
fn too_many() -> u64 {
    PENALTY_THRESHOLD.as_secs() / LOGIN_PENALTY.as_secs() + 1
}

/// Tries some proof, without the work that a real one would be. Answers what the server says to it in the end.
fn guess(stream: &mut TcpStream) -> String {
    let hello = format!("JOIN r scram={}\n", base64("n,,n=alice,r=guess"));
    // Whoever is penalised is turned away before it says anything.
    if stream.write_all(hello.as_bytes()).is_err() {
        return PENALISED.into();
    }
    let line = read_line(stream);
    if line.starts_with("ERR ") {
        return line;
    }
    let first = String::from_utf8(message(&line)).expect("text");
    let nonce = first.split(',').next().expect("a nonce");
    let last = format!("c=biws,{nonce},p={}", base64([0; 32]));
    writeln!(stream, "AUTH {}", base64(last)).expect("it is read");
    read_line(stream)
}

/// Somebody else logs in, and has a stream that is whole.
fn others_log_in(at: SocketAddr, seed: u64) {
    let [mut x, mut y] = [(); 2].map(|()| {
        let mut client = connect_from(ELSEWHERE, at);
        log_in(&mut client, "JOIN r", "alice", PASSWORD).unwrap();
        client
    });
    let noise = Noise::new(seed);
    noise.send(&mut x, 0..10_000);
    noise.receive(&mut y, 0..10_000);
}

#[test]
fn ten_thousand_wrong_passwords_harm_nobody_else() {
    const GUESSES: usize = 10_000;
    let users = UserFile::of("guessing", &["alice"]);
    let mut daemon = Daemon::serve(&[&users.lock("relay"), RELAY], &["-q"]);
    let (locked, open) = (daemon.address(0), daemon.address(1));
    for _ in 0..100 {
        guess(&mut connect_from([127, 0, 0, 9], locked));
    }
    let rest = AtRest::of(&mut daemon);
    let begin = Instant::now();
    let (mut wrong, mut penalised) = (0, 0);
    Bystander::beside((connect(open), connect(open)), || {
        for number in 0..GUESSES {
            match guess(&mut connect_from(HERE, locked)).as_str() {
                WRONG => wrong += 1,
                PENALISED => penalised += 1,
                other => panic!("{other}"),
            }
            if number % 1000 == 500 {
                others_log_in(locked, number as u64);
            }
        }
    });
    assert_eq!(wrong + penalised, GUESSES);
    // A guess costs the source its time, and the server no more than these few looked at.
    let allowed = begin.elapsed() + PENALTY_THRESHOLD + LOGIN_PENALTY;
    assert!(
        wrong >= 4 && LOGIN_PENALTY * wrong as u32 <= allowed,
        "{wrong}"
    );
    daemon.has_clients(0);
    rest.is_back(&mut daemon);
    daemon.stop();
}

#[test]
fn ten_thousand_guessed_tokens_meet_nobody() {
    const GUESSES: usize = 10_000;
    const SECRET: usize = usize::MAX;
    let mut daemon = Daemon::serve(&[TRANSIT, RELAY], &["-q"]);
    let (transit, open) = (daemon.address(0), daemon.address(1));
    let guess = |token| connect(transit).write_all(handshake(token, Some(2)).as_bytes());
    let mut waiting = daemon.say(handshake(SECRET, Some(1)));
    (0..100).for_each(|token| guess(token).unwrap());
    daemon.has_clients(1);
    let rest = AtRest::of(&mut daemon);
    Bystander::beside((connect(open), connect(open)), || {
        (0..GUESSES).for_each(|token| guess(SECRET - 1 - token).unwrap());
    });
    daemon.has_clients(1);
    rest.is_back(&mut daemon);
    // Whoever knows it meets who has waited, and nobody has been told anything before.
    assert!(hears_nothing(&waiting));
    let mut partner = daemon.say(handshake(SECRET, Some(2)));
    are_partners(&mut waiting, &mut partner);
}

#[test]
fn whoever_guesses_passwords_does_so_for_its_own_address() {
    let users = UserFile::of("header", &["alice"]);
    let url = format!("{}&proxy=on", users.lock("relay"));
    let mut daemon = Daemon::serve(&[&url], &[]);
    let tries = |from: &str, password: &str| {
        let mut client = daemon.say(header(from));
        log_in(&mut client, "JOIN r", "alice", password)
    };
    for _ in 0..too_many() {
        tries("192.0.2.7:1", "guess").unwrap_err();
    }
    // It is told before it has said anything.
    let mut guesser = daemon.say(header("192.0.2.7:2"));
    receive(&mut guesser, PENALISED.as_bytes());
    assert_eq!(tries("192.0.2.8:1", PASSWORD), Ok(()));
    daemon.stderr.find("192.0.2.7: too many failed logins");
}

#[test]
fn whoever_guesses_from_many_addresses_of_one_network_is_one_who_guesses() {
    let users = UserFile::of("network", &["alice"]);
    let url = format!("{}&proxy=on", users.lock("relay"));
    let mut daemon = Daemon::serve(&[&url], &[]);
    for host in 1..=too_many() {
        let mut client = daemon.say(header(&format!("[2001:db8:0:7::{host}]:1")));
        assert_eq!(guess(&mut client), WRONG);
    }
    let mut guesser = daemon.say(header("[2001:db8:0:7:ffff::1]:1"));
    assert_eq!(read_line(&mut guesser), PENALISED);
    assert_eq!(end_of(&mut guesser), End::Fin);
    daemon
        .stderr
        .find("2001:db8:0:7::/64: too many failed logins");
    let mut neighbour = daemon.say(header("[2001:db8:0:8::1]:1"));
    log_in(&mut neighbour, "JOIN r", "alice", PASSWORD).unwrap();
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_told_the_same() {
    let users = UserFile::of("wrong", &["alice"]);
    for (name, password) in [("alice", "guess"), ("mallory", "guess"), ("mallory", "")] {
        let daemon = Daemon::serve(&[&users.lock("relay")], &[]);
        if !password.is_empty() {
            let mut stream = daemon.connect();
            let refusal = log_in(&mut stream, "JOIN r", name, password);
            assert_eq!(refusal, Err(WRONG.to_owned()));
            assert_eq!(end_of(&mut stream), End::Fin);
        }
        for command in ["produce", "consume", "chat"] {
            let output = run(
                &mut client(command, daemon.address(0), name, "guess"),
                "data",
            );
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{stderr}");
            assert!(
                stderr.contains("wrong user name or password (ERR auth)"),
                "{stderr}"
            );
            assert!(output.stdout.is_empty());
        }
    }
}

/// All that the server says to a login with a wrong proof and how it ends, with the lengths of what is random.
fn steps(at: SocketAddr, source: [u8; 4], name: &str) -> String {
    let mut stream = connect_from(source, at);
    let hello = format!("JOIN r scram={}\n", base64(format!("n,,n={name},r=nonce")));
    stream.write_all(hello.as_bytes()).unwrap();
    let first = String::from_utf8(message(&read_line(&mut stream))).unwrap();
    let [nonce, salt, iterations] = first.split(',').collect::<Vec<_>>()[..] else {
        panic!("{first}");
    };
    let last = format!("c=biws,{nonce},p={}", base64([7; 32]));
    writeln!(stream, "AUTH {}", base64(last)).unwrap();
    let line = read_line(&mut stream);
    let (nonce, salt, end) = (nonce.len(), salt.len(), end_of(&mut stream));
    format!("nonce of {nonce}, salt of {salt}, {iterations}; {line}; {end:?}")
}

#[test]
fn an_unknown_user_goes_the_same_steps_as_a_wrong_proof() {
    let users = UserFile::of("same", &["alice", "bob"]);
    let daemon = Daemon::serve(&[&users.lock("relay")], &[]);
    let at = daemon.address(0);
    let known = steps(at, [127, 0, 1, 1], "alice");
    assert!(known.contains("i=4096; ERR auth wrong user"), "{known}");
    let long = "a".repeat(300);
    // Also names that nobody can have.
    for (number, name) in (2..).zip(["bob", "mallory", "Alice", "alic", "a b", "\u{E9}", &long]) {
        assert_eq!(steps(at, [127, 0, 1, number], name), known, "{name}");
    }
}
