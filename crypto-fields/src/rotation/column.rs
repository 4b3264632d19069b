//! A sealed field as a column of a host's table.

use std::sync::Arc;

use base64ct::{Base64UrlUnpadded, Encoding};
use uuid::Uuid;

use super::name::{SqlName, SqlNameError};
use crate::associated_data::names::{FieldId, TenantId};
use crate::associated_data::row_key::RowKey;
use crate::backend::Relation;
use crate::backend::value::{Value, other};
use crate::blind_index::BlindIndex;
use crate::ciphertext::TEXT_PREFIX;
use crate::field::FieldCipher;
use crate::key_id::KeyId;

/// How the key column of a table is stored, and so which [`RowKey`] its values are sealed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RowKeyType {
    /// Bytes: [`RowKey::bytes`].
    Bytes,
    /// An integer: [`RowKey::int`].
    Int,
    /// Text: [`RowKey::text`].
    Text,
    /// A UUID, of its own type in PostgreSQL, 16 bytes in SQLite: [`RowKey::uuid`].
    Uuid,
    /// A UUID as text: [`RowKey::uuid`].
    UuidText,
}

/// What becomes of plaintext that a column still has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlaintextRows {
    /// It goes into quarantine: in a strict field there is none.
    #[default]
    Fail,
    /// It stays.
    Keep,
    /// It is sealed: the way of a field from plaintext, once everybody reads both.
    Seal,
}

/// One sealed field as a column of one table of the host: where its values are and what they are
/// bound to.
///
/// A value is opened and sealed for its row exactly as a [`RowContext`](crate::RowContext) of the
/// same tenant, row key and data subject does it.
///
/// ```
/// use crypto_fields::{FieldCipher, FieldId, RowKeyType, SealedColumn};
///
/// let field = || FieldId::new("users.email").map(FieldCipher::new);
/// let email = SealedColumn::new(field()?, "users", "email", "id", RowKeyType::Int)?;
/// assert!(SealedColumn::new(field()?, "users; --", "email", "id", RowKeyType::Int).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct SealedColumn {
    pub(super) cipher: FieldCipher,
    table: SqlName,
    sealed: SqlName,
    key: SqlName,
    key_type: RowKeyType,
    pub(super) text: bool,
    pub(super) documents: bool,
    pub(super) tenant: TenantId,
    tenant_column: Option<SqlName>,
    subject_column: Option<SqlName>,
    pub(super) index: Option<(SqlName, Arc<BlindIndex>)>,
    pub(super) plaintext: PlaintextRows,
}

impl SealedColumn {
    /// The field of `cipher` in the column `sealed` of a table, whose rows are found by the column
    /// `key`: unique, not NULL, immutable, and best the primary key. A table may be named with its
    /// schema. The column holds bytes, the rows are those of the only tenant.
    ///
    /// # Errors
    ///
    /// [`SqlNameError`].
    pub fn new(
        cipher: FieldCipher,
        table: &str,
        sealed: &str,
        key: &str,
        key_type: RowKeyType,
    ) -> Result<Self, SqlNameError> {
        Ok(Self {
            cipher,
            table: SqlName::table(table)?,
            sealed: SqlName::column(sealed)?,
            key: SqlName::column(key)?,
            key_type,
            text: false,
            documents: false,
            tenant: TenantId::SINGLE,
            tenant_column: None,
            subject_column: None,
            index: None,
            plaintext: PlaintextRows::Fail,
        })
    }

    /// The column holds text (`cf1.…`).
    #[must_use]
    pub const fn text(mut self) -> Self {
        self.text = true;
        self
    }

    /// The column holds JSON documents (text, in PostgreSQL also `jsonb`) with sealed values in
    /// them, as [`DocumentCipher`](crate::DocumentCipher) seals them. They take part in a census,
    /// and are not rotated: that is done by the host, document by document, because reading and
    /// writing JSON may change numbers in it that are not sealed.
    #[must_use]
    pub const fn documents(mut self) -> Self {
        self.documents = true;
        self
    }

    /// All rows are this tenant's.
    #[must_use]
    pub fn tenant(mut self, tenant: TenantId) -> Self {
        self.tenant = tenant;
        self
    }

    /// Each row says whose it is: text, or an integer or UUID in its usual text.
    ///
    /// # Errors
    ///
    /// [`SqlNameError`].
    pub fn tenant_column(mut self, column: &str) -> Result<Self, SqlNameError> {
        self.tenant_column = Some(SqlName::column(column)?);
        Ok(self)
    }

    /// Each row says which data subject it is bound to: text, or an integer or UUID in its usual
    /// text. A row where it is NULL is bound to none.
    ///
    /// # Errors
    ///
    /// [`SqlNameError`].
    pub fn subject_column(mut self, column: &str) -> Result<Self, SqlNameError> {
        self.subject_column = Some(SqlName::column(column)?);
        Ok(self)
    }

    /// The blind index of the values is in this column; it is computed anew where it is of another
    /// version or missing.
    ///
    /// # Errors
    ///
    /// [`SqlNameError`].
    pub fn blind_index(
        mut self,
        column: &str,
        index: Arc<BlindIndex>,
    ) -> Result<Self, SqlNameError> {
        self.index = Some((SqlName::column(column)?, index));
        Ok(self)
    }

    /// What becomes of plaintext in the column.
    #[must_use]
    pub const fn plaintext(mut self, plaintext: PlaintextRows) -> Self {
        self.plaintext = plaintext;
        self
    }

    /// The field.
    #[must_use]
    pub const fn field(&self) -> &FieldId {
        self.cipher.field()
    }

    /// By which its job and its quarantine are found.
    pub(super) fn relation_name(&self) -> String {
        format!("{}.{}", self.table.as_str(), self.sealed.as_str())
    }

    pub(super) fn relation(&self) -> Relation {
        Relation {
            table: self.table.quoted(),
            key: self.key.quoted(),
            sealed: self.sealed.quoted(),
            index: self.index.as_ref().map(|(column, _)| column.quoted()),
        }
    }

    pub(super) fn tenant_sql(&self) -> Option<String> {
        self.tenant_column.as_ref().map(SqlName::quoted)
    }

    pub(super) fn subject_sql(&self) -> Option<String> {
        self.subject_column.as_ref().map(SqlName::quoted)
    }

    /// The part of a stored value that names its key, as SQL. In text the flags come with it,
    /// which begin its group of four characters.
    pub(super) fn key_sql(&self) -> String {
        let sealed = self.sealed.quoted();
        if self.text {
            format!("substr(t.{sealed}, 9, 12)")
        } else {
            format!("substr(t.{sealed}, 5, 8)")
        }
    }

    /// What [`key_sql`](Self::key_sql) gives for a key.
    pub(super) fn key_marks(&self, key: KeyId) -> Vec<Value> {
        if !self.text {
            return vec![key.to_bytes().as_slice().into()];
        }
        let [a, b, c, d, e, f, g, h] = key.to_bytes();
        let mark = |flags| Base64UrlUnpadded::encode_string(&[flags, a, b, c, d, e, f, g, h]);
        vec![mark(0).as_str().into(), mark(1).as_str().into()]
    }

    /// The key of what [`key_sql`](Self::key_sql) gave.
    pub(super) fn key_of_mark(&self, mark: Value) -> Option<KeyId> {
        match mark {
            Value::Bytes(Some(bytes)) => KeyId::from_bytes(bytes.try_into().ok()?),
            Value::Text(Some(text)) => {
                let mut flags_and_id = [0; 9];
                let read = Base64UrlUnpadded::decode(&text, &mut flags_and_id).ok()?;
                KeyId::from_bytes(read.get(1..)?.try_into().ok()?)
            }
            _ => None,
        }
    }

    /// What a stored value begins with if it is meant to be a ciphertext, as SQL.
    pub(super) fn meant_sql(&self, parameter: usize) -> (String, Value) {
        let sealed = self.sealed.quoted();
        if self.text {
            (format!("substr(t.{sealed}, 1, 4) = ${parameter}"), TEXT_PREFIX.into())
        } else {
            (format!("substr(t.{sealed}, 1, 1) = ${parameter}"), [0xC1].as_slice().into())
        }
    }

    /// A row's key as it was read, in the form in which it is bound again.
    pub(super) fn key_value(&self, read: Value) -> sqlx::Result<Value> {
        match (self.key_type, read) {
            (RowKeyType::Int, value @ Value::Int(Some(_)))
            | (RowKeyType::Text | RowKeyType::UuidText, value @ Value::Text(Some(_)))
            | (RowKeyType::Bytes, value @ Value::Bytes(Some(_)))
            | (RowKeyType::Uuid, value @ Value::Uuid(_)) => Ok(value),
            (RowKeyType::Uuid, Value::Bytes(Some(bytes))) => {
                Uuid::from_slice(&bytes).map(Value::Uuid).map_err(|_| other("a UUID"))
            }
            _ => Err(other("a row key of the type that was said")),
        }
    }

    /// What a row's values are sealed for; `None` if nothing can be.
    pub(super) fn row_key(&self, key: &Value) -> Option<RowKey> {
        match key {
            Value::Int(key) => RowKey::int((*key)?).ok(),
            Value::Text(key) if self.key_type == RowKeyType::UuidText => {
                RowKey::uuid(key.as_ref()?.parse().ok()?).ok()
            }
            Value::Text(key) => RowKey::text(key.as_ref()?).ok(),
            Value::Bytes(key) => RowKey::bytes(key.as_ref()?).ok(),
            Value::Uuid(key) => RowKey::uuid(*key).ok(),
        }
    }

    /// A row's key as the bytes of a cursor.
    pub(super) fn cursor(key: &Value) -> Vec<u8> {
        match key {
            Value::Int(key) => key.unwrap_or_default().to_be_bytes().to_vec(),
            Value::Text(key) => key.clone().unwrap_or_default().into_bytes(),
            Value::Bytes(key) => key.clone().unwrap_or_default(),
            Value::Uuid(key) => key.as_bytes().to_vec(),
        }
    }

    /// The key of a cursor; `None` if it is none of this column.
    pub(super) fn key_of_cursor(&self, cursor: &[u8]) -> Option<Value> {
        Some(match self.key_type {
            RowKeyType::Int => i64::from_be_bytes(cursor.try_into().ok()?).into(),
            RowKeyType::Text | RowKeyType::UuidText => str::from_utf8(cursor).ok()?.into(),
            RowKeyType::Bytes => cursor.into(),
            RowKeyType::Uuid => Value::Uuid(Uuid::from_slice(cursor).ok()?),
        })
    }
}
