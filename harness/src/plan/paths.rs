//! The paths of a list's entries, and the names of files that they stand for.

use crate::task::world::Paths;

/// Longer than any file system takes.
const TOO_LONG: usize = 300;

/// The path of entry number `index`, which is in it and so makes it unique. `shape` chooses among
/// the forms of its kind, `tag` (32 bits) makes it new in each run; `nth` counts the entries of its kind.
pub fn path(kind: Paths, nth: usize, shape: u64, tag: u64, index: usize) -> String {
    match kind {
        Paths::Pages => page(shape, tag, index),
        Paths::Files => file(shape, tag, index),
        Paths::Same => format!("/{tag:08x}/{index}/same.jpg"),
        Paths::Hostile => hostile(nth, tag, index),
    }
}

fn page(shape: u64, tag: u64, index: usize) -> String {
    match shape % 4 {
        0 => format!("/{tag:08x}/{index}"),
        1 => format!("/pages/{index}-{tag:08x}.html"),
        2 => format!("/items?id={index}&key={tag:08x}"),
        _ => format!("/{tag:08x}/p{index}.txt"),
    }
}

fn file(shape: u64, tag: u64, index: usize) -> String {
    match shape % 5 {
        0 => format!("/cats/{index}-{tag:08x}.jpg"),
        1 => format!("/{tag:08x}/p{index}.png?size=2&of={index}"),
        2 => format!("/dogs/a%20{tag:08x}-{index}.gif"),
        3 => format!("/birds/{index}/r%C3%A9-{tag:08x}-{index}.jpg"),
        _ => format!("/{index}-{tag:08x}"),
    }
}

/// Each form comes in turn, so that a handful of them has them all.
fn hostile(nth: usize, tag: u64, index: usize) -> String {
    match nth % 5 {
        0 => format!("/{tag:08x}/..%2f{tag:08x}-{index}.jpg"),
        1 => format!("/{tag:08x}/%2fetc%2f{tag:08x}-{index}.jpg"),
        2 => format!("/{tag:08x}-{index}/.."),
        3 => format!("/{tag:08x}-{index}/"),
        _ => {
            let name = format!("{index}-{tag:08x}");
            format!("/long/{}{name}.jpg", "x".repeat(TOO_LONG - name.len()))
        }
    }
}

/// The last segment of a path, without its query: as it stands there, and with its escapes undone.
pub fn file_names(path: &str) -> (String, String) {
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let raw = path.rsplit('/').next().unwrap_or_default();
    (raw.to_owned(), decoded(raw))
}

/// Undoes percent-escapes. Bytes that are no UTF-8 then become replacement characters, as they do in
/// evidence.
pub fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let [first, tail @ ..] = rest {
        let hex = |at: usize| rest.get(at).and_then(|&b| char::from(b).to_digit(16));
        match (first, hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                rest = &rest[3..];
            }
            _ => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn paths_are_distinct_and_so_are_names_of_files() {
        for kind in [Paths::Pages, Paths::Files, Paths::Same, Paths::Hostile] {
            let paths: HashSet<_> = (0..200)
                .map(|i| path(kind, i, i as u64 * 7, 1, i))
                .collect();
            assert_eq!(paths.len(), 200, "{kind:?}");
        }
        let names: HashSet<_> = (0..200)
            .map(|i| file_names(&path(Paths::Files, i, i as u64, 1, i)))
            .collect();
        assert_eq!(names.len(), 200);
    }

    #[test]
    fn names_lose_the_query_and_keep_or_lose_their_escapes() {
        let both = file_names("/a/b%20c.jpg?size=2#x");
        assert_eq!(both, ("b%20c.jpg".to_owned(), "b c.jpg".to_owned()));
        assert_eq!(file_names("/a/..%2fx").1, "../x");
        assert_eq!(file_names("/a/").0, "");
        assert_eq!(decoded("50%"), "50%");
        assert_eq!(decoded("%C3%A9%zz"), "é%zz");
    }

    #[test]
    fn a_handful_of_hostile_ones_has_all_forms() {
        let all: Vec<_> = (0..5)
            .map(|i| file_names(&path(Paths::Hostile, i, 0, 0xab, i)).1)
            .collect();
        assert!(all[0].starts_with("../"), "{all:?}");
        assert!(all[1].starts_with("/etc/"), "{all:?}");
        assert_eq!(all[2], "..");
        assert_eq!(all[3], "");
        assert!(all[4].len() > 255, "{all:?}");
    }
}
