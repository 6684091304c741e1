//! Links of each kind, and what a program asks for that misreads them.
//!
//! Each kind has pages of its own, linked plainly from the start, and each of its targets is linked
//! nowhere else: a page that isn't visited, and one that is though it mustn't be, tells the kind. Only what
//! all readers of HTML and of URLs read alike is used here.

use super::draft::Draft;
use super::{Form, START};
use crate::task::site::LinkKind;
use crate::task::world::Answer;

pub(super) const OK: Answer = Answer::Status(200);

/// Adds the pages of this kind.
pub(super) fn add(draft: &mut Draft, kind: LinkKind) {
    let folder = format!("/{}/docs", draft.tag());
    let path = format!("{folder}/{}.html", kind.as_str());
    let page = draft.page_at(&path, OK);
    draft.link(START, page);
    let mut holder = Holder {
        draft,
        kind,
        page,
        path,
        folder,
    };
    match kind {
        LinkKind::Plain => holder.plain(),
        LinkKind::Complete => holder.complete(),
        LinkKind::Relative => holder.relative(),
        LinkKind::Up => holder.up(),
        LinkKind::Dots => holder.dots(),
        LinkKind::Query => holder.query(),
        LinkKind::Fragment => holder.fragment(),
        LinkKind::Base => holder.base(),
        LinkKind::Entity => holder.entity(),
        LinkKind::Capitals => holder.capitals(),
        LinkKind::Tag => holder.tag(),
        LinkKind::Broken => holder.broken(),
        LinkKind::Redirect => holder.redirect(),
        LinkKind::Nearer | LinkKind::TooDeep => {}
        LinkKind::Nonsense => holder.nonsense(),
        LinkKind::Comment => holder.comment(),
        LinkKind::Script => holder.script(),
        LinkKind::Style => holder.style(),
        LinkKind::Text => holder.text(),
        LinkKind::OtherTag => holder.other_tag(),
        LinkKind::OtherHost => holder.other_host(),
        LinkKind::OtherPort => holder.other_port(),
        LinkKind::OtherName => holder.other_name(),
        LinkKind::OtherScheme => holder.other_scheme(),
        LinkKind::RedirectOut => holder.redirect_out(),
        LinkKind::ErrorPage => holder.error_page(),
        LinkKind::NotHtml => holder.not_html(),
    }
}

pub(super) struct Holder<'d, 'a> {
    pub(super) draft: &'d mut Draft<'a>,
    pub(super) kind: LinkKind,
    /// The page that has the links.
    pub(super) page: usize,
    pub(super) path: String,
    /// Its folder, without a slash at the end.
    pub(super) folder: String,
}

impl Holder<'_, '_> {
    /// A path of the site that nothing else has.
    pub(super) fn fresh(&mut self) -> String {
        format!("/{}/page.html", self.draft.tag())
    }

    /// A page to be visited, and the markup that leads to it: each `~` of it stands for its path.
    fn leads(&mut self, markup: &str) -> usize {
        let path = self.fresh();
        self.leads_to(&path, &markup.replace('~', &path))
    }

    /// The same, with an address of its own and the markup as it is.
    fn leads_to(&mut self, path: &str, markup: &str) -> usize {
        let to = self.draft.page_at(path, OK);
        self.draft.mark(self.page, self.kind, Some(to), markup);
        to
    }

    /// A link with this `href`, to the page with this path.
    fn href(&mut self, path: &str, href: &str) -> usize {
        self.leads_to(path, &anchor(href))
    }

    /// What a program asks for that misreads a link to a page.
    pub(super) fn misread(&mut self, path: &str) {
        self.draft.trap(self.kind, path);
    }

    /// An address that must not be asked for, and the markup with its path in the place of each `~`.
    pub(super) fn tempts(&mut self, markup: &str) {
        let path = self.fresh();
        let to = self.draft.trap(self.kind, &path);
        self.draft
            .mark(self.page, self.kind, Some(to), markup.replace('~', &path));
    }

    pub(super) fn tempts_on(&mut self, host: u16, markup: &str) {
        let path = self.fresh();
        let to = self.draft.trap_on(host, self.kind, &path);
        self.draft
            .mark(self.page, self.kind, Some(to), markup.replace('~', &path));
    }

    /// An ordinary link after all that: what came before must not hide it.
    pub(super) fn after(&mut self) {
        self.leads("<p><a href=\"~\">and on</a></p>");
    }

    fn plain(&mut self) {
        self.leads("<p><a href=\"~\">plain</a></p>");
    }

    fn complete(&mut self) {
        self.leads("<p><a href=\"http://{0}~\">complete</a></p>");
        self.leads("<p><a href=\"//{0}~\">without the scheme</a></p>");
    }

    fn relative(&mut self) {
        let (folder, path) = (self.folder.clone(), self.path.clone());
        for (href, name) in [
            ("next.html", "next.html"),
            ("./here.html", "here.html"),
            ("more/of/it/", "more/of/it/"),
        ] {
            self.href(&format!("{folder}/{name}"), href);
            // As if the page were a folder.
            self.misread(&format!("{path}/{name}"));
        }
    }

    fn up(&mut self) {
        let folder = self.folder.clone();
        let top = folder.trim_end_matches("/docs").to_owned();
        let tag = self.draft.tag();
        self.href(&format!("{top}/above.html"), "../above.html");
        self.misread(&format!("{folder}/above.html"));
        self.href(
            &format!("{top}/aside/{tag}.html"),
            &format!("../aside/{tag}.html"),
        );
        self.misread(&format!("{folder}/aside/{tag}.html"));
        // There is nothing above the top.
        self.href(&format!("/{tag}.html"), &format!("../../../../{tag}.html"));
    }

    fn dots(&mut self) {
        let tag = self.draft.tag();
        self.href(
            &format!("/{tag}/one.html"),
            &format!("http://{{0}}/{tag}/deep/../one.html"),
        );
        self.misread(&format!("/{tag}/deep/../one.html"));
        self.href(
            &format!("/{tag}/two.html"),
            &format!("http://{{0}}/{tag}/./a/b/../../two.html"),
        );
        self.misread(&format!("/{tag}/./a/b/../../two.html"));
        self.href(
            &format!("/{tag}/three.html"),
            &format!("/{tag}/x/../three.html"),
        );
        self.misread(&format!("/{tag}/x/../three.html"));
    }

    fn query(&mut self) {
        let (folder, path) = (self.folder.clone(), self.path.clone());
        self.href(&format!("{path}?page=2"), "?page=2");
        self.misread(&format!("{folder}/?page=2"));
        let list = self.fresh();
        self.href(&list, &list);
        self.href(&format!("{list}?page=2"), &format!("{list}?page=2"));
        self.href(&format!("{list}?page=3"), &format!("{list}?page=3"));
    }

    fn fragment(&mut self) {
        let path = self.path.clone();
        for href in ["#top", "", &format!("{path}#part")] {
            self.draft
                .mark(self.page, self.kind, Some(self.page), anchor(href));
        }
        for part in ["#top", "#part"] {
            self.misread(&format!("{path}{part}"));
        }
        let target = self.fresh();
        let leaf = self.href(&target, &format!("{target}#first"));
        // Only on the page itself: two links on one page would be found at the same moment, which is
        // another question.
        self.draft
            .mark(leaf, self.kind, Some(leaf), anchor("#second"));
        for part in ["#first", "#second"] {
            self.misread(&format!("{target}{part}"));
        }
    }

    fn base(&mut self) {
        let folder = self.folder.clone();
        let tag = self.draft.tag();
        let base = format!("/{tag}/other/");
        self.draft.base(self.page, base.clone());
        self.href(&format!("{base}one.html"), "one.html");
        self.misread(&format!("{folder}/one.html"));
        self.href(&format!("{base}sub/two.html"), "sub/two.html");
        self.misread(&format!("{folder}/sub/two.html"));
        // What doesn't start from the folder is as ever.
        self.leads("<p><a href=\"~\">absolute</a></p>");

        let (path, far) = (format!("{folder}/base-2.html"), format!("/{tag}/far/"));
        let second = self.draft.page_at(&path, OK);
        self.draft.link(START, second);
        self.draft.base(second, format!("http://{{0}}{far}"));
        self.page = second;
        self.href(&format!("{far}three.html"), "three.html");
        self.misread(&format!("{folder}/three.html"));
    }

    fn entity(&mut self) {
        let path = self.fresh();
        for (meant, written) in [
            ("?a=1&b=2", "?a=1&amp;b=2"),
            ("?c=3&d=4", "?c=3&#38;d=4"),
            ("?e=5&f=6", "?e=5&#x26;f=6"),
            ("?g=7&h=8&i=9", "?g=7&amp;h=8&amp;i=9"),
        ] {
            self.href(&format!("{path}{meant}"), &format!("{path}{written}"));
            // As it is written, up to what would be a fragment.
            self.misread(&format!(
                "{path}{}",
                written.split('#').next().unwrap_or(written)
            ));
        }
    }

    fn capitals(&mut self) {
        self.leads("<p><a href=\"HTTP://{0^}~\">loud</a></p>");
        self.leads("<p><a href=\"//{0^}~\">loud, too</a></p>");
    }

    fn tag(&mut self) {
        self.leads("<p><a href='~'>single quotes</a></p>");
        self.leads("<p><a href=~>no quotes</a></p>");
        self.leads("<P><A HREF=\"~\">capitals</A></P>");
        self.leads(
            "<p><a class=\"far away\" id=x href=\"~\" rel='nofollow'>other attributes</a></p>",
        );
        self.leads("<p><a title=\"a > b\" href=\"~\">a bracket in a value</a></p>");
        self.leads("<p><a href = \"~\">blanks</a></p>");
        self.leads("<p><a\n   class=\"long\"\n   href=\"~\"\n>several lines</a></p>");
        self.leads("<p><a href=\" ~ \">blanks around</a></p>");
        self.leads("<p><a\thref=\"~\">a tab</a></p>");
    }

    fn broken(&mut self) {
        self.leads("<div><p><b><a href=\"~\">crossed</b></a>");
        self.leads("<p>a < b and b > c, so <a href=\"~\">never closed");
        self.leads("</a></a></em><a href=\"~\">closed twice</a></a>");
        self.leads("<li><a href=\"~\">nested <a href=\"#\">links</a></a>");
        self.leads("<table><tr><a href=\"~\">in a table</a></td></div>");
        self.leads("<p>R&D &nosuch; & <a href=\"~\">and</a>");
    }

    fn nonsense(&mut self) {
        for href in [
            "http://[",
            "http://{name}:port/x",
            "http://{name}:999999/x",
            "http://[:::1]/x",
        ] {
            self.draft.mark(self.page, self.kind, None, anchor(href));
        }
        self.after();
    }

    fn redirect(&mut self) {
        // Two ways to one page, the second found only on the page itself.
        let goal = self.fresh();
        let first = self.redirecting(301);
        self.draft.link(START, first);
        let to = self.draft.page_at(&goal, OK);
        self.draft
            .mark(first, self.kind, Some(to), format!("http://{{0}}{goal}"));
        let second = self.redirecting(302);
        self.draft.link(to, second);
        self.draft.mark(second, self.kind, Some(to), goal);
        // A chain of them.
        let (one, two, three) = (
            self.redirecting(307),
            self.redirecting(308),
            self.redirecting(303),
        );
        self.draft.link(START, one);
        let end = self.fresh();
        let last = self.draft.page_at(&end, OK);
        for (from, to) in [(one, two), (two, three), (three, last)] {
            let path = self.draft.path(to);
            self.draft
                .mark(from, self.kind, Some(to), format!("http://{{0}}{path}"));
        }
        // In circles.
        let (here, there, alone) = (
            self.redirecting(302),
            self.redirecting(301),
            self.redirecting(302),
        );
        for page in [here, alone] {
            self.draft.link(START, page);
        }
        for (from, to) in [(here, there), (there, here), (alone, alone)] {
            let path = self.draft.path(to);
            self.draft.mark(from, self.kind, Some(to), path);
        }
    }

    pub(super) fn redirecting(&mut self, status: u16) -> usize {
        let path = format!("/{}/moved", self.draft.tag());
        let page = self.draft.page_at(&path, Answer::Status(status));
        self.draft.form(page, Form::Redirect);
        page
    }
}

pub(super) fn anchor(href: &str) -> String {
    format!("<p><a href=\"{href}\">link</a></p>")
}
