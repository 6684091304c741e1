//! The links of an HTML page.

use html5gum::{DefaultEmitter, StartTag, Token, Tokenizer};
use url::Url;

/// Where every `<a href>` of the page leads to. A real tokenizer finds them: it knows of quotes,
/// entities and capitals, and that a comment or a script holds no tags.
pub fn in_page(page: &Url, html: &[u8]) -> Vec<Url> {
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true); // there are no tags inside of <script>, <style>, <title>…
    let mut base = None;
    let mut hrefs = Vec::new();
    for Ok(token) in Tokenizer::new_with_emitter(html, emitter) {
        let Token::StartTag(tag) = token else {
            continue;
        };
        match tag.name.as_slice() {
            b"a" => hrefs.extend(href(&tag)),
            b"base" if base.is_none() => base = href(&tag),
            _ => {}
        }
    }
    let base = base.and_then(|base| page.join(&base).ok());
    let base = base.as_ref().unwrap_or(page);
    hrefs
        .iter()
        .filter_map(|href| base.join(href).ok())
        .collect()
}

fn href(tag: &StartTag<()>) -> Option<String> {
    let value = tag.attributes.get(b"href".as_slice())?;
    Some(String::from_utf8_lossy(value).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(html: &str) -> Vec<String> {
        let page = Url::parse("http://h.test:81/a/b?c").unwrap();
        in_page(&page, html.as_bytes())
            .into_iter()
            .map(String::from)
            .collect()
    }

    #[test]
    fn every_way_to_write_a_tag() {
        let html = "<a href=x><A HREF='x'><a\nclass=\"a>b\" href = \"x\" ><a href=x/>text</a>";
        assert_eq!(
            links(html),
            ["http://h.test:81/a/x"; 3]
                .into_iter()
                .chain(["http://h.test:81/a/x/"])
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn every_way_to_write_a_link() {
        for (href, expected) in [
            ("x", "http://h.test:81/a/x"),
            ("/x", "http://h.test:81/x"),
            ("../../x/./y/..", "http://h.test:81/x/"),
            ("?d=1&amp;e=2", "http://h.test:81/a/b?d=1&e=2"),
            ("#part", "http://h.test:81/a/b?c#part"),
            ("", "http://h.test:81/a/b?c"),
            (" x ", "http://h.test:81/a/x"),
            ("//o.test/x", "http://o.test/x"),
            ("HTTP://H.TEST:81/x", "http://h.test:81/x"),
            ("http://o.test:80", "http://o.test/"),
            ("&#x2f;x", "http://h.test:81/x"),
            ("mailto:me@h.test", "mailto:me@h.test"),
        ] {
            assert_eq!(links(&format!("<a href=\"{href}\">")), [expected], "{href}");
        }
    }

    #[test]
    fn the_first_base_counts_for_all_links() {
        let html = "<a href=x><base target=_top><base href='/c/'><base href='/d/'><a href=y>";
        assert_eq!(
            links(html),
            ["http://h.test:81/c/x", "http://h.test:81/c/y"]
        );
    }

    #[test]
    fn what_only_looks_like_a_link() {
        let html = "<!-- <a href=x> --><script>'<a href=x>'</script><style><a href=x></style>\
            <link href=x><area href=x><a name=x><abbr href=x><p title='<a href=x>'><a href='http://['>";
        assert_eq!(links(html), [""; 0]);
    }

    #[test]
    fn broken_html_keeps_its_links() {
        let html =
            "<p><b><a href=x<i></p></a></a><a href=y><a <a href='z'>< a href=no><a href=\"open";
        assert_eq!(
            links(html),
            [
                "http://h.test:81/a/x%3Ci",
                "http://h.test:81/a/y",
                "http://h.test:81/a/z"
            ]
        );
    }
}
