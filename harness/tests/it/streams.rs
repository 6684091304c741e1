//! Worlds without a network: standard streams, children and a disk, with programs of a shell.

use super::place::Place;

/// A pack around one scenario.
fn pack(task: &str, run: &str, scenario: &str) -> String {
    format!(
        "schema: 1\ntask: {task}\ntitle: {{ en: A task }}\nteaches: {{ en: Much. }}\nkind: program\n\
         run: {run}\nlimits: {{ wall_s: 60, idle_s: 10 }}\nscenarios:\n  - scenario: s\n    title: {{ en: S }}\n{scenario}"
    )
}

/// Grades a shell script; gives the code of each check's finding, and the tier.
fn codes(place: &Place, task: &str, script: &str) -> (Vec<(String, String)>, String) {
    place.script("program", script);
    let said = place.gradus(&[
        "grade",
        task,
        "program",
        "--out",
        "r.json",
        "-q",
        "--exit-zero",
    ]);
    said.code(0);
    let report: serde_json::Value = serde_json::from_str(&place.read("r.json")).expect("json");
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let findings = report["findings"].as_array().expect("findings");
    let codes = findings
        .iter()
        .map(|f| (text(&f["check"]), text(&f["code"])));
    (codes.collect(), text(&report["tier"]))
}

fn has(codes: &[(String, String)], check: &str, code: &str) {
    let found = codes.iter().find(|(name, _)| name == check);
    assert_eq!(
        found.map(|(_, code)| code.as_str()),
        Some(code),
        "{codes:?}"
    );
}

const SIEVE: &str = "    with: [{ pattern: tea }]
    world: { input: {} }
    script:
      - settle
      - feed: { lines: 2, holding: pattern }
      - settle
      - feed: { lines: 3 }
      - feed: { holding: pattern, newline: false }
      - end_input
      - exit
    checks:
      - { check: passes, title: { en: P }, points: 1, rule: { filters: { holding: pattern } } }
      - { check: at-once, title: { en: A }, points: 1, rule: { filters_at_once: { holding: pattern } } }
";

#[test]
fn a_filter_is_judged_by_what_it_says_when() {
    let place = Place::new();
    let sieve = pack("sieve", "[sieve, '{pattern}']", SIEVE);
    place.write("tasks/sieve/task.yaml", &sieve);
    place.write("tasks/sieve/statement.md", "# Sieve\n");
    let read = "while IFS= read -r line || [ -n \"$line\" ]; do case $line in *\"$1\"*)";
    let prompt = format!("{read} printf '%s\\n' \"$line\";; esac; done\n");
    let (found, tier) = codes(&place, "sieve", &prompt);
    has(&found, "passes", "filter.right");
    has(&found, "at-once", "filter.at_once");
    let late = format!("kept=\n{read} kept=\"$kept$line\n\";; esac; done\nprintf '%s' \"$kept\"\n");
    let (found, _) = codes(&place, "sieve", &late);
    has(&found, "passes", "filter.right");
    if tier != "portable" {
        has(&found, "at-once", "filter.late");
    }
}

const POOL: &str = "    with: [{ limit: 1 }]
    world:
      children:
        - { count: 2, waits: own }
        - { waits: nested, exit: 3, prints: halves }
    script:
      - until: { in_flight: 1 }
      - settle
      - release: { count: 1 }
      - until: { requests: 2 }
      - settle
      - open
      - exit
    checks:
      - { check: one, title: { en: O }, points: 1, rule: { reaches: { in_flight: limit } } }
      - { check: no-more, title: { en: N }, points: 1, rule: { never_exceeds: { in_flight: limit } } }
      - { check: exits, title: { en: E }, points: 1, rule: { prints_exits: {} } }
      - { check: output, title: { en: P }, points: 1, rule: { passes_output: {} } }
";

#[test]
fn commands_are_seen_to_run() {
    let place = Place::new();
    place.write(
        "tasks/pool/task.yaml",
        &pack("pool", "[pool, '{commands}']", POOL),
    );
    place.write("tasks/pool/statement.md", "# Pool\n");
    let each = |command: &str| {
        format!(
            "i=0\nwhile IFS= read -r line; do\n case $line in *[!\"$(printf ' \\t')\"]*) ;; *) continue;; esac\n \
             {command}\n i=$((i+1))\ndone <\"$1\"\nwait\n"
        )
    };
    let one = each(
        "sh -c \"$line; \" </dev/null | while IFS= read -r l || [ -n \"$l\" ]; do echo \"$l\"; done; echo \"$i $([ $i = 2 ] && echo 3 || echo 0)\"",
    );
    let (found, tier) = codes(&place, "pool", &one);
    has(&found, "one", "children.reached");
    if tier != "portable" {
        has(&found, "no-more", "children.kept");
    }
    has(&found, "exits", "exits.right");
    has(&found, "output", "passing.right");
    let (found, _) = codes(&place, "pool", &each("sh -c \"$line\" </dev/null &"));
    has(&found, "no-more", "children.exceeded");
}

const DISK: &str = "    world:
      disk: { fail: { ops: [open], nth: 2, errno: EMFILE } }
    script: [exit]
    checks:
      - { check: fails, title: { en: F }, points: 1, rule: { exits: { status: nonzero } } }
";

#[test]
fn the_nth_call_on_a_file_fails_as_it_is_told_to() {
    let place = Place::new();
    place.write(
        "tasks/files/task.yaml",
        &pack("files", "[files, '{out}']", DISK),
    );
    place.write("tasks/files/statement.md", "# Files\n");
    let two = "mkdir \"$1\"; echo a >\"$1/a\" || exit 0\necho b >\"$1/b\" && exit 0\nexit 7\n";
    let (found, tier) = codes(&place, "files", two);
    if tier != "portable" {
        has(&found, "fails", "ending.right");
    }
}
