//! The origin with evidence on, against a bare hyper server and against wiremock: 32 kept connections,
//! answers of 1 KiB. Each server is a process of its own with one server thread; rounds are interleaved,
//! so that the ratios hold on a noisy machine. `--requests N` sets the number for each server.
//!
//! Run by `cargo bench -p gradus --bench origin`.

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gradus::evidence::Tier;
use gradus::evidence::writer::Recorder;
use gradus::plan::{Item, Plan};
use gradus::task::world::{Answer, Framing, World};
use gradus::task::{Kind, Limits};
use gradus::world::diag::Diag;
use gradus::world::ledger::Ledger;
use gradus::world::origin::Origin;
use gradus::world::park;
use gradus::world::side::Side;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const CONNECTIONS: usize = 32;
const BODY: usize = 1024;
const ROUNDS: usize = 10;
const SERVERS: [&str; 3] = ["bare hyper", "origin", "wiremock"];

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args
        .iter()
        .position(|arg| arg == "--serve")
        .map(|at| args[at + 1].as_str())
    {
        Some("bare hyper") => serve_bare(),
        Some("origin") => serve_origin(),
        Some("wiremock") => serve_wiremock(),
        Some(other) => panic!("no server {other}"),
        None => {
            let requests = args
                .iter()
                .position(|arg| arg == "--requests")
                .map(|at| args[at + 1].parse());
            compare(requests.map_or(500_000, |n| n.expect("a number")));
        }
    }
}

// --- The servers, each in a process of its own ---

fn runtime() -> (tokio::runtime::Runtime, tokio::task::LocalSet) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder
        .enable_all()
        .on_thread_park(park::hook)
        .build()
        .expect("a runtime");
    (runtime, tokio::task::LocalSet::new())
}

fn say(addr: SocketAddr) {
    println!("{addr}");
    std::io::stdout().flush().expect("the parent reads");
}

fn serve_origin() {
    let item = Item {
        host: 0,
        path: "/page".into(),
        answer: Answer::Status(200),
        framing: Framing::Length,
        size: BODY as u64,
        body: 1,
        listed: 1,
        text: None,
    };
    let origin =
        serde_json::from_value(serde_json::json!({"hosts": 1, "pages": 1})).expect("a world");
    let plan = Plan {
        task: "bench".into(),
        kind: Kind::Client,
        scenario: "bench".into(),
        set: 0,
        params: Default::default(),
        seed: 1,
        command: Vec::new(),
        world: World {
            origin,
            ..World::default()
        },
        items: vec![item],
        commands: Vec::new(),
        site: None,
        upstream: None,
        peers: Vec::new(),
        script: Vec::new(),
        limits: Limits::default(),
    };
    let (runtime, local) = runtime();
    local.block_on(&runtime, async {
        let recorder = Recorder::new(tempfile::tempfile().expect("a file"));
        let side = Side::new().expect("an epoll");
        let ledger = Ledger::new(recorder, 1);
        let (origin, places) = Origin::bind(&plan, Tier::Reduced).expect("a port");
        let _serving = origin
            .serve(&side, &ledger, Diag::new().ok())
            .expect("it serves");
        say(places[0].addr);
        std::future::pending::<()>().await;
    });
}

/// hyper's side of a socket; as thin as can be.
struct Io(tokio::net::TcpStream);

impl hyper::rt::Read for Io {
    fn poll_read(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        mut cursor: hyper::rt::ReadBufCursor<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        // SAFETY: the slice is only handed to a `ReadBuf`, which never makes a byte uninitialised.
        let mut buffer = tokio::io::ReadBuf::uninit(unsafe { cursor.as_mut() });
        let read =
            tokio::io::AsyncRead::poll_read(std::pin::Pin::new(&mut self.0), cx, &mut buffer);
        let n = buffer.filled().len();
        // SAFETY: the read initialised so many bytes.
        unsafe { cursor.advance(n) };
        read
    }
}

impl hyper::rt::Write for Io {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        tokio::io::AsyncWrite::poll_write(std::pin::Pin::new(&mut self.0), cx, bytes)
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        tokio::io::AsyncWrite::poll_shutdown(std::pin::Pin::new(&mut self.0), cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
        parts: &[std::io::IoSlice<'_>],
    ) -> std::task::Poll<std::io::Result<usize>> {
        tokio::io::AsyncWrite::poll_write_vectored(std::pin::Pin::new(&mut self.0), cx, parts)
    }
}

fn serve_bare() {
    static BYTES: [u8; BODY] = [b'x'; BODY];
    let (runtime, local) = runtime();
    local.block_on(&runtime, async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        say(listener.local_addr().expect("an address"));
        loop {
            let (stream, _) = listener.accept().await.expect("a client");
            stream.set_nodelay(true).expect("an option");
            tokio::task::spawn_local(async move {
                let service = hyper::service::service_fn(|_| async {
                    let mut response = hyper::Response::new(http_body_util::Full::new(
                        bytes::Bytes::from_static(&BYTES),
                    ));
                    let kind = hyper::header::HeaderValue::from_static("text/plain; charset=utf-8");
                    response
                        .headers_mut()
                        .insert(hyper::header::CONTENT_TYPE, kind);
                    Ok::<_, Infallible>(response)
                });
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(Io(stream), service)
                    .await;
            });
        }
    });
}

fn serve_wiremock() {
    let (runtime, local) = runtime();
    local.block_on(&runtime, async {
        let server = wiremock::MockServer::start().await;
        let answer = wiremock::ResponseTemplate::new(200).set_body_bytes(vec![b'x'; BODY]);
        wiremock::Mock::given(wiremock::matchers::path("/page"))
            .respond_with(answer)
            .mount(&server)
            .await;
        say(*server.address());
        std::future::pending::<()>().await;
    });
}

// --- The client ---

struct Server {
    name: &'static str,
    child: Child,
    addr: SocketAddr,
    /// Requests a second, and the server's processor time for each request, by round.
    rates: Vec<f64>,
    costs: Vec<f64>,
    peak_kib: u64,
}

impl Server {
    fn start(name: &'static str) -> Server {
        let me = std::env::current_exe().expect("a path");
        let mut child = Command::new(me)
            .args(["--serve", name])
            .stdout(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("a pipe"))
            .read_line(&mut line)
            .expect("an address");
        let addr = line.trim().parse().expect("an address");
        Server {
            name,
            child,
            addr,
            rates: Vec::new(),
            costs: Vec::new(),
            peak_kib: 0,
        }
    }

    fn processor_time(&self) -> Duration {
        let tasks =
            std::fs::read_dir(format!("/proc/{}/task", self.child.id())).expect("the server lives");
        let time = |task: std::io::Result<std::fs::DirEntry>| {
            let stat = std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            stat.split(' ').next()?.parse::<u64>().ok()
        };
        Duration::from_nanos(tasks.filter_map(time).sum())
    }

    fn round(&mut self, requests: usize) {
        let (start, before) = (Instant::now(), self.processor_time());
        load(self.addr, requests);
        let (took, used) = (start.elapsed(), self.processor_time() - before);
        self.rates.push(requests as f64 / took.as_secs_f64());
        self.costs.push(used.as_secs_f64() * 1e6 / requests as f64);
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))
            .expect("the server lives");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        self.peak_kib = peak
            .and_then(|text| text.split_whitespace().next()?.parse().ok())
            .unwrap_or(0);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Length of an answer, its head included.
fn answer_length(addr: SocketAddr) -> usize {
    let mut stream = TcpStream::connect(addr).expect("it listens");
    stream
        .write_all(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
        .expect("it reads");
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).expect("an answer");
        answer.push(byte[0]);
    }
    answer.len() + BODY
}

fn load(addr: SocketAddr, requests: usize) {
    let length = answer_length(addr);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let clients: Vec<_> = (0..CONNECTIONS)
            .map(|_| {
                tokio::spawn(async move {
                    let mut stream = tokio::net::TcpStream::connect(addr)
                        .await
                        .expect("it listens");
                    stream.set_nodelay(true).expect("an option");
                    let mut answer = vec![0; length];
                    for _ in 0..requests / CONNECTIONS {
                        stream
                            .write_all(b"GET /page HTTP/1.1\r\nHost: x\r\n\r\n")
                            .await
                            .expect("it reads");
                        stream.read_exact(&mut answer).await.expect("an answer");
                        assert!(answer.starts_with(b"HTTP/1.1 200"));
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.expect("no panic");
        }
    });
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn compare(requests: usize) {
    let mut servers = SERVERS.map(Server::start);
    for server in &mut servers {
        load(server.addr, requests / ROUNDS / 4);
    }
    for _ in 0..ROUNDS {
        for server in &mut servers {
            server.round(requests / ROUNDS);
        }
    }
    println!(
        "{requests} requests each, {CONNECTIONS} connections, {BODY} byte bodies, {ROUNDS} interleaved rounds"
    );
    println!(
        "{:<12} {:>12} {:>12} {:>12} {:>12} {:>10}",
        "server", "requests/s", "ratio", "us/request", "ratio", "peak KiB"
    );
    // The ratio of a round compares neighbours in time; its median forgives what else the machine does.
    let origin = &servers[1];
    for server in &servers {
        let speed: Vec<f64> = origin
            .rates
            .iter()
            .zip(&server.rates)
            .map(|(ours, theirs)| ours / theirs)
            .collect();
        let cost: Vec<f64> = origin
            .costs
            .iter()
            .zip(&server.costs)
            .map(|(ours, theirs)| theirs / ours)
            .collect();
        println!(
            "{:<12} {:>12.0} {:>11.2}x {:>12.2} {:>11.2}x {:>10}",
            server.name,
            median(&server.rates),
            median(&speed),
            median(&server.costs),
            median(&cost),
            server.peak_kib
        );
    }
    println!(
        "ratios: how many times faster (cheaper) the origin is, with its evidence written to a file"
    );
}
