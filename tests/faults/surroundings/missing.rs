//! Files and folders that are not there, and ports that somebody else has: the sentence names them.

use super::fails;
use crate::common::{Daemon, ECHO, program, serve};

#[test]
fn what_is_not_there_is_named() {
    const NOWHERE: &str = "/nonexistent/pairloop/file";
    const NO_FILE: &str = "No such file or directory";
    let auth = format!("relay://127.0.0.1:0?rooms=named&auth={NOWHERE}");
    for (option, code) in [
        ("--config", 2),
        ("--pid-file", 1),
        ("--stats-file", 1),
        ("--usage-log", 1),
    ] {
        let mut command = serve(&[ECHO]);
        command.args([option, NOWHERE]);
        fails(command, code, &[NOWHERE, NO_FILE]);
    }
    fails(serve(&[&auth]), 1, &["auth: ", NOWHERE, NO_FILE]);
    // Nobody is to be connected to: what is here comes first.
    const AT: &str = "127.0.0.1:9";
    for arguments in [
        &["send", "--room", "r", AT, NOWHERE][..],
        &["user", "list", "--file", NOWHERE],
        &[
            "consume",
            "--at",
            AT,
            "--room",
            "r",
            "--user",
            "a",
            "--password-file",
            NOWHERE,
        ],
    ] {
        let mut command = program();
        command.args(arguments);
        fails(command, 1, &[NOWHERE, NO_FILE]);
    }
}

#[test]
fn a_second_instance_is_told_what_the_first_one_has() {
    let mut first = Daemon::serve(&[ECHO], &[]);
    let address = first.address(0).to_string();
    let second = serve(&[&format!("echo://{address}")]);
    fails(second, 1, &[&address, "is taken"]);
    crate::common::Room::echo(&first, 0).goes_on();
    first.has_clients(0);
    first.stop();
}
