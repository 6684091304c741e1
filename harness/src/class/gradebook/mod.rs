//! The gradebook for other programs and for people: one file a format, each a pure function of the book.

mod canvas;
mod html;
mod moodle;
mod plain;
mod terminal;

pub use canvas::canvas;
pub use html::html;
pub use moodle::moodle;
pub use plain::plain;
pub use terminal::terminal;

use super::book::Book;

/// The book as JSON text with a line end: its whole and lossless form.
///
/// # Errors
/// None that a book could cause; the serializer's own are passed on.
pub fn json(book: &Book) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string(book)?;
    text.push('\n');
    Ok(text)
}

#[cfg(test)]
mod tests;
