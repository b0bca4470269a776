// SPDX-License-Identifier: MIT

// A peer: the usual echo server in Rust, a task per session on tokio's threads, one for each CPU.
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const BUFFER_BYTES: usize = 1024; // the default of echo-server's --buffer

async fn communicate(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0u8; BUFFER_BYTES];
    loop {
        let size = stream.read(&mut buffer).await?;
        if size == 0 {
            return Ok(());
        }
        buffer[..size].make_ascii_uppercase();
        stream.write_all(&buffer[..size]).await?;
    }
}

async fn serve() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(communicate(stream));
    }
}

fn main() -> io::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_io()
        .build()?
        .block_on(serve())
}
