//! What the submission printed about the cities of a weather service.
//!
//! No name of a city is part of another one and none holds the name of a weather, so that a line can be
//! understood however it is put.

use super::Verdict;
use super::code::Code;
use super::common;
use super::view::{How, View, fetches};
use crate::evidence::Ending;
use crate::plan::upstream::{City, WEATHERS};
use crate::task::upstream::Says;

/// What a line says where there is no weather.
const NO_DATA: &str = "no data";

/// What was said of each city (of those of which one of `kinds` was said) was told.
pub fn prints(view: &View, kinds: &[Says], exact: bool) -> Verdict {
    let Some(upstream) = &view.plan().upstream else {
        return Verdict::new(Code::Untested);
    };
    let text = view.stdout();
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let fetches = fetches(view);
    let (mut told, mut missing, mut total) = (0, Vec::new(), 0);
    for (index, city) in upstream.cities.iter().enumerate() {
        if !kinds.is_empty() && !kinds.contains(&city.says) {
            continue;
        }
        // Where the program gave up by its own time-out, or the run was cut, either is honest.
        let cut = fetches.get(&index).is_some_and(|flights| {
            flights.iter().any(|f| match f.end.map(|e| e.how) {
                Some(How::Answered { ending, .. }) => ending == Ending::Unfinished,
                Some(How::Abandoned) | None => true,
            })
        });
        if cut {
            continue;
        }
        total += 1;
        let about: Vec<&str> = lines
            .iter()
            .copied()
            .filter(|line| line.contains(&city.name))
            .collect();
        let listed = upstream.asked.iter().filter(|&&i| i as usize == index);
        let (right, due) = if exact {
            let right = about.iter().filter(|line| **line == due(city)).count();
            (right, listed.count())
        } else {
            (about.iter().filter(|line| tells(line, city)).count(), 1)
        };
        if right >= due {
            told += 1;
        } else if let Some(line) = about.iter().find(|line| exact || !tells(line, city)) {
            return Verdict::new(Code::CityMistold)
                .fact("line", line.chars().take(200).collect::<String>())
                .fact("expected", self::due(city));
        } else {
            missing.push(city);
        }
    }
    match missing.first() {
        None if total == 0 => common::unfinished(view),
        None => Verdict::new(Code::CitiesTold).fact("cities", told),
        Some(_) if view.stdout_dropped() > 0 => {
            Verdict::new(Code::OutputCut).fact("bytes", view.stdout_dropped())
        }
        Some(_) if !view.finished() || !view.complete => common::unfinished(view),
        Some(first) => Verdict::new(Code::CityUntold)
            .fact("missing", missing.len())
            .fact("total", total)
            .fact("city", first.name.as_str()),
    }
}

/// The cities stand in the output in the order in which they were given.
pub fn keeps_order(view: &View) -> Verdict {
    let Some(upstream) = &view.plan().upstream else {
        return Verdict::new(Code::Untested);
    };
    let text = view.stdout();
    let mut seen: Vec<(usize, u32)> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        // Other lines may be the program's own thoughts.
        if line.contains(NO_DATA) || WEATHERS.iter().any(|w| line.contains(w)) {
            for (city, index) in upstream.cities.iter().zip(0..) {
                seen.extend(line.match_indices(&city.name).map(|(i, _)| (at + i, index)));
            }
        }
        at += line.len();
    }
    seen.sort_unstable();
    let seen: Vec<u32> = seen.into_iter().map(|(_, index)| index).collect();
    let name = |index: u32| view.name(index as usize);
    // What is there is a part of what was given, in its order; that something is missing or doubled is no
    // matter of order.
    let mut rest = upstream.asked.iter();
    let mut last = None;
    for &index in &seen {
        let found = rest.clone().position(|&asked| asked == index);
        match (found, last) {
            (Some(skipped), _) => {
                rest.nth(skipped);
            }
            (None, Some(before)) if before != index => {
                return Verdict::new(Code::CitiesDisordered)
                    .fact("city", name(index))
                    .fact("other", name(before));
            }
            (None, _) => {}
        }
        last = Some(index);
    }
    let missing: Vec<&u32> = upstream
        .asked
        .iter()
        .filter(|i| !seen.contains(i))
        .collect();
    match missing.first() {
        None if seen.is_empty() => common::unfinished(view),
        None => Verdict::new(Code::CitiesInOrder).fact("cities", seen.len()),
        Some(_) if view.stdout_dropped() > 0 => {
            Verdict::new(Code::OutputCut).fact("bytes", view.stdout_dropped())
        }
        Some(_) if !view.finished() || !view.complete => common::unfinished(view),
        Some(&&first) => Verdict::new(Code::CityUntold)
            .fact("missing", missing.len())
            .fact("total", upstream.asked.len())
            .fact("city", name(first)),
    }
}

/// The contract's own line.
fn due(city: &City) -> String {
    let weather = city.weather.as_deref().unwrap_or(NO_DATA);
    format!("{}: {weather}", city.name)
}

/// Whether a line about this city says what was said of it, in whatever words.
fn tells(line: &str, city: &City) -> bool {
    match &city.weather {
        Some(weather) => line.contains(weather.as_str()),
        None => !WEATHERS.iter().any(|w| line.contains(w)),
    }
}

#[cfg(test)]
#[path = "cities_tests.rs"]
mod tests;
