//! The swarm against a plain epoll client, both talking to the same echo server (a process of its own), in
//! interleaved rounds: echoes per second and their latency, as ratios; and what a held connection costs the
//! swarm. `--connections N` and `--messages M` (for each connection and round) set the size.
//!
//! Run by `cargo bench -p gradus --bench swarm`.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use std::time::{Duration, Instant};

use gradus::evidence::writer::Recorder;
use gradus::task::swarm::{Alphabet, Pieces};
use gradus::world::diag::Diag;
use gradus::world::park;
use gradus::world::side::Side;
use gradus::world::swarm::{Queue, Shared, Speech, Swarm};
use rustix::event::epoll;

const ROUNDS: usize = 10;
const BYTES: usize = 100;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.iter().any(|arg| arg == "--serve") {
        return serve();
    }
    let number = |name: &str, otherwise: usize| {
        let at = args.iter().position(|arg| arg == name);
        at.map_or(otherwise, |at| args[at + 1].parse().expect("a number"))
    };
    let connections = number("--connections", 200);
    let messages = number("--messages", 50);
    let local = tokio::task::LocalSet::new();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(park::hook)
        .build()
        .expect("a runtime");
    let run = local.spawn_local(compare(connections, messages));
    local.block_on(&runtime, run).expect("no panic");
}

/// A plain level-triggered echo.
fn serve() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.set_nonblocking(true).expect("non-blocking");
    println!("{}", listener.local_addr().expect("an address"));
    std::io::stdout().flush().expect("the parent reads");
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll");
    let mut clients: HashMap<u64, TcpStream> = HashMap::new();
    let key = |fd: i32| epoll::EventData::new_u64(fd as u64);
    epoll::add(
        &poll,
        &listener,
        key(listener.as_raw_fd()),
        epoll::EventFlags::IN,
    )
    .expect("epoll");
    let mut events = Vec::with_capacity(256);
    let mut buffer = [0; 4096];
    loop {
        events.clear();
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None).expect("epoll");
        for event in &events {
            let fd = event.data.u64();
            if fd == listener.as_raw_fd() as u64 {
                while let Ok((client, _)) = listener.accept() {
                    let _ = client.set_nodelay(true);
                    client.set_nonblocking(true).expect("non-blocking");
                    epoll::add(
                        &poll,
                        &client,
                        key(client.as_raw_fd()),
                        epoll::EventFlags::IN,
                    )
                    .expect("epoll");
                    clients.insert(client.as_raw_fd() as u64, client);
                }
            } else if let Some(client) = clients.get_mut(&fd) {
                match client.read(&mut buffer) {
                    Ok(n) if n > 0 => client.write_all(&buffer[..n]).expect("small messages fit"),
                    _ => drop(clients.remove(&fd)),
                }
            }
        }
    }
}

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start() -> (Server, SocketAddr) {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .arg("--serve")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("a pipe"))
        .read_line(&mut line)
        .expect("its address");
    (Server(child), line.trim().parse().expect("an address"))
}

/// All clients say one message at a time; each round waits for all.
async fn compare(connections: usize, messages: usize) {
    let (_server, target) = start();
    let side = Side::new().expect("a side epoll");
    let shared = Shared {
        recorder: Recorder::new(std::io::sink()),
        side: Rc::clone(&side),
        target,
        diag: Diag::new().ok(),
        all: Default::default(),
        news: Default::default(),
    };
    let swarm = Swarm::new(shared, 1, Vec::new());
    let before = resident_kib();
    let mut queue = Queue {
        group: "a",
        reading: true,
        left: connections as u64,
    };
    while !swarm.advance(&mut queue).expect("sockets") {
        side.drain().await;
        side.wait(Duration::from_millis(1));
    }
    let held = resident_kib().saturating_sub(before);
    let mut plain = Plain::connect(target, connections);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..messages {
            let speech = Speech::Seeded {
                alphabet: Alphabet::Caseless,
                len: BYTES as u64,
            };
            swarm.say("a", &speech, Pieces::Whole);
            while swarm.echoed("a") < connections as u64 {
                side.drain().await;
                if swarm.echoed("a") < connections as u64 {
                    side.wait(Duration::from_millis(1));
                }
            }
        }
        ours.push(start.elapsed());
        let start = Instant::now();
        (0..messages).for_each(|_| plain.round());
        theirs.push(start.elapsed());
    }
    let echoes = (connections * messages) as f64;
    let median = |times: &mut Vec<Duration>| {
        times.sort_unstable();
        times[times.len() / 2].as_secs_f64()
    };
    let (ours, theirs) = (median(&mut ours), median(&mut theirs));
    for (name, time) in [("swarm", ours), ("plain epoll", theirs)] {
        println!(
            "{name:12} {:8.0} echoes/s, {:6.1} µs for each",
            echoes / time,
            time / echoes * 1e6
        );
    }
    println!("the swarm takes {:.2} times as long", ours / theirs);
    println!(
        "{connections} connections held: {held} KiB, {:.1} KiB for each",
        held as f64 / connections as f64
    );
}

/// The same conversation without evidence, comparison or settling.
struct Plain {
    poll: std::os::fd::OwnedFd,
    clients: HashMap<u64, (TcpStream, usize)>,
}

impl Plain {
    fn connect(target: SocketAddr, connections: usize) -> Plain {
        let poll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("epoll");
        let mut clients = HashMap::new();
        for _ in 0..connections {
            let client = TcpStream::connect(target).expect("a connection");
            let _ = client.set_nodelay(true);
            client.set_nonblocking(true).expect("non-blocking");
            let key = client.as_raw_fd() as u64;
            let data = epoll::EventData::new_u64(key);
            epoll::add(&poll, client.as_fd(), data, epoll::EventFlags::IN).expect("epoll");
            clients.insert(key, (client, 0));
        }
        Plain { poll, clients }
    }

    fn round(&mut self) {
        let message = [b'7'; BYTES];
        for (client, got) in self.clients.values_mut() {
            *got = 0;
            client.write_all(&message).expect("small messages fit");
        }
        let mut left = self.clients.len();
        let mut events = Vec::with_capacity(256);
        let mut buffer = [0; 4096];
        while left > 0 {
            events.clear();
            epoll::wait(
                &self.poll,
                rustix::buffer::spare_capacity(&mut events),
                None,
            )
            .expect("epoll");
            for event in &events {
                let Some((client, got)) = self.clients.get_mut(&event.data.u64()) else {
                    continue;
                };
                *got += client.read(&mut buffer).expect("an echo");
                left -= usize::from(*got == BYTES);
            }
        }
    }
}

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}
