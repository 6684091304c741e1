//! In which language to speak.

/// What was asked for, else what the locale says, else English. Only the language of a locale counts:
/// `ru_RU.UTF-8` is `ru`.
pub fn choose(asked: Option<&str>, env: impl Fn(&str) -> Option<String>) -> String {
    if let Some(asked) = asked {
        return asked.to_ascii_lowercase();
    }
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .filter_map(env)
        .find(|value| !value.is_empty());
    let locale = locale.unwrap_or_default();
    let language = locale
        .split(['_', '.', '@', '-'])
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    match language.as_str() {
        "" | "c" | "posix" => "en".to_owned(),
        _ => language,
    }
}

/// The variable, if it is set and is text.
pub fn env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The text in this language, or in English.
pub fn text<'t>(text: &'t crate::task::Text, language: &str) -> &'t str {
    text.get(language)
        .or_else(|| text.get("en"))
        .map_or("", String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_counts_unless_a_language_is_asked_for() {
        let with = |name: &'static str, value: &'static str| {
            move |n: &str| (n == name).then(|| value.to_owned())
        };
        assert_eq!(choose(Some("RU"), with("LANG", "de_DE.UTF-8")), "ru");
        assert_eq!(choose(None, with("LANG", "ru_RU.UTF-8")), "ru");
        assert_eq!(choose(None, with("LC_ALL", "C.UTF-8")), "en");
        assert_eq!(choose(None, |_| None), "en");
    }
}
