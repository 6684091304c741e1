//! The parent: opens the door and keeps W workers at it.

use std::io::{Error, Result};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

/// The argument that makes a worker of this program.
pub const WORKER: &str = "--as-worker";

#[tokio::main(flavor = "current_thread")]
pub async fn run(port: u16, workers: usize) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .map_err(|error| Error::new(error.kind(), format!("port {port}: {error}")))?;

    let mut places = JoinSet::new();
    for _ in 0..workers {
        let first = start_worker(&listener)?;
        places.spawn(keep_filled(first, listener.try_clone()?));
    }

    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    // Each of these tasks owns its worker, and a worker is killed with its owner.
    places.shutdown().await;
    Ok(())
}

/// Waits for the worker's end (so that it is no zombie) and puts another in its place, for ever.
async fn keep_filled(mut worker: Child, listener: TcpListener) {
    loop {
        let failed = !matches!(worker.wait().await, Ok(status) if status.code().is_none());
        if failed {
            // It wasn't killed but gave up by itself. Its successor may well do so too: no hurry.
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        worker = loop {
            match start_worker(&listener) {
                Ok(worker) => break worker,
                Err(error) => eprintln!("prefork-server: no new worker: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        };
    }
}

fn start_worker(listener: &TcpListener) -> Result<Child> {
    Command::new(std::env::current_exe()?)
        .arg(WORKER)
        .stdin(OwnedFd::from(listener.try_clone()?))
        .kill_on_drop(true)
        .spawn()
}
