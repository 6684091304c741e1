//! `gradus doctor`: what this host gives, why, and how to get more.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use super::args::Doctor;
use super::exit::{Exit, Failure};
use super::out;
use crate::arena::probe::{Host, probe};
use crate::evidence::Tier;
use crate::report::audience::tier_name;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Yellow.on_default();
const STRONG: Style = Style::new().bold();

/// `gradus doctor`.
///
/// # Errors
/// If it can't be printed.
pub fn doctor(args: &Doctor) -> Result<Exit, Failure> {
    let host = probe();
    let text = if args.json {
        // Plain strings: there is nothing in it that JSON can't hold.
        serde_json::to_string_pretty(&host).unwrap_or_default() + "\n"
    } else {
        render(&host)
    };
    out::print(&text)?;
    Ok(Exit::Passed)
}

fn render(host: &Host) -> String {
    let mut text = String::new();
    let widest = host
        .facts
        .iter()
        .map(|fact| fact.name.len())
        .max()
        .unwrap_or(0);
    for fact in &host.facts {
        let (sign, style) = if fact.ok { ("✓", GOOD) } else { ("✗", BAD) };
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "{style}{sign}{style:#} {STRONG}{:widest$}{STRONG:#}  {}",
            fact.name, fact.value
        );
        if !fact.ok {
            let _ = writeln!(text, "  {:widest$}  for: {}", "", fact.why);
            if !fact.mend.is_empty() {
                let _ = writeln!(text, "  {:widest$}  how: {}", "", fact.mend);
            }
        }
    }
    let tier = tier_name(host.best_tier);
    let _ = writeln!(
        text,
        "\n{STRONG}tier {tier}{STRONG:#}: {}",
        means(host.best_tier)
    );
    text
}

fn means(tier: Tier) -> &'static str {
    match tier {
        Tier::Full => "every run has namespaces of its own; all checks can be decided",
        Tier::Reduced => {
            "no namespaces: runs are kept apart by the syscall filter, Landlock and limits, on free ports"
        }
        Tier::Portable => "settling is timed: what hangs on it stays undecided",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arena::probe::Fact;

    #[test]
    fn what_is_missing_comes_with_its_remedy() {
        let fact = |name: &str, ok| Fact {
            name: name.into(),
            ok,
            value: "v".into(),
            why: "holding calls".into(),
            mend: "sudo it".into(),
        };
        let host = Host {
            facts: vec![fact("kernel", true), fact("notify", false)],
            best_tier: Tier::Reduced,
        };
        let text = anstream::adapter::strip_str(&render(&host)).to_string();
        assert!(text.starts_with("✓ kernel  v\n✗ notify  v\n"), "{text}");
        assert!(
            text.contains("for: holding calls\n") && text.contains("how: sudo it\n"),
            "{text}"
        );
        assert!(text.contains("tier reduced: "), "{text}");
    }
}
