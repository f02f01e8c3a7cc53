//! The file: TOML (<https://toml.io>), as much of it as options need. Each key is an option, and its value a text, a whole number, `true` or
//! `false`, or a list of texts.

use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::schema::{Kind, Schema};
use super::{ConfigError, Origin, Position, Value};
use crate::limits::LONGEST_CONFIG;
use crate::regular_file;

/// Reads the file.
///
/// # Errors
/// If it can't be read.
pub fn read(path: &Path) -> Result<String, ConfigError> {
    regular_file::read(path, LONGEST_CONFIG).map_err(|error| ConfigError::Read {
        path: path.to_owned(),
        error,
    })
}

/// Looks at each value in the text of the file at this path.
///
/// # Errors
/// The first thing in it that is wrong.
pub fn parse(schema: &mut Schema, path: &Path, text: &str) -> Result<Vec<Value>, ConfigError> {
    let origin = |span: Range<usize>| Origin::File(position(path, text, span.start));
    let wrong = |span, words| ConfigError::Wrong {
        origin: origin(span),
        words,
    };
    let table = DeTable::parse(text).map_err(|error| {
        let words = error.message().replace('\n', ", ");
        wrong(error.span().unwrap_or(0..0), words)
    })?;
    let mut entries: Vec<_> = table.into_inner().into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut values = Vec::new();
    for (key, value) in &entries {
        let Some(kind) = schema.kind(key.as_ref()) else {
            return Err(wrong(key.span(), schema.unknown(key.as_ref())));
        };
        for element in elements(value) {
            let named = |words: String| wrong(element.span(), format!("{}: {words}", key.as_ref()));
            let is_list = !std::ptr::eq(element, value);
            let value = Value {
                key: key.as_ref().clone().into_owned(),
                text: one(kind, element.as_ref(), is_list).map_err(named)?.into(),
                origin: origin(element.span()),
            };
            schema.check(&value).map_err(named)?;
            values.push(value);
        }
    }
    Ok(values)
}

/// The elements of a list, or the value alone.
fn elements<'a, 'i>(value: &'a Spanned<DeValue<'i>>) -> Vec<&'a Spanned<DeValue<'i>>> {
    match value.as_ref() {
        DeValue::Array(elements) if !elements.is_empty() => elements.iter().collect(),
        _ => vec![value],
    }
}

/// A value as it would stand on the command line.
fn one(kind: Kind, value: &DeValue<'_>, is_list: bool) -> Result<String, String> {
    let words = match (kind, value) {
        (Kind::One | Kind::Flag, _) if is_list => "one value, not a list",
        (Kind::Flag, DeValue::Boolean(given)) => return Ok(given.to_string()),
        (Kind::Flag, _) => "write true or false",
        (_, DeValue::String(text)) => return Ok(text.clone().into_owned()),
        (_, DeValue::Integer(number)) => {
            match i128::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => return Ok(number.to_string()),
                Err(_) => "too large a number",
            }
        }
        (Kind::Many, DeValue::Array(_)) => "an empty list: leave it out, or name one",
        _ => "write a text in quotes, or a whole number",
    };
    Err(words.into())
}

fn position(path: &Path, text: &str, at: usize) -> Position {
    let before = text.get(..at).unwrap_or(text);
    let line = before.rsplit('\n').next().unwrap_or_default();
    Position {
        path: path.to_owned(),
        line: before.matches('\n').count() + 1,
        column: line.chars().count() + 1,
    }
}
