//! One file on its way to the disk.
//!
//! Everything in here that may block runs on a thread of the runtime's blocking pool. The body
//! comes in by a short channel. The file has a temporary name until every byte of it is safe:
//! renaming is atomic, so that whoever looks, and whenever we are killed, a final name always
//! stands for a complete file.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

use hyper::body::Bytes;
use tokio::sync::mpsc;
use tokio::task::{self, JoinHandle};

use crate::Failure;

/// Pieces of one body that may wait for the disk.
const CHUNKS_WAITING: usize = 4;

#[derive(Clone)]
pub struct Target {
    temporary: PathBuf,
    finished: PathBuf,
}

impl Target {
    pub fn new(temporary: PathBuf, finished: PathBuf) -> Self {
        Self {
            temporary,
            finished,
        }
    }
}

/// A file that is being written.
pub struct Writing {
    target: Target,
    thread: JoinHandle<io::Result<File>>,
}

/// Starts a writer; the end of the channel is the end of the file.
pub fn start(target: Target) -> (mpsc::Sender<Bytes>, Writing) {
    let (chunks, mut arriving) = mpsc::channel::<Bytes>(CHUNKS_WAITING);
    let temporary = target.temporary.clone();
    let thread = task::spawn_blocking(move || {
        let mut file = File::create(&temporary)?;
        while let Some(chunk) = arriving.blocking_recv() {
            file.write_all(&chunk)?;
        }
        Ok(file)
    });
    (chunks, Writing { target, thread })
}

impl Writing {
    /// Waits for the writer, and gives the file its final name if body and file are complete.
    pub async fn finish(self, body: Result<(), Failure>) -> Result<(), Failure> {
        // Where the disk failed, the body failed only as a consequence.
        let written = self.thread.await?;
        task::spawn_blocking(move || {
            let result = match (written, body) {
                (Ok(file), Ok(())) => self.target.publish(file).map_err(on_disk),
                (Err(error), _) => Err(on_disk(error)),
                (Ok(_), Err(failure)) => Err(failure),
            };
            if result.is_err() {
                let _ = fs::remove_file(&self.target.temporary);
            }
            result
        })
        .await?
    }
}

impl Target {
    fn publish(&self, file: File) -> io::Result<()> {
        file.sync_data()?; // a full or broken disk may not say so before
        drop(file);
        fs::rename(&self.temporary, &self.finished)
    }
}

fn on_disk(error: io::Error) -> Failure {
    format!("cannot write the file: {error}").into()
}
