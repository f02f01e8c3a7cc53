//! The real program under callgrind, with the load generator as its clients: what a message costs in user space, mio,
//! the standard library and libc included.

use std::path::Path;

use crate::callgrind;
use crate::common::{self, Daemon};

/// Serves with these options until the generator has had so many messages passed on.
pub fn run(out: &Path, mode: &str, options: &str, load: &str, messages: usize) {
    let serve = common::serve(&[&format!("{mode}://127.0.0.1:0")]);
    let mut traced = callgrind::command(out, &[], serve.get_program());
    traced.args(serve.get_args()).arg("-q");
    traced.args(options.split_whitespace());
    traced.env_remove("RUST_LOG");
    let mut daemon = Daemon::run(traced, 1);
    let address = daemon.address(0).to_string();
    let mut generator = common::program();
    generator.args(["bench", mode, "--at", &address, "--size", "64"]);
    generator.args(["--warmup", "none", "--count", &messages.to_string()]);
    generator.args(load.split_whitespace());
    let output = generator.output().expect("it starts");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "pairloop bench {mode}: {errors}");
    daemon.stop();
}
