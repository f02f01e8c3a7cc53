//! As much of JSON (RFC 8259) as it takes to see that a text is JSON, and to look something up in it.

/// The leaves by their paths: `latency_us.p50`, `series.0`.
#[derive(Debug)]
pub struct Json(Vec<(String, String)>);

impl Json {
    /// Fails the test if the text is not JSON.
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let mut parser = Parser {
            rest: text,
            leaves: Vec::new(),
        };
        parser.value("");
        assert_eq!(parser.rest.trim(), "", "something behind the value");
        Self(parser.leaves)
    }

    pub fn find(&self, path: &str) -> Option<&str> {
        let leaf = self.0.iter().find(|(name, _)| name == path);
        leaf.map(|(_, value)| value.as_str())
    }

    #[track_caller]
    pub fn text(&self, path: &str) -> &str {
        self.find(path).unwrap_or_else(|| panic!("no {path}"))
    }

    #[track_caller]
    pub fn number(&self, path: &str) -> f64 {
        self.text(path).parse().expect("a number")
    }
}

struct Parser<'a> {
    rest: &'a str,
    leaves: Vec<(String, String)>,
}

impl Parser<'_> {
    fn value(&mut self, path: &str) {
        match self.peek() {
            '{' => self.members(path, '{', '}'),
            '[' => self.members(path, '[', ']'),
            '"' => {
                let text = self.string();
                self.leaves.push((path.into(), text));
            }
            _ => {
                let end = self.rest.find([',', '}', ']', '\n']);
                let (word, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
                let known = ["true", "false", "null"].contains(&word);
                assert!(known || word.parse::<f64>().is_ok(), "{word:?}");
                self.leaves.push((path.into(), word.into()));
                self.rest = rest;
            }
        }
    }

    fn members(&mut self, path: &str, open: char, close: char) {
        self.expect(open);
        let mut index = 0;
        while self.peek() != close {
            if index > 0 {
                self.expect(',');
            }
            let mut name = index.to_string();
            if open == '{' {
                assert_eq!(self.peek(), '"', "a name");
                name = self.string();
                self.expect(':');
            }
            let dot = if path.is_empty() { "" } else { "." };
            self.value(&format!("{path}{dot}{name}"));
            index += 1;
        }
        self.expect(close);
    }

    fn string(&mut self) -> String {
        self.expect('"');
        let mut text = String::new();
        loop {
            match self.next() {
                '"' => return text,
                '\\' => match self.next() {
                    'u' => {
                        let (digits, rest) = self.rest.split_at(4);
                        let code = u32::from_str_radix(digits, 16).expect("four digits");
                        text.extend(char::from_u32(code));
                        self.rest = rest;
                    }
                    plain => text.push(plain),
                },
                control if control < ' ' => panic!("{control:?} in a string"),
                other => text.push(other),
            }
        }
    }

    fn peek(&mut self) -> char {
        self.rest = self.rest.trim_start();
        self.rest.chars().next().expect("more JSON")
    }

    fn next(&mut self) -> char {
        let next = self.rest.chars().next().expect("more JSON");
        self.rest = &self.rest[next.len_utf8()..];
        next
    }

    #[track_caller]
    fn expect(&mut self, wanted: char) {
        self.peek();
        assert_eq!(self.next(), wanted, "before {:?}", self.rest);
    }
}
