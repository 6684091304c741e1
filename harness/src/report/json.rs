//! The report as JSON, which is its whole and lossless form.

use super::Report;

/// The report as JSON text with a line end.
///
/// # Errors
/// None that a report could cause; the serializer's own are passed on.
pub fn json(report: &Report) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(report)?;
    text.push('\n');
    Ok(text)
}

/// Reads a report back.
///
/// # Errors
/// Where the text is no report of this schema; the error names line and column.
pub fn from_json(text: &str) -> Result<Report, serde_json::Error> {
    serde_json::from_str(text)
}

/// The JSON Schema of a report.
pub fn schema() -> schemars::Schema {
    schemars::schema_for!(Report)
}
