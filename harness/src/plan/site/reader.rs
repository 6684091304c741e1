//! A reader of HTML and of URLs for tests, which knows nothing of how the pages were made: a scanner
//! in the manner of the standard's tokenizer, and the joining of RFC 3986, section 5.2.

/// The addresses that a page's links lead to, by the page's own address.
pub fn links(page: &str, html: &str) -> Vec<String> {
    let mut base = None;
    let mut hrefs = Vec::new();
    for (tag, attributes) in tags(html) {
        let href = attributes.into_iter().find(|(name, _)| name == "href");
        match (tag.as_str(), href) {
            ("a", Some((_, href))) => hrefs.push(href),
            ("base", Some((_, href))) if base.is_none() => base = join(page, &href),
            _ => {}
        }
    }
    let base = base.unwrap_or_else(|| page.to_owned());
    hrefs.iter().filter_map(|href| join(&base, href)).collect()
}

type Tag = (String, Vec<(String, String)>);

fn tags(html: &str) -> Vec<Tag> {
    let (mut found, mut rest) = (Vec::new(), html);
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
        } else if rest.starts_with(['!', '/', '?']) {
            rest = rest.find('>').map_or("", |end| &rest[end + 1..]);
        } else if rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
            let Some((tag, tail)) = open_tag(rest) else {
                break;
            };
            rest = tail;
            if ["script", "style", "title"].contains(&tag.0.as_str()) {
                let end = format!("</{}", tag.0);
                rest = rest
                    .to_ascii_lowercase()
                    .find(&end)
                    .map_or("", |at| &rest[at..]);
            }
            found.push(tag);
        }
    }
    found
}

fn open_tag(text: &str) -> Option<(Tag, &str)> {
    let end = text.find(|c: char| c.is_whitespace() || c == '>' || c == '/')?;
    let (name, mut rest) = text.split_at(end);
    let mut attributes = Vec::new();
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if let Some(tail) = rest.strip_prefix('>') {
            return Some(((name.to_ascii_lowercase(), attributes), tail));
        }
        let end = rest.find(|c: char| c.is_whitespace() || "=>/".contains(c))?;
        let key = rest[..end].to_ascii_lowercase();
        rest = rest[end..].trim_start();
        let mut value = "";
        if let Some(tail) = rest.strip_prefix('=') {
            rest = tail.trim_start();
            let quote = rest.chars().next().filter(|c| "\"'".contains(*c));
            let (from, to) = match quote {
                Some(quote) => (1, 1 + rest[1..].find(quote)?),
                None => (0, rest.find(|c: char| c.is_whitespace() || c == '>')?),
            };
            value = &rest[from..to];
            rest = &rest[to + from..];
        }
        attributes.push((key, unescaped(value)));
    }
}

fn unescaped(value: &str) -> String {
    value
        .replace("&#38;", "&")
        .replace("&#x26;", "&")
        .replace("&amp;", "&")
}

/// The address of a page: `http://host/path?query`, host in small letters. None if there is no such page.
pub fn join(base: &str, href: &str) -> Option<String> {
    let href = href.trim().split('#').next()?;
    let base = base.strip_prefix("http://")?;
    let (authority, path) = base.split_at(base.find('/').unwrap_or(base.len()));
    let scheme = href
        .split_once(':')
        .filter(|(s, _)| s.chars().all(|c| c.is_ascii_alphanumeric()) && !s.is_empty());
    let (authority, path) = match scheme {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => {
            split(rest.strip_prefix("//")?)
        }
        Some(_) => return None,
        None => match href.strip_prefix("//") {
            Some(rest) => split(rest),
            None => (authority.to_owned(), merged(path, href)),
        },
    };
    let host = authority.rsplit('@').next()?.to_ascii_lowercase();
    let (name, port) = host.rsplit_once(':')?;
    port.parse::<u16>()
        .ok()
        .filter(|_| !name.contains(['[', ' ']))?;
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    Some(format!("http://{host}{}{query}", without_dots(path)))
}

fn split(rest: &str) -> (String, String) {
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    (
        authority.to_owned(),
        if path.is_empty() {
            "/".to_owned()
        } else {
            path.to_owned()
        },
    )
}

fn merged(path: &str, href: &str) -> String {
    let bare = path.split('?').next().unwrap_or("/");
    match href {
        "" => path.to_owned(),
        _ if href.starts_with('/') => href.to_owned(),
        _ if href.starts_with('?') => format!("{bare}{href}"),
        _ => format!(
            "{}/{href}",
            bare.rsplit_once('/').map_or("", |(folder, _)| folder)
        ),
    }
}

fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            ".." => drop(kept.pop()),
            "." => {}
            other => kept.push(other),
        }
    }
    if path.ends_with("/.") || path.ends_with("/..") {
        kept.push("");
    }
    format!("/{}", kept.join("/"))
}
