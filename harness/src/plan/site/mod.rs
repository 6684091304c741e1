//! A seeded site of linked pages, as a graph. Which pages are to be visited and how far they are is
//! computed from the graph; no crawler is asked. The HTML is rendered when a page is asked for.

mod draft;
mod html;
mod marks;
mod shapes;
mod traps;

#[cfg(test)]
mod reader;
#[cfg(test)]
mod tests;

pub use draft::{SiteError, plan};
pub use html::{content_type, location, render};

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::plan::Item;
use crate::task::site::LinkKind;
use crate::task::world::Answer;

/// The number of the start page.
pub const START: usize = 0;
/// Host that serves the site.
pub const HOME: u16 = 0;
/// Host that is another port of the same name.
pub const OTHER_PORT: u16 = 1;

/// The graph of a site. Page number i is what the plan's item number i answers with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SitePlan {
    /// Pages beyond this distance aren't to be visited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub depth: Option<u32>,
    pub pages: Vec<Page>,
}

/// One page of a site, or an address that must not be asked for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Page {
    /// Shortest distance from the start, in links; a redirect counts as none. Absent where no link leads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance: Option<u32>,
    /// Only misreading a page leads here, or following what must not be followed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trap: Option<LinkKind>,
    #[serde(default, skip_serializing_if = "Form::is_html")]
    pub form: Form,
    /// Folder that relative links start from, if the page names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
    /// Pages that plain links lead to, in the order of the links.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<u32>,
    /// Everything else that matters on the page, after the plain links.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<Mark>,
}

/// What a page is sent as.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    #[default]
    Html,
    /// The same markup, sent as plain text.
    Text,
    /// The same markup, sent as a picture.
    Picture,
    /// The text of the first mark is its `Location`.
    Redirect,
}

impl Form {
    fn is_html(&self) -> bool {
        *self == Form::Html
    }
}

/// A piece of a page that is no plain link.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub kind: LinkKind,
    /// The page that it leads to, or would lead to; none where nothing could be seen of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u32>,
    /// As it stands in the page, with `{0}`, `{1}`… for the hosts' names and ports; see `html`.
    pub text: String,
}

impl SitePlan {
    /// The page behind an item.
    pub fn page(&self, index: usize) -> Option<&Page> {
        self.pages.get(index)
    }

    /// Whether this page is to be visited.
    pub fn is_due(&self, index: usize) -> bool {
        self.page(index)
            .and_then(|p| p.distance)
            .is_some_and(|d| self.within(d))
    }

    /// Whether pages at this distance are to be visited.
    pub fn within(&self, distance: u32) -> bool {
        self.depth.is_none_or(|depth| distance <= depth)
    }

    /// Where a page leads once its answer is read: pages with the kind of the link, and how much farther
    /// away these are. `answer` is the one of the page's item.
    pub fn leads(
        &self,
        index: usize,
        answer: &Answer,
    ) -> impl Iterator<Item = (usize, LinkKind, u32)> {
        let page = self.page(index).filter(|page| page.is_read(answer));
        let step = u32::from(page.is_some_and(|p| p.form == Form::Html));
        page.into_iter().flat_map(move |page| {
            let plain = page.links.iter().map(|&to| (to as usize, LinkKind::Plain));
            let marked = page
                .marks
                .iter()
                .filter_map(|mark| Some((mark.to? as usize, mark.kind)));
            let all = plain
                .chain(marked)
                .filter(|&(to, _)| self.page(to).is_some_and(|p| p.trap.is_none()));
            all.map(move |(to, kind)| (to, kind, step))
        })
    }

    /// Shortest distances of all pages from the start, for pages with these items.
    fn distances(&self, items: &[Item]) -> Vec<Option<u32>> {
        let mut distances = vec![None; self.pages.len()];
        let mut ways = VecDeque::from([(START, 0)]);
        while let Some((page, distance)) = ways.pop_front() {
            if distances[page].is_some() {
                continue;
            }
            distances[page] = Some(distance);
            for (to, _, step) in self.leads(page, &items[page].answer) {
                // Ways of no length go first, so that the first visit is the shortest.
                match step {
                    0 => ways.push_front((to, distance)),
                    _ => ways.push_back((to, distance + step)),
                }
            }
        }
        distances
    }
}

impl Page {
    /// Whether links of this page count: it is HTML with a status of success that comes whole, or a redirect.
    pub fn is_read(&self, answer: &Answer) -> bool {
        match self.form {
            Form::Html => matches!(answer, Answer::Status(200..300) | Answer::Stuck),
            Form::Redirect => true,
            Form::Text | Form::Picture => false,
        }
    }
}
