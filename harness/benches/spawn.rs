//! What a sealed run of `/bin/true` costs, from the start of a process to the end of everything, side
//! by side with a plain start and with `bwrap --unshare-all` where that is installed.
//!
//! Whole processes are measured, in turn, so that a noisy neighbour meets all of them alike. The
//! medians' ratios are the result; `GRADUS_BENCH_ROUNDS` sets the number of rounds (200).

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use gradus::arena::toolchain::{Toolchains, Wish};
use gradus::arena::{Config, Launch, Status, seal, spawn, user};
use gradus::evidence::Tier;

const ORDER: &str = "GRADUS_BENCH_ARENA";
const PROGRAM: &str = "/bin/true";

fn main() {
    if let Ok(order) = std::env::var(ORDER) {
        return arena(&serde_json::from_str(&order).expect("an order"));
    }
    let rounds = std::env::var("GRADUS_BENCH_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let mut ways = vec![Way::plain()];
    ways.extend([Tier::Portable, Tier::Reduced, Tier::Full].map(Way::arena));
    ways.extend(Way::bwrap());
    for way in &ways {
        // Once for the caches.
        way.run();
    }
    for _ in 0..rounds {
        for way in &mut ways {
            let took = way.run();
            way.took.push(took);
        }
    }
    let base = ways.last().map_or(Duration::ZERO, Way::median);
    let against = ways.last().map_or("", |way| way.name.as_str()).to_owned();
    println!("{:<24} {:>10} {:>10}   against {against}", PROGRAM, "median", "minimum");
    for way in &ways {
        let (median, minimum) = (way.median(), way.took.iter().min().copied().unwrap_or_default());
        let ratio = median.as_secs_f64() / base.as_secs_f64();
        println!("{:<24} {:>7.2} ms {:>7.2} ms   {ratio:.2}", way.name, millis(median), millis(minimum));
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

struct Way {
    name: String,
    program: String,
    arguments: Vec<String>,
    /// The run's folder, made anew for each.
    tier: Option<Tier>,
    took: Vec<Duration>,
}

impl Way {
    fn new(name: &str, words: &[&str]) -> Way {
        let mut words = words.iter().map(|word| (*word).to_owned());
        let program = words.next().unwrap_or_default();
        Way { name: name.to_owned(), program, arguments: words.collect(), tier: None, took: Vec::new() }
    }

    fn plain() -> Way {
        Way::new("plain", &[PROGRAM])
    }

    fn arena(tier: Tier) -> Way {
        let exe = std::env::current_exe().expect("this program");
        let name = format!("arena, {tier:?}").to_lowercase();
        Way { tier: Some(tier), ..Way::new(&name, &[&exe.to_string_lossy()]) }
    }

    fn bwrap() -> Option<Way> {
        let line = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--tmpfs", "/tmp", "--proc", "/proc", "--dev", "/dev", PROGRAM];
        let works = Command::new(line[0]).args(&line[1..]).stderr(Stdio::null()).status();
        works.is_ok_and(|status| status.success()).then(|| Way::new("bwrap --unshare-all", &line))
    }

    fn run(&self) -> Duration {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments);
        let dir = tempfile::tempdir().expect("a folder");
        if let Some(tier) = self.tier {
            let order = serde_json::to_string(&config(tier, dir.path())).expect("an order");
            command.env(ORDER, order);
        }
        let start = Instant::now();
        let status = command.status().expect("a start");
        let took = start.elapsed();
        assert!(status.success(), "{}: {status}", self.name);
        took
    }

    fn median(&self) -> Duration {
        let mut sorted = self.took.clone();
        sorted.sort();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }
}

fn config(tier: Tier, dir: &Path) -> Config {
    let (work, user) = (dir.join("work"), user::for_next_run());
    std::fs::create_dir(&work).expect("a folder");
    let env = |name: &str| std::env::var(name).ok();
    let toolchains = Toolchains::find(&Wish { env: &env, command: None, expose: &[], hidden: &[] });
    let (dir, hosts) = (dir.to_owned(), vec![("alpha.test".to_owned(), [127, 0, 0, 2].into())]);
    Config { tier, dir, work, input: None, user, hosts, toolchains, tmp_mib: 64, groups: Vec::new(), env: [].into() }
}

/// The other process: one arena, from its making to its end.
fn arena(config: &Config) {
    let sealed = seal(config).expect("an arena");
    let launch = Launch { argv: vec![PROGRAM.to_owned()], ..Launch::default() };
    let mut program = spawn(&sealed, &launch).expect("a program");
    loop {
        match program.next_status().expect("init's word") {
            Some(Status::Exited { .. }) => break,
            Some(Status::Orphan { .. }) => {}
            None => {
                let mut one = [rustix::event::PollFd::new(&program.status, rustix::event::PollFlags::IN)];
                rustix::event::poll(&mut one, None).expect("a wait");
            }
        }
    }
    program.kill().expect("an end");
}
