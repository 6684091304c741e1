//! Text from a submission, made harmless for people's screens.

/// Without control characters, escape sequences and invisible direction marks; line ends and tabs
/// stay, carriage returns become line ends.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\n' | '\t' => out.push(c),
            '\r' => {
                chars.next_if_eq(&'\n');
                out.push('\n');
            }
            '\u{1b}' => skip_sequence(&mut chars),
            // One-character forms of the sequences that ESC begins.
            '\u{9b}' => skip_csi(&mut chars),
            c if c.is_control() || is_invisible(c) => {}
            c => out.push(c),
        }
    }
    defused(out)
}

/// Without what pipelines take for commands in a log: GitHub's `::name …::` at the start of a line (where any
/// word may come to stand when text is wrapped) and its older `##[…]`, Azure's and TeamCity's.
fn defused(mut text: String) -> String {
    for mark in ["##[", "##vso[", "##teamcity["] {
        if text.contains(mark) {
            text = text.replace(mark, &format!("## {}", &mark[2..]));
        }
    }
    if !text.contains("::") {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut start = true;
    for (at, c) in text.char_indices() {
        let rest = &text[at + c.len_utf8()..];
        let named = rest
            .strip_prefix(':')
            .is_some_and(|name| name.starts_with(|n: char| n.is_ascii_alphabetic()));
        out.push(c);
        if c == ':' && start && named {
            out.push(' ');
        }
        start = c.is_whitespace();
    }
    out
}

/// The same in one line, cut to at most `most` characters.
pub fn clean_line(text: &str, most: usize) -> String {
    let line = clean(text).replace(['\n', '\t'], " ");
    if line.chars().count() <= most {
        return line;
    }
    line.chars()
        .take(most.saturating_sub(1))
        .chain(['…'])
        .collect()
}

/// The end of a text: whole lines, at most `most` bytes.
pub fn tail(text: &str, most: usize) -> String {
    let text = clean(text);
    let text = text.trim_end();
    if text.len() <= most {
        return text.to_owned();
    }
    let mut from = text.len() - most;
    while !text.is_char_boundary(from) {
        from += 1;
    }
    let kept = &text[from..];
    let kept = kept.split_once('\n').map_or(kept, |(_, rest)| rest);
    format!("…\n{kept}")
}

fn skip_sequence(chars: &mut std::iter::Peekable<std::str::Chars>) {
    match chars.next() {
        Some('[') => skip_csi(chars),
        // Strings (titles, links) end with BEL or ESC \.
        Some(']' | 'P' | '_' | '^' | 'X') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' || c == '\u{9c}' || c == '\n' {
                    break;
                }
                if c == '\u{1b}' {
                    chars.next_if_eq(&'\\');
                    break;
                }
            }
        }
        Some('(' | ')' | '#') => {
            chars.next();
        }
        _ => {}
    }
}

fn skip_csi(chars: &mut std::iter::Peekable<std::str::Chars>) {
    while chars
        .next_if(|c| ('\u{20}'..='\u{3f}').contains(c))
        .is_some()
    {}
    chars.next_if(|c| ('\u{40}'..='\u{7e}').contains(c));
}

/// Marks that reorder or hide text.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn commands_to_pipelines_are_defused() {
        let forged =
            "::error file=a::x\n  ::set-output name=score::9 ##[error]x y##vso[z] ##teamcity[t]";
        let text = clean(forged);
        assert_eq!(
            text,
            ": :error file=a::x\n  : :set-output name=score::9 ## [error]x y## vso[z] ## teamcity[t]"
        );
        assert_eq!(clean(&text), text, "once is enough");
        for harmless in [
            "std::io::Error",
            "[::1]:80",
            "at ::1",
            "a:: b",
            "::",
            "# # [",
        ] {
            assert_eq!(clean(harmless), harmless);
        }
    }

    #[test]
    fn sequences_go_and_text_stays() {
        assert_eq!(
            clean("\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7}text\r\n\u{8}x\u{202e}y"),
            "red text\nxy"
        );
        assert_eq!(
            clean("\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\"),
            "link"
        );
        assert_eq!(clean("open \u{1b}[12"), "open ");
    }

    #[test]
    fn lines_and_tails_are_bounded() {
        assert_eq!(clean_line("a\nb\tc", 10), "a b c");
        assert_eq!(clean_line("abcdef", 4), "abc…");
        assert_eq!(tail("one\ntwo\nthree\n", 9), "…\nthree");
        assert_eq!(tail("ééé", 3), "…\né");
    }

    proptest! {
        #[test]
        fn nothing_that_moves_a_cursor_remains(text in ".*") {
            let text = clean(&text);
            prop_assert!(text.chars().all(|c| c == '\n' || c == '\t' || !c.is_control()));
        }
    }
}
