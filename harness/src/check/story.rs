//! Handwritten evidence for tests: data in, finding out.

use std::collections::{BTreeMap, HashMap};

use super::{Outcome, Verdict, View, judge};
use crate::evidence::*;
use crate::plan::{Item, Plan};
use crate::task::rule::Rule;
use crate::task::script::Step;
use crate::task::world::{Answer, Framing, World};
use crate::task::{Kind, Limits, Params, Value};

/// The evidence of one run, written down step by step.
#[derive(Clone)]
pub struct Story {
    records: Vec<Record>,
    next: u64,
    /// Nanoseconds that the clock is ahead.
    lag: u64,
    /// Latest request for each item.
    latest: HashMap<u32, u64>,
}

/// A rule as it stands in a task pack.
pub fn rule(yaml: &str) -> Rule {
    serde_yaml::from_str(yaml).unwrap()
}

/// A script as it stands in a task pack.
pub fn script(yaml: &str) -> Vec<Step> {
    serde_yaml::from_str(yaml).unwrap()
}

pub fn page(path: &str) -> Item {
    Item {
        host: 0,
        path: path.to_owned(),
        answer: Answer::Status(200),
        framing: Framing::Length,
        size: 100,
        body: 1,
        listed: 1,
        text: None,
    }
}

pub fn entry(path: &str, answer: Answer) -> Item {
    Item {
        answer,
        ..page(path)
    }
}

/// `n` plain pages: `/0`, `/1`…
pub fn pages(n: u32) -> Vec<Item> {
    (0..n).map(|i| page(&format!("/{i}"))).collect()
}

impl Story {
    /// A program was started with this limit, list and script.
    pub fn new(limit: u64, items: Vec<Item>, script: Vec<Step>) -> Story {
        let params: Params = [("limit".to_owned(), Value::Int(limit))].into();
        let plan = Plan {
            task: "fetcher".into(),
            kind: Kind::Client,
            scenario: "s".into(),
            set: 0,
            params,
            seed: 1,
            command: vec!["fetcher".into()],
            world: World::default(),
            items,
            commands: Vec::new(),
            site: None,
            upstream: None,
            peers: Vec::new(),
            script,
            limits: Limits::default(),
        };
        let header = Header {
            format: FORMAT,
            gradus: "0".into(),
            tier: Tier::Full,
            plan,
            facilities: BTreeMap::new(),
        };
        let mut story = Story {
            records: Vec::new(),
            next: 0,
            lag: 0,
            latest: HashMap::new(),
        };
        story.push(Event::Run(Box::new(header)));
        let addr = "127.0.0.2:8000".parse().unwrap();
        let hosts = ["alpha.test", "beta.test"].map(|name| Place {
            name: name.into(),
            addr,
        });
        story.push(Event::World {
            hosts: hosts.into(),
        });
        story.push(Event::Started {
            argv: vec!["fetcher".into()],
        });
        story
    }

    pub fn header(mut self, change: impl FnOnce(&mut Header)) -> Story {
        if let Event::Run(header) = &mut self.records[0].event {
            change(header);
        }
        self
    }

    fn push(&mut self, event: Event) {
        let n = self.records.len() as u64;
        self.records.push(Record {
            n,
            t: n * 1000 + self.lag,
            event,
        });
    }

    pub fn event(mut self, event: Event) -> Story {
        self.push(event);
        self
    }

    /// The next event comes so much later, in nanoseconds.
    pub fn later(mut self, ns: u64) -> Story {
        self.lag += ns;
        self
    }

    /// Each of these is asked for on a connection of its own, and held.
    pub fn ask(mut self, items: impl IntoIterator<Item = u32>) -> Story {
        for item in items {
            let req = self.next;
            self = self.connect(req, 0).ask_on(req, item);
        }
        self
    }

    pub fn connect(self, conn: u64, host: u16) -> Story {
        self.event(Event::Connected { conn, host })
    }

    pub fn ask_on(mut self, conn: u64, item: u32) -> Story {
        let req = self.next;
        self.next += 1;
        self.latest.insert(item, req);
        self.push(Event::Request {
            req,
            conn,
            host: 0,
            method: "GET".into(),
            target: format!("/{item}"),
            item: Some(item),
        });
        self.push(Event::Parked {
            req,
            at: Point::Head,
        });
        self
    }

    /// A request for something that isn't in the list.
    pub fn stray(mut self, method: &str, target: &str, item: Option<u32>) -> Story {
        let req = self.next;
        self.next += 1;
        self.push(Event::Connected { conn: req, host: 0 });
        self.push(Event::Request {
            req,
            conn: req,
            host: 0,
            method: method.into(),
            target: target.into(),
            item,
        });
        self.answered(req, 404, 0, Ending::Complete)
    }

    fn answered(mut self, req: u64, status: u16, bytes: u64, ending: Ending) -> Story {
        self.push(Event::Answered {
            req,
            status,
            bytes,
            ending,
        });
        self.push(Event::Disconnected {
            conn: req,
            by: Side::Peer,
            requests: 1,
        });
        self
    }

    /// The script lets these go, and they are answered in full.
    pub fn release(mut self, items: impl IntoIterator<Item = u32>) -> Story {
        for item in items {
            let req = self.latest[&item];
            self.push(Event::Released {
                req,
                at: Point::Head,
            });
            self = self.answered(req, 200, 100, Ending::Complete);
        }
        self
    }

    /// The latest request for the item ends like this, and the connection stays open.
    pub fn end_kept(self, item: u32, ending: Ending) -> Story {
        let req = self.latest[&item];
        self.event(Event::Answered {
            req,
            status: 200,
            bytes: 100,
            ending,
        })
    }

    /// The connection of the item's latest request breaks before the answer begins.
    pub fn broken(self, item: u32) -> Story {
        let req = self.latest[&item];
        self.event(Event::Answered {
            req,
            status: 0,
            bytes: 0,
            ending: Ending::Reset,
        })
    }

    pub fn end_with(self, item: u32, status: u16, ending: Ending) -> Story {
        let req = self.latest[&item];
        self.answered(req, status, 50, ending)
    }

    pub fn abandon(self, items: impl IntoIterator<Item = u32>) -> Story {
        let reqs: Vec<u64> = items.into_iter().map(|i| self.latest[&i]).collect();
        reqs.into_iter()
            .fold(self, |s, req| s.event(Event::Abandoned { req }))
    }

    /// A step ends as `outcome`, the program having been seen to stand still.
    pub fn still(self, step: u32, grade: Grade, outcome: StepOutcome) -> Story {
        self.settled(grade, None).step(step, outcome)
    }

    /// Stands still for certain, but for a timer.
    pub fn still_for(self, step: u32, timer_ns: Option<u64>, outcome: StepOutcome) -> Story {
        self.settled(Grade::Certain, timer_ns).step(step, outcome)
    }

    fn settled(self, grade: Grade, timer_ns: Option<u64>) -> Story {
        let settled = Settled {
            grade,
            timer_ns,
            processes: 1,
            threads: 1,
            in_flight: 0,
            parked: 0,
            held: 0,
            unread: None,
            unused: 0,
            cpu_ns: 0,
            working_threads: 1,
            waiting_threads: Some(1),
        };
        self.event(Event::Settled(settled))
    }

    /// The program can't fulfil what the step waits for.
    pub fn stuck(self, step: u32) -> Story {
        self.still(step, Grade::Certain, StepOutcome::Stuck)
    }

    /// A settle step came to its end.
    pub fn settle(self, step: u32) -> Story {
        self.still(step, Grade::Certain, StepOutcome::Reached)
    }

    pub fn step(self, step: u32, outcome: StepOutcome) -> Story {
        self.event(Event::Step { step, outcome })
    }

    pub fn reached(self, step: u32) -> Story {
        self.step(step, StepOutcome::Reached)
    }

    pub fn out(self, text: &str) -> Story {
        self.event(Event::Output {
            stream: Stream::Out,
            data: Bytes::Text(text.into()),
        })
    }

    pub fn err(self, text: &str) -> Story {
        self.event(Event::Output {
            stream: Stream::Err,
            data: Bytes::Text(text.into()),
        })
    }

    pub fn exit(self, status: i32) -> Story {
        self.event(Event::Exited {
            status: Some(status),
            signal: None,
        })
        .event(Event::End)
    }

    pub fn killed(self, signal: i32) -> Story {
        self.event(Event::Exited {
            status: None,
            signal: Some(signal),
        })
        .event(Event::End)
    }

    /// A give-up limit ends the run; what the harness does then is no end of the program's own.
    /// The program ended, and then these were seen.
    pub fn exit_later(self, status: i32, seen: impl IntoIterator<Item = Event>) -> Story {
        let ended = self.event(Event::Exited {
            status: Some(status),
            signal: None,
        });
        seen.into_iter().fold(ended, Story::event).event(Event::End)
    }

    /// A signal ended the program, and then these were seen.
    pub fn exit_by(self, signal: i32, seen: impl IntoIterator<Item = Event>) -> Story {
        let ended = self.event(Event::Exited {
            status: None,
            signal: Some(signal),
        });
        seen.into_iter().fold(ended, Story::event).event(Event::End)
    }

    /// A settle step came to its end with so many calls held.
    pub fn settled_with_held(mut self, step: u32, held: u32) -> Story {
        self = self.settle(step);
        for record in self.records.iter_mut().rev().take(2) {
            if let Event::Settled(settled) = &mut record.event {
                settled.held = held;
            }
        }
        self
    }

    pub fn gave_up(self, settled: bool) -> Story {
        self.event(Event::GaveUp {
            settled,
            why: "90 s".into(),
        })
        .killed(9)
    }

    pub fn judge(&self, rule_yaml: &str) -> Verdict {
        judge(&rule(rule_yaml), &View::new(&self.records).unwrap())
    }
}

/// These events give this code under this rule; facts and outcome must be as the code declares.
#[track_caller]
pub fn check(story: &Story, rule_yaml: &str, code: &str) -> Verdict {
    let verdict = story.judge(rule_yaml);
    assert_eq!(verdict.code, code, "{verdict:?}");
    let known = super::Code::ALL
        .iter()
        .find(|c| c.as_str() == code)
        .expect("a declared code");
    assert_eq!(verdict.outcome, known.outcome());
    let mut facts = known.facts().to_vec();
    facts.sort_unstable();
    let given: Vec<&str> = verdict.facts.keys().map(String::as_str).collect();
    assert_eq!(given, facts, "{code}");
    let last = story.records.len() as u64;
    assert!(verdict.events.iter().all(|&n| n < last), "{verdict:?}");
    if matches!(verdict.outcome, Outcome::Fail) && code.starts_with("flight.") {
        assert!(
            !verdict.events.is_empty(),
            "a fail shows its events: {verdict:?}"
        );
    }
    verdict
}
