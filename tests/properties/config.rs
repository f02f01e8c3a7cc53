//! What holds for every text that may be a configuration file.

use std::path::Path;

use pairloop::config::{Config, ConfigError, Origin, Position, Sources};
use pairloop::limits::LONGEST_CONFIG;

const PATH: &str = "some.toml";

/// What is wrong has a place in the text; what is right is the same settings when it is written in another way.
pub fn check(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    assert!(
        bytes.len() as u64 <= LONGEST_CONFIG,
        "such a file is not read"
    );
    let sources = Sources::of_file(PATH);
    match sources.settle(Some(text)) {
        Ok(config) => {
            is_said_somewhere(text, &config);
            let written = written(&config);
            let again = sources.settle(Some(&written));
            let again = again.unwrap_or_else(|error| panic!("{error}: {written}"));
            assert_eq!(said(&again), said(&config));
            assert_eq!(format!("{:?}", again.args), format!("{:?}", config.args));
            assert_eq!(again.level, config.level);
        }
        Err(ConfigError::Wrong { origin, words }) => {
            is_a_place(text, &origin);
            assert!(!words.is_empty() && !words.contains('\n'), "{words:?}");
        }
        Err(error) => panic!("{error:?} is nowhere"),
    }
}

fn said(config: &Config) -> Vec<(&str, &str)> {
    let values = config.values.iter();
    let said = values.map(|value| {
        (
            value.key.as_str(),
            value.text.to_str().expect("it was text"),
        )
    });
    said.collect()
}

fn is_said_somewhere(text: &str, config: &Config) {
    for value in &config.values {
        is_a_place(text, &value.origin);
        assert_eq!(
            config
                .set(&value.key)
                .filter(|other| *other == value)
                .count(),
            1
        );
    }
}

/// Lines and columns count from 1. The end of a line is a place as well, and so is that of the text.
fn is_a_place(text: &str, origin: &Origin) {
    let Origin::File(Position { path, line, column }) = origin else {
        panic!("{origin:?} is not in the file");
    };
    assert_eq!(path, Path::new(PATH));
    let found = text.split('\n').nth(line - 1);
    let found = found.unwrap_or_else(|| panic!("there is no line {line}"));
    assert!((1..=found.chars().count() + 1).contains(column), "{origin}");
}

/// The same settings, each value as a text where it can be one, and all values of a key in a list.
fn written(config: &Config) -> String {
    let mut text = String::new();
    let mut done: Vec<&str> = Vec::new();
    for (key, value) in said(config) {
        if done.contains(&key) {
            continue;
        }
        done.push(key);
        let all = config.set(key).map(|value| value.text.to_str());
        let all: Vec<String> = all.flatten().map(quoted).collect();
        let is_flag = config.defaults().contains(&(key.into(), "false".into()));
        text += &match (is_flag, &all[..]) {
            (true, _) => format!("{key} = {value}\n"),
            (false, [one]) => format!("{key} = {one}\n"),
            (false, all) => format!("{key} = [{}]\n", all.join(", ")),
        };
    }
    text
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            _ if character.is_control() => quoted += &format!("\\u{:04x}", u32::from(character)),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}
