//! A login, each step of which makes the next.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use mio::net::TcpStream;
use pairloop::scram::client::Exchange;

use crate::common::users::{PASSWORD, base64, message};
use crate::step::{Go, Step, other};

/// Does one of the three steps. `line` is what the server has said to the one before.
pub fn advance(step: &mut Step, line: &str, stream: &mut TcpStream) -> io::Result<Go> {
    if let Step::LogIn(room) = step {
        let exchange = Exchange::new("alice", PASSWORD, "nonce").map_err(refused)?;
        let hello = format!("JOIN {room} scram={}\n", base64(exchange.first()));
        stream.write_all(hello.as_bytes())?;
        *step = Step::Prove(exchange);
        return Ok(Go::Ready);
    }
    if !line.starts_with("AUTH ") {
        return Err(refused(line));
    }
    match std::mem::replace(step, Step::Wait(Duration::ZERO)) {
        Step::Prove(exchange) => {
            let (proof, proven) = exchange.answer(&message(line)).map_err(refused)?;
            *step = Step::Verify(proven);
            stream.write_all(format!("AUTH {}\n", base64(proof)).as_bytes())?;
            Ok(Go::Ready)
        }
        Step::Verify(proven) => {
            proven.verify(&message(line)).map_err(refused)?;
            Ok(Go::Done)
        }
        _ => Ok(Go::Done),
    }
}

fn refused(why: impl Display) -> io::Error {
    other(format!("login: {why}"))
}
