//! Logging in with somebody else's SCRAM.

mod common;

use std::io::Write;
use std::net::{Shutdown, SocketAddr};
use std::process::{Command, Stdio};

use common::users::{PASSWORD, log_in};
use common::{Daemon, program, scratch};

/// What scramp gets to hear in the end.
fn scramp(at: SocketAddr, user: &str, password: &str) -> String {
    let python =
        std::env::var("SCRAMP_PYTHON").expect("SCRAMP_PYTHON names a python3 that has scramp");
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scramp_client.py");
    let mut command = Command::new(python);
    command.args([script, &at.ip().to_string(), &at.port().to_string()]);
    let output = command.args([user, password]).output().expect("it runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
#[ignore = "needs python3 with scramp"]
fn scramp_logs_in_with_the_right_password_only() {
    let users = scratch("scramp.users");
    // Of one user é is one character, of the other two; to SASLprep they are the same, and so is ª to a.
    let passwords = [
        ("plain", PASSWORD, PASSWORD),
        ("composed", "caf\u{e9} \u{aa}", "cafe\u{301} a"),
        ("cyrillic", "пароль", "пароль"),
    ];
    for (name, password, _) in passwords {
        let mut add = program();
        add.args(["user", "add", name, "--password-stdin", "--file"]);
        let mut add = add.arg(&users).stdin(Stdio::piped()).spawn().unwrap();
        let mut stdin = add.stdin.take().unwrap();
        stdin.write_all(password.as_bytes()).unwrap();
        drop(stdin);
        assert!(add.wait().unwrap().success());
    }
    let url = format!("relay://127.0.0.1:0?rooms=named&auth={}", users.display());
    let daemon = Daemon::serve(&[&url], &[]);
    for (name, _, password) in passwords {
        let mut producer = daemon.connect();
        log_in(&mut producer, "JOIN scramp produce", "plain", PASSWORD).unwrap();
        producer.write_all(name.as_bytes()).unwrap();
        producer.shutdown(Shutdown::Write).unwrap();
        assert_eq!(scramp(daemon.address(0), name, password), name);
    }
    for (name, password) in [("plain", "пароль"), ("nobody", PASSWORD)] {
        let refusal = scramp(daemon.address(0), name, password);
        assert_eq!(refusal, "ERR auth wrong user name or password\n");
    }
}
