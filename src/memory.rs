//! How much memory the process may take (RLIMIT_AS, `ulimit -v`). An allocation that fails is the end of it and of all rooms, so
//! work is refused before that.

use rustix::param::page_size;
use rustix::process::{Resource, getrlimit};
use thiserror::Error;

use crate::limits::{LEAST_MEMORY, PROGRAM_MEMORY, RESERVED_MEMORY};

/// The limit is so low that not even a command line can be read.
#[derive(Debug, Error)]
#[error(
    "this process may have {limit} bytes of memory, too little to run: raise its limit (ulimit -v)"
)]
pub struct TooLittle {
    limit: usize,
}

/// Looks whether there is enough memory to begin with.
///
/// # Errors
/// If there is not.
pub fn is_enough() -> Result<(), TooLittle> {
    match limit() {
        Some(limit) if limit.saturating_sub(taken()) < LEAST_MEMORY => Err(TooLittle { limit }),
        _ => Ok(()),
    }
}

/// Bytes that may still be taken for clients, if that is limited.
pub fn left() -> Option<usize> {
    limit().map(|limit| limit.saturating_sub(taken() + RESERVED_MEMORY))
}

fn limit() -> Option<usize> {
    let limit = getrlimit(Resource::As).current?;
    usize::try_from(limit).ok()
}

/// Bytes of address space that the process has: in proc(5) the first number of statm, in pages.
fn taken() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm");
    let pages = pages
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok());
    pages.map_or(PROGRAM_MEMORY, |pages: usize| pages * page_size())
}
