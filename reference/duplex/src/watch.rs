//! Finds an error line in a stream that may be cut anywhere, and lets everything else pass at once.

const MARK: &[u8] = b"ERROR";
const MAX_ERROR_LINE: usize = 4096;

#[derive(Default)]
pub struct Watch {
    state: State,
    passed: Vec<u8>,
}

enum State {
    /// At the start of a line; so many bytes of the mark have been seen, and are held back.
    Start(usize),
    /// Anywhere else in a line.
    Inside,
    /// In an error line.
    Error(Vec<u8>),
}

impl Default for State {
    fn default() -> Self {
        State::Start(0)
    }
}

impl Watch {
    /// What the last piece lets through.
    pub fn passed(&self) -> &[u8] {
        &self.passed
    }

    /// Takes the next piece; gives the error line once it is complete.
    pub fn receive(&mut self, mut bytes: &[u8]) -> Option<Vec<u8>> {
        self.passed.clear();
        while !bytes.is_empty() {
            match &mut self.state {
                State::Start(seen) if bytes[0] == MARK[*seen] => {
                    *seen += 1;
                    bytes = &bytes[1..];
                    if *seen == MARK.len() {
                        self.state = State::Error(MARK.to_vec());
                    }
                }
                State::Start(seen) => {
                    self.passed.extend_from_slice(&MARK[..*seen]);
                    self.state = State::Inside;
                }
                State::Inside => {
                    let newline = bytes.iter().position(|byte| *byte == b'\n');
                    let (line, rest) = bytes.split_at(newline.map_or(bytes.len(), |at| at + 1));
                    self.passed.extend_from_slice(line);
                    bytes = rest;
                    if newline.is_some() {
                        self.state = State::Start(0);
                    }
                }
                State::Error(line) => {
                    line.push(bytes[0]);
                    if bytes[0] == b'\n' || line.len() == MAX_ERROR_LINE {
                        return Some(std::mem::take(line));
                    }
                    bytes = &bytes[1..];
                }
            }
        }
        None
    }

    /// The end of the stream lets through what was held back, or ends the error line.
    pub fn end(&mut self) -> Option<Vec<u8>> {
        self.passed.clear();
        match &mut self.state {
            State::Start(seen) => {
                self.passed.extend_from_slice(&MARK[..*seen]);
                None
            }
            State::Inside => None,
            State::Error(line) => {
                line.push(b'\n');
                Some(std::mem::take(line))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn watch(pieces: &[&[u8]]) -> (Vec<u8>, Option<Vec<u8>>) {
        let mut watch = Watch::default();
        let mut passed = Vec::new();
        for piece in pieces {
            let error_line = watch.receive(piece);
            passed.extend_from_slice(watch.passed());
            if error_line.is_some() {
                return (passed, error_line);
            }
        }
        let error_line = watch.end();
        passed.extend_from_slice(watch.passed());
        (passed, error_line)
    }

    #[test]
    fn an_error_line_is_found_wherever_the_stream_is_cut() {
        let stream = b"no ERROR\nERR\n\nERROR: no\nmore";
        for cut in 0..=stream.len() {
            let (passed, error_line) = watch(&[&stream[..cut], &stream[cut..]]);
            assert_eq!(passed, b"no ERROR\nERR\n\n", "cut at {cut}");
            assert_eq!(error_line.unwrap(), b"ERROR: no\n");
        }
    }

    #[test]
    fn everything_else_passes() {
        for stream in [
            &b""[..],
            b"ERRO",
            b"x\nE",
            b"\n\n",
            b"EERROR\nERRO\nERERROR",
            b"\0\xff\n",
        ] {
            for cut in 0..=stream.len() {
                let (passed, error_line) = watch(&[&stream[..cut], &stream[cut..]]);
                assert_eq!((passed.as_slice(), error_line), (stream, None));
            }
        }
    }

    #[test]
    fn an_error_line_may_lack_its_newline() {
        assert_eq!(watch(&[b"ERROR"]), (Vec::new(), Some(b"ERROR\n".to_vec())));
    }
}
