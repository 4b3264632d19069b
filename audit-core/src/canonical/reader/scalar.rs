//! Strings and integers.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Error, Visitor};

use super::super::defect::Defect;
use super::super::{decimal, exact};
use super::{Node, Reader};

/// A string of a certain form.
pub(crate) struct Text<F> {
    /// For messages: what the string must be.
    pub(crate) expected: &'static str,
    /// Makes the value, or says what is wrong with the string.
    pub(crate) parse: F,
}

impl<'de, T, F> Node<'de> for Text<F>
where
    F: FnOnce(Cow<'de, str>) -> Result<T, Defect>,
{
    type Out = T;

    fn read<D: Deserializer<'de>>(
        self,
        reader: &mut Reader<'de>,
        deserializer: D,
    ) -> Result<T, D::Error> {
        reader.expected = self.expected;
        deserializer.deserialize_str(TextVisitor { reader, parse: self.parse })
    }
}

struct TextVisitor<'r, 'de, F> {
    reader: &'r mut Reader<'de>,
    parse: F,
}

impl<'de, T, F> Visitor<'de> for TextVisitor<'_, 'de, F>
where
    F: FnOnce(Cow<'de, str>) -> Result<T, Defect>,
{
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reader.expected)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<T, E> {
        self.reader.expect_borrowed(text)?;
        (self.parse)(Cow::Borrowed(text)).map_err(|defect| self.reader.fail(defect))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        self.reader.expect_escaped(text)?;
        (self.parse)(Cow::Owned(text.to_owned())).map_err(|defect| self.reader.fail(defect))
    }
}

/// An integer from 0 to 2^53 − 1.
pub(crate) struct Uint;

const UINT: &str = "an integer from 0 to 2^53 - 1";

impl<'de> Node<'de> for Uint {
    type Out = u64;

    fn read<D: Deserializer<'de>>(
        self,
        reader: &mut Reader<'de>,
        deserializer: D,
    ) -> Result<u64, D::Error> {
        reader.expected = UINT;
        deserializer.deserialize_u64(UintVisitor(reader))
    }
}

struct UintVisitor<'r, 'de>(&'r mut Reader<'de>);

impl UintVisitor<'_, '_> {
    fn refuse<E: Error>(self) -> E {
        self.0.fail(Defect::Form { expected: UINT })
    }
}

impl Visitor<'_> for UintVisitor<'_, '_> {
    type Value = u64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(UINT)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        match exact(number) {
            Ok(number) => {
                self.0.expect(decimal(number, &mut [0; 20]).as_bytes())?;
                Ok(number)
            }
            Err(_) => Err(self.refuse()),
        }
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<u64, E> {
        Err(self.refuse())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<u64, E> {
        Err(self.refuse())
    }
}
