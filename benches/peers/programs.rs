//! Programs: where they are, which version, and those that are built or installed here first.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::FOLDER;

const TRANSIT: &str = "magic-wormhole-transit-relay==0.5.0";

/// Builds what can be built, before the network is one of our own. What fails is missing later, and said there.
pub fn prepare(install: bool) {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    // As users have it. The one that was built with this benchmark has symbols, for others to count by.
    run(Command::new(&cargo).args([
        "build",
        "--release",
        "--quiet",
        "--locked",
        "--target-dir",
        &format!("{FOLDER}/ours"),
    ]));
    run(Command::new(cargo).args([
        "build",
        "--release",
        "--quiet",
        "--locked",
        "--manifest-path",
        "benches/peers/programs/Cargo.toml",
        "--target-dir",
        &format!("{FOLDER}/programs"),
    ]));
    if find("go").is_some() {
        run(Command::new("go").args([
            "build",
            "-o",
            &format!("{FOLDER}/go"),
            "benches/peers/programs/go/main.go",
        ]));
    }
    if install {
        let place = format!("{FOLDER}/transit");
        let python = format!("{place}/bin/python");
        if !Path::new(&python).exists() {
            run(Command::new("python3").args(["-m", "venv", &place]));
        }
        run(Command::new(python).args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            TRANSIT,
        ]));
    }
}

fn run(command: &mut Command) {
    match command.status() {
        Ok(status) if status.success() => {}
        Ok(status) => eprintln!("{command:?}: {status}"),
        Err(error) => eprintln!("{command:?}: {error}"),
    }
}

/// A program of the system's, by its name.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let administrators = ["/usr/sbin", "/usr/local/sbin"].map(PathBuf::from);
    std::env::split_paths(&path)
        .chain(administrators)
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// The program itself.
pub fn pairloop_as_users_have_it() -> PathBuf {
    built("ours/release/pairloop").unwrap_or_else(|| env!("CARGO_BIN_EXE_pairloop").into())
}

/// A program that `prepare` has made.
pub fn built(name: &str) -> Option<PathBuf> {
    let program = Path::new(FOLDER).join(name);
    let program = program.canonicalize().ok()?;
    program.is_file().then_some(program)
}

/// The first thing that looks like a version in what a program says about itself.
pub fn version_of(program: &Path, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    first_version(&String::from_utf8_lossy(&text))
}

/// Of the reference relay, and of what it runs on, by the Python beside its script.
pub fn transit_version(script: &Path) -> Option<String> {
    let ask = "import platform; from importlib.metadata import version; \
        print(version('magic-wormhole-transit-relay'), '(Twisted', version('twisted') + ',', \
        'Python', platform.python_version() + ')')";
    let python = script.with_file_name("python");
    let output = Command::new(python).args(["-c", ask]).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    output.status.success().then_some(text)
}

/// Of the tokio that was built in.
pub fn tokio_version() -> Option<String> {
    let lock = std::fs::read_to_string("benches/peers/programs/Cargo.lock").ok()?;
    let (_, behind) = lock.split_once("name = \"tokio\"\n")?;
    first_version(behind)
}

fn first_version(text: &str) -> Option<String> {
    text.split(|character: char| !character.is_ascii_digit() && character != '.')
        .map(|word| word.trim_matches('.'))
        .find(|word| word.contains('.'))
        .map(str::to_owned)
}
