//! The count of what is sealed under which key, without which none is destroyed.

use std::collections::{BTreeMap, BTreeSet};

use crate::associated_data::names::FieldId;
use crate::clock::Timestamp;
use crate::key_id::KeyId;

/// How many stored values name which key, over every field that is sealed anywhere: tables, leaves
/// of documents, files, and what was put in quarantine.
///
/// It starts from the registry of fields, and is not complete before each of them was counted, so
/// that no column is forgotten.
///
/// ```
/// use crypto_fields::{CensusBuilder, FieldId, KeyId, Timestamp};
///
/// let (email, phone) = (FieldId::new("users.email")?, FieldId::new("users.phone")?);
/// let mut census = CensusBuilder::new([email.clone(), phone.clone()], Timestamp::from_micros(0));
/// let (old, new) = (KeyId::random()?, KeyId::random()?);
/// census.count(&email, [(new, 20)])?;
/// census.count(&phone, [(new, 15), (old, 2)])?;
/// let census = census.finish()?;
/// assert_eq!(census.of(old), 2);
/// assert!(census.unused(old).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Census {
    begun_at: Timestamp,
    fields: BTreeSet<FieldId>,
    counts: BTreeMap<KeyId, u64>,
}

/// A census being taken.
#[derive(Debug, Clone)]
pub struct CensusBuilder {
    missing: BTreeSet<FieldId>,
    census: Census,
}

/// Proof that a complete census found nothing sealed under a key. Only a [`Census`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusedKey {
    key: KeyId,
    begun_at: Timestamp,
    fields: usize,
}

/// A census is not complete, or does not show what it was to show.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CensusError {
    /// A registered field was not counted.
    #[error("the field {0} was not counted")]
    Missing(FieldId),
    /// A field was counted that is not registered, or twice.
    #[error("the field {0} is not registered, or was counted before")]
    Unexpected(FieldId),
    /// Values are still sealed under the key.
    #[error("{count} values are sealed under the key {key}")]
    InUse {
        /// The key.
        key: KeyId,
        /// How many.
        count: u64,
    },
    /// No field is registered: that is a forgotten registry, not an empty database.
    #[error("no field is registered")]
    NoFields,
}

impl CensusBuilder {
    /// Begins a census over these fields. What is sealed after `begun_at` may be missed, so a key
    /// must be disabled before, when nothing is sealed under it any more.
    #[must_use]
    pub fn new(fields: impl IntoIterator<Item = FieldId>, begun_at: Timestamp) -> Self {
        let fields: BTreeSet<_> = fields.into_iter().collect();
        let census = Census { begun_at, fields: fields.clone(), counts: BTreeMap::new() };
        Self { missing: fields, census }
    }

    /// Says how many values of a field name which key: everything of that field at once.
    ///
    /// # Errors
    ///
    /// [`CensusError::Unexpected`]; the census goes on without it.
    pub fn count(
        &mut self,
        field: &FieldId,
        counts: impl IntoIterator<Item = (KeyId, u64)>,
    ) -> Result<(), CensusError> {
        if !self.missing.remove(field) {
            return Err(CensusError::Unexpected(field.clone()));
        }
        for (key, count) in counts {
            let total = self.census.counts.entry(key).or_default();
            *total = total.saturating_add(count);
        }
        Ok(())
    }

    /// Ends the census.
    ///
    /// # Errors
    ///
    /// [`CensusError::Missing`], [`CensusError::NoFields`].
    pub fn finish(self) -> Result<Census, CensusError> {
        if let Some(field) = self.missing.into_iter().next() {
            return Err(CensusError::Missing(field));
        }
        if self.census.fields.is_empty() {
            return Err(CensusError::NoFields);
        }
        Ok(self.census)
    }
}

impl Census {
    /// How many values name this key.
    #[must_use]
    pub fn of(&self, key: KeyId) -> u64 {
        self.counts.get(&key).copied().unwrap_or(0)
    }

    /// Every key that was met, with its count.
    pub fn counts(&self) -> impl Iterator<Item = (KeyId, u64)> {
        self.counts.iter().map(|(key, count)| (*key, *count))
    }

    /// When it began.
    #[must_use]
    pub const fn begun_at(&self) -> Timestamp {
        self.begun_at
    }

    /// Proof that nothing is sealed under this key.
    ///
    /// # Errors
    ///
    /// [`CensusError::InUse`].
    pub fn unused(&self, key: KeyId) -> Result<UnusedKey, CensusError> {
        match self.of(key) {
            0 => Ok(UnusedKey { key, begun_at: self.begun_at, fields: self.fields.len() }),
            count => Err(CensusError::InUse { key, count }),
        }
    }
}

impl UnusedKey {
    /// The key.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// When the census began.
    #[must_use]
    pub const fn begun_at(&self) -> Timestamp {
        self.begun_at
    }

    /// How many fields it covered.
    #[must_use]
    pub const fn fields(&self) -> usize {
        self.fields
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forgotten_field_is_no_census() {
        let field = |name: &'static str| FieldId::new(name).unwrap();
        let key = KeyId::new(1).unwrap();
        let mut census = CensusBuilder::new([field("a"), field("b")], Timestamp::from_micros(0));
        census.count(&field("a"), [(key, 0)]).unwrap();
        let again = census.count(&field("a"), []);
        assert_eq!(again, Err(CensusError::Unexpected(field("a"))));
        assert_eq!(census.count(&field("c"), []), Err(CensusError::Unexpected(field("c"))));
        assert_eq!(census.clone().finish(), Err(CensusError::Missing(field("b"))));
        census.count(&field("b"), []).unwrap();
        assert_eq!(census.finish().unwrap().unused(key).unwrap().fields(), 2);
        let none = CensusBuilder::new([], Timestamp::from_micros(0)).finish();
        assert_eq!(none, Err(CensusError::NoFields));
    }
}
