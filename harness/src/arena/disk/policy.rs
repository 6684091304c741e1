//! What becomes of a call on a file of the output folder. Pure: it knows calls by their kind and path.

use std::collections::HashSet;

use crate::plan::Plan;
use crate::task::amount::AmountError;
use crate::task::disk::{Disk, Op};

/// How the kernel begins the path of a file that has no name.
const UNNAMED: char = '#';

/// What a call does to a file of the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Op(Op),
    /// Removes a name.
    Remove,
    /// Makes a folder.
    Make,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Pass,
    Hold,
    /// It fails with this error number.
    Fail(i32),
}

/// The state of a scenario's disk.
#[derive(Debug, Default)]
pub struct Policy {
    hold: Option<Holding>,
    fail: Option<Failing>,
}

#[derive(Debug)]
struct Holding {
    ops: Vec<Op>,
    from: u64,
    /// How many may still be held; none: any number.
    left: Option<u64>,
    seen: u64,
}

#[derive(Debug)]
struct Failing {
    ops: Vec<Op>,
    nth: u64,
    errno: i32,
    seen: u64,
    /// Files that fail from now on.
    broken: HashSet<String>,
}

impl Policy {
    /// # Errors
    /// When an amount has no value under the plan's parameters.
    pub fn new(disk: &Disk, plan: &Plan) -> Result<Policy, AmountError> {
        let hold = match &disk.hold {
            Some(hold) => Some(Holding {
                ops: hold.ops.clone(),
                from: plan.amount(&hold.from)?,
                left: hold
                    .count
                    .as_ref()
                    .map(|count| plan.amount(count))
                    .transpose()?,
                seen: 0,
            }),
            None => None,
        };
        let fail = match &disk.fail {
            Some(fail) => Some(Failing {
                ops: fail.ops.clone(),
                nth: plan.amount(&fail.nth)?,
                errno: fail.errno.number(),
                seen: 0,
                broken: HashSet::new(),
            }),
            None => None,
        };
        Ok(Policy { hold, fail })
    }

    /// Judges the next call.
    pub fn judge(&mut self, act: Act, path: &str) -> Fate {
        if let Some(errno) = self.fail.as_mut().and_then(|fail| fail.judge(act, path)) {
            return Fate::Fail(errno);
        }
        let held = match (&mut self.hold, act) {
            (Some(hold), Act::Op(op)) => hold.takes(op),
            _ => false,
        };
        if held { Fate::Hold } else { Fate::Pass }
    }

    /// Nothing is held any more.
    pub fn open(&mut self) {
        self.hold = None;
    }
}

impl Holding {
    fn takes(&mut self, op: Op) -> bool {
        if !self.ops.contains(&op) || self.left == Some(0) {
            return false;
        }
        self.seen += 1;
        if self.seen < self.from {
            return false;
        }
        if let Some(left) = &mut self.left {
            *left -= 1;
        }
        true
    }
}

impl Failing {
    fn judge(&mut self, act: Act, path: &str) -> Option<i32> {
        let Act::Op(op) = act else {
            self.broken.remove(path);
            return None;
        };
        if op == Op::Open {
            // A file that is begun anew is another file.
            self.broken.remove(path);
        }
        if !self.ops.contains(&op) {
            return None;
        }
        self.seen += 1;
        if self.seen == self.nth {
            // A file without a name (O_TMPFILE) is shown by its inode, which the next such file may get again.
            if !path.starts_with(UNNAMED) {
                self.broken.insert(path.to_owned());
            }
            return Some(self.errno);
        }
        self.broken.contains(path).then_some(self.errno)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITE: Act = Act::Op(Op::Write);
    const OPEN: Act = Act::Op(Op::Open);

    fn holding(from: u64, left: Option<u64>) -> Policy {
        Policy {
            hold: Some(Holding {
                ops: vec![Op::Write],
                from,
                left,
                seen: 0,
            }),
            fail: None,
        }
    }

    #[test]
    fn calls_are_held_from_the_nth_on_and_only_so_many() {
        let mut policy = holding(2, Some(1));
        assert_eq!(policy.judge(WRITE, "a"), Fate::Pass);
        assert_eq!(
            policy.judge(OPEN, "b"),
            Fate::Pass,
            "another kind of call doesn't count"
        );
        assert_eq!(policy.judge(WRITE, "b"), Fate::Hold);
        assert_eq!(policy.judge(WRITE, "c"), Fate::Pass);
    }

    #[test]
    fn without_a_count_all_are_held_until_it_is_opened() {
        let mut policy = holding(1, None);
        assert_eq!(policy.judge(WRITE, "a"), Fate::Hold);
        assert_eq!(policy.judge(WRITE, "b"), Fate::Hold);
        policy.open();
        assert_eq!(policy.judge(WRITE, "c"), Fate::Pass);
    }

    #[test]
    fn a_file_without_a_name_does_not_hand_its_failure_on() {
        let fail = Failing {
            ops: vec![Op::Write],
            nth: 1,
            errno: 5,
            seen: 0,
            broken: HashSet::new(),
        };
        let mut policy = Policy {
            hold: None,
            fail: Some(fail),
        };
        assert_eq!(policy.judge(WRITE, "#77"), Fate::Fail(5));
        assert_eq!(
            policy.judge(WRITE, "#77"),
            Fate::Pass,
            "another file by now"
        );
    }

    #[test]
    fn a_failing_file_fails_until_it_is_begun_anew() {
        let fail = Failing {
            ops: vec![Op::Write],
            nth: 2,
            errno: 28,
            seen: 0,
            broken: HashSet::new(),
        };
        let mut policy = Policy {
            hold: None,
            fail: Some(fail),
        };
        assert_eq!(policy.judge(WRITE, "a"), Fate::Pass);
        assert_eq!(policy.judge(WRITE, "b"), Fate::Fail(28));
        assert_eq!(
            policy.judge(WRITE, "b"),
            Fate::Fail(28),
            "trying again doesn't help"
        );
        assert_eq!(
            policy.judge(WRITE, "a"),
            Fate::Pass,
            "another file is whole"
        );
        assert_eq!(policy.judge(OPEN, "b"), Fate::Pass);
        assert_eq!(policy.judge(WRITE, "b"), Fate::Pass);
    }
}
