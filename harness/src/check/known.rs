//! What a program that follows links can know of a site: from the answers that it got, not from ours.

use crate::plan::site::{START, SitePlan};
use crate::plan::{Item, Plan};

use super::view::View;

const FAR: u32 = u32::MAX;

/// Pages of a site as they become known, answer by answer.
#[derive(Debug)]
pub(super) struct Known<'a> {
    site: &'a SitePlan,
    items: &'a [Item],
    /// Shortest way found so far.
    distance: Vec<u32>,
    read: Vec<bool>,
    asked: Vec<bool>,
    left: u32,
}

impl<'a> Known<'a> {
    /// The start is known from the beginning. None if the plan has no site.
    pub(super) fn new(plan: &'a Plan) -> Option<Known<'a>> {
        let site = plan.site.as_ref()?;
        let pages = plan.items.len().min(site.pages.len());
        let mut known = Known {
            site,
            items: &plan.items,
            distance: vec![FAR; pages],
            read: vec![false; pages],
            asked: vec![false; pages],
            left: 0,
        };
        if let Some(start) = known.distance.get_mut(START) {
            *start = 0;
        }
        known.left = u32::from(known.waits(START));
        Some(known)
    }

    /// Everything that was known at the end of the run.
    pub(super) fn at_the_end(view: &View<'a>) -> Option<Known<'a>> {
        let mut known = Known::new(view.plan())?;
        for flight in &view.flights {
            if let Some(page) = flight.item {
                known.ask(page);
                if flight.came_whole() {
                    known.read(page);
                }
            }
        }
        Some(known)
    }

    /// The page was asked for.
    pub(super) fn ask(&mut self, page: usize) {
        if self.waits(page) {
            self.left -= 1;
        }
        if let Some(asked) = self.asked.get_mut(page) {
            *asked = true;
        }
    }

    /// The page's answer went out whole, so that its links are known.
    pub(super) fn read(&mut self, page: usize) {
        if let Some(read) = self.read.get_mut(page)
            && !*read
        {
            *read = true;
            self.spread(page);
        }
    }

    /// Pages that could be asked for now and were not.
    pub(super) fn left(&self) -> u32 {
        self.left
    }

    /// The same, one by one.
    pub(super) fn missing(&self) -> impl Iterator<Item = usize> {
        (0..self.asked.len()).filter(|&page| self.waits(page))
    }

    pub(super) fn was_read(&self, page: usize) -> bool {
        self.read.get(page).copied().unwrap_or(false)
    }

    pub(super) fn was_asked(&self, page: usize) -> bool {
        self.asked.get(page).copied().unwrap_or(false)
    }

    /// Whether the way over this page to one that is `step` farther away is within the bound.
    pub(super) fn reaches_over(&self, page: usize, step: u32) -> bool {
        self.distance
            .get(page)
            .is_some_and(|&d| d != FAR && self.site.within(d + step))
    }

    fn waits(&self, page: usize) -> bool {
        let reachable = self
            .distance
            .get(page)
            .is_some_and(|&d| d != FAR && self.site.within(d));
        reachable && !self.asked[page] && View::visible(&self.items[page])
    }

    /// From here on, what this page leads to is nearer. A work list, as a chain may be long.
    fn spread(&mut self, page: usize) {
        let mut pages = vec![page];
        while let Some(page) = pages.pop() {
            let Some(&from) = self.distance.get(page).filter(|d| **d != FAR) else {
                continue;
            };
            let (site, items) = (self.site, self.items);
            for (to, _, step) in site.leads(page, &items[page].answer) {
                if self
                    .distance
                    .get(to)
                    .is_none_or(|&known| known <= from + step)
                {
                    continue;
                }
                let waited = self.waits(to);
                self.distance[to] = from + step;
                if !waited && self.waits(to) {
                    self.left += 1;
                }
                if self.read[to] {
                    pages.push(to);
                }
            }
        }
    }
}
