//! The HTML report in a real browser. Needs Chromium, Node and playwright-core, which `ci/prepare`
//! installs; without them it says so and is skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::place::Place;

/// Passes every limit, and says on standard error whatever might script a page.
const HOSTILE: &str = r#"
import sys, threading, urllib.request
sys.stderr.write('</pre></script><script>window.owned=1</script><img src=x onerror="window.owned=1">\n')
def fetch(url):
    try:
        with urllib.request.urlopen(url) as answer:
            print(url, answer.status, len(answer.read()), flush=True)
    except OSError as error:
        print(url, 'ERROR', error, flush=True)
urls = open(sys.argv[3]).read().split()
threads = [threading.Thread(target=fetch, args=(url,)) for url in urls]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"#;

#[test]
fn a_report_is_read_clicked_and_printed_in_a_browser() {
    let Some((modules, chromium)) = browser() else {
        return;
    };
    let place = Place::new();
    place.write("hostile/main.py", HOSTILE);
    let said = place
        .command(&[
            "grade",
            "fetcher",
            "hostile",
            "--only",
            "limit,body",
            "--out",
            "r.html",
            "-q",
            "--exit-zero",
        ])
        .env_remove("GRADUS_TASKS")
        .output()
        .expect("gradus starts");
    assert!(
        said.status.success(),
        "{}",
        String::from_utf8_lossy(&said.stderr)
    );
    let page = place.read("r.html");
    assert!(
        page.contains("window.owned"),
        "the program's words are shown"
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/report.mjs");
    let shots = place.path().join("shots");
    std::fs::create_dir(&shots).expect("a folder");
    let seen = Command::new("node")
        .arg(script)
        .args([&modules, &chromium, &place.path().join("r.html"), &shots])
        .output()
        .expect("node starts");
    let err = String::from_utf8_lossy(&seen.stderr);
    assert!(seen.status.success(), "{err}");
    let seen: Value = serde_json::from_slice(&seen.stdout).expect("JSON");
    let number = |name: &str| seen[name].as_i64().unwrap_or(-1);

    assert_eq!(
        seen["requests"],
        serde_json::json!([]),
        "no request leaves the page"
    );
    assert_eq!(seen["errors"], serde_json::json!([]));
    assert_eq!(number("dialogs"), 0);
    assert_eq!(seen["owned"], true, "nothing scripts the page: {seen}");
    assert_eq!(number("scripts"), 1);
    assert_eq!(
        number("refused"),
        3,
        "the policy refuses what is injected: {seen}"
    );

    assert_eq!(seen["opened"], true);
    assert_eq!(seen["inView"], true);
    assert!(number("bars") >= 2 && number("hits") >= 1, "{seen}");
    assert_eq!(number("limit"), 1);
    assert!(number("cause") >= 1);
    assert_eq!(
        number("rows"),
        number("bars"),
        "the table has what the picture has"
    );

    let text = |name: &str| seen[name].as_str().unwrap_or_default().to_owned();
    let tabbed = seen["tabbed"].as_array().expect("a list");
    let reached = tabbed.iter().filter_map(Value::as_str);
    assert!(reached.clone().any(|one| one.starts_with("a.")), "{seen}");
    assert!(
        reached.clone().any(|one| one.starts_with("g.bar")),
        "{seen}"
    );
    assert!(text("first").contains("alpha.test/"), "{seen}");
    assert_ne!(text("first"), text("second"));
    assert_eq!(text("second"), text("hovered"));
    assert_ne!(text("last"), text("second"));

    assert_eq!(text("light"), "rgb(255, 255, 255)");
    assert_ne!(text("dark"), text("light"));
    assert_eq!(text("toggled"), text("dark"));
    assert_eq!(text("printed"), "rgb(255, 255, 255)");
    assert!(number("pdf") > 10_000);
    assert!(
        number("overflow") <= 0,
        "no sideways scrolling on a narrow screen"
    );
    for shot in ["light", "dark", "narrow", "picture"] {
        let size = std::fs::metadata(shots.join(format!("{shot}.png"))).map(|m| m.len());
        assert!(size.is_ok_and(|size| size > 5000), "{shot}");
    }
}

/// Where playwright-core and Chromium are.
fn browser() -> Option<(PathBuf, PathBuf)> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent()?;
    let modules = target.join("browser");
    let chromium = [
        "/usr/bin/chromium",
        "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
    ]
    .map(PathBuf::from)
    .into_iter()
    .find(|path| path.exists());
    let node = Command::new("node").arg("--version").output().is_ok();
    match chromium {
        Some(chromium) if node && modules.join("node_modules/playwright-core").exists() => {
            Some((modules, chromium))
        }
        _ => {
            println!(
                "skipped: needs Chromium, Node and playwright-core (ci/prepare installs them)"
            );
            None
        }
    }
}
