//! Drawing up a site: the shape of its pages, and their distances.

use super::{Form, HOME, Mark, OTHER_PORT, Page, START, SitePlan, marks};
use crate::plan::Item;
use crate::plan::body::BINARY;
use crate::plan::seed::Dice;
use crate::task::Params;
use crate::task::amount::{Amount, AmountError};
use crate::task::site::{LinkKind, Shape, Site};
use crate::task::world::{Answer, Framing};

/// Most pages of a site's shape.
const MOST_PAGES: u64 = 20_000;
/// Longest text of a page, bytes.
const LONGEST_TEXT: u64 = 1 << 20;

/// Why a site can't be planned. All are mistakes in the task pack.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SiteError {
    #[error("world.site.{field}: {source}")]
    Amount {
        field: &'static str,
        source: AmountError,
    },
    #[error("world.site.pages is {0}; use 1 to {MOST_PAGES}")]
    Pages(u64),
    #[error(
        "world.site.shape: {shape} pages are too few for {needs}; raise `pages` or make the shape smaller"
    )]
    Shape { shape: u64, needs: &'static str },
    #[error("world.site.size goes up to {0} bytes; use at most {LONGEST_TEXT}")]
    Size(u64),
    #[error(
        "world.site.also: {0:?} is no answer of a page; use a status, reset, reset_inside, truncated or garbage"
    )]
    Answer(Answer),
}

/// Draws the site up: its graph, and what each page answers.
///
/// # Errors
/// See [`SiteError`].
pub fn plan(site: &Site, params: &Params, seed: u64) -> Result<(SitePlan, Vec<Item>), SiteError> {
    let amount = |amount: &Amount, field| {
        amount
            .value(params)
            .map_err(|source| SiteError::Amount { field, source })
    };
    let pages = amount(&site.pages, "pages")?;
    if !(1..=MOST_PAGES).contains(&pages) {
        return Err(SiteError::Pages(pages));
    }
    if site.size.max > LONGEST_TEXT {
        return Err(SiteError::Size(site.size.max));
    }
    let depth = site
        .depth
        .as_ref()
        .map(|depth| amount(depth, "depth"))
        .transpose()?;
    let mut draft = Draft::new(site, seed);
    draft.page(site.start.clone());
    for also in &site.also {
        let fine = matches!(
            also.answer,
            Answer::Status(200..600)
                | Answer::Reset
                | Answer::ResetInside
                | Answer::Truncated
                | Answer::Garbage
        );
        if !fine {
            return Err(SiteError::Answer(also.answer.clone()));
        }
        for _ in 0..amount(&also.count, "also.count")? {
            let page = draft.page(also.answer.clone());
            draft.link(START, page);
        }
    }
    for &kind in &site.links {
        marks::add(&mut draft, kind);
    }
    match &site.shape {
        Shape::Tree(fan) => draft.tree(pages, amount(fan, "shape.tree")?)?,
        Shape::Web(fan) => draft.web(pages, amount(fan, "shape.web")?)?,
        Shape::List(entries) => draft.list(pages, amount(entries, "shape.list")?),
        Shape::Detour(length) => draft.detour(pages, amount(length, "shape.detour")?)?,
    }
    Ok(draft.done(depth))
}

/// A site in the making.
pub(super) struct Draft<'a> {
    site: &'a Site,
    dice: Dice,
    items: Vec<Item>,
    pages: Vec<Page>,
}

impl<'a> Draft<'a> {
    fn new(site: &'a Site, seed: u64) -> Draft<'a> {
        Draft {
            site,
            dice: Dice::new(seed, "site"),
            items: Vec::new(),
            pages: Vec::new(),
        }
    }

    /// A name that nobody can guess.
    pub(super) fn tag(&mut self) -> String {
        format!("{:08x}", self.dice.number() & 0xffff_ffff)
    }

    /// A page with an address of any shape.
    pub(super) fn page(&mut self, answer: Answer) -> usize {
        let (index, shape, tag) = (self.items.len(), self.dice.below(4), self.tag());
        let path = match shape {
            _ if index == START => "/".to_owned(),
            0 => format!("/{tag}/{index}"),
            1 => format!("/pages/{index}-{tag}.html"),
            2 => format!("/{tag}/index.html?n={index}"),
            _ => format!("/{tag}/list/{index}/"),
        };
        self.page_at(&path, answer)
    }

    /// A page with this address.
    pub(super) fn page_at(&mut self, path: &str, answer: Answer) -> usize {
        self.add(HOME, path, answer, Page::default())
    }

    /// An address of the site that must not be asked for, since only this kind of mistake leads there.
    pub(super) fn trap(&mut self, kind: LinkKind, path: &str) -> usize {
        self.trap_on(HOME, kind, path)
    }

    /// The same on another host: `OTHER_PORT`, 2 or 3.
    pub(super) fn trap_on(&mut self, host: u16, kind: LinkKind, path: &str) -> usize {
        debug_assert!(host <= OTHER_PORT + 2);
        self.add(
            host,
            path,
            Answer::Status(200),
            Page {
                trap: Some(kind),
                ..Page::default()
            },
        )
    }

    fn add(&mut self, host: u16, path: &str, answer: Answer, page: Page) -> usize {
        let size = self.dice.between(self.site.size.min, self.site.size.max);
        let (form, body) = (self.dice.number(), self.dice.number());
        let promises = matches!(answer, Answer::Truncated | Answer::ResetInside);
        let framing = match self.site.framing {
            // Not every client tells a chunked body that breaks off from one that ends.
            _ if promises => Framing::Length,
            Framing::Mixed => match form % 3 {
                0 => Framing::Length,
                1 => Framing::Chunked,
                _ => Framing::Close,
            },
            other => other,
        };
        // Within a body there must be an inside.
        let size = if promises { size.max(2) } else { size };
        self.items.push(Item {
            host,
            path: path.to_owned(),
            answer,
            framing,
            size,
            body: body & !BINARY,
            listed: 0,
            text: None,
        });
        self.pages.push(page);
        self.items.len() - 1
    }

    pub(super) fn path(&self, page: usize) -> String {
        self.items[page].path.clone()
    }

    /// A plain link.
    pub(super) fn link(&mut self, from: usize, to: usize) {
        self.pages[from].links.push(number(to));
    }

    /// Anything else in a page.
    pub(super) fn mark(
        &mut self,
        from: usize,
        kind: LinkKind,
        to: Option<usize>,
        text: impl Into<String>,
    ) {
        self.pages[from].marks.push(Mark {
            kind,
            to: to.map(number),
            text: text.into(),
        });
    }

    pub(super) fn form(&mut self, page: usize, form: Form) {
        self.pages[page].form = form;
    }

    pub(super) fn base(&mut self, page: usize, base: String) {
        self.pages[page].base = Some(base);
    }

    fn done(self, depth: Option<u64>) -> (SitePlan, Vec<Item>) {
        let Draft {
            mut items, pages, ..
        } = self;
        let depth = depth.map(|depth| u32::try_from(depth).unwrap_or(u32::MAX));
        let mut plan = SitePlan { depth, pages };
        let distances = plan.distances(&items);
        for (page, distance) in plan.pages.iter_mut().zip(distances) {
            page.distance = distance;
        }
        for (index, item) in items.iter_mut().enumerate() {
            item.listed = u32::from(plan.is_due(index));
        }
        (plan, items)
    }
}

fn number(page: usize) -> u32 {
    u32::try_from(page).unwrap_or(u32::MAX)
}
