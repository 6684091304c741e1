//! The evidence file of one run, while it is being written.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::StoreError;
use crate::evidence::{Event, Header, Record};

const BUFFER: usize = 64 << 10;

/// Lines go to `evidence.jsonl.part`; [`finish`](EvidenceFile::finish) gives the final name.
#[derive(Debug)]
pub struct EvidenceFile {
    part: PathBuf,
    file: BufWriter<File>,
    lines: u64,
    /// Time of the last record, nanoseconds.
    last: u64,
}

impl EvidenceFile {
    pub(super) fn create(folder: &Path) -> Result<EvidenceFile, StoreError> {
        fs::create_dir_all(folder).map_err(StoreError::io("made", folder))?;
        let part = folder.join(super::folder::EVIDENCE_PART);
        let file = File::create(&part).map_err(StoreError::io("written", &part))?;
        Ok(EvidenceFile {
            part,
            file: BufWriter::with_capacity(BUFFER, file),
            lines: 0,
            last: 0,
        })
    }

    /// Keeps one line (without its newline).
    ///
    /// # Errors
    /// If it can't be written.
    pub fn keep(&mut self, line: &[u8]) -> io::Result<()> {
        if let Some(t) = time_of(line) {
            self.last = t;
        }
        self.lines += 1;
        self.file.write_all(line)?;
        self.file.write_all(b"\n")
    }

    /// Ends the evidence of a run in which the arena failed, so that the fault is in the evidence as
    /// well. An arena that died before its first line gets its header from here.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn fault(&mut self, header: impl FnOnce() -> Header, message: &str) -> io::Result<()> {
        if self.lines == 0 {
            self.record(Event::Run(Box::new(header())))?;
        }
        self.record(Event::Fault {
            message: message.to_owned(),
        })
    }

    fn record(&mut self, event: Event) -> io::Result<()> {
        let record = Record {
            n: self.lines,
            t: self.last,
            event,
        };
        self.keep(&serde_json::to_vec(&record)?)
    }

    /// The path of the unfinished file, for messages.
    pub fn path(&self) -> &Path {
        &self.part
    }

    /// Gives the file its final name.
    ///
    /// # Errors
    /// If it can't be written.
    pub fn finish(self) -> Result<(), StoreError> {
        let EvidenceFile { part, file, .. } = self;
        let failed = || StoreError::io("written", &part);
        file.into_inner()
            .map_err(|error| failed()(error.into_error()))?
            .sync_data()
            .map_err(failed())?;
        fs::rename(&part, part.with_file_name(super::folder::EVIDENCE)).map_err(failed())
    }
}

/// The time of a record, without reading the whole of it: `{"n":1,"t":2,…`.
fn time_of(line: &[u8]) -> Option<u64> {
    let head = std::str::from_utf8(line.get(..line.len().min(64))?).ok()?;
    let digits = head.split_once("\"t\":")?.1;
    digits
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_a_line_is_read_from_its_head() {
        assert_eq!(time_of(br#"{"n":7,"t":123456,"e":"end"}"#), Some(123_456));
        assert_eq!(time_of(b"{}"), None);
        assert_eq!(time_of(b""), None);
    }
}
