//! Runs the program against a mock service, and against one that holds its answers.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Output, Stdio};

use tokio::process::Command;
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_weather-fanout"));
    command
        .args(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn text(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    std::str::from_utf8(&output.stdout).unwrap()
}

#[tokio::test]
async fn names_and_failures() {
    let server = MockServer::start().await;
    let answers = [
        (
            "São Paulo",
            ResponseTemplate::new(200).set_body_string(r#"{"weather":[{"main":"Rain"}]}"#),
        ),
        (
            "A&B",
            ResponseTemplate::new(200).set_body_string(r#"{"weather":[{"main":"Fog"}]}"#),
        ),
        (
            "empty",
            ResponseTemplate::new(200).set_body_string(r#"{"weather":[]}"#),
        ),
        ("junk", ResponseTemplate::new(200).set_body_string("{")),
        ("broken", ResponseTemplate::new(500)),
    ];
    for (city, answer) in answers {
        Mock::given(method("GET"))
            .and(path("/data/2.5/weather"))
            .and(query_param("q", city))
            .respond_with(answer)
            .expect(1)
            .mount(&server)
            .await;
    }
    let uri = server.uri();
    let output = program(&[
        "--upstream",
        &uri,
        "São Paulo",
        "empty",
        "junk",
        "broken",
        "nowhere",
        "A&B",
    ])
    .output()
    .await
    .unwrap();
    assert_eq!(
        text(&output),
        "São Paulo: Rain\nempty: no data\njunk: no data\nbroken: no data\nnowhere: no data\nA&B: Fog\n"
    );
}

#[tokio::test]
async fn all_are_asked_before_any_answers_and_order_is_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = format!("http://{}", listener.local_addr().unwrap());
    let running = program(&["--upstream", &upstream, "a", "b", "c"])
        .spawn()
        .unwrap();

    let mut held: Vec<(String, TcpStream)> = (0..3)
        .map(|_| {
            let (stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            lines.find(|line| line.as_ref().unwrap().is_empty());
            (first, stream)
        })
        .collect();
    held.sort_by(|one, other| other.0.cmp(&one.0));
    for (request, mut stream) in held {
        let city = request.split(['=', '&']).nth(1).unwrap();
        let body = format!(r#"{{"weather":[{{"main":"W{city}"}}]}}"#);
        let length = body.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
    }
    let output = running.wait_with_output().await.unwrap();
    assert_eq!(text(&output), "a: Wa\nb: Wb\nc: Wc\n");
}

#[tokio::test]
async fn bad_arguments_are_refused() {
    for arguments in [
        &["x"][..],
        &["--upstream", "http://127.0.0.1:1"],
        &["--upstream", "nonsense", "x"],
    ] {
        let output = program(arguments).output().await.unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(!output.stderr.is_empty());
    }
}
