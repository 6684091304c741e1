//! What became of the swarm's clients: an index over the events that name them.

use std::collections::BTreeMap;

use super::dialogue::Lines;
use super::idle::Activity;
use super::view::View;
use crate::evidence::{ClientEnding, Event, Record, Usage};
use crate::task::peer::PEER;
use crate::task::script::Step;

/// The clients of one run, and what else only servers are asked about.
#[derive(Debug, Default)]
pub struct Clients<'a> {
    /// Names of the groups, in the order in which the script first brings them in.
    groups: Vec<&'a str>,
    all: BTreeMap<u32, Client<'a>>,
    /// Accounts by label: (number of the event, account).
    pub accounts: BTreeMap<&'a str, (u64, &'a Usage)>,
    /// Give-ups in order: (number of the event, why).
    pub give_ups: Vec<(u64, &'a str)>,
    /// Settled moments in order: (number of the event, time in ns, processor time so far in ns).
    pub rests: Vec<(u64, u64, u64)>,
    /// How the submission's own process ended: event, status, signal.
    pub exit: Option<(u64, Option<i32>, Option<i32>)>,
    /// Where the submission was expected to serve.
    pub port: Option<u16>,
}

/// One client.
#[derive(Debug, Default)]
pub struct Client<'a> {
    group: usize,
    /// Number of the event that says so.
    pub opened: Option<u64>,
    pub refused: Option<u64>,
    pub finished: Option<u64>,
    /// How its connection ended.
    pub end: Option<(u64, ClientEnding)>,
    /// First wrong byte: event, offset, what was due, what came.
    pub mismatch: Option<(u64, u64, &'a str, &'a str)>,
    /// Letters that came back as they were sent.
    pub unraised: u64,
    /// What it asked and was told, where it speaks in lines.
    pub lines: Lines<'a>,
    /// When something came from it, and when its connection ended.
    pub activity: Activity,
    /// Bytes in all, by event.
    sent: Vec<(u64, u64)>,
    received: Vec<(u64, u64)>,
}

impl<'a> Clients<'a> {
    /// With a peer, the connections to it are the first group.
    pub(super) fn new(script: &'a [Step], peer: bool) -> Clients<'a> {
        let mut groups: Vec<&str> = if peer { vec![PEER] } else { Vec::new() };
        for step in script {
            let group = match step {
                Step::Connect(connect) => &connect.group,
                Step::Visit(visit) => &visit.group,
                _ => continue,
            };
            if !groups.contains(&group.as_str()) {
                groups.push(group);
            }
        }
        Clients {
            groups,
            ..Clients::default()
        }
    }

    pub(super) fn take(&mut self, record: &'a Record) {
        let n = record.n;
        match &record.event {
            Event::Target { addr } => self.port = Some(addr.port()),
            Event::ClientOpen {
                client,
                group,
                begun,
            } => {
                let entry = self.all.entry(*client).or_default();
                (entry.group, entry.opened) = (usize::from(*group), Some(n));
                entry.activity.opened(record.t, *begun);
            }
            Event::ClientRefused { client, group, .. } => {
                let entry = self.all.entry(*client).or_default();
                (entry.group, entry.refused) = (usize::from(*group), Some(n));
            }
            Event::ClientSent {
                client,
                total,
                begun,
            } => {
                let entry = self.entry(*client);
                entry.sent.push((n, *total));
                entry.activity.sent(*total, *begun);
            }
            Event::ClientReceived {
                client,
                total,
                unraised,
            } => {
                let entry = self.entry(*client);
                entry.received.push((n, *total));
                entry.activity.received(*total, record.t);
                entry.unraised = *unraised;
            }
            Event::ClientAsked { client, line, item } => {
                self.entry(*client).lines.asked.push((n, line, *item));
            }
            Event::ClientTold { client, line } => {
                self.entry(*client).lines.told.push((n, line));
            }
            Event::ClientFinished { client } => self.entry(*client).finished = Some(n),
            Event::ClientMismatch {
                client,
                at,
                expected,
                got,
            } => {
                self.entry(*client)
                    .mismatch
                    .get_or_insert((n, *at, expected, got));
            }
            Event::ClientEnd { client, how } => {
                let entry = self.entry(*client);
                entry.end = Some((n, *how));
                entry.activity.ended = Some(record.t);
            }
            Event::Usage(usage) => {
                self.accounts.insert(&usage.label, (n, usage));
            }
            Event::GaveUp { why, .. } => self.give_ups.push((n, why)),
            Event::Settled(settled) => self.rests.push((n, record.t, settled.cpu_ns)),
            Event::Exited { status, signal } => self.exit = Some((n, *status, *signal)),
            _ => {}
        }
    }

    fn entry(&mut self, client: u32) -> &mut Client<'a> {
        self.all.entry(client).or_default()
    }

    /// The clients of a group that came to a connection or were refused one.
    pub fn of(&self, group: &str) -> impl Iterator<Item = (u32, &Client<'a>)> {
        let number = self.groups.iter().position(|g| *g == group);
        self.all
            .iter()
            .filter(move |(_, c)| Some(c.group) == number)
            .map(|(id, c)| (*id, c))
    }

    /// All clients.
    pub fn everyone(&self) -> impl Iterator<Item = (u32, &Client<'a>)> {
        self.all.iter().map(|(id, c)| (*id, c))
    }

    /// Why the step that ended at event `n` was given up: the last word before that.
    pub fn gave_up_before(&self, n: u64) -> Option<(u64, &'a str)> {
        self.give_ups.iter().rev().find(|(at, _)| *at < n).copied()
    }
}

impl Client<'_> {
    /// Bytes sent, and bytes that came back, up to event `n`.
    pub fn bytes_at(&self, n: u64) -> (u64, u64) {
        let last = |all: &[(u64, u64)]| {
            all.iter()
                .rev()
                .find(|(at, _)| *at <= n)
                .map_or(0, |(_, total)| *total)
        };
        (last(&self.sent), last(&self.received))
    }

    /// Bytes sent, and bytes that came back, in all.
    pub fn bytes(&self) -> (u64, u64) {
        self.bytes_at(u64::MAX)
    }

    /// Event that told of bytes last.
    pub fn last_received(&self) -> Option<u64> {
        self.received.last().map(|(n, _)| *n)
    }

    /// The submission ended the connection, before event `n`.
    pub fn cut_off_before(&self, n: u64) -> bool {
        self.end
            .is_some_and(|(at, how)| at <= n && how != ClientEnding::World)
    }
}

/// Bytes that the script lets each client of the group say before the step of this index. Messages of
/// wide characters may be a little shorter.
pub fn said_before(view: &View, group: &str, step: usize) -> u64 {
    let plan = view.plan();
    let said = |step: &Step| match step {
        Step::Send(send) if send.group == group => Some(match &send.text {
            Some(text) => text.len() as u64,
            None => plan.amount(&send.size).unwrap_or(0),
        }),
        _ => None,
    };
    plan.script.iter().take(step).filter_map(said).sum()
}
