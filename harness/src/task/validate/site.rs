//! What the site of a world must mean, and the rules about it.

use super::Flaws;
use crate::plan::site::{SiteError, plan};
use crate::task::Scenario;
use crate::task::place::Path;
use crate::task::rule::Visits;
use crate::task::site::{LinkKind, Shape, Site};

impl Flaws {
    pub(super) fn site(&mut self, at: &Path, scenario: &Scenario, site: &Site) {
        self.amount(&at.to("pages"), scenario, &site.pages);
        let (key, amount) = match &site.shape {
            Shape::Tree(amount) => ("tree", amount),
            Shape::Web(amount) => ("web", amount),
            Shape::List(amount) => ("list", amount),
            Shape::Detour(amount) => ("detour", amount),
        };
        self.amount(&at.to("shape").to(key), scenario, amount);
        if let Some(depth) = &site.depth {
            self.amount(&at.to("depth"), scenario, depth);
        }
        for (i, also) in site.also.iter().enumerate() {
            self.amount(&at.to("also").to(i).to("count"), scenario, &also.count);
        }
        if scenario.world.origin.is_some() {
            let mend = "leave one of them out";
            self.help(at, "a world has either an origin or a site", mend);
        }
        // Whether the shape has pages enough is best known by drawing it.
        for (i, set) in scenario.with.iter().enumerate() {
            match plan(site, set, 0) {
                Ok(_) | Err(SiteError::Amount { .. }) => {}
                Err(error) => {
                    let mend = format!("seen with the parameters of `with[{i}]`");
                    self.help(at, error.to_string(), mend);
                    break;
                }
            }
        }
    }

    /// Each kind that a rule names has to be there, or the rule could never be decided.
    pub(super) fn visits(&mut self, at: &Path, scenario: &Scenario, visits: &Visits) {
        let Some(site) = &scenario.world.site else {
            return self.no_site(at);
        };
        for (i, kind) in visits.links.iter().enumerate() {
            let (there, mend) = match kind {
                LinkKind::Plain => (true, ""),
                LinkKind::TooDeep => (site.depth.is_some(), "give the site a `depth`"),
                LinkKind::Nearer => (
                    matches!(site.shape, Shape::Detour(_)),
                    "use `shape: { detour: … }`",
                ),
                _ => (site.links.contains(kind), "add it to `world.site.links`"),
            };
            if !there {
                let message = format!("the site has no links of the kind `{}`", kind.as_str());
                self.help(&at.to("visits").to("links").to(i), message, mend);
            }
        }
    }

    pub(super) fn no_site(&mut self, at: &Path) {
        let mend = "add `world: { site: … }`";
        self.help(
            at,
            "this world has no site whose pages could be visited",
            mend,
        );
    }
}
