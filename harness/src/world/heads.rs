//! Finds the heads of requests in a connection's bytes, as they arrive.
//!
//! The server proper parses one request at a time and looks at the next only once the first is
//! answered. A program that sends several at once has them all in flight, so heads are counted
//! here, where the bytes come in. What is found must agree with what the server finds later; where
//! that isn't sure the scanner gives up (`blind`) and the server's own count holds from there on.

/// Longest head that is followed, bytes. The server refuses longer ones.
const LONGEST: usize = 64 << 10;

/// One request's first line. Bytes that are not UTF-8 are replaced.
#[derive(Debug, PartialEq, Eq)]
pub struct Head<'a> {
    pub method: &'a str,
    pub target: &'a str,
}

/// Where in the stream of a connection we are.
#[derive(Debug, Default)]
pub struct Scanner {
    state: State,
    /// The beginning of a head whose end hasn't arrived.
    partial: Vec<u8>,
    /// Bytes of `partial` known to hold no end.
    searched: usize,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum State {
    #[default]
    Head,
    /// Within a body: so many bytes to come.
    Body(u64),
    Blind,
}

/// What a head says of the body that follows.
enum Follows {
    Bytes(u64),
    Unknown,
}

impl Scanner {
    /// Takes the next bytes of the stream; calls `found` for each head that they complete.
    pub fn feed(&mut self, mut bytes: &[u8], mut found: impl FnMut(Head<'_>)) {
        while !bytes.is_empty() {
            match self.state {
                State::Blind => return,
                State::Body(left) => {
                    let skip = left.min(bytes.len() as u64);
                    bytes = &bytes[skip as usize..];
                    self.state = if left == skip {
                        State::Head
                    } else {
                        State::Body(left - skip)
                    };
                }
                State::Head if self.partial.is_empty() => {
                    // Blank lines before a request are lawful.
                    while let [b'\r' | b'\n', rest @ ..] = bytes {
                        bytes = rest;
                    }
                    match end_of_head(bytes, 0) {
                        Some(end) => {
                            self.head(&bytes[..end], &mut found);
                            bytes = &bytes[end..];
                        }
                        None => return self.keep(bytes),
                    }
                }
                State::Head => {
                    let had = self.partial.len();
                    self.partial.extend_from_slice(bytes);
                    match end_of_head(&self.partial, self.searched) {
                        Some(end) => {
                            let head = std::mem::take(&mut self.partial);
                            self.searched = 0;
                            self.head(&head[..end], &mut found);
                            bytes = &bytes[end - had..];
                        }
                        None => {
                            self.searched = self.partial.len().saturating_sub(3);
                            return self.limit();
                        }
                    }
                }
            }
        }
    }

    fn keep(&mut self, bytes: &[u8]) {
        self.partial.extend_from_slice(bytes);
        self.searched = bytes.len().saturating_sub(3);
        self.limit();
    }

    fn limit(&mut self) {
        if self.partial.len() > LONGEST {
            self.partial = Vec::new();
            self.state = State::Blind;
        }
    }

    fn head(&mut self, head: &[u8], found: &mut impl FnMut(Head<'_>)) {
        self.state = match follows(head) {
            Follows::Bytes(0) => State::Head,
            Follows::Bytes(n) => State::Body(n),
            Follows::Unknown => State::Blind,
        };
        let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let mut words = line.split(|b| *b == b' ');
        let method = String::from_utf8_lossy(words.next().unwrap_or_default());
        let target = String::from_utf8_lossy(words.next().unwrap_or_default());
        found(Head {
            method: &method,
            target: &target,
        });
    }
}

/// Length of the head at the start of these bytes, its blank line included. The first `searched` bytes
/// hold no line end that matters, other than their last three.
fn end_of_head(bytes: &[u8], searched: usize) -> Option<usize> {
    let mut at = searched;
    loop {
        at += bytes.get(at..)?.iter().position(|b| *b == b'\n')? + 1;
        match bytes.get(at..)? {
            [b'\n', ..] => return Some(at + 1),
            [b'\r', b'\n', ..] => return Some(at + 2),
            _ => {}
        }
    }
}

fn follows(head: &[u8]) -> Follows {
    let mut length = None;
    for line in head.split(|b| *b == b'\n').skip(1) {
        if !matches!(
            line.first(),
            Some(b'c' | b'C' | b't' | b'T' | b'u' | b'U' | b'e' | b'E')
        ) {
            continue;
        }
        let Some(colon) = line.iter().position(|b| *b == b':') else {
            continue;
        };
        let name = &line[..colon];
        if name.eq_ignore_ascii_case(b"content-length") {
            let value = std::str::from_utf8(&line[colon + 1..])
                .ok()
                .and_then(|v| v.trim().parse().ok());
            match (value, length) {
                (Some(value), None) => length = Some(value),
                (Some(value), Some(other)) if value == other => {}
                _ => return Follows::Unknown,
            }
        } else if ["transfer-encoding", "upgrade", "expect"]
            .iter()
            .any(|n| name.eq_ignore_ascii_case(n.as_bytes()))
        {
            return Follows::Unknown;
        }
    }
    Follows::Bytes(length.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found(parts: &[&[u8]]) -> Vec<(String, String)> {
        let (mut scanner, mut found) = (Scanner::default(), Vec::new());
        for part in parts {
            scanner.feed(part, |head| {
                found.push((head.method.to_owned(), head.target.to_owned()))
            });
        }
        found
    }

    fn targets(text: &str) -> Vec<String> {
        found(&[text.as_bytes()])
            .into_iter()
            .map(|(_, target)| target)
            .collect()
    }

    #[test]
    fn heads_are_found_one_behind_the_other() {
        let text = "GET /a HTTP/1.1\r\nHost: x\r\n\r\nHEAD /b?c=d HTTP/1.1\r\n\r\n\r\nGET /e HTTP/1.0\n\nGET /f HT";
        let want = [("GET", "/a"), ("HEAD", "/b?c=d"), ("GET", "/e")]
            .map(|(m, t)| (m.to_owned(), t.to_owned()));
        assert_eq!(found(&[text.as_bytes()]), want);
    }

    #[test]
    fn bodies_are_no_heads() {
        let inside = "GET /in HTTP/1.1\r\n\r\n";
        let length = inside.len();
        let text = format!(
            "POST /a HTTP/1.1\r\ncontent-LENGTH:  {length} \r\n\r\n{inside}GET /b HTTP/1.1\r\n\r\n"
        );
        assert_eq!(targets(&text), ["/a", "/b"]);
    }

    #[test]
    fn where_a_body_ends_unknown_nothing_more_is_found() {
        for header in [
            "Transfer-Encoding: chunked",
            "Content-Length: x",
            "Upgrade: h2c",
            "Expect: 100-continue",
        ] {
            let text = format!("POST /a HTTP/1.1\r\n{header}\r\n\r\nGET /b HTTP/1.1\r\n\r\n");
            assert_eq!(targets(&text), ["/a"], "{header}");
        }
    }

    #[test]
    fn a_head_without_end_takes_no_more_memory_than_the_bound() {
        let mut scanner = Scanner::default();
        for _ in 0..1000 {
            scanner.feed(&[b'x'; 1000], |_| panic!("no head"));
            assert!(scanner.partial.len() <= LONGEST + 1000);
        }
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_doesnt_matter(
            requests in prop::collection::vec(("[A-Z]{1,7}", "/[a-z?=&]{0,20}", 0usize..30, any::<bool>()), 0..6),
            cuts in prop::collection::vec(0usize..600, 0..12),
        ) {
            let (mut bytes, mut want) = (Vec::new(), Vec::new());
            for (method, target, body, bare) in requests {
                let end = if bare { "\n" } else { "\r\n" };
                bytes.extend(format!("{method} {target} HTTP/1.1{end}Content-Length: {body}{end}{end}").bytes());
                bytes.extend(b"\n\r\n".iter().cycle().take(body));
                want.push((method, target));
            }
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let parts: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
            prop_assert_eq!(found(&parts), want);
        }
    }
}
