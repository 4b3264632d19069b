//! How bundles go: when they expire, and when their person is erased. First a row says that a bundle
//! is doomed, with an entry; then its files are deleted; then the row is, with an entry.

use audit_core::{Actor, Timestamp};
use audit_store::JournalTx;
use uuid::Uuid;

use super::{DownloadError, bundle_entry, files, rows, too_old};
use crate::backend::Backend;
use crate::desk::Desk;
use crate::desk::error::DeskError;

fn own() -> Actor {
    Actor::system("privacy-rights")
}

impl<DB: Backend> Desk<DB> {
    /// Takes a bundle back before it expires (`rights.bundle_withdrawn`), and deletes it. An export
    /// that is under way is cancelled.
    ///
    /// # Errors
    ///
    /// [`DownloadError::Unknown`], [`DownloadError::Disk`], those of the database and the journal. From
    /// the first of its two transactions on nobody can have it; the [sweep](Self::sweep) deletes what
    /// is left.
    pub async fn withdraw_bundle(&self, bundle: Uuid, actor: Actor) -> Result<(), DownloadError> {
        let mut tx = self.journal.begin().await.map_err(DeskError::from)?;
        if !self.doom(&mut tx, bundle, "rights.bundle_withdrawn", actor).await? {
            return Err(DownloadError::Unknown);
        }
        tx.commit().await.map_err(DeskError::from)?;
        self.delete_doomed(|one| one == bundle).await.map(drop)
    }

    /// Gives an export up that has no place to be made.
    pub(super) async fn abandon(&self, bundle: Uuid) -> Result<(), DownloadError> {
        let mut tx = self.journal.begin().await.map_err(DeskError::from)?;
        self.doom(&mut tx, bundle, "rights.bundle_abandoned", own()).await?;
        tx.commit().await.map_err(DeskError::from)?;
        Ok(())
    }

    /// Nobody can have a bundle any more, once the transaction commits; whether it could be had.
    async fn doom(
        &self,
        tx: &mut JournalTx<DB>,
        bundle: Uuid,
        action: &str,
        actor: Actor,
    ) -> Result<bool, DownloadError> {
        let Some(row) = rows::load::<DB>(tx, self.tenant(), bundle).await? else {
            return Ok(false);
        };
        if !rows::doom::<DB>(tx, self.tenant(), bundle).await? {
            return Ok(false);
        }
        self.record_bundle(tx, bundle_entry(action, (bundle, row.request), actor)).await?;
        Ok(true)
    }

    /// Nobody can have the bundles of a person any more, by whose tokens an erasure has its lease in the
    /// same transaction, and no export of theirs be published.
    pub(crate) async fn doom_those_of(
        &self,
        tx: &mut JournalTx<DB>,
        tokens: &[String],
    ) -> Result<(), DownloadError> {
        for bundle in rows::of_person::<DB>(tx, self.tenant(), tokens).await? {
            self.doom(tx, bundle, "rights.bundle_revoked", own()).await?;
        }
        Ok(())
    }

    /// Deletes the files of those bundles of a person that are doomed.
    pub(crate) async fn delete_those_of(&self, tokens: &[String]) -> Result<(), DownloadError> {
        let mut conn = self.pool.acquire().await?;
        let theirs = rows::of_person::<DB>(&mut conn, self.tenant(), tokens).await?;
        drop(conn);
        if theirs.is_empty() {
            return Ok(());
        }
        self.delete_doomed(|one| theirs.contains(&one)).await.map(drop)
    }

    /// Deletes the files of those of what is doomed. Returns the ids. One that cannot be deleted keeps
    /// no other from it, and is tried again by the next sweep.
    async fn delete_doomed(
        &self,
        which: impl Fn(Uuid) -> bool + Send,
    ) -> Result<Vec<Uuid>, DownloadError> {
        let mut conn = self.pool.acquire().await?;
        let mut doomed = rows::doomed::<DB>(&mut conn, self.tenant()).await?;
        drop(conn);
        doomed.retain(|(bundle, _)| which(*bundle));
        let (mut deleted, mut failed) = (Vec::new(), None);
        for (bundle, request) in doomed {
            if let Err(error) = files::remove(&self.place(bundle)?).await {
                failed = failed.or(Some(error));
                continue;
            }
            let mut tx = self.journal.begin().await.map_err(DeskError::from)?;
            // Another process may have done it meanwhile.
            if rows::delete::<DB>(&mut tx, self.tenant(), bundle).await? {
                let entry = bundle_entry("rights.bundle_deleted", (bundle, request), own());
                self.record_bundle(&mut tx, entry).await?;
                tx.commit().await.map_err(DeskError::from)?;
                deleted.push(bundle);
            }
        }
        failed.map_or(Ok(deleted), |error| Err(error.into()))
    }

    /// Deletes what has expired, what was not finished, and what a crash has left.
    pub(in crate::desk) async fn sweep_bundles(&self) -> Result<Vec<Uuid>, DownloadError> {
        if self.options.downloads.is_none() {
            return Ok(Vec::new());
        }
        let now = self.options.clock.now();
        for (bundle, action) in self.over(now).await? {
            let mut tx = self.journal.begin().await.map_err(DeskError::from)?;
            if self.doom(&mut tx, bundle, action, own()).await? {
                tx.commit().await.map_err(DeskError::from)?;
            }
        }
        let mut deleted = self.delete_doomed(|_| true).await?;
        // A row is there before its folder, and goes after it.
        let folder = files::of_tenant(&self.downloads()?.folder, self.tenant());
        for bundle in files::all(&folder).await? {
            let mut conn = self.pool.acquire().await?;
            if rows::load::<DB>(&mut conn, self.tenant(), bundle).await?.is_none() {
                drop(conn);
                files::remove(&self.place(bundle)?).await?;
                deleted.push(bundle);
            }
        }
        Ok(deleted)
    }

    async fn over(&self, now: Timestamp) -> Result<Vec<(Uuid, &'static str)>, DownloadError> {
        let mut conn = self.pool.acquire().await?;
        let expired = rows::expired::<DB>(&mut conn, self.tenant(), now).await?;
        let given_up = rows::given_up::<DB>(&mut conn, self.tenant(), too_old(now)).await?;
        let expired = expired.into_iter().map(|id| (id, "rights.bundle_expired"));
        Ok(expired.chain(given_up.into_iter().map(|id| (id, "rights.bundle_abandoned"))).collect())
    }
}
