//! Reading a run's evidence back, line by line, refusing what cannot be trusted.

use std::io::{BufRead, Read};

use super::{Event, FORMAT, Record};
use crate::plan::LONGEST_BODY;

/// Longest line, bytes. The first one holds the whole plan.
const LONGEST_LINE: u64 = 512 << 20;

/// Why evidence was refused. Lines count from 1.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("line {line}: the evidence cannot be read: {source}")]
    Io { line: u64, source: std::io::Error },
    #[error(
        "line {line}: not an evidence record: {source}; the file was changed or is no evidence"
    )]
    Syntax {
        line: u64,
        source: serde_json::Error,
    },
    #[error(
        "line {line}: longer than {LONGEST_LINE} bytes; the file was changed or is no evidence"
    )]
    TooLong { line: u64 },
    #[error("line 1: the evidence doesn't begin with its header (event `run`)")]
    NoHeader,
    #[error(
        "line 1: a body of {size} bytes, where none is longer than {LONGEST_BODY}; the file was changed"
    )]
    LongBody { size: u64 },
    #[error("line {line}: a second header; two runs seem to be in one file")]
    SecondHeader { line: u64 },
    #[error(
        "line 1: evidence format {found}, but this gradus reads format {FORMAT}; use the gradus that wrote it"
    )]
    Format { found: u32 },
    #[error("line {line}: event {found} where {expected} is due; the file has a gap")]
    Gap {
        line: u64,
        expected: u64,
        found: u64,
    },
    #[error("line {line}: time goes backwards")]
    Backwards { line: u64 },
    #[error("line {line}: more events after the end of the run")]
    AfterEnd { line: u64 },
}

/// As much of the header as every version has.
#[derive(serde::Deserialize)]
struct FirstLine {
    format: Option<u32>,
}

/// An iterator over the records of one run. It ends after the first error.
pub struct Reader<R> {
    source: R,
    text: Vec<u8>,
    line: u64,
    expected: u64,
    last: u64,
    ended: bool,
    stopped: bool,
}

impl<R: BufRead> Reader<R> {
    /// A reader of the evidence of one run.
    pub fn new(source: R) -> Reader<R> {
        Reader {
            source,
            text: Vec::new(),
            line: 0,
            expected: 0,
            last: 0,
            ended: false,
            stopped: false,
        }
    }

    /// Whether the run's last event (`End`) was read: if not, the evidence is partial.
    pub fn complete(&self) -> bool {
        self.ended
    }

    fn step(&mut self) -> Result<Option<Record>, ReadError> {
        self.text.clear();
        self.line += 1;
        let line = self.line;
        (&mut self.source)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut self.text)
            .map_err(|source| ReadError::Io { line, source })?;
        if self.text.is_empty() {
            return Ok(None);
        }
        if self.text.last() != Some(&b'\n') {
            if self.text.len() as u64 == LONGEST_LINE {
                return Err(ReadError::TooLong { line });
            }
            // The writer was cut off within this line: what came before still counts.
            return Ok(None);
        }
        if line == 1 {
            // Before the rest: the events of another version may not even parse.
            let first: FirstLine = serde_json::from_slice(&self.text)
                .map_err(|source| ReadError::Syntax { line, source })?;
            match first.format {
                Some(FORMAT) => {}
                Some(found) => return Err(ReadError::Format { found }),
                None => return Err(ReadError::NoHeader),
            }
        }
        let record: Record = serde_json::from_slice(&self.text)
            .map_err(|source| ReadError::Syntax { line, source })?;
        self.check(&record)?;
        Ok(Some(record))
    }

    fn check(&mut self, record: &Record) -> Result<(), ReadError> {
        let line = self.line;
        match (&record.event, line) {
            (Event::Run(header), 1) => {
                // Checks compute the digests of bodies: of one without bounds that would never end.
                let size = header.plan.items.iter().map(|item| item.size).max();
                if let Some(size) = size.filter(|size| *size > LONGEST_BODY) {
                    return Err(ReadError::LongBody { size });
                }
            }
            (_, 1) => return Err(ReadError::NoHeader),
            (Event::Run(_), _) => return Err(ReadError::SecondHeader { line }),
            _ => {}
        }
        if self.ended {
            return Err(ReadError::AfterEnd { line });
        }
        if record.n != self.expected {
            return Err(ReadError::Gap {
                line,
                expected: self.expected,
                found: record.n,
            });
        }
        if record.t < self.last {
            return Err(ReadError::Backwards { line });
        }
        self.expected += 1;
        self.last = record.t;
        self.ended = matches!(record.event, Event::End);
        Ok(())
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.stopped {
            return None;
        }
        let step = match self.step() {
            Ok(None) if self.line == 1 => Err(ReadError::NoHeader),
            other => other,
        };
        self.stopped = !matches!(step, Ok(Some(_)));
        step.transpose()
    }
}

/// All records of a run, and whether it is complete.
pub fn read(source: impl BufRead) -> Result<(Vec<Record>, bool), ReadError> {
    let mut reader = Reader::new(source);
    let records = reader.by_ref().collect::<Result<_, _>>()?;
    Ok((records, reader.complete()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Header;
    use crate::evidence::Tier;
    use crate::plan::Plan;
    use crate::task::{Kind, Limits};

    fn header(format: u32) -> Event {
        let plan = Plan {
            task: "test".into(),
            kind: Kind::Client,
            scenario: "test".into(),
            set: 0,
            params: Default::default(),
            seed: 1,
            command: Vec::new(),
            world: Default::default(),
            items: Vec::new(),
            commands: Vec::new(),
            site: None,
            upstream: None,
            peers: Vec::new(),
            script: Vec::new(),
            limits: Limits::default(),
        };
        let gradus = "0".to_owned();
        Event::Run(Box::new(Header {
            format,
            gradus,
            tier: Tier::Full,
            plan,
            facilities: Default::default(),
        }))
    }

    fn lines(records: &[(u64, u64, Event)]) -> String {
        let record = |(n, t, event): &(u64, u64, Event)| Record {
            n: *n,
            t: *t,
            event: event.clone(),
        };
        records
            .iter()
            .map(|r| serde_json::to_string(&record(r)).expect("json") + "\n")
            .collect()
    }

    fn connected(n: u64) -> (u64, u64, Event) {
        (n, n, Event::Connected { conn: n, host: 0 })
    }

    fn refusal(text: &str) -> String {
        read(text.as_bytes())
            .expect_err("it is refused")
            .to_string()
    }

    #[test]
    fn a_whole_run_is_read_back() {
        let text = lines(&[(0, 0, header(FORMAT)), connected(1), (2, 5, Event::End)]);
        let (records, complete) = read(text.as_bytes()).expect("evidence");
        assert!(complete);
        assert_eq!(records.len(), 3);
        assert_eq!(records[1].event, Event::Connected { conn: 1, host: 0 });
    }

    #[test]
    fn a_run_that_was_cut_off_is_partial() {
        let text = lines(&[(0, 0, header(FORMAT)), connected(1), connected(2)]);
        let (records, complete) = read(text.as_bytes()).expect("evidence");
        assert_eq!((records.len(), complete), (3, false));
        let (records, complete) = read(&text.as_bytes()[..text.len() - 5]).expect("evidence");
        assert_eq!((records.len(), complete), (2, false));
    }

    #[test]
    fn what_cannot_be_trusted_is_refused_with_its_line() {
        let first = (0, 0, header(FORMAT));
        assert_eq!(
            refusal(""),
            "line 1: the evidence doesn't begin with its header (event `run`)"
        );
        assert!(refusal(&lines(&[connected(0)])).contains("doesn't begin"));
        assert!(
            refusal(&lines(&[(0, 0, header(FORMAT + 1))]))
                .contains(&format!("format {}", FORMAT + 1))
        );
        // Events of another version may not parse at all.
        assert!(refusal("{\"n\":0,\"t\":0,\"e\":\"run\",\"format\":9}\n").contains("format 9"));
        let gap = lines(&[first.clone(), connected(1), connected(3)]);
        assert!(refusal(&gap).starts_with("line 3: event 3 where 2 is due"));
        assert!(
            refusal(&lines(&[first.clone(), (1, 9, Event::End), connected(2)]))
                .starts_with("line 3: more")
        );
        let back = lines(&[
            first.clone(),
            (
                1,
                9,
                Event::Signalled {
                    signal: "INT".into(),
                },
            ),
            connected(2),
        ]);
        assert!(refusal(&back).starts_with("line 3: time"));
        assert!(
            refusal(&lines(&[first.clone(), (1, 1, header(FORMAT))]))
                .starts_with("line 2: a second header")
        );
        assert!(
            refusal(&(lines(&[first]) + "nonsense\n"))
                .starts_with("line 2: not an evidence record")
        );
    }

    #[test]
    fn bodies_without_bounds_are_refused() {
        let sized = |size| {
            let Event::Run(mut header) = header(FORMAT) else {
                unreachable!("it is a header")
            };
            header.plan.items.push(crate::plan::Item {
                host: 0,
                path: "/a".into(),
                answer: crate::task::world::Answer::Status(200),
                framing: crate::task::world::Framing::Length,
                size,
                body: 1,
                listed: 1,
                text: None,
            });
            lines(&[(0, 0, Event::Run(header))])
        };
        assert!(read(sized(LONGEST_BODY).as_bytes()).is_ok());
        assert!(refusal(&sized(LONGEST_BODY + 1)).starts_with("line 1: a body of 1073741825"));
    }

    #[test]
    fn nothing_comes_after_an_error() {
        let text = lines(&[(0, 0, header(FORMAT)), connected(5), connected(2)]);
        assert_eq!(Reader::new(text.as_bytes()).count(), 2);
    }
}
