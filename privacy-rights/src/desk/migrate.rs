//! This crate's own migrations, in a table of their own: the host's are never touched.

use audit_core::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::Pool;

use crate::backend::begin::begin;
use crate::backend::{Backend, fixed};
use crate::desk::error::DeskError;

/// The migrations of this version for one database, oldest first: their number, name and SQL. For
/// hosts that keep such things under review; opening a desk applies what is missing.
#[must_use]
pub const fn migrations<DB: Backend>() -> &'static [(i64, &'static str, &'static str)] {
    DB::RIGHTS_MIGRATIONS
}

/// Applies what is missing.
pub(crate) async fn run<DB: Backend>(pool: &Pool<DB>, now: Timestamp) -> Result<(), DeskError> {
    // Most often there is nothing to do, and then nothing is locked.
    if missing::<DB>(&mut *pool.acquire().await?).await? == Some(0) {
        return Ok(());
    }
    let mut tx = begin(pool, fixed(DB::BEGIN_RIGHTS)).await?;
    DB::lock_rights_migrations(&mut tx).await?;
    DB::execute(&mut tx, fixed(DB::RIGHTS_MIGRATION_TABLE), Vec::new()).await?;
    let missing = missing::<DB>(&mut tx).await?.unwrap_or(DB::RIGHTS_MIGRATIONS.len());
    let first = DB::RIGHTS_MIGRATIONS.len().saturating_sub(missing);
    for (version, name, script) in DB::RIGHTS_MIGRATIONS.iter().skip(first) {
        DB::run_script(&mut tx, script).await?;
        let sql = "INSERT INTO _privacy_rights_migrations (version, name, checksum, applied_at)
             VALUES ($1, $2, $3, $4)";
        let values = vec![
            (*version).into(),
            (*name).into(),
            checksum(script).into(),
            now.as_micros().into(),
        ];
        DB::execute(&mut tx, fixed(sql), values).await?;
    }
    Ok(tx.commit().await?)
}

/// How many of the newest migrations were not applied; `None` where there is no table of them.
async fn missing<DB: Backend>(conn: &mut DB::Connection) -> Result<Option<usize>, DeskError> {
    if DB::fetch(conn, fixed(DB::HAS_RIGHTS_MIGRATION_TABLE), Vec::new()).await?.is_empty() {
        return Ok(None);
    }
    let sql = "SELECT version, checksum FROM _privacy_rights_migrations ORDER BY version";
    let mut known = DB::RIGHTS_MIGRATIONS.iter();
    for mut row in DB::fetch(conn, fixed(sql), Vec::new()).await? {
        let (found, sum) = (row.int()?, row.text()?);
        match known.next() {
            Some((version, _, script)) if *version == found && checksum(script) == sum => {}
            Some(_) => return Err(DeskError::MigrationChanged { version: found }),
            None => {
                let known = DB::RIGHTS_MIGRATIONS.last().map_or(0, |last| last.0);
                return Err(DeskError::SchemaTooNew { found, known });
            }
        }
    }
    Ok(Some(known.len()))
}

fn checksum(script: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(script.as_bytes()).into();
    base16ct::lower::encode_string(&digest)
}
