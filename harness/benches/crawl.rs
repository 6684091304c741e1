//! The reference crawler on a site of 10,000 pages: pages per second, and the origin's share of the processor
//! time that both use. The origin is a process of its own, with evidence on. `--pages N` sets the number.
//!
//! Run by `cargo bench -p gradus --bench crawl`.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gradus::evidence::Tier;
use gradus::evidence::writer::Recorder;
use gradus::plan::{Plan, site};
use gradus::task::world::World;
use gradus::task::{Kind, Limits};
use gradus::world::diag::Diag;
use gradus::world::ledger::Ledger;
use gradus::world::origin::Origin;
use gradus::world::park;
use gradus::world::side::Side;
use rustix::process::{Resource, getrlimit};

const LIMITS: [&str; 2] = ["8", "64"];
const ROUNDS: usize = 3;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let after = |flag: &str| {
        let at = args.iter().position(|arg| arg == flag)?;
        args.get(at + 1)
    };
    match after("--serve") {
        Some(pages) => serve(pages.parse().expect("a number")),
        None => crawl(after("--pages").map_or("10000", String::as_str)),
    }
}

/// Serves a site until standard input ends, then says how much processor time that took.
fn serve(pages: u64) {
    let world: World = serde_json::from_value(serde_json::json!({
        "site": {"pages": pages, "shape": {"list": 25}, "size": "24KiB..40KiB"},
    }))
    .expect("a world");
    let wanted = world.site.as_ref().expect("a site");
    let (graph, items) = site::plan(wanted, &Default::default(), 1).expect("a graph");
    let plan = Plan {
        task: "bench".into(),
        kind: Kind::Client,
        scenario: "bench".into(),
        set: 0,
        params: Default::default(),
        seed: 1,
        command: Vec::new(),
        world,
        items,
        commands: Vec::new(),
        site: Some(graph),
        upstream: None,
        peers: Vec::new(),
        script: Vec::new(),
        limits: Limits::default(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(park::hook)
        .build()
        .expect("a runtime");
    std::thread::spawn(|| {
        let mut line = String::new();
        let _ = std::io::stdin().read_line(&mut line);
        println!("{}", own_time().as_micros());
        std::process::exit(0);
    });
    tokio::task::LocalSet::new().block_on(&runtime, async {
        let recorder = Recorder::new(tempfile::tempfile().expect("a file"));
        let side = Side::new().expect("an epoll");
        let ledger = Ledger::new(recorder, 1);
        let (origin, _) = Origin::bind(&plan, Tier::Reduced).expect("a port");
        println!("{}", origin.url(&plan.items[0]));
        std::io::stdout().flush().expect("the parent reads");
        let _serving = origin
            .serve(&side, &ledger, Diag::new().ok())
            .expect("it serves");
        std::future::pending::<()>().await;
    });
}

fn crawl(pages: &str) {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".into());
    let built = Command::new(cargo)
        .args(["build", "--release", "-q", "-p", "reference-crawler"])
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the reference can't be built");
    let me = std::env::current_exe().expect("our own path");
    let crawler = me
        .ancestors()
        .map(|folder| folder.join("crawler"))
        .find(|file| file.is_file())
        .expect("the reference beside us");
    let open = getrlimit(Resource::Nofile).current;
    println!("{pages} pages, {ROUNDS} rounds, {open:?} descriptors");
    for limit in LIMITS {
        for _ in 0..ROUNDS {
            let mut origin = Command::new(&me)
                .args(["--serve", pages])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("an origin");
            let mut said = BufReader::new(origin.stdout.take().expect("its output"));
            let mut url = String::new();
            said.read_line(&mut url).expect("its address");
            let (begin, spent) = (Instant::now(), children_time());
            let seen = Command::new(&crawler)
                .args(["-c", limit, url.trim()])
                .output()
                .expect("the crawler runs");
            let (took, theirs) = (begin.elapsed(), children_time() - spent);
            assert!(seen.status.success(), "the crawler failed");
            let visited = seen.stdout.iter().filter(|b| **b == b'\n').count();
            drop(origin.stdin.take());
            let mut ours = String::new();
            said.read_line(&mut ours).expect("its time");
            origin.wait().expect("it ends");
            let ours = Duration::from_micros(ours.trim().parse().expect("a number"));
            let share = ours.as_secs_f64() / (ours + theirs).as_secs_f64();
            println!(
                "-c {limit:3} {visited} pages in {took:.2?}: {:6.0} a second; processor: origin {ours:.2?}, crawler {theirs:.2?}, origin's share {:.0} %",
                visited as f64 / took.as_secs_f64(),
                100.0 * share,
            );
        }
    }
}

fn own_time() -> Duration {
    time(libc::RUSAGE_SELF)
}

/// Of children that have ended and were waited for.
fn children_time() -> Duration {
    time(libc::RUSAGE_CHILDREN)
}

fn time(whose: i32) -> Duration {
    // SAFETY: a structure of numbers, for which zeros are a value.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a structure of the right type that lives across the call.
    unsafe { libc::getrusage(whose, &mut usage) };
    let of = |t: libc::timeval| {
        Duration::from_secs(t.tv_sec as u64) + Duration::from_micros(t.tv_usec as u64)
    };
    of(usage.ru_utime) + of(usage.ru_stime)
}
