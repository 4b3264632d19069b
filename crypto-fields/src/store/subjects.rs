//! Rows of the table of data subjects' keys.

use sqlx::Pool;

use super::KeyStore;
use super::error::{StoreError, refuse_unwrapped};
use super::keys::{check, tenant, wrapped};
use crate::associated_data::names::{SubjectId, TenantId};
use crate::backend::begin::begin;
use crate::backend::value::Fields;
use crate::backend::{Backend, fixed};
use crate::clock::Timestamp;
use crate::key_id::KeyId;
use crate::purpose::Purpose;
use crate::subject_key::store::{
    StoreResult, SubjectKeyRecord, SubjectKeyState, SubjectKeyStore, SubjectStoreError,
};
use crate::wrap::WrappedDataKey;

/// A query for records, read by [`record`].
macro_rules! records {
    ($which:literal) => {
        concat!(
            "SELECT kid, tenant, subject, purpose, created_at, key_check, parent, wrapped,
                 destroyed_at
             FROM cf_subject_key ",
            $which
        )
    };
}

fn record(mut row: Fields) -> Result<SubjectKeyRecord, StoreError> {
    let damaged = || StoreError::Damaged;
    let id = KeyId::from_i64(row.int()?).ok_or_else(damaged)?;
    let tenant = tenant(row.text()?)?;
    let subject = SubjectId::new(row.text()?).map_err(|_| StoreError::Damaged)?;
    let purpose = Purpose::from_name(&row.text()?).ok_or_else(damaged)?;
    let created_at = Timestamp::from_micros(row.int()?);
    let check = check(&row.bytes()?)?;
    let wrapped = wrapped(row.text_or_null()?, row.bytes_or_null()?);
    let state = match (wrapped, row.int_or_null()?) {
        (Some(wrapped), None) => SubjectKeyState::Live(wrapped),
        (None, Some(at)) => SubjectKeyState::Destroyed { at: Timestamp::from_micros(at) },
        _ => return Err(StoreError::Damaged),
    };
    Ok(SubjectKeyRecord::new(id, tenant, subject, purpose, created_at, check, state))
}

async fn find<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &TenantId,
    subject: &SubjectId,
    purpose: Purpose,
) -> Result<Option<SubjectKeyRecord>, StoreError> {
    let sql = records!("WHERE tenant = $1 AND subject = $2 AND purpose = $3");
    let values = vec![tenant.as_str().into(), subject.as_str().into(), purpose.name().into()];
    DB::fetch(conn, fixed(sql), values).await?.pop().map(record).transpose()
}

async fn insert<DB: Backend>(
    pool: &Pool<DB>,
    new: SubjectKeyRecord,
) -> Result<SubjectKeyRecord, StoreError> {
    let SubjectKeyState::Live(wrapped) = &new.state else { return Err(StoreError::Damaged) };
    refuse_unwrapped(new.id, Some(wrapped))?;
    let sql = "INSERT INTO cf_subject_key (kid, tenant, subject, purpose, created_at, key_check,
             parent, wrapped)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (tenant, subject, purpose) DO NOTHING";
    let values = vec![
        new.id.to_i64().into(),
        new.tenant.as_str().into(),
        new.subject.as_str().into(),
        new.purpose.name().into(),
        new.created_at.as_micros().into(),
        new.check.to_bytes().as_slice().into(),
        wrapped.wrapper().into(),
        wrapped.bytes().into(),
    ];
    let mut conn = pool.acquire().await?;
    if DB::execute(&mut conn, fixed(sql), values).await? > 0 {
        return Ok(new);
    }
    let there = find::<DB>(&mut conn, &new.tenant, &new.subject, new.purpose).await?;
    there.ok_or(StoreError::Conflict { key: new.id })
}

/// Overwrites every wrapped key of a data subject, and reads what is there then.
pub(super) async fn destroy<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &TenantId,
    subject: &SubjectId,
    at: Timestamp,
) -> Result<Vec<SubjectKeyRecord>, StoreError> {
    DB::wipe_what_is_overwritten(conn).await?;
    let sql = "UPDATE cf_subject_key SET wrapped = NULL, parent = NULL, destroyed_at = $1
         WHERE tenant = $2 AND subject = $3 AND destroyed_at IS NULL";
    let values = vec![at.as_micros().into(), tenant.as_str().into(), subject.as_str().into()];
    DB::execute(conn, fixed(sql), values).await?;
    let sql = records!("WHERE tenant = $1 AND subject = $2 ORDER BY kid");
    let values = vec![tenant.as_str().into(), subject.as_str().into()];
    DB::fetch(conn, fixed(sql), values).await?.into_iter().map(record).collect()
}

async fn wrapped_by<DB: Backend>(
    pool: &Pool<DB>,
    wrapper: &str,
    after: Option<KeyId>,
    limit: usize,
) -> Result<Vec<SubjectKeyRecord>, StoreError> {
    // No id is zero, and the order is that of the signed integers: any will do.
    let sql = records!("WHERE parent = $1 AND kid > $2 ORDER BY kid LIMIT $3");
    let after = after.map_or(i64::MIN, KeyId::to_i64);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let values = vec![wrapper.into(), after.into(), limit.into()];
    let mut conn = pool.acquire().await?;
    DB::fetch(&mut conn, fixed(sql), values).await?.into_iter().map(record).collect()
}

async fn replace<DB: Backend>(
    pool: &Pool<DB>,
    id: KeyId,
    old: &WrappedDataKey,
    new: WrappedDataKey,
) -> Result<bool, StoreError> {
    refuse_unwrapped(id, Some(&new))?;
    let sql = "UPDATE cf_subject_key SET parent = $1, wrapped = $2
         WHERE kid = $3 AND parent = $4 AND wrapped = $5";
    let values = vec![
        new.wrapper().into(),
        new.bytes().into(),
        id.to_i64().into(),
        old.wrapper().into(),
        old.bytes().into(),
    ];
    Ok(DB::execute(&mut *pool.acquire().await?, fixed(sql), values).await? > 0)
}

impl<DB: Backend> SubjectKeyStore for KeyStore<DB> {
    fn find<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        purpose: Purpose,
    ) -> StoreResult<'a, Option<SubjectKeyRecord>> {
        Box::pin(async move {
            let mut conn = self.pool.acquire().await.map_err(SubjectStoreError::new)?;
            find::<DB>(&mut conn, tenant, subject, purpose).await.map_err(SubjectStoreError::new)
        })
    }

    fn insert(&self, record: SubjectKeyRecord) -> StoreResult<'_, SubjectKeyRecord> {
        Box::pin(async move { insert(&self.pool, record).await.map_err(SubjectStoreError::new) })
    }

    fn destroy<'a>(
        &'a self,
        tenant: &'a TenantId,
        subject: &'a SubjectId,
        at: Timestamp,
    ) -> StoreResult<'a, Vec<SubjectKeyRecord>> {
        Box::pin(async move {
            let mut tx =
                begin(&self.pool, fixed(DB::BEGIN)).await.map_err(SubjectStoreError::new)?;
            let destroyed = destroy::<DB>(&mut tx, tenant, subject, at).await;
            let destroyed = destroyed.map_err(SubjectStoreError::new)?;
            tx.commit().await.map_err(SubjectStoreError::new)?;
            Ok(destroyed)
        })
    }

    fn wrapped_by<'a>(
        &'a self,
        wrapper: &'a str,
        after: Option<KeyId>,
        limit: usize,
    ) -> StoreResult<'a, Vec<SubjectKeyRecord>> {
        Box::pin(async move {
            let found = wrapped_by(&self.pool, wrapper, after, limit).await;
            found.map_err(SubjectStoreError::new)
        })
    }

    fn replace<'a>(
        &'a self,
        id: KeyId,
        old: &'a WrappedDataKey,
        new: WrappedDataKey,
    ) -> StoreResult<'a, bool> {
        Box::pin(
            async move { replace(&self.pool, id, old, new).await.map_err(SubjectStoreError::new) },
        )
    }
}
