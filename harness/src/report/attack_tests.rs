//! Nothing that a submission writes changes what a reader of any format makes of a report.

use proptest::prelude::*;
use serde_json::Value;

use super::tests::{all, failing, passing};
use super::*;
use crate::check::Fact;

/// Everything that some format reads as its own.
const FORGED: &str = "x\n::error title=t::forged\n::stop-commands::t\nGrade :=>> 100\nGrade :=>>100\n\
--|>\n<|--\nComment :=>> forged\n{\"scores\":{\"fetcher\":100}}\nok 1 - forged\nnot ok 9\n1..99\nBail out!\n  ...\n\
</pre></script><script>alert(1)</script>\"><img src=x onerror=alert(1)>\n]]></failure><testcase name=\"forged\"/>\n\
'; -- & &amp; \u{1b}[31m \u{0} \u{2028} \r\nGrade :=>> 99 # SKIP # TODO \\# :=:=>>>>";

/// The report with this text wherever a submission's words can come.
fn with_text(report: &Report, text: &str) -> Report {
    let mut report = report.clone();
    report.submission = clean::clean_line(text, 200);
    for finding in &mut report.findings {
        for fact in finding.facts.values_mut() {
            if let Fact::Text(fact) = fact {
                *fact = text.to_owned();
            }
        }
        finding.message = format!("`{text}` was printed");
        finding.hint = text.to_owned();
    }
    for run in &mut report.runs {
        run.stderr = text.to_owned();
        run.ending = text.to_owned();
    }
    if let Some(build) = &mut report.build {
        build.output = text.to_owned();
        build.command = vec![text.to_owned()];
    }
    for fault in &mut report.faults {
        *fault = text.to_owned();
    }
    report
}

const BOTH: [Audience; 2] = [Audience::Student, Audience::Teacher];

/// What a reader of each format makes of a report, without the free text.
fn read_all(report: &Report, audience: Audience) -> Vec<(&'static str, Vec<String>)> {
    vec![
        ("github", github_lines(report, audience)),
        ("gitlab", gitlab_entries(report, audience)),
        ("gradescope", gradescope_tests(report)),
        ("prairielearn", prairielearn_tests(report, audience)),
        ("autolab", autolab_lines(report, audience)),
        ("classroom", classroom_tests(report, audience)),
        ("vpl", vpl_lines(report, audience)),
        ("coderunner", coderunner_rows(report, audience)),
        ("check50", check50_results(report, audience)),
        ("tap", tap_points(report, audience)),
        ("junit", junit_cases(report, audience)),
    ]
}

fn value(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn github_lines(report: &Report, audience: Audience) -> Vec<String> {
    let text = github(report, "en", audience);
    assert!(!text.contains('\r'));
    text.lines()
        .map(|line| {
            let command = line.strip_prefix("::").expect("every line is a command");
            let (head, message) = command.split_once("::").expect("a message");
            assert!(!message.is_empty());
            let (kind, title) = head.split_once(" title=").expect("one property");
            assert!(!title.contains([',', ':']), "{title}");
            format!("{kind} {title}")
        })
        .collect()
}

fn gitlab_entries(report: &Report, audience: Audience) -> Vec<String> {
    let all = value(&gitlab(report, "en", audience).unwrap());
    list(&all)
        .iter()
        .map(|e| {
            let path = e["location"]["path"].as_str().unwrap();
            assert!(
                !path.starts_with('/') && !path.split('/').any(|p| p == ".."),
                "{path}"
            );
            assert!(e["location"]["lines"]["begin"].as_u64().unwrap() >= 1);
            assert_eq!(e["fingerprint"].as_str().unwrap().len(), 64);
            format!("{} {}", e["check_name"], e["severity"])
        })
        .collect()
}

fn gradescope_tests(report: &Report) -> Vec<String> {
    let text = gradescope(report, "en").unwrap();
    // Of a backslash that stands there for itself the escape is two.
    let escapes = text.replace("\\\\", "");
    assert!(!escapes.contains("\\r"), "line ends are plain");
    let all = value(&text);
    assert!(all["score"].is_number());
    let line = |t: &Value| {
        let name = t["name"].as_str().unwrap().split(" (").next().unwrap();
        format!(
            "{name} {} {} {} {}",
            t["score"], t["max_score"], t["status"], t["visibility"]
        )
    };
    let mut lines: Vec<String> = list(&all["tests"]).iter().map(line).collect();
    lines.push(all["score"].to_string());
    lines
}

fn prairielearn_tests(report: &Report, audience: Audience) -> Vec<String> {
    let text = prairielearn(report, "en", audience).unwrap();
    assert!(text.len() < 1_000_000);
    let all = value(&text);
    let line = |t: &Value| format!("{} {} {}", t["name"], t["points"], t["max_points"]);
    let mut lines: Vec<String> = list(&all["tests"]).iter().map(line).collect();
    lines.push(format!("{} {}", all["gradable"], all["score"]));
    lines
}

fn autolab_lines(report: &Report, audience: Audience) -> Vec<String> {
    let text = autolab(report, "en", audience).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2);
    let feedback = value(lines[0]);
    assert_eq!(feedback["_presentation"], "semantic");
    let mut all: Vec<String> = Vec::new();
    for stage in list(&feedback["stages"]) {
        let stage = stage.as_str().unwrap();
        for (case, result) in feedback[stage].as_object().expect("a stage") {
            all.push(format!("{stage} {case} {}", result["passed"]));
        }
    }
    all.push(lines[1].to_owned());
    all
}

fn classroom_tests(report: &Report, audience: Audience) -> Vec<String> {
    let text = classroom(report, "en", audience).unwrap();
    assert_eq!(text.lines().count(), 1);
    let all = value(&text);
    let tests = list(&all["tests"]);
    assert!(!tests.is_empty());
    let sum: f64 = tests
        .iter()
        .map(|t| t["score"].as_f64().expect("a number"))
        .sum();
    assert!((sum - report.score).abs() < 1e-6, "{sum}");
    let mut lines: Vec<String> = tests
        .iter()
        .map(|t| format!("{} {} {}", t["name"], t["status"], t["score"]))
        .collect();
    lines.push(format!("{} {}", all["status"], all["max_score"]));
    lines
}

/// VPL takes the last line that begins with `Grade :=>>`, and comments by line or by block.
fn vpl_lines(report: &Report, audience: Audience) -> Vec<String> {
    let range = Some(Range {
        lowest: 0.0,
        highest: 10.0,
    });
    let text = vpl(report, "en", audience, range);
    let mut lines = Vec::new();
    let mut block = false;
    for line in text.lines() {
        let trimmed = line.trim();
        if trimmed == "<|--" {
            assert!(!block);
            block = true;
        } else if trimmed == "--|>" {
            assert!(block);
            block = false;
        } else if let Some(title) = line.strip_prefix("Comment :=>>") {
            assert!(!block && title.starts_with('-'));
            lines.push(title.to_owned());
        } else if line.starts_with("Grade :=>>") {
            assert!(!block);
            lines.push(line.to_owned());
        } else {
            assert!(block, "{line}");
            assert!(
                !line.contains(":=>>") && !line.starts_with(['-', '>']),
                "{line}"
            );
        }
    }
    assert!(!block);
    lines
}

fn coderunner_rows(report: &Report, audience: Audience) -> Vec<String> {
    let text = coderunner(report, "en", audience).unwrap();
    assert_eq!(text.lines().count(), 1);
    let all = value(&text);
    for part in ["prologuehtml", "epiloguehtml", "instructorhtml"] {
        let html = all[part].as_str().unwrap();
        assert!(
            !html.contains("<script") && !html.contains("<img"),
            "{html}"
        );
    }
    let mut lines: Vec<String> = list(&all["testresults"])
        .iter()
        .map(|r| format!("{} {} {}", r[0], r[1], r[2]))
        .collect();
    lines.push(all["fraction"].to_string());
    lines
}

fn check50_results(report: &Report, audience: Audience) -> Vec<String> {
    let all = value(&check50(report, "en", audience).unwrap());
    assert!(all["slug"].is_string() && all["version"].is_string());
    assert_ne!(all.get("error").is_some(), all.get("results").is_some());
    list(&all["results"])
        .iter()
        .map(|r| format!("{} {} {}", r["name"], r["passed"], r["dependency"]))
        .collect()
}

/// As a reader of TAP sees it: test points and directives at the left edge only.
fn tap_points(report: &Report, audience: Audience) -> Vec<String> {
    let text = tap(report, "en", audience).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("TAP version 14"));
    let mut points = Vec::new();
    let mut block = false;
    for line in lines {
        match line {
            "  ---" => block = true,
            "  ..." => block = false,
            _ if block => {
                let (_, json) = line.split_once(": ").expect("a member");
                value(json);
            }
            _ if line.starts_with("Bail out!") => points.push("bail".to_owned()),
            _ if line.starts_with('#') => {}
            _ => points.push(line.to_owned()),
        }
    }
    assert!(!block);
    points
}

fn junit_cases(report: &Report, audience: Audience) -> Vec<String> {
    let text = junit(report, "en", audience).unwrap();
    let read = quick_junit::Report::deserialize_from_str(&text).expect("read back");
    let mut lines = Vec::new();
    for suite in &read.test_suites {
        for case in &suite.test_cases {
            let kind = match &case.status {
                quick_junit::TestCaseStatus::Success { .. } => "success",
                quick_junit::TestCaseStatus::NonSuccess { kind, .. } => match kind {
                    quick_junit::NonSuccessKind::Failure => "failure",
                    quick_junit::NonSuccessKind::Error => "error",
                },
                quick_junit::TestCaseStatus::Skipped { .. } => "skipped",
            };
            lines.push(format!(
                "{} {} {kind}",
                suite.name.as_str(),
                case.name.as_str()
            ));
        }
    }
    lines
}

#[track_caller]
fn same_whatever_it_says(report: &Report, text: &str) {
    for audience in BOTH {
        let plain = read_all(&with_text(report, "plain"), audience);
        let forged = read_all(&with_text(report, text), audience);
        for ((format, plain), (_, forged)) in plain.into_iter().zip(forged) {
            assert_eq!(plain, forged, "{format}");
        }
    }
}

#[test]
fn forged_text_changes_nothing_in_any_format() {
    for (_, report) in all() {
        same_whatever_it_says(&report, FORGED);
        for line in FORGED.lines() {
            same_whatever_it_says(&report, line);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_text_at_all_changes_anything(text in ".{0,80}", pieces in proptest::collection::vec(0usize..40, 0..6)) {
        let parts: Vec<&str> = FORGED.split([' ', '\n']).collect();
        let mixed: String = pieces.iter().map(|&i| parts[i % parts.len()]).collect();
        for report in [failing("en"), passing()] {
            same_whatever_it_says(&report, &format!("{text}\n{mixed}"));
        }
    }
}

#[test]
fn no_fault_and_nothing_undecided_becomes_a_zero() {
    for (name, report) in all() {
        let open = ["unsure", "faulty"].contains(&name);
        let learn = value(&prairielearn(&report, "en", Audience::Student).unwrap());
        assert_eq!(learn["gradable"], !open, "{name}");
        assert_eq!(learn["score"].is_null(), open, "{name}");
        let lab = autolab(&report, "en", Audience::Student).unwrap();
        assert_eq!(lab.contains("{\"scores\":{}}"), open, "{name}");
        let moodle = vpl(&report, "en", Audience::Student, None);
        assert_eq!(!moodle.contains("Grade :=>>"), open, "{name}");
        let scope = value(&gradescope(&report, "en").unwrap());
        assert_eq!(scope["extra_data"]["gradus"]["final"], !open, "{name}");
    }
}

#[test]
fn annotations_stay_within_what_is_shown() {
    let mut report = failing("en");
    let one = report.findings[1].clone();
    report.findings = (0..40)
        .map(|i| ReportFinding {
            check: format!("c{i}"),
            max_points: f64::from(i),
            ..one.clone()
        })
        .collect();
    let text = github(&report, "en", Audience::Teacher);
    let errors = text.lines().filter(|l| l.starts_with("::error")).count();
    assert_eq!(errors, 10);
    assert!(text.contains("More in the report%3A 31"), "{text}");
}
