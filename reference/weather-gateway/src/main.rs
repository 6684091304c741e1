//! Asks one HTTP server for the weather in order to answer another HTTP client.
//!
//! `upstream.rs` is the client's side; here is the server's side.

mod upstream;

use std::convert::Infallible;
use std::io::{Error, Result};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket};

use upstream::Upstream;

type Body = http_body_util::Full<Bytes>;

const BACKLOG: u32 = 4096;

struct Arguments {
    port: u16,
    upstream: Upstream,
}

fn main() -> ExitCode {
    let arguments = match parse_arguments() {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("weather-gateway: {error}");
            eprintln!("usage: weather-gateway --upstream http://HOST[:PORT] [--port PORT]");
            return ExitCode::from(2);
        }
    };
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("weather-gateway: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse_arguments() -> std::result::Result<Arguments, lexopt::Error> {
    use lexopt::prelude::*;

    let (mut port, mut upstream) = (15000, None);
    let mut arguments = lexopt::Parser::from_env();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("port") => port = arguments.value()?.parse()?,
            Long("upstream") => upstream = Some(arguments.value()?.parse_with(Upstream::new)?),
            other => return Err(other.unexpected()),
        }
    }
    let upstream = upstream.ok_or("the option --upstream is missing")?;
    Ok(Arguments { port, upstream })
}

#[tokio::main(flavor = "current_thread")]
async fn run(arguments: Arguments) -> Result<()> {
    let upstream = Arc::new(arguments.upstream);
    let listener = listen(arguments.port)?;
    loop {
        let Ok((client, _)) = listener.accept().await else {
            // Out of descriptors, most likely: trying again at once would fail again at once.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let upstream = upstream.clone();
        // Everything that belongs to a request lives in its own call of `respond`. Nothing is
        // shared but the upstream's address, so answers can't be mixed up.
        let service = service_fn(move |request| {
            let upstream = upstream.clone();
            async move { Ok::<_, Infallible>(respond(&request, &upstream).await) }
        });
        tokio::spawn(async move {
            // A client that goes away ends this task, and with it its upstream call.
            http1::Builder::new()
                .serve_connection(TokioIo::new(client), service)
                .await
                .ok();
        });
    }
}

fn listen(port: u16) -> Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    socket
        .bind(address)
        .map_err(|error| Error::new(error.kind(), format!("{address}: {error}")))?;
    socket.listen(BACKLOG)
}

async fn respond(request: &Request<Incoming>, upstream: &Upstream) -> Response<Body> {
    if request.uri().path() != "/weather" {
        return failure(StatusCode::NOT_FOUND, "there is only /weather");
    }
    if request.method() != Method::GET {
        return failure(StatusCode::METHOD_NOT_ALLOWED, "there is only GET");
    }
    let Some(city) = city_of(request.uri().query().unwrap_or_default()) else {
        return failure(StatusCode::BAD_REQUEST, "the parameter city is missing");
    };
    match upstream.weather(&city).await {
        Ok(weather) => {
            let weather = weather.as_deref().unwrap_or("no data");
            response(StatusCode::OK, &json!({ "city": city, "weather": weather }))
        }
        Err(error) => failure(StatusCode::BAD_GATEWAY, &error.to_string()),
    }
}

fn city_of(query: &str) -> Option<String> {
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, value)| name == "city" && !value.is_empty())
        .map(|(_, value)| value.into_owned())
}

fn failure(status: StatusCode, reason: &str) -> Response<Body> {
    response(status, &json!({ "error": reason }))
}

fn response(status: StatusCode, value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_city_from_the_query() {
        assert_eq!(city_of("city=Oslo").as_deref(), Some("Oslo"));
        assert_eq!(city_of("x=1&city=New+York").as_deref(), Some("New York"));
        assert_eq!(
            city_of("city=%C3%96stersund%26").as_deref(),
            Some("Östersund&")
        );
        for missing in ["", "city", "city=", "town=Oslo"] {
            assert_eq!(city_of(missing), None, "{missing}");
        }
    }
}
