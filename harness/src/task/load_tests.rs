use super::*;

/// A small pack without faults; line numbers of the tests below count in it.
const GOOD: &str = "\
schema: 1
task: fetcher
title: { en: Fetcher, ru: Загрузчик }
teaches: { en: Limits }
kind: client
run: [fetcher, -c, '{limit}', '{urls}']
scenarios:
  - scenario: keeps-limit
    title: { en: Keeps its limit }
    with: [ { limit: 1 }, { limit: 3 } ]
    world:
      origin: { pages: 4 * limit, size: 1KiB..4KiB, gate: head }
    script:
      - until: { in_flight: limit }
      - settle
      - release: { count: 1 }
      - open
      - exit
    checks:
      - check: reaches
        title: { en: Reaches }
        rule: { reaches: { in_flight: limit } }
        points: 5
      - check: never-exceeds
        title: { en: Never exceeds }
        rule: { never_exceeds: { in_flight: limit } }
        points: 5
";

/// Loads the good pack with one part replaced; gives `line:column key: message | help` of each problem.
fn problems(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from:?} is not in the good pack");
    let error = load(&GOOD.replacen(from, to, 1), "t.yaml").expect_err("a fault");
    let line = |p: &Problem| {
        let mend = p.mend.as_deref().unwrap_or("-");
        format!(
            "{}:{} {}: {} | {mend}",
            p.place.line, p.place.column, p.key, p.message
        )
    };
    error.problems.iter().map(line).collect()
}

fn check(from: &str, to: &str, wanted: &[&str]) {
    let found = problems(from, to);
    assert_eq!(found.len(), wanted.len(), "{from:?} → {to:?}: {found:#?}");
    for (found, wanted) in found.iter().zip(wanted) {
        assert!(
            found.contains(wanted),
            "{from:?} → {to:?}: {found}\n lacks {wanted}"
        );
    }
}

#[test]
fn a_good_pack_is_read() {
    let task = load(GOOD, "t.yaml").expect("good");
    assert_eq!(task.scenarios[0].checks.len(), 2);
}

#[test]
fn faults_of_form_have_place_key_and_suggestion() {
    check(
        "    checks:",
        "    check:",
        &["19:5 scenarios[0].check: unknown key `check` | did you mean `checks`?"],
    );
    check(
        "kind: client",
        "kind: klient",
        &["5:7 kind: unknown word `klient` | did you mean `client`?"],
    );
    check(
        "gate: head",
        "gate: heed",
        &["unknown word `heed` | did you mean `head`?"],
    );
    check("kind: client\n", "", &["key `kind` is missing"]);
    check(
        "      - settle",
        "      - setle",
        &["15:9 scenarios[0].script[1]: unknown word `setle` | did you mean `settle`?"],
    );
    check(
        "points: 5",
        "points: many",
        &["23:17 scenarios[0].checks[0].points"],
    );
    check(
        "points: 5",
        "points: 5\n        points: 6",
        &["24:9 scenarios[0].checks[0].points: key `points` stands twice"],
    );
    check("'{urls}']", "'{urls}'", &["7:"]);
    check(
        "schema: 1\n",
        "schema: 1\n\tx: 2\n",
        &["1:9 : while scanning a plain scalar, found a tab"],
    );
    check(
        "1KiB..4KiB",
        "4KiB..1KiB",
        &["12:41 scenarios[0].world.origin.size: `4KiB..1KiB` is not a size"],
    );
}

#[test]
fn faults_of_meaning_have_place_key_and_suggestion() {
    check(
        "in_flight: limit }",
        "in_flight: limt }",
        &[
            "14:29 scenarios[0].script[0].until.in_flight: unknown parameter `limt` (this scenario has: limit) | did you mean `limit`?",
        ],
    );
    check(
        "check: never-exceeds",
        "check: reaches",
        &["24:16 scenarios[0].checks[1].check: a second check is named `reaches`"],
    );
    check(
        "rule: { reaches:",
        "rule: { refills:",
        &["26:15 scenarios[0].checks[1].rule: an upper bound"],
    );
    check(
        "points: 5",
        "points: -1",
        &["23:17 scenarios[0].checks[0].points: -1 points"],
    );
    check("points: 5", "points: .nan", &["23:17"]);
    check(
        "'{limit}'",
        "'{limt}'",
        &["6:20 run[2]: unknown placeholder `{limt}` | did you mean `{limit}`?"],
    );
    check(
        "title: { en: Keeps its limit }",
        "title: { ru: Предел }",
        &["9:12 scenarios[0].title: no English text"],
    );
    check(
        ", gate: head",
        "",
        &["16:18 scenarios[0].script[2].release: this world holds no answers"],
    );
    check(
        "      - open\n",
        "",
        &["the submission can't end while the world holds answers"],
    );
    check(
        "      - open\n",
        "      - open\n      - open\n",
        &["18:9 scenarios[0].script[4]: the gates are open already"],
    );
    check(
        "      - exit\n",
        "      - exit\n      - settle\n",
        &["19:9 scenarios[0].script[5]: nothing can happen after"],
    );
    check(
        "      - settle\n",
        "      - signal: SIGTRM\n",
        &["15:17 scenarios[0].script[1].signal: unknown signal `SIGTRM` | did you mean `TERM`?"],
    );
    check(
        "- until: { in_flight: limit }",
        "- until: {}",
        &["14:16 scenarios[0].script[0].until: nothing to wait for"],
    );
    check("schema: 1", "schema: 2", &["1:9 schema: version 2"]);
    check(
        "with: [ { limit: 1 }, { limit: 3 } ]",
        "with: []",
        &["10:11 scenarios[0].with: an empty list"],
    );
    check(
        "pages: 4 * limit",
        "pages: 2 - limit",
        &["12:24 scenarios[0].world.origin.pages: `2 - limit` is below zero"],
    );
    check(
        "scenario: keeps-limit",
        "scenario: Keeps limit",
        &["8:15 scenarios[0].scenario: `Keeps limit` can't be"],
    );
}

#[test]
fn all_faults_of_meaning_are_listed_in_the_order_of_the_file() {
    let text = GOOD
        .replace("points: 5", "points: -5")
        .replace("schema: 1", "schema: 7");
    let lines: Vec<u32> = load(&text, "t")
        .expect_err("faults")
        .problems
        .iter()
        .map(|p| p.place.line)
        .collect();
    assert_eq!(lines, [1, 8, 23, 27]);
}

#[test]
fn it_is_shown_with_line_and_caret() {
    let text = GOOD.replace("kind: client", "kind: klient");
    let shown = load(&text, "tasks/x/task.yaml")
        .expect_err("fault")
        .to_string();
    let want = "tasks/x/task.yaml:5:7: kind: unknown word `klient`\n 5 | kind: klient\n   |       ^\n   help: did you mean `client`?";
    assert_eq!(shown, want);
}

#[test]
fn long_lines_and_control_characters_are_shown_safely() {
    let text = GOOD.replace("kind: client", &format!("kind: {}", "k".repeat(5000)));
    let shown = load(&text, "t").expect_err("fault").to_string();
    assert!(
        shown.lines().nth(1).is_some_and(|l| l.len() < 120),
        "{shown}"
    );
}

#[test]
fn bombs_are_refused_quickly() {
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..30 {
        let last = i - 1;
        bomb += &format!(
            "a{i}: &a{i} [*a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}, *a{last}]\n"
        );
    }
    // As a value that is really read, not only skipped as an unknown key.
    let error = parse::<serde_json::Value>(&bomb, "t").expect_err("refused");
    assert!(
        error.problems[0].message.contains("beyond what is read"),
        "{error}"
    );
    assert!(load(&bomb, "t").is_err());
    let deep = format!("a: {}{}", "[".repeat(10_000), "]".repeat(10_000));
    assert!(parse::<serde_json::Value>(&deep, "t").is_err());
    assert!(
        load(&"x".repeat(MAX_BYTES + 1), "t")
            .expect_err("refused")
            .to_string()
            .contains("are not read")
    );
    let long = format!("a: [{}]", "1,".repeat(MAX_BYTES / 2 - 10));
    assert!(parse::<serde_json::Value>(&long, "t").is_err());
}

#[test]
fn what_is_no_task_at_all_is_an_error_not_a_panic() {
    for text in [
        "",
        "---",
        "null",
        "[]",
        "7",
        "\u{feff}",
        "a: b: c",
        "!!x y",
        "- *nobody",
        "schema: 1\n---\nschema: 1",
    ] {
        let error = load(text, "t").expect_err(text);
        assert_eq!(error.problems.len(), 1, "{text}: {error}");
    }
}
