//! `pairloop user`, on files and on a terminal.

mod common;

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::{Signal, Terminal, program, scratch};
use pairloop::scram::{Refusal, client, server};
use pairloop::users::Users;

/// A folder for one test, and in it where the users are to be.
fn file(name: &str) -> PathBuf {
    let folder = scratch(name);
    fs::create_dir(&folder).expect("nothing is there yet");
    folder.join("users")
}

fn command(action: &[&str], file: &Path) -> Command {
    let mut command = program();
    command.arg("user").args(action).arg("--file").arg(file);
    command
}

/// Adds a user, with as few iterations as there may be.
fn adding(name: &str, file: &Path, more: &[&str]) -> Command {
    let mut command = command(&["add", name, "--iterations", "4096"], file);
    command.args(more);
    command
}

fn start(command: &mut Command, input: &[u8]) -> Child {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    // Whoever fails at once does not read it.
    let _ = stdin.write_all(input);
    child
}

/// Its exit code, stdout and stderr.
fn end(child: Child) -> (Option<i32>, String, String) {
    let output = child.wait_with_output().expect("it can be waited for");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (
        output.status.code(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[track_caller]
fn succeeds(command: &mut Command, input: &[u8]) -> String {
    let (code, stdout, stderr) = end(start(command, input));
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    stdout
}

/// It ends with this code and these words on stderr, and says nothing on stdout.
#[track_caller]
fn fails(code: i32, words: &str, command: &mut Command, input: &[u8]) {
    let (found, stdout, stderr) = end(start(command, input));
    assert_eq!((found, stdout.as_str()), (Some(code), ""), "{stderr}");
    assert!(stderr.contains(words), "no {words:?} in {stderr}");
    if code == 1 {
        assert_eq!(stderr.lines().count(), 1, "one sentence: {stderr}");
    }
}

fn add(name: &str, password: &str, file: &Path) {
    let mut command = adding(name, file, &["--password-stdin"]);
    succeeds(&mut command, password.as_bytes());
}

fn names(file: &Path) -> String {
    succeeds(&mut command(&["list"], file), b"").replace('\n', " ")
}

/// Logs in as a client would.
fn log_in(name: &str, password: &str, file: &Path) -> Result<(), Refusal> {
    let text = fs::read_to_string(file).expect("it is there");
    let users = Users::parse(&text, [0; 32]).expect("its lines are right");
    let client = client::Exchange::new(name, password, "client").expect("a password");
    let (server, first) = server::Exchange::begin(client.first().as_bytes(), "server", |name| {
        users.secret(name)
    })?;
    let (answer, proven) = client.answer(first.as_bytes())?;
    proven.verify(server.finish(answer.as_bytes())?.as_bytes())
}

#[test]
fn who_was_added_logs_in_until_removed() {
    let file = file("added");
    add("alice", "pencil\n", &file);
    add("bob", "caf\u{E9}", &file);
    assert_eq!(names(&file), "alice bob ");
    assert_eq!(log_in("alice", "pencil", &file), Ok(()));
    assert_eq!(log_in("bob", "cafe\u{301}", &file), Ok(()));
    for (name, password) in [("alice", "caf\u{E9}"), ("bob", "pencil"), ("eve", "pencil")] {
        assert_eq!(log_in(name, password, &file), Err(Refusal::Credentials));
    }
    succeeds(&mut command(&["remove", "alice"], &file), b"");
    assert_eq!(names(&file), "bob ");
    assert_eq!(log_in("alice", "pencil", &file), Err(Refusal::Credentials));
}

#[test]
fn the_password_is_asked_for_twice_and_not_shown() {
    let file = file("asked");
    let mut terminal = Terminal::run(&mut adding("alice", &file, &[]));
    terminal.shows("Password for alice: ");
    assert!(!terminal.echoes());
    // Slips can be mended: with Backspace, and with Ctrl-U for all of it.
    terminal.press("pencli\x7f\x7fil\n");
    assert_eq!(terminal.shows("Once more: "), "\r\nOnce more: ");
    terminal.press("pen\x15pencil\n");
    assert_eq!(terminal.ends(0), "\r\n");
    assert_eq!(log_in("alice", "pencil", &file), Ok(()));
}

#[test]
fn a_slip_of_the_finger_adds_nobody() {
    for (first, second, words) in [
        ("pencil\n", "pencli\n", "the two passwords are not the same"),
        ("\n", "", "no password was given"),
        // Ctrl-D
        ("\x04", "", "no password was given"),
    ] {
        let file = scratch("slip");
        let mut terminal = Terminal::run(&mut adding("alice", &file, &[]));
        terminal.shows("Password for alice: ");
        terminal.press(first);
        if !second.is_empty() {
            terminal.shows("Once more: ");
            terminal.press(second);
        }
        let said = terminal.ends(1);
        assert!(said.contains(words), "{said:?}");
        assert!(terminal.echoes());
        assert!(!file.exists());
    }
}

#[test]
fn ctrl_c_at_the_prompt_leaves_a_terminal_that_shows_what_is_typed() {
    let file = file("interrupted");
    for typed in ["\x03", "penc\x03", "pencil\npenc\x03"] {
        let mut terminal = Terminal::run(&mut adding("alice", &file, &[]));
        terminal.shows("Password for alice: ");
        terminal.press(typed);
        terminal.ends_by(Signal::INT);
        assert!(terminal.echoes());
    }
    assert!(!file.exists());
}

#[test]
fn a_password_from_a_pipe_is_one_line() {
    let file = file("pipe");
    for (input, words) in [
        (&b""[..], "no password was given"),
        (b"\n", "no password was given"),
        (b"one\ntwo\n", "in one line"),
        (b"\xFF\n", "text in UTF-8"),
        (&[b'a'; 1025], "up to 1024 bytes"),
        (b"bell\x07\n", "no control characters"),
    ] {
        let mut command = adding("alice", &file, &["--password-stdin"]);
        fails(1, words, &mut command, input);
    }
    assert!(!file.exists());
}

#[test]
fn a_new_password_is_asked_for_by_name() {
    let file = file("replaced");
    add("alice", "pencil", &file);
    add("bob", "pencil", &file);
    let present = "alice is in ";
    let stdin = ["--password-stdin"];
    fails(1, present, &mut adding("alice", &file, &stdin), b"pen");
    assert_eq!(log_in("alice", "pencil", &file), Ok(()));
    let stdin_replace = ["--password-stdin", "--replace"];
    succeeds(&mut adding("alice", &file, &stdin_replace), b"pen");
    assert_eq!(names(&file), "alice bob ");
    assert_eq!(log_in("alice", "pen", &file), Ok(()));
    assert_eq!(log_in("bob", "pencil", &file), Ok(()));
}

#[test]
fn comments_and_other_lines_stay() {
    let file = file("comments");
    fs::write(&file, "# people\n\n").unwrap();
    add("alice", "pencil", &file);
    fs::write(&file, fs::read_to_string(&file).unwrap() + "  # guests").unwrap();
    add("bob", "pencil", &file);
    succeeds(&mut command(&["remove", "alice"], &file), b"");
    let text = fs::read_to_string(&file).unwrap();
    let (comments, bob) = text.split_once("bob:SCRAM-SHA-256$4096:").unwrap();
    assert_eq!(comments, "# people\n\n  # guests\n");
    assert_eq!((bob.lines().count(), bob.ends_with('\n')), (1, true));
}

#[test]
fn a_bad_line_is_named_and_nothing_is_changed() {
    let file = file("bad");
    let text = "# people\nalice:secret\n";
    fs::write(&file, text).unwrap();
    let words = "users, line 2: expected NAME:SCRAM-SHA-256$";
    let stdin = ["--password-stdin"];
    fails(1, words, &mut adding("bob", &file, &stdin), b"pencil");
    fails(1, words, &mut command(&["remove", "bob"], &file), b"");
    fails(1, words, &mut command(&["list"], &file), b"");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    assert_eq!(files_beside(&file), 1);
}

#[test]
fn only_the_owner_reads_the_file() {
    let file = file("mode");
    let mode = || fs::metadata(&file).unwrap().mode() & 0o7777;
    add("alice", "pencil", &file);
    assert_eq!(mode(), 0o600);
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    add("bob", "pencil", &file);
    assert_eq!(mode(), 0o600);
}

#[test]
fn a_link_stays_a_link() {
    let file = file("link");
    let link = file.with_file_name("link");
    add("alice", "pencil", &file);
    symlink("users", &link).unwrap();
    add("bob", "pencil", &link);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(names(&file), "alice bob ");
}

#[test]
fn who_add_at_the_same_time_do_not_lose_each_other() {
    let file = file("crowd");
    let add = |name: &String| {
        let mut command = adding(name, &file, &["--password-stdin"]);
        start(&mut command, b"pencil")
    };
    let crowd: Vec<String> = (0..8).map(|number| format!("user-{number}")).collect();
    let children: Vec<Child> = crowd.iter().map(add).collect();
    for child in children {
        let (code, _, stderr) = end(child);
        assert_eq!(code, Some(0), "{stderr}");
    }
    let mut found: Vec<String> = names(&file).split(' ').map(str::to_owned).collect();
    found.sort();
    assert_eq!(found[1..], crowd);
    assert_eq!(files_beside(&file), 1);
}

#[test]
fn of_those_who_add_the_same_name_at_the_same_time_one_succeeds() {
    let file = file("twins");
    let children = ["one", "two", "three"].map(|password| {
        let mut command = adding("alice", &file, &["--password-stdin"]);
        (password, start(&mut command, password.as_bytes()))
    });
    let ended = children.map(|(password, child)| (password, end(child).0));
    let added: Vec<&str> = ended
        .iter()
        .filter(|(_, code)| *code == Some(0))
        .map(|&(password, _)| password)
        .collect();
    assert_eq!(added.len(), 1, "{ended:?}");
    assert_eq!(log_in("alice", added[0], &file), Ok(()));
}

#[test]
fn what_a_killed_command_left_behind_is_no_hindrance() {
    let file = file("killed");
    let left = file.with_file_name("users.new");
    fs::write(&left, "half a li".repeat(1000)).unwrap();
    add("alice", "pencil", &file);
    assert_eq!(names(&file), "alice ");
    assert_eq!(files_beside(&file), 1);
}

#[test]
fn what_is_not_there_cannot_be_changed() {
    let file = file("missing");
    fails(1, "cannot read", &mut command(&["list"], &file), b"");
    fails(
        1,
        "cannot read",
        &mut command(&["remove", "bob"], &file),
        b"",
    );
    assert_eq!(files_beside(&file), 0);
    add("alice", "pencil", &file);
    fails(
        1,
        "there is no bob in",
        &mut command(&["remove", "bob"], &file),
        b"",
    );
    let nowhere = file.join("users");
    fails(1, "cannot read", &mut command(&["list"], &nowhere), b"");
    let nowhere = file.with_file_name("nowhere").join("users");
    let stdin = ["--password-stdin"];
    fails(
        1,
        "cannot write",
        &mut adding("bob", &nowhere, &stdin),
        b"pen",
    );
}

#[test]
fn wrong_usage_is_told_apart() {
    let file = file("usage");
    for arguments in [
        &["add", "al:ice"][..],
        &["add", ""],
        &["remove", "al ice"],
        &["add", "alice", "--iterations", "4095"],
        &["add", "alice", "--iterations", "1000001"],
        &["add"],
        &["rename"],
    ] {
        fails(2, "", &mut command(arguments, &file), b"");
    }
    for action in ["add alice", "remove alice", "list"] {
        let mut command = program();
        command.arg("user").args(action.split(' '));
        fails(2, "--file", &mut command, b"");
    }
    assert_eq!(files_beside(&file), 0);
}

/// How many files are in its folder.
fn files_beside(file: &Path) -> usize {
    let folder = file.parent().expect("a folder");
    fs::read_dir(folder).expect("it is there").count()
}
