//! The program against a site whose every answer the test gives by hand.

use std::process::Output;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Only a limit for giving up: no test waits for it unless it fails.
const PATIENCE: Duration = Duration::from_secs(30);

struct Site {
    address: String,
    requests: mpsc::UnboundedReceiver<Request>,
}

struct Request {
    path: String,
    stream: TcpStream,
}

impl Site {
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

    fn crawl(&self, options: &[&str]) -> JoinHandle<Output> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_crawler"));
        command
            .args(options)
            .arg(format!("http://{}/", self.address))
            .kill_on_drop(true);
        tokio::spawn(async move { command.output().await.unwrap() })
    }

    async fn next(&mut self) -> Request {
        timeout(PATIENCE, self.requests.recv())
            .await
            .expect("no request comes")
            .unwrap()
    }

    /// The next requests, sorted by path, all of them in flight together.
    async fn next_together(&mut self, count: usize) -> Vec<Request> {
        let mut requests = Vec::new();
        for _ in 0..count {
            requests.push(self.next().await);
        }
        requests.sort_by(|a, b| a.path.cmp(&b.path));
        requests
    }

    /// The printed lines, sorted, without the site's address.
    async fn end(mut self, crawl: JoinHandle<Output>) -> (Option<i32>, Vec<String>) {
        let output = timeout(PATIENCE, crawl)
            .await
            .expect("it doesn't end")
            .unwrap();
        assert!(self.requests.try_recv().is_err(), "one request too many");
        let text = String::from_utf8(output.stdout).unwrap();
        let site = format!("http://{}", self.address);
        let mut lines: Vec<_> = text.lines().map(|line| line.replace(&site, "")).collect();
        lines.sort();
        (output.status.code(), lines)
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
    async fn send(mut self, head: &str, body: &str) {
        let length = body.len();
        let text = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n{body}");
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    async fn links(self, hrefs: &[&str]) {
        let body: String = hrefs
            .iter()
            .map(|href| format!("<a href='{href}'>x</a>"))
            .collect();
        self.send("200 OK\r\ncontent-type: Text/HTML; charset=utf-8", &body)
            .await;
    }
}

#[tokio::test]
async fn keeps_its_limit_and_refills_at_once() {
    let mut site = Site::start().await;
    let crawl = site.crawl(&["-c", "2"]);
    site.next()
        .await
        .links(&["/1", "/2", "/3", "/4", "/5"])
        .await;
    let mut held = site.next_together(2).await;
    for _ in 0..3 {
        assert!(
            site.requests.try_recv().is_err(),
            "a third request is in flight"
        );
        held.pop().unwrap().links(&["/", "/1#here", "/5"]).await;
        held.push(site.next().await); // one goes, one comes, though /1 is stuck all the time
    }
    for request in held {
        request.links(&[]).await;
    }
    let (code, lines) = site.end(crawl).await;
    assert_eq!(code, Some(0));
    assert_eq!(
        lines,
        ["/ 200", "/1 200", "/2 200", "/3 200", "/4 200", "/5 200"]
    );
}

#[tokio::test]
async fn an_empty_line_of_pages_is_not_the_end() {
    let mut site = Site::start().await;
    let crawl = site.crawl(&["-c", "3"]);
    site.next().await.links(&["/slow", "/leaf"]).await;
    let mut both = site.next_together(2).await;
    let slow = both.pop().unwrap();
    both.pop().unwrap().links(&[]).await; // two slots are idle now, and nothing waits
    slow.links(&["/late/1", "/late/2"]).await;
    for request in site.next_together(2).await {
        request.links(&[]).await;
    }
    let (code, lines) = site.end(crawl).await;
    assert_eq!((code, lines.len()), (Some(0), 5), "{lines:?}");
}

#[tokio::test]
async fn depth_is_the_shortest_distance_even_if_the_longer_path_is_answered_first() {
    let mut site = Site::start().await;
    let crawl = site.crawl(&["-c", "4", "--depth", "3"]);
    site.next().await.links(&["/long/1", "/short"]).await;
    let mut both = site.next_together(2).await;
    let short = both.pop().unwrap();
    both.pop().unwrap().links(&["/long/2"]).await;
    site.next().await.links(&["/x"]).await; // is /long/2, at distance 2
    site.next().await.links(&["/y"]).await; // is /x, at 3 for all that is known: /y is too far
    short.links(&["/x"]).await; // so /x is at 2, and /y at 3
    site.next().await.links(&["/too/far"]).await;
    let (code, lines) = site.end(crawl).await;
    assert_eq!(code, Some(0));
    assert_eq!(
        lines,
        [
            "/ 200",
            "/long/1 200",
            "/long/2 200",
            "/short 200",
            "/x 200",
            "/y 200"
        ]
    );
}

#[tokio::test]
async fn redirects_errors_and_other_types() {
    let mut site = Site::start().await;
    let crawl = site.crawl(&["-c", "9", "--depth", "1"]);
    let hrefs = ["/away", "/cut", "/image", "/loop", "/missing", "/moved"];
    site.next().await.links(&hrefs).await;
    let html = "content-type: text/html";
    let link = "<a href='/never'>";
    for request in site.next_together(6).await {
        match request.path.as_str() {
            "/away" => {
                request
                    .send("302 Found\r\nlocation: http://127.0.0.1:1/", "")
                    .await
            }
            "/cut" => {
                request
                    .send(&format!("200 OK\r\n{html}\r\ncontent-length: 999"), link)
                    .await
            }
            "/image" => {
                request
                    .send("200 OK\r\ncontent-type: image/png", link)
                    .await
            }
            "/loop" => request.send("301 Moved\r\nlocation: /loop", "").await,
            "/missing" => request.send(&format!("404 No\r\n{html}"), link).await,
            _ => request.send("307 Moved\r\nlocation: /target#x", link).await,
        }
    }
    let target = site.next().await;
    assert_eq!(target.path, "/target");
    target.links(&["/too/far"]).await;
    let (code, mut lines) = site.end(crawl).await;
    assert_eq!(code, Some(0));
    assert!(lines.remove(2).starts_with("/cut ERROR "));
    let expected = [
        "/ 200",
        "/away 302",
        "/image 200",
        "/loop 301",
        "/missing 404",
        "/moved 307",
        "/target 200",
    ];
    assert_eq!(lines, expected);
}

#[tokio::test]
async fn a_start_that_cannot_be_reached_is_an_error() {
    let mut site = Site::start().await;
    let crawl = site.crawl(&["-c", "2"]);
    drop(site.next().await);
    let (code, lines) = site.end(crawl).await;
    assert_eq!(code, Some(1));
    assert!(
        lines.len() == 1 && lines[0].starts_with("/ ERROR "),
        "{lines:?}"
    );
}
