//! Probes one peer of each kind at once.

use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::process::Command;

async fn probe(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_probe"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap()
}

/// A peer that greets one client in its own way once it has said `ping`.
async fn peer<F>(behave: impl FnOnce(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut ping = [0; 4];
        stream.read_exact(&mut ping).await.unwrap();
        assert_eq!(&ping, b"ping");
        behave(stream).await;
    });
    address
}

#[tokio::test]
async fn each_outcome_is_told_apart() {
    let ok = peer(|mut stream| async move { stream.write_all(b"pong\n").await.unwrap() }).await;
    let silent = peer(|stream| async move {
        std::future::pending::<()>().await;
        drop(stream);
    })
    .await;
    let dripping = peer(|mut stream| async move {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while stream.write_all(b".").await.is_ok() {
            tick.tick().await;
        }
    })
    .await;
    let closed = peer(|mut stream| async move { stream.write_all(b"po").await.unwrap() }).await;
    let reset = peer(|stream| async move { stream.set_zero_linger().unwrap() }).await;
    let refused = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap().to_string()
    };
    // A listener whose queue is full lets further connections wait.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let full = socket.listen(0).unwrap();
    let unanswered = full.local_addr().unwrap().to_string();
    let mut waiting = Vec::new();
    while let Ok(stream) =
        tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(&unanswered)).await
    {
        waiting.push(stream);
    }

    let start = Instant::now();
    let targets = [
        &ok,
        &silent,
        &dripping,
        &closed,
        &reset,
        &refused,
        &unanswered,
    ];
    let mut arguments = vec!["--connect-timeout", "0.3", "--read-timeout", "0.4"];
    arguments.extend(targets.iter().map(|target| target.as_str()));
    let output = probe(&arguments).await;
    assert!(start.elapsed() >= Duration::from_millis(400));
    assert!(output.status.success());
    let outcomes = [
        "ok",
        "read-timeout",
        "read-timeout",
        "closed",
        "reset",
        "refused",
        "connect-timeout",
    ];
    let expected: String = targets
        .iter()
        .zip(outcomes)
        .map(|(target, outcome)| format!("{target} {outcome}\n"))
        .collect();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
}

#[tokio::test]
async fn bad_arguments_are_refused() {
    for arguments in [
        &[][..],
        &["127.0.0.1"],
        &["127.0.0.1:99999"],
        &["--read-timeout", "0", "127.0.0.1:1"],
        &["--connect-timeout", "x", "127.0.0.1:1"],
        &["--connect-timeout"],
    ] {
        let output = probe(arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
}
