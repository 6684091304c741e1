//! A site of linked pages, for programs that follow links.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::amount::Amount;
use super::model::Range;
use super::world::{Also, Answer, Framing};
use crate::evidence::Point;

/// A mock site: pages under one host name that link to each other. `{url}` is its start page. Which
/// pages are to be visited, and how far they are, follows from the graph.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Pages of the shape, the start included; those of `links` and `also` come on top. 1 to 20,000.
    pub pages: Amount,
    /// How these pages link to each other.
    pub shape: Shape,
    /// Text of a page beside its links.
    #[serde(default = "short")]
    pub size: Range,
    #[serde(default)]
    pub framing: Framing,
    /// Where answers are held until the script lets them go; left out: nowhere.
    #[serde(default)]
    pub gate: Option<Point>,
    /// Pages beyond this distance from the start aren't to be visited; left out: there is no bound.
    #[serde(default)]
    pub depth: Option<Amount>,
    /// What the start page answers.
    #[serde(default = "well")]
    pub start: Answer,
    /// Kinds of links (and of what looks like links), each with pages of its own right behind the start.
    #[serde(default)]
    pub links: Vec<LinkKind>,
    /// Pages right behind the start that aren't answered as pages should be. All are linked first.
    #[serde(default)]
    pub also: Vec<Also>,
}

fn short() -> Range {
    Range {
        min: 200,
        max: 2 << 10,
    }
}

fn well() -> Answer {
    Answer::Status(200)
}

/// How the pages of a site link to each other. All these links are absolute paths in double quotes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Each page links to so many new ones, level by level. With 1 it is a chain.
    Tree(Amount),
    /// The start links to so many pages; each of these links to all of them, itself included, twice to
    /// the start, and to all other pages, which link back.
    Web(Amount),
    /// A list in pages of so many entries: each links to the next page of the list, then to its entries.
    List(Amount),
    /// A long way of so many pages, and a short one of a page whose answer is held until the script
    /// opens all gates, to one and the same page with two more behind it. All other pages are leaves
    /// of the start and of the long way.
    Detour(Amount),
}

/// Ways to write a link, and things that look like one. Pages that only such a link leads to tell
/// how a program reads it.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// An absolute path in double quotes; links between the pages of a shape are such.
    #[default]
    Plain,
    /// With scheme and host, or with the host only.
    Complete,
    /// A path that starts from the page's own folder.
    Relative,
    /// A relative path with `..` in it.
    Up,
    /// `.` and `..` within a complete URL or an absolute path.
    Dots,
    /// Pages that differ in the query only.
    Query,
    /// Fragments, and empty links.
    Fragment,
    /// Relative links on a page with `<base href>`.
    Base,
    /// Entities within the address.
    Entity,
    /// Host and scheme in capitals.
    Capitals,
    /// Quotes, no quotes, capitals, blanks, line ends and other attributes in the tag.
    Tag,
    /// Links on pages whose HTML isn't well formed.
    Broken,
    /// Redirects within the site: single ones, in a chain, and in circles.
    Redirect,
    /// Links behind a page that is nearer than it seems at first.
    Nearer,
    /// Behind URLs that make no sense.
    Nonsense,

    /// In a comment.
    Comment,
    /// In a script.
    Script,
    /// In a style sheet.
    Style,
    /// In text and in values of attributes.
    Text,
    /// The `href` of other tags than `<a>`.
    OtherTag,
    /// Another host.
    OtherHost,
    /// Another port of the same host.
    OtherPort,
    /// The same machine under another name.
    OtherName,
    /// `https:`, `ftp:`, `mailto:`, `javascript:`, `tel:`.
    OtherScheme,
    /// A redirect to another host.
    RedirectOut,
    /// In the body of an error.
    ErrorPage,
    /// In an answer that isn't HTML.
    NotHtml,
    /// Beyond the bound of the distance.
    TooDeep,
}

impl LinkKind {
    /// As it stands in task packs.
    pub fn as_str(self) -> &'static str {
        match self {
            LinkKind::Plain => "plain",
            LinkKind::Complete => "complete",
            LinkKind::Relative => "relative",
            LinkKind::Up => "up",
            LinkKind::Dots => "dots",
            LinkKind::Query => "query",
            LinkKind::Fragment => "fragment",
            LinkKind::Base => "base",
            LinkKind::Entity => "entity",
            LinkKind::Capitals => "capitals",
            LinkKind::Tag => "tag",
            LinkKind::Broken => "broken",
            LinkKind::Redirect => "redirect",
            LinkKind::Nearer => "nearer",
            LinkKind::Nonsense => "nonsense",
            LinkKind::Comment => "comment",
            LinkKind::Script => "script",
            LinkKind::Style => "style",
            LinkKind::Text => "text",
            LinkKind::OtherTag => "other_tag",
            LinkKind::OtherHost => "other_host",
            LinkKind::OtherPort => "other_port",
            LinkKind::OtherName => "other_name",
            LinkKind::OtherScheme => "other_scheme",
            LinkKind::RedirectOut => "redirect_out",
            LinkKind::ErrorPage => "error_page",
            LinkKind::NotHtml => "not_html",
            LinkKind::TooDeep => "too_deep",
        }
    }
}

impl Site {
    /// Hosts that serve it: the site itself, and if links lead out, another port and two other names.
    pub fn hosts(&self) -> u16 {
        let out = |kind: &LinkKind| {
            matches!(
                kind,
                LinkKind::OtherHost
                    | LinkKind::OtherPort
                    | LinkKind::OtherName
                    | LinkKind::RedirectOut
            )
        };
        if self.links.iter().any(out) { 4 } else { 1 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_called_as_in_task_packs() {
        for kind in [
            LinkKind::Plain,
            LinkKind::OtherTag,
            LinkKind::RedirectOut,
            LinkKind::TooDeep,
        ] {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }

    #[test]
    fn a_site_as_in_a_task_pack_is_read() {
        let text = "{ pages: 9, shape: { tree: fan }, links: [base, other_port], start: refused, gate: head }";
        let site: Site = serde_yaml::from_str(text).unwrap();
        assert_eq!(site.hosts(), 4);
        assert_eq!(site.shape, Shape::Tree(Amount::Formula("fan".into())));
        assert!(serde_yaml::from_str::<Site>("{ pages: 9 }").is_err());
    }
}
