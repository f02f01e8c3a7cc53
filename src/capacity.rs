//! How many clients, and how much memory for their bytes: what the operator asks for, within what the system allows.

use log::{debug, warn};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use thiserror::Error;

use crate::cli::ServeArgs;
use crate::engine::ClientId;
use crate::limits::{
    CLIENT_MEMORY, FEW_DESCRIPTORS, MAX_PIPES, PIPE_SHARE, RESERVED_DESCRIPTORS,
    SHARED_BUFFER_MEMORY,
};
use crate::listen::ListenUrl;
use crate::memory;
use crate::reactor::{BufferMemory, Settings, Splicing};
use crate::units::count;
use crate::users::Users;

/// Why nobody, or not as many, can be served.
#[derive(Debug, Error)]
pub enum CapacityError {
    #[error(
        "--max-clients {wanted} needs {needed} descriptors, and this process may have {limit}: raise the hard limit (ulimit -Hn)"
    )]
    Descriptors {
        wanted: usize,
        needed: usize,
        limit: usize,
    },
    #[error(
        "this process may have {limit} descriptors, too few to serve anybody: raise the hard limit (ulimit -Hn)"
    )]
    NoDescriptors { limit: usize },
    #[error(
        "--buffer-memory {given} is too little for {words}: at least {least}, or fewer --max-clients",
        words = count(*clients, "client")
    )]
    BufferMemory {
        given: usize,
        clients: usize,
        least: usize,
    },
    #[error(
        "--{option} {given} needs {needed} bytes of memory, and this process may take only {left} more: raise its limit (ulimit -v)"
    )]
    Memory {
        option: &'static str,
        given: usize,
        needed: usize,
        left: usize,
    },
}

impl CapacityError {
    /// The option that asks for too much, or for too little.
    pub fn option(&self) -> Option<&'static str> {
        match self {
            CapacityError::Descriptors { .. } => Some("max-clients"),
            CapacityError::NoDescriptors { .. } => None,
            CapacityError::BufferMemory { .. } => Some("buffer-memory"),
            CapacityError::Memory { option, .. } => Some(option),
        }
    }
}

/// What there is room for.
#[derive(Debug, Clone, Copy)]
pub struct Capacity {
    /// Clients at one time.
    pub max_clients: usize,
    /// Bytes in all buffers together.
    pub buffer_memory: usize,
    splicing: Splicing,
    pipes: usize,
    /// Nobody has asked for so few clients: descriptors are so few that there is no room for more.
    few_descriptors: Option<usize>,
    /// Nobody has asked for so little: so many bytes may be taken for clients, which is less than the default.
    little_memory: Option<usize>,
}

/// What the system leaves this process.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    descriptors: usize,
    /// Bytes of memory that may be taken for clients, if that is limited.
    memory: Option<usize>,
}

impl Allowance {
    /// Takes all that may be had: raises the limit for descriptors.
    pub fn take() -> Self {
        Self {
            descriptors: raise_descriptor_limit(),
            memory: memory::left(),
        }
    }

    /// The same with the memory that is left by now.
    pub fn by_now(self) -> Self {
        Self {
            memory: memory::left(),
            ..self
        }
    }
}

/// Finds out for how many clients there is room.
///
/// # Errors
/// If it does not allow what was asked for, or too little for anybody.
pub fn find(
    args: &ServeArgs,
    urls: &[ListenUrl],
    allowance: Allowance,
) -> Result<Capacity, CapacityError> {
    let dials = urls.iter().any(|url| url.service.route.is_some());
    // Connections that there may be for a client.
    let each = 1 + usize::from(dials);
    let splicing = match args.no_splice || !cfg!(target_os = "linux") {
        true => Splicing::Never,
        false => Splicing::Adaptive,
    };
    let limit = allowance.descriptors;
    let (most, pipes) = descriptors(args, each, splicing, limit)?;
    let left = allowance.memory.unwrap_or(usize::MAX);
    let left = left.saturating_sub(reload_memory(urls));
    let (max_clients, buffer_memory) = shares(args, each, most, left)?;
    let is_few = args.max_clients.is_none() && max_clients == most && limit < FEW_DESCRIPTORS;
    let usual = BufferMemory::floors(max_clients * each) + SHARED_BUFFER_MEMORY;
    let is_little = args.buffer_memory.is_none() && (max_clients < most || buffer_memory < usual);
    Ok(Capacity {
        max_clients,
        buffer_memory,
        splicing,
        pipes,
        few_descriptors: is_few.then_some(limit),
        little_memory: is_little.then_some(left),
    })
}

impl Capacity {
    /// Says how much it is, and that it is less than anybody has asked for.
    pub fn tell(&self) {
        let (clients, bytes) = (count(self.max_clients, "client"), self.buffer_memory);
        if let Some(limit) = self.few_descriptors {
            warn!(
                "up to {clients}: this process may have only {limit} descriptors: raise the hard limit (ulimit -Hn), or set --max-clients"
            );
        }
        if let Some(left) = self.little_memory {
            warn!(
                "up to {clients} and {bytes} bytes in buffers: this process may take only {left} bytes of memory for them: raise its limit (ulimit -v), or set --buffer-memory"
            );
        }
        debug!("up to {clients}");
    }

    /// The same for the reactor, with what else it is told.
    pub fn settings(self, args: &ServeArgs) -> Settings {
        Settings {
            max_clients: self.max_clients,
            buffer_memory: self.buffer_memory,
            splicing: self.splicing,
            pipes: self.pipes,
            stall_timeout: args.stall_timeout.0,
            drain_timeout: args.drain_timeout,
            once: args.once,
            stats_file: args.stats_file.clone(),
        }
    }
}

/// How many clients, with so many connections each, and how many pipes there are so many descriptors for.
fn descriptors(
    args: &ServeArgs,
    each: usize,
    splicing: Splicing,
    limit: usize,
) -> Result<(usize, usize), CapacityError> {
    let pipes = match splicing {
        Splicing::Never => 0,
        _ => MAX_PIPES.min(limit / PIPE_SHARE / 2),
    };
    let free = limit.saturating_sub(RESERVED_DESCRIPTORS);
    let most = free.min(ClientId::MAX_SLOTS) / each;
    let room = most.min(free.saturating_sub(2 * pipes) / each);
    let max_clients = match args.max_clients.map(|wanted| wanted as usize) {
        Some(wanted) if wanted > most => {
            let needed = wanted * each + RESERVED_DESCRIPTORS;
            return Err(CapacityError::Descriptors {
                wanted,
                needed,
                limit,
            });
        }
        Some(wanted) => wanted,
        None if room == 0 => return Err(CapacityError::NoDescriptors { limit }),
        None => room,
    };
    // Clients go before pipes: without these, links copy.
    Ok((max_clients, pipes.min((free - max_clients * each) / 2)))
}

/// For how many of these clients there is memory, and how much for their bytes. Who asks for more than there is gets an error;
/// who does not ask gets what there is.
fn shares(
    args: &ServeArgs,
    each: usize,
    max_clients: usize,
    left: usize,
) -> Result<(usize, usize), CapacityError> {
    let fits = |option, given, needed| match needed <= left {
        true => Ok(()),
        false => Err(CapacityError::Memory {
            option,
            given,
            needed,
            left,
        }),
    };
    let floors = |clients| BufferMemory::floors(clients * each);
    let tables = |clients| clients * each * CLIENT_MEMORY;
    let max_clients = match (args.max_clients, args.buffer_memory) {
        (Some(wanted), _) => {
            let needed = floors(max_clients) + tables(max_clients);
            fits("max-clients", wanted as usize, needed)?;
            max_clients
        }
        // Who asks for little memory, and not for so many clients, gets as many as the memory is enough for.
        (None, Some(given)) => max_clients.min(given / floors(1)).max(1),
        // Half of what is left is for bytes beyond the floors.
        (None, None) => max_clients.min(left / 2 / (floors(1) + tables(1))).max(1),
    };
    let least = floors(max_clients);
    let buffer_memory = match args.buffer_memory {
        Some(given) if given < least => {
            return Err(CapacityError::BufferMemory {
                given,
                clients: max_clients,
                least,
            });
        }
        Some(given) => {
            let given = given.min(isize::MAX as usize);
            let needed = given.saturating_add(tables(max_clients));
            fits("buffer-memory", given, needed)?;
            given
        }
        // Half of the rest: what is given back is not always whole again.
        None => {
            let rest = left.saturating_sub(least + tables(max_clients));
            least + SHARED_BUFFER_MEMORY.min(rest / 2)
        }
    };
    Ok((max_clients, buffer_memory))
}

/// Bytes that it takes to read the files of users once more, beside what is in use of them.
fn reload_memory(urls: &[ListenUrl]) -> usize {
    let files = urls.iter().filter_map(|url| url.auth.as_deref());
    files.map(Users::memory).fold(0, usize::saturating_add)
}

/// Raises the soft limit for descriptors to the hard one, and answers what it is then.
fn raise_descriptor_limit() -> usize {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: maximum,
            maximum,
        },
    );
    let limit = if raised.is_ok() { maximum } else { current };
    // No limit at all: let the table's size be the limit.
    limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn found(options: &[&str], memory: usize) -> Capacity {
        let line = ["pairloop", "serve"].iter().chain(options);
        let Command::Serve(command) = Cli::parse_from(line).command else {
            panic!("that is serve");
        };
        let urls = ["relay://127.0.0.1:0".parse().unwrap()];
        let allowance = Allowance {
            descriptors: 500_000,
            memory: Some(memory),
        };
        find(&command.args, &urls, allowance).unwrap()
    }

    #[test]
    fn fewer_clients_or_bytes_than_usual_for_want_of_memory_are_said() {
        const GIGABYTE: usize = 1 << 30;
        for (options, memory, is_said) in [
            (&[][..], 16 * GIGABYTE, false),
            // Enough for all buffers beyond the floors, but not for as many clients as there are descriptors for.
            (&[], 2 * GIGABYTE, true),
            (&[], GIGABYTE / 8, true),
            (&["--max-clients", "1000"], 2 * GIGABYTE, false),
            (&["--max-clients", "1000"], GIGABYTE / 8, true),
            (&["--buffer-memory", "8M"], GIGABYTE / 8, false),
        ] {
            let capacity = found(options, memory);
            let said = capacity.little_memory.is_some();
            assert_eq!(said, is_said, "{options:?} {memory}: {capacity:?}");
        }
    }
}
