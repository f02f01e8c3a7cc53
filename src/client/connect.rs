//! From an address as people type it to a connection.

use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::net::{Shutdown, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use log::debug;
use signal_hook::consts::{SIGUSR1, SIGUSR2};
use socket2::{SockRef, TcpKeepalive};

use super::ClientError;
use crate::address::Address;
use crate::cli::ServerArgs;
use crate::limits::{KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES};

/// Connects to the first address of the name that answers.
pub fn connect(at: &Address, server: &ServerArgs) -> Result<TcpStream, ClientError> {
    let found = (at.host.as_str(), at.port).to_socket_addrs();
    let addresses = found.map_err(|error| ClientError::Resolve {
        at: at.clone(),
        error,
    })?;
    let timeout = server.connect_timeout;
    pass_over_the_daemons_signals().map_err(ClientError::Signals)?;
    let mut failures = Vec::new();
    for address in addresses {
        match connect_to(address, timeout) {
            Ok(stream) => return Ok(stream),
            Err(error) => {
                debug!("{address}: {error}");
                failures.push((address, error));
            }
        }
    }
    Err(ClientError::Connect(Failures { failures, timeout }))
}

/// A client on the daemon's own machine has its name. What an operator means for the daemon must not end it.
fn pass_over_the_daemons_signals() -> io::Result<()> {
    // Each registration adds to those before, and a drop box connects again and again.
    static REGISTERED: AtomicBool = AtomicBool::new(false);
    if !REGISTERED.swap(true, Ordering::Relaxed) {
        for signal in [SIGUSR1, SIGUSR2] {
            signal_hook::flag::register(signal, Arc::default())?;
        }
    }
    Ok(())
}

fn connect_to(address: SocketAddr, timeout: Duration) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, timeout)?;
    stream.set_nodelay(true)?;
    // Who waits for a partner for days must notice in the end that the server has gone without a word.
    let keepalive = TcpKeepalive::new()
        .with_time(KEEPALIVE_IDLE)
        .with_interval(KEEPALIVE_INTERVAL)
        .with_retries(KEEPALIVE_PROBES);
    SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
    Ok(stream)
}

/// Why none of a name's addresses could be had.
#[derive(Debug)]
pub struct Failures {
    failures: Vec<(SocketAddr, io::Error)>,
    timeout: Duration,
}

/// Says what to do; addresses with the same trouble are named together.
impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut refused, mut silent, mut words) = (Vec::new(), Vec::new(), Vec::new());
        for (address, error) in &self.failures {
            match error.kind() {
                ErrorKind::ConnectionRefused => refused.push(address.to_string()),
                ErrorKind::TimedOut => silent.push(address.to_string()),
                // It was accepted and sent away before anything could be said.
                ErrorKind::ConnectionReset => words.push(format!(
                    "{address} ended the connection at once: is the server full, or about to stop?"
                )),
                _ => words.push(format!("cannot connect to {address}: {error}")),
            }
        }
        if !silent.is_empty() {
            words.push(format!(
                "no answer from {} within {:?}: check the address, or wait longer with --connect-timeout",
                silent.join(" and "),
                self.timeout
            ));
        }
        if !refused.is_empty() {
            words.push(format!(
                "connection refused by {}: is pairloop serve running?",
                refused.join(" and ")
            ));
        }
        f.write_str(&words.join("; "))
    }
}

/// From here on, until [`finish`], a connection that ends for whatever reason, even the death of this process, ends
/// with RST: a stream that was cut short must not look complete.
pub fn reset_unless_finished(stream: &TcpStream) -> Result<(), ClientError> {
    set_linger(stream, Some(Duration::ZERO)).map_err(ClientError::Cut)
}

/// Sends FIN behind everything that was written: this side's stream is whole.
pub fn finish(stream: &TcpStream) -> Result<(), ClientError> {
    // What was written is whole from here on, even if nobody waits for it to arrive.
    set_linger(stream, None)
        .and_then(|()| stream.shutdown(Shutdown::Write))
        .map_err(ClientError::Cut)
}

fn set_linger(stream: &TcpStream, linger: Option<Duration>) -> io::Result<()> {
    SockRef::from(stream).set_linger(linger)
}

/// One read from the server; 0 is FIN.
pub fn receive(mut stream: &TcpStream, buffer: &mut [u8]) -> Result<usize, ClientError> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result.map_err(ClientError::Cut),
        }
    }
}

/// What a [`receive`] would answer, left where it is.
pub fn peek(stream: &TcpStream, buffer: &mut [u8]) -> Result<usize, ClientError> {
    loop {
        match stream.peek(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => return result.map_err(ClientError::Cut),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::listen::DEFAULTS;

    #[test]
    fn failures_name_every_address() {
        let failure = |address: &str, kind: ErrorKind| (address.parse().unwrap(), kind.into());
        let said = |failures| {
            let timeout = Duration::from_secs(10);
            Failures { failures, timeout }.to_string()
        };
        let refused = ErrorKind::ConnectionRefused;
        assert_eq!(
            said(vec![failure("127.0.0.1:7000", refused)]),
            "connection refused by 127.0.0.1:7000: is pairloop serve running?"
        );
        assert_eq!(
            said(vec![
                failure("[::1]:1", refused),
                failure("127.0.0.1:1", refused)
            ]),
            "connection refused by [::1]:1 and 127.0.0.1:1: is pairloop serve running?"
        );
        let both = said(vec![
            failure("[::1]:1", ErrorKind::TimedOut),
            failure("127.0.0.1:1", ErrorKind::HostUnreachable),
        ]);
        assert!(both.contains("no answer from [::1]:1 within 10s"), "{both}");
        assert!(both.contains("cannot connect to 127.0.0.1:1"), "{both}");
    }

    #[test]
    fn each_command_speaks_to_what_is_served_by_default() {
        use clap::Parser;
        for (command, service) in [
            (&["pairloop", "echo"][..], "echo"),
            (&["pairloop", "produce"], "relay"),
            (&["pairloop", "consume"], "relay"),
            (&["pairloop", "chat"], "chat"),
            (&["pairloop", "order", "Alice"], "order"),
        ] {
            use crate::cli::{Cli, Command};
            let at = match Cli::parse_from(command).command {
                Command::Echo(args) => args.at,
                Command::Produce(args) => args.at,
                Command::Consume(args) => args.at,
                Command::Chat(args) => args.at,
                Command::Order(args) => args.at,
                other => unreachable!("{other:?} is no client with a default"),
            };
            let url = format!("{service}://{at}");
            assert!(DEFAULTS.contains(&url.as_str()), "{url}");
        }
    }
}
