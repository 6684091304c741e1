//! Talks to the real program over real sockets.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

struct Server {
    process: Child,
    port: u16,
}

impl Server {
    fn start() -> Self {
        // The kernel names a free port; it is free again when this listener is dropped.
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let process = Command::new(env!("CARGO_BIN_EXE_echo-server"))
            .args(["--port", &port.to_string()])
            .spawn()
            .unwrap();
        Self { process, port }
    }

    fn connect(&self) -> TcpStream {
        for _ in 0..100_000 {
            if let Ok(client) = TcpStream::connect(("127.0.0.1", self.port)) {
                client
                    .set_read_timeout(Some(std::time::Duration::from_secs(20)))
                    .unwrap();
                return client;
            }
            thread::yield_now();
        }
        panic!("the server doesn't listen");
    }

    fn stop_by(mut self, signal: &str) -> Option<i32> {
        let pid = self.process.id().to_string();
        Command::new("kill").args([signal, &pid]).status().unwrap();
        self.process.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn ask(client: &mut TcpStream, line: &str) -> String {
    client.write_all(line.as_bytes()).unwrap();
    let mut answer = String::new();
    BufReader::new(client).read_line(&mut answer).unwrap();
    answer
}

#[test]
fn upper_cases_ascii_and_nothing_else() {
    let server = Server::start();
    assert_eq!(
        ask(&mut server.connect(), "hello, привет\n"),
        "HELLO, привет\n"
    );
}

#[test]
fn an_idle_client_holds_up_nobody() {
    let server = Server::start();
    let (mut first, mut second) = (server.connect(), server.connect());
    assert_eq!(ask(&mut second, "second\n"), "SECOND\n");
    assert_eq!(ask(&mut first, "first\n"), "FIRST\n");
}

#[test]
fn everything_comes_back_after_a_half_close() {
    let server = Server::start();
    let mut client = server.connect();
    let mut sender = client.try_clone().unwrap();
    let message = vec![b'x'; 16 << 20];
    let sending = thread::spawn(move || {
        sender.write_all(&message).unwrap();
        sender.shutdown(Shutdown::Write).unwrap();
    });
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).unwrap();
    sending.join().unwrap();
    assert_eq!(answer.len(), 16 << 20);
    assert!(answer.iter().all(|&byte| byte == b'X'));
}

#[test]
fn signals_end_it_with_clients_connected() {
    for signal in ["-TERM", "-INT"] {
        let server = Server::start();
        let mut client = server.connect();
        assert_eq!(ask(&mut client, "there?\n"), "THERE?\n");
        assert_eq!(server.stop_by(signal), Some(0), "{signal}");
    }
}

#[test]
fn bad_arguments_are_explained() {
    for arguments in [vec!["--port", "many"], vec!["--nonsense"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_echo-server"))
            .args(&arguments)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(!output.stderr.is_empty());
    }
}
