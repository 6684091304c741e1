//! What went through the submission's standard streams, and when.

use super::view::View;
use crate::evidence::{Bytes, Event, Record, Stream};

/// The standard streams of one run.
#[derive(Debug, Default)]
pub struct Pipes {
    /// All that was fed into standard input.
    pub fed: Vec<u8>,
    /// Bytes of `fed` so far, by event.
    fed_by: Vec<(u64, usize)>,
    /// Event by which standard input ended.
    pub input_end: Option<u64>,
    /// Bytes of standard output and error so far, by event.
    out_by: Vec<(u64, usize)>,
    err_by: Vec<(u64, usize)>,
    /// Event by which nobody reads standard output any more.
    pub closed: Option<u64>,
}

impl Pipes {
    pub(super) fn take(&mut self, record: &Record) {
        match &record.event {
            Event::Input { data, end } => {
                self.fed.extend(decoded(data));
                self.fed_by.push((record.n, self.fed.len()));
                if *end {
                    self.input_end = Some(record.n);
                }
            }
            Event::OutputClosed {
                stream: Stream::Out,
            } => self.closed = Some(record.n),
            _ => {}
        }
    }

    pub(super) fn said(&mut self, n: u64, stream: Stream, so_far: usize) {
        match stream {
            Stream::Out => self.out_by.push((n, so_far)),
            Stream::Err => self.err_by.push((n, so_far)),
        }
    }

    /// Bytes of standard input that were fed before event `n`.
    pub fn fed_before(&self, n: u64) -> &[u8] {
        &self.fed[..before(&self.fed_by, n)]
    }
}

/// Standard output as it was before event `n`.
pub fn out_before<'v>(view: &'v View, n: u64) -> &'v [u8] {
    &view.out[..before(&view.pipes.out_by, n)]
}

/// What was said on standard error after event `n`.
pub fn err_after<'v>(view: &'v View, n: u64) -> &'v [u8] {
    &view.err[before(&view.pipes.err_by, n)..]
}

fn before(marks: &[(u64, usize)], n: u64) -> usize {
    marks
        .iter()
        .rev()
        .find(|(at, _)| *at < n)
        .map_or(0, |(_, bytes)| *bytes)
}

/// The bytes themselves; none if they can't be read.
pub fn decoded(data: &Bytes) -> Vec<u8> {
    use base64::Engine as _;
    match data {
        Bytes::Text(text) => text.as_bytes().to_vec(),
        Bytes::Base64(text) => base64::engine::general_purpose::STANDARD
            .decode(text)
            .unwrap_or_default(),
    }
}
