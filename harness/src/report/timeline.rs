//! What the picture of one run shows, drawn from its evidence: a value of bounded size, whatever the
//! length of the run.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::clean::clean_line;
use crate::evidence::{Ending, Event, Grade, Record};

/// Bars that a picture shows at most.
pub const MOST_BARS: usize = 80;
/// Held calls that it shows at most.
pub const MOST_HOLDS: usize = 24;
/// Moments that it marks at most.
const MOST_MOMENTS: usize = 60;
/// Longest name of a bar, characters.
const LONGEST: usize = 80;

/// One run as a picture. Places on its axis are events in their order, not times: what waits for what
/// shows in the order, and a millisecond in which all happens would be a single line.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Timeline {
    /// Name of the run.
    pub run: String,
    /// The places of the axis: event number and time in nanoseconds, in order.
    pub places: Vec<(u64, u64)>,
    /// Requests, or clients of the swarm, in the order in which they came.
    pub bars: Vec<Bar>,
    /// Bars that were left out.
    pub left_out: usize,
    /// Held calls on files.
    pub holds: Vec<Bar>,
    /// Requests in flight (or clients connected) from this place on.
    pub level: Vec<(usize, u32)>,
    /// The most of them, at any time.
    pub most: u32,
    /// What happened to the run as a whole.
    pub moments: Vec<Moment>,
    /// The bars are clients, not requests.
    pub clients: bool,
}

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    pub name: String,
    /// Number of the event that begins it.
    pub event: u64,
    /// Parts in order, each up to where the next begins.
    pub parts: Vec<Part>,
    /// Place of its end; none: it was still there at the end of the run.
    pub to: Option<usize>,
    pub end: BarEnd,
    /// A held call of the program's first thread.
    pub main_thread: bool,
}

/// A part of a bar, from this place on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub from: usize,
    pub state: BarState,
}

/// What is so during a part of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BarState {
    /// The request was read, and its answer is being made. For a client: it waits for what it is due.
    Waiting,
    /// The world holds the answer (or the call).
    Held,
    /// The answer is on its way.
    Answering,
    /// A client that is connected and waits for nothing.
    Open,
}

/// How a bar ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BarEnd {
    /// Answered with this status.
    Status(u16),
    /// The world broke the answer off, as planned.
    Broken,
    /// The client gave the request up.
    Abandoned,
    /// The connection or call came to its end.
    Closed,
    /// The call was failed with this error number.
    Failed(i32),
    /// It was still going on at the end of the run.
    Open,
}

/// Something that happened to the run as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    pub place: usize,
    pub event: u64,
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// Nothing could move before the world acted; false: as far as could be told.
    Settled(bool),
    /// The world sent this signal.
    Signalled(String),
    /// The program ended with this status.
    Exited(i32),
    /// The program was ended by this signal.
    Killed(i32),
    /// A give-up limit struck.
    GaveUp,
    /// The harness or the host failed.
    Fault,
}

/// Draws a run. `marked` are the events that findings name: their bars stay in the picture when
/// others are left out.
pub fn timeline(run: &str, records: &[Record], marked: &BTreeSet<u64>) -> Timeline {
    let mut draft = Draft::default();
    for record in records {
        draft.take(record);
    }
    draft.done(run, records, marked)
}

/// A bar whose places are event numbers still.
struct Raw {
    name: String,
    event: u64,
    parts: Vec<(u64, BarState)>,
    to: Option<u64>,
    end: BarEnd,
    main_thread: bool,
}

impl Raw {
    fn new(name: &str, event: u64, state: BarState) -> Raw {
        Raw {
            name: clean_line(name, LONGEST),
            event,
            parts: vec![(event, state)],
            to: None,
            end: BarEnd::Open,
            main_thread: false,
        }
    }

    fn turn(&mut self, n: u64, state: BarState) {
        if self.parts.last().is_some_and(|part| part.1 != state) && self.to.is_none() {
            self.parts.push((n, state));
        }
    }

    fn end(&mut self, n: u64, end: BarEnd) {
        if self.to.is_none() {
            (self.to, self.end) = (Some(n), end);
        }
    }

    fn events(&self) -> impl Iterator<Item = u64> {
        self.parts.iter().map(|part| part.0).chain(self.to)
    }
}

#[derive(Default)]
struct Draft {
    hosts: Vec<String>,
    requests: Vec<Raw>,
    by_request: HashMap<u64, usize>,
    clients: Vec<Raw>,
    by_client: HashMap<u32, usize>,
    /// Bytes sent and received, by client.
    traffic: HashMap<u32, (u64, u64)>,
    holds: Vec<Raw>,
    by_call: HashMap<u64, usize>,
    moments: Vec<(u64, What)>,
    level: Vec<(u64, u32)>,
    client_level: Vec<(u64, u32)>,
}

impl Draft {
    fn take(&mut self, record: &Record) {
        let n = record.n;
        match &record.event {
            Event::World { hosts } => {
                self.hosts = hosts.iter().map(|host| host.name.clone()).collect();
            }
            Event::Request {
                req,
                host,
                target,
                method,
                ..
            } => {
                let host = self
                    .hosts
                    .get(usize::from(*host))
                    .map_or("", String::as_str);
                let verb = if method == "GET" {
                    String::new()
                } else {
                    format!("{method} ")
                };
                let name = format!("{verb}{host}{target}");
                self.by_request.insert(*req, self.requests.len());
                self.requests.push(Raw::new(&name, n, BarState::Waiting));
                step(&mut self.level, n, 1);
            }
            Event::Parked { req, .. } => self.request(*req, |bar| bar.turn(n, BarState::Held)),
            Event::Released { req, .. } => {
                self.request(*req, |bar| bar.turn(n, BarState::Answering));
            }
            Event::Answered {
                req,
                status,
                ending,
                ..
            } => {
                let end = match ending {
                    Ending::Complete => BarEnd::Status(*status),
                    Ending::Unfinished => BarEnd::Open,
                    Ending::Reset | Ending::Truncated | Ending::Garbage => BarEnd::Broken,
                };
                self.request(*req, |bar| bar.end(n, end));
                step(&mut self.level, n, -1);
            }
            Event::Abandoned { req } => {
                self.request(*req, |bar| bar.end(n, BarEnd::Abandoned));
                step(&mut self.level, n, -1);
            }
            Event::Held {
                call,
                op,
                path,
                main_thread,
                ..
            } => {
                self.by_call.insert(*call, self.holds.len());
                let mut bar = Raw::new(&format!("{op} {path}"), n, BarState::Held);
                bar.main_thread = *main_thread;
                self.holds.push(bar);
            }
            Event::LetGo { call, errno } => {
                let end = errno.map_or(BarEnd::Closed, BarEnd::Failed);
                if let Some(bar) = self.by_call.get(call).and_then(|&i| self.holds.get_mut(i)) {
                    bar.end(n, end);
                }
            }
            Event::Settled(settled) => {
                let sure = settled.grade != Grade::Timed;
                self.moments.push((n, What::Settled(sure)));
            }
            Event::Signalled { signal } => {
                self.moments
                    .push((n, What::Signalled(clean_line(signal, 20))));
            }
            Event::Exited { status, signal } => self.moments.push((
                n,
                match (status, signal) {
                    (_, Some(signal)) => What::Killed(*signal),
                    (status, None) => What::Exited(status.unwrap_or_default()),
                },
            )),
            Event::GaveUp { .. } => self.moments.push((n, What::GaveUp)),
            Event::Fault { .. } => self.moments.push((n, What::Fault)),
            event => self.swarm(n, event),
        }
    }

    fn swarm(&mut self, n: u64, event: &Event) {
        match event {
            Event::ClientOpen { client, .. } => {
                self.by_client.insert(*client, self.clients.len());
                let name = format!("#{client}");
                self.clients.push(Raw::new(&name, n, BarState::Open));
                step(&mut self.client_level, n, 1);
            }
            Event::ClientSent { client, total, .. } => {
                self.traffic.entry(*client).or_default().0 = *total;
                self.turn_client(n, *client);
            }
            Event::ClientReceived { client, total, .. } => {
                self.traffic.entry(*client).or_default().1 = *total;
                self.turn_client(n, *client);
            }
            Event::ClientEnd { client, .. } => {
                if let Some(bar) = self
                    .by_client
                    .get(client)
                    .and_then(|&i| self.clients.get_mut(i))
                {
                    bar.end(n, BarEnd::Closed);
                    step(&mut self.client_level, n, -1);
                }
            }
            _ => {}
        }
    }

    fn turn_client(&mut self, n: u64, client: u32) {
        let (sent, received) = self.traffic.get(&client).copied().unwrap_or_default();
        let state = if sent > received {
            BarState::Waiting
        } else {
            BarState::Open
        };
        if let Some(bar) = self
            .by_client
            .get(&client)
            .and_then(|&i| self.clients.get_mut(i))
        {
            bar.turn(n, state);
        }
    }

    fn request(&mut self, req: u64, change: impl FnOnce(&mut Raw)) {
        if let Some(bar) = self
            .by_request
            .get(&req)
            .and_then(|&i| self.requests.get_mut(i))
        {
            change(bar);
        }
    }

    fn done(self, run: &str, records: &[Record], marked: &BTreeSet<u64>) -> Timeline {
        // Where a program answers clients by asking others, its requests tell less than its clients.
        let clients = !self.clients.is_empty();
        let (all, level) = if clients {
            (self.clients, self.client_level)
        } else {
            (self.requests, self.level)
        };
        let total = all.len();
        let bars = chosen(all, marked, MOST_BARS);
        let holds = chosen(self.holds, marked, MOST_HOLDS);
        let moments = bounded(self.moments, marked);
        let most = level.iter().map(|step| step.1).max().unwrap_or(0);
        let peak = level.iter().find(|step| step.1 == most).map(|step| step.0);

        let mut events: BTreeSet<u64> = bars.iter().chain(&holds).flat_map(Raw::events).collect();
        events.extend(moments.iter().map(|moment| moment.0));
        events.extend(peak);
        events.extend(marked.iter().filter(|&&n| (n as usize) < records.len()));
        let times = |n: u64| records.get(n as usize).map_or(0, |record| record.t);
        let places: Vec<(u64, u64)> = events.iter().map(|&n| (n, times(n))).collect();
        let index: BTreeMap<u64, usize> = events.iter().copied().zip(0..).collect();
        let place = |n: u64| index.get(&n).copied().unwrap_or_default();

        let bar = |raw: Raw| Bar {
            parts: raw
                .parts
                .iter()
                .map(|&(n, state)| Part {
                    from: place(n),
                    state,
                })
                .collect(),
            to: raw.to.map(place),
            name: raw.name,
            event: raw.event,
            end: raw.end,
            main_thread: raw.main_thread,
        };
        Timeline {
            run: run.to_owned(),
            left_out: total - bars.len(),
            level: sampled(&level, &places),
            bars: bars.into_iter().map(bar).collect(),
            holds: holds.into_iter().map(bar).collect(),
            moments: moments
                .into_iter()
                .map(|(event, what)| Moment {
                    place: place(event),
                    event,
                    what,
                })
                .collect(),
            places,
            most,
            clients,
        }
    }
}

impl Timeline {
    /// The place of an event, if it is on the axis.
    pub fn place(&self, event: u64) -> Option<usize> {
        self.places
            .binary_search_by_key(&event, |place| place.0)
            .ok()
    }

    /// There is something to be drawn.
    pub fn shows(&self) -> bool {
        !self.bars.is_empty() || !self.holds.is_empty()
    }
}

fn step(level: &mut Vec<(u64, u32)>, n: u64, by: i32) {
    let now = level.last().map_or(0, |step| step.1);
    level.push((n, now.saturating_add_signed(by)));
}

/// Of too many bars: those that are marked, then their neighbours, then the first ones.
fn chosen(all: Vec<Raw>, marked: &BTreeSet<u64>, most: usize) -> Vec<Raw> {
    if all.len() <= most {
        return all;
    }
    let is_marked = |bar: &Raw| bar.events().any(|n| marked.contains(&n));
    let mut keep: BTreeSet<usize> = (0..all.len())
        .filter(|&i| is_marked(&all[i]))
        .take(most)
        .collect();
    let middle = keep.first().copied().unwrap_or(0);
    let mut away = 0;
    while keep.len() < most && away <= all.len() {
        for i in [middle.checked_sub(away), middle.checked_add(away)] {
            if let Some(i) = i.filter(|&i| i < all.len() && keep.len() < most) {
                keep.insert(i);
            }
        }
        away += 1;
    }
    let mut kept = Vec::with_capacity(most);
    for (i, bar) in all.into_iter().enumerate() {
        if keep.contains(&i) {
            kept.push(bar);
        }
    }
    kept
}

/// The marked moments, the first ones and the last.
fn bounded(all: Vec<(u64, What)>, marked: &BTreeSet<u64>) -> Vec<(u64, What)> {
    let count = all.len();
    all.into_iter()
        .enumerate()
        .filter(|(i, (n, what))| {
            *i < MOST_MOMENTS / 2
                || i + MOST_MOMENTS / 4 >= count
                || marked.contains(n)
                || !matches!(what, What::Settled(_))
        })
        .map(|(_, moment)| moment)
        .take(MOST_MOMENTS)
        .collect()
}

/// The level at each place of the axis where it differs from the place before.
fn sampled(level: &[(u64, u32)], places: &[(u64, u64)]) -> Vec<(usize, u32)> {
    let mut steps = level.iter().peekable();
    let mut now = 0;
    let mut out: Vec<(usize, u32)> = Vec::new();
    for (i, (n, _)) in places.iter().enumerate() {
        while let Some(step) = steps.next_if(|step| step.0 <= *n) {
            now = step.1;
        }
        if out.last().map(|last| last.1) != Some(now) {
            out.push((i, now));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Point;

    fn records(events: Vec<Event>) -> Vec<Record> {
        (0..)
            .zip(events)
            .map(|(n, event)| Record {
                n,
                t: n * 1000,
                event,
            })
            .collect()
    }

    fn ask(req: u64) -> Event {
        Event::Request {
            req,
            conn: req,
            host: 0,
            method: "GET".into(),
            target: format!("/{req}"),
            item: None,
        }
    }

    fn answer(req: u64) -> Event {
        Event::Answered {
            req,
            status: 200,
            bytes: 1,
            ending: Ending::Complete,
        }
    }

    #[test]
    fn a_request_waits_is_held_and_is_answered() {
        let drawn = timeline(
            "r-1",
            &records(vec![
                ask(1),
                Event::Parked {
                    req: 1,
                    at: Point::Head,
                },
                ask(2),
                Event::Released {
                    req: 1,
                    at: Point::Head,
                },
                answer(1),
                Event::Abandoned { req: 2 },
                Event::Exited {
                    status: Some(0),
                    signal: None,
                },
            ]),
            &BTreeSet::new(),
        );
        let states: Vec<_> = drawn.bars[0]
            .parts
            .iter()
            .map(|p| (p.from, p.state))
            .collect();
        assert_eq!(
            states,
            [
                (0, BarState::Waiting),
                (1, BarState::Held),
                (3, BarState::Answering)
            ]
        );
        assert_eq!(
            (drawn.bars[0].to, &drawn.bars[0].end),
            (Some(4), &BarEnd::Status(200))
        );
        assert_eq!(drawn.bars[1].end, BarEnd::Abandoned);
        assert_eq!(drawn.level, [(0, 1), (2, 2), (4, 1), (5, 0)]);
        assert_eq!(drawn.most, 2);
        assert_eq!(drawn.moments[0].what, What::Exited(0));
        assert_eq!(drawn.place(4), Some(4));
    }

    #[test]
    fn a_long_run_keeps_what_is_marked_and_its_true_peak() {
        let mut events: Vec<Event> = (0..3000).flat_map(|i| [ask(i), answer(i)]).collect();
        events.splice(5000..5000, (9000..9010).map(ask));
        let all = records(events);
        let marked = BTreeSet::from([4000, 4001]);
        let drawn = timeline("r-1", &all, &marked);
        assert_eq!(drawn.bars.len(), MOST_BARS);
        assert_eq!(drawn.left_out, 3010 - MOST_BARS);
        assert!(drawn.bars.iter().any(|bar| bar.event == 4000));
        assert_eq!(drawn.most, 11);
        assert!(
            drawn.level.iter().any(|step| step.1 == 11),
            "the peak is drawn"
        );
        assert!(drawn.places.len() < 4 * MOST_BARS + 10);
    }

    #[test]
    fn clients_wait_while_they_are_due_something() {
        let drawn = timeline(
            "r-1",
            &records(vec![
                Event::ClientOpen {
                    client: 7,
                    group: 0,
                    begun: None,
                },
                Event::ClientSent {
                    client: 7,
                    total: 4,
                    begun: None,
                },
                Event::ClientReceived {
                    client: 7,
                    total: 4,
                    unraised: 0,
                },
                Event::ClientEnd {
                    client: 7,
                    how: crate::evidence::ClientEnding::Eof,
                },
            ]),
            &BTreeSet::new(),
        );
        let states: Vec<_> = drawn.bars[0].parts.iter().map(|p| p.state).collect();
        assert_eq!(states, [BarState::Open, BarState::Waiting, BarState::Open]);
        assert!(drawn.clients);
        assert_eq!(drawn.most, 1);
    }

    #[test]
    fn a_held_call_has_a_bar_of_its_own() {
        let held = Event::Held {
            call: 1,
            op: "write".into(),
            path: "a\u{1b}[2Jb".into(),
            tid: 1,
            main_thread: true,
        };
        let let_go = Event::LetGo {
            call: 1,
            errno: Some(28),
        };
        let drawn = timeline("r-1", &records(vec![held, let_go]), &BTreeSet::new());
        assert_eq!(drawn.holds[0].name, "write ab");
        assert!(drawn.holds[0].main_thread);
        assert_eq!(drawn.holds[0].end, BarEnd::Failed(28));
    }
}
