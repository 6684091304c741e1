//! From a scenario and a seed to the plan of one run.

use super::body::BINARY;
use super::seed::{Dice, derive};
use super::{Item, Plan, paths};
use crate::task::amount::{Amount, AmountError};
use crate::task::world::{Answer, Content, Framing, Origin, Paths, Placement};
use crate::task::{Params, Scenario, Task};

/// Most entries of a list, doubled lines included.
pub const MOST_ITEMS: u64 = 1_000_000;
/// Most peers of one kind.
pub const MOST_PEERS: u64 = 256;
/// Most hosts of an origin.
pub const MOST_HOSTS: u16 = 64;
/// Longest body, bytes.
pub const LONGEST_BODY: u64 = 1 << 30;

/// Why a scenario cannot be planned. All are mistakes in the task pack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("scenario `{scenario}` has {sets} parameter set(s), so there is no set {set}")]
    NoSuchSet {
        scenario: String,
        set: usize,
        sets: usize,
    },
    #[error("scenario `{scenario}`: world.origin.{field}: {source}")]
    Amount {
        scenario: String,
        field: &'static str,
        source: AmountError,
    },
    #[error("scenario `{scenario}`: world.origin.hosts is {hosts}; use 1 to {MOST_HOSTS}")]
    Hosts { scenario: String, hosts: u16 },
    #[error("scenario `{scenario}`: the list would have {items} entries; use at most {MOST_ITEMS}")]
    TooMany { scenario: String, items: u64 },
    #[error(
        "scenario `{scenario}`: world.origin.twice is {twice}, but there are only {pages} pages"
    )]
    Twice {
        scenario: String,
        twice: u64,
        pages: u64,
    },
    #[error(
        "scenario `{scenario}`: world.origin.size goes up to {size} bytes; use at most {LONGEST_BODY}"
    )]
    Size { scenario: String, size: u64 },
    #[error("scenario `{scenario}`: world.children: {source}")]
    Children {
        scenario: String,
        source: AmountError,
    },
    #[error("scenario `{scenario}`: {source}")]
    Site {
        scenario: String,
        source: super::site::SiteError,
    },
    #[error("scenario `{scenario}`: {source}")]
    Upstream {
        scenario: String,
        source: super::upstream::UpstreamError,
    },
    #[error("scenario `{scenario}`: world.peers.count: {source}")]
    Peers {
        scenario: String,
        source: AmountError,
    },
    #[error("scenario `{scenario}`: {status} is no final HTTP status; use 200 to 599")]
    Status { scenario: String, status: u16 },
}

/// The plan of the run of `scenario` with its parameter set number `set`. `seed` is that of the
/// whole grading; each run gets one of its own, derived from it. Equal arguments give equal plans on
/// every machine.
pub fn expand(task: &Task, scenario: &Scenario, set: usize, seed: u64) -> Result<Plan, PlanError> {
    let params = scenario.with.get(set).ok_or_else(|| PlanError::NoSuchSet {
        scenario: scenario.scenario.clone(),
        set,
        sets: scenario.with.len(),
    })?;
    let number = u32::try_from(set).unwrap_or(u32::MAX);
    let seed = derive(seed, &[&scenario.scenario, &number.to_string()]);
    let (mut site, mut upstream) = (None, None);
    let commands =
        super::children::commands(&scenario.world.children, params, seed).map_err(|source| {
            PlanError::Children {
                scenario: scenario.scenario.clone(),
                source,
            }
        })?;
    let items = match &scenario.world.origin {
        Some(origin) => List {
            name: &scenario.scenario,
            origin,
            params,
            seed,
        }
        .items()?,
        None => match &scenario.world.site {
            Some(wanted) => {
                let error = |source| PlanError::Site {
                    scenario: scenario.scenario.clone(),
                    source,
                };
                let (graph, items) = super::site::plan(wanted, params, seed).map_err(error)?;
                site = Some(graph);
                items
            }
            None => match &scenario.world.upstream {
                Some(wanted) => {
                    let error = |source| PlanError::Upstream {
                        scenario: scenario.scenario.clone(),
                        source,
                    };
                    let (cities, items) =
                        super::upstream::plan(wanted, params, seed).map_err(error)?;
                    upstream = Some(cities);
                    items
                }
                None => commands
                    .iter()
                    .enumerate()
                    .map(|(index, command)| command.item(index))
                    .collect(),
            },
        },
    };
    let mut peers = Vec::new();
    for group in &scenario.world.peers {
        let count = group.count.value(params);
        let count = count.map_err(|source| PlanError::Peers {
            scenario: scenario.scenario.clone(),
            source,
        })?;
        peers.extend((0..count.min(MOST_PEERS)).map(|_| group.does));
    }
    Dice::new(seed, "peers").shuffle(&mut peers);
    Ok(Plan {
        task: task.task.clone(),
        kind: task.kind,
        scenario: scenario.scenario.clone(),
        set: number,
        params: params.clone(),
        seed,
        command: task.run.clone(),
        world: scenario.world.clone(),
        items,
        commands,
        site,
        upstream,
        peers,
        script: scenario.script.clone(),
        limits: scenario.limits(task).clone(),
    })
}

struct List<'a> {
    name: &'a str,
    origin: &'a Origin,
    params: &'a Params,
    seed: u64,
}

impl List<'_> {
    fn items(&self) -> Result<Vec<Item>, PlanError> {
        self.check()?;
        let scenario = || self.name.to_owned();
        let pages = self.amount(&self.origin.pages, "pages")?;
        let twice = self.amount(&self.origin.twice, "twice")?;
        if twice > pages {
            return Err(PlanError::Twice {
                scenario: scenario(),
                twice,
                pages,
            });
        }
        let mut counts = Vec::with_capacity(self.origin.also.len());
        let mut total = pages.saturating_add(twice);
        for also in &self.origin.also {
            let count = self.amount(&also.count, "also.count")?;
            total = total.saturating_add(count);
            counts.push(count);
        }
        if total > MOST_ITEMS {
            return Err(PlanError::TooMany {
                scenario: scenario(),
                items: total,
            });
        }

        let mut order = Dice::new(self.seed, "order");
        let mut first = Vec::new();
        let paths = self.origin.paths;
        let mut mixed: Vec<(Answer, u32, Paths)> = (0..pages)
            .map(|page| (Answer::Status(200), if page < twice { 2 } else { 1 }, paths))
            .collect();
        for (also, count) in self.origin.also.iter().zip(counts) {
            let place = match also.place {
                Placement::First => &mut first,
                Placement::Mixed => &mut mixed,
            };
            let paths = also.paths.unwrap_or(paths);
            place.extend((0..count).map(|_| (also.answer.clone(), 1, paths)));
        }
        order.shuffle(&mut first);
        order.shuffle(&mut mixed);
        first.append(&mut mixed);

        let mut traits = Dice::new(self.seed, "items");
        let mut hosts = Hosts::new(self.origin.hosts);
        let mut hostile = 0;
        Ok(first
            .into_iter()
            .enumerate()
            .map(|(index, (answer, listed, paths))| {
                let nth = hostile;
                hostile += usize::from(paths == Paths::Hostile);
                let path = |shape, tag| paths::path(paths, nth, shape, tag, index);
                self.item(index, answer, listed, path, &mut hosts, &mut traits)
            })
            .collect())
    }

    fn item(
        &self,
        index: usize,
        answer: Answer,
        listed: u32,
        path: impl FnOnce(u64, u64) -> String,
        hosts: &mut Hosts,
        dice: &mut Dice,
    ) -> Item {
        // Everything is drawn for every item, so that one entry's kind doesn't shift the others.
        let (tag, shape) = (dice.number() & 0xffff_ffff, dice.number());
        let size = dice.between(self.origin.size.min, self.origin.size.max);
        let (form, body) = (dice.number(), dice.number());
        let host = hosts.next(dice);
        Item {
            host,
            path: match answer {
                Answer::Malformed => malformed(shape, tag, index),
                _ => path(shape, tag),
            },
            size: match answer {
                Answer::Status(204 | 205 | 304) => 0,
                Answer::Refused | Answer::Reset | Answer::Garbage | Answer::Malformed => 0,
                // Within a body there must be an inside.
                Answer::ResetInside | Answer::Truncated => size.max(2),
                _ => size,
            },
            framing: framing(&answer, self.origin.framing, form),
            answer,
            body: match self.origin.content {
                Content::Text => body & !BINARY,
                Content::Binary => body | BINARY,
            },
            listed,
            text: None,
        }
    }

    fn amount(&self, amount: &Amount, field: &'static str) -> Result<u64, PlanError> {
        amount
            .value(self.params)
            .map_err(|source| PlanError::Amount {
                scenario: self.name.to_owned(),
                field,
                source,
            })
    }

    fn check(&self) -> Result<(), PlanError> {
        let scenario = || self.name.to_owned();
        let origin = self.origin;
        if !(1..=MOST_HOSTS).contains(&origin.hosts) {
            return Err(PlanError::Hosts {
                scenario: scenario(),
                hosts: origin.hosts,
            });
        }
        if origin.size.max > LONGEST_BODY {
            return Err(PlanError::Size {
                scenario: scenario(),
                size: origin.size.max,
            });
        }
        for also in &origin.also {
            if let Answer::Status(status) = also.answer
                && !(200..600).contains(&status)
            {
                return Err(PlanError::Status {
                    scenario: scenario(),
                    status,
                });
            }
        }
        Ok(())
    }
}

/// Deals hosts so that any run of neighbours in the list is spread over all of them: a limit that a
/// program keeps for each host by itself then shows with the first entries.
struct Hosts {
    round: Vec<u16>,
    at: usize,
}

impl Hosts {
    fn new(hosts: u16) -> Hosts {
        Hosts {
            round: (0..hosts).collect(),
            at: 0,
        }
    }

    fn next(&mut self, dice: &mut Dice) -> u16 {
        if self.at == 0 {
            dice.shuffle(&mut self.round);
        }
        let host = self.round[self.at];
        self.at = (self.at + 1) % self.round.len();
        host
    }
}

fn framing(answer: &Answer, wanted: Framing, form: u64) -> Framing {
    // An answer that breaks off must have promised its end. By its length: where the connection is to be closed
    // anyway, some clients (undici among them) take its end, and even its reset, for the end of a chunked body.
    match (answer, wanted) {
        (Answer::Truncated | Answer::ResetInside, _) => Framing::Length,
        (_, Framing::Mixed) => {
            [Framing::Length, Framing::Chunked, Framing::Close][(form % 3) as usize]
        }
        (_, framing) => framing,
    }
}

/// A line that no reader of URLs takes for one. None of them names a host that could be asked.
fn malformed(shape: u64, tag: u64, index: usize) -> String {
    match shape % 4 {
        0 => format!("nonsense-{index}-{tag:08x}"),
        1 => format!("http://[{tag:08x}/{index}"),
        2 => format!("http://alpha.test:port-{index}/{tag:08x}"),
        _ => format!("http:///{index}/{tag:08x}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::evidence::Point;
    use crate::task::amount::Value;
    use crate::task::{Kind, Limits};

    fn task(origin: serde_json::Value) -> Task {
        let scenario = serde_json::json!({
            "scenario": "s", "title": {"en": "S"}, "with": [{"limit": 3}, {"limit": 10}],
            "world": {"origin": origin}, "script": ["open"], "checks": [],
        });
        Task {
            schema: 1,
            task: "t".into(),
            title: Default::default(),
            teaches: Default::default(),
            alone: false,
            after: Vec::new(),
            kind: Kind::Client,
            run: vec!["t".into(), "-c".into(), "{limit}".into()],
            placeholders: Vec::new(),
            limits: Limits::default(),
            scenarios: vec![serde_json::from_value(scenario).expect("a scenario")],
        }
    }

    fn plan(origin: serde_json::Value, set: usize, seed: u64) -> Result<Plan, PlanError> {
        let task = task(origin);
        expand(&task, &task.scenarios[0], set, seed)
    }

    fn rich() -> serde_json::Value {
        serde_json::json!({
            "hosts": 3, "pages": "4 * limit", "size": "1KiB..32KiB", "framing": "mixed", "gate": "head", "twice": 2,
            "also": [
                {"count": 2, "answer": "reset_inside"}, {"count": 2, "answer": "malformed"},
                {"count": "limit", "answer": "refused", "place": "first"}, {"count": 1, "answer": {"status": 204}},
            ],
        })
    }

    #[test]
    fn a_plan_is_the_same_on_every_machine() {
        let plan = plan(rich(), 0, 42).expect("a plan");
        assert_eq!(plan.seed, 10_890_983_152_467_530_677);
        let text = serde_json::to_string(&plan.items[3]).expect("json");
        let want = r#"{"host":1,"path":"/cdb4e335/p3.txt","answer":{"status":200},"framing":"close","size":11964,"body":9135617030606846822,"listed":1}"#;
        assert_eq!(text, want);
        let digest = crate::plan::digest(&plan.items[3]);
        assert_eq!(
            digest,
            "df837c48bc586b3fcbd243fe39ff46552e183799d8fd326a1ec5a574465d90ba"
        );
    }

    #[test]
    fn the_list_has_what_the_scenario_says() {
        let plan = plan(rich(), 1, 42).expect("a plan");
        let count =
            |wanted: &dyn Fn(&Item) -> bool| plan.items.iter().filter(|item| wanted(item)).count();
        assert_eq!(plan.items.len(), 40 + 2 + 2 + 10 + 1);
        assert_eq!(count(&|item| item.answer == Answer::Status(200)), 40);
        assert_eq!(count(&|item| item.listed == 2), 2);
        assert!(
            plan.items[..10]
                .iter()
                .all(|item| item.answer == Answer::Refused),
            "first means first"
        );
        assert!(plan.items.iter().all(|item| match item.answer {
            Answer::Status(200) | Answer::ResetInside => (1024..=32 << 10).contains(&item.size),
            _ => item.size == 0,
        }));
        assert!(plan.items.iter().all(|item| item.framing != Framing::Mixed));
        assert!(
            plan.items
                .iter()
                .all(|item| item.answer != Answer::ResetInside || item.framing == Framing::Length)
        );
        let framings: BTreeSet<String> = plan
            .items
            .iter()
            .map(|item| format!("{:?}", item.framing))
            .collect();
        assert_eq!(framings.len(), 3);
        let paths: BTreeSet<_> = plan.items.iter().map(|item| &item.path).collect();
        assert_eq!(paths.len(), plan.items.len());
        assert_eq!(plan.params.get("limit"), Some(&Value::Int(10)));
        assert_eq!(
            plan.world.origin.as_ref().and_then(|origin| origin.gate),
            Some(Point::Head)
        );
    }

    #[test]
    fn neighbours_in_the_list_are_spread_over_the_hosts() {
        let plan = plan(rich(), 1, 7).expect("a plan");
        for round in plan.items.chunks_exact(3) {
            let hosts: BTreeSet<u16> = round.iter().map(|item| item.host).collect();
            assert_eq!(hosts.len(), 3);
        }
    }

    #[test]
    fn runs_are_independent_of_each_other() {
        let seeds: BTreeSet<u64> = [(0, 1), (1, 1), (0, 2)]
            .iter()
            .map(|(set, seed)| plan(rich(), *set, *seed).expect("a plan").seed)
            .collect();
        assert_eq!(seeds.len(), 3);
        assert_eq!(plan(rich(), 0, 1), plan(rich(), 0, 1));
    }

    #[test]
    fn mistakes_are_refused_with_their_place() {
        let refusal = |origin| plan(origin, 0, 1).expect_err("it is refused").to_string();
        assert!(
            plan(rich(), 2, 1)
                .expect_err("it is refused")
                .to_string()
                .contains("no set 2")
        );
        assert!(
            refusal(serde_json::json!({"pages": "limt"}))
                .contains("world.origin.pages: unknown parameter `limt`")
        );
        assert!(refusal(serde_json::json!({"pages": 2, "twice": 3})).contains("twice is 3"));
        assert!(refusal(serde_json::json!({"pages": 2, "hosts": 0})).contains("use 1 to 64"));
        assert!(refusal(serde_json::json!({"pages": 2, "hosts": 65})).contains("use 1 to 64"));
        assert!(refusal(serde_json::json!({"pages": 2_000_000})).contains("at most"));
        assert!(refusal(serde_json::json!({"pages": 1, "size": "2GiB"})).contains("at most"));
        let status =
            serde_json::json!({"pages": 1, "also": [{"count": 1, "answer": {"status": 100}}]});
        assert!(refusal(status).contains("100"));
    }

    #[test]
    fn a_world_without_origin_has_no_list() {
        let mut task = task(serde_json::json!({"pages": 1}));
        task.scenarios[0].world.origin = None;
        assert!(
            expand(&task, &task.scenarios[0], 0, 1)
                .expect("a plan")
                .items
                .is_empty()
        );
    }
}
