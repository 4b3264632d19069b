//! Reads a document with `serde_json` and refuses every byte that canonical writing would not have
//! put there.
//!
//! The reader keeps a cursor over the text beside serde's own. Whatever serde reports (a string, a
//! number, the start of an array), the reader says what canonical bytes that must have been and
//! requires exactly those at its cursor. So an accepted text equals the canonical form of what was
//! read, byte for byte, without a second copy of it ever being made.
//!
//! The path of a defect is collected only while an error travels outwards: good input pays
//! nothing for it.

mod array;
mod free;
mod map;
mod object;
mod scalar;

pub(crate) use array::Array;
use free::Key;
pub(crate) use free::{Raw, RawObject};
pub(crate) use map::MapOf;
pub(crate) use object::{Object, Shape, required};
pub(crate) use scalar::{Text, Uint};

use serde::de::{DeserializeSeed, Deserializer, MapAccess};

use super::defect::{Defect, Located};
use super::{deeper, escaped};

/// A cursor over a document that must be canonical.
#[derive(Debug)]
pub(crate) struct Reader<'de> {
    text: &'de str,
    /// What no token has accounted for yet.
    rest: &'de [u8],
    depth: usize,
    /// What the innermost visitor at work accepts: the message where serde finds another type.
    expected: &'static str,
    problem: Option<Located>,
}

/// Something that can be read: serde's `DeserializeSeed` with the reader at hand.
pub(crate) trait Node<'de> {
    type Out;

    fn read<D: Deserializer<'de>>(
        self,
        reader: &mut Reader<'de>,
        deserializer: D,
    ) -> Result<Self::Out, D::Error>;
}

/// A node, the reader, and the canonical byte that stands before the node.
struct With<'r, 'de, N> {
    reader: &'r mut Reader<'de>,
    before: Option<u8>,
    node: N,
}

impl<'de, N: Node<'de>> DeserializeSeed<'de> for With<'_, 'de, N> {
    type Value = N::Out;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<N::Out, D::Error> {
        if let Some(before) = self.before {
            self.reader.expect_byte(before)?;
        }
        self.node.read(self.reader, deserializer)
    }
}

/// Reads all of `text` as one node.
pub(crate) fn read<'de, N: Node<'de>>(text: &'de str, node: N) -> Result<N::Out, Located> {
    let mut reader =
        Reader { text, rest: text.as_bytes(), depth: 0, expected: "a value", problem: None };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = node.read(&mut reader, &mut deserializer);
    match read.and_then(|out| deserializer.end().map(|()| out)) {
        Ok(out) if reader.rest.is_empty() => Ok(out),
        Ok(_) => Err(Defect::NotCanonical.into()),
        Err(error) => Err(reader.explain(&error)),
    }
}

impl<'de> Reader<'de> {
    /// Where the cursor stands.
    const fn offset(&self) -> usize {
        self.text.len().saturating_sub(self.rest.len())
    }

    /// What stands between `start` and the cursor.
    fn since(&self, start: usize) -> &'de str {
        // Both ends lie at token boundaries, so the fall-back cannot be reached.
        self.text.get(start..self.offset()).unwrap_or("")
    }

    /// Requires these bytes at the cursor and moves past them.
    fn expect<E: serde::de::Error>(&mut self, bytes: &[u8]) -> Result<(), E> {
        match self.rest.strip_prefix(bytes) {
            Some(rest) => {
                self.rest = rest;
                Ok(())
            }
            None => Err(self.fail(Defect::NotCanonical)),
        }
    }

    /// As [`expect`](Self::expect): most of what is expected is one byte.
    fn expect_byte<E: serde::de::Error>(&mut self, byte: u8) -> Result<(), E> {
        match self.rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.rest = rest;
                Ok(())
            }
            _ => Err(self.fail(Defect::NotCanonical)),
        }
    }

    /// Requires the canonical form of a string in which serde found no escape. JSON allows no raw
    /// control character, so that form is the string itself, and serde's is a part of our text:
    /// where it starts at the cursor there is nothing to compare, where it does not, something
    /// stands between.
    fn expect_borrowed<E: serde::de::Error>(&mut self, text: &'de str) -> Result<(), E> {
        self.expect_byte(b'"')?;
        match self.rest.split_at_checked(text.len()) {
            Some((found, rest)) if std::ptr::eq(found, text.as_bytes()) => self.rest = rest,
            _ => return Err(self.fail(Defect::NotCanonical)),
        }
        self.expect_byte(b'"')
    }

    /// Requires the canonical form of a string that serde had to unescape.
    fn expect_escaped<E: serde::de::Error>(&mut self, text: &str) -> Result<(), E> {
        let escaped = escaped(text).map_err(|defect| self.fail(defect))?;
        self.expect(escaped.as_bytes())
    }

    fn descend<E: serde::de::Error>(&mut self, byte: u8) -> Result<(), E> {
        self.depth = deeper(self.depth).map_err(|defect| self.fail(defect))?;
        self.expect_byte(byte)
    }

    fn ascend<E: serde::de::Error>(&mut self, byte: u8) -> Result<(), E> {
        self.depth = self.depth.saturating_sub(1);
        self.expect_byte(byte)
    }

    /// Reads a document within a document: its nesting counts from itself. Gives its text, too.
    pub(crate) fn document<T, E>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<(T, &'de str), E> {
        let (depth, start) = (std::mem::take(&mut self.depth), self.offset());
        let out = read(self)?;
        self.depth = depth;
        Ok((out, self.since(start)))
    }

    /// Notes a defect and makes an error to leave with. The first one noted stands.
    pub(crate) fn fail<E: serde::de::Error>(&mut self, problem: impl Into<Located>) -> E {
        if self.problem.is_none() {
            self.problem = Some(problem.into());
        }
        E::custom("refused")
    }

    /// Adds one segment to the path of the error that is on its way out.
    fn within<E>(&mut self, segment: impl ToString, error: E) -> E {
        // Without a problem of ours it is serde's: of which kind is asked at the very end.
        let problem = self.problem.take().unwrap_or_else(|| Defect::Syntax.into());
        self.problem = Some(problem.within(segment));
        error
    }

    /// What was wrong, now that serde's error is known. Its message is never used: it repeats
    /// values.
    fn explain(self, error: &serde_json::Error) -> Located {
        let mut problem = self.problem.unwrap_or_else(|| Defect::Syntax.into());
        if problem.defect == Defect::Syntax && error.is_data() {
            problem.defect = Defect::Form { expected: self.expected };
        }
        problem
    }

    /// Reads the value of the member whose name was read last.
    pub(crate) fn value<A, N>(&mut self, map: &mut A, node: N) -> Result<N::Out, A::Error>
    where
        A: MapAccess<'de>,
        N: Node<'de>,
    {
        map.next_value_seed(With { reader: self, before: Some(b':'), node })
    }
}
