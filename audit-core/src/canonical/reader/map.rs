//! Objects whose members' names are data of one form.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, MapAccess, Visitor};

use super::super::defect::Defect;
use super::super::key_order;
use super::{Key, Node, Reader, With};

/// An object read as pairs: the name parsed by `key`, the value read by the node `value` makes.
pub(crate) struct MapOf<K, V> {
    pub(crate) key: K,
    pub(crate) value: V,
}

const OBJECT: &str = "an object";

impl<'de, K, T, V, N> Node<'de> for MapOf<K, V>
where
    K: FnMut(&str) -> Result<T, Defect>,
    V: FnMut() -> N,
    N: Node<'de>,
{
    type Out = Vec<(T, N::Out)>;

    fn read<D: Deserializer<'de>>(
        self,
        reader: &mut Reader<'de>,
        deserializer: D,
    ) -> Result<Self::Out, D::Error> {
        reader.expected = OBJECT;
        deserializer.deserialize_map(MapVisitor { reader, map: self })
    }
}

struct MapVisitor<'r, 'de, K, V> {
    reader: &'r mut Reader<'de>,
    map: MapOf<K, V>,
}

impl<'de, K, T, V, N> Visitor<'de> for MapVisitor<'_, 'de, K, V>
where
    K: FnMut(&str) -> Result<T, Defect>,
    V: FnMut() -> N,
    N: Node<'de>,
{
    type Value = Vec<(T, N::Out)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(OBJECT)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self { reader, map: mut of } = self;
        reader.descend(b'{')?;
        let mut members = Vec::new();
        let mut previous: Option<Cow<'de, str>> = None;
        let mut before = None;
        while let Some(name) = map.next_key_seed(With { reader, before, node: Key })? {
            if previous.is_some_and(|previous| key_order(&previous, &name).is_ge()) {
                let error = reader.fail(Defect::Order);
                return Err(reader.within(name, error));
            }
            let key = (of.key)(&name).map_err(|defect| {
                let error = reader.fail(defect);
                reader.within(&name, error)
            })?;
            let value = reader
                .value(&mut map, (of.value)())
                .map_err(|error| reader.within(&name, error))?;
            members.push((key, value));
            previous = Some(name);
            before = Some(b',');
        }
        reader.ascend(b'}')?;
        Ok(members)
    }
}
