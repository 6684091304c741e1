//! A seeded weather service: its cities, and what it says of each.

use serde::{Deserialize, Serialize};

use super::Item;
use super::paths::decoded;
use super::seed::Dice;
use crate::task::amount::AmountError;
use crate::task::upstream::{Names, Says, Upstream};
use crate::task::world::{Answer, Framing};
use crate::task::{Amount, Params};

/// Most cities of a service.
pub const MOST_CITIES: u64 = 10_000;
/// Path of the service's only resource.
pub const PATH: &str = "/data/2.5/weather";

/// Every weather there is. None is part of a city's name.
pub const WEATHERS: [&str; 8] = [
    "Rain", "Snow", "Clouds", "Clear", "Drizzle", "Mist", "Squall", "Haze",
];

const STEMS: [&str; 16] = [
    "Arbo", "Belto", "Corun", "Dovar", "Elmir", "Fentho", "Gorab", "Havel", "Ivaro", "Jorun",
    "Keldo", "Lumar", "Noveg", "Orban", "Pelka", "Tunor",
];

/// A city, and what is said of it. Number i is what the plan's item number i answers about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct City {
    pub name: String,
    pub says: Says,
    /// Its weather, where that is what is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weather: Option<String>,
}

/// The cities of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpstreamPlan {
    pub cities: Vec<City>,
    /// Numbers of the cities as they are given to the submission.
    pub asked: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpstreamError {
    #[error("world.upstream.{field}: {source}")]
    Amount {
        field: &'static str,
        source: AmountError,
    },
    #[error("the upstream would have {0} cities; use at most {MOST_CITIES}")]
    TooMany(u64),
    #[error("world.upstream.twice is {twice}, but there are only {cities} cities with weather")]
    Twice { twice: u64, cities: u64 },
}

/// The cities of an upstream and the entries that answer for them.
///
/// # Errors
/// Mistakes of the task pack.
pub fn plan(
    wanted: &Upstream,
    params: &Params,
    seed: u64,
) -> Result<(UpstreamPlan, Vec<Item>), UpstreamError> {
    let amount = |amount: &Amount, field| {
        amount
            .value(params)
            .map_err(|source| UpstreamError::Amount { field, source })
    };
    let cities = amount(&wanted.cities, "cities")?;
    let twice = amount(&wanted.twice, "twice")?;
    if twice > cities {
        return Err(UpstreamError::Twice { twice, cities });
    }
    let mut total = cities;
    let mut kinds = Vec::new();
    for others in &wanted.also {
        let count = amount(&others.count, "also.count")?;
        total = total.saturating_add(count);
        kinds.push((others.says, count));
    }
    if total > MOST_CITIES {
        return Err(UpstreamError::TooMany(total));
    }
    let mut says: Vec<(Says, u32)> = (0..cities)
        .map(|i| (Says::Weather, if i < twice { 2 } else { 1 }))
        .collect();
    for (kind, count) in kinds {
        says.extend((0..count).map(|_| (kind, 1)));
    }
    let mut dice = Dice::new(seed, "upstream");
    dice.shuffle(&mut says);
    let mut plan = UpstreamPlan::default();
    let mut items = Vec::new();
    for (index, (says, listed)) in says.into_iter().enumerate() {
        let tag = dice.number();
        let name = name(wanted.names, index, tag);
        let weather = WEATHERS[dice.below(WEATHERS.len() as u64) as usize];
        let (status, text) = body(says, &name, weather, dice.number());
        items.push(Item {
            host: 0,
            path: format!("{PATH}?q={}", encoded(&name)),
            answer: match says {
                Says::Reset => Answer::Reset,
                Says::ResetInside => Answer::ResetInside,
                Says::Truncated => Answer::Truncated,
                Says::Garbage => Answer::Garbage,
                _ => Answer::Status(status),
            },
            framing: Framing::Length,
            size: text.len() as u64,
            body: tag & !super::body::BINARY,
            listed,
            text: Some(text),
        });
        plan.cities.push(City {
            name,
            says,
            weather: (says == Says::Weather).then(|| weather.to_owned()),
        });
    }
    plan.asked = items
        .iter()
        .zip(0..)
        .flat_map(|(item, i)| (0..item.listed).map(move |_| i))
        .collect();
    dice.shuffle(&mut plan.asked);
    Ok((plan, items))
}

/// A name that is part of no other one: its number is in it, and what stands around it differs.
fn name(names: Names, index: usize, tag: u64) -> String {
    let stem = STEMS[(tag % STEMS.len() as u64) as usize];
    // Letters only, and each ends differently; the last one stands nowhere else.
    let mut end = String::new();
    let mut rest = index;
    loop {
        end.push(char::from(b'a' + (rest % 23) as u8));
        rest /= 23;
        if rest == 0 {
            break;
        }
    }
    let word = format!("{stem}{end}x");
    if names == Names::Plain {
        return word;
    }
    match index % 12 {
        0 => format!("New {word}"),
        1 => format!("St. {word}"),
        2 => format!("{word} & Sons"),
        3 => format!("{word}-sur-Mér"),
        4 => format!("Új {word}"),
        5 => format!("{word}+Old"),
        6 => format!("Верхний {word}"),
        7 => format!("{word} 100%"),
        8 => format!("{word} #2"),
        9 => format!("L'{word} \"Port\""),
        10 => format!("{word}\\North?/b=c;d"),
        _ => format!("東 {word} %41"),
    }
}

/// Status and body.
fn body(says: Says, name: &str, weather: &str, shape: u64) -> (u16, String) {
    let name = serde_json::Value::from(name);
    match says {
        Says::Unknown => (404, r#"{"cod":"404","message":"city not found"}"#.into()),
        Says::NoWeather => {
            let text = match shape % 4 {
                0 => format!(r#"{{"name":{name},"main":{{"temp":280.1}}}}"#),
                1 => format!(r#"{{"weather":[],"name":{name}}}"#),
                2 => format!(r#"{{"weather":[{{"id":800}}],"name":{name}}}"#),
                _ => "{}".to_owned(),
            };
            (200, text)
        }
        Says::BadJson => {
            let text = match shape % 3 {
                0 => format!(r#"{{"weather":[{{"main":"{weather}"#),
                1 => "<html><body>It works</body></html>".to_owned(),
                _ => format!(r#"{{"weather":[{{"main":{weather}}}]}}"#),
            };
            (200, text)
        }
        Says::NoObject => {
            let text = ["null", "[]", "17", "\"weather\""][(shape % 4) as usize];
            (200, text.to_owned())
        }
        Says::Fails => {
            let status = [500, 503][(shape % 2) as usize];
            (status, r#"{"cod":500,"message":"internal error"}"#.into())
        }
        _ => {
            let text = format!(
                r#"{{"coord":{{"lon":10.75,"lat":59.9}},"weather":[{{"id":500,"main":"{weather}","description":"as it is"}}],"main":{{"temp":280.1}},"name":{name},"cod":200}}"#
            );
            (200, text)
        }
    }
}

/// Percent-encoded as UTF-8, with nothing left but letters and digits.
fn encoded(name: &str) -> String {
    let mut text = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// A name as it stands in a query: escaped, and a blank as `+`.
pub fn in_query(name: &str) -> String {
    encoded(name).replace("%20", "+")
}

/// The city that a request's target asks for: of the first `q` in its query, with escapes undone.
pub fn city_of(target: &str) -> Option<String> {
    let (path, query) = target.split_once('?')?;
    if path != PATH {
        return None;
    }
    let query = query.split('#').next().unwrap_or_default();
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == "q")
        .map(|(_, value)| decoded(&value.replace('+', " ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(text: &str) -> (UpstreamPlan, Vec<Item>) {
        let wanted: Upstream = serde_yaml::from_str(text).unwrap();
        plan(&wanted, &Params::new(), 7).unwrap()
    }

    #[test]
    fn every_name_is_found_again_by_its_path_and_part_of_no_other() {
        let (plan, items) = service("{ cities: 60, names: odd }");
        for (city, item) in plan.cities.iter().zip(&items) {
            assert_eq!(city_of(&item.path).as_deref(), Some(city.name.as_str()));
            let part = |other: &City| other != city && other.name.contains(&city.name);
            assert!(!plan.cities.iter().any(part), "{}", city.name);
            assert!(!WEATHERS.iter().any(|w| city.name.contains(w)));
        }
    }

    #[test]
    fn blanks_may_be_plus_or_escaped_and_other_parameters_stand_anywhere() {
        let plus = "/data/2.5/weather?APPID=k&q=New+York%2B";
        assert_eq!(city_of(plus).as_deref(), Some("New York+"));
        assert_eq!(
            city_of("/data/2.5/weather?q=New%20York&x").as_deref(),
            Some("New York")
        );
        assert_eq!(city_of("/data/2.5/forecast?q=Oslo"), None);
        assert_eq!(city_of("/data/2.5/weather?city=Oslo"), None);
    }

    #[test]
    fn answers_are_what_they_are_called() {
        let (plan, items) = service(
            "{ cities: 3, twice: 1, also: [{count: 12, says: no_weather}, {count: 9, says: bad_json}, {count: 8, says: no_object}] }",
        );
        for (city, item) in plan.cities.iter().zip(&items) {
            let json: Result<serde_json::Value, _> =
                serde_json::from_str(item.text.as_deref().unwrap());
            let main =
                |json: &serde_json::Value| json["weather"][0]["main"].as_str().map(str::to_owned);
            match city.says {
                Says::Weather => assert_eq!(main(&json.unwrap()), city.weather),
                Says::NoWeather => {
                    let json = json.unwrap();
                    assert!(json.is_object() && main(&json).is_none());
                }
                Says::BadJson => assert!(json.is_err()),
                _ => assert!(!json.unwrap().is_object()),
            }
        }
        assert_eq!(plan.asked.len(), 3 + 1 + 12 + 9 + 8);
    }
}
