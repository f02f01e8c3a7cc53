//! How much is logged: -v, -q and RUST_LOG.

mod common;

use common::{Daemon, RELAY};

#[test]
fn quiet_and_verbose_say_less_and_more() {
    let mut quiet = Daemon::serve(&[RELAY], &["-q"]);
    drop(quiet.connect());
    quiet.has_clients(0);
    quiet.stop();
    assert_eq!(quiet.stderr.rest(), [""; 0]);
    let mut verbose = Daemon::serve(&[RELAY], &["-v"]);
    verbose.stderr.find("DEBUG");
    verbose.stop();
}

#[test]
fn rust_log_overrides_the_level() {
    let mut command = common::serve(&[RELAY]);
    command.arg("-vv").env("RUST_LOG", "warn");
    let mut daemon = Daemon::run(command, 1);
    drop(daemon.connect());
    daemon.has_clients(0);
    daemon.stop();
    assert_eq!(daemon.stderr.rest(), [""; 0]);
}

/// What is logged while one client comes and goes.
fn logged(filters: &str) -> Vec<String> {
    let mut command = common::serve(&[RELAY]);
    command.env("RUST_LOG", filters);
    let mut daemon = Daemon::run(command, 1);
    drop(daemon.connect());
    daemon.has_clients(0);
    daemon.stop();
    daemon.stderr.rest()
}

#[test]
fn a_rust_log_that_is_misspelt_does_not_silence_the_log() {
    for filters in [
        "degub",
        "pairlop=debug",
        "pairloop=degub",
        "tokio=info,pairloop=degub",
        "debug/a/b",
        "pairloop =debug",
        "",
    ] {
        let said = logged(filters);
        let warnings: Vec<&String> = said
            .iter()
            .filter(|line| line.contains("RUST_LOG"))
            .collect();
        assert_eq!(
            warnings.len(),
            usize::from(!filters.is_empty()),
            "{said:#?}"
        );
        let named = warnings
            .iter()
            .all(|line| line.contains(&format!("RUST_LOG={filters} ")));
        assert!(named, "{filters}: {said:#?}");
        let has = |words| said.iter().any(|line| line.contains(words));
        assert!(
            has("INFO  client 1: ") && !has("DEBUG"),
            "{filters}: {said:#?}"
        );
    }
}

#[test]
fn rust_log_by_target_shows_what_it_names() {
    for (filters, clients, debug) in [
        ("pairloop=debug", true, true),
        ("pairloop::clients=info", true, false),
        ("pairloop::serve", false, false),
        ("off", false, false),
        ("mio=warn,debug,pairloop::clients=off", false, true),
        ("pairloop=", true, true),
    ] {
        let said = logged(filters);
        let has = |words| said.iter().any(|line| line.contains(words));
        assert!(!has("RUST_LOG"), "{filters}: {said:#?}");
        assert_eq!(has("client 1: "), clients, "{filters}: {said:#?}");
        assert_eq!(has("DEBUG"), debug, "{filters}: {said:#?}");
    }
}

#[test]
fn what_rust_log_says_rightly_holds_beside_what_it_does_not() {
    let said = logged("warn,tokio=degub");
    assert_eq!(said.len(), 1, "{said:#?}");
    assert!(
        said[0].contains("RUST_LOG: tokio=degub is passed over"),
        "{said:#?}"
    );
}
