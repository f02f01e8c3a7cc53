//! The arguments of `pairloop send` and `pairloop receive`.

use std::path::PathBuf;

use clap::Args;

use crate::address::Address;
use crate::cli::{RoomArgs, ServerArgs};

/// Where the two meet, and how they say what happens.
#[derive(Debug, Args)]
#[command(mut_arg("room", |room| room.required(true)))]
pub struct MeetingArgs {
    /// The server: a relay with named rooms. An IPv6 address goes in brackets: [::1]:7000
    #[arg(value_name = "ADDR")]
    pub at: Address,
    #[command(flatten)]
    pub room: RoomArgs,
    /// Say what happens as JSON, one object a line
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub server: ServerArgs,
}

/// Send files and folders to whoever receives in the same room
///
/// Names, times of modification and the executable bit go along. A symlink is sent as what it points to if that is in
/// the same folder. Exit code 0 means that the receiver has written, checked and named every file; after a failure the
/// same command on both sides continues where it stopped. --quiet says nothing unless it fails.
#[derive(Debug, Args)]
#[command(after_help = "Example: pairloop send relay.example:7000 --room holiday photos notes.txt")]
pub struct SendArgs {
    #[command(flatten)]
    pub meeting: MeetingArgs,
    /// What to send; of a folder, everything in it
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
}

/// Receive what is sent in the same room
///
/// Nothing is overwritten unless --overwrite is given, and nothing is written outside the folder. A file has a hidden
/// name that ends in .pairloop-part until it is whole and checked. Exit code 0 means that everything is in place; after
/// a failure the same command on both sides continues where it stopped. --quiet says nothing unless it fails.
#[derive(Debug, Args)]
#[command(after_help = "Example: pairloop receive relay.example:7000 --room holiday --into inbox")]
pub struct ReceiveArgs {
    #[command(flatten)]
    pub meeting: MeetingArgs,
    /// The folder to write to, which is made if it is not there
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub into: PathBuf,
    /// Replace files that are there already and are not the same
    #[arg(long)]
    pub overwrite: bool,
    /// Serve one sender after another, whether or not all goes well
    #[arg(long)]
    pub forever: bool,
}
