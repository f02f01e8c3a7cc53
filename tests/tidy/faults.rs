//! That each fault has its tests, and each test of faults its place in the table.

use std::collections::BTreeSet;
use std::path::Path;

use super::{code_lines, has_word, read, root, rust_files};

/// Rows of the table. A fault that is new makes it more; none is taken out.
const FAULTS: usize = 37;

const TABLE: &str = "tests/faults/README.md";

/// A row of the table.
struct Row {
    fault: String,
    outcome: String,
    tests: Vec<String>,
}

#[test]
fn every_fault_names_its_tests() {
    let rows = table();
    for row in &rows {
        let Row { fault, tests, .. } = row;
        assert!(!fault.is_empty() && !row.outcome.is_empty(), "{fault}");
        assert!(!tests.is_empty(), "{TABLE} names no test for: {fault}");
        for test in tests {
            assert!(exists(test), "{TABLE} names {test}, which is nowhere");
        }
    }
    let faults: BTreeSet<&str> = rows.iter().map(|row| &row.fault[..]).collect();
    assert_eq!(faults.len(), FAULTS, "different faults in {TABLE}");
    assert_eq!(rows.len(), FAULTS, "rows in {TABLE}");
}

#[test]
fn every_test_of_faults_is_named() {
    let rows = table();
    let named: BTreeSet<&str> = rows
        .iter()
        .flat_map(|row| &row.tests)
        .map(String::as_str)
        .collect();
    let mut found = 0;
    for (path, text) in rust_files("tests/faults") {
        let module = path.strip_prefix("tests/faults").expect("it is in there");
        let module = module.with_extension("").display().to_string();
        let module = module.trim_end_matches("/mod").replace('/', "::");
        for function in tests(&text) {
            let test = format!("{module}::{function}");
            assert!(named.contains(&test[..]), "{TABLE} does not name {test}");
            found += 1;
        }
    }
    assert!(found > FAULTS, "the tests are found");
}

#[test]
fn secrets_are_compared_in_constant_time() {
    let secrets = [
        "stored_key",
        "server_key",
        "client_key",
        "proof",
        "signature",
        "server_signature",
    ];
    for (path, text) in rust_files("src/scram") {
        let text = text.split("#[cfg(test)]").next().unwrap_or_default();
        let is_test = path.ends_with("tests.rs");
        for (number, line) in code_lines(text).filter(|_| !is_test) {
            let compares = line.contains("==") || line.contains("!=");
            let secret = secrets.iter().find(|secret| has_word(line, secret));
            assert!(
                !compares || secret.is_none(),
                "{}:{number}: {secret:?} is compared byte by byte",
                path.display()
            );
        }
        // Nor by what would be derived.
        for (at, _) in text.match_indices("#[derive(") {
            let derived = text[at..].split("\n}").next().unwrap_or_default();
            let has_secret = secrets.iter().any(|secret| has_word(derived, secret));
            assert!(
                !has_secret || !has_word(derived, "PartialEq"),
                "{}: secrets that can be compared: {derived}",
                path.display()
            );
        }
    }
    for side in ["server", "client"] {
        let text = read(format!("src/scram/{side}.rs"));
        assert!(text.contains(".ct_eq(&"), "the {side} compares");
    }
}

/// The rows of the table: a fault, what must happen, and tests, each in backquotes.
fn table() -> Vec<Row> {
    let text = read(TABLE);
    let lines = text.lines().filter(|line| line.starts_with("| "));
    let cells = lines.map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        <[&str; 3]>::try_from(cells).unwrap_or_else(|_| panic!("three cells: {line}"))
    });
    cells
        .filter(|[fault, ..]| !["fault", "---"].contains(fault))
        .map(|[fault, outcome, tests]| Row {
            fault: fault.into(),
            outcome: outcome.into(),
            tests: tests
                .split('`')
                .skip(1)
                .step_by(2)
                .map(Into::into)
                .collect(),
        })
        .collect()
}

/// Whether there is a test of this name: in the program of faults, in another one, or beside what it tests.
fn exists(test: &str) -> bool {
    let Some((module, function)) = test.rsplit_once("::") else {
        return false;
    };
    // The program of this name has its modules in a folder of another.
    let module = module.replacen("simulation::", "sim::", 1);
    let module = module.replace("::", "/");
    let places = [
        format!("tests/faults/{module}.rs"),
        format!("tests/faults/{module}/mod.rs"),
        format!("tests/{module}.rs"),
        format!("tests/{module}/main.rs"),
        format!("src/{module}.rs"),
        format!("src/{module}/mod.rs"),
    ];
    places
        .iter()
        .filter(|place| root().join(Path::new(place)).exists())
        .any(|place| tests(&read(place)).contains(&function.to_owned()))
}

/// The tests in a file.
fn tests(text: &str) -> Vec<String> {
    let marked = text
        .split("#[test]\n")
        .skip(1)
        .filter_map(|rest| rest.split_once("fn ")?.1.split('(').next());
    marked.map(str::to_owned).collect()
}
