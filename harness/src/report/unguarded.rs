//! What the runs of a grading were not kept from, on the host that it took place on. Pure: follows from
//! the tier and from what the host gave.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::evidence::Tier;

/// Something that a submission could do here, and could not in tier full on a host that gives all.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Gap {
    /// Read files of the host that its user may read.
    Files,
    /// Change results, evidence and other submissions: they belong to its user.
    Results,
    /// Signal or trace processes of its user, the harness among them.
    Processes,
    /// See which processes the host runs, with their command lines.
    Visible,
    /// Reach the host's network and loopback.
    Network,
    /// Reach local sockets of the host's programs.
    Sockets,
    /// Leave something for a later run: files, shared memory, queues, keys.
    State,
    /// Use kernel interfaces past the syscall filter (io_uring, namespaces).
    Kernel,
    /// Take more memory than its scenario allows.
    Memory,
    /// Start more processes than its scenario allows.
    Forks,
}

/// The gaps of a grading in this tier; `host` is the report's member of that name.
pub fn unguarded(tier: Tier, host: &BTreeMap<String, String>) -> Vec<Gap> {
    let given = |name: &str| host.get(name).map_or("", String::as_str);
    let shared = !given("user").starts_with("root");
    let landlock: u32 = given("landlock")
        .strip_prefix("version ")
        .and_then(|version| version.parse().ok())
        .unwrap_or(0);
    let counted = |what: &str| given("cgroups").contains(&format!("{what}: cgroup"));
    let mut gaps = Vec::new();
    let mut when = |holds: bool, list: &[Gap]| {
        if holds {
            gaps.extend_from_slice(list);
        }
    };
    match tier {
        Tier::Full => {}
        Tier::Reduced => {
            when(true, &[Gap::Visible, Gap::Network, Gap::State]);
            when(landlock == 0, &[Gap::Files]);
            when(landlock == 0 && shared, &[Gap::Results]);
            // Version 6 keeps signals and abstract sockets within the wall; sockets with a path follow modes.
            when(landlock < 6 && shared, &[Gap::Processes]);
            when(landlock < 6 || shared, &[Gap::Sockets]);
        }
        Tier::Portable => {
            when(
                true,
                &[Gap::Files, Gap::Visible, Gap::Network, Gap::Sockets],
            );
            when(true, &[Gap::State, Gap::Kernel]);
            when(shared, &[Gap::Results, Gap::Processes]);
        }
    }
    // Nothing known of the host (old results): nothing is said.
    let known = host.contains_key("cgroups");
    when(known && !counted("memory"), &[Gap::Memory]);
    let own = tier == Tier::Full || !shared;
    when(known && !own && !counted("processes"), &[Gap::Forks]);
    gaps.sort();
    gaps
}

impl Gap {
    /// The gap in a few words, after "could".
    pub fn words(self, language: &str) -> &'static str {
        let (english, russian) = match self {
            Gap::Files => ("read the host's files", "читать файлы машины"),
            Gap::Results => (
                "change results and other submissions",
                "изменить результаты и чужие решения",
            ),
            Gap::Processes => (
                "signal and trace other processes of its user",
                "посылать сигналы другим процессам своего пользователя и следить за ними",
            ),
            Gap::Visible => ("see the host's processes", "видеть процессы машины"),
            Gap::Network => ("reach the network", "обращаться в сеть"),
            Gap::Sockets => (
                "reach local sockets of the host",
                "обращаться к локальным сокетам машины",
            ),
            Gap::State => (
                "leave something for a later run",
                "оставить что-то для следующего запуска",
            ),
            Gap::Kernel => (
                "use the kernel without a filter",
                "обращаться к ядру без фильтра",
            ),
            Gap::Memory => (
                "take more memory than is allowed",
                "занять больше памяти, чем разрешено",
            ),
            Gap::Forks => (
                "start more processes than are allowed",
                "запустить больше процессов, чем разрешено",
            ),
        };
        if language == "ru" { russian } else { english }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(user: &str, landlock: &str, cgroups: &str) -> BTreeMap<String, String> {
        let facts = [("user", user), ("landlock", landlock), ("cgroups", cgroups)];
        facts.map(|(k, v)| (k.to_owned(), v.to_owned())).into()
    }

    const ROOT: &str = "root: each run gets a user of its own";
    const GROUPS: &str = "memory: cgroup1, processes: cgroup1";

    #[test]
    fn a_full_tier_with_groups_has_no_gap() {
        assert_eq!(unguarded(Tier::Full, &host(ROOT, "version 7", GROUPS)), []);
        assert_eq!(unguarded(Tier::Full, &BTreeMap::new()), []);
        let none = host("user 1000", "version 7", "missing: no mount of version 2");
        assert_eq!(unguarded(Tier::Full, &none), [Gap::Memory]);
    }

    #[test]
    fn weaker_tiers_say_what_they_leave_open() {
        let reduced = unguarded(Tier::Reduced, &host(ROOT, "version 7", GROUPS));
        assert_eq!(reduced, [Gap::Visible, Gap::Network, Gap::State]);
        let bare = unguarded(
            Tier::Reduced,
            &host("user 1", "missing: none", "missing: x"),
        );
        for gap in [
            Gap::Files,
            Gap::Results,
            Gap::Processes,
            Gap::Memory,
            Gap::Forks,
        ] {
            assert!(bare.contains(&gap), "{gap:?}");
        }
        let portable = unguarded(Tier::Portable, &host("user 1", "version 7", GROUPS));
        assert!(portable.contains(&Gap::Results) && !portable.contains(&Gap::Memory));
        let own = unguarded(Tier::Portable, &host(ROOT, "version 7", GROUPS));
        assert!(!own.contains(&Gap::Results) && own.contains(&Gap::Files));
    }
}
