//! The load generator, `pairloop bench`, as a program that runs to its end.

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Output;

use super::json::Json;
use super::program;

/// Runs the generator against an address.
pub fn bench(mode: &str, at: SocketAddr, options: &str) -> Output {
    let mut command = program();
    command.args(["bench", mode, "--at", &at.to_string(), "--warmup", "none"]);
    command.args(options.split_whitespace());
    command.output().expect("it starts")
}

/// Runs it, successfully, and answers its JSON.
#[track_caller]
pub fn measure(mode: &str, at: SocketAddr, options: &str) -> Json {
    let output = bench(mode, at, &format!("--json {options}"));
    let text = String::from_utf8(output.stdout).expect("JSON is UTF-8");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{mode} {options}: {errors}");
    assert_eq!(errors, "", "no progress line but on a terminal");
    Json::parse(&text)
}

/// Runs it in vain, and answers what it said.
#[track_caller]
pub fn fails(code: i32, mode: &str, at: SocketAddr, options: &str) -> String {
    let output = bench(mode, at, options);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(
        output.status.code(),
        Some(code),
        "{mode} {options}: {errors}"
    );
    assert!(!errors.contains("panicked"), "{errors}");
    errors
}

/// A server of the test's own.
pub fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let at = listener.local_addr().expect("an address");
    (listener, at)
}

/// Carries bytes from one to the other until there are no more.
pub fn pass_on(from: TcpStream, to: TcpStream) {
    let mut reader = BufReader::new(&from);
    while let Ok(bytes) = reader.fill_buf() {
        let count = bytes.len();
        if count == 0 || (&to).write_all(bytes).is_err() {
            break;
        }
        reader.consume(count);
    }
    let _ = to.shutdown(Shutdown::Write);
}
