//! A worker: a thread for each client, so that blocking calls hold up only their own client.

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process;
use std::thread;
use std::time::Duration;

const MAX_LINE: u64 = 64 * 1024;

pub fn run() -> Result<()> {
    // All workers wait in `accept` on the same socket; the kernel gives each connection to one.
    let listener = TcpListener::from(std::io::stdin().as_fd().try_clone_to_owned()?);
    loop {
        let served = listener
            .accept()
            .and_then(|(client, _)| thread::Builder::new().spawn(|| serve(client)));
        if let Err(error) = served {
            // Out of descriptors or threads: leave the next client to the other workers.
            eprintln!("prefork-server: {error}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// Answers line by line until the client leaves or breaks the connection.
fn serve(client: TcpStream) -> Result<()> {
    let mut requests = BufReader::new(&client);
    let mut line = String::new();
    while requests.by_ref().take(MAX_LINE).read_line(&mut line)? > 0 {
        let mut reply = answer(line.trim()).into_bytes();
        if !reply.ends_with(b"\n") {
            reply.push(b'\n');
        }
        (&client).write_all(&reply)?;
        line.clear();
    }
    Ok(())
}

fn answer(request: &str) -> String {
    match request.split_once(' ') {
        None if request == "PID" => process::id().to_string(),
        Some(("SLEEP", url)) => match fetch(url) {
            Ok(body) => body,
            Err(error) => format!("ERROR {error}"),
        },
        _ => "ERROR unknown command".to_owned(),
    }
}

fn fetch(url: &str) -> std::result::Result<String, ureq::Error> {
    ureq::get(url).call()?.body_mut().read_to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_its_process() {
        assert_eq!(answer("PID"), process::id().to_string());
    }

    #[test]
    fn everything_else_is_an_error() {
        for request in [
            "",
            "PID 1",
            "pid",
            "SLEEP",
            "SLEEP nowhere",
            "SLEEP http://127.0.0.1:1/",
        ] {
            assert!(answer(request).starts_with("ERROR "), "{request}");
        }
    }

    #[test]
    fn fetches_the_body_as_one_line() {
        let origin = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("SLEEP http://{}/", origin.local_addr().unwrap());
        let answering = thread::spawn(move || {
            let (mut client, _) = origin.accept().unwrap();
            let mut head = BufReader::new(client.try_clone().unwrap());
            let mut line = String::new();
            while head.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            client
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")
                .unwrap();
        });
        assert_eq!(answer(&url), "done");
        answering.join().unwrap();
    }
}
