//! A file name for each URL: harmless, and no two alike.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// What file systems take, in bytes.
const LONGEST: usize = 255;

/// The last segment of each URL's path if it will do, or else a name made from it.
pub fn for_urls(urls: &[String]) -> Vec<String> {
    let wanted: Vec<String> = urls.iter().map(|url| harmless(url)).collect();
    // A made-up name must not take the place of a URL that asks for just that name further down.
    let mut taken: HashSet<String> = wanted.iter().cloned().collect();
    let mut copies: HashMap<String, usize> = HashMap::new();
    let distinct = wanted.into_iter().map(|name| {
        let copy = copies.entry(name.clone()).or_insert(0);
        loop {
            *copy += 1;
            match *copy {
                1 => return name,
                number => {
                    let other = fitting(format!("{number}-{name}"));
                    if taken.insert(other.clone()) {
                        return other;
                    }
                }
            }
        }
    });
    distinct.collect()
}

/// The segment stays escaped as it is in the URL: what isn't decoded can't turn into `/`.
fn harmless(url: &str) -> String {
    let without_query = url.split(['?', '#']).next().unwrap_or_default();
    let after_scheme = without_query
        .split_once("://")
        .map_or(without_query, |(_, rest)| rest);
    let segment = after_scheme
        .rsplit_once('/')
        .map_or("", |(_, segment)| segment);
    let segment = segment.replace('\0', "_");
    match segment.as_str() {
        "" => "index".to_owned(),
        hidden if hidden.starts_with('.') => fitting(format!("_{hidden}")),
        _ => fitting(segment),
    }
}

fn fitting(name: String) -> String {
    if name.len() <= LONGEST {
        return name;
    }
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    format!("long-{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(urls: &[&str]) -> Vec<String> {
        for_urls(&urls.iter().map(|url| url.to_string()).collect::<Vec<_>>())
    }

    #[test]
    fn last_segment_without_query_and_fragment() {
        assert_eq!(
            names(&["http://h/a/b.png?x=/y#/z", "http://h/c%20d"]),
            ["b.png", "c%20d"]
        );
    }

    #[test]
    fn nothing_leaves_the_folder() {
        let found = names(&[
            "http://h/..%2fx",
            "http://h/..",
            "http://h/.",
            "http://h",
            "http://h/",
        ]);
        assert_eq!(found, ["_..%2fx", "_..", "_.", "index", "2-index"]);
    }

    #[test]
    fn equal_names_are_told_apart_and_take_nobody_elses() {
        let found = names(&[
            "http://h/1/a",
            "http://h/2/a",
            "http://h/2-a",
            "http://h/3/a",
        ]);
        assert_eq!(found, ["a", "3-a", "2-a", "4-a"]);
    }

    #[test]
    fn long_names_are_shortened_and_stay_distinct() {
        let (one, two) = ("x".repeat(300), "x".repeat(301));
        let at_limit = "y".repeat(255);
        let urls = [&one, &two, &at_limit, &at_limit].map(|name| format!("http://h/{name}"));
        let found = for_urls(&urls);
        assert!(found.iter().all(|name| name.len() <= LONGEST), "{found:?}");
        assert_eq!(found[2], at_limit);
        assert_eq!(found.iter().collect::<HashSet<_>>().len(), 4, "{found:?}");
    }
}
