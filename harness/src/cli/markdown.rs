//! A statement in the terminal: enough of Markdown for our own texts, no more.

use anstyle::{AnsiColor, Style};

const HEADING: Style = Style::new().bold().underline();
const STRONG: Style = Style::new().bold();
const CODE: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Cyan)));

/// The text with headings, emphasis and code styled, and paragraphs filled to `width` columns.
pub fn render(text: &str, width: usize) -> String {
    let mut page = Page {
        out: String::new(),
        width,
        paragraph: String::new(),
        indent: 0,
    };
    let mut fenced = false;
    for line in text.lines() {
        let bare = line.trim();
        if bare.starts_with("```") {
            page.flush();
            fenced = !fenced;
        } else if fenced || (line.starts_with("    ") && page.paragraph.is_empty()) {
            let code = if fenced { line } else { &line[4..] };
            page.line(&format!("    {CODE}{}{CODE:#}", plain(code)));
        } else if bare.is_empty() {
            page.flush();
            page.blank();
        } else if is_anchor(bare) {
            page.flush();
        } else if let Some(heading) = bare.strip_prefix('#') {
            page.flush();
            page.blank();
            page.line(&format!(
                "{HEADING}{}{HEADING:#}",
                plain(heading.trim_start_matches('#').trim())
            ));
        } else if let Some((mark, rest)) = item(line) {
            page.flush();
            page.indent = mark.chars().count();
            page.paragraph = format!("{mark}{rest}");
        } else {
            if !page.paragraph.is_empty() {
                page.paragraph.push(' ');
            }
            page.paragraph.push_str(bare);
        }
    }
    page.flush();
    page.out.trim_matches('\n').to_owned() + "\n"
}

struct Page {
    out: String,
    width: usize,
    paragraph: String,
    /// Columns by which the lines of the paragraph after its first are set in.
    indent: usize,
}

impl Page {
    fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    fn blank(&mut self) {
        if !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn flush(&mut self) {
        let paragraph = std::mem::take(&mut self.paragraph);
        let indent = std::mem::take(&mut self.indent);
        if paragraph.is_empty() {
            return;
        }
        let styled = fill(&plain(&paragraph), self.width, indent);
        self.line(&inline(&styled));
    }
}

/// Breaks at blanks. Marks of emphasis count as columns: a line is a little too short at worst.
fn fill(text: &str, width: usize, indent: usize) -> String {
    let leading = text.len() - text.trim_start().len();
    let mut filled = " ".repeat(leading);
    let mut column = leading;
    for (i, word) in text.split_whitespace().enumerate() {
        let length = word.chars().count();
        if i > 0 && column + 1 + length > width {
            filled.push('\n');
            filled.push_str(&" ".repeat(indent));
            column = indent;
        } else if i > 0 {
            filled.push(' ');
            column += 1;
        }
        filled.push_str(word);
        column += length;
    }
    filled
}

/// Styles `**strong**` and `` `code` ``; links become their text.
fn inline(text: &str) -> String {
    let mut styled = String::new();
    for (i, part) in text.split('`').enumerate() {
        if i % 2 == 1 {
            styled.push_str(&format!("{CODE}{part}{CODE:#}"));
            continue;
        }
        for (j, piece) in part.split("**").enumerate() {
            if j % 2 == 1 {
                styled.push_str(&format!("{STRONG}{piece}{STRONG:#}"));
            } else {
                styled.push_str(piece);
            }
        }
    }
    styled
}

/// A list's item: its mark with the blanks before it, and the rest.
fn item(line: &str) -> Option<(&str, &str)> {
    let start = line.len() - line.trim_start().len();
    let bare = &line[start..];
    let mark = if bare.starts_with("- ") || bare.starts_with("* ") {
        2
    } else {
        let digits = bare.bytes().take_while(u8::is_ascii_digit).count();
        if !(1..=3).contains(&digits) || !bare[digits..].starts_with(". ") {
            return None;
        }
        digits + 2
    };
    Some(line.split_at(start + mark))
}

fn is_anchor(line: &str) -> bool {
    line.starts_with("<a id=") && line.ends_with("</a>")
}

/// Packs come from others too: nothing in them steers the terminal.
fn plain(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bare(text: &str, width: usize) -> String {
        anstream::adapter::strip_str(&render(text, width)).to_string()
    }

    #[test]
    fn paragraphs_are_filled_and_code_is_left_alone() {
        let text = "# Title\n\n<a id=\"x\"></a>\n## Part\n\nOne two **three**\nfour `five six` seven.\n\n    code   stays\n\n```\nfenced  too\n```\n";
        assert_eq!(
            bare(text, 24),
            "Title\n\nPart\n\nOne two three four\nfive six seven.\n\n    code   stays\n\n    fenced  too\n"
        );
    }

    #[test]
    fn items_hang() {
        assert_eq!(
            bare("- one two three\n  four\n- five\n1. six seven eight", 12),
            "- one two\n  three four\n- five\n1. six seven\n   eight\n"
        );
    }

    #[test]
    fn control_characters_don_t_come_through() {
        assert!(!bare("a \u{1b}]0;x\u{7} b\n\n    \u{1b}[2J\n", 80).contains('\u{1b}'));
    }
}
