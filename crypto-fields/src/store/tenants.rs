//! All keys of a tenant.

use sqlx::Pool;

use super::error::StoreError;
use crate::associated_data::names::TenantId;
use crate::backend::{Backend, fixed};
use crate::clock::Timestamp;

/// How many keys one transaction destroys.
const BATCH: i64 = 1000;

/// How many keys of a tenant were destroyed by one call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DestroyedKeys {
    /// Keys of keysets.
    pub keysets: u64,
    /// Keys of data subjects.
    pub subjects: u64,
}

pub(super) async fn destroy<DB: Backend>(
    pool: &Pool<DB>,
    tenant: &TenantId,
    at: Timestamp,
    reference: Option<&str>,
) -> Result<DestroyedKeys, StoreError> {
    let mut destroyed = DestroyedKeys::default();
    let mut conn = pool.acquire().await?;
    DB::wipe_what_is_overwritten(&mut conn).await?;
    loop {
        let sql = "UPDATE cf_subject_key SET wrapped = NULL, parent = NULL, destroyed_at = $1
             WHERE kid IN (SELECT kid FROM cf_subject_key
                 WHERE tenant = $2 AND destroyed_at IS NULL ORDER BY kid LIMIT $3)";
        let values = vec![at.as_micros().into(), tenant.as_str().into(), BATCH.into()];
        match DB::execute(&mut conn, fixed(sql), values).await? {
            0 => break,
            some => destroyed.subjects = destroyed.subjects.saturating_add(some),
        }
    }
    let sql = "UPDATE cf_key SET state = 'destroyed', state_since = $1, parent = NULL,
             wrapped = NULL, reference = $2
         WHERE tenant = $3 AND state <> 'destroyed'";
    let values = vec![at.as_micros().into(), reference.into(), tenant.as_str().into()];
    destroyed.keysets = DB::execute(&mut conn, fixed(sql), values).await?;
    Ok(destroyed)
}

pub(super) async fn live<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &TenantId,
) -> Result<u64, StoreError> {
    let sql = "SELECT (SELECT count(*) FROM cf_key WHERE tenant = $1 AND state <> 'destroyed')
         + (SELECT count(*) FROM cf_subject_key WHERE tenant = $2 AND destroyed_at IS NULL)";
    let values = vec![tenant.as_str().into(), tenant.as_str().into()];
    let mut rows = DB::fetch(conn, fixed(sql), values).await?;
    let count = rows.pop().ok_or(StoreError::Damaged)?.int()?;
    u64::try_from(count).map_err(|_| StoreError::Damaged)
}
