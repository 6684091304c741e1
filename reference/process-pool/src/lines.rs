//! Passes the output of one child on, so that the lines of different children never mix.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

/// A line that is longer than this isn't collected: it gets the output for itself until its end has come.
const LONG_LINE: usize = 64 * 1024;

/// Copies whole lines from `input` to `out`; an unfinished last line gets its newline.
pub async fn forward<I, O>(mut input: I, out: &Mutex<O>) -> io::Result<()>
where
    I: AsyncRead + Unpin,
    O: AsyncWrite + Unpin,
{
    let mut pending = Vec::with_capacity(2 * LONG_LINE);
    let mut owned = None; // the output, while a long line is on its way
    loop {
        let at_end = input.read_buf(&mut pending).await? == 0;
        if at_end && (owned.is_some() || !pending.is_empty()) {
            pending.push(b'\n');
        }
        let ready = match pending.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => newline + 1,
            None if owned.is_some() || pending.len() >= LONG_LINE => pending.len(),
            None => 0,
        };
        if ready > 0 {
            let mut guard = match owned.take() {
                Some(guard) => guard,
                None => out.lock().await,
            };
            guard.write_all(&pending[..ready]).await?;
            guard.flush().await?;
            if pending[ready - 1] != b'\n' {
                owned = Some(guard);
            }
            pending.drain(..ready);
        }
        if at_end {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn forwarded(input: &[u8]) -> Vec<u8> {
        let out = Mutex::new(Vec::new());
        forward(input, &out).await.unwrap();
        out.into_inner()
    }

    #[tokio::test]
    async fn only_an_unfinished_last_line_is_changed() {
        assert_eq!(forwarded(b"").await, b"");
        assert_eq!(forwarded(b"a\n\nb\n").await, b"a\n\nb\n");
        assert_eq!(forwarded(b"a\nb").await, b"a\nb\n");
        let mut long = vec![b'x'; 5 * LONG_LINE];
        assert_eq!(forwarded(&long).await.len(), long.len() + 1);
        long.push(b'\n');
        assert_eq!(forwarded(&long).await, long);
    }

    #[tokio::test]
    async fn a_long_line_keeps_the_output_until_it_ends() {
        let out = Mutex::new(Vec::new());
        let (mut writer, reader) = tokio::io::duplex(4 * LONG_LINE);
        let forwarding = forward(reader, &out);
        let other = async {
            writer.write_all(&vec![b'x'; LONG_LINE]).await.unwrap();
            while out.try_lock().is_ok() {
                tokio::task::yield_now().await;
            }
            writer.write_all(b"\nrest").await.unwrap();
            out.lock().await.extend(b"other\n");
            drop(writer);
        };
        let (result, ()) = tokio::join!(forwarding, other);
        result.unwrap();
        let out = out.into_inner();
        assert!(out.ends_with(b"x\nother\nrest\n"));
    }
}
