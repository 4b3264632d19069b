//! Objects whose members the format names.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, MapAccess, Visitor};

use super::super::defect::Defect;
use super::super::name_length;
use super::{Node, Reader, With};

/// The members of an object, as far as they were read.
pub(crate) trait Shape<'de>: Default {
    /// All members the object may have, in canonical order.
    const MEMBERS: &'static [&'static str];
    type Out;

    /// Reads the member `MEMBERS[index]`; each comes at most once.
    fn member<A: MapAccess<'de>>(
        &mut self,
        index: usize,
        reader: &mut Reader<'de>,
        map: &mut A,
    ) -> Result<(), A::Error>;

    /// All was read. The error names the member that is wrong, or `""` for the object itself.
    fn finish(self) -> Result<Self::Out, (&'static str, Defect)>;
}

/// The value of a required member.
pub(crate) fn required<T>(
    member: &'static str,
    value: Option<T>,
) -> Result<T, (&'static str, Defect)> {
    value.ok_or((member, Defect::Missing))
}

/// An object of the shape `S`.
pub(crate) struct Object<S>(PhantomData<S>);

impl<S> Object<S> {
    pub(crate) const fn new() -> Self {
        Self(PhantomData)
    }
}

const OBJECT: &str = "an object";

impl<'de, S: Shape<'de>> Node<'de> for Object<S> {
    type Out = S::Out;

    fn read<D: Deserializer<'de>>(
        self,
        reader: &mut Reader<'de>,
        deserializer: D,
    ) -> Result<S::Out, D::Error> {
        reader.expected = OBJECT;
        deserializer.deserialize_map(ObjectVisitor { reader, shape: S::default() })
    }
}

struct ObjectVisitor<'r, 'de, S> {
    reader: &'r mut Reader<'de>,
    shape: S,
}

impl<'de, S: Shape<'de>> Visitor<'de> for ObjectVisitor<'_, 'de, S> {
    type Value = S::Out;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(OBJECT)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<S::Out, A::Error> {
        let Self { reader, mut shape } = self;
        reader.descend(b'{')?;
        let mut next = 0;
        let mut before = None;
        while let Some(index) =
            map.next_key_seed(With { reader, before, node: Member { all: S::MEMBERS, next } })?
        {
            shape.member(index, reader, &mut map).map_err(|error| {
                reader.within(S::MEMBERS.get(index).copied().unwrap_or_default(), error)
            })?;
            next = index.saturating_add(1);
            before = Some(b',');
        }
        reader.ascend(b'}')?;
        shape.finish().map_err(|(member, defect)| {
            let error = reader.fail(defect);
            if member.is_empty() { error } else { reader.within(member, error) }
        })
    }
}

/// The name of a known member that did not stand before.
struct Member {
    all: &'static [&'static str],
    next: usize,
}

impl<'de> Node<'de> for Member {
    type Out = usize;

    fn read<D: Deserializer<'de>>(
        self,
        reader: &mut Reader<'de>,
        deserializer: D,
    ) -> Result<usize, D::Error> {
        deserializer.deserialize_str(MemberVisitor { reader, member: self })
    }
}

struct MemberVisitor<'r, 'de> {
    reader: &'r mut Reader<'de>,
    member: Member,
}

impl MemberVisitor<'_, '_> {
    fn refuse<E: Error>(self, name: &str) -> E {
        let known = self.member.all.contains(&name);
        let error = self.reader.fail(if known { Defect::Order } else { Defect::Unknown });
        // An unknown name may be anything; what is too long to be a field's name is not repeated.
        if name_length(name).is_ok() {
            return self.reader.within(name, error);
        }
        error
    }
}

impl<'de> Visitor<'de> for MemberVisitor<'_, 'de> {
    type Value = usize;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<usize, E> {
        let mut candidates = self.member.all.iter().enumerate().skip(self.member.next);
        match candidates.find(|(_, candidate)| **candidate == name) {
            Some((index, _)) => {
                self.reader.expect_borrowed(name)?;
                Ok(index)
            }
            None => Err(self.refuse(name)),
        }
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<usize, E> {
        // No member's name needs an escape.
        let known = self.member.all.contains(&name);
        Err(self.reader.fail(if known { Defect::NotCanonical } else { Defect::Unknown }))
    }
}
