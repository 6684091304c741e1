//! Downloads a list of files into a folder. The network side never waits for the disk: one thread
//! drives all the connections, other threads do all the calls that touch a file.

mod arguments;
mod fetch;
mod names;
mod save;

use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;

use arguments::Arguments;
use save::Target;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// How many files may be under way for each request in flight. More than one, so that the network
/// goes on while a file waits for the disk; few, so that a slow disk slows the network down
/// instead of filling the memory.
const FILES_PER_REQUEST: usize = 2;

struct Job {
    url: String,
    target: Target,
}

fn main() -> ExitCode {
    let (arguments, urls) = match arguments::read() {
        Ok(good) => good,
        Err(problem) => {
            complain(&format!("{problem}\n{}", arguments::USAGE));
            return ExitCode::from(2);
        }
    };
    match run(arguments, urls) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            complain(&problem);
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments, urls: Vec<String>) -> Result<bool, String> {
    let folder = &arguments.folder;
    fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
    // One thread is plenty for the network; the runtime has a pool besides for blocking calls.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(|e| format!("cannot start the event loop: {e}"))?;
    Ok(runtime.block_on(download_all(jobs(urls, folder), arguments.limit)))
}

fn jobs(urls: Vec<String>, folder: &Path) -> Vec<Job> {
    let names = names::for_urls(&urls);
    let numbered = urls.into_iter().zip(names).enumerate();
    numbered
        .map(|(number, (url, name))| Job {
            url,
            // No name that we choose for a finished file begins with a dot.
            target: Target::new(folder.join(format!(".{number}.part")), folder.join(name)),
        })
        .collect()
}

/// Returns whether every file was downloaded and saved.
async fn download_all(jobs: Vec<Job>, limit: usize) -> bool {
    let limit = limit.min(jobs.len());
    let network = Arc::new(Semaphore::new(limit));
    let files = Arc::new(Semaphore::new(limit * FILES_PER_REQUEST));
    let mut downloads = JoinSet::new();
    let mut all_saved = true;
    for job in jobs {
        let file_slot = acquire(&files).await;
        let network_slot = acquire(&network).await;
        downloads.spawn(async move {
            let result = download(&job, network_slot).await;
            drop(file_slot);
            result.map_err(|reason| complain(&format!("{}: {reason}", job.url)))
        });
        while let Some(done) = downloads.try_join_next() {
            all_saved &= matches!(done, Ok(Ok(())));
        }
    }
    while let Some(done) = downloads.join_next().await {
        all_saved &= matches!(done, Ok(Ok(())));
    }
    all_saved
}

async fn acquire(slots: &Arc<Semaphore>) -> OwnedSemaphorePermit {
    let slot = Arc::clone(slots).acquire_owned().await;
    slot.expect("nobody closes the semaphore")
}

/// Fetches one URL into its file. The network slot is free again as soon as the body is complete,
/// wherever the disk may be by then.
async fn download(job: &Job, network_slot: OwnedSemaphorePermit) -> Result<(), Failure> {
    let (file, body) = fetch::get(&job.url, async |answer| {
        if !answer.status().is_success() {
            return Err(format!("the server says {}", answer.status()).into());
        }
        let (chunks, file) = save::start(job.target.clone());
        Ok((file, fetch::pass_on(answer, chunks).await))
    })
    .await?;
    drop(network_slot);
    file.finish(body).await
}

/// Standard error may be gone; that is no reason to stop the downloads.
fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "disk-writer: {text}");
}
