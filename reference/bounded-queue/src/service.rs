//! The service that hands out jobs and has them done.

use std::error::Error;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

const MAX_BODY: usize = 64 * 1024;

pub type Failure = Box<dyn Error + Send + Sync>;

pub struct Service {
    host: String,
    port: u16,
    authority: String,
    base: String,
}

impl Service {
    pub fn at(url: &str) -> Result<Service, String> {
        let uri: Uri = url.parse().map_err(|error| format!("{url:?}: {error}"))?;
        let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(format!("{url:?} is not an http:// URL"));
        };
        Ok(Service {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authority: authority.to_string(),
            base: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// Takes a job; `None` when there are no more.
    pub async fn next_job(&self) -> Result<Option<String>, Failure> {
        match self.ask(Method::GET, "/next").await? {
            (StatusCode::NO_CONTENT, _) => Ok(None),
            (StatusCode::OK, body) => Ok(Some(std::str::from_utf8(&body)?.trim().to_owned())),
            (status, _) => Err(format!("no next job: {status}").into()),
        }
    }

    /// Does a job.
    pub async fn work(&self, id: &str) -> Result<(), Failure> {
        match self.ask(Method::POST, &format!("/work/{id}")).await? {
            (status, _) if status.is_success() => Ok(()),
            (status, _) => Err(status.to_string().into()),
        }
    }

    async fn ask(&self, method: Method, path: &str) -> Result<(StatusCode, Bytes), Failure> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // It moves the bytes; what goes wrong with it is also told to the sender.
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(HOST, &self.authority)
            .body(Empty::<Bytes>::new())?;
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MAX_BODY)
            .collect()
            .await?;
        Ok((status, body.to_bytes()))
    }
}
