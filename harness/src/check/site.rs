//! Programs that follow links: which pages of a site they visit, and what they take for a link.
//!
//! Each kind of link is judged by itself: by the pages that only such a link leads to, and by the
//! addresses that only its misreading leads to. A page counts as missing only if another page that the
//! program got whole leads there, so that one mistake doesn't show under every title.

use std::collections::HashMap;

use super::Verdict;
use super::code::Code;
use super::common;
use super::coverage::lawful_repeats;
use super::known::Known;
use super::view::{Flight, View, fetches};
use crate::evidence::Tier;
use crate::plan::SitePlan;
use crate::plan::site::{Form, START};
use crate::task::site::LinkKind;

/// Files that a polite program may ask for, though no page leads there.
const POLITE: [&str; 2] = ["/robots.txt", "/favicon.ico"];
/// Longest piece of a page that is shown.
const SHOWN: usize = 120;

/// Every page that a link of these kinds leads to was visited, and nothing that isn't one. No kinds: all
/// of them, and each page once.
pub fn visits(view: &View, kinds: &[LinkKind]) -> Verdict {
    let (Some(site), Some(known)) = (&view.plan().site, Known::at_the_end(view)) else {
        return Verdict::new(Code::Untested);
    };
    let judge = Judge {
        view,
        site,
        known,
        kinds,
        leads: leads(view, site),
    };
    if let Some(found) = judge.strayed().or_else(|| judge.repeated()) {
        return found;
    }
    if view.flights.is_empty() {
        return common::nothing_done(view);
    }
    if !view.finished() {
        return common::unfinished(view);
    }
    judge.missing().unwrap_or_else(|| judge.passed())
}

/// No page was asked for twice that plain links lead to; the others are for `visits`.
pub fn each_once(view: &View) -> Verdict {
    let Some(site) = &view.plan().site else {
        return Verdict::new(Code::Untested);
    };
    let known = Known::at_the_end(view);
    let leads = leads(view, site);
    let fetches = fetches(view);
    let plain = |page: &usize| {
        leads
            .get(page)
            .is_none_or(|ways| ways.iter().all(|way| way.1 == LinkKind::Plain))
    };
    let again: Vec<(usize, usize)> = (0..site.pages.len())
        .filter(plain)
        .map(|page| (page, times(fetches.get(&page))))
        .filter(|(page, times)| *times > 1 && site.pages[*page].trap.is_none())
        .collect();
    if let Some(&(page, times)) = again.first() {
        let path = view.item(page).map_or("", |item| item.path.as_str());
        return Verdict::new(Code::Again)
            .fact("target", view.name(page))
            .fact("times", times)
            .fact("link", format!("<a href=\"{path}\">"))
            .seen(fetches[&page].iter().map(|f| f.begin));
    }
    if view.flights.is_empty() {
        return common::nothing_done(view);
    }
    if !view.finished() {
        return common::unfinished(view);
    }
    // Only a page that several others lead to could have been asked for twice.
    let tempting = |page: &usize| {
        let read =
            |way: &&(usize, LinkKind, u32)| known.as_ref().is_some_and(|k| k.was_read(way.0));
        leads
            .get(page)
            .is_some_and(|ways| ways.iter().filter(read).count() > 1)
    };
    let total = fetches
        .keys()
        .filter(|page| plain(page) && tempting(page))
        .count();
    match total {
        0 => ended_early(view, site),
        _ => Verdict::new(Code::Once).fact("total", total),
    }
}

/// Ways to a page: the page that has the link, its kind, and the length of the way.
type Ways = HashMap<usize, Vec<(usize, LinkKind, u32)>>;

fn leads(view: &View, site: &SitePlan) -> Ways {
    let mut ways = Ways::new();
    for (from, item) in view.plan().items.iter().enumerate() {
        for (to, kind, step) in site.leads(from, &item.answer) {
            ways.entry(to).or_default().push((from, kind, step));
        }
    }
    ways
}

/// How often a page was asked for, lawful repetitions not counted.
fn times(flights: Option<&Vec<&Flight>>) -> usize {
    flights.map_or(0, |flights| flights.len() - lawful_repeats(flights))
}

fn ended_early(view: &View, site: &SitePlan) -> Verdict {
    let asked = fetches(view);
    let left = (0..site.pages.len())
        .filter(|page| site.is_due(*page) && !asked.contains_key(page))
        .count();
    Verdict::new(Code::EndedEarly)
        .fact("ending", common::ending(view))
        .fact("requests", view.flights.len())
        .fact("left", left)
        .seen(view.end().or(view.flights.last().map(|f| f.begin)))
}

struct Judge<'v, 'a> {
    view: &'v View<'a>,
    site: &'a SitePlan,
    known: Known<'a>,
    kinds: &'v [LinkKind],
    leads: Ways,
}

impl Judge<'_, '_> {
    fn asks_for(&self, kind: LinkKind) -> bool {
        self.kinds.is_empty() || self.kinds.contains(&kind)
    }

    /// A request for what is no page of the site, or is too far away.
    fn strayed(&self) -> Option<Verdict> {
        self.view
            .flights
            .iter()
            .filter(|f| f.method == "GET")
            .find_map(|flight| {
                let Some(index) = flight.item else {
                    let kind = if flight.host == 0 {
                        None
                    } else {
                        Some(LinkKind::OtherHost)
                    };
                    let wanted = kind.map_or(self.kinds.is_empty(), |kind| self.asks_for(kind));
                    let unlinked = wanted && !POLITE.contains(&flight.target);
                    return unlinked.then(|| {
                        let host = self.view.hosts.get(flight.host).copied().unwrap_or("");
                        Verdict::new(Code::Unlinked)
                            .fact("target", format!("{host}{}", flight.target))
                            .seen([flight.begin])
                    });
                };
                let page = self.site.page(index)?;
                if let Some(kind) = page.trap {
                    return self.asks_for(kind).then(|| {
                        let (link, from) = self.trap(index, kind);
                        let code = if self.is_link(index) {
                            Code::Followed
                        } else {
                            Code::Misread
                        };
                        Verdict::new(code)
                            .fact("target", self.view.name(index))
                            .fact("link", link)
                            .fact("page", from)
                            .seen([flight.begin])
                    });
                }
                let (distance, depth) = (page.distance?, self.site.depth?);
                let far = distance > depth && self.asks_for(LinkKind::TooDeep);
                far.then(|| {
                    Verdict::new(Code::TooDeep)
                        .fact("target", self.view.name(index))
                        .fact("distance", distance)
                        .fact("depth", depth)
                        .seen([flight.begin])
                })
            })
    }

    /// A page asked for again that links of these kinds lead to.
    fn repeated(&self) -> Option<Verdict> {
        let fetches = fetches(self.view);
        let mut pages: Vec<_> = fetches
            .iter()
            .filter(|(page, _)| self.site.pages[**page].trap.is_none())
            .collect();
        pages.sort_by_key(|(page, _)| **page);
        pages.into_iter().find_map(|(&page, flights)| {
            let ways = self.leads.get(&page).map(Vec::as_slice).unwrap_or_default();
            let way = ways
                .iter()
                .find(|way| way.1 != LinkKind::Plain && self.asks_for(way.1));
            let way = way.or_else(|| ways.first().filter(|_| self.kinds.is_empty()));
            let (count, &(from, ..)) = (times(Some(flights)), way?);
            (count > 1).then(|| {
                Verdict::new(Code::Again)
                    .fact("target", self.view.name(page))
                    .fact("times", count)
                    .fact("link", self.link(from, page, way.map(|w| w.1)))
                    .seen(flights.iter().map(|f| f.begin))
            })
        })
    }

    /// A page that another one leads to, which the program got whole.
    fn missing(&self) -> Option<Verdict> {
        let mut missing = Vec::new();
        for page in self.known.missing() {
            let ways = self.leads.get(&page).map(Vec::as_slice).unwrap_or_default();
            let open = |way: &&(usize, LinkKind, u32)| {
                self.known.was_read(way.0) && self.known.reaches_over(way.0, way.2)
            };
            let plain = ways
                .iter()
                .filter(open)
                .find(|way| way.1 == LinkKind::Plain);
            match plain.or_else(|| ways.iter().find(open)) {
                Some(&(from, kind, _)) if self.asks_for(kind) => {
                    missing.push((page, Some((from, kind))))
                }
                // The start itself.
                None if self.asks_for(LinkKind::Plain) => missing.push((page, None)),
                _ => {}
            }
        }
        let &(page, way) = missing.first()?;
        let due = (0..self.site.pages.len())
            .filter(|&page| self.site.is_due(page))
            .count();
        let (link, from) = match way {
            Some((from, kind)) => (self.link(from, page, Some(kind)), self.view.name(from)),
            None => (String::new(), String::new()),
        };
        // Where the page that leads there was answered.
        let read = way.and_then(|(from, _)| {
            let mut flights = self.view.flights.iter().filter(|f| f.item == Some(from));
            flights.find_map(|f| f.end.map(|end| end.n))
        });
        Some(
            Verdict::new(Code::PageMissing)
                .fact("missing", missing.len())
                .fact("total", due)
                .fact("target", self.view.name(page))
                .fact("link", link)
                .fact("page", from)
                .seen(read.or(self.view.end())),
        )
    }

    fn passed(&self) -> Verdict {
        let letters = |name: &&str| name.contains(|c: char| c.is_ascii_alphabetic());
        if self.kinds == [LinkKind::Capitals] && !self.view.hosts.first().is_some_and(letters) {
            // A literal address, as in the lower tiers, has no capitals.
            return Verdict::new(Code::TierTooWeak)
                .fact("tier", tier_name(self.view.header.tier))
                .fact("needed", tier_name(Tier::Full));
        }
        if !self.was_tried() {
            return ended_early(self.view, self.site);
        }
        let pages = (0..self.site.pages.len())
            .filter(|&page| self.site.is_due(page) && self.known.was_asked(page));
        Verdict::new(Code::Visited).fact("pages", pages.count())
    }

    /// Whether the program came to see what is asked about.
    fn was_tried(&self) -> bool {
        let of_shape = [LinkKind::Plain, LinkKind::TooDeep];
        if self.kinds.is_empty() || self.kinds.iter().any(|kind| of_shape.contains(kind)) {
            return self.known.was_read(START) || self.site.pages.len() == 1;
        }
        let has = |kind: LinkKind| {
            let pages = self.site.pages.iter().enumerate();
            // Whole or not: pages with links are never cut.
            pages
                .filter(|(page, _)| self.known.was_asked(*page))
                .any(|(_, page)| page.marks.iter().any(|mark| mark.kind == kind))
        };
        self.kinds.iter().all(|&kind| has(kind))
    }

    /// Whether a page shows something that looks like a link to this trap.
    fn is_link(&self, trap: usize) -> bool {
        self.site.pages.iter().any(|page| {
            page.marks
                .iter()
                .any(|mark| mark.to == u32::try_from(trap).ok())
        })
    }

    /// What led into this trap, as it stands in a page, and the page.
    fn trap(&self, trap: usize, kind: LinkKind) -> (String, String) {
        let to = u32::try_from(trap).ok();
        let marked = |exact: bool| {
            self.site.pages.iter().enumerate().find_map(|(from, page)| {
                let mark = page.marks.iter().find(|mark| {
                    if exact {
                        mark.to == to
                    } else {
                        mark.kind == kind
                    }
                })?;
                Some((self.shown(&mark.text), self.view.name(from)))
            })
        };
        marked(true).or_else(|| marked(false)).unwrap_or_default()
    }

    /// The link from one page to another, as it stands there.
    fn link(&self, from: usize, to: usize, kind: Option<LinkKind>) -> String {
        let number = u32::try_from(to).ok();
        let page = &self.site.pages[from];
        match page
            .marks
            .iter()
            .find(|mark| mark.to == number && Some(mark.kind) == kind)
        {
            Some(mark) if page.form == Form::Redirect => {
                format!("Location: {}", self.shown(&mark.text))
            }
            Some(mark) => self.shown(&mark.text),
            None => format!(
                "<a href=\"{}\">",
                self.view.item(to).map_or("", |item| item.path.as_str())
            ),
        }
    }

    fn shown(&self, text: &str) -> String {
        let mut text = text
            .trim_start_matches("<p>")
            .trim_end_matches("</p>")
            .to_owned();
        for (number, name) in self.view.hosts.iter().enumerate() {
            text = text.replace(&format!("{{{number}}}"), name);
            text = text.replace(&format!("{{{number}^}}"), &name.to_ascii_uppercase());
        }
        text = text.replace("{name}", self.view.hosts.first().unwrap_or(&""));
        text.chars().take(SHOWN).collect()
    }
}

fn tier_name(tier: Tier) -> &'static str {
    match tier {
        Tier::Full => "full",
        Tier::Reduced => "reduced",
        Tier::Portable => "portable",
    }
}

#[cfg(test)]
#[path = "site_tests.rs"]
mod tests;
