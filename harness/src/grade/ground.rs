//! What this host gives to gradings.

use std::collections::BTreeMap;

use crate::arena::cgroup::Place;
use crate::arena::probe::{Host, probe};
use crate::evidence::Tier;
use crate::report::audience::tier_name;

/// The tier that is graded on, and what goes with it.
#[derive(Debug, Clone)]
pub struct Ground {
    pub tier: Tier,
    /// What the host gave, for the report.
    pub facts: BTreeMap<String, String>,
    /// Where control groups can be made, if anywhere.
    pub groups: Option<Place>,
}

/// This host can't grade as it was asked to.
#[derive(Debug, thiserror::Error)]
#[error("this host gives tier {}, but {} was asked for{}\n   help: `gradus doctor` says more; a weaker tier is chosen by itself without --tier and --require-tier", tier_name(*.best), tier_name(*.wanted), .lacks.iter().map(|l| format!("\n   {l}")).collect::<String>())]
pub struct TooWeak {
    pub best: Tier,
    pub wanted: Tier,
    /// What is missing, and how to get it.
    pub lacks: Vec<String>,
}

impl Ground {
    /// Chooses the tier: the one asked for, else the strongest there is.
    ///
    /// # Errors
    /// If the host gives less than is asked for or required.
    pub fn find(asked: Option<Tier>, required: Option<Tier>) -> Result<Ground, TooWeak> {
        let host = probe();
        let tier = choose(host.best_tier, asked, required).map_err(|(best, wanted)| TooWeak {
            best,
            wanted,
            lacks: if best < host.best_tier {
                Vec::new()
            } else {
                lacks(&host)
            },
        })?;
        Ok(Ground {
            tier,
            facts: facts(&host),
            groups: Place::find().ok(),
        })
    }
}

/// The tier, or (what there is, what was wanted).
fn choose(best: Tier, asked: Option<Tier>, required: Option<Tier>) -> Result<Tier, (Tier, Tier)> {
    let tier = asked.unwrap_or(best);
    match required {
        _ if tier > best => Err((best, tier)),
        Some(required) if required > tier => Err((tier, required)),
        _ => Ok(tier),
    }
}

fn facts(host: &Host) -> BTreeMap<String, String> {
    let said = host.facts.iter().map(|fact| {
        let value = if fact.ok {
            fact.value.clone()
        } else {
            format!("missing: {}", fact.value)
        };
        (fact.name.clone(), value)
    });
    said.collect()
}

fn lacks(host: &Host) -> Vec<String> {
    let missing = host.facts.iter().filter(|fact| !fact.ok);
    missing
        .map(|fact| format!("{}: {}; {}", fact.name, fact.value, fact.mend))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_tier_is_chosen_unless_told_otherwise() {
        use Tier::{Full, Portable, Reduced};
        assert_eq!(choose(Full, None, None), Ok(Full));
        assert_eq!(choose(Reduced, None, Some(Reduced)), Ok(Reduced));
        assert_eq!(choose(Full, Some(Portable), None), Ok(Portable));
        assert_eq!(choose(Reduced, Some(Full), None), Err((Reduced, Full)));
        assert_eq!(choose(Reduced, None, Some(Full)), Err((Reduced, Full)));
        assert_eq!(
            choose(Full, Some(Portable), Some(Reduced)),
            Err((Portable, Reduced))
        );
    }
}
