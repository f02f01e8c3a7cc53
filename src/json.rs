//! JSON for programs (RFC 8259), as much as is written here.

use std::fmt::Write;

/// An object whose names and order are those of the calls (RFC 8259).
#[derive(Default)]
pub struct Object(String);

impl Object {
    pub fn raw(&mut self, name: &str, value: &str) {
        self.0.push(if self.0.is_empty() { '{' } else { ',' });
        let _ = write!(self.0, "{}:{value}", string(name));
    }

    pub fn text(&mut self, name: &str, value: &str) {
        self.raw(name, &string(value));
    }

    pub fn number(&mut self, name: &str, value: f64) {
        self.raw(name, &number(value));
    }

    pub fn finish(self) -> String {
        self.0 + "}"
    }
}

pub fn list(values: impl Iterator<Item = String>) -> String {
    format!("[{}]", values.collect::<Vec<_>>().join(","))
}

/// JSON has no words for what is not finite.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        "null".into()
    } else if value.fract() == 0.0 {
        format!("{value:.0}")
    } else {
        format!("{value:.6}")
    }
}

pub fn string(text: &str) -> String {
    let mut quoted = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            // Beyond what JSON asks for, U+0080 to U+009F: lines may be looked at on a terminal, which obeys them.
            control if control.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", control as u32);
            }
            other => quoted.push(other),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let mut object = Object::default();
        object.text("a\"b\\\n", "\u{1b}\u{9b}\u{e9}");
        object.number("whole", 1e15);
        object.number("part", 0.5);
        object.number("none", f64::NAN);
        object.raw("list", &list(["1".to_owned(), "2".to_owned()].into_iter()));
        assert_eq!(
            object.finish(),
            "{\"a\\\"b\\\\\\u000a\":\"\\u001b\\u009b\u{e9}\",\"whole\":1000000000000000,\"part\":0.500000,\"none\":null,\"list\":[1,2]}"
        );
    }
}
