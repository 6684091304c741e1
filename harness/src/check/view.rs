//! An index over the evidence of one run, built once and shared by all checks of that run.

use std::collections::BTreeMap;

use super::reading::Reading;
use super::shelf::DiskSeen;
use crate::evidence::{Ending, Event, Grade, Header, Record, Settled, StepOutcome, Tier, Usage};
use crate::plan::{Item, Plan};
use crate::task::script::Step;
use crate::task::world::Answer;

/// Timers shorter than this are waited out before a program is said to stand still.
const SOON_NS: u64 = 1_000_000_000;

/// The evidence of one run, indexed.
#[derive(Debug)]
pub struct View<'a> {
    pub header: &'a Header,
    /// All requests, in the order in which they came.
    pub flights: Vec<Flight<'a>>,
    /// What became of the swarm's clients.
    pub clients: super::clients::Clients<'a>,
    /// The ends of the script's steps, in order.
    pub moments: Vec<Moment<'a>>,
    /// Event numbers at which a gate let an answer go on.
    pub released: Vec<u64>,
    /// Most requests in flight at once.
    pub most: u32,
    /// Most connections open at once, by the world's own count.
    pub most_open: u32,
    /// How the run ended.
    pub finish: Finish,
    /// Limits of the arena that were struck: name and count.
    pub limits: Vec<(&'a str, u64, u64)>,
    /// Closing account of the process tree.
    pub usage: Option<&'a Usage>,
    /// Most processes seen at a settled moment.
    pub processes: u32,
    /// Set when the harness or the host failed.
    pub fault: Option<(u64, &'a str)>,
    /// The program was started.
    pub started: bool,
    /// Why it could not be started.
    pub not_started: Option<(u64, &'a str)>,
    /// The evidence goes to its regular end.
    pub complete: bool,
    /// Names of the origin's hosts.
    pub hosts: Vec<&'a str>,
    /// What was seen of the submission's files.
    pub disk: DiskSeen<'a>,
    pub(super) out: Vec<u8>,
    pub(super) err: Vec<u8>,
    pub(super) out_dropped: u64,
    pub(super) err_dropped: u64,
}

/// One request.
#[derive(Debug)]
pub struct Flight<'a> {
    pub conn: u64,
    pub host: usize,
    pub method: &'a str,
    pub target: &'a str,
    pub item: Option<usize>,
    /// Number of the event that began it.
    pub begin: u64,
    /// Requests in flight with this one, at its begin.
    pub level: u32,
    /// Its connection had carried a request before.
    pub reused: bool,
    /// A gate held its answer at some time.
    pub parked: bool,
    pub end: Option<FlightEnd>,
}

impl Flight<'_> {
    /// Its answer went out to the last byte.
    pub fn came_whole(&self) -> bool {
        matches!(
            self.end.map(|e| e.how),
            Some(How::Answered {
                ending: Ending::Complete,
                ..
            })
        )
    }
}

/// How a request came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlightEnd {
    /// Number of the event.
    pub n: u64,
    pub how: How,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Answered {
        status: u16,
        bytes: u64,
        ending: Ending,
    },
    /// The client went away first.
    Abandoned,
}

/// The end of a step of the script, with what was so at that time.
#[derive(Debug)]
pub struct Moment<'a> {
    /// Event number of the step's end.
    pub n: u64,
    /// Index of the step in the script.
    pub step: usize,
    pub outcome: StepOutcome,
    /// What was seen to be settled in the course of this step, with its event number.
    pub settled: Option<(u64, &'a Settled)>,
    pub in_flight: u32,
    pub requests: u64,
    /// Entries that the world could have seen and has not yet, the last of the list excused.
    pub left: u32,
    /// Connections by host.
    pub sockets: Vec<Sockets>,
}

/// Connections to one host.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sockets {
    pub open: u32,
    /// With a request in flight.
    pub busy: u32,
    /// Without any request so far.
    pub unused: u32,
}

/// How a run ended, by the first event that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finish {
    Exit {
        n: u64,
        status: i32,
    },
    Signal {
        n: u64,
        signal: i32,
    },
    /// Everything was given, and nothing moved any more.
    Hang {
        n: u64,
    },
    /// It asks for the same again and again, whatever it is given.
    Endless {
        n: u64,
    },
    /// It stood still, but as far as time alone can tell.
    Quiet {
        n: u64,
    },
    /// A give-up limit struck while the program still ran.
    GaveUp {
        n: u64,
        why: String,
    },
    /// The evidence doesn't say.
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    #[error("the evidence doesn't begin with the run's header; grade the submission again")]
    NoHeader,
}

impl<'a> View<'a> {
    /// Reads the events once, in order.
    pub fn new(records: &'a [Record]) -> Result<View<'a>, ViewError> {
        let Some(Record {
            event: Event::Run(header),
            ..
        }) = records.first()
        else {
            return Err(ViewError::NoHeader);
        };
        let mut reading = Reading::new(header);
        for record in records {
            reading.take(record);
        }
        Ok(reading.done())
    }

    pub fn plan(&self) -> &'a Plan {
        &self.header.plan
    }

    pub fn item(&self, index: usize) -> Option<&'a Item> {
        self.plan().items.get(index)
    }

    /// Whether the world sees requests for this entry.
    pub fn visible(item: &Item) -> bool {
        !matches!(item.answer, Answer::Refused | Answer::Malformed)
    }

    /// An entry as a student knows it: `host/path`, without the scheme and the port.
    pub fn name(&self, index: usize) -> String {
        match self.item(index) {
            Some(item) if item.answer == Answer::Malformed => item.path.clone(),
            Some(item) => {
                let host = self
                    .hosts
                    .get(usize::from(item.host))
                    .copied()
                    .unwrap_or("");
                format!("{host}{}", item.path)
            }
            None => String::new(),
        }
    }

    /// Whether "nothing can move" is beyond doubt here, and stays so: no timer that might make it
    /// move soon was pending. Without this nothing may be held against a program.
    pub fn sure_to_stay(&self, settled: &Settled) -> bool {
        self.sure(settled) && settled.timer_ns.is_none_or(|t| t >= SOON_NS)
    }

    /// Whether "nothing can move" is beyond doubt here, timers set aside.
    pub fn sure(&self, settled: &Settled) -> bool {
        match settled.grade {
            Grade::Certain => true,
            Grade::Polled => self.header.tier == Tier::Full,
            Grade::Timed => false,
        }
    }

    /// The program ended by itself, or stood still with everything given to it: it won't do more.
    pub fn finished(&self) -> bool {
        match self.finish {
            Finish::Exit { .. } | Finish::Signal { .. } => true,
            Finish::Hang { .. } | Finish::Endless { .. } => self.complete,
            Finish::Quiet { .. } | Finish::GaveUp { .. } | Finish::Unknown => false,
        }
    }

    /// Number of the event that ended the run, if there is one.
    pub fn end(&self) -> Option<u64> {
        match self.finish {
            Finish::Exit { n, .. }
            | Finish::Signal { n, .. }
            | Finish::Hang { n }
            | Finish::Quiet { n, .. }
            | Finish::Endless { n, .. }
            | Finish::GaveUp { n, .. } => Some(n),
            Finish::Unknown => None,
        }
    }

    /// Requests that were given up by the client, by the event that shows it.
    pub fn abandoned(&self) -> impl Iterator<Item = u64> {
        self.flights
            .iter()
            .filter_map(|f| f.end.filter(|e| e.how == How::Abandoned).map(|e| e.n))
    }

    /// Entries that the world can see, the last one of the list excused: whether that was fetched is
    /// for `each_once` alone, so that one mistake isn't counted under every title.
    pub fn expected(&self) -> impl Iterator<Item = usize> {
        let items = &self.plan().items;
        // A site has no last page, and pages that must not be visited.
        let site = self.plan().site.is_some();
        let last = if items.len() > 1 && !site {
            items.len() - 1
        } else {
            usize::MAX
        };
        (0..items.len()).filter(move |&i| {
            i != last && View::visible(&items[i]) && (!site || items[i].listed > 0)
        })
    }

    /// Number of the event of each request that was in flight just after event `n`.
    pub fn flying_at(&self, n: u64) -> Vec<u64> {
        let flying = |f: &&Flight| f.begin <= n && f.end.is_none_or(|e| e.n > n);
        self.flights
            .iter()
            .filter(flying)
            .map(|f| f.begin)
            .collect()
    }

    /// The end of the script's step of this index.
    pub fn moment(&self, step: usize) -> Option<&Moment<'a>> {
        self.moments.iter().find(|m| m.step == step)
    }

    /// Times that a limit of this name was struck.
    pub fn struck(&self, limit: &str) -> Option<u64> {
        self.limits.iter().find(|l| l.0 == limit).map(|l| l.1)
    }

    /// Bytes of standard output that were kept.
    pub fn out_bytes(&self) -> &[u8] {
        &self.out
    }

    pub fn stdout(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.out)
    }

    pub fn stderr(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.err)
    }

    /// Bytes of standard error that were not kept.
    pub fn stderr_dropped(&self) -> u64 {
        self.err_dropped
    }

    /// Bytes of standard output that were not kept.
    pub fn stdout_dropped(&self) -> u64 {
        self.out_dropped
    }
}

impl Moment<'_> {
    /// The settled state that ended this step, if that is what ended it.
    pub fn stood_still<'m>(&'m self, view: &View) -> Option<(u64, &'m Settled)> {
        let ends_settled = match view.plan().script.get(self.step) {
            Some(Step::Settle) => self.outcome == StepOutcome::Reached,
            _ => self.outcome == StepOutcome::Stuck,
        };
        self.settled.filter(|_| ends_settled)
    }
}

/// Connections of all hosts together.
pub fn sum(sockets: &[Sockets]) -> Sockets {
    sockets.iter().fold(Sockets::default(), |a, b| Sockets {
        open: a.open + b.open,
        busy: a.busy + b.busy,
        unused: a.unused + b.unused,
    })
}

/// How often each entry was asked for by GET, by entry.
pub fn fetches<'v, 'a>(view: &'v View<'a>) -> BTreeMap<usize, Vec<&'v Flight<'a>>> {
    let mut by_item: BTreeMap<usize, Vec<&Flight>> = BTreeMap::new();
    for flight in view.flights.iter().filter(|f| f.method == "GET") {
        if let Some(item) = flight.item {
            by_item.entry(item).or_default().push(flight);
        }
    }
    by_item
}
