//! Manual pages, and completions for shells.

mod common;

use std::fs;

use common::{program, scratch};

/// Runs the program with these arguments. Answers its exit code, stdout and stderr.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = program().args(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn shells_are_told_of_every_command_and_option() {
    for shell in ["bash", "zsh", "fish"] {
        let (code, script, stderr) = run(&["completions", shell]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        for word in ["serve", "max-clients-per-source", "receive"] {
            assert!(script.contains(word), "{shell} does not hear of {word}");
        }
    }
    let (code, _, stderr) = run(&["completions", "cmd"]);
    assert_eq!(code, Some(2));
    assert!(stderr.contains("possible values"), "{stderr}");
}

#[test]
fn there_is_a_page_for_the_program_and_one_for_each_command() {
    let (code, page, _) = run(&["man"]);
    assert_eq!(code, Some(0));
    assert!(page.contains(".TH pairloop 1"), "{page}");
    let folder = scratch("man");
    let out = folder.to_str().unwrap();
    assert_eq!(run(&["man", "--out", out]), (Some(0), "".into(), "".into()));
    for name in [
        "pairloop",
        "pairloop-serve",
        "pairloop-user-add",
        "pairloop-bench",
    ] {
        let path = folder.join(format!("{name}.1"));
        assert!(path.exists(), "no {}", path.display());
    }
    let page = fs::read_to_string(folder.join("pairloop-serve.1")).unwrap();
    assert!(
        page.contains("hello\\-timeout") && page.contains("PAIRLOOP_MAX_CLIENTS"),
        "{page}"
    );
    let (code, _, stderr) = run(&["man", "--out", "/dev/null/there"]);
    assert_eq!(code, Some(1));
    assert!(
        stderr.contains("cannot write to /dev/null/there"),
        "{stderr}"
    );
}
