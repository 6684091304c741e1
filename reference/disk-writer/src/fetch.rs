//! One GET request on a connection of its own.

use std::pin::pin;

use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST};
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use crate::Failure;

/// The largest piece of a body that is handed on at once.
const CHUNK: usize = 64 * 1024;

/// Sends the request and lets `use_answer` read the answer. The connection is closed when this
/// returns, so that there are never more sockets than requests.
pub async fn get<T>(
    url: &str,
    use_answer: impl AsyncFnOnce(Response<Incoming>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let uri: Uri = url.parse()?;
    if uri.scheme_str() != Some("http") {
        return Err("not an http:// URL".into());
    }
    let host = uri.host().ok_or("no host in the URL")?;
    let port = match uri.port_u16() {
        Some(port) => port,
        None if uri
            .authority()
            .is_some_and(|all| all.as_str().ends_with(host)) =>
        {
            80
        }
        None => return Err("not a port number".into()),
    };
    let address = format!("{host}:{port}");
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let request = Request::get(path)
        .header(HOST, &address)
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())?;

    let stream = TokioIo::new(TcpStream::connect(&address).await?);
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(CHUNK)
        .handshake(stream)
        .await?;
    // The connection moves the bytes that the exchange asks for, so both have to run. They end
    // together, and the socket with them.
    let mut exchange = pin!(async { use_answer(sender.send_request(request).await?).await });
    tokio::select! {
        outcome = &mut exchange => outcome,
        _ = connection => exchange.await,
    }
}

/// Passes the body on, piece by piece. A full channel makes this wait, and with it the server.
pub async fn pass_on(
    answer: Response<Incoming>,
    chunks: mpsc::Sender<Bytes>,
) -> Result<(), Failure> {
    let mut body = answer.into_body();
    while let Some(frame) = body.frame().await {
        if let Ok(chunk) = frame?.into_data() {
            chunks.send(chunk).await?; // fails if the disk has given up
        }
    }
    Ok(())
}
