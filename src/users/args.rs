//! The arguments of `pairloop user`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::user_name;
use crate::limits::{DEFAULT_ITERATIONS, MAX_ITERATIONS, MIN_ITERATIONS};
use crate::units;

/// Keep the file that says who may log in
///
/// The file has one user a line, and of each password only what it takes to check it (SCRAM-SHA-256).
#[derive(Debug, Args)]
pub struct UserArgs {
    #[command(subcommand)]
    pub action: Action,
}

#[derive(Debug, Subcommand)]
pub enum Action {
    Add(AddArgs),
    Remove(RemoveArgs),
    List(ListArgs),
}

/// Add a user, and ask for the password
///
/// The file is made if there is none, and nobody but its owner may read it.
#[derive(Debug, Args)]
#[command(after_help = "Example: pairloop user add alice --file users")]
pub struct AddArgs {
    /// 1 to 64 of A-Z a-z 0-9 . _ -
    #[arg(value_parser = user_name)]
    pub name: String,
    /// The file of users
    #[arg(long)]
    pub file: PathBuf,
    /// Take the password from standard input, one line, instead of asking for it
    #[arg(long)]
    pub password_stdin: bool,
    /// Give a user who is there already a new password
    #[arg(long)]
    pub replace: bool,
    /// How often the password is hashed: more make it harder to guess from the file, and a login slower for the client
    #[arg(long, value_name = "N", default_value_t = DEFAULT_ITERATIONS,
        value_parser = units::number::<u32>(MIN_ITERATIONS.into(), MAX_ITERATIONS.into()))]
    pub iterations: u32,
}

/// Remove a user
#[derive(Debug, Args)]
#[command(after_help = "Example: pairloop user remove alice --file users")]
pub struct RemoveArgs {
    #[arg(value_parser = user_name)]
    pub name: String,
    /// The file of users
    #[arg(long)]
    pub file: PathBuf,
}

/// Print the names of all users
#[derive(Debug, Args)]
#[command(after_help = "Example: pairloop user list --file users")]
pub struct ListArgs {
    /// The file of users
    #[arg(long)]
    pub file: PathBuf,
}
