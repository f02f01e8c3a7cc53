//! The settings of `pairloop serve`: what the command line says goes before the environment, that before the file of
//! `--config`, and that before the defaults.
//!
//! The options of [`ServeArgs`] are the only list of settings. A key of the file is an option's name, a variable is the same
//! in capitals behind `PAIRLOOP_`, and what they say is handed to the parser of the command line. So whatever can
//! be an option can be set in all three ways, and is right or wrong by the same rules.

mod file;
mod reload;
mod schema;

use std::collections::BTreeMap;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use clap::{ArgMatches, CommandFactory, FromArgMatches};
use log::{LevelFilter, warn};
use thiserror::Error;

use crate::cli::{Cli, ServeArgs, ServeCommand};
use crate::console::printable;
use crate::logging;
use crate::password;

pub use reload::{Next, Running};
use schema::{Kind, Schema};

/// What the variables begin with.
const PREFIX: &str = "PAIRLOOP_";

/// The variable that names the file.
const CONFIG: &str = "PAIRLOOP_CONFIG";

/// Where the settings of this process come from. They can be read from there any number of times.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// What the command line says.
    given: Vec<Value>,
    /// The variables whose names begin with [`PREFIX`].
    environment: BTreeMap<OsString, OsString>,
    file: Option<PathBuf>,
    /// How much more is logged than the settings say.
    louder: i16,
}

/// The settings that hold.
#[derive(Debug, Clone)]
pub struct Config {
    pub args: ServeArgs,
    /// What is logged.
    pub level: LevelFilter,
    /// What was said somewhere; all other settings are at their defaults.
    pub values: Vec<Value>,
    pub sources: Sources,
}

/// What somebody has set, as text. An option that may be given several times has as many of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    /// The name of the option.
    pub key: String,
    pub text: OsString,
    pub origin: Origin,
}

/// Where something was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    CommandLine,
    /// The variable of this name.
    Environment(String),
    File(Position),
}

/// A place in a file. Lines and columns (characters) count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    pub path: PathBuf,
    pub line: usize,
    pub column: usize,
}

/// What is wrong with the settings.
#[derive(Debug, Error)]
pub enum ConfigError {
    #[error("cannot read {path}: {error}", path = .path.display())]
    Read { path: PathBuf, error: io::Error },
    /// This place in the file, or this variable, is to blame.
    #[error("{origin}: {words}")]
    Wrong { origin: Origin, words: String },
    /// They do not go together.
    #[error("{0}")]
    Together(String),
}

/// Reads the command line. Answers also what was given to `serve`, if that is the command. Ends the process if it makes no sense.
pub fn command_line() -> (Cli, Vec<Value>) {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let serve = matches.subcommand_matches("serve");
    (cli, serve.map(given).unwrap_or_default())
}

/// The settings among the arguments of `serve`.
fn given(matches: &ArgMatches) -> Vec<Value> {
    let mut given = Vec::new();
    for (key, id) in Schema::new().ids() {
        if matches.value_source(&id) == Some(clap::parser::ValueSource::CommandLine) {
            let texts = matches.get_raw(&id).into_iter().flatten();
            given.extend(texts.map(|text| Value {
                key: key.clone(),
                text: text.to_owned(),
                origin: Origin::CommandLine,
            }));
        }
    }
    given
}

impl Sources {
    /// Those of this process: what was `given` to the command, and the environment.
    pub fn new(command: &ServeCommand, given: Vec<Value>, louder: i16) -> Self {
        let ours = |name: &OsStr| name.as_encoded_bytes().starts_with(PREFIX.as_bytes());
        // An empty variable is the only way in which some can be taken back.
        let variables = env::vars_os().filter(|(name, text)| ours(name) && !text.is_empty());
        let environment: BTreeMap<_, _> = variables.collect();
        let variable = environment.get(OsStr::new(CONFIG)).map(PathBuf::from);
        Self {
            given,
            file: command.config.clone().or(variable),
            environment,
            louder,
        }
    }

    /// A file alone.
    pub fn of_file(path: impl Into<PathBuf>) -> Self {
        Self {
            file: Some(path.into()),
            ..Self::default()
        }
    }

    /// Reads the settings.
    ///
    /// # Errors
    /// If the file can't be read, or anything in it or in a variable is wrong.
    pub fn load(&self) -> Result<Config, ConfigError> {
        let text = self.file.as_deref().map(file::read).transpose()?;
        self.settle(text.as_deref())
    }

    /// The settings, if this is in the file.
    ///
    /// # Errors
    /// If anything in it or in a variable is wrong.
    pub fn settle(&self, text: Option<&str>) -> Result<Config, ConfigError> {
        let mut schema = Schema::new();
        let mut values = Vec::new();
        if let (Some(path), Some(text)) = (&self.file, text) {
            values = file::parse(&mut schema, path, text)?;
        }
        self.variables(&mut schema)?.overrule(&mut values);
        Layer(self.given.clone()).overrule(&mut values);
        let args = together(&mut schema, &values)?;
        Ok(Config {
            level: logging::level(args.log_level, self.louder),
            args,
            values,
            sources: self.clone(),
        })
    }

    fn variables(&self, schema: &mut Schema) -> Result<Layer, ConfigError> {
        let mut values = Vec::new();
        for (key, kind) in schema.kinds() {
            let variable = variable(&key);
            let Some(text) = self.environment.get(OsStr::new(&variable)) else {
                continue;
            };
            let origin = Origin::Environment(variable);
            let wrong = |words| ConfigError::Wrong {
                origin: origin.clone(),
                words,
            };
            let texts = texts(kind, text).map_err(wrong)?;
            for text in texts {
                let (key, origin) = (key.clone(), origin.clone());
                let value = Value { key, text, origin };
                schema.check(&value).map_err(wrong)?;
                values.push(value);
            }
        }
        Ok(Layer(values))
    }

    /// Warns of variables that nobody reads: a name may be misspelt, or somebody else's. (Kubernetes makes such names for a service that is
    /// called pairloop, so they are no errors.)
    pub fn warn_of_unknown(&self) {
        let mut schema = Schema::new();
        let known = schema.kinds().into_iter().map(|(key, _)| variable(&key));
        let mut known: Vec<String> = known.collect();
        known.extend([CONFIG, password::VARIABLE].map(str::to_owned));
        for name in self.environment.keys().map(|name| name.to_string_lossy()) {
            if known.iter().any(|known| *known == name) {
                continue;
            }
            let key = name.strip_prefix(PREFIX).unwrap_or(&name);
            let key = key.to_lowercase().replace('_', "-");
            let known = known.contains(&variable(&key)).then(|| key.clone());
            let meant = match known.or_else(|| schema.meant(&key)) {
                Some(key) => format!("did you mean {}?", variable(&key)),
                None => "no setting has that name".into(),
            };
            warn!("{} sets nothing: {meant}", printable(&name));
        }
    }

    /// The file, if there is one.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }
}

/// Looks at all values at once. Each by itself is right, but some may need others that are missing: then the one that does is to
/// blame, where it has a place.
fn together(schema: &mut Schema, values: &[Value]) -> Result<ServeArgs, ConfigError> {
    let words = match schema.parse(values) {
        Ok(args) => return Ok(args),
        Err(words) => words,
    };
    let needy = values.iter().filter(|value| schema.needs_others(value));
    let needy: Vec<&Value> = needy.collect();
    for &value in &needy {
        let is_other = |one: &&Value| needy.contains(one) && *one != value;
        let beside = values.iter().filter(|one| !is_other(one)).cloned();
        let beside: Vec<Value> = beside.collect();
        if let Err(words) = schema.parse(&beside)
            && value.origin != Origin::CommandLine
        {
            return Err(ConfigError::Wrong {
                origin: value.origin.clone(),
                words: format!("{}: {words}", value.key),
            });
        }
    }
    Err(ConfigError::Together(words))
}

/// The values that a variable holds.
fn texts(kind: Kind, text: &OsStr) -> Result<Vec<OsString>, String> {
    let utf8 = || text.to_str().ok_or("not UTF-8");
    Ok(match kind {
        Kind::One => vec![text.to_owned()],
        Kind::Many => utf8()?.split_whitespace().map(OsString::from).collect(),
        Kind::Flag => match utf8()? {
            "1" | "true" => vec!["true".into()],
            "0" | "false" => vec!["false".into()],
            other => return Err(format!("write true or false, not `{other}`")),
        },
    })
}

/// The name of an option's variable.
fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.to_uppercase().replace('-', "_"))
}

/// What one source says.
struct Layer(Vec<Value>);

impl Layer {
    /// Takes the place of what has been said of the same keys.
    fn overrule(self, values: &mut Vec<Value>) {
        values.retain(|old| self.0.iter().all(|new| new.key != old.key));
        values.extend(self.0);
    }
}

impl Config {
    /// What was set for this option, and where.
    pub fn set(&self, key: &str) -> impl Iterator<Item = &Value> {
        self.values.iter().filter(move |value| value.key == key)
    }

    /// All options, and what holds for each if it is not set.
    pub fn defaults(&self) -> Vec<(String, String)> {
        let schema = Schema::new();
        let kinds = schema.kinds().into_iter();
        let defaults = kinds.map(|(key, kind)| {
            let default = match kind {
                Kind::Flag => Some("false".into()),
                _ => schema.default(&key),
            };
            (key, default.unwrap_or("not set".into()))
        });
        defaults.collect()
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::CommandLine => f.write_str("command line"),
            Origin::Environment(variable) => f.write_str(variable),
            Origin::File(Position { path, line, column }) => {
                write!(f, "{}:{line}:{column}", path.display())
            }
        }
    }
}

#[cfg(test)]
mod tests;
