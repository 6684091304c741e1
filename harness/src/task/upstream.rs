//! A service that the submission asks about one thing at a time: the weather of a city.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::amount::Amount;
use crate::evidence::Point;

/// A mock weather service. `{upstream}` is its address, `{cities}` the names of the cities, in a seeded order.
///
/// It answers `GET /data/2.5/weather?q=CITY&APPID=KEY` with JSON. A city that it has never heard of is 404.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Upstream {
    /// Cities whose weather it knows.
    pub cities: Amount,
    #[serde(default)]
    pub names: Names,
    /// How many of these stand twice in `{cities}`.
    #[serde(default = "none")]
    pub twice: Amount,
    /// Where answers are held until the script lets them go; left out: nowhere.
    #[serde(default)]
    pub gate: Option<Point>,
    /// Cities that get another answer.
    #[serde(default)]
    pub also: Vec<Others>,
}

fn none() -> Amount {
    Amount::Int(0)
}

/// Cities that get another answer than their weather.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Others {
    pub count: Amount,
    pub says: Says,
}

/// How cities are called. No name is part of another one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Names {
    /// One word of ASCII letters.
    #[default]
    Plain,
    /// With blanks, dots, quotes, letters of other alphabets, and characters that mean something in a URL.
    /// The forms come in turn: a dozen names have them all.
    Odd,
}

/// What the service says of a city.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// Its weather.
    Weather,
    /// 404, with a JSON object that says so.
    Unknown,
    /// 200, with a JSON object that has no weather in it.
    NoWeather,
    /// 200, with something that is no JSON.
    BadJson,
    /// 200, with JSON that is no object.
    NoObject,
    /// A status of 500 or 503.
    Fails,
    /// The connection is reset instead of an answer.
    Reset,
    /// The connection is reset within the answer.
    ResetInside,
    /// The answer ends short of its promised length.
    Truncated,
    /// Bytes that are not HTTP.
    Garbage,
}

impl Says {
    /// Whether that is an answer, and not a failure of the service.
    pub fn is_answer(self) -> bool {
        matches!(self, Says::Weather | Says::Unknown | Says::NoWeather)
    }
}
