//! An echo server that closes a connection on which nothing came for a while, and only that one.

use std::io::{Error, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::time::timeout;

const BACKLOG: u32 = 4096;
const BUFFER: usize = 4096;

struct Arguments {
    port: u16,
    idle: Duration,
}

fn main() -> ExitCode {
    let arguments = match parse_arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("idle-timeout: {error}\nusage: idle-timeout --timeout SECONDS [--port PORT]");
            return ExitCode::from(2);
        }
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("idle-timeout: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse_arguments() -> std::result::Result<Arguments, lexopt::Error> {
    use lexopt::prelude::*;

    let (mut port, mut idle) = (15000, None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("port") => port = arguments.value()?.parse()?,
            Long("timeout") => idle = Some(arguments.value()?.parse_with(seconds)?),
            other => return Err(other.unexpected()),
        }
    }
    let idle = idle.ok_or("the option --timeout is missing")?;
    Ok(Arguments { port, idle })
}

fn seconds(text: &str) -> std::result::Result<Duration, &'static str> {
    let seconds = text.parse().map_err(|_| "not a number of seconds")?;
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        _ => Err("a time-out must be positive and finite"),
    }
}

#[tokio::main(flavor = "current_thread")]
async fn run(arguments: &Arguments) -> Result<()> {
    let listener = listen(arguments.port)?;
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                let idle = arguments.idle;
                // However a client ends, by its own choice or by our clock, it concerns nobody else.
                tokio::spawn(async move { echo(client, idle).await.ok() });
            }
            // Out of descriptors, most likely: trying again at once would fail again at once.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

fn listen(port: u16) -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    socket
        .bind(address)
        .map_err(|error| Error::new(error.kind(), format!("{address}: {error}")))?;
    socket.listen(BACKLOG)
}

async fn echo(mut client: impl AsyncRead + AsyncWrite + Unpin, idle: Duration) -> Result<()> {
    let mut buffer = vec![0; BUFFER];
    loop {
        // The clock starts anew with each wait, so it never counts time before the last byte.
        // It is a monotonic one: setting the system's time neither closes nor saves anybody.
        let length = timeout(idle, client.read(&mut buffer)).await??;
        if length == 0 {
            return Ok(());
        }
        // A client that takes no answers is no more use than one that asks no questions.
        timeout(idle, client.write_all(&buffer[..length])).await??;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{DuplexStream, duplex};
    use tokio::time::{Instant, sleep};

    const IDLE: Duration = Duration::from_millis(200);

    /// The client's end of a connection whose other end is served.
    fn connect() -> DuplexStream {
        let (client, server) = duplex(64);
        tokio::spawn(echo(server, IDLE));
        client
    }

    // Time stands still in these tests, and jumps to the next timer when everybody waits.

    #[tokio::test(start_paused = true)]
    async fn a_silent_client_goes_but_not_early() {
        let start = Instant::now();
        assert_eq!(connect().read(&mut [0; 1]).await.unwrap(), 0);
        assert!(start.elapsed() >= IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn each_byte_starts_the_time_anew() {
        let mut client = connect();
        for _ in 0..4 {
            sleep(IDLE * 3 / 4).await;
            client.write_all(b"x").await.unwrap();
            assert_eq!(client.read_u8().await.unwrap(), b'x');
        }
        let last = Instant::now();
        assert_eq!(client.read(&mut [0; 1]).await.unwrap(), 0);
        assert!(last.elapsed() >= IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_talking_client_saves_no_silent_one() {
        let (mut talking, mut silent) = (connect(), connect());
        for _ in 0..2 {
            sleep(IDLE * 3 / 4).await;
            talking.write_all(b"x").await.unwrap();
            assert_eq!(talking.read_u8().await.unwrap(), b'x');
        }
        assert_eq!(silent.read(&mut [0; 1]).await.unwrap(), 0);
    }

    #[test]
    fn seconds_may_be_fractions_but_not_nonsense() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for nonsense in ["", "soon", "0", "-1", "inf", "nan", "1e300"] {
            assert!(seconds(nonsense).is_err(), "{nonsense}");
        }
    }
}
