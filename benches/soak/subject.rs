//! The daemon under load, and what can be seen of it from outside.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use crate::common::users::UserFile;
use crate::common::{Daemon, Signal, scratch, serve};
use crate::output::Output;
use crate::script::urls;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(15);

pub struct Subject {
    pub daemon: Daemon,
    pub output: Output,
    pub limit: usize,
    usage: PathBuf,
    statistics: PathBuf,
    _users: UserFile,
}

/// How large it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Extent {
    /// Bytes of anonymous memory.
    pub memory: u64,
    pub descriptors: usize,
    /// Of these, the ones that are sockets. Others may be pipes, which are kept.
    pub sockets: usize,
}

impl Subject {
    /// Starts it with all services, its logs and so many places.
    ///
    /// # Errors
    /// If it does not serve.
    pub fn start(limit: usize) -> io::Result<Self> {
        let users = UserFile::of("soak.users", &["alice"]);
        let urls = urls(users.lock("relay"));
        let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
        let (usage, statistics) = (scratch("soak.usage"), scratch("soak.statistics"));
        let mut command = serve(&urls);
        command.args(["--max-clients", &limit.to_string()]);
        command.arg("--usage-log").arg(&usage);
        command.arg("--stats-file").arg(&statistics);
        let (stdout, to_stdout) = io::pipe()?;
        let (stderr, to_stderr) = io::pipe()?;
        command.stdout(to_stdout).stderr(to_stderr);
        let mut daemon = Daemon::adopt(&mut command);
        // With it go this process's ends of the pipes that it writes to.
        drop(command);
        let output = Output::of(stdout, stderr);
        for _ in urls {
            let line = output
                .lines
                .recv_timeout(PATIENCE)
                .map_err(io::Error::other)?;
            daemon.is_ready(&line);
        }
        Ok(Self {
            daemon,
            output,
            limit,
            usage,
            statistics,
            _users: users,
        })
    }

    /// The number of clients, as SIGUSR2 has it.
    ///
    /// # Errors
    /// If there is no answer, or none that can be true.
    pub fn clients(&self) -> Result<usize, String> {
        self.daemon.signal(Signal::USR2);
        let line = self.output.lines.recv_timeout(PATIENCE);
        let line = line.map_err(|error| match error {
            RecvTimeoutError::Timeout => "SIGUSR2 was not answered".to_owned(),
            RecvTimeoutError::Disconnected => "the daemon has ended".to_owned(),
        })?;
        let count = line.rsplit(' ').next().and_then(|count| count.parse().ok());
        match count {
            Some(count) if count <= self.limit => Ok(count),
            _ => Err(format!("{line} (limit {})", self.limit)),
        }
    }

    /// Waits until nobody is left.
    ///
    /// # Errors
    /// If somebody is.
    pub fn empties(&self) -> Result<(), String> {
        let begin = Instant::now();
        loop {
            match self.clients()? {
                0 => return Ok(()),
                left if begin.elapsed() > PATIENCE => {
                    return Err(format!("{left} clients are left when all have gone"));
                }
                _ => std::thread::sleep(Duration::from_millis(50)),
            }
        }
    }

    pub fn extent(&self) -> Extent {
        let folder = format!("/proc/{}/fd", self.daemon.pid().as_raw_nonzero());
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let targets: Vec<PathBuf> = entries
            .filter_map(|entry| fs::read_link(entry.path()).ok())
            .collect();
        let is_socket = |target: &&PathBuf| target.to_string_lossy().starts_with("socket:");
        Extent {
            memory: self.daemon.memory("RssAnon"),
            descriptors: targets.len(),
            sockets: targets.iter().filter(is_socket).count(),
        }
    }

    /// Lines of the usage log.
    pub fn sessions(&self) -> usize {
        let text = fs::read(&self.usage).unwrap_or_default();
        text.iter().filter(|&&byte| byte == b'\n').count()
    }

    /// Asks it to end. Answers the exit code.
    pub fn stop(&mut self) -> Option<i32> {
        self.daemon.signal(Signal::TERM);
        self.daemon.wait().code()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        for file in [&self.usage, &self.statistics] {
            // It may never have been written.
            let _ = fs::remove_file(file);
        }
    }
}
