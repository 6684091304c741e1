//! How the pages of a site link to each other.

use super::START;
use super::draft::{Draft, SiteError};
use crate::task::site::LinkKind;
use crate::task::world::Answer;

impl Draft<'_> {
    pub(super) fn tree(&mut self, pages: u64, fan: u64) -> Result<(), SiteError> {
        if fan == 0 {
            return Err(SiteError::Shape {
                shape: pages,
                needs: "a tree without branches",
            });
        }
        let mut tree = vec![START];
        for child in 1..pages {
            let page = self.page(Answer::Status(200));
            self.link(tree[((child - 1) / fan) as usize], page);
            tree.push(page);
        }
        Ok(())
    }

    pub(super) fn web(&mut self, pages: u64, fan: u64) -> Result<(), SiteError> {
        if fan == 0 || pages < fan + 2 {
            return Err(SiteError::Shape {
                shape: pages,
                needs: "the start, the pages around it and one behind them",
            });
        }
        let near: Vec<usize> = (0..fan).map(|_| self.page(Answer::Status(200))).collect();
        let far: Vec<usize> = (0..pages - 1 - fan)
            .map(|_| self.page(Answer::Status(200)))
            .collect();
        for &page in &near {
            self.link(START, page);
            for &to in near.iter().chain(&far) {
                self.link(page, to);
            }
            self.link(page, START);
            self.link(page, START);
        }
        for &page in &far {
            for &to in [START].iter().chain(&near).chain([&page]) {
                self.link(page, to);
            }
        }
        Ok(())
    }

    pub(super) fn list(&mut self, pages: u64, entries: u64) {
        let mut left = pages - 1;
        let mut at = START;
        while left > 0 {
            // Without entries it is a chain.
            let next = (left > entries).then(|| self.page(Answer::Status(200)));
            if let Some(next) = next {
                self.link(at, next);
                left -= 1;
            }
            for _ in 0..entries.min(left) {
                let page = self.page(Answer::Status(200));
                self.link(at, page);
                left -= 1;
            }
            at = next.unwrap_or(at);
        }
    }

    pub(super) fn detour(&mut self, pages: u64, length: u64) -> Result<(), SiteError> {
        // The start, the short cut, the page that both ways lead to, and two behind it.
        let Some(mut leaves) = pages.checked_sub(length + 5).filter(|_| length > 1) else {
            return Err(SiteError::Shape {
                shape: pages,
                needs: "a way of two pages or more, and five others",
            });
        };
        let short = self.page(Answer::Stuck);
        self.link(START, short);
        let mut way = START;
        let each = leaves / (length + 1);
        for _ in 0..length {
            let next = self.page(Answer::Status(200));
            self.link(way, next);
            for _ in 0..each {
                let leaf = self.page(Answer::Status(200));
                self.link(way, leaf);
                leaves -= 1;
            }
            way = next;
        }
        let goal = self.page(Answer::Status(200));
        self.link(way, goal);
        self.link(short, goal);
        for _ in 0..leaves {
            let leaf = self.page(Answer::Status(200));
            self.link(way, leaf);
        }
        let mut last = goal;
        for _ in 0..2 {
            let path = format!("/{}/near.html", self.tag());
            let next = self.page_at(&path, Answer::Status(200));
            self.mark(
                last,
                LinkKind::Nearer,
                Some(next),
                format!("<p><a href=\"{path}\">near</a></p>"),
            );
            last = next;
        }
        Ok(())
    }
}
