//! The program against an origin whose every answer the test gives by hand. A named pipe in place
//! of a temporary file is a disk that can be held: opening it for writing waits for a reader.

use std::fs::{self, File};
use std::path::Path;
use std::process::Output;
use std::time::Duration;

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Only a limit for giving up: no test waits for it unless it fails.
const PATIENCE: Duration = Duration::from_secs(30);

struct Origin {
    address: String,
    requests: mpsc::UnboundedReceiver<Request>,
}

struct Request {
    path: String,
    stream: TcpStream,
}

impl Origin {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (arrived, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(read_head(stream, arrived.clone()));
            }
        });
        Self { address, requests }
    }

    async fn next(&mut self) -> Request {
        timeout(PATIENCE, self.requests.recv())
            .await
            .expect("no request comes")
            .unwrap()
    }

    fn urls(&self, paths: &[&str]) -> Vec<String> {
        paths
            .iter()
            .map(|path| format!("http://{}{path}", self.address))
            .collect()
    }
}

async fn read_head(mut stream: TcpStream, arrived: mpsc::UnboundedSender<Request>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else {
            return;
        };
        head.push(byte);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    let _ = arrived.send(Request { path, stream });
}

impl Request {
    /// A body that names its path, so that a mix-up shows.
    async fn answer(self) {
        let body = self.path.clone();
        self.send(&format!(
            "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        ))
        .await;
    }

    async fn send(mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }
}

struct Run {
    folder: TempDir,
    finished: JoinHandle<Output>,
}

fn start(limit: usize, urls: &[String], folder: TempDir) -> Run {
    let list = folder.path().join("urls.txt");
    fs::write(&list, urls.join("\n")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_disk-writer"));
    command
        .args(["-c", &limit.to_string(), "-o"])
        .arg(folder.path().join("out"))
        .arg(list);
    command.kill_on_drop(true);
    let finished = tokio::spawn(async move { command.output().await.unwrap() });
    Run { folder, finished }
}

impl Run {
    async fn end(self) -> (Option<i32>, String, Vec<String>) {
        let output = timeout(PATIENCE, self.finished)
            .await
            .expect("it doesn't end")
            .unwrap();
        let files = names_in(&self.folder.path().join("out"));
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
            files,
        )
    }
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[tokio::test]
async fn saves_every_body_under_its_name() {
    let mut origin = Origin::start().await;
    let urls = origin.urls(&["/a/one", "/b/two?x=y", "/c/one"]);
    let run = start(2, &urls, TempDir::new().unwrap());
    for _ in 0..3 {
        origin.next().await.answer().await;
    }
    let out = run.folder.path().join("out");
    let output = timeout(PATIENCE, run.finished).await.unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(names_in(&out), ["2-one", "one", "two"]);
    assert_eq!(fs::read_to_string(out.join("one")).unwrap(), "/a/one");
    assert_eq!(fs::read_to_string(out.join("two")).unwrap(), "/b/two?x=y");
    assert_eq!(fs::read_to_string(out.join("2-one")).unwrap(), "/c/one");
}

#[tokio::test]
async fn keeps_its_limit_and_refills_at_once() {
    let mut origin = Origin::start().await;
    let urls = origin.urls(&["/0", "/1", "/2", "/3", "/4", "/5"]);
    let run = start(2, &urls, TempDir::new().unwrap());
    let mut held = vec![origin.next().await, origin.next().await];
    for _ in 0..4 {
        assert!(
            origin.requests.try_recv().is_err(),
            "a third request is in flight"
        );
        held.pop().unwrap().answer().await;
        held.push(origin.next().await); // one goes, one comes, though /0 is stuck all the time
    }
    for request in held {
        request.answer().await;
    }
    let (code, errors, files) = run.end().await;
    assert_eq!((code, errors.as_str(), files.len()), (Some(0), "", 6));
}

#[tokio::test]
async fn a_held_file_stops_no_other_download() {
    let mut origin = Origin::start().await;
    let folder = TempDir::new().unwrap();
    let pipe = folder.path().join("out/.0.part");
    fs::create_dir(folder.path().join("out")).unwrap();
    let made = Command::new("mkfifo").arg(&pipe).status().await.unwrap();
    assert!(made.success());

    let run = start(
        2,
        &origin.urls(&["/0", "/1", "/2", "/3", "/4", "/5"]),
        folder,
    );
    for _ in 0..6 {
        origin.next().await.answer().await;
    }
    // The file was held until now.
    let read = tokio::task::spawn_blocking(move || File::open(pipe).map(std::io::read_to_string));
    let (_, _, files) = run.end().await;
    assert_eq!(read.await.unwrap().unwrap().unwrap(), "/0");
    assert!(
        ["1", "2", "3", "4", "5"]
            .iter()
            .all(|name| files.iter().any(|file| file == name)),
        "{files:?}"
    );
}

#[tokio::test]
async fn failed_downloads_are_named_and_leave_nothing_behind() {
    let mut origin = Origin::start().await;
    let mut urls = origin.urls(&["/cut", "/missing", "/good"]);
    urls.push("not a URL".to_owned());
    let run = start(4, &urls, TempDir::new().unwrap());
    for _ in 0..3 {
        let request = origin.next().await;
        match request.path.as_str() {
            "/cut" => {
                request
                    .send("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort")
                    .await
            }
            "/missing" => {
                request
                    .send("HTTP/1.1 404 No\r\ncontent-length: 2\r\n\r\nno")
                    .await
            }
            _ => request.answer().await,
        }
    }
    let (code, errors, files) = run.end().await;
    assert_eq!(code, Some(1));
    assert_eq!(files, ["good"]);
    assert!(
        ["/cut: ", "/missing: ", "not a URL: "]
            .iter()
            .all(|part| errors.contains(part)),
        "{errors}"
    );
}

#[tokio::test]
async fn a_disk_error_is_told_and_spoils_nothing_else() {
    let mut origin = Origin::start().await;
    let folder = TempDir::new().unwrap();
    // A folder in place of the temporary file: opening that file fails.
    fs::create_dir_all(folder.path().join("out/.0.part")).unwrap();
    let run = start(2, &origin.urls(&["/0", "/1", "/2"]), folder);
    for _ in 0..3 {
        origin.next().await.answer().await;
    }
    let (code, errors, files) = run.end().await;
    assert_eq!(code, Some(1));
    assert_eq!(files, [".0.part", "1", "2"]);
    assert!(errors.contains("/0: cannot write the file"), "{errors}");
}

#[tokio::test]
async fn bad_arguments_are_refused_with_a_message() {
    for arguments in [
        &["-c", "0", "-o", "out", "/dev/null"][..],
        &["-c", "many", "-o", "out", "/dev/null"],
        &["-c", "2", "/dev/null"],
        &["-c", "2", "-o", "out"],
        &["-c", "2", "-o", "out", "no-such-file"],
    ] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_disk-writer"));
        let output = timeout(PATIENCE, command.args(arguments).output())
            .await
            .unwrap()
            .unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(!output.stderr.is_empty());
    }
}
