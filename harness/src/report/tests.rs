use std::collections::BTreeMap;

use super::*;
use crate::check::{Code, Finding, Verdict};
use crate::task::Task;

const TASK: &str = r#"
schema: 1
task: fetcher
title: { en: Fetch with a limit, ru: Загрузка с пределом }
teaches: { en: "x" }
kind: client
run: [fetcher, -c, "{limit}", "{urls}"]
scenarios:
  - scenario: limit
    title: { en: "Limits" }
    with: [{ limit: 1 }, { limit: 3 }]
    script: [open, exit]
    checks:
      - { check: reaches-limit, title: { en: Reaches the limit, ru: Достигает предела }, rule: { reaches: { in_flight: limit } }, points: 12, link: reach }
      - { check: keeps-limit, title: { en: Never passes the limit, ru: Не превышает предел }, rule: { never_exceeds: { in_flight: limit } }, points: 12.5, link: limit, hint: { en: Mind the comparison. } }
  - scenario: output
    title: { en: "Output" }
    script: [open, exit]
    checks:
      - { check: prints, title: { en: Prints a line for each URL, ru: Печатает строку для каждого адреса }, rule: { prints_results: {} }, points: 4 }
      - { check: secret, title: { en: A hidden one }, rule: { each_once: {} }, points: 3, visibility: hidden }
"#;

/// Text of a submission that tries everything.
const NASTY: &str = "\u{1b}[2J\u{1b}]0;owned\u{7}</summary><script>alert(1)</script>\n```\n# not a heading\n::error::no\n<!-- ]]> &amp; \u{202e}gpj";

fn task() -> Task {
    serde_yaml::from_str(TASK).unwrap()
}

fn finding(check: &str, verdict: Verdict) -> Finding {
    let scenario = if ["prints", "secret"].contains(&check) {
        "output"
    } else {
        "limit"
    };
    let with = match scenario {
        "limit" => [("limit".to_owned(), crate::task::Value::Int(3))].into(),
        _ => Params::new(),
    };
    Finding {
        check: check.into(),
        scenario: scenario.into(),
        with,
        run: format!("{scenario}-1"),
        verdict,
    }
}

fn reached() -> Verdict {
    Verdict::new(Code::Reached)
        .fact("limit", 3u32)
        .fact("most", 3u32)
        .seen([4, 5, 6])
}

fn exceeded() -> Verdict {
    Verdict::new(Code::Exceeded)
        .fact("limit", 3u32)
        .fact("most", 4u32)
        .fact("target", "alpha.test/x")
        .seen([9, 4, 5, 6])
}

fn once() -> Verdict {
    Verdict::new(Code::Once).fact("total", 20u32)
}

fn printed() -> Verdict {
    Verdict::new(Code::Printed).fact("lines", 1u32)
}

fn report_of(verdicts: [Verdict; 4], language: &str, change: impl FnOnce(&mut Material)) -> Report {
    let task = task();
    let names = ["reaches-limit", "keeps-limit", "prints", "secret"];
    let findings: Vec<Finding> = names
        .iter()
        .zip(verdicts)
        .map(|(n, v)| finding(n, v))
        .collect();
    let run = |name: &str, stderr: &str| Run {
        run: name.into(),
        scenario: name.trim_end_matches("-1").into(),
        with: Params::new(),
        seed: 7,
        ending: "status 0".into(),
        evidence: format!("runs/{name}/evidence.jsonl"),
        stderr: clean::tail(stderr, 2000),
    };
    let mut material = Material {
        task: &task,
        only: None,
        submission: "my-fetcher",
        language,
        tier: Tier::Full,
        seed: 42,
        host: BTreeMap::new(),
        findings: &findings,
        runs: vec![run("limit-1", ""), run("output-1", NASTY)],
        build: None,
        faults: vec![],
    };
    change(&mut material);
    let mut report = build(material);
    report.gradus = "0.0.0".into();
    report
}

pub(super) fn passing() -> Report {
    report_of(
        [
            reached(),
            Verdict::new(Code::Kept)
                .fact("limit", 3u32)
                .fact("most", 3u32),
            printed(),
            once(),
        ],
        "en",
        |_| {},
    )
}

pub(super) fn failing(language: &str) -> Report {
    let line = format!("http://alpha.test/x 200 {NASTY}");
    let wrong = Verdict::new(Code::Misprinted)
        .fact("line", line)
        .fact("expected", "URL 200 17");
    let missing = Verdict::new(Code::Missing)
        .fact("missing", 1u32)
        .fact("total", 20u32)
        .fact("target", "alpha.test/x");
    report_of([reached(), exceeded(), wrong, missing], language, |_| {})
}

pub(super) fn unsure() -> Report {
    let gave_up = Verdict::new(Code::GaveUp).fact("why", "90 s");
    report_of(
        [reached(), Verdict::new(Code::Timed), gave_up, once()],
        "en",
        |_| {},
    )
}

pub(super) fn faulty() -> Report {
    let fault = || Verdict::new(Code::Fault).fact("error", "no descriptors left");
    report_of([reached(), exceeded(), fault(), fault()], "en", |m| {
        m.faults = vec!["run output-1: no descriptors left".into()];
    })
}

pub(super) fn unbuilt() -> Report {
    report_of([reached(), exceeded(), printed(), once()], "en", |m| {
        m.findings = &[];
        m.runs.clear();
        m.build = Some(Build {
            command: vec!["cargo".into(), "build".into()],
            ok: false,
            output: format!("error[E0425]: cannot find value `x`\n{NASTY}"),
        });
    })
}

pub(super) fn all() -> [(&'static str, Report); 5] {
    [
        ("passing", passing()),
        ("failing", failing("en")),
        ("unsure", unsure()),
        ("faulty", faulty()),
        ("unbuilt", unbuilt()),
    ]
}

#[test]
fn each_format_of_each_kind_of_report() {
    for (name, report) in all() {
        insta::assert_snapshot!(
            format!("{name}-terminal"),
            terminal(&report, &Look::default())
        );
        insta::assert_snapshot!(
            format!("{name}-markdown"),
            markdown(&report, "en", Audience::Student)
        );
        insta::assert_snapshot!(
            format!("{name}-junit"),
            junit(&report, "en", Audience::Student).unwrap()
        );
        insta::assert_snapshot!(format!("{name}-json"), json(&report).unwrap());
        for (format, text) in platforms(&report, "en") {
            insta::assert_snapshot!(format!("{name}-{format}"), text);
        }
    }
}

/// What the platforms read.
fn platforms(report: &Report, language: &str) -> [(&'static str, String); 10] {
    let student = Audience::Student;
    let range = Range {
        lowest: 0.0,
        highest: 100.0,
    };
    [
        ("github", github(report, language, student)),
        ("gitlab", gitlab(report, language, student).unwrap()),
        ("gradescope", gradescope(report, language).unwrap()),
        (
            "prairielearn",
            prairielearn(report, language, student).unwrap(),
        ),
        ("autolab", autolab(report, language, student).unwrap()),
        ("classroom", classroom(report, language, student).unwrap()),
        ("vpl", vpl(report, language, student, Some(range))),
        ("coderunner", coderunner(report, language, student).unwrap()),
        ("check50", check50(report, language, student).unwrap()),
        ("tap", tap(report, language, student).unwrap()),
    ]
}

#[test]
fn other_languages_widths_and_audiences() {
    let report = failing("ru");
    let look = Look {
        color: true,
        width: 60,
        language: "ru".into(),
        audience: Audience::Teacher,
    };
    insta::assert_snapshot!(
        "russian-terminal",
        terminal(&report, &look).replace('\u{1b}', "␛")
    );
    insta::assert_snapshot!(
        "russian-markdown",
        markdown(&report, "ru", Audience::Teacher)
    );
}

#[test]
fn outcomes_and_sums_are_right() {
    let of = |r: &Report| (r.outcome, r.score, r.max_score, r.undecided);
    assert_eq!(of(&passing()), (Outcome::Pass, 31.5, 31.5, 0.0));
    assert_eq!(of(&failing("en")), (Outcome::Fail, 12.0, 31.5, 0.0));
    assert_eq!(of(&unsure()), (Outcome::Inconclusive, 15.0, 31.5, 16.5));
    assert_eq!(of(&faulty()), (Outcome::HarnessFault, 12.0, 31.5, 7.0));
    assert_eq!(of(&unbuilt()), (Outcome::Fail, 0.0, 31.5, 0.0));
}

#[test]
fn only_the_checks_asked_for_are_there_and_none_goes_missing() {
    static ONLY: std::sync::LazyLock<[String; 2]> =
        std::sync::LazyLock::new(|| ["prints".to_owned(), "keeps-limit".to_owned()]);
    let report = report_of([reached(), exceeded(), printed(), once()], "en", |m| {
        m.only = Some(&*ONLY);
        m.findings = &m.findings[2..3];
    });
    let all: Vec<_> = report
        .findings
        .iter()
        .map(|f| (f.check.as_str(), f.code.as_str()))
        .collect();
    assert_eq!(
        all,
        [
            ("keeps-limit", "evidence.partial"),
            ("prints", "output.right")
        ]
    );
    assert_eq!(report.max_score, 16.5);
}

#[test]
fn no_text_of_a_submission_reaches_a_screen_raw() {
    for (_, report) in all() {
        let plain = |text: &str| {
            text.chars().all(|c| c == '\n' || !c.is_control()) && !text.contains('\u{202e}')
        };
        assert!(plain(&terminal(
            &report,
            &Look {
                audience: Audience::Teacher,
                ..Look::default()
            }
        )));
        let page = markdown(&report, "en", Audience::Teacher);
        assert!(plain(&page));
        assert!(plain(&junit(&report, "en", Audience::Teacher).unwrap()));
        let outside_fences: String = outside_fences(&page);
        assert!(!outside_fences.contains("<script>"), "{outside_fences}");
        assert!(
            !outside_fences.contains("</summary><script"),
            "{outside_fences}"
        );
    }
}

fn outside_fences(page: &str) -> String {
    let (mut fence, mut text) = (None::<String>, String::new());
    for line in page.lines() {
        let ticks: String = line.chars().take_while(|c| *c == '`').collect();
        match &fence {
            Some(open) if ticks == *open && line == ticks => fence = None,
            None if ticks.len() >= 3 => fence = Some(ticks),
            None => text.push_str(line),
            Some(_) => {}
        }
    }
    assert!(fence.is_none(), "a fence stays open");
    text
}

#[test]
fn hidden_checks_show_neither_their_name_nor_their_points_to_students() {
    let report = failing("en");
    let platforms = platforms(&report, "en");
    for (format, text) in &platforms {
        // Gradescope hides tests by itself; the others know no hiding.
        assert_eq!(
            text.contains("secret"),
            *format == "gradescope",
            "{format}: {text}"
        );
    }
    for text in [
        terminal(&report, &Look::default()),
        markdown(&report, "en", Audience::Student),
        junit(&report, "en", Audience::Student).unwrap(),
    ] {
        assert!(!text.contains("secret") && !text.contains("31.5"), "{text}");
    }
    assert!(
        terminal(
            &report,
            &Look {
                audience: Audience::Teacher,
                ..Look::default()
            }
        )
        .contains("secret")
    );
    assert!(json(&report).unwrap().contains("secret"));
}

#[test]
fn a_summary_stays_within_githubs_bound() {
    let mut report = failing("en");
    report.runs = (0..100)
        .map(|_| Run {
            stderr: "x".repeat(50_000),
            ..report.runs[1].clone()
        })
        .collect();
    let page = markdown(&report, "en", Audience::Teacher);
    assert!(page.len() <= markdown::MOST);
    assert!(page.contains("left out"));
}

#[test]
fn json_is_read_back_and_fits_its_schema() {
    let schema = serde_json::to_value(schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (_, report) in all() {
        let text = json(&report).unwrap();
        assert_eq!(from_json(&text).unwrap(), report);
        let value = serde_json::from_str(&text).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|e| e.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}");
    }
}

#[test]
fn terminal_lines_keep_the_width() {
    for width in [40, 60, 100] {
        let look = Look {
            width,
            audience: Audience::Teacher,
            ..Look::default()
        };
        let text = terminal(&failing("en"), &look);
        for line in text.lines().filter(|l| !l.contains('│')) {
            let single_word = line.split_whitespace().count() == 1;
            assert!(
                line.chars().count() <= width || single_word,
                "{width}: {line}"
            );
        }
    }
}
