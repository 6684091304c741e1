//! A page as bytes.

use std::fmt::Write as _;

use super::{Form, HOME, SitePlan};
use crate::evidence::Place;
use crate::plan::Item;
use crate::plan::body::{PIECE, piece};

/// The bytes of a page's body. The same for the same plan and places.
pub fn render(site: &SitePlan, items: &[Item], index: usize, places: &[Place]) -> Vec<u8> {
    let (Some(page), Some(item)) = (site.page(index), items.get(index)) else {
        return Vec::new();
    };
    let mut out = String::with_capacity(item.size as usize + 400 + page.links.len() * 60);
    out.push_str("<!DOCTYPE html>\n<html>\n<head><meta charset=\"utf-8\">");
    // Writing into a string can't fail.
    let _ = write!(out, "<title>Page {index}</title>");
    if let Some(base) = &page.base {
        let _ = write!(out, "<base href=\"{}\">", filled(base, places));
    }
    let _ = writeln!(out, "</head>\n<body>\n<h1>Page {index}</h1>");
    for (number, &to) in page.links.iter().enumerate() {
        if let Some(target) = items.get(to as usize) {
            let _ = writeln!(
                out,
                "<p>See <a href=\"{}\">number {}</a>.</p>",
                target.path,
                number + 1
            );
        }
    }
    for mark in &page.marks {
        let _ = writeln!(out, "{}", filled(&mark.text, places));
    }
    let mut body = out.into_bytes();
    body.extend_from_slice(b"<p>");
    let mut at = 0;
    while at < item.size {
        let bytes = piece(item.body, at, (item.size - at).min(PIECE as u64) as usize);
        body.extend_from_slice(bytes);
        at += bytes.len() as u64;
    }
    body.extend_from_slice(b"</p>\n</body>\n</html>\n");
    body
}

/// What a page says that it is.
pub fn content_type(site: &SitePlan, index: usize) -> &'static str {
    match site.page(index).map(|page| page.form) {
        Some(Form::Text) => "text/plain; charset=utf-8",
        Some(Form::Picture) => "image/png",
        _ if index % 3 == 1 => "text/html",
        _ => "text/html; charset=utf-8",
    }
}

/// Where a redirecting page leads.
pub fn location(site: &SitePlan, index: usize, places: &[Place]) -> Option<String> {
    let page = site
        .page(index)
        .filter(|page| page.form == Form::Redirect)?;
    page.marks.first().map(|mark| filled(&mark.text, places))
}

/// Fills in the hosts: `{2}` is name and port of host 2, `{2^}` the same in capitals, `{name}` the
/// site's name alone and `{alias}` another name for it, with its port.
fn filled(text: &str, places: &[Place]) -> String {
    let mut out = String::with_capacity(text.len() + 40);
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('{') {
        out.push_str(before);
        let (key, tail) = tail.split_once('}').unwrap_or((tail, ""));
        rest = tail;
        let (number, capitals) = match key.strip_suffix('^') {
            Some(number) => (number, true),
            None => (key, false),
        };
        let host = number.parse().unwrap_or(usize::from(HOME));
        let Some(place) = places.get(host) else {
            continue;
        };
        match key {
            "name" => out.push_str(&place.name),
            "alias" => {
                let _ = write!(out, "{}:{}", alias(place), place.addr.port());
            }
            _ if capitals => {
                let _ = write!(
                    out,
                    "{}:{}",
                    place.name.to_ascii_uppercase(),
                    place.addr.port()
                );
            }
            _ => {
                let _ = write!(out, "{}:{}", place.name, place.addr.port());
            }
        }
    }
    out.push_str(rest);
    out
}

/// Another name for the same machine.
fn alias(place: &Place) -> String {
    let literal = place.addr.ip().to_string();
    if place.name == literal {
        "localhost".to_owned()
    } else {
        literal
    }
}
