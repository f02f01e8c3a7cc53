//! What a reviewer would otherwise have to look for every time.

#[path = "tidy/faults.rs"]
mod faults;

use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a file, and of a function.
const FILE_LINES: usize = 350;
const FUNCTION_LINES: usize = 70;

/// Files and functions that are longer, with the length they have. They may only become shorter: then the number here
/// goes down with them, and below the limit the entry goes.
const LONG_FILES: &[(&str, usize)] = &[];
const LONG_FUNCTIONS: &[(&str, usize)] = &[];

/// The one place that may say `unsafe`.
const UNSAFE: &str = "src/reactor/outq.rs";

#[test]
fn the_engine_is_pure() {
    // Neither sockets nor a clock nor an iteration order that differs from run to run.
    let impure = [
        "mio",
        "std::net::Tcp",
        "std::net::Udp",
        "ToSocketAddrs",
        "std::io",
        "std::os",
        "std::fs",
        "std::env",
        "std::thread",
        "Instant::now",
        "SystemTime",
        "HashMap",
        "HashSet",
        "RandomState",
        "rustix",
        "socket2",
        "log",
        "println",
        "crate::reactor",
        "crate::console",
    ];
    let mut files = rust_files("src/engine");
    files.retain(|(path, _)| !path.starts_with("src/engine/tests"));
    assert!(files.len() > 5, "the engine is in src/engine");
    for (path, text) in files {
        // Tests may look at the clock to have a time to begin with.
        let text = text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default();
        for (number, line) in code_lines(text) {
            for word in impure {
                assert!(
                    !has_word(line, word),
                    "{}:{number}: {word} in the engine",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn the_reactor_knows_no_service() {
    let services = ["echo", "relay", "chat", "order", "transit"];
    for (path, text) in rust_files("src/reactor") {
        for (number, line) in code_lines(&text) {
            for service in services {
                assert!(
                    !has_word(line, service),
                    "{}:{number}: {service} in the reactor",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn files_are_short() {
    let long = all_files()
        .into_iter()
        .map(|(path, text)| (path.display().to_string(), text.lines().count()));
    ratchet("file", long, FILE_LINES, LONG_FILES);
}

#[test]
fn functions_are_short() {
    let mut lengths = Vec::new();
    for (path, text) in all_files() {
        for (name, lines) in functions(&text) {
            lengths.push((format!("{}: {name}", path.display()), lines));
        }
    }
    assert!(lengths.len() > 100, "functions are found");
    ratchet(
        "function",
        lengths.into_iter(),
        FUNCTION_LINES,
        LONG_FUNCTIONS,
    );
}

#[test]
fn nothing_is_left_over() {
    // Written in two parts so that this file does not find itself.
    let markers = [
        ("TO", "DO"),
        ("FIX", "ME"),
        ("XX", "X"),
        ("to", "do!"),
        ("unimpl", "emented!"),
        ("db", "g!"),
    ];
    for (path, text) in all_files() {
        for (number, line) in text.lines().enumerate() {
            for (start, end) in markers {
                let marker = format!("{start}{end}");
                assert!(
                    !line.contains(&marker),
                    "{}:{}: {marker}",
                    path.display(),
                    number + 1
                );
            }
        }
    }
}

#[test]
fn unsafe_is_in_one_place() {
    let word = format!("un{}", "safe");
    for (path, text) in all_files() {
        let says_it = code_lines(&text).any(|(_, line)| has_word(line, &word));
        assert_eq!(says_it, path == Path::new(UNSAFE), "{}", path.display());
        if says_it {
            let blocks = text.matches(&format!("{word} {{")).count();
            assert_eq!(
                blocks,
                text.matches("// SAFETY:").count(),
                "each block has its reason"
            );
        }
    }
}

#[test]
fn every_dependency_is_explained() {
    let manifest = read("Cargo.toml");
    let architecture = read("ARCHITECTURE.md");
    let mut section = "";
    let mut found = 0;
    for line in manifest.lines() {
        if line.starts_with('[') {
            section = line;
        } else if section.ends_with("dependencies]") && line.contains('=') && !line.starts_with('#')
        {
            let name = line
                .split(['=', '.', ' '])
                .next()
                .expect("a line has a start");
            assert!(
                architecture.contains(&format!("| `{name}` |")),
                "ARCHITECTURE.md says why there is {name}"
            );
            found += 1;
        }
    }
    assert!(found > 5, "the dependencies are found");
}

#[test]
fn the_map_is_complete() {
    let architecture = read("ARCHITECTURE.md");
    for (path, _) in all_files() {
        let name = path
            .file_name()
            .expect("a file")
            .to_string_lossy()
            .into_owned();
        let folder = path
            .parent()
            .and_then(Path::file_name)
            .expect("a folder")
            .to_string_lossy()
            .into_owned();
        let named = if name == "mod.rs" {
            format!("{folder}/")
        } else {
            name
        };
        assert!(
            architecture.contains(&named),
            "ARCHITECTURE.md names {}",
            path.display()
        );
    }
}

/// Compares lengths with a limit and the list of known exceptions.
fn ratchet(
    what: &str,
    lengths: impl Iterator<Item = (String, usize)>,
    limit: usize,
    known: &[(&str, usize)],
) {
    let long: Vec<(String, usize)> = lengths.filter(|&(_, lines)| lines > limit).collect();
    for (name, lines) in &long {
        let allowed = known
            .iter()
            .find(|(known, _)| known == name)
            .map(|&(_, lines)| lines);
        assert_eq!(
            Some(*lines),
            allowed,
            "{what} {name} has {lines} lines; the limit is {limit}"
        );
    }
    for (name, lines) in known {
        assert!(
            long.iter().any(|(long, _)| long == name),
            "{what} {name} is no longer {lines} lines long"
        );
    }
}

/// The functions of a file in rustfmt's layout, with their lengths: from the line with `fn` to the closing brace
/// at the same indentation.
fn functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let indent = line.len() - code.len();
        let head = code.split('(').next().unwrap_or_default();
        let Some(name) = head.split("fn ").nth(1).filter(|_| !code.starts_with("//")) else {
            continue;
        };
        let end = lines[start..].iter().position(|line| {
            let code = line.trim_start();
            line.len() - code.len() == indent && code.starts_with('}')
        });
        if let Some(end) = end.filter(|_| !line.ends_with(['}', ';'])) {
            found.push((name.split('<').next().unwrap_or(name).to_owned(), end + 1));
        }
    }
    found
}

/// Lines that are not comments, with their numbers.
fn code_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line));
    numbered.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

/// Whether a line has a word, not as part of a longer one.
fn has_word(line: &str, word: &str) -> bool {
    let part =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line.as_bytes()[..at], &line.as_bytes()[at + word.len()..]);
        !part(before.last()) && !part(after.first())
    })
}

fn all_files() -> Vec<(PathBuf, String)> {
    let mut files = rust_files("src");
    files.extend(rust_files("tests"));
    files.extend(rust_files("benches"));
    files
}

fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let mut folders = vec![PathBuf::from(folder)];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root().join(&folder)).expect("the folder exists") {
            let entry = entry.expect("it can be read");
            let path = folder.join(entry.file_name());
            if entry.file_type().expect("it has a type").is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = read(&path);
                files.push((path, text));
            }
        }
    }
    files.sort();
    files
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(root().join(&path))
        .unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
