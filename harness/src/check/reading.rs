//! One pass over the events of a run, which fills the index.

use std::collections::HashMap;

use super::clients::Clients;
use super::known::Known;
use super::view::{Finish, Flight, FlightEnd, How, Moment, Sockets, View};
use crate::evidence::{Bytes, Event, Header, Record, Settled, StepOutcome, Stream};
use crate::plan::Item;
use crate::task::script::Step;
use crate::task::world::Answer;

/// Repetitions of one entry's request beyond which a program that doesn't end never will.
const MOST_REPEATS: u32 = 20;

/// The state of one pass over the events.
pub(super) struct Reading<'a> {
    view: View<'a>,
    /// Index into `flights` of each request that is in flight.
    flying: HashMap<u64, usize>,
    conns: HashMap<u64, Conn>,
    sockets: Vec<Sockets>,
    open: u32,
    /// Entries that can be asked for (the last one excused) and were not yet.
    expected: Vec<bool>,
    left: u32,
    /// Pages of a site as they become known.
    known: Option<Known<'a>>,
    settled: Option<(u64, &'a Settled)>,
    /// How the run ended, if no step comes after the one that gave up.
    gave_up: Option<Finish>,
}

struct Conn {
    host: usize,
    requests: u64,
    flying: u32,
}

impl<'a> Reading<'a> {
    pub(super) fn new(header: &'a Header) -> Self {
        let view = View {
            header,
            flights: Vec::new(),
            clients: Clients::new(&header.plan.script, header.plan.world.peer.is_some()),
            moments: Vec::new(),
            released: Vec::new(),
            most: 0,
            most_open: 0,
            finish: Finish::Unknown,
            limits: Vec::new(),
            usage: None,
            processes: 0,
            fault: None,
            started: false,
            not_started: None,
            complete: false,
            hosts: Vec::new(),
            disk: Default::default(),
            out: Vec::new(),
            err: Vec::new(),
            out_dropped: 0,
            err_dropped: 0,
        };
        let mut expected = vec![false; header.plan.items.len()];
        let mut left = 0;
        for index in view.expected() {
            expected[index] = true;
            left += 1;
        }
        Reading {
            known: Known::new(&header.plan),
            expected,
            left,
            view,
            flying: HashMap::new(),
            conns: HashMap::new(),
            sockets: Vec::new(),
            open: 0,
            settled: None,
            gave_up: None,
        }
    }

    pub(super) fn take(&mut self, record: &'a Record) {
        let n = record.n;
        self.view.clients.take(record);
        match &record.event {
            Event::World { hosts } => {
                self.view.hosts = hosts.iter().map(|h| h.name.as_str()).collect();
            }
            Event::Started { .. } => self.view.started = true,
            Event::NotStarted { why } => self.view.not_started = Some((n, why)),
            Event::Connected { conn, host } => self.connected(*conn, usize::from(*host)),
            Event::Disconnected { conn, .. } => self.disconnected(*conn, n),
            Event::Request {
                req,
                conn,
                host,
                method,
                target,
                item,
            } => {
                self.request(
                    n,
                    *req,
                    *conn,
                    usize::from(*host),
                    (method, target),
                    item.map(|i| i as usize),
                );
            }
            Event::Parked { req, .. } => {
                if let Some(flight) = self
                    .flying
                    .get(req)
                    .and_then(|&i| self.view.flights.get_mut(i))
                {
                    flight.parked = true;
                }
            }
            Event::Released { .. } => self.view.released.push(n),
            Event::Answered {
                req,
                status,
                bytes,
                ending,
            } => {
                self.land(
                    *req,
                    FlightEnd {
                        n,
                        how: How::Answered {
                            status: *status,
                            bytes: *bytes,
                            ending: *ending,
                        },
                    },
                );
            }
            Event::Abandoned { req } => self.land(
                *req,
                FlightEnd {
                    n,
                    how: How::Abandoned,
                },
            ),
            Event::Output { stream, data } => self.output(*stream, data),
            Event::OutputDropped {
                stream: Stream::Out,
                bytes,
            } => self.view.out_dropped += bytes,
            Event::OutputDropped {
                stream: Stream::Err,
                bytes,
            } => self.view.err_dropped += bytes,
            Event::Settled(settled) => {
                self.view.processes = self.view.processes.max(settled.processes);
                self.settled = Some((n, settled));
            }
            Event::Step { step, outcome } => self.step(n, *step as usize, *outcome),
            Event::Exited { status, signal } => self.finish(match (signal, status) {
                (Some(signal), _) => Finish::Signal { n, signal: *signal },
                (None, Some(status)) => Finish::Exit { n, status: *status },
                (None, None) => Finish::Unknown,
            }),
            Event::GaveUp { settled: true, .. } => self.gave_up = Some(Finish::Hang { n }),
            Event::GaveUp {
                settled: false,
                why,
            } => {
                self.gave_up = Some(Finish::GaveUp {
                    n,
                    why: why.clone(),
                });
            }
            Event::LimitHit { limit, count } => self.view.limits.push((limit, *count, n)),
            Event::Usage(usage) if usage.label == "end" => self.view.usage = Some(usage),
            Event::Fault { message } => {
                self.view.fault.get_or_insert((n, message));
            }
            Event::End => self.view.complete = true,
            other => self.view.disk.take(n, other),
        }
    }

    pub(super) fn done(mut self) -> View<'a> {
        // Whatever came after the give-up was the harness ending the program.
        if let Some(finish) = self.gave_up.take() {
            self.view.finish = finish;
        }
        if let Finish::GaveUp { n, .. } | Finish::Hang { n } = self.view.finish
            && (self.view.struck("requests").is_some() || self.repeats())
        {
            self.view.finish = Finish::Endless { n };
        }
        self.view
    }

    /// One entry was asked for so often, and answered each time, that the program would go on for
    /// ever: no clock is needed to say so.
    fn repeats(&self) -> bool {
        let items = &self.view.header.plan.items;
        let mut answered = vec![0u32; items.len()];
        for flight in &self.view.flights {
            let given = flight.end.is_some_and(|e| e.how != How::Abandoned);
            if let Some(times) = flight
                .item
                .filter(|_| given)
                .and_then(|i| answered.get_mut(i))
            {
                *times += 1;
            }
        }
        // Whoever follows a loop of redirects asks for the same address some dozens of times.
        let honest = |item: &Item| item.answer == Answer::RedirectLoop;
        items
            .iter()
            .zip(answered)
            .any(|(item, times)| !honest(item) && times > item.listed + MOST_REPEATS)
    }

    fn connected(&mut self, conn: u64, host: usize) {
        self.conns.insert(
            conn,
            Conn {
                host,
                requests: 0,
                flying: 0,
            },
        );
        let sockets = self.host(host);
        sockets.open += 1;
        sockets.unused += 1;
        self.open += 1;
        self.view.most_open = self.view.most_open.max(self.open);
    }

    fn disconnected(&mut self, conn: u64, n: u64) {
        // Whatever was still in flight on it ended with it, should the ledger not have said so.
        if self.conns.get(&conn).is_some_and(|c| c.flying > 0) {
            let flights = &self.view.flights;
            let on_it = |&(_, &i): &(&u64, &usize)| flights[i].conn == conn;
            let cut: Vec<u64> = self
                .flying
                .iter()
                .filter(on_it)
                .map(|(&req, _)| req)
                .collect();
            for req in cut {
                self.land(
                    req,
                    FlightEnd {
                        n,
                        how: How::Abandoned,
                    },
                );
            }
        }
        if let Some(conn) = self.conns.remove(&conn) {
            let sockets = self.host(conn.host);
            sockets.open -= 1;
            sockets.unused -= u32::from(conn.requests == 0);
            self.open -= 1;
        }
    }

    fn request(
        &mut self,
        n: u64,
        req: u64,
        conn: u64,
        host: usize,
        head: (&'a str, &'a str),
        item: Option<usize>,
    ) {
        let (method, target) = head;
        let known = self.conns.entry(conn).or_insert(Conn {
            host,
            requests: 0,
            flying: 0,
        });
        let (reused, idle, host) = (known.requests > 0, known.flying == 0, known.host);
        known.requests += 1;
        known.flying += 1;
        let sockets = self.host(host);
        sockets.busy += u32::from(idle);
        sockets.unused = sockets.unused.saturating_sub(u32::from(!reused));
        self.flying.insert(req, self.view.flights.len());
        let level = u32::try_from(self.flying.len()).unwrap_or(u32::MAX);
        self.view.most = self.view.most.max(level);
        self.view.flights.push(Flight {
            conn,
            host,
            method,
            target,
            item,
            begin: n,
            level,
            reused,
            parked: false,
            end: None,
        });
        if let (Some(known), Some(page)) = (&mut self.known, item) {
            known.ask(page);
        }
        let expected = item.and_then(|asked| self.expected.get_mut(asked));
        if let Some(expected) = expected.filter(|e| **e) {
            *expected = false;
            self.left -= 1;
        }
    }

    fn land(&mut self, req: u64, end: FlightEnd) {
        let Some(index) = self.flying.remove(&req) else {
            return;
        };
        let flight = &mut self.view.flights[index];
        flight.end = Some(end);
        if let (Some(known), Some(page), true) = (&mut self.known, flight.item, flight.came_whole())
        {
            known.read(page);
        }
        if let Some(conn) = self.conns.get_mut(&flight.conn) {
            conn.flying = conn.flying.saturating_sub(1);
            if conn.flying == 0 {
                let host = conn.host;
                let sockets = self.host(host);
                sockets.busy = sockets.busy.saturating_sub(1);
            }
        }
    }

    fn host(&mut self, host: usize) -> &mut Sockets {
        if self.sockets.len() <= host {
            self.sockets.resize(host + 1, Sockets::default());
        }
        &mut self.sockets[host]
    }

    fn output(&mut self, stream: Stream, data: &Bytes) {
        let kept = match stream {
            Stream::Out => &mut self.view.out,
            Stream::Err => &mut self.view.err,
        };
        match data {
            Bytes::Text(text) => kept.extend_from_slice(text.as_bytes()),
            Bytes::Base64(text) => {
                use base64::Engine as _;
                if let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(text) {
                    kept.extend_from_slice(&bytes);
                }
            }
        }
    }

    fn step(&mut self, n: u64, step: usize, outcome: StepOutcome) {
        self.view.moments.push(Moment {
            n,
            step,
            outcome,
            settled: self.settled.take(),
            in_flight: u32::try_from(self.flying.len()).unwrap_or(u32::MAX),
            requests: self.view.flights.len() as u64,
            // Of a site nobody can ask for more than is known.
            left: self.known.as_ref().map_or(self.left, Known::left),
            sockets: self.sockets.clone(),
        });
        let waits_for_exit = matches!(self.view.header.plan.script.get(step), Some(Step::Exit));
        if waits_for_exit && outcome == StepOutcome::Stuck {
            let sure = self
                .view
                .moments
                .last()
                .and_then(|m| m.settled)
                .is_some_and(|(_, s)| self.view.sure(s));
            self.finish(if sure {
                Finish::Hang { n }
            } else {
                Finish::Quiet { n }
            });
        }
        if outcome != StepOutcome::GaveUp {
            // The run went on: a step that gave up was not its end.
            self.gave_up = None;
        } else if waits_for_exit && let Some(finish) = self.gave_up.take() {
            self.finish(finish);
        }
    }

    /// What ends a run first is how it ended: the harness kills a hanging program afterwards.
    fn finish(&mut self, finish: Finish) {
        if self.view.finish == Finish::Unknown {
            self.view.finish = finish;
        }
    }
}
