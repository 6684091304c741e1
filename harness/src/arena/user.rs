//! Who a program is on the host when root runs gradus: a user id of its own for each run, so that no
//! run can signal, trace or starve another one.

use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};

/// A user and group of the host, of the same number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub id: u32,
}

/// First id of the range used where all ids exist; far above what distributions give to people,
/// services and containers (`subuid` ranges begin at 100,000 and stay below a thousand million).
const BASE: u32 = 1 << 30;
/// Linux never has process ids of more than 22 bits.
const PID_BITS: u32 = 22;
const COUNTER_BITS: u32 = 8;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A user for the next run, or none when we aren't root, or root of a namespace without other ids, and so
/// can't choose.
/// Ids differ between harness processes and between up to 256 runs of one process.
pub fn for_next_run() -> Option<User> {
    // Safety: takes no argument and can't fail.
    if unsafe { libc::geteuid() } != 0 {
        return None;
    }
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let counter = NEXT.fetch_add(1, Ordering::Relaxed);
    choose(&map, std::process::id(), counter)
}

/// Whether runs can have users of their own here: we are root, and more ids exist than root's.
pub fn can_choose() -> bool {
    // Safety: takes no argument and can't fail.
    let root = unsafe { libc::geteuid() } == 0;
    let map = std::fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    root && choose(&map, std::process::id(), 0).is_some()
}

/// The harness process for whose runs this id was made, if it is one of ours (where all ids exist).
pub(super) fn harness_of(id: u32) -> Option<u32> {
    (id & !(BASE - 1) == BASE).then_some((id & (BASE - 1)) >> COUNTER_BITS)
}

/// In a container only some ids exist: there the highest range is used from its end. None if there is only one.
fn choose(map: &str, pid: u32, counter: u32) -> Option<User> {
    let wanted =
        BASE | (pid & ((1 << PID_BITS) - 1)) << COUNTER_BITS | counter & ((1 << COUNTER_BITS) - 1);
    let ranges = map.lines().filter_map(|line| {
        let mut fields = line.split_whitespace();
        let inside: u64 = fields.next()?.parse().ok()?;
        let count: u64 = fields.nth(1)?.parse().ok()?;
        Some((inside, inside + count))
    });
    let mut end: u64 = 0;
    for (from, to) in ranges {
        if (from..to).contains(&u64::from(wanted)) {
            return Some(User { id: wanted });
        }
        end = end.max(to);
    }
    // 65534 is `nobody` and 65535 means "no change" in 16 bits: stay below both.
    let spread = u64::from(wanted) % 4096;
    let id = end.min(65_534).saturating_sub(1 + spread).max(1);
    let exists = id < end;
    u32::try_from(id)
        .ok()
        .filter(|_| exists)
        .map(|id| User { id })
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "         0          0 4294967295\n";

    #[test]
    fn runs_get_ids_of_their_own() {
        let choose = |pid, counter| choose(WHOLE, pid, counter).expect("a user");
        let a = choose(4_194_303, 0);
        let b = choose(4_194_303, 1);
        let c = choose(4_194_302, 0);
        assert!(a != b && b != c && a != c);
        assert!(a.id >= BASE && a.id < 1 << 31);
        assert_eq!(harness_of(a.id), Some(4_194_303));
        for foreign in [0, 1000, 65_534, 100_000, 1 << 31, u32::MAX] {
            assert_eq!(harness_of(foreign), None);
        }
    }

    #[test]
    fn a_container_gets_an_id_that_exists_there() {
        let map = "0 100000 1000\n1000 200000 64536\n";
        let user = choose(map, 77, 3).expect("a user");
        assert!(user.id > 1000 && user.id < 65_534, "{}", user.id);
        assert_eq!(choose("0 1000 2\n", 77, 3), Some(User { id: 1 }));
        assert_eq!(choose("0 1000 1\n", 77, 3), None, "nobody but root exists");
    }
}
