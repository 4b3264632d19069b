//! JSON of a line, exactly: what `serde_json` would take silently otherwise is refused.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// The JSON value of `line`. Refused are members that appear twice, of which `serde_json` keeps
/// the last, and integers too long for it, which it rounds.
pub(crate) fn parse(line: &str) -> Result<Value, String> {
    let Strict(value) = serde_json::from_str(line).map_err(|error| error.to_string())?;
    match long_integer(line) {
        None => Ok(value),
        Some(column) => {
            Err(format!("an integer beyond ±(2^53 − 1) cannot be kept exactly, at column {column}"))
        }
    }
}

struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor).map(Self)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            all.push(item);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let Strict(value) = members.next_value()?;
            if all.insert(name, value).is_some() {
                return Err(A::Error::custom("a member appears twice"));
            }
        }
        Ok(Value::Object(all))
    }
}

/// The column of the first integer literal with more than 19 digits. Shorter ones are kept by
/// `serde_json` as they are, and the event's own check refuses those beyond the exact range.
fn long_integer(json: &str) -> Option<usize> {
    let mut bytes = json.bytes().enumerate().peekable();
    while let Some((start, byte)) = bytes.next() {
        match byte {
            b'"' => loop {
                match bytes.next() {
                    None | Some((_, b'"')) => break,
                    Some((_, b'\\')) => {
                        bytes.next();
                    }
                    Some(_) => {}
                }
            },
            b'0'..=b'9' => {
                let mut digits = 1_usize;
                while bytes.next_if(|(_, byte)| byte.is_ascii_digit()).is_some() {
                    digits = digits.saturating_add(1);
                }
                let mut integer = true;
                while bytes
                    .next_if(|(_, byte)| {
                        matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-' | b'0'..=b'9')
                    })
                    .is_some()
                {
                    integer = false;
                }
                if integer && digits > 19 {
                    return Some(start.saturating_add(1));
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_json_is_what_serde_json_makes_of_it() {
        let line = r#"{"a":[1,-2,3.5,1e300,true,null,"x\"y"],"b":{"c":{}},"d":9007199254740993}"#;
        assert_eq!(parse(line).unwrap(), serde_json::from_str::<Value>(line).unwrap());
    }

    #[test]
    fn nothing_is_lost_silently() {
        assert!(parse(r#"{"a":1,"b":{"c":1,"c":2}}"#).unwrap_err().contains("twice"));
        for line in ["{\"a\":123456789012345678901}", "[-123456789012345678901]"] {
            assert!(parse(line).unwrap_err().contains("2^53"), "{line}");
        }
        for line in [
            "{\"123456789012345678901\":\"123456789012345678901\"}",
            "[1.23456789012345678901e1, 1234567890123456789]",
            "[\"\\\"123456789012345678901\"]",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_and_not_followed() {
        assert!(parse(&"[".repeat(100_000)).is_err());
    }
}
