//! Where things stand in a YAML file: a second, untyped reading that maps a path of keys to a place.
//!
//! The typed reading gives plain values without positions, so that nothing behind `task::load` knows
//! of files. Whoever finds a value wrong names it by its [`Path`]; this module turns that into a line.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;

/// A place in a text; both count from 1, columns in characters. Zero: unknown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

impl From<serde_yaml::Location> for Place {
    fn from(at: serde_yaml::Location) -> Self {
        let narrow = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        Place {
            line: narrow(at.line()),
            column: narrow(at.column()),
        }
    }
}

/// One step on the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seg {
    Key(String),
    Index(usize),
}

impl From<&str> for Seg {
    fn from(key: &str) -> Self {
        Seg::Key(key.to_owned())
    }
}

impl From<usize> for Seg {
    fn from(index: usize) -> Self {
        Seg::Index(index)
    }
}

/// The way from the top of a document to a value: `scenarios[2].checks[0].points`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Path(Vec<Seg>);

impl Path {
    /// This path, one step further.
    #[must_use]
    pub fn to(&self, seg: impl Into<Seg>) -> Path {
        let mut path = self.clone();
        path.0.push(seg.into());
        path
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, seg) in self.0.iter().enumerate() {
            match seg {
                Seg::Key(key) if i == 0 => f.write_str(key)?,
                Seg::Key(key) => write!(f, ".{key}")?,
                Seg::Index(n) => write!(f, "[{n}]")?,
            }
        }
        Ok(())
    }
}

/// A document by its shape only.
#[derive(Debug, Default)]
pub struct Outline(Spot);

#[derive(Debug, Default)]
struct Spot {
    at: Place,
    inside: Inside,
}

#[derive(Debug, Default)]
enum Inside {
    #[default]
    Scalar,
    List(Vec<Spot>),
    /// Key, where the key stands, value.
    Map(Vec<(String, Place, Spot)>),
}

impl Outline {
    /// Reads the outline of a document. One that can't be read has no places: all are unknown.
    pub fn of(text: &str, options: serde_yaml::Options) -> Outline {
        let top = serde_yaml::from_str_with_options::<Spanned<Inside>>(text, options);
        Outline(top.map(Spot::from).unwrap_or_default())
    }

    /// Where the value of this path stands, or the deepest part of the way that is there.
    pub fn value(&self, path: &Path) -> Place {
        self.walk(path).0
    }

    /// Where the last key of this path stands; for a list's element, where the element begins.
    pub fn key(&self, path: &Path) -> Place {
        self.walk(path).1
    }

    fn walk(&self, path: &Path) -> (Place, Place) {
        let mut spot = &self.0;
        let mut key_at = spot.at;
        for seg in &path.0 {
            match (seg, &spot.inside) {
                (Seg::Key(key), Inside::Map(entries)) => {
                    let Some((_, at, value)) = entries.iter().find(|(k, ..)| k == key) else {
                        break;
                    };
                    (spot, key_at) = (value, *at);
                }
                (Seg::Index(n), Inside::List(list)) => {
                    let Some(value) = list.get(*n) else { break };
                    (spot, key_at) = (value, value.at);
                }
                _ => break,
            }
        }
        (spot.at, key_at)
    }

    /// The path of what stands nearest before (or at) a place: names the spot of an error that only
    /// has a position.
    pub fn path_at(&self, place: Place) -> Path {
        let mut path = Path::default();
        let mut spot = &self.0;
        loop {
            let next = match &spot.inside {
                Inside::Scalar => None,
                Inside::List(list) => {
                    let n = list.iter().rposition(|s| s.at <= place);
                    n.map(|n| (Seg::Index(n), &list[n]))
                }
                Inside::Map(entries) => {
                    let hit = entries.iter().rfind(|(_, at, _)| *at <= place);
                    hit.map(|(key, _, value)| (Seg::Key(key.clone()), value))
                }
            };
            let Some((seg, value)) = next else {
                return path;
            };
            path = path.to(seg);
            spot = value;
        }
    }
}

impl From<Spanned<Inside>> for Spot {
    fn from(spanned: Spanned<Inside>) -> Self {
        Spot {
            at: spanned.referenced.into(),
            inside: spanned.value,
        }
    }
}

impl<'de> Deserialize<'de> for Inside {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Shape)
    }
}

struct Shape;

impl<'de> Visitor<'de> for Shape {
    type Value = Inside;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Inside, E> {
        Ok(Inside::Scalar)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Inside, E> {
        Ok(Inside::Scalar)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Inside, E> {
        Ok(Inside::Scalar)
    }

    fn visit_i128<E>(self, _: i128) -> Result<Inside, E> {
        Ok(Inside::Scalar)
    }

    fn visit_u128<E>(self, _: u128) -> Result<Inside, E> {
        Ok(Inside::Scalar)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Inside, E> {
        Ok(Inside::Scalar)
    }

    fn visit_str<E>(self, _: &str) -> Result<Inside, E> {
        Ok(Inside::Scalar)
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<Inside, E> {
        Ok(Inside::Scalar)
    }

    fn visit_unit<E>(self) -> Result<Inside, E> {
        Ok(Inside::Scalar)
    }

    fn visit_none<E>(self) -> Result<Inside, E> {
        Ok(Inside::Scalar)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Inside, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Inside, A::Error> {
        let mut list = Vec::new();
        while let Some(value) = seq.next_element::<Spanned<Inside>>()? {
            list.push(value.into());
        }
        Ok(Inside::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Inside, A::Error> {
        let mut entries = Vec::new();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            let value = map.next_value::<Spanned<Inside>>()?;
            entries.push((key.value, key.referenced.into(), value.into()));
        }
        Ok(Inside::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\
name: x
scenarios:
  - scenario: one
    with: [ {limit: 1}, {limit: 3} ]
  - scenario: two
    checks:
      - points: -1
";

    fn outline() -> Outline {
        Outline::of(TEXT, serde_yaml::Options::default())
    }

    #[test]
    fn values_and_keys_are_found_by_path() {
        let path = Path::default()
            .to("scenarios")
            .to(1)
            .to("checks")
            .to(0)
            .to("points");
        assert_eq!(
            outline().value(&path),
            Place {
                line: 7,
                column: 17
            }
        );
        assert_eq!(outline().key(&path), Place { line: 7, column: 9 });
        let flow = Path::default()
            .to("scenarios")
            .to(0)
            .to("with")
            .to(1)
            .to("limit");
        assert_eq!(
            outline().value(&flow),
            Place {
                line: 4,
                column: 33
            }
        );
    }

    #[test]
    fn a_missing_part_leads_to_the_deepest_that_is_there() {
        let path = Path::default().to("scenarios").to(1).to("title").to("en");
        assert_eq!(outline().value(&path), Place { line: 5, column: 5 });
    }

    #[test]
    fn a_place_leads_back_to_its_path() {
        let at = |line, column| outline().path_at(Place { line, column }).to_string();
        assert_eq!(at(7, 17), "scenarios[1].checks[0].points");
        assert_eq!(at(4, 33), "scenarios[0].with[1].limit");
        assert_eq!(at(1, 1), "name");
    }

    #[test]
    fn an_unreadable_document_has_no_places() {
        let outline = Outline::of("a: [", serde_yaml::Options::default());
        assert_eq!(outline.value(&Path::default().to("a")), Place::default());
    }
}
