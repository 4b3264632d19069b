//! Equality search on sealed fields: a short keyed hash of the value in a column beside it.
//!
//! What is stored is written down to the byte in `FORMAT.md`.

pub(crate) mod normalizer;
pub(crate) mod plan;
pub(crate) mod value;

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use crate::associated_data::names::FieldId;
use crate::associated_data::row_key::RowKey;
use crate::credential::password::policy::PasswordCost;
use crate::data_key::{DataKey, WrongPurpose};
use crate::mac::MacKey;
use crate::purpose::Purpose;

use normalizer::Normalizer;
use plan::IndexWidth;
use value::BlindIndexValue;

/// Longest value that is indexed, in bytes.
pub const MAX_INDEXED: usize = 64 * 1024;
/// Most partitions of an index.
pub const MAX_PARTITIONS: u16 = 256;

/// Why a value has no index, or an index cannot be. It never carries any part of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BlindIndexError {
    /// The key is not for blind indexes.
    #[error("the key cannot make a blind index")]
    Key(#[from] WrongPurpose),
    /// There was no memory for the slow variant.
    #[error("the index of the value could not be computed")]
    Memory,
    /// The value is not of the form that the normaliser reads.
    #[error("the value is not of the form that {normalizer} indexes")]
    Form {
        /// The normaliser's name.
        normalizer: &'static str,
    },
    /// An index has 2 to [`MAX_PARTITIONS`] partitions, or none.
    #[error("an index has 2 to {MAX_PARTITIONS} partitions, or none")]
    Partitions,
    /// The index has partitions: its values depend on their rows.
    #[error("the index has partitions, and needs the row's key")]
    RowKey,
    /// Longer than [`MAX_INDEXED`].
    #[error("the value is longer than {MAX_INDEXED} bytes")]
    TooLong,
    /// An index that is being replaced has the same version as the new one.
    #[error("the old and the new index have the same version")]
    Version,
}

/// Computes the index of values, to store it and to search for it.
///
/// **What it leaks.** Equal values have equal indexes, so whoever reads the column sees which rows
/// agree and how often. Truncation makes different values agree too, which blurs that, and
/// partitions flatten the histogram of frequent values; only a field without an index leaks
/// nothing. What is found must be opened and compared: an index finds candidates.
///
/// What is stored is written down to the byte in [`format`](mod@crate::format).
///
/// The key is of purpose [`BlindIndex`](Purpose::BlindIndex), one per tenant and index, and lives
/// outside the database: in a [`Keyset`](crate::Keyset) with a group for each index,
/// `keyset.sealing(&tenant, Purpose::BlindIndex, &group)?.data_key()` is it. To forget a person, set their indexes to NULL with the same statement
/// that destroys the key: the index key is shared.
///
/// # Examples
///
/// ```
/// use crypto_fields::{
///     BlindIndex, DataKey, FieldId, IndexWidth, Normalizer, Purpose,
/// };
///
/// let key = DataKey::generate(Purpose::BlindIndex)?;
/// let index = BlindIndex::new(
///     1,
///     &key,
///     FieldId::new("users.email")?,
///     Normalizer::Email,
///     IndexWidth::UNIQUE,
/// )?;
/// let stored = index.value("Ann@Example.com")?;
/// // WHERE email_index IN (..)
/// assert_eq!(index.query(" ann@example.com ")?, [stored.ok_or("not empty")?]);
/// assert_eq!(index.value("")?, None, "stored as NULL");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct BlindIndex {
    version: u8,
    key: MacKey,
    id: FieldId,
    normalizer: Normalizer,
    width: IndexWidth,
    partitions: Option<u16>,
    slow: Option<Params>,
    old: Option<Box<Self>>,
}

impl BlindIndex {
    /// An index by this key. `id` names it for ever; `version` stands in every value, and is
    /// another one after the key, the normaliser or the width has changed.
    ///
    /// # Errors
    ///
    /// [`BlindIndexError::Key`] only.
    pub fn new(
        version: u8,
        key: &DataKey,
        id: FieldId,
        normalizer: Normalizer,
        width: IndexWidth,
    ) -> Result<Self, BlindIndexError> {
        let key = MacKey::new(key, Purpose::BlindIndex)?;
        let (partitions, slow, old) = (None, None, None);
        Ok(Self { version, key, id, normalizer, width, partitions, slow, old })
    }

    /// Spreads rows over `count` partitions by their keys, so that a frequent value has as many
    /// indexes. A query then asks for all of them.
    ///
    /// # Errors
    ///
    /// [`BlindIndexError::Partitions`] unless there are 2 to [`MAX_PARTITIONS`].
    pub fn partitioned(mut self, count: u16) -> Result<Self, BlindIndexError> {
        if !(2..=MAX_PARTITIONS).contains(&count) {
            return Err(BlindIndexError::Partitions);
        }
        self.partitions = Some(count);
        Ok(self)
    }

    /// Puts each value through Argon2id first, for an index whose key may lie beside its data: even
    /// with the key, each guess at a value then takes tens of milliseconds. So does each value
    /// (hours for a table of some 100,000) and each query; keep the key elsewhere if you can.
    ///
    /// # Errors
    ///
    /// [`BlindIndexError::Memory`] if Argon2 knows no such cost.
    pub fn slow(mut self, cost: PasswordCost) -> Result<Self, BlindIndexError> {
        let params = Params::new(cost.memory_kib(), cost.passes(), cost.lanes(), Some(STRETCHED));
        self.slow = Some(params.map_err(|_| BlindIndexError::Memory)?);
        Ok(self)
    }

    /// Takes the place of `old`: queries ask for the values of both until all rows have the new
    /// one; values are made by the new one only.
    ///
    /// # Errors
    ///
    /// [`BlindIndexError::Version`] if one of them has the same version.
    pub fn replacing(mut self, old: Self) -> Result<Self, BlindIndexError> {
        let mut other = Some(&old);
        while let Some(this) = other {
            if this.version == self.version {
                return Err(BlindIndexError::Version);
            }
            other = this.old.as_deref();
        }
        self.old = Some(Box::new(old));
        Ok(self)
    }

    /// The version that stands in new values.
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version
    }

    /// The index of a value, to be stored beside it; `None` if the value is empty, to be stored as
    /// NULL.
    ///
    /// # Errors
    ///
    /// [`BlindIndexError::RowKey`] for an index with partitions, [`BlindIndexError::Form`],
    /// [`BlindIndexError::TooLong`], [`BlindIndexError::Memory`].
    pub fn value(&self, value: &str) -> Result<Option<BlindIndexValue>, BlindIndexError> {
        if self.partitions.is_some() {
            return Err(BlindIndexError::RowKey);
        }
        let Some(material) = self.material(value)? else { return Ok(None) };
        Ok(Some(self.of(None, &material)))
    }

    /// The index of a value in its row.
    ///
    /// # Errors
    ///
    /// [`BlindIndexError::Form`], [`BlindIndexError::TooLong`], [`BlindIndexError::Memory`].
    pub fn value_in(
        &self,
        row: &RowKey,
        value: &str,
    ) -> Result<Option<BlindIndexValue>, BlindIndexError> {
        let Some(material) = self.material(value)? else { return Ok(None) };
        Ok(Some(self.of(self.partition_of(row), &material)))
    }

    /// Every index that a row with this value may have: for `WHERE .. IN (..)`. Empty if the value
    /// is: nothing has that index.
    ///
    /// # Errors
    ///
    /// [`BlindIndexError::Form`], [`BlindIndexError::TooLong`], [`BlindIndexError::Memory`].
    pub fn query(&self, value: &str) -> Result<Vec<BlindIndexValue>, BlindIndexError> {
        let mut values = Vec::new();
        let mut index = Some(self);
        while let Some(this) = index {
            if let Some(material) = this.material(value)? {
                match this.partitions {
                    None => values.push(this.of(None, &material)),
                    Some(count) => {
                        values.extend((0..count).map(|at| this.of(Some(at), &material)));
                    }
                }
            }
            index = this.old.as_deref();
        }
        Ok(values)
    }

    /// Whether a stored value is of another version and has to be computed again.
    #[must_use]
    pub fn needs_reindex(&self, stored: &BlindIndexValue) -> bool {
        stored.version() != Some(self.version)
    }

    /// What is hashed in the place of the value; `None` if it is empty.
    fn material(&self, value: &str) -> Result<Option<Zeroizing<Vec<u8>>>, BlindIndexError> {
        if value.len() > MAX_INDEXED {
            return Err(BlindIndexError::TooLong);
        }
        let normal = self.normalizer.apply(value)?;
        if normal.is_empty() {
            return Ok(None);
        }
        let Some(params) = &self.slow else {
            return Ok(Some(Zeroizing::new(normal.as_bytes().to_vec())));
        };
        let salt = self.key.mac(b"cf1/bidx/salt\0", [self.id.as_str().as_bytes()]);
        let mut stretched = Zeroizing::new(vec![0; STRETCHED]);
        Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone())
            .hash_password_into(normal.as_bytes(), salt.split_at(SALT).0, &mut stretched)
            .map_err(|_| BlindIndexError::Memory)?;
        Ok(Some(stretched))
    }

    fn of(&self, partition: Option<u16>, material: &[u8]) -> BlindIndexValue {
        let partition = partition.map(u16::to_be_bytes);
        let partition = partition.as_ref().map_or(&[][..], |at| at);
        let hash = self.key.mac(b"cf1/bidx\0", [self.id.as_str().as_bytes(), partition, material]);
        BlindIndexValue::cut(self.version, &hash, self.width)
    }

    /// A row's partition: a keyed hash of its key, so that nobody can choose it.
    fn partition_of(&self, row: &RowKey) -> Option<u16> {
        let count = self.partitions?;
        let mut bytes = Vec::with_capacity(row.encoded_len());
        row.write(&mut bytes);
        let hash = self.key.mac(b"cf1/bidx/part\0", [self.id.as_str().as_bytes(), &bytes]);
        let (first, _) = hash.split_first_chunk()?;
        u16::try_from(u64::from_be_bytes(*first).checked_rem(u64::from(count))?).ok()
    }
}

/// Bytes that the slow variant makes of a value.
const STRETCHED: usize = 32;
const SALT: usize = 16;

impl fmt::Debug for BlindIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlindIndex")
            .field("id", &self.id.as_str())
            .field("version", &self.version)
            .field("normalizer", &self.normalizer)
            .field("width", &self.width)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}
