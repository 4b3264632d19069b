//! This crate's own migrations, in a table of their own: the host's are never touched.

use sha2::{Digest, Sha256};
use sqlx::Pool;

use super::error::StoreError;
use crate::backend::begin::begin;
use crate::backend::{Backend, fixed};
use crate::clock::Timestamp;

/// The migrations of this version for one database, oldest first: their number, name and SQL. For
/// hosts that keep such things under review; opening a store applies what is missing.
#[must_use]
pub const fn migrations<DB: Backend>() -> &'static [(i64, &'static str, &'static str)] {
    DB::MIGRATIONS
}

/// Applies what is missing.
pub(crate) async fn run<DB: Backend>(pool: &Pool<DB>, now: Timestamp) -> Result<(), StoreError> {
    // Most often there is nothing to do, and then nothing is locked.
    if missing::<DB>(&mut *pool.acquire().await?).await? == Some(0) {
        return Ok(());
    }
    let mut tx = begin(pool, fixed(DB::BEGIN)).await?;
    DB::lock_migrations(&mut tx).await?;
    DB::execute(&mut tx, fixed(DB::MIGRATION_TABLE), Vec::new()).await?;
    let missing = missing::<DB>(&mut tx).await?.unwrap_or(DB::MIGRATIONS.len());
    let first = DB::MIGRATIONS.len().saturating_sub(missing);
    for migration in DB::MIGRATIONS.iter().skip(first) {
        let (version, name, script) = *migration;
        DB::run_script(&mut tx, script).await?;
        let sql = "INSERT INTO _crypto_fields_migrations (version, name, checksum, applied_at)
             VALUES ($1, $2, $3, $4)";
        let values =
            vec![version.into(), name.into(), checksum(script).into(), now.as_micros().into()];
        DB::execute(&mut tx, fixed(sql), values).await?;
    }
    Ok(tx.commit().await?)
}

/// How many of the newest migrations were not applied; `None` where there is no table of them.
async fn missing<DB: Backend>(conn: &mut DB::Connection) -> Result<Option<usize>, StoreError> {
    if DB::fetch(conn, fixed(DB::HAS_MIGRATION_TABLE), Vec::new()).await?.is_empty() {
        return Ok(None);
    }
    let sql = "SELECT version, checksum FROM _crypto_fields_migrations ORDER BY version";
    let mut known = DB::MIGRATIONS.iter();
    for mut row in DB::fetch(conn, fixed(sql), Vec::new()).await? {
        let (found, sum) = (row.int()?, row.bytes()?);
        match known.next() {
            Some((version, _, script)) if *version == found && checksum(script) == sum => {}
            Some(_) => return Err(StoreError::MigrationChanged { version: found }),
            None => {
                let known = DB::MIGRATIONS.last().map_or(0, |last| last.0);
                return Err(StoreError::SchemaTooNew { found, known });
            }
        }
    }
    Ok(Some(known.len()))
}

fn checksum(script: &str) -> Vec<u8> {
    Sha256::digest(script.as_bytes()).to_vec()
}
