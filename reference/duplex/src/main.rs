//! Sends a file and receives a stream at the same time, over one connection that is closed properly in every case.

mod watch;

use std::ffi::OsString;
use std::io::{self, Write};
use std::pin::pin;
use std::time::Duration;

use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use watch::Watch;

/// How long to wait, after an error line, for the peer to end its stream as well.
const FAREWELL: Duration = Duration::from_secs(1);

struct Arguments {
    host: String,
    port: u16,
    file: OsString,
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("duplex: {message}\nusage: duplex HOST PORT FILE");
            std::process::exit(2);
        }
    };
    let status = match run(arguments).await {
        Ok(status) => status,
        Err(error) => {
            eprintln!("duplex: {error}");
            1
        }
    };
    // Not by returning: the runtime would wait for a write to a standard output that nobody reads.
    std::process::exit(status);
}

fn arguments() -> Result<Arguments, String> {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let [host, port, file] = <[OsString; 3]>::try_from(arguments)
        .map_err(|_| "three arguments are wanted".to_owned())?;
    let port = port.to_str().and_then(|port| port.parse().ok());
    Ok(Arguments {
        host: host.to_string_lossy().into_owned(),
        port: port.ok_or("PORT is a number up to 65535")?,
        file,
    })
}

async fn run(arguments: Arguments) -> io::Result<i32> {
    let mut file = match File::open(&arguments.file).await {
        Ok(file) => file,
        Err(error) => {
            eprintln!("duplex: {}: {error}", arguments.file.display());
            return Ok(2);
        }
    };
    let mut stream = TcpStream::connect((arguments.host.as_str(), arguments.port)).await?;
    let Some(error_line) = converse(&mut stream, &mut file).await? else {
        return Ok(0);
    };
    io::stderr().write_all(&error_line)?;
    say_goodbye(&mut stream).await;
    Ok(1)
}

/// Sends and receives at once. Ends when both directions have ended, or with the peer's error line.
async fn converse(stream: &mut TcpStream, file: &mut File) -> io::Result<Option<Vec<u8>>> {
    let (input, output) = stream.split();
    let mut sending = pin!(send(output, file));
    let mut receiving = pin!(receive(input));
    let mut sent = None;
    loop {
        tokio::select! {
            result = &mut sending, if sent.is_none() => sent = Some(result),
            received = &mut receiving => {
                // Leaving this function drops `sending` wherever it stands: that is how an error line stops it.
                if let Some(error_line) = received? {
                    return Ok(Some(error_line));
                }
                // A peer may be done with talking and still listen.
                match sent {
                    Some(result) => result?,
                    None => sending.await?,
                }
                return Ok(None);
            }
        }
    }
}

async fn send(mut output: WriteHalf<'_>, file: &mut File) -> io::Result<()> {
    output.write_all(b"HELLO\n").await?;
    tokio::io::copy(file, &mut output).await?;
    output.shutdown().await
}

/// Copies what comes to standard output; gives the error line if there is one.
async fn receive(mut input: ReadHalf<'_>) -> io::Result<Option<Vec<u8>>> {
    let mut out = tokio::io::stdout();
    let mut watch = Watch::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = input.read(&mut buffer).await?;
        let error_line = match length {
            0 => watch.end(),
            _ => watch.receive(&buffer[..length]),
        };
        out.write_all(watch.passed()).await?;
        out.flush().await?;
        if length == 0 || error_line.is_some() {
            return Ok(error_line);
        }
    }
}

/// Says that nothing more will come, and takes what the peer still has to say: closing a socket with unread bytes in it
/// would reset the connection.
async fn say_goodbye(stream: &mut TcpStream) {
    let farewell = async {
        stream.shutdown().await?;
        tokio::io::copy(stream, &mut tokio::io::sink()).await
    };
    // Whether the peer is polite, too, makes no difference any more.
    let _ = tokio::time::timeout(FAREWELL, farewell).await;
}
