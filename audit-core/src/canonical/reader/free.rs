//! JSON of any shape, within the limits on values.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::super::defect::Defect;
use super::super::{decimal, double, exact, key_order, name_length};
use super::{Node, Reader, With};

/// Any JSON value, looked at and left alone.
struct Free;

impl<'de> Node<'de> for Free {
    type Out = ();

    fn read<D: Deserializer<'de>>(
        self,
        reader: &mut Reader<'de>,
        deserializer: D,
    ) -> Result<(), D::Error> {
        reader.expected = "a JSON value";
        // The text itself says what comes, since canonical text has no white space. Asking serde
        // for any value would make numbers arrive as maps where the host's build turned on
        // serde_json's `arbitrary_precision`.
        match reader.rest.first() {
            Some(b'"') => deserializer.deserialize_str(FreeVisitor(reader)),
            Some(b'{') => deserializer.deserialize_map(FreeVisitor(reader)),
            Some(b'[') => deserializer.deserialize_seq(FreeVisitor(reader)),
            Some(b't' | b'f') => deserializer.deserialize_bool(FreeVisitor(reader)),
            Some(b'n') => deserializer.deserialize_unit(FreeVisitor(reader)),
            Some(b'-' | b'0'..=b'9') => deserializer.deserialize_f64(FreeVisitor(reader)),
            _ => Err(reader.fail(Defect::NotCanonical)),
        }
    }
}

/// Any JSON value, as its own text.
pub(crate) struct Raw;

impl<'de> Node<'de> for Raw {
    type Out = &'de str;

    fn read<D: Deserializer<'de>>(
        self,
        reader: &mut Reader<'de>,
        deserializer: D,
    ) -> Result<&'de str, D::Error> {
        let start = reader.offset();
        Free.read(reader, deserializer)?;
        Ok(reader.since(start))
    }
}

/// An object with members of any name and kind, as its own text.
pub(crate) struct RawObject;

impl<'de> Node<'de> for RawObject {
    type Out = &'de str;

    fn read<D: Deserializer<'de>>(
        self,
        reader: &mut Reader<'de>,
        deserializer: D,
    ) -> Result<&'de str, D::Error> {
        let start = reader.offset();
        reader.expected = "an object";
        deserializer.deserialize_map(FreeVisitor(reader))?;
        Ok(reader.since(start))
    }
}

struct FreeVisitor<'r, 'de>(&'r mut Reader<'de>);

impl<'de> Visitor<'de> for FreeVisitor<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.expected)
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.0.expect(b"null")
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<(), E> {
        self.0.expect(if flag { b"true" } else { b"false" })
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        let number = exact(number).map_err(|defect| self.0.fail(defect))?;
        self.0.expect(decimal(number, &mut [0; 20]).as_bytes())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        // serde_json gives only negative numbers here.
        let magnitude = exact(number.unsigned_abs()).map_err(|defect| self.0.fail(defect))?;
        self.0.expect(b"-")?;
        self.0.expect(decimal(magnitude, &mut [0; 20]).as_bytes())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        let text = double(number).map_err(|defect| self.0.fail(defect))?;
        self.0.expect(text.as_bytes())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        self.0.expect_borrowed(text)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.expect_escaped(text)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let reader = self.0;
        reader.descend(b'[')?;
        let mut index: usize = 0;
        let mut before = None;
        while seq
            .next_element_seed(With { reader, before, node: Free })
            .map_err(|error| reader.within(index, error))?
            .is_some()
        {
            index = index.saturating_add(1);
            before = Some(b',');
        }
        reader.ascend(b']')
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let reader = self.0;
        reader.descend(b'{')?;
        let mut previous: Option<Cow<'de, str>> = None;
        let mut before = None;
        while let Some(key) = map.next_key_seed(With { reader, before, node: Key })? {
            if previous.is_some_and(|previous| key_order(&previous, &key).is_ge()) {
                let error = reader.fail(Defect::Order);
                return Err(reader.within(key, error));
            }
            reader.value(&mut map, Free).map_err(|error| reader.within(&key, error))?;
            previous = Some(key);
            before = Some(b',');
        }
        reader.ascend(b'}')
    }
}

/// A member's name of any kind within the limit.
pub(crate) struct Key;

impl<'de> Node<'de> for Key {
    type Out = Cow<'de, str>;

    fn read<D: Deserializer<'de>>(
        self,
        reader: &mut Reader<'de>,
        deserializer: D,
    ) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(KeyVisitor(reader))
    }
}

struct KeyVisitor<'r, 'de>(&'r mut Reader<'de>);

impl<'de> Visitor<'de> for KeyVisitor<'_, 'de> {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Cow<'de, str>, E> {
        name_length(name).map_err(|defect| self.0.fail(defect))?;
        self.0.expect_borrowed(name)?;
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Cow<'de, str>, E> {
        name_length(name).map_err(|defect| self.0.fail(defect))?;
        self.0.expect_escaped(name)?;
        Ok(Cow::Owned(name.to_owned()))
    }
}
