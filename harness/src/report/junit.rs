//! The report as JUnit XML, in the dialect of nextest: what continuous integration shows.
//!
//! A failed check is a `failure`, a fault of the harness an `error`, what could not be decided is
//! `skipped`. Points don't exist in JUnit: they are carried as properties, and a grade is never to
//! be inferred from this file.

use quick_junit::{NonSuccessKind, SerializeError, TestCase, TestCaseStatus, TestSuite};

use super::audience::{Audience, seen_by, tier_name};
use super::clean::{clean, clean_line};
use super::params::params;
use super::text::of;
use super::words::Words;
use super::{Report, ReportFinding};
use crate::check::Outcome;

/// Renders the report, with words of this language.
///
/// # Errors
/// Those of the XML writer.
pub fn junit(
    report: &Report,
    language: &str,
    audience: Audience,
) -> Result<String, SerializeError> {
    let words = Words::of(language);
    let mut xml = quick_junit::Report::new("gradus");
    let mut general = TestSuite::new(format!("{}.gradus", report.task));
    for (name, value) in [
        ("gradus.version", report.gradus.clone()),
        ("gradus.submission", clean_line(&report.submission, 200)),
        ("gradus.outcome", words.outcome(report.outcome).to_owned()),
        ("gradus.seed", report.seed.to_string()),
        ("gradus.tier", tier_name(report.tier).to_owned()),
    ] {
        general.add_property((name, value.as_str()));
    }
    if audience == Audience::Teacher && !report.unguarded.is_empty() {
        let gaps: Vec<&str> = report.unguarded.iter().map(|g| g.words(language)).collect();
        general.add_property(("gradus.unguarded", gaps.join("; ").as_str()));
    }
    let (findings, hidden) = seen_by(report, audience);
    if hidden.is_empty() {
        general.add_property(("gradus.points", report.score.to_string().as_str()));
        general.add_property(("gradus.max_points", report.max_score.to_string().as_str()));
        general.add_property(("gradus.undecided", report.undecided.to_string().as_str()));
    }
    if let Some(build) = &report.build {
        let mut status = TestCaseStatus::success();
        if !build.ok {
            status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status
                .set_message(words.build_failed)
                .set_type("build.failed")
                .set_description(clean(&build.output));
        }
        general.add_test_case(case("build", &report.task, status));
    }
    for (i, fault) in report.faults.iter().enumerate() {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
        status
            .set_message(clean_line(fault, 400))
            .set_type("run.fault")
            .set_description(clean(fault));
        general.add_test_case(case(&format!("harness-{}", i + 1), &report.task, status));
    }
    xml.add_test_suite(general);

    let mut scenarios: Vec<&str> = Vec::new();
    for finding in &findings {
        if !scenarios.contains(&finding.scenario.as_str()) {
            scenarios.push(&finding.scenario);
        }
    }
    for scenario in scenarios {
        let mut suite = TestSuite::new(format!("{}.{scenario}", report.task));
        for finding in findings.iter().filter(|f| f.scenario == scenario) {
            suite.add_test_case(test_case(report, finding, language, words));
        }
        xml.add_test_suite(suite);
    }
    xml.to_string()
}

fn test_case(report: &Report, finding: &ReportFinding, language: &str, words: &Words) -> TestCase {
    let mut status = match finding.outcome {
        Outcome::Pass => TestCaseStatus::success(),
        Outcome::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Outcome::HarnessFault => TestCaseStatus::non_success(NonSuccessKind::Error),
        Outcome::Inconclusive => TestCaseStatus::skipped(),
    };
    if finding.outcome != Outcome::Pass {
        let mut text = vec![finding.message.clone()];
        text.push(format!("{}: {}", words.why, finding.why));
        text.push(format!("{}: {}", words.hint, finding.hint));
        text.extend(
            finding
                .link
                .as_ref()
                .map(|l| format!("{}: statement.md#{}", words.read, l.trim_start_matches('#'))),
        );
        if !finding.with.is_empty() {
            text.push(params(&finding.with));
        }
        status
            .set_message(clean_line(&finding.message, 400))
            .set_type(finding.code.as_str())
            .set_description(clean(&text.join("\n")));
    }
    let class = format!("{}.{}", report.task, finding.scenario);
    let mut case = case(&finding.check, &class, status);
    for (name, value) in [
        ("gradus.title", of(&finding.title, language).to_owned()),
        ("gradus.code", finding.code.clone()),
        ("gradus.points", finding.points.to_string()),
        ("gradus.max_points", finding.max_points.to_string()),
    ] {
        case.add_property((name, value.as_str()));
    }
    let run = report
        .runs
        .iter()
        .find(|r| r.run == finding.run && !r.stderr.is_empty());
    if let Some(run) = run.filter(|_| finding.outcome != Outcome::Pass) {
        case.set_system_err(clean(&run.stderr));
    }
    case
}

fn case(name: &str, class: &str, status: TestCaseStatus) -> TestCase {
    let mut case = TestCase::new(name, status);
    case.set_classname(class);
    case
}
