//! The weather service.

use std::error::Error;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::header::HOST;
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

const APPID: &str = "demo";
const MAX_BODY: usize = 1024 * 1024;

pub struct Upstream {
    host: String,
    port: u16,
    authority: String,
    base: String,
}

impl Upstream {
    pub fn at(url: &str) -> Result<Upstream, String> {
        let uri: Uri = url.parse().map_err(|error| format!("{url:?}: {error}"))?;
        let (Some("http"), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(format!("{url:?} is not an http:// URL"));
        };
        Ok(Upstream {
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(80),
            authority: authority.to_string(),
            base: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// What the service says about a city; an error is anything but an answer that says it.
    pub async fn weather(&self, city: &[u8]) -> Result<String, Box<dyn Error + Send + Sync>> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        // It moves the bytes; what goes wrong with it is also told to the sender.
        tokio::spawn(connection);

        let request = Request::get(self.target(city))
            .header(HOST, &self.authority)
            .body(Empty::<Bytes>::new())?;
        let response = sender.send_request(request).await?;
        if response.status() != StatusCode::OK {
            return Err(format!("the answer is {}", response.status()).into());
        }
        let body = Limited::new(response.into_body(), MAX_BODY)
            .collect()
            .await?;
        let answer: Value = serde_json::from_slice(&body.to_bytes())?;
        match answer.pointer("/weather/0/main") {
            Some(Value::String(weather)) => Ok(weather.clone()),
            _ => Err("the answer names no weather".into()),
        }
    }

    fn target(&self, city: &[u8]) -> String {
        let city = percent_encoded(city);
        format!("{}/data/2.5/weather?q={city}&APPID={APPID}", self.base)
    }
}

/// Leaves what is harmless everywhere in a URL and escapes every other byte.
fn percent_encoded(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                text.push(*byte as char);
            }
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_a_url_is_escaped() {
        assert_eq!(percent_encoded(b"St. John's"), "St.%20John%27s");
        assert_eq!(percent_encoded("Köln".as_bytes()), "K%C3%B6ln");
        assert_eq!(percent_encoded(b"a&b=c+d%#?/"), "a%26b%3Dc%2Bd%25%23%3F%2F");
    }

    #[test]
    fn an_upstream_may_have_a_path() {
        let upstream = Upstream::at("http://localhost:8080/api/").unwrap();
        assert_eq!((upstream.host.as_str(), upstream.port), ("localhost", 8080));
        assert_eq!(
            upstream.target(b"x"),
            "/api/data/2.5/weather?q=x&APPID=demo"
        );
        assert_eq!(Upstream::at("http://[::1]").unwrap().host, "::1");
        for bad in ["", "nonsense", "https://localhost/", "/path", "http://"] {
            assert!(Upstream::at(bad).is_err(), "{bad}");
        }
    }
}
