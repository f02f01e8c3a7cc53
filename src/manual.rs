//! `pairloop completions` and `pairloop man`: what shells and `man` know of the commands. Both are made from the definition of the
//! command line.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_complete::Shell;
use thiserror::Error;

use crate::cli::Cli;
use crate::console;

/// Print what a shell needs to complete our commands and options
#[derive(Debug, Args)]
#[command(
    after_help = "Example: pairloop completions bash >~/.local/share/bash-completion/completions/pairloop"
)]
pub struct CompletionsArgs {
    /// For which shell
    pub shell: Shell,
}

/// Print the manual page, or write those of all commands
#[derive(Debug, Args)]
#[command(after_help = "Example: pairloop man | man -l -")]
pub struct ManArgs {
    /// Write pairloop.1, pairloop-serve.1 and so on into this folder
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Why there is no manual.
#[derive(Debug, Error)]
pub enum ManualError {
    #[error("cannot write to {path}: {error}", path = .path.display())]
    Write { path: PathBuf, error: io::Error },
    #[error("cannot write to standard output: {0}")]
    Output(#[from] io::Error),
}

/// Prints the completions for a shell.
///
/// # Errors
/// If standard output can't be written to.
pub fn completions(args: &CompletionsArgs) -> Result<(), ManualError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "pairloop", &mut script);
    Ok(console::print(&script)?)
}

/// Prints pairloop(1), or writes the pages of all commands.
///
/// # Errors
/// If that can't be written.
pub fn man(args: &ManArgs) -> Result<(), ManualError> {
    let Some(folder) = &args.out else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Cli::command()).render(&mut page)?;
        return Ok(console::print(&page)?);
    };
    fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), folder))
        .map_err(|error| ManualError::Write {
            path: folder.clone(),
            error,
        })
}
