//! Sends back what arrives, upper-cased, to any number of clients at the same time.
//!
//! One thread, and one task per client. A task costs a few kilobytes, so that ten thousand of
//! them are nothing special; a thread for each would be.

use std::io::{Error, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

const DEFAULT_PORT: u16 = 15000;
/// Connections that the kernel keeps ready for us while we are busy with others.
const BACKLOG: u32 = 4096;
/// Every client owns a buffer of this size and nothing else that grows.
const BUFFER: usize = 4096;

fn main() -> ExitCode {
    let port = match port_from_arguments() {
        Ok(port) => port,
        Err(error) => {
            eprintln!("echo-server: {error}\nusage: echo-server [--port PORT]");
            return ExitCode::from(2);
        }
    };
    match run(port) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn port_from_arguments() -> std::result::Result<u16, lexopt::Error> {
    use lexopt::prelude::*;

    let mut port = DEFAULT_PORT;
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("port") => port = arguments.value()?.parse()?,
            other => return Err(other.unexpected()),
        }
    }
    Ok(port)
}

#[tokio::main(flavor = "current_thread")]
async fn run(port: u16) -> Result<()> {
    allow_all_descriptors();
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = listen(port)?;

    // Whichever comes first drops the others; leaving the runtime then closes all connections.
    tokio::select! {
        () = accept_clients(&listener) => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

/// The usual limit of 1024 descriptors is a soft one, made for programs that use `select`.
fn allow_all_descriptors() {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    let all = Rlimit {
        current: maximum,
        maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, all) {
        eprintln!("echo-server: staying with fewer descriptors: {error}");
    }
}

fn listen(port: u16) -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // Lets us start again at once, while connections of the last run are still fading away.
    socket.set_reuseaddr(true)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    socket
        .bind(address)
        .map_err(|error| Error::new(error.kind(), format!("{address}: {error}")))?;
    socket.listen(BACKLOG)
}

async fn accept_clients(listener: &TcpListener) {
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                // A client that resets its connection is its own affair: nobody is left to be told.
                tokio::spawn(async move { echo(client).await.ok() });
            }
            // Most likely we are out of descriptors. The waiting client stays in the kernel's
            // queue, so that trying again at once would fail again at once: give the others
            // some time to leave.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn echo(mut client: TcpStream) -> Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        let length = client.read(&mut buffer).await?;
        if length == 0 {
            // The client has finished sending, and by now we have finished as well.
            return client.shutdown().await;
        }
        let chunk = &mut buffer[..length];
        // Only ASCII letters change, so a character that is split over two chunks is safe.
        chunk.make_ascii_uppercase();
        // Waits until the kernel has taken all of it. Meanwhile nothing more is read, the
        // client's own sending comes to a halt, and nobody needs more memory: back-pressure.
        client.write_all(chunk).await?;
    }
}
