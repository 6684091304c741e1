//! Talks to the program as a peer that doesn't read before it has written, and the other way round.

use std::fs;
use std::path::PathBuf;
use std::process::{Output, Stdio};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

/// More than all buffers on the way together.
const MUCH: usize = 32 * 1024 * 1024;

fn file(name: &str, length: usize) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("duplex-{name}"));
    fs::write(&path, vec![b'f'; length]).unwrap();
    path
}

async fn start(file: &PathBuf) -> (Child, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let program = Command::new(env!("CARGO_BIN_EXE_duplex"))
        .args([
            "127.0.0.1",
            &listener.local_addr().unwrap().port().to_string(),
        ])
        .arg(file)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    (program, listener.accept().await.unwrap().0)
}

async fn output(program: Child) -> Output {
    program.wait_with_output().await.unwrap()
}

#[tokio::test]
async fn a_peer_may_write_everything_before_it_reads() {
    let (program, mut peer) = start(&file("much", MUCH)).await;
    let program = tokio::spawn(output(program));
    peer.write_all(&vec![b'p'; MUCH]).await.unwrap();
    let mut received = Vec::new();
    peer.read_to_end(&mut received).await.unwrap();
    assert!(received.starts_with(b"HELLO\nf"));
    assert_eq!(received.len(), 6 + MUCH);
    peer.write_all(b"\nlast").await.unwrap();
    drop(peer);
    let output = program.await.unwrap();
    assert!(output.status.success());
    assert_eq!(output.stdout.len(), MUCH + 5);
}

#[tokio::test]
async fn a_peer_may_read_everything_before_it_writes() {
    let (program, mut peer) = start(&file("some", 1000)).await;
    let mut received = Vec::new();
    peer.read_to_end(&mut received).await.unwrap();
    assert_eq!(received.len(), 1006);
    peer.write_all(b"thanks\n").await.unwrap();
    drop(peer);
    let output = output(program).await;
    assert!(output.status.success());
    assert_eq!(output.stdout, b"thanks\n");
}

#[tokio::test]
async fn an_error_line_stops_it_with_an_orderly_end() {
    let (program, mut peer) = start(&file("stopped", MUCH)).await;
    peer.write_all(b"fine\nERROR no more\nlater\n")
        .await
        .unwrap();
    // Reading to the end gives an error if the connection is reset.
    let mut received = Vec::new();
    peer.read_to_end(&mut received).await.unwrap();
    assert!(received.len() < MUCH, "it went on sending");
    drop(peer);
    let output = output(program).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"fine\n");
    assert_eq!(output.stderr, b"ERROR no more\n");
}

#[tokio::test]
async fn bad_arguments_are_refused() {
    let cargo = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    for arguments in [
        &["127.0.0.1", "1"][..],
        &["127.0.0.1", "x", cargo],
        &["127.0.0.1", "1", "/does/not/exist"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_duplex"))
            .args(arguments)
            .output()
            .await;
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(!output.stderr.is_empty());
    }
}
