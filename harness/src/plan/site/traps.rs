//! What looks like a link and isn't one, and links that lead out of the site.

use super::marks::{Holder, OK, anchor};
use super::{Form, OTHER_PORT};
use crate::task::world::Answer;

impl Holder<'_, '_> {
    pub(super) fn comment(&mut self) {
        self.tempts("<!-- <a href=\"~\">old</a> -->");
        self.tempts("<!--\n  > not the end -\n  <p><a href='~'>older</a></p>\n-->");
        self.after();
    }

    pub(super) fn script(&mut self) {
        self.tempts("<script>\nvar line = '<a href=\"~\">' + 'made</a>';\n</script>");
        self.after();
    }

    pub(super) fn style(&mut self) {
        self.tempts("<style>\n/* <a href=\"~\">see</a> */\n</style>");
        self.after();
    }

    pub(super) fn text(&mut self) {
        self.tempts("<pre>&lt;a href=\"~\"&gt;as text&lt;/a&gt;</pre>");
        self.tempts("<p title='<a href=\"~\">'>in a value</p>");
        self.tempts("<p data-href=\"~\">almost</p>");
        self.tempts("<p>Also at http://{0}~ if you like.</p>");
        self.after();
    }

    pub(super) fn other_tag(&mut self) {
        self.tempts("<link rel=\"stylesheet\" href=\"~\">");
        self.tempts("<map name=\"m\"><area shape=\"default\" href=\"~\" alt=\"all\"></map>");
        self.tempts("<img src=\"~\" alt=\"picture\">");
        self.tempts("<form action=\"~\"><input name=\"q\"></form>");
        self.tempts("<abbr href=\"~\">abbr</abbr>");
        self.after();
    }

    pub(super) fn other_host(&mut self) {
        self.tempts_on(
            OTHER_PORT + 1,
            "<p><a href=\"http://{2}~\">another host</a></p>",
        );
        self.tempts_on(OTHER_PORT + 2, "<p><a href=\"//{3}~\">a third one</a></p>");
        // All before the @ is a user's name.
        self.tempts_on(
            OTHER_PORT + 1,
            "<p><a href=\"http://{0}@{2}~\">not what it seems</a></p>",
        );
        self.after();
    }

    pub(super) fn other_port(&mut self) {
        self.tempts_on(
            OTHER_PORT,
            "<p><a href=\"http://{1}~\">another port</a></p>",
        );
        self.tempts_on(OTHER_PORT, "<p><a href=\"//{1}~\">another port</a></p>");
        self.after();
    }

    pub(super) fn other_name(&mut self) {
        self.tempts("<p><a href=\"http://{alias}~\">another name</a></p>");
        self.after();
    }

    pub(super) fn other_scheme(&mut self) {
        let folder = self.folder.clone();
        self.tempts("<p><a href=\"https://{0}~\">secure</a></p>");
        self.tempts("<p><a href=\"ftp://{0}~\">files</a></p>");
        for href in ["mailto:someone@{name}", "javascript:void(0)", "tel:+123456"] {
            self.draft.mark(self.page, self.kind, None, anchor(href));
        }
        // Taken for a file's name.
        for path in [
            "mailto:someone@alpha.test",
            "javascript:void(0)",
            "tel:+123456",
        ] {
            self.misread(&format!("{folder}/{path}"));
        }
        self.after();
    }

    pub(super) fn redirect_out(&mut self) {
        let page = self.redirecting(302);
        self.draft.link(self.page, page);
        self.page = page;
        self.tempts_on(OTHER_PORT + 1, "http://{2}~");
    }

    pub(super) fn error_page(&mut self) {
        for status in [404, 410, 500, 503] {
            let path = self.fresh();
            let page = self.draft.page_at(&path, Answer::Status(status));
            self.draft.link(self.page, page);
            let tempting = Holder {
                page,
                folder: String::new(),
                path,
                kind: self.kind,
                draft: &mut *self.draft,
            };
            { tempting }.tempts("<p><a href=\"~\">home</a></p>");
        }
        self.after();
    }

    pub(super) fn not_html(&mut self) {
        for form in [Form::Text, Form::Picture] {
            let path = self.fresh();
            let page = self.draft.page_at(&path, OK);
            self.draft.form(page, form);
            self.draft.link(self.page, page);
            let tempting = Holder {
                page,
                folder: String::new(),
                path,
                kind: self.kind,
                draft: &mut *self.draft,
            };
            { tempting }.tempts("<p><a href=\"~\">as text</a></p>");
        }
        self.after();
    }
}
