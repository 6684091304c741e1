//! What is known of the site: its pages, how far they are from the start, and which of them are
//! still to be visited.

use std::collections::VecDeque;

use indexmap::IndexMap;
use url::{Origin, Url};

/// Pages are numbered in the order in which they were discovered.
pub type PageId = usize;

pub enum LeadsTo {
    Links(Vec<Url>),
    Redirect(Url),
}

pub struct Site {
    origin: Origin,
    depth: Option<u32>,
    pages: IndexMap<Url, Page>,
    waiting: VecDeque<PageId>,
}

#[derive(Default)]
struct Page {
    /// The length of the shortest path that is known so far, if any.
    distance: Option<u32>,
    /// Whether it was ever put into the line of waiting pages. This is what makes each page be
    /// visited once: it is asked and set in one go, at the discovery and not at the visit.
    taken: bool,
    targets: Vec<PageId>,
    /// How much farther the targets are than this page.
    step: u32,
}

impl Site {
    pub const START: PageId = 0;

    pub fn new(start: Url, depth: Option<u32>) -> Self {
        let origin = start.origin();
        let mut site = Self {
            origin,
            depth,
            pages: IndexMap::new(),
            waiting: VecDeque::new(),
        };
        let start = site.page(start);
        site.reach(vec![start], 0);
        site
    }

    /// The next page to visit. None for the moment: the answers under way may bring new ones.
    pub fn next(&mut self) -> Option<(PageId, Url)> {
        let page = self.waiting.pop_front()?;
        let (url, _) = self.pages.get_index(page)?;
        Some((page, url.clone()))
    }

    pub fn answered(&mut self, page: PageId, leads_to: LeadsTo) {
        let (urls, step) = match leads_to {
            LeadsTo::Links(urls) => (urls, 1),
            LeadsTo::Redirect(url) => (vec![url], 0),
        };
        let inside = urls.into_iter().filter(|url| url.origin() == self.origin);
        let inside: Vec<Url> = inside.collect();
        let mut targets: Vec<PageId> = inside.into_iter().map(|url| self.page(url)).collect();
        targets.sort_unstable();
        targets.dedup();

        // A shorter path to this page may turn up later. Then its targets come nearer as well, and
        // some may come within the depth; so they are remembered, for we won't ask again.
        if self.depth.is_some() {
            self.pages[page].targets.clone_from(&targets);
            self.pages[page].step = step;
        }
        let distance = self.pages[page].distance.unwrap_or(0);
        self.reach(targets, distance.saturating_add(step));
    }

    /// The page with this address. A fragment is a place within a page, and a user's name has no
    /// part in which page it is.
    fn page(&mut self, mut url: Url) -> PageId {
        url.set_fragment(None);
        // These two can fail only for URLs without a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        let entry = self.pages.entry(url);
        let number = entry.index();
        entry.or_default();
        number
    }

    /// Notes that there is a path of this length to each of these pages, and what follows from that.
    fn reach(&mut self, pages: Vec<PageId>, distance: u32) {
        let mut nearer: VecDeque<_> = pages.into_iter().map(|page| (page, distance)).collect();
        while let Some((number, distance)) = nearer.pop_front() {
            let page = &mut self.pages[number];
            if page.distance.is_some_and(|known| known <= distance) {
                continue;
            }
            page.distance = Some(distance);
            if !page.taken && self.depth.is_none_or(|depth| distance <= depth) {
                page.taken = true;
                self.waiting.push_back(number);
            }
            let beyond = distance.saturating_add(page.step);
            nearer.extend(page.targets.iter().map(|&target| (target, beyond)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(path: &str) -> Url {
        Url::parse("http://h.test/").unwrap().join(path).unwrap()
    }

    fn links(paths: &[&str]) -> LeadsTo {
        LeadsTo::Links(paths.iter().map(|path| url(path)).collect())
    }

    fn next(site: &mut Site) -> (PageId, String) {
        let (page, url) = site.next().expect("a page waits");
        (page, url[url::Position::BeforePath..].to_owned())
    }

    #[test]
    fn each_page_once_and_none_from_elsewhere() {
        let mut site = Site::new(url("/"), None);
        let (start, _) = next(&mut site);
        let elsewhere = [
            "https://h.test/",
            "http://h.test:81/",
            "http://o.test/",
            "mailto:a@b",
        ];
        site.answered(start, links(&["/#a", "/b", "/b#c", "//u@h.test/b", "b?"]));
        site.answered(start, links(&elsewhere));
        assert_eq!(next(&mut site).1, "/b");
        assert_eq!(next(&mut site).1, "/b?");
        assert!(site.next().is_none());
    }

    #[test]
    fn a_shorter_path_that_turns_up_late_counts() {
        // Two paths to /x: by a link of /long, answered at once, and by a redirect of /slow.
        let mut site = Site::new(url("/"), Some(2));
        let (start, _) = next(&mut site);
        site.answered(start, links(&["/slow", "/long"]));
        let (slow, _) = next(&mut site);
        let (long, _) = next(&mut site);
        site.answered(long, links(&["/x"]));
        let (x, _) = next(&mut site);
        site.answered(x, links(&["/y"]));
        assert!(
            site.next().is_none(),
            "/y is at distance 3 for all that is known"
        );
        site.answered(slow, LeadsTo::Redirect(url("/x")));
        assert_eq!(next(&mut site).1, "/y");
        assert!(site.next().is_none(), "/x was visited before");
    }

    #[test]
    fn a_redirect_is_no_step() {
        let mut site = Site::new(url("/"), Some(0));
        let (start, _) = next(&mut site);
        site.answered(start, LeadsTo::Redirect(url("/home")));
        let (home, path) = next(&mut site);
        assert_eq!(path, "/home");
        site.answered(home, links(&["/far"]));
        assert!(site.next().is_none());
    }
}
