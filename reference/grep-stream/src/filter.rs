//! The filter itself, which knows neither files nor signals: bytes go in, matching lines come out.

use std::io::{self, Write};

use memchr::{memchr, memmem};

pub struct Filter<O> {
    pattern: memmem::Finder<'static>,
    /// The line that isn't complete yet.
    partial: Vec<u8>,
    out: O,
}

impl<O: Write> Filter<O> {
    pub fn start(pattern: Vec<u8>, mut out: O) -> io::Result<Self> {
        out.write_all(b"start grep\n")?;
        out.flush()?;
        Ok(Filter {
            pattern: memmem::Finder::new(&pattern).into_owned(),
            partial: Vec::new(),
            out,
        })
    }

    /// Takes the next bytes and prints what they complete, before more are asked for.
    pub fn receive(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while let Some(newline) = memchr(b'\n', bytes) {
            let (line, rest) = bytes.split_at(newline + 1);
            self.partial.extend_from_slice(line);
            self.finish_line()?;
            bytes = rest;
        }
        self.partial.extend_from_slice(bytes);
        self.out.flush()
    }

    /// The last line may lack its newline; it gets one.
    pub fn end_of_input(mut self) -> io::Result<()> {
        if !self.partial.is_empty() {
            self.partial.push(b'\n');
            self.finish_line()?;
        }
        self.stop()
    }

    /// Ends without more input: a line that is still incomplete isn't one.
    pub fn stop(mut self) -> io::Result<()> {
        self.out.write_all(b"stop grep\n")?;
        self.out.flush()
    }

    fn finish_line(&mut self) -> io::Result<()> {
        let text = &self.partial[..self.partial.len() - 1];
        if self.pattern.find(text).is_some() {
            self.out.write_all(&self.partial)?;
        }
        self.partial.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filtered(pattern: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut filter = Filter::start(pattern.to_vec(), &mut out).unwrap();
        for piece in pieces {
            filter.receive(piece).unwrap();
        }
        filter.end_of_input().unwrap();
        out
    }

    #[test]
    fn input_may_be_cut_anywhere() {
        let input = b"one two\nthree\n\nlast two";
        let expected = b"start grep\none two\nlast two\nstop grep\n";
        for cut in 0..=input.len() {
            let (first, second) = input.split_at(cut);
            assert_eq!(filtered(b"two", &[first, second]), expected, "cut at {cut}");
        }
    }

    #[test]
    fn a_pattern_is_bytes_and_never_spans_lines() {
        assert_eq!(filtered(b"ab", &[b"a\nb\n"]), b"start grep\nstop grep\n");
        assert_eq!(
            filtered(b"\xff\0", &[b"x\xff\0\n.\n"]),
            b"start grep\nx\xff\0\nstop grep\n"
        );
        assert_eq!(filtered(b"", &[b"\nx"]), b"start grep\n\nx\nstop grep\n");
        assert_eq!(
            filtered(b"a.c", &[b"abc\na.c\n"]),
            b"start grep\na.c\nstop grep\n"
        );
    }
}
