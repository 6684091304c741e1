//! A raw HTTP answer, as evidence keeps it: far enough understood to know where it ends and what it says.
//! Form and framing as in RFC 9112.

/// An answer in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Without chunks.
    pub body: Vec<u8>,
    /// Its own end has come. Without a length only the connection's end tells.
    pub whole: bool,
}

impl Answer {
    /// The first header of this name (in lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }
}

/// Reads an answer. None as long as its head isn't there, or if it is none.
pub fn parse(bytes: &[u8]) -> Option<Answer> {
    let (head, body) = split(bytes)?;
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let mut first = lines.next()?.split_ascii_whitespace();
    let version = first.next()?;
    let status: u16 = first.next()?.parse().ok()?;
    if !version.starts_with("HTTP/1.") || !(100..600).contains(&status) {
        return None;
    }
    if status < 200 {
        // Not yet the answer.
        return parse(body);
    }
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut answer = Answer {
        status,
        headers,
        body: Vec::new(),
        whole: false,
    };
    let chunked = answer
        .header("transfer-encoding")
        .is_some_and(|coding| coding.to_ascii_lowercase().contains("chunked"));
    if chunked {
        (answer.body, answer.whole) = unchunk(body);
    } else if matches!(status, 204 | 304) {
        answer.whole = true;
    } else if let Some(length) = answer.header("content-length") {
        let length: usize = length.parse().ok()?;
        answer.whole = body.len() >= length;
        answer.body = body[..body.len().min(length)].to_vec();
    } else {
        answer.body = body.to_vec();
    }
    Some(answer)
}

/// The head and what comes after it. Lines may end without a carriage return.
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut at = 0;
    while let Some(end) = bytes[at..].iter().position(|b| *b == b'\n') {
        let next = at + end + 1;
        match &bytes[next..] {
            [b'\n', rest @ ..] | [b'\r', b'\n', rest @ ..] => return Some((&bytes[..next], rest)),
            _ => at = next,
        }
    }
    None
}

/// The chunks put together, and whether the last one was there.
fn unchunk(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    while let Some(end) = bytes.iter().position(|b| *b == b'\n') {
        let line = String::from_utf8_lossy(&bytes[..end]);
        let size = line.split(';').next().unwrap_or_default().trim().to_owned();
        let Ok(size) = usize::from_str_radix(&size, 16) else {
            break;
        };
        bytes = &bytes[end + 1..];
        if size == 0 {
            // The empty line after the trailer, if there is one.
            return (body, bytes.contains(&b'\n'));
        }
        body.extend_from_slice(&bytes[..bytes.len().min(size)]);
        if bytes.len() <= size {
            break;
        }
        bytes = &bytes[size..];
        let Some(end) = bytes.iter().position(|b| *b == b'\n') else {
            break;
        };
        bytes = &bytes[end + 1..];
    }
    (body, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> (u16, String, bool) {
        let answer = parse(text.as_bytes()).unwrap();
        (
            answer.status,
            String::from_utf8(answer.body).unwrap(),
            answer.whole,
        )
    }

    #[test]
    fn a_length_tells_the_end() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX: y\r\n\r\nabcd";
        assert_eq!(whole(text), (200, "abcd".into(), true));
        assert_eq!(whole(&text[..text.len() - 1]), (200, "abc".into(), false));
        assert_eq!(parse(text.as_bytes()).unwrap().header("x"), Some("y"));
    }

    #[test]
    fn chunks_are_put_together() {
        let text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
        assert_eq!(whole(text), (200, "abcde".into(), true));
        for cut in 50..text.len() - 1 {
            assert!(
                parse(&text.as_bytes()[..cut]).is_none_or(|a| !a.whole),
                "{cut}"
            );
        }
    }

    #[test]
    fn without_a_length_the_connection_tells() {
        assert_eq!(whole("HTTP/1.0 502 Bad\n\nabc"), (502, "abc".into(), false));
        let twice = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(whole(twice), (200, String::new(), true));
    }

    #[test]
    fn other_things_are_no_answers() {
        for text in [
            "",
            "HTTP/1.1 200 OK\r\n",
            "hello\r\n\r\n",
            "HTTP/2 999 x\r\n\r\n",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }
}
