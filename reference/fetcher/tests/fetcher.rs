//! The program as a whole, against servers that answer when the test says so.

use std::collections::{BTreeSet, HashSet};
use std::io::Write;
use std::process::Output;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::time::timeout;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

/// Where this strikes, the program hangs: no test waits for it otherwise.
const GIVE_UP: Duration = Duration::from_secs(20);

struct List(std::path::PathBuf);

impl List {
    fn new(name: &str, urls: &[String]) -> Self {
        let path = std::env::temp_dir().join(format!("fetcher-{}-{name}", std::process::id()));
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(urls.join("\n").as_bytes()).unwrap();
        Self(path)
    }
}

impl Drop for List {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn fetcher(limit: &str, list: &std::path::Path) -> Output {
    let program = Command::new(env!("CARGO_BIN_EXE_fetcher"))
        .args(["-c", limit])
        .arg(list)
        .kill_on_drop(true)
        .output();
    timeout(GIVE_UP, program)
        .await
        .expect("the program hangs")
        .unwrap()
}

fn lines(output: &Output) -> BTreeSet<String> {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(str::to_owned)
        .collect()
}

/// A server that reads requests and leaves the answers to the test.
struct HeldServer {
    address: std::net::SocketAddr,
    requests: mpsc::UnboundedReceiver<Request>,
}

struct Request {
    path: String,
    stream: TcpStream,
}

impl HeldServer {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let sender = sender.clone();
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.ends_with(b"\r\n\r\n") {
                        head.push(stream.read_u8().await?);
                    }
                    let head = String::from_utf8_lossy(&head).into_owned();
                    let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
                    let _ = sender.send(Request { path, stream });
                    std::io::Result::Ok(())
                });
            }
        });
        Self { address, requests }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    async fn next(&mut self) -> Request {
        timeout(GIVE_UP, self.requests.recv())
            .await
            .expect("no request comes")
            .unwrap()
    }
}

impl Request {
    async fn answer(mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.unwrap();
    }

    fn reset(self) {
        self.stream.set_zero_linger().unwrap();
    }
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[tokio::test]
async fn keeps_exactly_n_in_flight_while_one_url_is_stuck() {
    let mut server = HeldServer::start().await;
    let urls: Vec<_> = (0..12)
        .map(|number| server.url(&format!("/{number}")))
        .collect();
    let list = List::new("limit", &urls);
    let path = list.0.clone();
    let program = tokio::spawn(async move { fetcher("3", &path).await });

    let stuck = server.next().await;
    let mut seen = HashSet::from([stuck.path.clone()]);
    let mut parked = vec![server.next().await, server.next().await];
    while let Some(request) = parked.pop() {
        assert!(server.requests.try_recv().is_err(), "more than 3 in flight");
        assert!(
            seen.insert(request.path.clone()),
            "{} came twice",
            request.path
        );
        request.answer(OK).await;
        if seen.len() + parked.len() < urls.len() {
            parked.push(server.next().await); // one answer let go brings one more request
        }
    }
    stuck.answer(OK).await;

    let output = program.await.unwrap();
    assert_eq!(
        lines(&output),
        urls.iter().map(|url| format!("{url} 200 2")).collect()
    );
}

#[tokio::test]
async fn reaches_a_limit_above_the_usual_size_of_a_pool() {
    let mut server = HeldServer::start().await;
    let urls: Vec<_> = (0..130)
        .map(|number| server.url(&format!("/{number}")))
        .collect();
    let list = List::new("pool", &urls);
    let path = list.0.clone();
    let program = tokio::spawn(async move { fetcher("130", &path).await });

    let mut parked = Vec::new();
    for _ in 0..130 {
        parked.push(server.next().await);
    }
    for request in parked {
        request.answer(OK).await;
    }
    assert_eq!(lines(&program.await.unwrap()).len(), 130);
}

#[tokio::test]
async fn reports_status_and_length_of_every_answer() {
    let server = MockServer::start().await;
    for (at, status, length) in [
        ("/page", 200, 70_000),
        ("/none", 404, 9),
        ("/broken", 500, 0),
    ] {
        let answer = ResponseTemplate::new(status).set_body_bytes(vec![b'x'; length]);
        Mock::given(path(at))
            .respond_with(answer)
            .expect(1)
            .mount(&server)
            .await;
    }
    let moved = ResponseTemplate::new(302).insert_header("Location", "/page");
    Mock::given(path("/moved"))
        .respond_with(moved)
        .expect(1)
        .mount(&server)
        .await;

    let urls = ["/page", "/none", "/broken", "/moved"].map(|at| format!("{}{at}", server.uri()));
    let list = List::new("answers", &urls);
    let [page, none, broken, moved] = urls;
    assert_eq!(
        lines(&fetcher("2", &list.0).await),
        BTreeSet::from([
            format!("{page} 200 70000"),
            format!("{none} 404 9"),
            format!("{broken} 500 0"),
            format!("{moved} 302 0"),
        ])
    );
}

#[tokio::test]
async fn failures_of_every_kind_stay_in_their_line() {
    let mut server = HeldServer::start().await;
    let refused = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let mut urls: Vec<_> = [
        "/reset",
        "/cut",
        "/cut-chunk",
        "/noise",
        "/silent",
        "/length",
    ]
    .map(|path| server.url(path))
    .into();
    urls.extend([
        format!("http://{refused}/"),
        "http://".to_owned(),
        "not a url".to_owned(),
        "http://127.0.0.1:99999/".to_owned(),
        server.url("/chunked"),
        server.url("/until-the-end"),
    ]);
    let list = List::new("failures", &urls);
    let path = list.0.clone();
    let program = tokio::spawn(async move { fetcher("2", &path).await });

    for _ in 0..8 {
        let request = server.next().await;
        match request.path.as_str() {
            "/reset" => request.reset(),
            "/cut" => {
                request
                    .answer(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
                    .await
            }
            "/cut-chunk" => {
                let start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel";
                request.answer(start).await;
            }
            "/noise" => request.answer(b"\x00\xff what?\r\n\r\n").await,
            "/silent" => request.answer(b"").await,
            "/length" => {
                request
                    .answer(b"HTTP/1.1 200 OK\r\nContent-Length: -4\r\n\r\nwell")
                    .await
            }
            "/chunked" => {
                let whole =
                    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
                request.answer(whole).await;
            }
            _ => request.answer(b"HTTP/1.1 200 OK\r\n\r\nseven..").await,
        }
    }

    let lines = lines(&program.await.unwrap());
    assert_eq!(lines.len(), urls.len());
    let (good, bad) = (urls.split_off(10), urls);
    for url in bad {
        let error = format!("{url} ERROR ");
        assert!(
            lines.iter().any(|line| line.starts_with(&error)),
            "{url}: {lines:?}"
        );
    }
    assert!(lines.contains(&format!("{} 200 5", good[0])), "{lines:?}");
    assert!(lines.contains(&format!("{} 200 7", good[1])), "{lines:?}");
}

#[tokio::test]
async fn bad_arguments_are_named_and_end_it() {
    let list = List::new("arguments", &[]);
    let missing = list.0.with_extension("missing");
    for (limit, list) in [
        ("0", &list.0),
        ("x", &list.0),
        ("1", &missing),
        ("1", &std::env::temp_dir()),
    ] {
        let output = fetcher(limit, list).await;
        assert_eq!(
            output.status.code(),
            Some(2),
            "-c {limit} {}",
            list.display()
        );
        assert!(output.stderr.starts_with(b"fetcher: "), "{output:?}");
    }
}
