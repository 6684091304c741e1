//! The arena process: one run from its job to its last event, in one thread with one event loop.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io::{self, BufRead, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};

use super::disk::{Disk, Policy, Shelf};
use super::handle::Job;
use super::look::Looker;
use super::script::ScriptError;
use super::stage::Stage;
use super::streams::Output;
use super::{Gate, Launch, Program, Sealed, SpawnError, watchdog};
use crate::evidence::writer::Recorder;
use crate::evidence::{Event, FORMAT, Header, Stream, Tier};
use crate::plan::Plan;
use crate::submission::argv;
use crate::world::diag::Diag;
use crate::world::ledger::Ledger;
use crate::world::origin::{Origin, OriginError, Serving};
use crate::world::park;
use crate::world::side::Side;
use crate::world::swarm::{Message, Shared, Swarm};

/// The output folder's name in the work folder.
const OUT: &str = "out";
/// Processors of a submission whose calls are held.
const GATED_CPUS: u32 = 2;

/// Why a run could not be carried out: printed on standard error, and the arena's status is 1. A
/// submission that can't be started is no such error but an event.
#[derive(Debug, thiserror::Error)]
pub enum ArenaError {
    #[error("no job: {0}")]
    Job(#[source] io::Error),
    #[error("the arena can't be sealed: {0}")]
    Seal(#[from] super::SealError),
    #[error("the world can't be made: {0}")]
    World(#[source] io::Error),
    #[error("the world can't be made: {0}")]
    Origin(#[source] OriginError),
    #[error("the submission can't be started for a reason of the host: {0}")]
    Spawn(#[source] SpawnError),
    #[error("the submission can't be watched: {0}")]
    Watch(#[source] io::Error),
    #[error(transparent)]
    Script(#[from] super::script::ScriptError),
    #[error("evidence can't be handed on: {0}")]
    Evidence(#[source] io::Error),
}

/// Main of the arena process. Call it with one thread and before any runtime.
///
/// # Errors
/// See [`ArenaError`].
pub fn main() -> Result<(), ArenaError> {
    let job = read_job().map_err(ArenaError::Job)?;
    let host = Host::open(&job).map_err(ArenaError::World)?;
    allow_descriptors();
    let sealed = super::seal(&job.config)?;
    let side = Side::new().map_err(ArenaError::World)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .on_thread_park(park::hook)
        .build()
        .map_err(ArenaError::World)?;
    let local = tokio::task::LocalSet::new();
    // Settling awaits a drained runtime, which works from a task only, not from the root future.
    let run = local.spawn_local(run(job, host, sealed, side));
    match local.block_on(&runtime, run) {
        Ok(done) => done,
        Err(panic) => Err(ArenaError::World(io::Error::other(panic))),
    }
}

/// Each client of a swarm is a descriptor of ours. Staying with fewer shows where they are needed.
fn allow_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let most = getrlimit(Resource::Nofile).maximum;
    let _ = setrlimit(
        Resource::Nofile,
        Rlimit {
            current: most,
            maximum: most,
        },
    );
}

/// The job is one line; standard input stays open as the lifeline. Read byte by byte, so that nothing
/// of what may follow is swallowed.
fn read_job() -> io::Result<Job> {
    let mut line = Vec::new();
    io::BufReader::with_capacity(64 << 10, io::stdin().lock()).read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice(&line)?)
}

/// Descriptors of the host, opened before the arena is sealed off from it.
struct Host {
    proc: OwnedFd,
    input: Option<OwnedFd>,
}

impl Host {
    fn open(job: &Job) -> io::Result<Host> {
        let folder = |path: &Path| {
            rustix::fs::open(
                path,
                OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
                Mode::empty(),
            )
        };
        let input = job.config.input.as_deref().map(folder).transpose()?;
        Ok(Host {
            proc: folder(Path::new("/proc"))?,
            input,
        })
    }

    fn write_input(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let Some(folder) = &self.input else {
            return Err(io::Error::other("the run has no input folder"));
        };
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(0o644))?;
        std::fs::File::from(file).write_all(bytes)
    }
}

async fn run(job: Job, host: Host, sealed: Sealed, side: Rc<Side>) -> Result<(), ArenaError> {
    let recorder = Recorder::new(io::stdout());
    let plan = job.plan.clone();
    recorder.record(Event::Run(Box::new(Header {
        format: FORMAT,
        gradus: env!("CARGO_PKG_VERSION").to_owned(),
        tier: job.config.tier,
        plan: plan.clone(),
        facilities: sealed
            .facilities
            .iter()
            .chain(&job.facilities)
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect(),
    })));
    let ledger = Ledger::new(recorder.clone(), plan.seed);
    let mut serving = None;
    let mut urls = Vec::new();
    let mut values: BTreeMap<String, Vec<String>> = BTreeMap::new();
    if plan.world.has_pages() {
        let (origin, hosts) = Origin::bind(&plan, job.config.tier).map_err(ArenaError::Origin)?;
        recorder.record(Event::World { hosts });
        if plan.site.is_some() {
            // Of a site the program is told the start, and nothing else.
            values.insert(
                "url".into(),
                plan.items
                    .first()
                    .map(|start| origin.url(start))
                    .into_iter()
                    .collect(),
            );
        } else {
            host.write_input("urls.txt", &origin.urls_file())
                .map_err(ArenaError::World)?;
            if let Some(input) = &sealed.paths.input {
                values.insert(
                    "urls".into(),
                    vec![input.join("urls.txt").display().to_string()],
                );
            }
        }
        if plan.world.swarm.is_some() {
            urls = plan.items.iter().map(|item| origin.url(item)).collect();
        }
        let diag = Diag::new().ok();
        serving = Some(
            origin
                .serve(&side, &ledger, diag)
                .map_err(ArenaError::World)?,
        );
    }
    let mut swarm = plan.world.swarm.as_ref().map(|swarm| {
        let port = job.port.unwrap_or(swarm.port);
        values.insert("host".into(), vec![Ipv4Addr::LOCALHOST.to_string()]);
        values.insert("port".into(), vec![port.to_string()]);
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let shared = Shared {
            recorder: recorder.clone(),
            side: side.clone(),
            target,
            diag: Diag::new().ok(),
            all: Default::default(),
            news: Default::default(),
        };
        recorder.record(Event::Target { addr: target });
        Swarm::new(shared, plan.seed, urls)
    });
    let mut peer = None;
    if let Some(wanted) = &plan.world.peer {
        let (listener, addr) = super::peer::listen().map_err(ArenaError::World)?;
        let bytes = plan.amount(&wanted.file).map_err(ScriptError::Amount)?;
        host.write_input("file.bin", &super::peer::file_bytes(&plan, bytes))
            .map_err(ArenaError::World)?;
        if let Some(input) = &sealed.paths.input {
            let path = input.join("file.bin").display().to_string();
            values.insert("file".into(), vec![path]);
        }
        values.insert("host".into(), vec![addr.ip().to_string()]);
        values.insert("port".into(), vec![addr.port().to_string()]);
        let shared = Shared {
            recorder: recorder.clone(),
            side: side.clone(),
            target: addr,
            diag: Diag::new().ok(),
            all: Default::default(),
            news: Default::default(),
        };
        swarm = Some(Swarm::new(shared, plan.seed, Vec::new()));
        let expected = super::peer::expected(&plan).map_err(ScriptError::Amount)?;
        peer = Some((listener, expected));
    }
    let shelf = match &plan.world.disk {
        Some(disk) => {
            values.insert(
                "out".into(),
                vec![sealed.paths.work.join(OUT).display().to_string()],
            );
            let shelf = Shelf::new(sealed.work.try_clone().map_err(ArenaError::World)?, OUT);
            shelf.mentions(&disk.loads, &recorder);
            Some(shelf)
        }
        None => None,
    };
    // A parameter of the scenario overrides what the world would give: how bad arguments are made.
    for (name, value) in &plan.params {
        values.insert(name.clone(), vec![value.to_string()]);
    }
    let arguments = argv(&job.run, plan.command.get(1..).unwrap_or_default(), &values);
    match launch(&job, &sealed, arguments.clone()) {
        Ok(mut program) => {
            recorder.record(Event::Started { argv: arguments });
            let disk = disk(&job, &host, &sealed, &mut program, &recorder, &side)?;
            let world = World {
                recorder: recorder.clone(),
                ledger,
                serving,
                swarm,
                peer,
                disk,
                shelf,
                side,
            };
            perform(job, host, world, program).await?;
        }
        Err(error) if error.is_submission() => {
            recorder.record(Event::NotStarted {
                why: error.to_string(),
            });
        }
        Err(error) => return Err(ArenaError::Spawn(error)),
    }
    recorder.record(Event::End);
    recorder.flush().map_err(ArenaError::Evidence)
}

fn launch(job: &Job, sealed: &Sealed, argv: Vec<String>) -> Result<Program, SpawnError> {
    let gate = gate(&job.plan);
    let mut limits = super::Limits::from(&job.plan.limits);
    if gate != Gate::Open {
        // With more, a runtime's spare thread may take over from one that is stuck: the same verdict everywhere.
        limits.cpus = Some(GATED_CPUS);
    }
    super::spawn(
        sealed,
        &Launch {
            argv,
            limits,
            gate,
            ..Launch::default()
        },
    )
}

/// Which calls of the submission the scenario needs to see.
fn gate(plan: &Plan) -> Gate {
    match &plan.world.disk {
        Some(disk) if !disk.loads.is_empty() => Gate::Loads,
        Some(disk) if disk.hold.is_some() || disk.fail.is_some() => Gate::Files,
        _ => Gate::Open,
    }
}

/// The gate before the submission's files, where the scenario has one and the host gives it.
fn disk(
    job: &Job,
    host: &Host,
    sealed: &Sealed,
    program: &mut Program,
    recorder: &Rc<Recorder>,
    side: &Rc<Side>,
) -> Result<Option<Rc<Disk>>, ArenaError> {
    let (Some(plan), Some(notify)) = (&job.plan.world.disk, program.notify.take()) else {
        return Ok(None);
    };
    let policy = Policy::new(plan, &job.plan).map_err(ScriptError::Amount)?;
    // As the kernel tells it: without links on the way, where the folder is the host's own.
    let work = match job.config.tier {
        Tier::Full => sealed.paths.work.clone(),
        _ => sealed
            .paths
            .work
            .canonicalize()
            .map_err(ArenaError::Watch)?,
    };
    let proc = host.proc.try_clone().map_err(ArenaError::Watch)?;
    let disk = Disk::new(
        notify,
        proc,
        work.join(OUT),
        policy,
        recorder.clone(),
        side.clone(),
    );
    let disk = disk.map_err(ArenaError::Watch)?;
    tokio::task::spawn_local(disk.clone().pump());
    Ok(Some(disk))
}

/// What the submission meets.
struct World {
    recorder: Rc<Recorder>,
    ledger: Rc<Ledger>,
    serving: Option<Serving>,
    swarm: Option<Swarm>,
    peer: Option<(OwnedFd, Vec<Message>)>,
    disk: Option<Rc<Disk>>,
    shelf: Option<Shelf>,
    side: Rc<Side>,
}

async fn perform(
    job: Job,
    host: Host,
    World {
        recorder,
        ledger,
        serving,
        swarm,
        peer,
        disk,
        shelf,
        side,
    }: World,
    mut program: Program,
) -> Result<(), ArenaError> {
    let bound = job.plan.limits.output_bytes;
    let output = |stream, fd| {
        Output::new(stream, fd, bound, recorder.clone(), side.clone()).map_err(ArenaError::Watch)
    };
    let copy = |fd: &OwnedFd| fd.try_clone().map_err(ArenaError::Watch);
    let out = output(Stream::Out, copy(&program.stdout)?)?;
    let err = output(Stream::Err, copy(&program.stderr)?)?;
    // Nothing is said to it: its standard input is at its end from the start.
    drop(program.stdin.take());
    tokio::task::spawn_local(out.clone().pump());
    tokio::task::spawn_local(err.clone().pump());
    let looker =
        (job.config.tier > Tier::Portable).then(|| Looker::new(host.proc, program.init_pid as u32));
    let stage = Rc::new(Stage {
        deadline: Instant::now() + Duration::from_secs(job.plan.limits.wall_s),
        plan: job.plan,
        recorder,
        ledger,
        serving,
        swarm,
        disk,
        shelf,
        side,
        program: RefCell::new(program),
        out,
        err,
        looker: RefCell::new(looker),
        exited: Cell::new(false),
        left: Cell::new(0),
        own: RefCell::default(),
    });
    watchdog::watch_lifeline(stage.clone()).map_err(ArenaError::Watch)?;
    watchdog::watch_status(stage.clone()).map_err(ArenaError::Watch)?;
    if let Some((listener, expected)) = peer {
        tokio::task::spawn_local(super::peer::accept(stage.clone(), listener, expected));
    }
    stage.play().await?;
    stage.finish().await;
    Ok(())
}
