//! Numbers in a task pack that may depend on a scenario's parameters.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A scenario's parameters: what `with` gives for one run.
pub type Params = BTreeMap<String, Value>;

/// A parameter's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Value {
    Int(u64),
    Text(String),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Int(n) => write!(f, "{n}"),
            Value::Text(s) => f.write_str(s),
        }
    }
}

/// A whole number, or a sum over parameters such as `limit`, `limit + 1`, `2 * limit - 1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(untagged)]
pub enum Amount {
    Int(u64),
    Formula(String),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AmountError {
    #[error("`{0}` is not a number, a parameter, or a sum of them (like `2 * limit + 1`)")]
    Syntax(String),
    #[error("unknown parameter `{name}` (this scenario has: {known})")]
    Unknown { name: String, known: String },
    #[error("`{0}` is below zero or too large")]
    Range(String),
}

impl Amount {
    /// The value under these parameters.
    pub fn value(&self, params: &Params) -> Result<u64, AmountError> {
        match self {
            Amount::Int(n) => Ok(*n),
            Amount::Formula(text) => formula(text, params),
        }
    }
}

impl From<u64> for Amount {
    fn from(n: u64) -> Self {
        Amount::Int(n)
    }
}

fn formula(text: &str, params: &Params) -> Result<u64, AmountError> {
    let range = || AmountError::Range(text.to_owned());
    let mut total: i128 = 0;
    let spaced = text.replace('-', "+-");
    for (i, term) in spaced.split('+').enumerate() {
        let term = term.trim();
        if term.is_empty() && i == 0 && text.trim_start().starts_with('-') {
            continue;
        }
        let (sign, term) = match term.strip_prefix('-') {
            Some(rest) => (-1, rest.trim()),
            None => (1, term),
        };
        let mut product: i128 = sign;
        for factor in term.split('*') {
            let n = i128::from(atom(factor.trim(), text, params)?);
            product = product.checked_mul(n).ok_or_else(range)?;
        }
        total = total.checked_add(product).ok_or_else(range)?;
    }
    u64::try_from(total).map_err(|_| range())
}

fn atom(word: &str, whole: &str, params: &Params) -> Result<u64, AmountError> {
    let syntax = || AmountError::Syntax(whole.to_owned());
    if word.starts_with(|c: char| c.is_ascii_digit()) {
        return word.parse().map_err(|_| syntax());
    }
    let name_like = !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !name_like {
        return Err(syntax());
    }
    match params.get(word) {
        Some(Value::Int(n)) => Ok(*n),
        Some(Value::Text(_)) => Err(syntax()),
        None => Err(AmountError::Unknown {
            name: word.to_owned(),
            known: params.keys().cloned().collect::<Vec<_>>().join(", "),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> Params {
        [
            ("limit".to_owned(), Value::Int(10)),
            ("pages".to_owned(), Value::Int(40)),
        ]
        .into()
    }

    #[test]
    fn sums_of_products_are_computed() {
        for (text, want) in [
            ("limit", 10),
            ("limit + 1", 11),
            ("2*limit-1", 19),
            ("pages - limit", 30),
            ("7", 7),
        ] {
            assert_eq!(
                Amount::Formula(text.into()).value(&params()),
                Ok(want),
                "{text}"
            );
        }
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "limit +",
            "limit limit",
            "limit / 2",
            "limit - 11",
            "nobody",
            "1x",
            "*",
        ] {
            assert!(
                Amount::Formula(text.into()).value(&params()).is_err(),
                "{text}"
            );
        }
    }
}
