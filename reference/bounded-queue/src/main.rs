//! One producer takes jobs into a queue of Q places; W workers do them.
//!
//! The queue is the whole trick: when it is full, the producer sleeps until a worker makes room, and takes no further job
//! in the meantime. A slow consumer slows the producer down ("back-pressure") instead of filling the memory.

mod service;

use std::process::ExitCode;
use std::sync::Arc;

use service::{Failure, Service};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

struct Arguments {
    workers: usize,
    places: usize,
    service: Service,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(message) => {
            eprintln!("bounded-queue: {message}\nusage: bounded-queue -w W -q Q URL");
            return ExitCode::from(2);
        }
    };
    match do_all(arguments).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bounded-queue: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Arguments, String> {
    let (mut workers, mut places, mut service) = (None, None, None);
    let mut arguments = std::env::args_os()
        .skip(1)
        .map(|argument| argument.to_string_lossy().into_owned());
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "-w" => workers = Some(number("-w", arguments.next())?),
            "-q" => places = Some(number("-q", arguments.next())?),
            url if service.is_none() => service = Some(Service::at(url)?),
            more => return Err(format!("what is {more:?}?")),
        }
    }
    Ok(Arguments {
        workers: workers.ok_or("-w is missing")?,
        places: places.ok_or("-q is missing")?,
        service: service.ok_or("the URL is missing")?,
    })
}

fn number(option: &str, value: Option<String>) -> Result<usize, String> {
    match value.and_then(|value| value.parse().ok()) {
        Some(number @ 1..=100_000) => Ok(number),
        _ => Err(format!("{option} wants a number from 1 to 100000")),
    }
}

/// Returns when there are no more jobs and the last one is done.
async fn do_all(arguments: Arguments) -> Result<(), Failure> {
    let service = Arc::new(arguments.service);
    let (queue, jobs) = mpsc::channel(arguments.places);
    let jobs = Arc::new(Mutex::new(jobs));

    let mut workers = JoinSet::new();
    for _ in 0..arguments.workers {
        workers.spawn(work(service.clone(), jobs.clone()));
    }
    // The producer owns the only sending end. When it returns, the queue is closed behind it: the workers still get
    // what is in there, and then `None`.
    let produced = produce(&service, queue).await;
    while let Some(ended) = workers.join_next().await {
        ended?;
    }
    produced
}

async fn produce(service: &Service, queue: mpsc::Sender<String>) -> Result<(), Failure> {
    while let Some(id) = service.next_job().await? {
        queue.send(id).await?; // sleeps while the queue is full
    }
    Ok(())
}

/// Does jobs until there are none. A job that fails is reported; the worker lives on.
async fn work(service: Arc<Service>, jobs: Arc<Mutex<mpsc::Receiver<String>>>) {
    while let Some(id) = next(&jobs).await {
        if let Err(error) = service.work(&id).await {
            println!("{id} ERROR {error}");
        }
    }
}

/// The next job of the queue. Only the wait is under the lock, never the work.
async fn next(jobs: &Mutex<mpsc::Receiver<String>>) -> Option<String> {
    jobs.lock().await.recv().await
}
