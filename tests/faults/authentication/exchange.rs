//! SCRAM against the server: garbage, steps out of order, logins that were recorded, absurd iteration counts.

use std::collections::BTreeSet;
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use super::{ELSEWHERE, HERE, MALFORMED, WRONG};
use crate::common::users::{
    Begun, PASSWORD, UserFile, base64, begin, client, connect_from, log_in, message, read_line, run,
};
use crate::common::{
    AtRest, Bystander, Daemon, End, RELAY, Signal, end_of, read_all, reset, serve,
};

const NO_JOIN: &str = "ERR hello expected JOIN <room>";
const NO_AUTH: &str = "ERR auth expected AUTH <base64>";

#[track_caller]
fn is_refused(mut client: TcpStream, line: &str) {
    assert_eq!(read_line(&mut client), line);
    assert_eq!(end_of(&mut client), End::Fin, "{line}");
}

#[test]
fn steps_that_are_none_are_refused() {
    let users = UserFile::of("steps", &["alice"]);
    let mut daemon = Daemon::serve(&[&users.lock("relay"), RELAY], &[]);
    let say = |words: &str| {
        let mut client = daemon.connect();
        client.write_all(words.as_bytes()).unwrap();
        client
    };
    is_refused(say("AUTH biws\n"), NO_JOIN);
    is_refused(
        say("JOIN r\n"),
        "ERR auth only users come in here: JOIN <room> scram=<base64>, or pairloop's --user",
    );
    is_refused(say("JOIN r scram=!!!!\n"), MALFORMED);
    // Another login's proof, which was right there.
    let mut first = daemon.connect();
    let Begun { proof, .. } = begin(&mut first, "JOIN r", "alice", PASSWORD);
    first.write_all(proof.as_bytes()).unwrap();
    message(&read_line(&mut first));
    let mut second = daemon.connect();
    begin(&mut second, "JOIN r", "alice", PASSWORD);
    second.write_all(proof.as_bytes()).unwrap();
    is_refused(second, MALFORMED);
    // A proof that comes with the hello cannot be one.
    is_refused_after_a_step(say(&format!(
        "JOIN r scram={}\nAUTH AAAA\n",
        base64("n,,n=alice,r=nonce")
    )));
    daemon.has_clients(1);
    let open = Daemon::serve(&["relay://127.0.0.1:0?rooms=named"], &[]);
    let output = run(
        &mut client("consume", open.address(0), "alice", PASSWORD),
        "",
    );
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(
        stderr.contains("nobody logs in here (ERR auth)"),
        "{stderr}"
    );
}

#[track_caller]
fn is_refused_after_a_step(mut client: TcpStream) {
    message(&read_line(&mut client));
    is_refused(client, MALFORMED);
}

#[test]
fn who_goes_in_the_middle_of_a_login_leaves_nothing() {
    let users = UserFile::of("middle", &["alice"]);
    let mut daemon = Daemon::serve(&[&users.lock("relay")], &["--hello-timeout", "1s"]);
    let begun = |daemon: &Daemon| {
        let mut client = daemon.connect();
        let Begun { proof, .. } = begin(&mut client, "JOIN r", "alice", PASSWORD);
        (client, proof)
    };
    let (client, proof) = begun(&daemon);
    (&client).write_all(&proof.as_bytes()[..20]).unwrap();
    reset(client);
    let (mut client, _) = begun(&daemon);
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(end_of(&mut client), End::Fin);
    let (mut client, proof) = begun(&daemon);
    client.write_all(&proof.as_bytes()[..20]).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    is_refused(client, "ERR hello the hello has no end");
    let (client, _) = begun(&daemon);
    is_refused(client, "ERR timeout no hello came in time");
    // The proof, and RST behind it.
    let (mut client, proof) = begun(&daemon);
    client.write_all(proof.as_bytes()).unwrap();
    reset(client);
    daemon.has_clients(0);
    // What was sent waits for a partner, though its sender has finished.
    let (mut client, proof) = begun(&daemon);
    client
        .write_all(format!("{proof}all of it").as_bytes())
        .unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    message(&read_line(&mut client));
    let (mut partner, proof) = begun(&daemon);
    partner.write_all(proof.as_bytes()).unwrap();
    partner.shutdown(Shutdown::Write).unwrap();
    message(&read_line(&mut partner));
    assert_eq!(read_all(&mut partner), (b"all of it".to_vec(), End::Fin));
    assert_eq!(end_of(&mut client), End::Fin);
    daemon.has_clients(0);
    daemon.stop();
}

/// Each from an address of its own, so that none is refused for what another did.
fn somebody(number: usize, at: SocketAddr) -> TcpStream {
    let [high, low] = u16::try_from(number).unwrap().to_be_bytes();
    connect_from([127, 7, high, low], at)
}

#[test]
fn garbage_in_place_of_a_first_message_is_refused_and_leaves_nothing() {
    let users = UserFile::of("garbage", &["alice"]);
    let mut daemon = Daemon::serve(&[&users.lock("relay"), RELAY], &["-q"]);
    let at = daemon.address(0);
    let long = base64(format!("n,,n=alice,r={}", "x".repeat(600)));
    let messages = [
        "=",
        "====",
        "A",
        "AAA",
        "AAA=",
        "A===",
        "biws=",
        "-_-_",
        "!!!!",
        "AA\0A",
        "biwt",
        &long,
        &base64(b"\xff\xfe\xfd"),
        &base64("n,,n=alice,r="),
        &base64("n,,r=x,n=alice"),
        &base64("n,,n=,r=x"),
        &base64("n,,n=alice"),
        &base64("n,,n=alice,r=x,m=1"),
        &base64("p=tls-unique,,n=alice,r=x"),
        &base64("n,a=bob,n=alice,r=x"),
        &base64("c=biws,r=x,p=AAAA"),
        &base64("v=AAAA"),
        &base64("n,,n=ali\0ce,r=x"),
    ];
    let mut number = 0;
    let mut all_are_refused = || {
        for message in messages {
            number += 1;
            let mut client = somebody(number, at);
            let line = format!("JOIN r scram={message}\n");
            client.write_all(line.as_bytes()).unwrap();
            let said = read_line(&mut client);
            assert!(said == MALFORMED || said == NO_JOIN, "{message}: {said}");
            assert_eq!(end_of(&mut client), End::Fin, "{message}");
        }
    };
    all_are_refused();
    let rest = AtRest::of(&mut daemon);
    let open = daemon.address(1);
    let room = (connect_from(HERE, open), connect_from(ELSEWHERE, open));
    Bystander::beside(room, || (0..20).for_each(|_| all_are_refused()));
    daemon.has_clients(0);
    rest.is_back(&mut daemon);
}

#[test]
fn steps_out_of_order_let_nobody_in() {
    let users = UserFile::of("order", &["alice"]);
    let mut daemon = Daemon::serve(&[&users.lock("relay")], &[]);
    let at = daemon.address(0);
    let first = base64("n,,n=alice,r=nonce");
    let begun = |number| {
        let mut client = somebody(number, at);
        let begun = begin(&mut client, "JOIN r", "alice", PASSWORD);
        (client, begun)
    };
    type Line<'a> = &'a dyn Fn(&Begun) -> String;
    let second_lines: [(&str, Line); 9] = [
        (NO_AUTH, &|_| format!("JOIN r scram={first}\n")),
        (NO_AUTH, &|_| "JOIN r\n".into()),
        (NO_AUTH, &|_| "auth biws\n".into()),
        (MALFORMED, &|_| format!("AUTH {first}\n")),
        (MALFORMED, &|begun| {
            format!("AUTH {}\n", base64(&begun.server_first))
        }),
        (MALFORMED, &|_| "AUTH ====\n".into()),
        (MALFORMED, &|_| "AUTH \n".into()),
        (MALFORMED, &|begun| {
            begun.proof.replacen("AUTH ", "AUTH =", 1)
        }),
        (MALFORMED, &|begun| begun.proof.replacen('\n', "=\n", 1)),
    ];
    for (number, (words, line)) in second_lines.iter().enumerate() {
        let (mut client, begun) = begun(number);
        client.write_all(line(&begun).as_bytes()).unwrap();
        // It is over, also for the right proof.
        let _ = client.write_all(begun.proof.as_bytes());
        assert_eq!(read_line(&mut client), *words, "{number}");
        // What was said behind the refusal may still be on its way, and is answered with nothing.
        let (said, _) = read_all(&mut client);
        assert_eq!(String::from_utf8_lossy(&said), "", "{number}");
    }
    daemon.has_clients(0);
    // Behind the proof comes the stream: a second one is nothing but bytes.
    let (mut x, begun) = begun(100);
    x.write_all(begun.proof.repeat(2).as_bytes()).unwrap();
    message(&read_line(&mut x));
    x.shutdown(Shutdown::Write).unwrap();
    let mut y = somebody(101, at);
    log_in(&mut y, "JOIN r", "alice", PASSWORD).unwrap();
    assert_eq!(read_all(&mut y), (begun.proof.into_bytes(), End::Fin));
}

#[test]
fn a_recorded_login_is_worth_nothing_again() {
    let users = UserFile::of("recorded", &["alice"]);
    let url = users.lock("relay");
    let mut daemon = Daemon::serve(&[&url], &[]);
    let mut client = daemon.connect();
    let begun = begin(&mut client, "JOIN r", "alice", PASSWORD);
    client.write_all(begun.proof.as_bytes()).unwrap();
    message(&read_line(&mut client));
    daemon.has_clients(1);
    // The same words, to the last byte: but the server's nonce is another one each time.
    let recorded = format!("JOIN r scram={}\n", base64("n,,n=alice,r=nonce"));
    let again = |daemon: &Daemon, source| {
        let mut thief = connect_from(source, daemon.address(0));
        thief.write_all(recorded.as_bytes()).unwrap();
        let server_first = message(&read_line(&mut thief));
        assert_ne!(server_first, begun.server_first.as_bytes());
        thief.write_all(begun.proof.as_bytes()).unwrap();
        is_refused(thief, MALFORMED);
    };
    again(&daemon, HERE);
    daemon.signal(Signal::HUP);
    daemon.stderr.find("user");
    again(&daemon, HERE);
    daemon.stop();
    again(&Daemon::serve(&[&url], &[]), ELSEWHERE);
}

#[test]
fn no_nonce_is_given_twice() {
    const LOGINS: usize = 2000;
    let users = UserFile::of("nonces", &["alice"]);
    let daemon = Daemon::serve(&[&users.lock("relay")], &["-q"]);
    let hello = format!("JOIN r scram={}\n", base64("n,,n=alice,r=nonce"));
    let nonces: BTreeSet<Vec<u8>> = (0..LOGINS)
        .map(|_| message(&read_line(&mut daemon.say(&hello))))
        .collect();
    assert_eq!(nonces.len(), LOGINS);
}

#[test]
fn absurd_iteration_counts_in_the_file_are_refused_at_the_start() {
    let users = UserFile::of("absurd", &["alice"]);
    let good = std::fs::read_to_string(users.path()).unwrap();
    for iterations in ["0", "1", "4095", "1000001", "4294967295", "99999999999"] {
        users.is(&good.replace("$4096:", &format!("${iterations}:")));
        let output = serve(&[&users.lock("relay")]).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(
            stderr.contains("line 1: there must be 4096 to 1000000 iterations"),
            "{stderr}"
        );
        assert_eq!(
            (stderr.lines().count(), output.stdout.len()),
            (1, 0),
            "{stderr}"
        );
    }
}

#[test]
fn a_login_costs_the_server_none_of_its_iterations() {
    // If each took a million runs of SHA-256, all of them would take a minute at least.
    const LOGINS: usize = 200;
    let users = UserFile::of("costly", &["alice"]);
    let good = std::fs::read_to_string(users.path()).unwrap();
    users.is(&good.replace("$4096:", "$1000000:"));
    let mut daemon = Daemon::serve(&[&users.lock("relay")], &["-q"]);
    let at = daemon.address(0);
    let before = daemon.cpu_time();
    for number in 0..LOGINS {
        let mut client = somebody(number, at);
        let hello = format!("JOIN r scram={}\n", base64("n,,n=alice,r=nonce"));
        client.write_all(hello.as_bytes()).unwrap();
        let first = String::from_utf8(message(&read_line(&mut client))).unwrap();
        let (nonce, iterations) = (
            first.split(',').next().unwrap(),
            first.rsplit(',').next().unwrap(),
        );
        assert_eq!(iterations, "i=1000000");
        // A client cannot name a count of its own, either.
        let (own, words) = match number % 2 {
            0 => ("", WRONG),
            _ => (",i=4294967295", MALFORMED),
        };
        let last = format!("c=biws,{nonce}{own},p={}", base64([7; 32]));
        writeln!(client, "AUTH {}", base64(last)).unwrap();
        is_refused(client, words);
    }
    let cost = daemon.cpu_time() - before;
    assert!(cost < Duration::from_secs(10), "{cost:?}");
    daemon.has_clients(0);
}
