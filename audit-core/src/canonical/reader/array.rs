//! Arrays whose elements the format prescribes.

use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};

use super::super::defect::Defect;
use super::{Node, Reader, With};

/// An array of at most `limit` elements, each read by the node that `element` makes of its index.
pub(crate) struct Array<F> {
    pub(crate) limit: usize,
    pub(crate) element: F,
}

const ARRAY: &str = "an array";

impl<'de, N, F> Node<'de> for Array<F>
where
    N: Node<'de>,
    F: FnMut(usize) -> N,
{
    type Out = Vec<N::Out>;

    fn read<D: Deserializer<'de>>(
        self,
        reader: &mut Reader<'de>,
        deserializer: D,
    ) -> Result<Self::Out, D::Error> {
        reader.expected = ARRAY;
        deserializer.deserialize_seq(ArrayVisitor { reader, array: self })
    }
}

struct ArrayVisitor<'r, 'de, F> {
    reader: &'r mut Reader<'de>,
    array: Array<F>,
}

impl<'de, N, F> Visitor<'de> for ArrayVisitor<'_, 'de, F>
where
    N: Node<'de>,
    F: FnMut(usize) -> N,
{
    type Value = Vec<N::Out>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ARRAY)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let Self { reader, mut array } = self;
        reader.descend(b'[')?;
        let mut elements = Vec::new();
        let mut before = None;
        loop {
            let index = elements.len();
            let node = (array.element)(index);
            let next = seq
                .next_element_seed(With { reader, before, node })
                .map_err(|error| reader.within(index, error))?;
            let Some(element) = next else { break };
            if index >= array.limit {
                return Err(reader.fail(Defect::TooMany { limit: array.limit }));
            }
            elements.push(element);
            before = Some(b',');
        }
        reader.ascend(b']')?;
        Ok(elements)
    }
}
