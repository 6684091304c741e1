//! One GET over one connection of its own.
//!
//! A connection is never kept for a second request. That costs a handshake for each URL, and buys three things: a slot
//! holds one socket at most, no pool can cap the slots below N, and a kept connection that the server has closed
//! meanwhile can't be mistaken for a failing URL.

use std::error::Error;
use std::pin::pin;
use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONNECTION, HOST};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::{Position, Url};

/// How long a server may keep us waiting for its next sign of life.
const PATIENCE: Duration = Duration::from_secs(30);

pub type Reason = Box<dyn Error + Send + Sync>;

pub struct Answer {
    pub status: StatusCode,
    pub bytes: usize,
}

/// What a URL says about where to connect and what to ask for there.
struct Target {
    host: String,
    port: u16,
    request: Request<Empty<Bytes>>,
}

pub async fn fetch(url: &str) -> Result<Answer, Reason> {
    let target = Target::of(url)?;
    let stream = patiently(TcpStream::connect((target.host, target.port))).await??;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;

    // `connection` moves the bytes that `exchange` asks for, so both have to run. Had `connection` been spawned as a
    // task of its own, its socket could outlive this slot; here it is closed by the time that the slot comes free.
    let mut exchange = pin!(exchange(sender, target.request));
    tokio::select! {
        answer = &mut exchange => answer,
        _ = connection => exchange.await,
    }
}

async fn exchange(
    mut sender: SendRequest<Empty<Bytes>>,
    request: Request<Empty<Bytes>>,
) -> Result<Answer, Reason> {
    let response = patiently(sender.send_request(request)).await??;
    let status = response.status();
    let mut body = response.into_body();
    let mut bytes = 0;
    // The body is counted piece by piece and kept nowhere: its length costs no memory.
    while let Some(frame) = patiently(body.frame()).await? {
        bytes += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(Answer { status, bytes })
}

async fn patiently<T>(step: impl Future<Output = T>) -> Result<T, Reason> {
    timeout(PATIENCE, step)
        .await
        .map_err(|_| format!("nothing came for {} seconds", PATIENCE.as_secs()).into())
}

impl Target {
    fn of(url: &str) -> Result<Self, Reason> {
        let url = Url::parse(url)?;
        if url.scheme() != "http" {
            return Err(format!("{} is not fetched, only http is", url.scheme()).into());
        }
        let host = url.host_str().ok_or("the URL has no host")?;
        let port = url.port_or_known_default().ok_or("the URL has no port")?;
        let request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
            .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
            .header(CONNECTION, "close")
            .body(Empty::new())?;
        let host = host.trim_matches(['[', ']']).to_owned(); // a URL writes an IPv6 address in brackets
        Ok(Self {
            host,
            port,
            request,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_says_where_to_connect_and_what_to_ask_for() {
        for (url, host, port, header, path) in [
            ("http://a.test/x?y=1#z", "a.test", 80, "a.test", "/x?y=1"),
            ("http://a.test:8080", "a.test", 8080, "a.test:8080", "/"),
            ("HTTP://me@a.test/", "a.test", 80, "a.test", "/"),
            ("http://[::1]:81/", "::1", 81, "[::1]:81", "/"),
            ("http://a.test?q", "a.test", 80, "a.test", "/?q"),
            ("http://a.test/a b", "a.test", 80, "a.test", "/a%20b"),
        ] {
            let target = Target::of(url).unwrap_or_else(|reason| panic!("{url}: {reason}"));
            assert_eq!((target.host.as_str(), target.port), (host, port), "{url}");
            assert_eq!(target.request.headers()[HOST], header, "{url}");
            assert_eq!(target.request.uri(), path, "{url}");
        }
    }

    #[test]
    fn what_is_no_http_url_is_refused() {
        for url in [
            "http://",
            "not a url",
            "/only/a/path",
            "a.test",
            "ftp://a.test/",
            "https://a.test/",
            "http://a.test:99999/",
            "http://a.test:port/",
        ] {
            assert!(Target::of(url).is_err(), "{url} was accepted");
        }
    }
}
