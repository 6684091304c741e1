//! Serves named points to many clients: a thread for each of them, and one memory for all.

mod points;

use std::io::{BufRead, BufReader, Read, Result, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use points::{Point, Points};

const MAX_LINE: u64 = 64 * 1024;

fn main() -> ExitCode {
    let port = match parse_port() {
        Ok(port) => port,
        Err(error) => {
            eprintln!("shared-point: {error}\nusage: shared-point [--port PORT]");
            return ExitCode::from(2);
        }
    };
    match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
        Ok(listener) => serve(&listener),
        Err(error) => {
            eprintln!("shared-point: port {port}: {error}");
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

fn serve(listener: &TcpListener) -> ! {
    let points = Points::default();
    thread::scope(|scope| {
        loop {
            let served = listener.accept().and_then(|(client, _)| {
                thread::Builder::new().spawn_scoped(scope, || converse(client, &points))
            });
            if let Err(error) = served {
                // Out of descriptors or threads: wait until some client leaves.
                eprintln!("shared-point: {error}");
                thread::sleep(Duration::from_millis(100));
            }
        }
    })
}

fn converse(client: TcpStream, points: &Points) -> Result<()> {
    let mut requests = BufReader::new(&client);
    let mut line = Vec::new();
    while requests
        .by_ref()
        .take(MAX_LINE)
        .read_until(b'\n', &mut line)?
        > 0
    {
        let reply = answer(&String::from_utf8_lossy(&line), points);
        (&client).write_all(format!("{reply}\n").as_bytes())?;
        line.clear();
    }
    Ok(())
}

fn answer(request: &str, points: &Points) -> String {
    let words: Vec<&str> = request.split_ascii_whitespace().collect();
    match words[..] {
        ["SET", name, x, y] => {
            points.set(
                name,
                Point {
                    x: x.to_owned(),
                    y: y.to_owned(),
                },
            );
            "OK".to_owned()
        }
        ["GET", name] => match points.get(name) {
            Some(Point { x, y }) => format!("{x} {y}"),
            None => "ERROR no such point".to_owned(),
        },
        ["SWAP", one, other] => match points.swap(one, other) {
            true => "OK".to_owned(),
            false => "ERROR no such point".to_owned(),
        },
        _ => "ERROR expected SET name x y, GET name, or SWAP name name".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_as_agreed() {
        let points = Points::default();
        for (request, reply) in [
            ("SET a 1.50 -2\n", "OK"),
            ("GET a\n", "1.50 -2"),
            ("SET b 3 4\r\n", "OK"),
            ("SWAP a b\n", "OK"),
            ("GET b\n", "1.50 -2"),
            ("SWAP a a\n", "OK"),
            ("GET a", "3 4"),
        ] {
            assert_eq!(answer(request, &points), reply, "{request}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        let points = Points::default();
        answer("SET a 1 2", &points);
        for request in [
            "",
            "GET",
            "GET b",
            "GET a b",
            "SET a 1",
            "SET a 1 2 3",
            "SWAP a b",
            "SWAP a",
            "get a",
        ] {
            assert!(answer(request, &points).starts_with("ERROR "), "{request}");
        }
    }
}
