//! From findings to the report.

use std::collections::BTreeMap;

use super::clean::{clean, clean_line, tail};
use super::text::{of, sentences};
use super::unguarded::unguarded;
use super::{Build, Report, ReportFinding, Run, SCHEMA_VERSION};
use crate::check::{Code, Fact, Finding, Outcome, Verdict, View, ending_in_words};
use crate::evidence::Tier;
use crate::score;
use crate::task::{Check, Params, Scenario, Task};

/// Longest text of a submission within a sentence, characters.
const LONGEST_FACT: usize = 200;
/// Kept of each run's standard error, bytes.
const STDERR_TAIL: usize = 2000;
/// Kept of the build's output, bytes.
const BUILD_TAIL: usize = 16_000;

/// Everything that a report is made of.
#[derive(Debug, Clone)]
pub struct Material<'a> {
    pub task: &'a Task,
    /// Names of the checks that were asked for; none: all.
    pub only: Option<&'a [String]>,
    pub submission: &'a str,
    /// Language of the sentences (`en`, `ru`).
    pub language: &'a str,
    pub tier: Tier,
    pub seed: u64,
    pub host: BTreeMap<String, String>,
    pub findings: &'a [Finding],
    pub runs: Vec<Run>,
    pub build: Option<Build>,
    pub faults: Vec<String>,
}

/// Makes the report. Pure: equal material gives an equal report.
///
/// A check that was asked for and never judged is inconclusive, or a harness fault where there were
/// any; when the build failed, nothing is judged and no points are gained.
pub fn build(material: Material) -> Report {
    let Material {
        task,
        submission,
        language,
        tier,
        seed,
        host,
        runs,
        build,
        faults,
        ..
    } = material;
    let built = build.as_ref().is_none_or(|b| b.ok);
    let mut found: Vec<Finding> = Vec::new();
    let mut findings = Vec::new();
    let mut max = 0.0;
    for (scenario, check) in asked_for(task, material.only) {
        max += check.points.max(0.0);
        if !built {
            continue;
        }
        let finding = material
            .findings
            .iter()
            .find(|f| f.check == check.check)
            .cloned();
        let finding = finding.unwrap_or_else(|| never_judged(scenario, check, &faults));
        findings.push(with_sentences(check, &finding, language));
        found.push(finding);
    }
    let score = score::of(task, &found);
    let mut outcome = score::outcome(&found);
    if !built {
        outcome = outcome.max(Outcome::Fail);
    }
    if !faults.is_empty() {
        outcome = Outcome::HarnessFault;
    }
    Report {
        schema_version: SCHEMA_VERSION,
        gradus: env!("CARGO_PKG_VERSION").to_owned(),
        task: task.task.clone(),
        pack: None,
        title: task.title.clone(),
        submission: clean_line(submission, LONGEST_FACT),
        outcome,
        score: score.gained,
        max_score: score::round(max),
        undecided: score.undecided,
        tier,
        seed,
        unguarded: unguarded(tier, &host),
        host,
        findings,
        runs,
        build: build.map(|b| Build {
            output: tail(&b.output, BUILD_TAIL),
            ..b
        }),
        faults: faults.iter().map(|f| clean(f)).collect(),
    }
}

/// What a report says of one run. `evidence` is its file, relative to the result folder.
pub fn run(name: &str, view: &View, evidence: &str) -> Run {
    let plan = view.plan();
    Run {
        run: name.to_owned(),
        scenario: plan.scenario.clone(),
        with: plan.params.clone(),
        seed: plan.seed,
        ending: clean_line(&ending_in_words(view), LONGEST_FACT),
        evidence: evidence.to_owned(),
        stderr: tail(&view.stderr(), STDERR_TAIL),
    }
}

/// Puts the sentences of a finished report into another language, with the hints of its pack. Where
/// that language has none, English stands in.
pub fn translate(report: &mut Report, task: Option<&Task>, language: &str) {
    let checks: Vec<&Check> = task
        .into_iter()
        .flat_map(|task| &task.scenarios)
        .flat_map(|scenario| &scenario.checks)
        .collect();
    for finding in &mut report.findings {
        let said = sentences(&finding.code, &finding.facts, language);
        let check = checks.iter().find(|check| check.check == finding.check);
        let own = check.map_or("", |check| of(&check.hint, language));
        finding.hint = if finding.outcome == Outcome::Fail && !own.is_empty() {
            own.to_owned()
        } else {
            said.hint
        };
        finding.message = said.message;
        finding.why = said.why;
    }
}

fn asked_for<'a>(
    task: &'a Task,
    only: Option<&'a [String]>,
) -> impl Iterator<Item = (&'a Scenario, &'a Check)> {
    task.scenarios
        .iter()
        .flat_map(|s| s.checks.iter().map(move |c| (s, c)))
        .filter(move |(_, c)| only.is_none_or(|only| only.contains(&c.check)))
}

fn never_judged(scenario: &Scenario, check: &Check, faults: &[String]) -> Finding {
    let verdict = match faults.first() {
        Some(fault) => Verdict::new(Code::Fault).fact("error", fault.as_str()),
        None => Verdict::new(Code::Partial),
    };
    Finding {
        check: check.check.clone(),
        scenario: scenario.scenario.clone(),
        with: Params::new(),
        run: String::new(),
        verdict,
    }
}

fn with_sentences(check: &Check, finding: &Finding, language: &str) -> ReportFinding {
    let verdict = &finding.verdict;
    let facts: BTreeMap<String, Fact> = verdict
        .facts
        .iter()
        .map(|(name, fact)| match fact {
            Fact::Text(text) => (name.clone(), Fact::Text(clean_line(text, LONGEST_FACT))),
            number => (name.clone(), number.clone()),
        })
        .collect();
    let said = sentences(&verdict.code, &facts, language);
    // The pack's own hint is about the mistake, not about a host that could not tell.
    let own_hint = of(&check.hint, language);
    let hint = if verdict.outcome == Outcome::Fail && !own_hint.is_empty() {
        own_hint.to_owned()
    } else {
        said.hint
    };
    let worth = check.points.max(0.0);
    ReportFinding {
        check: check.check.clone(),
        scenario: finding.scenario.clone(),
        title: check.title.clone(),
        outcome: verdict.outcome,
        code: verdict.code.clone(),
        points: score::round(score::points(verdict.outcome, check)),
        max_points: score::round(worth),
        visibility: check.visibility,
        message: said.message,
        why: said.why,
        hint,
        link: check.link.clone(),
        with: finding.with.clone(),
        facts,
        run: finding.run.clone(),
        events: verdict.events.clone(),
    }
}
