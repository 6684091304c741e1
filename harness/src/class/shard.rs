//! A part of a class that one machine of several grades.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Part `index` of `total`, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Shard {
    pub index: u32,
    pub total: u32,
}

/// Most parts of a class.
pub const MOST: u32 = 10_000;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShardError {
    #[error(
        "`{0}` is no shard\n   help: write it as i/n, like 2/5 (from 1/n to n/n, n at most {MOST})"
    )]
    Syntax(String),
    #[error(
        "{name} is `{value}`, which is no number that fits\n   help: name the shard outright with --shard i/n"
    )]
    Variable { name: &'static str, value: String },
    #[error(
        "{0} says which shard this is, but nothing says of how many\n   help: set GRADUS_SHARDS to their number, or name the shard with --shard i/n"
    )]
    NoTotal(&'static str),
    #[error(
        "no variable of a known pipeline says which shard this is\n   help: name it with --shard i/n"
    )]
    Nothing,
}

impl Shard {
    /// Everything.
    pub const WHOLE: Shard = Shard { index: 1, total: 1 };

    fn new(index: u64, total: u64) -> Option<Shard> {
        let (index, total) = (u32::try_from(index).ok()?, u32::try_from(total).ok()?);
        (1 <= index && index <= total && total <= MOST).then_some(Shard { index, total })
    }

    /// Whether this shard has the item of this place (from 0): in turn, so that shards differ by one at most.
    pub fn has(self, place: usize) -> bool {
        place % self.total as usize == self.index as usize - 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.total)
    }
}

impl FromStr for Shard {
    type Err = ShardError;

    fn from_str(text: &str) -> Result<Shard, ShardError> {
        let wrong = || ShardError::Syntax(text.to_owned());
        let (index, total) = text.split_once('/').ok_or_else(wrong)?;
        let number = |part: &str| part.trim().parse().map_err(|_| wrong());
        Shard::new(number(index)?, number(total)?).ok_or_else(wrong)
    }
}

/// The number of shards, where the platform gives none (Kubernetes), or one that can't be trusted
/// (Slurm, when only missing tasks are submitted again).
const TOTAL: &str = "GRADUS_SHARDS";

/// What a platform says: its variable for the place, the one for the number, and where it begins to count.
const PLATFORMS: [(&str, &str, u64); 6] = [
    ("JOB_COMPLETION_INDEX", TOTAL, 0),
    ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", 0),
    ("CI_NODE_INDEX", "CI_NODE_TOTAL", 1),
    ("CIRCLE_NODE_INDEX", "CIRCLE_NODE_TOTAL", 0),
    ("BUILDKITE_PARALLEL_JOB", "BUILDKITE_PARALLEL_JOB_COUNT", 0),
    (
        "BITBUCKET_PARALLEL_STEP",
        "BITBUCKET_PARALLEL_STEP_COUNT",
        0,
    ),
];

/// The shard that Kubernetes (indexed jobs), Slurm (arrays), GitLab, CircleCI, Buildkite or Bitbucket
/// speak of in the environment; `env` reads it. None: none of them speaks.
///
/// # Errors
/// If what they say makes no sense, or the number of shards isn't known.
pub fn detect(env: &dyn Fn(&str) -> Option<String>) -> Result<Option<Shard>, ShardError> {
    let number = |name: &'static str| -> Result<Option<u64>, ShardError> {
        let value = env(name).filter(|value| !value.is_empty());
        let parsed = value.map(|value| {
            let wrong = |_| ShardError::Variable {
                name,
                value: value.clone(),
            };
            value.trim().parse::<u64>().map_err(wrong)
        });
        parsed.transpose()
    };
    let asked = number(TOTAL)?;
    for (index_name, total_name, first) in PLATFORMS {
        let Some(mut index) = number(index_name)? else {
            continue;
        };
        let mut from = first;
        if index_name == "SLURM_ARRAY_TASK_ID" {
            // Ids may begin anywhere and have gaps; with a number of our own they count from 0 or 1, as
            // SLURM_ARRAY_TASK_MIN of a second submission says nothing.
            let step = number("SLURM_ARRAY_TASK_STEP")?.unwrap_or(1).max(1);
            let least = number("SLURM_ARRAY_TASK_MIN")?.unwrap_or(0);
            match asked {
                Some(_) => from = number("GRADUS_SHARD_FROM")?.unwrap_or(0),
                None => index = index.saturating_sub(least) / step,
            }
        }
        let total = match asked {
            Some(total) => total,
            None => number(total_name)?.ok_or(ShardError::NoTotal(index_name))?,
        };
        let wrong = || ShardError::Variable {
            name: index_name,
            value: env(index_name).unwrap_or_default(),
        };
        let index = (index + 1).checked_sub(from).ok_or_else(wrong)?;
        return Shard::new(index, total).map(Some).ok_or_else(wrong);
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<Option<Shard>, ShardError> {
        detect(&|name| {
            let found = pairs.iter().find(|(n, _)| *n == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn shard(index: u32, total: u32) -> Result<Option<Shard>, ShardError> {
        Ok(Some(Shard { index, total }))
    }

    #[test]
    fn shards_are_written_from_one() {
        assert_eq!("2/5".parse(), Ok(Shard { index: 2, total: 5 }));
        for wrong in ["0/5", "6/5", "1", "1/0", "a/b", "1/2/3", "-1/2", "1/99999"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_item_is_in_one_shard() {
        for total in 1..7 {
            for place in 0..20 {
                let owners = (1..=total).filter(|&index| Shard { index, total }.has(place));
                assert_eq!(owners.count(), 1);
            }
        }
    }

    #[test]
    fn pipelines_say_it_in_their_ways() {
        assert_eq!(with(&[]), Ok(None));
        assert_eq!(
            with(&[("CI_NODE_TOTAL", "1")]),
            Ok(None),
            "GitLab, not parallel"
        );
        assert_eq!(
            with(&[("CI_NODE_INDEX", "1"), ("CI_NODE_TOTAL", "3")]),
            shard(1, 3)
        );
        assert_eq!(
            with(&[("CIRCLE_NODE_INDEX", "0"), ("CIRCLE_NODE_TOTAL", "3")]),
            shard(1, 3)
        );
        assert_eq!(
            with(&[
                ("BUILDKITE_PARALLEL_JOB", "2"),
                ("BUILDKITE_PARALLEL_JOB_COUNT", "3")
            ]),
            shard(3, 3)
        );
        assert_eq!(
            with(&[("JOB_COMPLETION_INDEX", "4"), ("GRADUS_SHARDS", "5")]),
            shard(5, 5)
        );
        assert_eq!(
            with(&[("JOB_COMPLETION_INDEX", "4")]),
            Err(ShardError::NoTotal("JOB_COMPLETION_INDEX"))
        );
        let slurm = [
            ("SLURM_ARRAY_TASK_ID", "14"),
            ("SLURM_ARRAY_TASK_MIN", "10"),
            ("SLURM_ARRAY_TASK_STEP", "4"),
            ("SLURM_ARRAY_TASK_COUNT", "3"),
        ];
        assert_eq!(with(&slurm), shard(2, 3));
        // Only a missing task, submitted again: the array's own numbers would say 1/1.
        let again = [
            ("SLURM_ARRAY_TASK_ID", "3"),
            ("SLURM_ARRAY_TASK_MIN", "3"),
            ("SLURM_ARRAY_TASK_COUNT", "1"),
            ("GRADUS_SHARDS", "8"),
        ];
        assert_eq!(with(&again), shard(4, 8));
        let from_one = [again[0], again[3], ("GRADUS_SHARD_FROM", "1")];
        assert_eq!(with(&from_one), shard(3, 8));
    }

    #[test]
    fn nonsense_is_told() {
        let error = with(&[("CI_NODE_INDEX", "x"), ("CI_NODE_TOTAL", "3")]).expect_err("wrong");
        assert!(error.to_string().contains("CI_NODE_INDEX is `x`"));
        assert!(with(&[("CI_NODE_INDEX", "4"), ("CI_NODE_TOTAL", "3")]).is_err());
        assert!(with(&[("CI_NODE_INDEX", "0"), ("CI_NODE_TOTAL", "3")]).is_err());
    }
}
