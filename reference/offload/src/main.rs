//! An event loop that answers at once, and a small pool of threads for what takes its time.

use std::io::{Error, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::spawn_blocking;

const BACKLOG: u32 = 4096;
const MAX_LINE: u64 = 64 * 1024;
/// So many LOADs at a time; further ones wait for a free thread.
const POOL: usize = 16;

fn main() -> ExitCode {
    let port = match parse_port() {
        Ok(port) => port,
        Err(error) => {
            eprintln!("offload: {error}\nusage: offload [--port PORT]");
            return ExitCode::from(2);
        }
    };
    // One thread runs the event loop; the pool of `spawn_blocking` is beside it.
    let served = tokio::runtime::Builder::new_current_thread()
        .max_blocking_threads(POOL)
        .enable_all()
        .build()
        .and_then(|runtime| runtime.block_on(serve(port)));
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("offload: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse_port() -> std::result::Result<u16, lexopt::Error> {
    use lexopt::prelude::*;

    let mut port = 15000;
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("port") => port = arguments.value()?.parse()?,
            other => return Err(other.unexpected()),
        }
    }
    Ok(port)
}

async fn serve(port: u16) -> Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    socket
        .bind(address)
        .map_err(|error| Error::new(error.kind(), format!("{address}: {error}")))?;
    let listener: TcpListener = socket.listen(BACKLOG)?;
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                tokio::spawn(async move { converse(client).await.ok() });
            }
            // Out of descriptors, most likely: trying again at once would fail again at once.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Answers a client's lines in order. Only its own next line waits for a LOAD, which also
/// bounds the queue in front of the pool: it holds one request per client at most.
async fn converse(client: TcpStream) -> Result<()> {
    let mut client = BufReader::new(client);
    let mut line = String::new();
    while (&mut client).take(MAX_LINE).read_line(&mut line).await? > 0 {
        let reply = answer(line.trim()).await;
        client.write_all(format!("{reply}\n").as_bytes()).await?;
        line.clear();
    }
    Ok(())
}

async fn answer(request: &str) -> String {
    match request.split_once(' ') {
        // Answered here, on the loop. It would wait for a free thread if it went to the pool.
        None if request == "PING" => "PONG".to_owned(),
        Some(("LOAD", url)) => {
            let url = url.to_owned();
            match spawn_blocking(move || load(&url)).await {
                Ok(Ok(length)) => length.to_string(),
                Ok(Err(error)) => format!("ERROR {error}"),
                Err(_) => "ERROR the thread has failed".to_owned(),
            }
        }
        _ => "ERROR unknown command".to_owned(),
    }
}

/// Blocks its thread until the whole body has come, and returns the body's length.
fn load(url: &str) -> std::result::Result<u64, Box<dyn std::error::Error + Send + Sync>> {
    let mut response = ureq::get(url).call()?;
    if !response.status().is_success() {
        return Err(response.status().to_string().into());
    }
    let mut body = response.body_mut().as_reader();
    Ok(std::io::copy(&mut body, &mut std::io::sink())?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::sync::mpsc;

    #[tokio::test]
    async fn ping_is_answered_while_a_load_is_held() {
        let origin = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("LOAD http://{}/", origin.local_addr().unwrap());
        let (let_go, gate) = mpsc::channel();
        let answering = std::thread::spawn(move || {
            let (mut client, _) = origin.accept().unwrap();
            let _ = client.read(&mut [0; 4096]).unwrap();
            gate.recv().unwrap();
            client
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
                .unwrap();
        });
        let loading = tokio::spawn(async move { answer(&url).await });
        // On this single thread a blocking LOAD would never let the next line be reached.
        tokio::task::yield_now().await;
        assert_eq!(answer("PING").await, "PONG");
        let_go.send(()).unwrap();
        assert_eq!(loading.await.unwrap(), "5");
        answering.join().unwrap();
    }

    #[tokio::test]
    async fn failures_are_answers() {
        for request in [
            "",
            "ping",
            "LOAD",
            "LOAD nowhere",
            "LOAD http://127.0.0.1:1/",
        ] {
            assert!(answer(request).await.starts_with("ERROR "), "{request}");
        }
    }

    #[tokio::test]
    async fn a_truncated_body_is_an_error() {
        let origin = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("LOAD http://{}/", origin.local_addr().unwrap());
        let answering = std::thread::spawn(move || {
            let (mut client, _) = origin.accept().unwrap();
            let _ = client.read(&mut [0; 4096]).unwrap();
            client
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello")
                .unwrap();
        });
        assert!(answer(&url).await.starts_with("ERROR "));
        answering.join().unwrap();
    }
}
