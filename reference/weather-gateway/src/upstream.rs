//! The service that knows the weather.

use std::error::Error;
use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST};
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::time::timeout;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Longer than any patient client waits; without it a silent upstream would be held for ever.
const PATIENCE: Duration = Duration::from_secs(30);
const MAX_BODY: usize = 1 << 20;
const KEY: &str = "gradus";

pub struct Upstream {
    authority: String,
    host: String,
    port: u16,
    /// What stands before `/data` in each path; usually nothing.
    prefix: String,
}

impl Upstream {
    pub fn new(url: &str) -> std::result::Result<Self, &'static str> {
        let uri: Uri = url.parse().map_err(|_| "the upstream is no URL")?;
        if uri.scheme_str() != Some("http") {
            return Err("the upstream must start with http://");
        }
        let authority = uri.authority().ok_or("the upstream has no host")?;
        Ok(Self {
            authority: authority.to_string(),
            host: authority.host().trim_matches(['[', ']']).to_owned(),
            port: authority.port_u16().unwrap_or(80),
            prefix: uri.path().trim_end_matches('/').to_owned(),
        })
    }

    /// The weather in a city, `None` if the upstream knows nothing of it.
    pub async fn weather(&self, city: &str) -> Result<Option<String>> {
        let (status, body) = timeout(PATIENCE, self.ask(city)).await??;
        match status {
            StatusCode::NOT_FOUND => Ok(None),
            StatusCode::OK => weather_in(&body),
            other => Err(format!("the upstream answered {other}").into()),
        }
    }

    async fn ask(&self, city: &str) -> Result<(StatusCode, Bytes)> {
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("q", city)
            .append_pair("APPID", KEY)
            .finish();
        let request = Request::get(format!("{}/data/2.5/weather?{query}", self.prefix))
            .header(HOST, &self.authority)
            .header(CONNECTION, "close")
            .body(Empty::<Bytes>::new())?;

        // A connection for each call: no call waits for another one's answer.
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_BODY)
                .collect()
                .await?;
            Ok((status, body.to_bytes()))
        };
        // The connection moves the bytes, the exchange gives them a meaning. Both go on here
        // rather than in a task of their own, so that nothing outlives this call.
        tokio::pin!(exchange);
        tokio::select! {
            result = &mut exchange => result,
            _ = connection => exchange.await,
        }
    }
}

/// `weather[0].main` of a JSON object.
fn weather_in(body: &[u8]) -> Result<Option<String>> {
    let answer: Value = serde_json::from_slice(body)?;
    if !answer.is_object() {
        return Err("the upstream's answer is no object".into());
    }
    Ok(answer["weather"][0]["main"].as_str().map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use wiremock::matchers::{method, path, query_param};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    async fn answering(city: &str, answer: ResponseTemplate) -> (MockServer, Upstream) {
        let server = MockServer::start().await;
        Mock::given(method("GET"))
            .and(path("/data/2.5/weather"))
            .and(query_param("q", city))
            .respond_with(answer)
            .expect(1)
            .mount(&server)
            .await;
        let upstream = Upstream::new(&server.uri()).unwrap();
        (server, upstream)
    }

    #[tokio::test]
    async fn passes_odd_names_on_unharmed() {
        for city in ["Oslo", "New York", "St. John's", "Ñuñoa & Co=?#%", "東京"] {
            let answer =
                ResponseTemplate::new(200).set_body_string(r#"{"weather":[{"main":"Rain"}]}"#);
            let (_server, upstream) = answering(city, answer).await;
            assert_eq!(
                upstream.weather(city).await.unwrap().as_deref(),
                Some("Rain"),
                "{city}"
            );
        }
    }

    #[tokio::test]
    async fn tells_no_data_from_a_failure() {
        for (status, body, failed) in [
            (404, r#"{"cod":"404"}"#, false),
            (200, "{}", false),
            (200, r#"{"weather":[]}"#, false),
            (200, "[]", true),
            (200, r#"{"weather":"#, true),
            (500, "{}", true),
            (204, "", true),
        ] {
            let answer = ResponseTemplate::new(status).set_body_string(body);
            let (_server, upstream) = answering("Oslo", answer).await;
            match upstream.weather("Oslo").await {
                Ok(weather) => assert!(!failed && weather.is_none(), "{status} {body}"),
                Err(error) => assert!(failed, "{status} {body}: {error}"),
            }
        }
    }

    #[tokio::test]
    async fn nobody_at_home_is_a_failure() {
        let upstream = Upstream::new("http://127.0.0.1:1").unwrap();
        assert!(upstream.weather("Oslo").await.is_err());
    }

    #[test]
    fn only_http_urls_are_upstreams() {
        for url in ["", "nowhere", "https://a.test", "127.0.0.1:80"] {
            assert!(Upstream::new(url).is_err(), "{url}");
        }
    }
}
