//! Logging in: its steps, its refusals, and what failing costs.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::named::{NAMED, opened, refused};
use super::*;
use crate::limits::{LOGIN_PENALTY, PENALTY_THRESHOLD};
use crate::scram::Secret;
use crate::scram::client::{Exchange, Proven};
use crate::users::Users;

const WANTED: &str = "only users come in here: JOIN <room> scram=<base64>, or pairloop's --user";
const NOT_HERE: &str = "nobody logs in here";
const WRONG: &str = "wrong user name or password";
const MALFORMED: &str = "not SCRAM-SHA-256 as it is spoken here";
const PENALISED: &str = "too many failed logins from your address: try again later";

/// Failures that a source has for nothing.
const FORGIVEN: u64 = (PENALTY_THRESHOLD.as_secs()) / LOGIN_PENALTY.as_secs();

/// A file of users who all have the same password, which is `pencil`.
fn users(names: &[&str]) -> Arc<Users> {
    let secret = Secret::new("pencil", b"a salt of sixteen", 4096).unwrap();
    let lines = names.iter().map(|name| format!("{name}:{secret}\n"));
    Arc::new(Users::parse(&lines.collect::<String>(), [1; 32]).unwrap())
}

fn base64(message: impl AsRef<[u8]>) -> String {
    BASE64_STANDARD.encode(message)
}

/// The SCRAM message in the first of these outputs.
fn message(outputs: &[Output]) -> Vec<u8> {
    let Some(Output::Send {
        payload: Payload::Text(line),
        ..
    }) = outputs.first()
    else {
        panic!("no step of a login: {outputs:?}");
    };
    let line = str::from_utf8(line).unwrap().trim_end();
    let message = line.strip_prefix("AUTH ").expect(line);
    BASE64_STANDARD.decode(message).unwrap()
}

impl Bench {
    /// One whose listener for named rooms lets only alice in.
    fn locked() -> Self {
        let mut bench = Self::new();
        bench.engine.set_users(NAMED, users(&["alice"]));
        bench
    }

    /// Begins to log in. Answers what the server said, and what the client says then.
    fn begin(&mut self, client: u64, name: &str, password: &str) -> (String, String, Proven) {
        assert_eq!(self.accept(client, NAMED), vec![]);
        let exchange = Exchange::new(name, password, "nonce").unwrap();
        let hello = format!("JOIN a scram={}\n", base64(exchange.first()));
        let (taken, outputs) = self.input(client, Input::Data(hello.as_bytes()));
        assert_eq!((taken, outputs.len()), (hello.len(), 2));
        // What has come behind the hello is to be looked at.
        assert_eq!(outputs[1], Output::Resume(id(client)));
        let server_first = message(&outputs);
        let (answer, proven) = exchange.answer(&server_first).unwrap();
        let answer = format!("AUTH {}\n", base64(answer));
        (String::from_utf8(server_first).unwrap(), answer, proven)
    }

    fn says(&mut self, client: u64, words: &str) -> (usize, Vec<Output>) {
        self.input(client, Input::Data(words.as_bytes()))
    }

    /// Tries a wrong password, from where all come.
    fn fail(&mut self, client: u64) -> Vec<Output> {
        let (_, proof, _) = self.begin(client, "alice", "guess");
        self.says(client, &proof).1
    }

    fn log_in(&mut self, client: u64) -> Vec<Output> {
        let (_, proof, proven) = self.begin(client, "alice", "pencil");
        let (taken, outputs) = self.says(client, &proof);
        assert_eq!(taken, proof.len());
        proven.verify(&message(&outputs)).unwrap();
        let note = Output::Note(Note::LoggedIn {
            client: id(client),
            name: "alice".into(),
        });
        assert_eq!(outputs[1..3], [Output::Resume(id(client)), note]);
        outputs[3..].to_vec()
    }
}

#[test]
fn who_has_logged_in_meets_a_partner() {
    let mut bench = Bench::locked();
    assert_eq!(bench.log_in(1), []);
    assert_eq!(
        bench.log_in(2),
        [opened(1, 1, 2), forward(1, 2), forward(2, 1)]
    );
}

#[test]
fn a_login_may_come_byte_by_byte_and_bytes_behind_it_belong_to_the_stream() {
    let mut bench = Bench::locked();
    let (_, proof, _) = bench.begin(1, "alice", "pencil");
    for split in 1..proof.len() {
        let part = bench.says(1, &proof[..split]);
        assert_eq!(part, (0, vec![Output::ReadOn(id(1))]), "{split}");
    }
    let (taken, _) = bench.says(1, &format!("{proof}early"));
    assert_eq!(taken, proof.len());
    assert_eq!(bench.says(1, "early"), (0, vec![]), "they wait");
    assert_eq!(bench.log_in(2)[1..], [forward(1, 2), forward(2, 1)]);
}

#[test]
fn what_is_no_beginning_of_a_login_is_refused() {
    let binding = format!("JOIN a scram={}\n", base64("p=tls-unique,,n=alice,r=x"));
    let for_other = format!("JOIN a scram={}\n", base64("n,a=bob,n=alice,r=x"));
    for (hello, code, words) in [
        ("JOIN a\n", Code::Auth, WANTED),
        ("JOIN a ack\n", Code::Auth, WANTED),
        ("AUTH biws\n", Code::Hello, "expected JOIN <room>"),
        ("JOIN a scram=\n", Code::Auth, MALFORMED),
        ("JOIN a scram=!!!!\n", Code::Auth, MALFORMED),
        ("JOIN a scram=biws\n", Code::Auth, MALFORMED),
        (&binding, Code::Auth, MALFORMED),
        (&for_other, Code::Auth, MALFORMED),
    ] {
        let mut bench = Bench::locked();
        let (taken, outputs) = bench.greet(1, NAMED, hello);
        let reason = if code == Code::Hello {
            BadHello
        } else {
            BadLogin
        };
        assert_eq!(outputs, refused(1, code, words, reason), "{hello:?}");
        assert_eq!((taken, bench.engine.clients()), (hello.len(), 0));
    }
    let (_, outputs) = Bench::new().greet(1, NAMED, "JOIN a scram=biws\n");
    assert_eq!(outputs, refused(1, Code::Auth, NOT_HERE, BadLogin));
}

#[test]
fn what_is_no_end_of_a_login_is_refused() {
    let mut bench = Bench::locked();
    let (_, of_another, _) = bench.begin(2, "alice", "pencil");
    let too_long = format!("AUTH {}\n", "A".repeat(2000));
    let no_proof = format!("AUTH {}\n", base64("c=biws,r=nonce"));
    for (line, words) in [
        ("JOIN a\n", "expected AUTH <base64>"),
        ("GET / HTTP/1.1\r\n", "expected AUTH <base64>"),
        (&too_long, "the line is too long"),
        ("AUTH \n", MALFORMED),
        ("AUTH !!!!\n", MALFORMED),
        (&no_proof, MALFORMED),
        // It proved something once, but not now.
        (&of_another, MALFORMED),
    ] {
        let mut bench = Bench::locked();
        // The other one's nonce was the first.
        bench.begin(3, "alice", "pencil");
        bench.begin(1, "alice", "pencil");
        let (_, outputs) = bench.says(1, line);
        assert_eq!(outputs, refused(1, Code::Auth, words, BadLogin), "{line:?}");
        assert_eq!(bench.engine.clients(), 1);
    }
}

#[test]
fn an_unknown_user_and_a_wrong_password_look_the_same() {
    let tried = |name| {
        let mut bench = Bench::locked();
        let (first, proof, _) = bench.begin(1, name, "guess");
        let salt = first.split(",s=").nth(1).unwrap().to_owned();
        // The salt is the only thing that differs, and says nothing.
        let rest = first.replace(&salt[..salt.find(',').unwrap()], "");
        (rest, salt.len(), bench.says(1, &proof))
    };
    let (known, unknown) = (tried("alice"), tried("mallory"));
    assert_eq!(known, unknown);
    assert_eq!(known.2.1, refused(1, Code::Auth, WRONG, BadLogin));
}

#[test]
fn the_salt_of_an_unknown_user_outlives_a_reload() {
    let mut bench = Bench::locked();
    let salt = |bench: &mut Bench, client| {
        let (first, ..) = bench.begin(client, "mallory", "guess");
        first.split(",s=").nth(1).unwrap().to_owned()
    };
    let first = salt(&mut bench, 1);
    assert_eq!(salt(&mut bench, 2), first);
    bench.engine.set_users(NAMED, users(&["alice", "bob"]));
    assert_eq!(salt(&mut bench, 3), first);
}

#[test]
fn a_login_must_be_over_in_the_time_that_a_hello_has() {
    let mut bench = Bench::locked();
    bench.accept(2, NAMED);
    bench.happen(Later(HELLO - MOMENT));
    bench.happen(Lost(2));
    bench.begin(1, "alice", "pencil");
    assert_eq!(bench.happen(Later(HELLO - MOMENT)), vec![]);
    assert_eq!(bench.says(1, "AUTH b").1, [Output::ReadOn(id(1))]);
    let late = refused(1, Code::Timeout, "no hello came in time", HelloTimeout);
    assert_eq!(bench.happen(Later(MOMENT)), late);
    assert_eq!(bench.engine.poll_timeout(), None);
}

#[test]
fn who_gives_up_while_logging_in_is_forgotten() {
    let half = |bench: &mut Bench| bench.input(1, Input::Eof { unread: b"AUTH" }).1;
    let closing = refused(1, Code::Closing, "the server stops", Stopping);
    let no_end = refused(1, Code::Hello, "the hello has no end", BadHello);
    type End<'a> = &'a dyn Fn(&mut Bench) -> Vec<Output>;
    let ends: [(End, _); 4] = [
        (&|bench| bench.happen(Lost(1)), left(1, Reset)),
        (&|bench| bench.happen(Eof(1)), left(1, Left)),
        (&|bench| bench.happen(Stop), closing),
        (&half, no_end),
    ];
    for (end, expected) in ends {
        let mut bench = Bench::locked();
        bench.begin(1, "alice", "pencil");
        assert_eq!(end(&mut bench), expected);
        assert_eq!(bench.engine.clients(), 0);
        assert!(bench.is_empty(NAMED));
    }
}

#[test]
fn a_source_that_fails_too_often_is_refused_for_a_while() {
    let mut bench = Bench::locked();
    for client in 1..=FORGIVEN {
        let wrong = refused(client, Code::Auth, WRONG, BadLogin);
        assert_eq!(bench.fail(client), wrong);
    }
    let time = LOGIN_PENALTY * (FORGIVEN as u32 + 1);
    let source = Source::from(PEER.ip());
    let mut outputs = vec![Output::Note(Note::Penalised { source, time })];
    outputs.extend(refused(9, Code::Auth, WRONG, BadLogin));
    assert_eq!(bench.fail(9), outputs);
    // Now it is not even asked.
    let penalised = refused(10, Code::Auth, PENALISED, BadLogin);
    assert_eq!(bench.accept(10, NAMED), penalised);
    // Others are, and where nobody logs in it is let in.
    let listener = NAMED;
    let peer = ELSEWHERE;
    let other = Input::Accepted { listener, peer };
    assert_eq!(bench.input(11, other).1, vec![]);
    assert_eq!(bench.accept(12, RELAY), vec![]);
    assert_eq!(bench.happen(Lost(11)).len(), 2);
    assert_eq!(bench.happen(Lost(12)).len(), 2);
    bench.now += time;
    assert_eq!(bench.log_in(13), []);
}

#[test]
fn a_penalty_holds_for_logins_that_began_before_it() {
    let mut bench = Bench::locked();
    // Else a source could begin any number of logins first, and then try as many passwords.
    let begun: Vec<_> = (20..30)
        .map(|client| (client, bench.begin(client, "alice", "pencil").1))
        .collect();
    bench.accept(30, NAMED);
    for client in 1..=FORGIVEN + 1 {
        bench.fail(client);
    }
    for (client, proof) in begun {
        let penalised = refused(client, Code::Auth, PENALISED, BadLogin);
        assert_eq!(bench.says(client, &proof), (proof.len(), penalised));
    }
    let penalised = refused(30, Code::Auth, PENALISED, BadLogin);
    assert_eq!(bench.says(30, "JOIN a scram=biws\n"), (18, penalised));
}

#[test]
fn a_reload_holds_for_logins_that_began_before_it() {
    let mut bench = Bench::locked();
    let (_, proof, _) = bench.begin(1, "alice", "pencil");
    bench.engine.set_users(NAMED, users(&["bob"]));
    let wrong = refused(1, Code::Auth, WRONG, BadLogin);
    assert_eq!(bench.says(1, &proof).1, wrong, "who was removed");

    let mut bench = Bench::locked();
    let (_, proof, _) = bench.begin(1, "alice", "pencil");
    bench.engine.set_users(NAMED, users(&["bob", "alice"]));
    let (_, outputs) = bench.says(1, &proof);
    assert_eq!(outputs.len(), 3, "who stayed: {outputs:?}");
    assert_eq!(bench.engine.counts()[NAMED].1.waiting, 1);
}
