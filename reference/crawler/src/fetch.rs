//! One visit: GET a page over a connection of its own, and see where it leads.

use std::error::Error;
use std::pin::pin;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderMap, LOCATION};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::{Position, Url};

use crate::links;
use crate::site::LeadsTo;

/// Links are looked for in this much of a page; what comes after that is read and forgotten, so
/// that the largest of pages can't fill the memory.
const LONGEST_PAGE: usize = 8 * 1024 * 1024;

type Reason = Box<dyn Error + Send + Sync>;

pub struct Answer {
    pub status: u16,
    pub leads_to: LeadsTo,
}

pub async fn visit(url: &Url) -> Result<Answer, Reason> {
    let address = &url[Position::BeforeHost..Position::AfterPort];
    let host = url
        .host_str()
        .ok_or("the URL has no host")?
        .trim_matches(['[', ']']);
    let port = url.port_or_known_default().ok_or("the URL has no port")?;
    let request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, address)
        .header(CONNECTION, "close")
        .body(Empty::new())?;
    let stream = TcpStream::connect((host, port)).await?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;

    // The connection moves the bytes that the exchange asks for, so both have to run. They end
    // together, and with them the socket: there are never more sockets than visits.
    let mut exchange = pin!(exchange(sender, request, url));
    tokio::select! {
        answer = &mut exchange => answer,
        _ = connection => exchange.await,
    }
}

async fn exchange(
    mut sender: SendRequest<Empty<Bytes>>,
    request: Request<Empty<Bytes>>,
    url: &Url,
) -> Result<Answer, Reason> {
    let response = sender.send_request(request).await?;
    let status = response.status();
    let redirect = redirect(&response, url);
    let wanted = if status.is_success() && is_html(response.headers()) {
        LONGEST_PAGE
    } else {
        0
    };
    let body = read(response.into_body(), wanted).await?;
    let leads_to = match redirect {
        Some(target) => LeadsTo::Redirect(target),
        None => LeadsTo::Links(links::in_page(url, &body)),
    };
    Ok(Answer {
        status: status.as_u16(),
        leads_to,
    })
}

/// Reads to the end in any case: an answer that breaks off is no answer, whatever its status.
async fn read(mut body: Incoming, wanted: usize) -> Result<Vec<u8>, Reason> {
    let mut kept = Vec::new();
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame?.into_data() {
            let room = wanted - kept.len();
            kept.extend_from_slice(&data[..data.len().min(room)]);
        }
    }
    Ok(kept)
}

fn redirect(response: &Response<Incoming>, url: &Url) -> Option<Url> {
    use StatusCode as S;
    let codes = [
        S::MOVED_PERMANENTLY,
        S::FOUND,
        S::SEE_OTHER,
        S::TEMPORARY_REDIRECT,
        S::PERMANENT_REDIRECT,
    ];
    let location = response.headers().get(LOCATION)?;
    let target = url
        .join(&String::from_utf8_lossy(location.as_bytes()))
        .ok()?;
    codes.contains(&response.status()).then_some(target)
}

fn is_html(headers: &HeaderMap) -> bool {
    let value = headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("");
    let kind = value.split(';').next().unwrap_or("");
    kind.trim().eq_ignore_ascii_case("text/html")
}
