//! The catalogue: sentences for codes, by language, with the facts filled in.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::check::Fact;

/// What a student reads about one finding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sentences {
    /// What was seen.
    pub message: String,
    /// Why it matters.
    pub why: String,
    /// What to look at.
    pub hint: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    message: String,
    why: String,
    hint: String,
}

type Entries = BTreeMap<String, Entry>;

/// The languages that are built in, English first.
pub const LANGUAGES: [&str; 2] = ["en", "ru"];

static ENGLISH: LazyLock<Entries> = LazyLock::new(|| read(include_str!("../../messages/en.yaml")));
static RUSSIAN: LazyLock<Entries> = LazyLock::new(|| read(include_str!("../../messages/ru.yaml")));

/// Both files are part of the program, and a test reads them; should one be broken all the same, the
/// codes themselves still speak.
fn read(text: &str) -> Entries {
    serde_yaml::from_str(text).unwrap_or_default()
}

fn entries(language: &str) -> &'static Entries {
    if language == "ru" { &RUSSIAN } else { &ENGLISH }
}

/// The sentences for a code in a language; in English where that language has none, and the bare
/// code where English has none either (evidence of a newer gradus).
pub fn sentences(code: &str, facts: &BTreeMap<String, Fact>, language: &str) -> Sentences {
    let found = entries(language).get(code).map(|e| (e, language));
    let Some((entry, language)) = found.or_else(|| ENGLISH.get(code).map(|e| (e, "en"))) else {
        return Sentences {
            message: code.to_owned(),
            ..Sentences::default()
        };
    };
    let fill = |template: &str| fill(template, facts, language);
    Sentences {
        message: fill(&entry.message),
        why: fill(&entry.why),
        hint: fill(&entry.hint),
    }
}

/// Fills `{fact}`, `{fact|form|form…}` (number and fitting word) and `{fact~form|form…}` (the word).
/// What names no fact stays as it is.
pub fn fill(template: &str, facts: &BTreeMap<String, Fact>, language: &str) -> String {
    let mut text = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((inside, after)) = after.split_once('}') else {
            text.push('{');
            rest = after;
            continue;
        };
        match placeholder(inside, facts, language) {
            Some(filled) => text.push_str(&filled),
            None => {
                text.push('{');
                text.push_str(inside);
                text.push('}');
            }
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

fn placeholder(inside: &str, facts: &BTreeMap<String, Fact>, language: &str) -> Option<String> {
    let (name, forms, with_number) = match inside.find(['|', '~']) {
        Some(at) => (
            &inside[..at],
            &inside[at + 1..],
            inside[at..].starts_with('|'),
        ),
        None => (inside, "", true),
    };
    let fact = facts.get(name)?;
    if forms.is_empty() {
        return Some(match name {
            "ending" => phrase(&fact.to_string(), language),
            _ => fact.to_string(),
        });
    }
    let forms: Vec<&str> = forms.split('|').collect();
    let word = match fact {
        Fact::Int(n) => forms
            .get(form(n.unsigned_abs(), language))
            .or(forms.last())
            .copied()?,
        Fact::Text(_) => forms.last().copied()?,
    };
    Some(if with_number {
        format!("{fact} {word}")
    } else {
        word.to_owned()
    })
}

/// Which form of a word goes with a number: 0 is the first.
fn form(n: u64, language: &str) -> usize {
    match language {
        "ru" => match (n % 10, n % 100) {
            (_, 11..=14) => 2,
            (1, _) => 0,
            (2..=4, _) => 1,
            _ => 2,
        },
        _ => usize::from(n != 1),
    }
}

/// How a run ended, as evidence has it in English, in a language.
pub fn phrase(english: &str, language: &str) -> String {
    if language != "ru" {
        return english.to_owned();
    }
    if let Some(status) = english.strip_prefix("status ") {
        return format!("код {status}");
    }
    if let Some(signal) = english.strip_prefix("signal ") {
        return format!("сигнал {signal}");
    }
    let russian = match english {
        "hang" => "зависание",
        "running" => "работала до конца проверки",
        "not run" => "не запускалась",
        crate::evidence::SPINNING => "программа занимала процессор и ничего не делала",
        other => other,
    };
    russian.to_owned()
}

/// The text of a task pack in a language, or in English.
pub fn of<'a>(text: &'a crate::task::Text, language: &str) -> &'a str {
    text.get(language)
        .or_else(|| text.get("en"))
        .map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::check::Code;

    fn facts(n: i64) -> BTreeMap<String, Fact> {
        [
            ("n".to_owned(), Fact::Int(n)),
            ("who".to_owned(), Fact::Text("x".into())),
        ]
        .into()
    }

    #[test]
    fn words_agree_with_numbers() {
        let english = |n| fill("{n|page was|pages were} {n~was|were}", &facts(n), "en");
        assert_eq!(
            [english(1), english(0), english(2)],
            ["1 page was was", "0 pages were were", "2 pages were were"]
        );
        let russian = |n| fill("{n|запрос|запроса|запросов}", &facts(n), "ru");
        let all = [1, 2, 5, 11, 12, 21, 104, 111].map(russian);
        let want = [
            "1 запрос",
            "2 запроса",
            "5 запросов",
            "11 запросов",
            "12 запросов",
            "21 запрос",
            "104 запроса",
            "111 запросов",
        ];
        assert_eq!(all, want);
    }

    #[test]
    fn what_names_no_fact_stays() {
        assert_eq!(
            fill("{who} {nobody} {open", &facts(1), "en"),
            "x {nobody} {open"
        );
    }

    #[test]
    fn every_code_has_its_sentences_in_every_language_and_no_others() {
        let codes: BTreeSet<&str> = Code::ALL.iter().map(|c| c.as_str()).collect();
        for language in LANGUAGES {
            let known: BTreeSet<&str> = entries(language).keys().map(String::as_str).collect();
            assert_eq!(known, codes, "{language}");
        }
    }

    #[test]
    fn placeholders_name_facts_that_are_given() {
        for language in LANGUAGES {
            for code in Code::ALL {
                let entry = &entries(language)[code.as_str()];
                let forms = if language == "ru" { 3 } else { 2 };
                for text in [&entry.message, &entry.why, &entry.hint] {
                    assert!(!text.is_empty());
                    for inside in text
                        .split('{')
                        .skip(1)
                        .filter_map(|p| p.split_once('}'))
                        .map(|p| p.0)
                    {
                        let at = inside.find(['|', '~']).unwrap_or(inside.len());
                        let name = &inside[..at];
                        assert!(code.facts().contains(&name), "{language} {code:?}: {name}");
                        let words =
                            inside.split('|').count() - usize::from(inside[at..].starts_with('|'));
                        assert!(
                            at == inside.len() || words == forms,
                            "{language} {code:?}: {inside}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn an_ending_is_told_in_the_readers_language() {
        let facts = [("ending".to_owned(), Fact::Text("status 3".into()))].into();
        assert_eq!(fill("({ending})", &facts, "ru"), "(код 3)");
        assert_eq!(fill("({ending})", &facts, "en"), "(status 3)");
        assert_eq!(phrase("SIGSEGV", "ru"), "SIGSEGV");
    }

    #[test]
    fn unknown_codes_and_languages_still_say_something() {
        assert_eq!(sentences("new.code", &facts(1), "ru").message, "new.code");
        let facts = [("status".to_owned(), Fact::Int(0))].into();
        assert!(
            sentences("ending.right", &facts, "de")
                .message
                .contains("status 0")
        );
    }
}
