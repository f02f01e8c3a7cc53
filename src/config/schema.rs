//! The options of `pairloop serve` as the list of what can be set: their names, and what may be said behind them.

use std::error::Error;
use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Args, Command, FromArgMatches};

use super::Value;
use crate::cli::ServeArgs;

/// The options, and their parser.
pub struct Schema(Command);

/// What an option takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A value.
    One,
    /// Any number of values.
    Many,
    /// None: it is given or not.
    Flag,
}

impl Schema {
    pub fn new() -> Self {
        let command = Command::new("serve").no_binary_name(true);
        Self(ServeArgs::augment_args(command).disable_help_flag(true))
    }

    /// The names of all options, and what each takes.
    pub fn kinds(&self) -> Vec<(String, Kind)> {
        self.options()
            .map(|(key, option)| (key.to_owned(), kind(option)))
            .collect()
    }

    /// The names of all options, and clap's names for them.
    pub fn ids(&self) -> Vec<(String, String)> {
        self.options()
            .map(|(key, option)| (key.to_owned(), option.get_id().to_string()))
            .collect()
    }

    /// What an option takes, if there is one of this name.
    pub fn kind(&self, key: &str) -> Option<Kind> {
        let mut options = self.options();
        options
            .find(|(name, _)| *name == key)
            .map(|(_, option)| kind(option))
    }

    /// The default of an option, if it has one that is always the same.
    pub fn default(&self, key: &str) -> Option<String> {
        let (_, option) = self.options().find(|(name, _)| *name == key)?;
        let default = option.get_default_values().first()?;
        Some(default.to_string_lossy().into_owned())
    }

    fn options(&self) -> impl Iterator<Item = (&str, &Arg)> {
        self.0
            .get_arguments()
            .filter_map(|option| Some((option.get_long()?, option)))
    }

    /// Reads all values together. What they do not say is as it is by default.
    ///
    /// # Errors
    /// If they do not go together; in words.
    pub fn parse(&mut self, values: &[Value]) -> Result<ServeArgs, String> {
        let words = values.iter().filter_map(|value| self.word(value));
        let words: Vec<_> = words.collect();
        let matches = self.0.try_get_matches_from_mut(words);
        matches
            .and_then(|matches| ServeArgs::from_arg_matches(&matches))
            .map_err(|error| words_of(&error))
    }

    /// Looks at one value, without the others.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn check(&mut self, value: &Value) -> Result<(), String> {
        match self.0.try_get_matches_from_mut(self.word(value)) {
            Ok(_) => Ok(()),
            // That it needs others is for those who see them all.
            Err(error) if error.kind() == ErrorKind::MissingRequiredArgument => Ok(()),
            Err(error) => Err(words_of(&error)),
        }
    }

    /// Whether this value is right, but not without others.
    pub fn needs_others(&mut self, value: &Value) -> bool {
        let alone = self.0.try_get_matches_from_mut(self.word(value));
        alone.is_err_and(|error| error.kind() == ErrorKind::MissingRequiredArgument)
    }

    /// Says that there is no such option, and which one may have been meant.
    pub fn unknown(&mut self, key: &str) -> String {
        let meant = self.meant(key);
        let known: Vec<&str> = self.options().map(|(name, _)| name).collect();
        let known = known.join(", ");
        match meant {
            Some(meant) => {
                format!("unknown key `{key}`, did you mean `{meant}`? There are: {known}")
            }
            None => format!("unknown key `{key}`; there are: {known}"),
        }
    }

    /// The option that whoever wrote this may have meant.
    pub fn meant(&mut self, key: &str) -> Option<String> {
        let error = self
            .0
            .try_get_matches_from_mut([format!("--{key}=")])
            .err()?;
        match error.get(ContextKind::SuggestedArg) {
            Some(ContextValue::String(option)) => Some(option.strip_prefix("--")?.to_owned()),
            _ => None,
        }
    }

    /// The value as a word of the command line.
    fn word(&self, value: &Value) -> Option<OsString> {
        let mut word = OsString::from(format!("--{}", value.key));
        match self.kind(&value.key) {
            Some(Kind::Flag) if value.text == "false" => return None,
            Some(Kind::Flag) => {}
            _ => {
                word.push("=");
                word.push(&value.text);
            }
        }
        Some(word)
    }
}

fn kind(option: &Arg) -> Kind {
    match option.get_action() {
        ArgAction::SetTrue => Kind::Flag,
        ArgAction::Append => Kind::Many,
        _ => Kind::One,
    }
}

/// What an error says about a value, without the option's name and the advice around it.
fn words_of(error: &clap::Error) -> String {
    if let Some(cause) = error.source() {
        return cause.to_string();
    }
    let text = error.to_string();
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let sentence = text.split("\n\n").next().unwrap_or(text);
    sentence.split_whitespace().collect::<Vec<_>>().join(" ")
}
