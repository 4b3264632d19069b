//! What becomes of one row.

use std::borrow::Cow;

use super::column::{PlaintextRows, SealedColumn};
use super::page::Row;
use super::quarantine::FailureClass;
use crate::associated_data::AssociatedData;
use crate::associated_data::names::{SubjectId, TenantId};
use crate::backend::Change;
use crate::backend::value::Value;
use crate::blind_index::value::BlindIndexValue;
use crate::ciphertext::{self, Ciphertext, TEXT_PREFIX};
use crate::error::{OpenError, SealError};
use crate::key_id::KeyId;
use crate::keyset::KeySource;
use crate::secret::SecretBytes;

/// What becomes of a row.
pub(super) enum Turn {
    /// It is to be written anew.
    Change(Change),
    /// It is under this key, and need not be.
    Current(KeyId),
    /// It cannot be.
    Failed(Failure),
    /// It stays as it is: plaintext that is to stay, or a value of somebody who was forgotten.
    Keep,
}

/// A row that could not be sealed anew.
pub(super) struct Failure {
    pub(super) row: Vec<u8>,
    pub(super) key: Option<KeyId>,
    pub(super) class: FailureClass,
}

pub(super) fn turn(column: &SealedColumn, keys: &dyn KeySource, row: Row) -> Turn {
    let mut under = None;
    let cursor = SealedColumn::cursor(&row.key);
    match attempt(column, keys, row, &mut under) {
        Ok(turn) => turn,
        Err(class) => Turn::Failed(Failure { row: cursor, key: under, class }),
    }
}

fn attempt(
    column: &SealedColumn,
    keys: &dyn KeySource,
    row: Row,
    under: &mut Option<KeyId>,
) -> Result<Turn, FailureClass> {
    let stored = ciphertext_of(column, &row.stored)?;
    if let Some(bytes) = &stored {
        *under = bytes.get(4..12).and_then(|id| KeyId::from_bytes(id.try_into().ok()?));
    }
    let row_key = column.row_key(&row.key).ok_or(FailureClass::RowKey)?;
    let tenant = match &row.tenant {
        None => column.tenant.clone(),
        Some(name) if name.is_empty() => TenantId::SINGLE,
        Some(name) => TenantId::new(name.clone()).map_err(|_| FailureClass::RowKey)?,
    };
    let subject = row.subject.clone().map(SubjectId::new).transpose();
    let subject = subject.map_err(|_| FailureClass::RowKey)?;
    let mut place = AssociatedData::new(&tenant, column.cipher.field(), &row_key);
    if let Some(subject) = &subject {
        place = place.subject(subject);
    }

    let primary = match column.cipher.primary(keys, &tenant) {
        Ok(primary) => primary,
        // Nothing is sealed for who was forgotten, and nothing of them opens.
        Err(SealError::Revoked) => return Ok(Turn::Keep),
        Err(_) => return Err(FailureClass::NoPrimary),
    };
    let value = match &stored {
        Some(bytes) => {
            let parsed = Ciphertext::parse(bytes).map_err(|_| FailureClass::Malformed)?;
            if parsed.key_id() == primary && !index_is_stale(column, row.index.as_deref()) {
                return Ok(Turn::Current(primary));
            }
            match column.cipher.open_bytes(keys, &place, bytes) {
                Ok(value) => value,
                Err(OpenError::Destroyed { .. } | OpenError::Revoked { .. }) => {
                    return Ok(Turn::Keep);
                }
                Err(error) => return Err(FailureClass::of(&error)),
            }
        }
        None => match (column.plaintext, &row.stored) {
            (PlaintextRows::Keep, _) => return Ok(Turn::Keep),
            (PlaintextRows::Seal, Value::Text(Some(text))) => {
                SecretBytes::new(text.clone().into_bytes())
            }
            (PlaintextRows::Seal, Value::Bytes(Some(bytes))) => SecretBytes::new(bytes.clone()),
            _ => return Err(FailureClass::NotSealed),
        },
    };

    let index = match &column.index {
        Some((_, index)) => {
            let text = str::from_utf8(&value).map_err(|_| FailureClass::Index)?;
            let index = index.value_in(&row_key, text).map_err(|_| FailureClass::Index)?;
            index.map(BlindIndexValue::into_bytes)
        }
        None => None,
    };
    let under_primary = *under == Some(primary);
    if under_primary {
        if index == row.index {
            return Ok(Turn::Keep);
        }
        let change = Change { key: row.key, old: row.stored.clone(), new: row.stored, index };
        return Ok(Turn::Change(change));
    }
    let sealed = column.cipher.seal_bytes(keys, &place, &value);
    let sealed = sealed.map_err(|_| FailureClass::Seal)?;
    let new =
        if column.text { ciphertext::to_text(&sealed).as_str().into() } else { sealed.into() };
    Ok(Turn::Change(Change { key: row.key, old: row.stored, new, index }))
}

/// The bytes of a ciphertext; `None` of plaintext.
fn ciphertext_of<'a>(
    column: &SealedColumn,
    stored: &'a Value,
) -> Result<Option<Cow<'a, [u8]>>, FailureClass> {
    match stored {
        Value::Text(Some(text)) if column.text && text.starts_with(TEXT_PREFIX) => {
            let bytes = ciphertext::from_text(text).map_err(|_| FailureClass::Malformed)?;
            Ok(Some(Cow::Owned(bytes)))
        }
        Value::Bytes(Some(bytes)) if !column.text && Ciphertext::is_meant(bytes) => {
            Ok(Some(Cow::Borrowed(bytes)))
        }
        _ => Ok(None),
    }
}

/// Whether an index column has to be looked at: NULL may be right, for an empty value.
fn index_is_stale(column: &SealedColumn, stored: Option<&[u8]>) -> bool {
    let Some((_, index)) = &column.index else { return false };
    stored.is_none_or(|stored| index.needs_reindex(&BlindIndexValue::from_bytes(stored)))
}
