//! From a command with placeholders to the arguments of one run.

use std::collections::BTreeMap;

/// Puts values into a submission's command.
///
/// A `run` that uses no placeholder gets the contract's arguments appended. An element whose placeholder
/// has no value in this run is dropped. An element that is nothing but a placeholder becomes one argument
/// for each of its values; within an element the values stand separated by blanks. What stands in braces
/// but is neither in `values` nor in the contract is left as it is: it is the program's own.
/// An element of the contract with blanks (`--depth {depth}`) is several arguments, dropped together.
pub fn argv(
    run: &[String],
    contract: &[String],
    values: &BTreeMap<String, Vec<String>>,
) -> Vec<String> {
    let known = |name: &str| KNOWN.contains(&name) || values.contains_key(name);
    let uses = run.iter().any(|element| names(element).any(known));
    let appended = if uses { &[] } else { contract };
    let own = run.iter().flat_map(|element| fill(element, values, &known));
    let appended = appended.iter().flat_map(|element| {
        let whole = !fill(element, values, &known).is_empty();
        let parts = element.split(' ').filter(move |_| whole);
        parts
            .flat_map(|part| fill(part, values, &known))
            .collect::<Vec<_>>()
    });
    own.chain(appended).collect()
}

/// Every placeholder that an exercise may have; one without a value drops its element.
const KNOWN: &[&str] = &[
    "limit", "urls", "out", "url", "depth", "upstream", "host", "port", "file", "timeout",
    "workers", "queue", "commands", "script", "pattern", "targets", "cities", "numbers",
];

/// Placeholders that stand for several arguments.
const LISTS: &[&str] = &["targets", "cities", "numbers"];

/// The arguments that a parameter of a scenario gives its placeholder: one, or for a list its words.
pub fn parameter(name: &str, value: String) -> Vec<String> {
    if LISTS.contains(&name) {
        value.split_whitespace().map(str::to_owned).collect()
    } else {
        vec![value]
    }
}

fn fill(
    element: &str,
    values: &BTreeMap<String, Vec<String>>,
    known: &dyn Fn(&str) -> bool,
) -> Vec<String> {
    if let Some(name) = element
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
        && known(name)
    {
        return values.get(name).cloned().unwrap_or_default();
    }
    let mut filled = String::new();
    let mut rest = element;
    while let Some((before, name, after)) = next(rest) {
        filled += before;
        match values.get(name) {
            Some(values) => filled += &values.join(" "),
            None if known(name) => return Vec::new(),
            None => filled += &rest[before.len()..rest.len() - after.len()],
        }
        rest = after;
    }
    filled += rest;
    vec![filled]
}

/// Names in braces.
fn names(element: &str) -> impl Iterator<Item = &str> {
    let mut rest = element;
    std::iter::from_fn(move || {
        let (_, name, after) = next(rest)?;
        rest = after;
        Some(name)
    })
}

/// What stands before the first name in braces, the name, and what stands after.
fn next(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text[from..].find('{')?;
        let close = open + text[open..].find('}')?;
        let name = &text[open + 1..close];
        if !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            return Some((&text[..open], name, &text[close + 1..]));
        }
        from = open + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(run: &[&str], expected: &[&str]) {
        let own = |list: &[&str]| list.iter().map(|s| s.to_string()).collect::<Vec<_>>();
        let values = [
            ("limit", own(&["3"])),
            ("urls", own(&["/in/u"])),
            ("cities", own(&["Oslo", "St. Ives"])),
        ];
        let values = values.map(|(name, value)| (name.to_owned(), value)).into();
        let contract = own(&["-c", "{limit}", "--depth={depth}", "{urls}"]);
        assert_eq!(argv(&own(run), &contract, &values), own(expected));
    }

    #[test]
    fn the_contract_is_appended_where_no_placeholder_is_used() {
        check(
            &["python3", "f.py"],
            &["python3", "f.py", "-c", "3", "/in/u"],
        );
        check(&["awk", "{print}"], &["awk", "{print}", "-c", "3", "/in/u"]);
    }

    #[test]
    fn an_option_of_the_contract_goes_with_its_value() {
        let contract = ["--depth {depth}".to_owned(), "{url}".to_owned()];
        let mut values: BTreeMap<_, _> = [("url".to_owned(), vec!["http://a".to_owned()])].into();
        assert_eq!(argv(&[], &contract, &values), ["http://a"]);
        values.insert("depth".to_owned(), vec!["3".to_owned()]);
        assert_eq!(argv(&[], &contract, &values), ["--depth", "3", "http://a"]);
    }

    #[test]
    fn own_flags_stand_instead_of_the_contracts() {
        check(
            &["./f", "--max={limit}", "{urls}"],
            &["./f", "--max=3", "/in/u"],
        );
    }

    #[test]
    fn an_element_without_a_value_is_dropped() {
        check(
            &["./f", "{limit}", "--depth={depth}", "{depth}"],
            &["./f", "3"],
        );
    }

    #[test]
    fn lists_become_several_arguments() {
        check(&["./f", "{cities}"], &["./f", "Oslo", "St. Ives"]);
        check(&["./f", "--all={cities}"], &["./f", "--all=Oslo St. Ives"]);
        check(&["./f", "{limit}-{limit}"], &["./f", "3-3"]);
    }

    #[test]
    fn other_braces_are_the_programs_own() {
        check(
            &["./f", "{limit}", "{}", "{X}", "a{b", "{other}"],
            &["./f", "3", "{}", "{X}", "a{b", "{other}"],
        );
        check(&["./f", "{{limit}}"], &["./f", "{3}"]);
    }
}
