//! The register of backup sets, kept with its entries.

use audit_core::{Actor, Event, EventBuilder, Outcome, Target, Timestamp};

use crate::backend::value::Value;
use crate::backend::{Backend, fixed};
use crate::desk::Desk;
use crate::desk::error::DeskError;
use crate::erasure::certificate::text;
use crate::registers::backup::{BackupError, BackupRegistry, BackupSet};

impl<DB: Backend> Desk<DB> {
    /// Registers a set of backups that was taken (`rights.backup_added`). To be done when it is taken:
    /// the second part of an erasure's certificate speaks of the sets that are registered by then.
    ///
    /// # Errors
    ///
    /// [`DeskError::Backup`], [`DeskError::FromTheFuture`] for a set that is yet to be taken, those of
    /// the database and the journal. Nothing was changed.
    pub async fn add_backup(&self, set: BackupSet, actor: Actor) -> Result<(), DeskError> {
        if set.taken_at > self.options.clock.now()
            || set.gone_at.is_some_and(|gone| gone > self.options.clock.now())
        {
            return Err(DeskError::FromTheFuture);
        }
        if text(&set.id, "a backup set").is_err() {
            return Err(BackupError::Id.into());
        }
        let mut tx = self.journal.begin().await?;
        let mut known = load::<DB>(&mut tx, self.tenant()).await?;
        known.add(set.clone())?;
        let sql = "INSERT INTO privacy_backup (tenant, id, taken_at, expires_at)
             VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
        let values: Vec<Value> = vec![
            self.tenant().into(),
            set.id.as_str().into(),
            set.taken_at.as_micros().into(),
            set.expires_at.as_micros().into(),
        ];
        if DB::execute(&mut tx, fixed(sql), values).await? == 0 {
            return Err(BackupError::Known { id: set.id }.into());
        }
        let entry = about("rights.backup_added", &set.id, actor.clone())
            .meta("taken_at", set.taken_at.to_string())
            .meta("expires_at", set.expires_at.to_string());
        tx.record(&self.options.chain, entry.build()?).await?;
        if let Some(gone) = set.gone_at {
            self.set_gone(&mut tx, &set.id, gone, actor).await?;
        }
        tx.commit().await?;
        Ok(())
    }

    /// Somebody attests that a set was destroyed then (`rights.backup_gone`). The first attestation
    /// stays.
    ///
    /// # Errors
    ///
    /// [`DeskError::Backup`], [`DeskError::FromTheFuture`], those of the database and the journal.
    /// Nothing was changed.
    pub async fn backup_gone(
        &self,
        id: &str,
        at: Timestamp,
        actor: Actor,
    ) -> Result<(), DeskError> {
        if at > self.options.clock.now() {
            return Err(DeskError::FromTheFuture);
        }
        let mut tx = self.journal.begin().await?;
        load::<DB>(&mut tx, self.tenant()).await?.attest_gone(id, at)?;
        if self.set_gone(&mut tx, id, at, actor).await? {
            tx.commit().await?;
        } else {
            tx.rollback().await?;
        }
        Ok(())
    }

    /// All sets that were registered, those that are gone included.
    ///
    /// # Errors
    ///
    /// Those of the database.
    pub async fn backups(&self) -> Result<BackupRegistry, DeskError> {
        let mut conn = self.pool.acquire().await?;
        load::<DB>(&mut conn, self.tenant()).await
    }

    async fn set_gone(
        &self,
        tx: &mut audit_store::JournalTx<DB>,
        id: &str,
        at: Timestamp,
        actor: Actor,
    ) -> Result<bool, DeskError> {
        let sql = "UPDATE privacy_backup SET gone_at = $1
             WHERE tenant = $2 AND id = $3 AND gone_at IS NULL";
        let values = vec![at.as_micros().into(), self.tenant().into(), id.into()];
        if DB::execute(tx, fixed(sql), values).await? == 0 {
            return Ok(false);
        }
        let entry = about("rights.backup_gone", id, actor).meta("gone_at", at.to_string());
        tx.record(&self.options.chain, entry.build()?).await?;
        Ok(true)
    }
}

fn about(action: &str, id: &str, actor: Actor) -> EventBuilder {
    Event::builder(action, actor).target(Target::new("backup_set", id)).outcome(Outcome::Success)
}

/// The sets of a tenant.
pub(crate) async fn load<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
) -> Result<BackupRegistry, DeskError> {
    let sql = "SELECT id, taken_at, expires_at, gone_at FROM privacy_backup WHERE tenant = $1";
    let moment = |at| Timestamp::from_micros(at).map_err(|_| DeskError::Damaged);
    let mut registry = BackupRegistry::default();
    for mut row in DB::fetch(conn, fixed(sql), vec![tenant.into()]).await? {
        let mut set = BackupSet::new(row.text()?, moment(row.int()?)?, moment(row.int()?)?);
        set.gone_at = row.int_or_null()?.map(moment).transpose()?;
        registry.add(set).map_err(|_| DeskError::Damaged)?;
    }
    Ok(registry)
}
