//! What holds for every sequence of things that can happen to the engine: to clients of every service, to workers, to
//! settings, and to time.
//!
//! The bytes are read as a script ([`script`]), which is played to an engine by a caller who keeps the contract as the
//! reactor does ([`world`], [`steps`]) and holds the engine to it, output by output ([`law`]). In debug builds the engine sweeps its
//! own invariants after each step as well.

mod client;
mod law;
mod listeners;
mod script;
mod steps;
mod words;
mod world;

use script::Script;
use world::World;

/// Steps that are taken of one script.
const STEPS: usize = 400;

/// Plays the script; twice, if it says so: the same inputs give the same outputs.
pub fn check(bytes: &[u8]) {
    let told = play(bytes);
    if bytes.first().is_some_and(|first| first & 0x80 != 0) {
        assert_eq!(play(bytes), told, "it decided otherwise the second time");
    }
}

/// Answers what the engine has said, as a hash.
fn play(bytes: &[u8]) -> u64 {
    let mut script = Script::of(bytes);
    let mut world = World::new(script.byte());
    for _ in 0..STEPS {
        if script.is_over() {
            break;
        }
        world.step(&mut script);
    }
    world.nobody_is_forgotten();
    world.everybody_leaves()
}
