//! Echo and relay as they are written with tokio: a task for each client or room, on one thread.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional_with_sizes};
use tokio::net::{TcpListener, TcpStream};

/// The default of 8 KiB is slower in bulk.
const BUFFER: usize = 64 * 1024;

/// Small, as thousands of clients have one each.
const ECHO_BUFFER: usize = 4 * 1024;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [service, at] = words.as_slice() else {
        panic!("usage: tokio echo|relay ADDRESS:PORT");
    };
    let listener = TcpListener::from_std(peers::listen(at)).expect("a listener");
    loop {
        let Ok((x, _)) = listener.accept().await else {
            continue;
        };
        if service == "echo" {
            tokio::spawn(echo(x));
        } else if let Ok((y, _)) = listener.accept().await {
            tokio::spawn(relay(x, y));
        }
    }
}

async fn echo(mut client: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; ECHO_BUFFER];
    loop {
        let bytes = client.read(&mut buffer).await?;
        if bytes == 0 {
            return Ok(());
        }
        client.write_all(&buffer[..bytes]).await?;
    }
}

async fn relay(mut x: TcpStream, mut y: TcpStream) -> io::Result<(u64, u64)> {
    copy_bidirectional_with_sizes(&mut x, &mut y, BUFFER, BUFFER).await
}
