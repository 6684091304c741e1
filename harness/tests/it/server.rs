//! Servers from end to end: an echo, and a server that speaks in lines. The servers are Python's; where
//! there is none, there is nothing to test.

use std::process::{Command, Stdio};

use super::place::Place;

const SERVED: &str = "\
schema: 1
task: served
title: { en: A tiny server, ru: Крошечный сервер }
teaches: { en: How to serve. }
kind: server
run: [served]
placeholders: [host, port]
limits: { wall_s: 30, idle_s: 10 }
scenarios:
  - scenario: echo
    title: { en: Echo }
    world: { swarm: {} }
    script:
      - listen
      - connect: { group: idle }
      - settle
      - connect: { group: other }
      - send: { group: other, size: 1000 }
      - until: { echoed: { group: other } }
    checks:
      - check: echoes
        title: { en: Echoes beside an idle client }
        rule: { echoes: { group: other } }
        points: 2
  - scenario: lines
    title: { en: Lines }
    world: { swarm: {} }
    script:
      - listen
      - connect: { group: one }
      - ask: { group: one, lines: [one, '{n}'] }
      - until: { replied: { group: one } }
    checks:
      - check: replies
        title: { en: Answers each line }
        rule: { replies: { group: one, lines: [one, '*'] } }
        points: 1
";

/// Echoes to each client by a thread, or to one client after the other.
const SERVER: &str = "\
exec python3 -c '
import socket, sys, threading
listener = socket.create_server((\"127.0.0.1\", int(sys.argv[1])))
def echo(client):
    while data := client.recv(4096):
        client.sendall(data)
    client.close()
while True:
    client, _ = listener.accept()
    SERVE
' \"$PORT\"
";

fn place() -> Option<Place> {
    let python = Command::new("python3")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !python.is_ok_and(|status| status.success()) {
        return None;
    }
    let place = Place::new();
    place.write("tasks/served/task.yaml", SERVED);
    place.write("tasks/served/statement.md", "# Served\n\nServe.\n");
    let threads = "threading.Thread(target=echo, args=(client,), daemon=True).start()";
    for (name, serve) in [("threads", threads), ("in-turn", "echo(client)")] {
        let script = SERVER.replace("SERVE", serve).replace("$PORT", "$1");
        place.script(name, &script);
        place.write(
            &format!("{name}/submission.yaml"),
            "run: [./run, '{port}']\n",
        );
    }
    Some(place)
}

#[test]
fn a_server_of_threads_passes_and_one_that_serves_in_turn_loses_its_second_client() {
    let Some(place) = place() else { return };
    place.gradus(&["grade", "served", "threads", "-q"]).code(0);
    let said = place
        .gradus(&["grade", "served", "in-turn", "-q", "--format", "json"])
        .code(1);
    for code in ["echo.missing", "reply.right"] {
        assert!(said.out.contains(code), "{code}: {said:#?}");
    }
}
