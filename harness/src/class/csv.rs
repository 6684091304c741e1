//! CSV as spreadsheets and importers read it.

/// Text for a cell that no spreadsheet takes for a formula (OWASP, "CSV Injection"): such a text begins
/// with an apostrophe. Control characters become blanks. Numbers are not to come through here.
pub fn text(text: &str) -> String {
    // Marks that nobody sees hide what a cell begins with; the first of a file would be taken for its encoding.
    let seen = |c: &char| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    let clean: String = text
        .chars()
        .filter(seen)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    // Also in their full-width forms, which some programs fold.
    let formula = [
        '=', '+', '-', '@', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ];
    // Blanks before it are dropped by some readers.
    if clean.trim_start().starts_with(formula) || text.starts_with(['\t', '\r', '\n']) {
        format!("'{clean}")
    } else {
        clean
    }
}

/// A number with a decimal point and no separators, to five decimals at most.
pub fn number(value: f64) -> String {
    crate::score::round(value).to_string()
}

/// Rows as one document, cells separated by commas, rows ended by a newline.
pub fn document(rows: &[Vec<String>]) -> String {
    let mut writer = csv::WriterBuilder::new()
        .flexible(true)
        .from_writer(Vec::new());
    for row in rows {
        // Memory takes all; an empty row can't come here.
        let _ = writer.write_record(row);
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8(bytes).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn formulas_are_text() {
        for wicked in ["=1+1", "+1", "-1", "@x", " =1", "\t=1", "\r=1", "＝1"] {
            assert!(text(wicked).starts_with('\''), "{wicked:?}");
        }
        assert_eq!(text("O'Neil, \"X\""), "O'Neil, \"X\"");
        assert_eq!(number(-2.0), "-2");
        assert_eq!(number(0.1 + 0.2), "0.3");
        assert_eq!(number(1234567.5), "1234567.5");
    }

    proptest! {
        #[test]
        fn another_reader_gets_the_cells_back(rows in prop::collection::vec(prop::collection::vec(".*", 2..4), 1..5)) {
            let rows: Vec<Vec<String>> = rows.iter().map(|r| r.iter().map(|c| text(c)).collect()).collect();
            let document = document(&rows);
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(document.as_bytes());
            let read: Vec<Vec<String>> = reader.records()
                .map(|r| r.expect("row").iter().map(str::to_owned).collect()).collect();
            prop_assert_eq!(read, rows);
        }
    }
}
