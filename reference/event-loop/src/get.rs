//! One HTTP GET over a socket that never blocks. It can be left and taken up again anywhere.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr};

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

const MAX_HEAD: usize = 64 * 1024;

/// A connection, and how far it has come.
pub struct Get {
    stream: TcpStream,
    unsent: Vec<u8>,
    answer: Answer,
}

impl Get {
    /// Begins to connect. Whether the connection succeeds is told later, by the first event.
    pub fn start(url: &str, registry: &Registry, token: Token) -> io::Result<Get> {
        let request = Request::for_url(url)?;
        let mut stream = TcpStream::connect(request.address)?;
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Get {
            stream,
            unsent: request.head.into_bytes(),
            answer: Answer::default(),
        })
    }

    /// Does all that can be done without waiting; gives the status once the answer is complete.
    ///
    /// mio reports a change once ("edge-triggered"), so stopping before `WouldBlock` would lose the wake-up.
    pub fn advance(&mut self) -> io::Result<Option<u16>> {
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

    fn advance_until_blocked(&mut self) -> io::Result<u16> {
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

#[derive(Debug)]
struct Request {
    address: SocketAddr,
    head: String,
}

impl Request {
    /// The request for `http://ADDRESS[:PORT][/PATH]`. HTTP/1.0 keeps chunked answers and kept-alive connections away.
    fn for_url(url: &str) -> io::Result<Request> {
        let rest = url
            .strip_prefix("http://")
            .ok_or_else(|| invalid("not an http:// URL"))?;
        if !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(invalid("blank or non-ASCII character in URL"));
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let slash = if path.starts_with('/') { "" } else { "/" };
        Ok(Request {
            address: literal_address(authority)
                .ok_or_else(|| invalid("no literal address in URL"))?,
            head: format!("GET {slash}{path} HTTP/1.0\r\nHost: {authority}\r\n\r\n"),
        })
    }
}

fn literal_address(authority: &str) -> Option<SocketAddr> {
    if let Ok(address) = authority.parse() {
        return Some(address);
    }
    let bare = authority.strip_suffix(':').unwrap_or(authority);
    let bare = bare
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(bare);
    let address: IpAddr = bare.parse().ok()?;
    Some(SocketAddr::new(address, 80))
}

/// An answer as far as it has arrived. Of the body only the length is kept.
#[derive(Default)]
struct Answer {
    head: Vec<u8>,
    parsed: Option<Head>,
    received: u64,
}

#[derive(Clone, Copy)]
struct Head {
    status: u16,
    length: Option<u64>,
}

impl Answer {
    /// Takes the next bytes; gives the status once the body is complete.
    fn receive(&mut self, bytes: &[u8]) -> io::Result<Option<u16>> {
        let head = match self.parsed {
            Some(head) => {
                self.received += bytes.len() as u64;
                head
            }
            None => {
                // The end of the head may be split over two arrivals: look a little way back.
                let seen = self.head.len().saturating_sub(3);
                self.head.extend_from_slice(bytes);
                let Some(end) = find(&self.head[seen..], b"\r\n\r\n").map(|at| seen + at) else {
                    if self.head.len() > MAX_HEAD {
                        return Err(invalid("head of the answer too long"));
                    }
                    return Ok(None);
                };
                let head = parse_head(&self.head[..end])?;
                self.received = (self.head.len() - end - 4) as u64;
                self.head = Vec::new();
                *self.parsed.insert(head)
            }
        };
        match head.length {
            Some(length) if self.received >= length => Ok(Some(head.status)),
            _ => Ok(None),
        }
    }

    /// The peer sends no more: that ends a body without a length, and cuts any other one short.
    fn at_end_of_stream(&self) -> io::Result<u16> {
        match self.parsed {
            Some(Head {
                status,
                length: None,
            }) => Ok(status),
            _ => Err(io::Error::new(ErrorKind::UnexpectedEof, "truncated answer")),
        }
    }
}

fn parse_head(head: &[u8]) -> io::Result<Head> {
    let head = String::from_utf8_lossy(head);
    let mut lines = head.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1."))
        .and_then(|line| line.split(' ').nth(1))
        .filter(|status| status.len() == 3)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| invalid("not an HTTP answer"))?;
    let mut length = matches!(status, 204 | 304).then_some(0);
    for line in lines {
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| invalid("bad header line"))?;
        if length.is_none() && name.eq_ignore_ascii_case("content-length") {
            length = Some(value.trim().parse().map_err(|_| invalid("bad length"))?);
        }
    }
    Ok(Head { status, length })
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 5\r\n\r\nhello";

    #[test]
    fn an_answer_may_be_split_anywhere() {
        for cut in 1..ANSWER.len() {
            let mut answer = Answer::default();
            assert_eq!(answer.receive(&ANSWER[..cut]).unwrap(), None);
            assert_eq!(answer.receive(&ANSWER[cut..]).unwrap(), Some(200));
        }
    }

    #[test]
    fn an_answer_may_come_byte_by_byte() {
        let mut answer = Answer::default();
        let (last, first) = ANSWER.split_last().unwrap();
        for byte in first {
            assert_eq!(answer.receive(&[*byte]).unwrap(), None);
        }
        assert_eq!(answer.receive(&[*last]).unwrap(), Some(200));
    }

    #[test]
    fn the_end_of_the_stream_completes_only_a_body_without_length() {
        let mut open = Answer::default();
        assert_eq!(open.receive(b"HTTP/1.0 404 No\r\n\r\nabc").unwrap(), None);
        assert_eq!(open.at_end_of_stream().unwrap(), 404);
        let mut cut = Answer::default();
        assert_eq!(cut.receive(&ANSWER[..ANSWER.len() - 1]).unwrap(), None);
        assert!(cut.at_end_of_stream().is_err());
        assert!(Answer::default().at_end_of_stream().is_err());
    }

    #[test]
    fn garbage_is_an_error() {
        assert!(Answer::default().receive(b"SSH-2.0\r\n\r\n").is_err());
        assert!(Answer::default().receive(&[b'x'; MAX_HEAD + 1]).is_err());
    }

    #[test]
    fn urls() {
        let request = Request::for_url("http://127.0.0.1:81?q#f").unwrap();
        assert_eq!(request.address, "127.0.0.1:81".parse().unwrap());
        assert!(
            request
                .head
                .starts_with("GET /?q HTTP/1.0\r\nHost: 127.0.0.1:81\r\n")
        );
        let request = Request::for_url("http://[::1]/a/b").unwrap();
        assert_eq!(request.address, "[::1]:80".parse().unwrap());
        for bad in [
            "",
            "http://",
            "ftp://127.0.0.1/",
            "http://127.0.0.1:99999/",
            "http://1.2.3.4/a b",
        ] {
            assert!(Request::for_url(bad).is_err(), "{bad}");
        }
    }
}
