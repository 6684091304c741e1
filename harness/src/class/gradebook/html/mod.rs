//! The gradebook as one page: no request leaves it, and nothing that people wrote is markup in it.
//!
//! The page's only script and style are named by their digests in its content security policy; the book is
//! a block of JSON, and the script draws no more rows than are on the screen.

mod words;

use std::fmt::Write;

use base64::Engine;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::class::book::{Book, BookTask, Grade, Mark, Row, TaskStatistics};
use crate::class::csv::number;
use crate::report::clean::clean_line;
use crate::report::text::of;

use words::Words;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Renders the page. Links lead to reports relative to the class's folder, where the page belongs.
pub fn html(book: &Book, language: &str) -> String {
    let words = Words::of(language);
    let class = escape(&clean_line(&book.class, 120));
    let mut out = String::new();
    // Writing to a string can't fail.
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"{lang}\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src '{style}'; script-src '{script}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>{gradebook}: {class}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>{gradebook}: {class}</h1>\n<p>{count} {students} · gradus {version}</p>\n",
        lang = words.lang,
        style = digest(STYLE),
        script = digest(SCRIPT),
        gradebook = words.gradebook,
        count = book.students.len(),
        students = words.students,
        version = escape(&book.gradus),
    );
    table(&mut out, words);
    let _ = writeln!(out, "<h2>{}</h2>", words.statistics);
    for (i, (task, numbers)) in book.tasks.iter().zip(&book.statistics).enumerate() {
        statistics(&mut out, i, task, numbers, language, words);
    }
    if !book.notes.is_empty() {
        let _ = writeln!(out, "<h2>{}</h2>\n<ul>", words.notes);
        for note in &book.notes {
            let _ = writeln!(out, "<li>{}</li>", escape(&clean_line(note, 300)));
        }
        out.push_str("</ul>\n");
    }
    let _ = write!(
        out,
        "<script type=\"application/json\" id=\"book\">{}</script>\n<script>{SCRIPT}</script>\n</body>\n</html>\n",
        block(&data(book, language, words)),
    );
    out
}

fn table(out: &mut String, words: &Words) {
    let _ = write!(
        out,
        "<noscript><p>{no_script}</p></noscript>\n<div class=\"tools\" id=\"tools\" hidden>\n\
         <label>{find}<input id=\"find\" type=\"search\" autocomplete=\"off\"></label>\n\
         <label>{task}<select id=\"task\"></select></label>\n\
         <label>{standing}<select id=\"standing\"></select></label>\n\
         <label>{failed}<select id=\"failed\"></select></label>\n\
         <span class=\"count\"><span id=\"count\" role=\"status\"></span> {shown}</span>\n</div>\n\
         <div class=\"scroll\" id=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"{gradebook}\">\n\
         <table id=\"table\"><colgroup id=\"cols\"></colgroup><thead id=\"head\"></thead><tbody id=\"body\"></tbody></table>\n</div>\n",
        no_script = words.no_script,
        find = words.find,
        task = words.task,
        standing = words.standing,
        failed = words.failed_check,
        shown = words.shown,
        gradebook = words.gradebook,
    );
}

fn statistics(
    out: &mut String,
    place: usize,
    task: &BookTask,
    numbers: &TaskStatistics,
    language: &str,
    words: &Words,
) {
    let optional = |value: Option<f64>| {
        value.map_or("–".to_owned(), |n| number((n * 100.0).round() / 100.0))
    };
    let standings: Vec<String> = numbers
        .standings
        .iter()
        .map(|(name, count)| {
            let known = words.standings.iter().find(|(n, ..)| n == name);
            format!(
                "{count} {}",
                known.map_or(name.as_str(), |(_, long, _)| *long)
            )
        })
        .collect();
    let _ = write!(
        out,
        "<h3>{}</h3>\n<p>{} {}, {} {} ({} {}); {}</p>\n<div class=\"wide\"><table class=\"stats\"><thead><tr><th scope=\"col\">{}</th>\
         <th scope=\"col\">{}</th><th scope=\"col\">{}</th><th scope=\"col\">{}</th><th scope=\"col\">{}</th></tr></thead><tbody>\n",
        escape(&titled(task, language)),
        words.mean,
        optional(numbers.mean),
        words.median,
        optional(numbers.median),
        words.of,
        number(task.max),
        escape(&standings.join(", ")),
        words.check,
        words.failed,
        words.passed,
        words.undecided,
        words.reasons,
    );
    let most = numbers
        .checks
        .iter()
        .map(|check| check.failed)
        .max()
        .unwrap_or(0)
        .max(1);
    let mut order: Vec<usize> = (0..numbers.checks.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(numbers.checks[i].failed));
    for i in order {
        let check = &numbers.checks[i];
        let title = task
            .checks
            .get(i)
            .map_or("", |check| of(&check.title, language));
        let reasons: Vec<String> = check
            .reasons
            .iter()
            .map(|(code, n)| format!("{code} ({n})"))
            .collect();
        let _ = writeln!(
            out,
            "<tr><td><button type=\"button\" data-task=\"{place}\" data-check=\"{i}\" title=\"{}\">{}</button></td>\
             <td>{} <svg class=\"bar\" width=\"{}\" height=\"10\" aria-hidden=\"true\"></svg></td><td>{}</td><td>{}</td><td>{}</td></tr>",
            escape(title),
            escape(&check.check),
            check.failed,
            check.failed * 80 / most,
            check.passed,
            check.undecided,
            escape(&reasons.join(", ")),
        );
    }
    out.push_str("</tbody></table></div>\n");
}

fn titled(task: &BookTask, language: &str) -> String {
    let title = of(&task.title, language);
    clean_line(if title.is_empty() { &task.task } else { title }, 80)
}

fn data(book: &Book, language: &str, words: &Words) -> Value {
    let tasks = book.tasks.iter().map(|task| {
        let checks = task.checks.iter().map(|check| {
            json!({ "check": check.check, "title": of(&check.title, language), "max": check.max_points })
        });
        json!({ "title": titled(task, language), "max": task.max, "checks": checks.collect::<Vec<_>>() })
    });
    json!({
        "words": words.json(),
        "tasks": tasks.collect::<Vec<_>>(),
        "rows": book.students.iter().map(row).collect::<Vec<_>>(),
    })
}

/// Short keys: there are ten thousand of them.
fn row(row: &Row) -> Value {
    let text = |text: &str| clean_line(text, 120);
    json!({
        "t": [text(&row.name), text(&row.id), text(&row.section), text(&row.login), text(&row.email), text(&row.number)],
        "p": row.total,
        "f": row.is_final,
        "g": row.grades.iter().map(grade).collect::<Vec<_>>(),
    })
}

fn grade(grade: &Grade) -> Value {
    let mark = |mark: &Mark| match mark {
        Mark::Pass => 'p',
        Mark::Fail => 'f',
        Mark::Inconclusive => 'i',
        Mark::Fault => 'h',
        Mark::Unjudged => 'u',
    };
    let mut value = json!({
        "k": grade.standing.name(),
        "s": grade.score,
        "m": grade.marks.iter().map(mark).collect::<String>(),
    });
    if let Some(report) = &grade.report {
        value["r"] = report.as_str().into();
    }
    if grade.late_days > 0.0 {
        value["l"] = grade.late_days.into();
        value["lp"] = grade.late_percent.into();
    }
    if grade.dropped {
        value["d"] = true.into();
    }
    value
}

/// JSON that can stand in a script element: nothing in it ends the element or begins a comment.
fn block(value: &Value) -> String {
    let text = value.to_string();
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    for c in text.chars() {
        match c {
            // Outside of strings JSON has none of these.
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            '\u{2028}' => out.push_str("\\u2028"),
            '\u{2029}' => out.push_str("\\u2029"),
            c => out.push(c),
        }
    }
    out
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// As a content security policy names an inline element.
fn digest(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    format!(
        "sha256-{}",
        base64::engine::general_purpose::STANDARD.encode(digest)
    )
}
