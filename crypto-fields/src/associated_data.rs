//! What a ciphertext is bound to: tenant, field, row, and whatever else the host adds.

pub(crate) mod names;
pub(crate) mod path;
pub(crate) mod row_key;

use std::fmt;

use sha2::{Digest, Sha256};

use names::{FieldId, SubjectId, TenantId};
use path::JsonPath;
use row_key::RowKey;

const PREFIX: &[u8] = b"crypto-fields/aad/v1\0";
const TENANT: u8 = 0x01;
const FIELD: u8 = 0x02;
const ROW: u8 = 0x03;
const SUBJECT: u8 = 0x04;
const PATH: u8 = 0x05;
const EXTRA: u8 = 0x06;

/// The longest name or value of a host's own context, in bytes.
pub const MAX_EXTRA_LEN: usize = 4096;
/// The most pairs of a host's own context.
pub const MAX_EXTRA: usize = 64;

/// The place of one value, in canonical form. A ciphertext opens only with the one it was sealed
/// with: not in another row, column, tenant or table.
///
/// Tenant, field and row key cannot be left out. All of it must be immutable as long as the value
/// is stored: identity, never a column that somebody updates.
///
/// # Bytes
///
/// Two places have the same bytes if and only if they are equal:
///
/// ```text
/// "crypto-fields/aad/v1" 00
/// 01 u32 length, tenant                 empty for the only tenant
/// 02 u32 length, field                  UTF-8
/// 03 u32 length, row key                type byte, then: 01 i64; 02 UUID, 16 bytes; 03 UTF-8;
///                                       04 bytes; 05 parts, each: type byte, u32 length, content
/// 04 u32 length, data subject           if the value is one data subject's
/// 05 u32 length, path in a document     if it is part of one: u32 depth, then for each step
///                                       '$' u32 length, name; or '#' u64 index
/// 06 u16 count, then u32 length, name, u32 length, value, sorted by name
///                                       if the host adds context of its own
/// ```
///
/// All numbers are big-endian. Only their SHA-256 enters the encryption.
///
/// ```
/// use crypto_fields::{AssociatedData, FieldId, RowKey, TenantId};
///
/// let (tenant, field) = (TenantId::new("acme")?, FieldId::new("users.email")?);
/// let row = RowKey::int(42)?;
/// let place = AssociatedData::new(&tenant, &field, &row).with("region", "eu")?;
/// assert_ne!(place, AssociatedData::new(&tenant, &field, &row));
///
/// // A row that has no key yet has no place.
/// assert!(RowKey::int(0).is_err());
/// assert!(RowKey::text("").is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct AssociatedData<'a> {
    tenant: &'a TenantId,
    field: &'a FieldId,
    row: &'a RowKey,
    subject: Option<&'a SubjectId>,
    path: Option<&'a JsonPath>,
    // INVARIANT: sorted by name, no name twice, within MAX_EXTRA and MAX_EXTRA_LEN.
    extra: Vec<(&'a [u8], &'a [u8])>,
}

/// A pair of the host's own context was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContextError {
    /// The name is there already.
    #[error("the context has this name already")]
    Duplicate,
    /// Longer than [`MAX_EXTRA_LEN`].
    #[error("a name or value of the context is longer than 4096 bytes")]
    TooLong,
    /// More than [`MAX_EXTRA`] pairs.
    #[error("the context has more than 64 pairs")]
    TooMany,
}

impl<'a> AssociatedData<'a> {
    /// The place of a field in a row of a tenant.
    #[must_use]
    pub const fn new(tenant: &'a TenantId, field: &'a FieldId, row: &'a RowKey) -> Self {
        Self { tenant, field, row, subject: None, path: None, extra: Vec::new() }
    }

    /// Binds to a data subject too. A key of the subject's asks for it; under a key of a group the
    /// value is bound to the subject, and not forgotten with them.
    #[must_use]
    pub const fn subject(mut self, subject: &'a SubjectId) -> Self {
        self.subject = Some(subject);
        self
    }

    /// Binds to a place within a JSON document too.
    #[must_use]
    pub const fn path(mut self, path: &'a JsonPath) -> Self {
        self.path = Some(path);
        self
    }

    /// Binds to something of the host's. It must be given again to open.
    ///
    /// # Errors
    ///
    /// Every [`ContextError`]; the value is given up.
    pub fn with<N, V>(mut self, name: &'a N, value: &'a V) -> Result<Self, ContextError>
    where
        N: AsRef<[u8]> + ?Sized,
        V: AsRef<[u8]> + ?Sized,
    {
        let (name, value) = (name.as_ref(), value.as_ref());
        if name.len() > MAX_EXTRA_LEN || value.len() > MAX_EXTRA_LEN {
            return Err(ContextError::TooLong);
        }
        if self.extra.len() >= MAX_EXTRA {
            return Err(ContextError::TooMany);
        }
        match self.extra.binary_search_by_key(&name, |(name, _)| name) {
            Ok(_) => Err(ContextError::Duplicate),
            Err(index) => {
                self.extra.insert(index, (name, value));
                Ok(self)
            }
        }
    }

    /// The tenant.
    #[must_use]
    pub const fn tenant(&self) -> &'a TenantId {
        self.tenant
    }

    /// The field.
    #[must_use]
    pub const fn field(&self) -> &'a FieldId {
        self.field
    }

    /// The data subject, if it is bound to one.
    #[must_use]
    pub const fn subject_id(&self) -> Option<&'a SubjectId> {
        self.subject
    }

    /// The canonical bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128);
        self.write(&mut bytes);
        bytes
    }

    /// SHA-256 of the canonical bytes, without making them.
    pub(crate) fn digest(&self) -> Context {
        let mut hash = Hashing(Sha256::new());
        self.write(&mut hash);
        Context(hash.0.finalize().into())
    }

    fn write(&self, out: &mut impl Sink) {
        out.put(PREFIX);
        out.field(TENANT, self.tenant.as_str().as_bytes());
        out.field(FIELD, self.field.as_str().as_bytes());
        out.put(&[ROW]);
        out.len(self.row.encoded_len());
        self.row.write(out);
        if let Some(subject) = self.subject {
            out.field(SUBJECT, subject.as_str().as_bytes());
        }
        if let Some(path) = self.path {
            out.put(&[PATH]);
            out.len(path.encoded_len());
            path.write(out);
        }
        if !self.extra.is_empty() {
            // MAX_EXTRA fits.
            let count = u16::try_from(self.extra.len()).unwrap_or(u16::MAX);
            out.put(&[EXTRA]);
            out.put(&count.to_be_bytes());
            for (name, value) in &self.extra {
                out.len(name.len());
                out.put(name);
                out.len(value.len());
                out.put(value);
            }
        }
    }
}

/// Names only: row keys and the host's context may identify somebody.
impl fmt::Debug for AssociatedData<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AssociatedData").field("field", self.field).finish_non_exhaustive()
    }
}

/// SHA-256 of a canonical context: of a place, or of a wrapped key.
#[derive(Clone, Copy)]
pub(crate) struct Context(pub(crate) [u8; 32]);

/// Where canonical bytes go.
pub(crate) trait Sink {
    fn put(&mut self, bytes: &[u8]);

    /// A length. Everything that has one is bounded far below 2^32 where it is made.
    fn len(&mut self, len: usize) {
        self.put(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
    }

    fn field(&mut self, tag: u8, bytes: &[u8]) {
        self.put(&[tag]);
        self.len(bytes.len());
        self.put(bytes);
    }
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

pub(crate) struct Hashing(pub(crate) Sha256);

impl Sink for Hashing {
    fn put(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

#[cfg(test)]
mod tests;
