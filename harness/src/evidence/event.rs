//! The events of one run.
//!
//! One writer numbers them; `t` is monotonic nanoseconds from the start of the run. The enum is
//! closed: whatever a check or a report says can be found in these events.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::plan::Plan;

/// Version of the evidence format. Raised when an old reader would misread a new file.
pub const FORMAT: u32 = 1;

/// Why a run or a step was given up: so much processor time was used without anything coming of it.
pub const SPINNING: &str = "the program kept the processor busy and did nothing";

/// One numbered, timed event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Position in the run, from 0, without gaps.
    pub n: u64,
    /// Monotonic nanoseconds since the run began.
    pub t: u64,
    #[serde(flatten)]
    pub event: Event,
}

/// What can happen in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "e", rename_all = "snake_case")]
pub enum Event {
    /// Always first: what was going to be run, in full.
    Run(Box<Header>),
    /// The world listens: where each host of the origin can be reached.
    World { hosts: Vec<Place> },
    /// The world's clients expect the submission to serve this address.
    Target { addr: std::net::SocketAddr },
    /// The submission was started with these arguments.
    Started { argv: Vec<String> },

    /// A connection to the origin was accepted. Proves nothing about requests.
    Connected { conn: u64, host: u16 },
    /// The head of a request was read in full; the request is in flight from here.
    /// `item` is the entry of the plan's item list that it asks for, if any.
    Request {
        req: u64,
        conn: u64,
        host: u16,
        method: String,
        target: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<u32>,
    },
    /// A gate holds the answer of this request at this point.
    Parked { req: u64, at: Point },
    /// The script let the answer go on from this point.
    Released { req: u64, at: Point },
    /// The last byte of the answer is about to be handed to the kernel: no longer in flight.
    Answered {
        req: u64,
        status: u16,
        bytes: u64,
        ending: Ending,
    },
    /// The client was seen to be gone (closed its connection) while the request was in flight.
    Abandoned { req: u64 },
    /// A connection to the origin ended.
    Disconnected { conn: u64, by: Side, requests: u64 },

    /// A syscall of the submission inside the watched folder is held.
    Held {
        call: u64,
        op: String,
        path: String,
        tid: u32,
        main_thread: bool,
    },
    /// A held (or watched) syscall went on, or was failed with `errno`.
    LetGo {
        call: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        errno: Option<i32>,
    },

    /// A client of the swarm is connected to the submission.
    ClientOpen {
        client: u32,
        group: u16,
        /// When its connect began, nanoseconds of the run: the submission can't have known of it before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        begun: Option<u64>,
    },
    /// A client of the swarm could not connect.
    ClientRefused {
        client: u32,
        #[serde(default)]
        group: u16,
        error: String,
    },
    /// A client handed bytes to its kernel; `total` so far. Said at the end of each message, and wherever
    /// a step of the script didn't come to what it waited for.
    ClientSent {
        client: u32,
        total: u64,
        /// When its last call of `send` began, nanoseconds of the run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        begun: Option<u64>,
    },
    /// A client received bytes; `total` so far, all as expected unless a mismatch was recorded.
    /// `unraised` counts ASCII letters that came back as they were sent instead of upper-cased.
    ClientReceived {
        client: u32,
        total: u64,
        unraised: u64,
    },
    /// A client is about to send this line. `item` is the entry of the plan's list whose address it holds.
    ClientAsked {
        client: u32,
        line: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        item: Option<u32>,
    },
    /// A client that speaks in lines received this one (without its end, and cut if it is very long).
    ClientTold { client: u32, line: String },
    /// A client has sent everything and half-closed its connection.
    ClientFinished { client: u32 },
    /// The first byte that differs from what the contract says must come back.
    ClientMismatch {
        client: u32,
        at: u64,
        expected: String,
        got: String,
    },
    /// A client's connection ended (for reading).
    ClientEnd { client: u32, how: ClientEnding },

    /// The world asks the submission by HTTP, on a connection of its own.
    Call {
        call: u32,
        group: String,
        target: String,
        /// The plan's number of the city that it asks for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        city: Option<u32>,
    },
    /// A call came to its end; `data` is what came back, as it came.
    Reply {
        call: u32,
        how: CallEnding,
        #[serde(flatten)]
        data: Bytes,
    },

    /// The world's peers can be connected to (or not) at these addresses.
    Peers { addrs: Vec<std::net::SocketAddr> },
    /// A connection to a peer was made, at some time after `after` (nanoseconds of the run).
    PeerMet { conn: u32, peer: u32, after: u64 },
    /// The client has taken every byte that a dripping peer had sent so far.
    PeerHeard { conn: u32 },
    /// It ended.
    PeerGone { conn: u32, how: PeerEnding },

    /// The submission could not be started (its command isn't there, isn't executable…).
    NotStarted { why: String },
    /// The submission printed. Kept up to the plan's bound for each stream.
    Output {
        stream: Stream,
        #[serde(flatten)]
        data: Bytes,
    },
    /// More output than is kept; `bytes` is the number dropped in all, said once at the end.
    OutputDropped { stream: Stream, bytes: u64 },
    /// The submission (with all its children) closed this stream.
    OutputEnd { stream: Stream },
    /// The world closed its end of this stream: nobody reads it any more.
    OutputClosed { stream: Stream },
    /// The world wrote to the submission's standard input; `end` when it closed it.
    Input {
        #[serde(flatten)]
        data: Bytes,
        end: bool,
    },

    /// Nothing in the submission can move before the world acts (or before `timer_ns`).
    Settled(Settled),
    /// A step of the script ended.
    Step { step: u32, outcome: StepOutcome },
    /// The world sent a signal to the submission.
    Signalled { signal: String },
    /// The submission's own process ended.
    Exited {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<i32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        signal: Option<i32>,
    },
    /// Kernel accounts of the submission's process tree.
    Usage(Usage),
    /// A look at the submission's threads while it works.
    Work { threads: Vec<Worked> },
    /// A give-up limit struck. `settled`: nothing could move any more, or everything had been given.
    GaveUp { settled: bool, why: String },
    /// Processes of the submission that outlived its own end (the harness ended them).
    Leftover { processes: u32, names: Vec<String> },
    /// A limit of the arena was hit by the submission (memory, processes, output, file size).
    LimitHit { limit: String, count: u64 },
    /// Calls on files of the output folder in all. Only where the gate saw them.
    Calls {
        write: u64,
        open: u64,
        fsync: u64,
        rename: u64,
    },
    /// What lies in the output folder at the end of the run, by its path there. A path that begins with
    /// `../` is a file beside the folder that is new or was changed.
    File {
        path: String,
        kind: FileKind,
        size: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sha256: Option<String>,
    },
    /// A file that the submission opened for reading, where the scenario watches for that: a module, a library.
    Loaded { path: String },
    /// A source file of the submission names a library that the scenario watches for. A hint, no proof.
    Mention {
        path: String,
        line: u32,
        library: String,
    },
    /// The harness or the host failed: nothing in this run can be judged.
    Fault { message: String },
    /// Always last, when the run came to its end in order.
    End,
}

/// The kernel's account of one thread.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worked {
    pub tid: u32,
    /// When it was looked at, nanoseconds since the step began.
    pub at_ns: u64,
    /// Time on a processor.
    pub run_ns: u64,
    /// Time in the queue for one.
    pub wait_ns: u64,
    /// Times that it went to sleep by itself.
    pub sleeps: u64,
}

/// First event of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Header {
    pub format: u32,
    pub gradus: String,
    pub tier: Tier,
    pub plan: Plan,
    /// Facilities in force in this arena, by name (for example "memory_limit": "cgroup1").
    #[serde(default)]
    pub facilities: std::collections::BTreeMap<String, String>,
}

/// How much of the arena the host gave. Ordered: a later one is stronger.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// No Linux facilities: settling by time only.
    Portable,
    /// No namespaces: syscall gate, Landlock and limits only, free ports.
    Reduced,
    /// Own namespaces.
    Full,
}

/// Where a host of the origin listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// As it stands in URLs: a name such as `alpha.test`, or a literal address.
    pub name: String,
    pub addr: std::net::SocketAddr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Point {
    /// Before the first byte of the answer.
    Head,
    /// After the head and the first part of the body.
    Body,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    Complete,
    /// The connection was reset by the world.
    Reset,
    /// The connection was closed by the world before the promised end.
    Truncated,
    /// Not HTTP, or HTTP that lies about itself.
    Garbage,
    /// The run ended first.
    Unfinished,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    Peer,
    World,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientEnding {
    /// Orderly end of stream.
    Eof,
    Reset,
    /// The world closed or reset it, as the script said.
    World,
}

/// Who ended a connection to a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerEnding {
    Client,
    World,
}

/// How a call came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallEnding {
    /// The answer's own end was there.
    Whole,
    /// The connection ended in order. Of an answer without a length that is the end.
    Eof,
    Reset,
    /// Nobody took the connection.
    Refused,
    /// The script broke it off.
    World,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    Out,
    Err,
}

/// Bytes in JSON: as text where they are UTF-8, else in base64. Lossless either way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bytes {
    Text(String),
    Base64(String),
}

impl Bytes {
    /// These bytes, in the form that suits them.
    pub fn of(bytes: &[u8]) -> Bytes {
        match std::str::from_utf8(bytes) {
            Ok(text) => Bytes::Text(text.to_owned()),
            Err(_) => Bytes::Base64(STANDARD.encode(bytes)),
        }
    }

    /// The bytes again. What isn't base64 where it should be is empty.
    pub fn to_vec(&self) -> Vec<u8> {
        match self {
            Bytes::Text(text) => text.clone().into_bytes(),
            Bytes::Base64(text) => STANDARD.decode(text).unwrap_or_default(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    Regular,
    Folder,
    Link,
    Other,
}

/// How sure "nothing can move" is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grade {
    /// Nothing happened for a while; the host shows no more (tier portable).
    Timed,
    /// The program polls by short timers; several periods passed without anything new.
    Polled,
    /// Every thread asleep for a known reason, nothing on the way.
    Certain,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settled {
    pub grade: Grade,
    /// The earliest timer that could wake the submission, from now; none: nothing will.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timer_ns: Option<u64>,
    pub processes: u32,
    pub threads: u32,
    pub in_flight: u32,
    pub parked: u32,
    pub held: u32,
    /// Bytes that wait unread in the submission's ends of the origin's connections; absent where the
    /// host doesn't tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<u64>,
    /// Open connections to the origin that have never carried a request.
    pub unused: u32,
    /// Processor time of the tree so far.
    pub cpu_ns: u64,
    /// Threads that have run since the program started, the exited ones not counted.
    pub working_threads: u32,
    /// Threads that wait for a descriptor (in `epoll_wait`, `poll`, `recv`, `connect`…), and so for connections;
    /// absent where the host doesn't show what they sleep in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting_threads: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepOutcome {
    /// What the step waits for came to be, or the step simply acted.
    Reached,
    /// The submission settled first and the awaited thing cannot come.
    Stuck,
    /// The submission ended first.
    Exited,
    /// The give-up limit struck first.
    GaveUp,
    /// There was nothing to act on (nothing parked to release, nobody to signal).
    Idle,
}

/// Kernel accounts at one moment. Absent where the host doesn't tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// `end` for the closing account of the whole tree, else the script's name for the moment.
    pub label: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_us: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_us: Option<u64>,
    /// Largest resident set of any one process (wait4), KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_rss_kib: Option<u64>,
    /// Resident anonymous memory of the whole tree now, KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anon_kib: Option<u64>,
    /// Peak of the whole tree as the memory cgroup accounts it, KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_kib: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processes: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zombies: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub descriptors: Option<u32>,
    /// Processor time of each process alive now: (pid inside the arena, nanoseconds).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cpu_by_process_ns: Vec<(u32, u64)>,
}
