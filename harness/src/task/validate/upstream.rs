//! Meaning of a weather service.

use super::Flaws;
use crate::plan::upstream::{UpstreamError, plan};
use crate::task::Scenario;
use crate::task::place::Path;

impl Flaws {
    pub(super) fn upstream(&mut self, at: &Path, scenario: &Scenario) {
        let Some(upstream) = &scenario.world.upstream else {
            return;
        };
        if scenario.world.origin.is_some() || scenario.world.site.is_some() {
            let mend = "leave the origin or the site out";
            self.help(at, "a world has one kind of HTTP servers", mend);
        }
        self.amount(&at.to("cities"), scenario, &upstream.cities);
        self.amount(&at.to("twice"), scenario, &upstream.twice);
        for (i, others) in upstream.also.iter().enumerate() {
            let at = at.to("also").to(i).to("count");
            self.amount(&at, scenario, &others.count);
        }
        for (i, set) in scenario.with.iter().enumerate() {
            match plan(upstream, set, 0) {
                Ok(_) | Err(UpstreamError::Amount { .. }) => {}
                Err(error) => {
                    let mend = format!("seen with the parameters of `with[{i}]`");
                    self.help(at, error.to_string(), mend);
                    break;
                }
            }
        }
    }
}
