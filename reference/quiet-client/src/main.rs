//! Fetches all URLs at the same time in one thread.
//!
//! No socket ever blocks. The program sleeps in one place only, in `poll`, which wakes it as soon as any of the sockets
//! can go on; each fetch remembers by itself how far it has come.

mod http;

use std::io::{self, ErrorKind, Read, Write};
use std::process::ExitCode;

use http::{Answer, Request};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

fn main() -> ExitCode {
    let urls: Vec<String> = std::env::args_os()
        .skip(1)
        .map(|url| url.to_string_lossy().into_owned())
        .collect();
    if urls.is_empty() {
        eprintln!("quiet-client: no URL given\nusage: quiet-client URL...");
        return ExitCode::from(2);
    }
    match fetch_all(&urls) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quiet-client: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Starts every fetch, then lets each go on whenever its socket is ready, until none is left.
fn fetch_all(urls: &[String]) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut fetches: Vec<Option<Fetch>> = Vec::with_capacity(urls.len());
    let mut unfinished = 0;
    for (index, url) in urls.iter().enumerate() {
        match Fetch::start(url, &poll, Token(index)) {
            Ok(fetch) => {
                fetches.push(Some(fetch));
                unfinished += 1;
            }
            Err(error) => {
                fetches.push(None);
                report(url, Err(error))?;
            }
        }
    }

    let mut events = Events::with_capacity(256);
    while unfinished > 0 {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        }
        for event in &events {
            let index = event.token().0;
            let Some(fetch) = &mut fetches[index] else {
                continue;
            };
            if let Some(outcome) = fetch.advance().transpose() {
                fetches[index] = None; // closes the socket
                unfinished -= 1;
                report(&urls[index], outcome)?;
            }
        }
    }
    Ok(())
}

/// The line of one URL. An error belongs to its own line and ends nothing else.
fn report(url: &str, outcome: io::Result<(u16, u64)>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match outcome {
        Ok((status, bytes)) => writeln!(out, "{url} {status} {bytes}"),
        Err(error) => writeln!(out, "{url} ERROR {error}"),
    }
}

/// One fetch: its socket, and how far it has come.
struct Fetch {
    stream: TcpStream,
    unsent: Vec<u8>,
    answer: Answer,
}

impl Fetch {
    /// Begins to connect. Whether the connection succeeds is told later, by the first event.
    fn start(url: &str, poll: &Poll, token: Token) -> io::Result<Fetch> {
        let request = Request::for_url(url)?;
        let mut stream = TcpStream::connect(request.address)?;
        poll.registry()
            .register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Fetch {
            stream,
            unsent: request.head.into_bytes(),
            answer: Answer::default(),
        })
    }

    /// Does all that can be done without waiting; `None` means that the next event must come first.
    ///
    /// mio reports a change once ("edge-triggered"), so stopping before `WouldBlock` would lose the wake-up.
    fn advance(&mut self) -> io::Result<Option<(u16, u64)>> {
        if let Some(error) = self.stream.take_error()? {
            return Err(error);
        }
        match self.advance_until_blocked() {
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                Ok(None)
            }
            result => result.map(Some),
        }
    }

    fn advance_until_blocked(&mut self) -> io::Result<(u16, u64)> {
        while !self.unsent.is_empty() {
            match self.stream.write(&self.unsent) {
                Ok(sent) => drop(self.unsent.drain(..sent)),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return self.answer.at_end_of_stream(),
                Ok(length) => {
                    if let Some(outcome) = self.answer.receive(&buffer[..length])? {
                        return Ok(outcome);
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}
