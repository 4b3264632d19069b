//! Rows of the table of keys.

use super::error::StoreError;
use crate::associated_data::names::{KeyGroup, TenantId};
use crate::backend::error::{DatabaseError, DatabaseErrorKind};
use crate::backend::value::{Fields, Value};
use crate::backend::{Backend, fixed};
use crate::clock::Timestamp;
use crate::key_id::KeyId;
use crate::keyset::census::UnusedKey;
use crate::keyset::record::{KeyCheck, KeyRecord};
use crate::keyset::state::KeyState;
use crate::purpose::Purpose;
use crate::wrap::WrappedDataKey;

pub(super) async fn all<DB: Backend>(
    conn: &mut DB::Connection,
) -> Result<Vec<KeyRecord>, StoreError> {
    let sql = "SELECT kid, tenant, purpose, key_group, state, created_at, state_since,
             compromised_at, key_check, parent, wrapped
         FROM cf_key ORDER BY created_at, kid";
    let rows = DB::fetch(conn, fixed(sql), Vec::new()).await?;
    rows.into_iter().map(record).collect()
}

fn record(mut row: Fields) -> Result<KeyRecord, StoreError> {
    let id = KeyId::from_i64(row.int()?).ok_or(StoreError::Damaged)?;
    Ok(KeyRecord {
        id,
        tenant: tenant(row.text()?)?,
        purpose: Purpose::from_name(&row.text()?).ok_or(StoreError::Damaged)?,
        group: KeyGroup::new(row.text()?).map_err(|_| StoreError::Damaged)?,
        state: KeyState::from_name(&row.text()?).ok_or(StoreError::Damaged)?,
        created_at: Timestamp::from_micros(row.int()?),
        state_since: Timestamp::from_micros(row.int()?),
        compromised_at: row.int_or_null()?.map(Timestamp::from_micros),
        check: check(&row.bytes()?)?,
        wrapped: wrapped(row.text_or_null()?, row.bytes_or_null()?),
    })
}

pub(super) fn tenant(name: String) -> Result<TenantId, StoreError> {
    if name.is_empty() {
        return Ok(TenantId::SINGLE);
    }
    TenantId::new(name).map_err(|_| StoreError::Damaged)
}

pub(super) fn check(bytes: &[u8]) -> Result<KeyCheck, StoreError> {
    bytes.try_into().map(KeyCheck::from_bytes).map_err(|_| StoreError::Damaged)
}

pub(super) fn wrapped(parent: Option<String>, bytes: Option<Vec<u8>>) -> Option<WrappedDataKey> {
    Some(WrappedDataKey::new(parent?, bytes?))
}

/// A constraint that refuses a key is somebody else's key.
fn conflict(key: KeyId, error: sqlx::Error) -> StoreError {
    let error = DatabaseError::from(error);
    match error.kind() {
        DatabaseErrorKind::Constraint => StoreError::Conflict { key },
        _ => StoreError::Database(error),
    }
}

pub(super) async fn insert<DB: Backend>(
    conn: &mut DB::Connection,
    record: &KeyRecord,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO cf_key (kid, tenant, purpose, key_group, state, created_at,
             state_since, compromised_at, key_check, parent, wrapped)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let values = vec![
        record.id.to_i64().into(),
        record.tenant.as_str().into(),
        record.purpose.name().into(),
        record.group.as_str().into(),
        record.state.name().into(),
        record.created_at.as_micros().into(),
        record.state_since.as_micros().into(),
        record.compromised_at.map(Timestamp::as_micros).into(),
        record.check.to_bytes().as_slice().into(),
        parent(record),
        bytes(record),
    ];
    let done = DB::execute(conn, fixed(sql), values).await;
    done.map(drop).map_err(|error| conflict(record.id, error))
}

/// Puts a record in the place of another, if that is what is there.
pub(super) async fn replace<DB: Backend>(
    conn: &mut DB::Connection,
    before: &KeyRecord,
    record: &KeyRecord,
    proof: Option<(&UnusedKey, Option<&str>)>,
) -> Result<(), StoreError> {
    let sql = "UPDATE cf_key SET state = $1, state_since = $2, compromised_at = $3, parent = $4,
             wrapped = $5, census_at = $6, census_fields = $7, reference = $8
         WHERE kid = $9 AND state = $10 AND state_since = $11
             AND compromised_at IS NOT DISTINCT FROM $12 AND parent IS NOT DISTINCT FROM $13
             AND wrapped IS NOT DISTINCT FROM $14";
    let fields = proof.map(|(unused, _)| i64::try_from(unused.fields()).unwrap_or(i64::MAX));
    let values = vec![
        record.state.name().into(),
        record.state_since.as_micros().into(),
        record.compromised_at.map(Timestamp::as_micros).into(),
        parent(record),
        bytes(record),
        proof.map(|(unused, _)| unused.begun_at().as_micros()).into(),
        fields.into(),
        proof.and_then(|(_, reference)| reference).into(),
        before.id.to_i64().into(),
        before.state.name().into(),
        before.state_since.as_micros().into(),
        before.compromised_at.map(Timestamp::as_micros).into(),
        parent(before),
        bytes(before),
    ];
    let changed = DB::execute(conn, fixed(sql), values).await;
    match changed.map_err(|error| conflict(record.id, error))? {
        0 => Err(StoreError::Conflict { key: record.id }),
        _ => Ok(()),
    }
}

fn parent(record: &KeyRecord) -> Value {
    record.wrapped.as_ref().map(WrappedDataKey::wrapper).into()
}

fn bytes(record: &KeyRecord) -> Value {
    record.wrapped.as_ref().map(WrappedDataKey::bytes).into()
}
