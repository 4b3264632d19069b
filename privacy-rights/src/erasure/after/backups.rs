//! Part 2 of the certificate: no backup holds any more what was erased.

use audit_core::{Actor, Outcome as EventOutcome, Timestamp};
use uuid::Uuid;

use super::rows;
use crate::backend::Backend;
use crate::desk::backup;
use crate::erasure::certificate::{BackupsCertificate, CERTIFIED, Certificate, ErasureCertificate};
use crate::erasure::error::EraseError;
use crate::erasure::saga::Eraser;
use crate::erasure::store::StoredErasure;

impl<DB: Backend> Eraser<DB> {
    /// Part 2, once it can be said.
    pub(super) async fn part_two(
        &self,
        part_one: &ErasureCertificate,
        now: Timestamp,
    ) -> Result<Option<BackupsCertificate>, EraseError> {
        let mut conn = self.desk.pool.acquire().await?;
        let backups = backup::load::<DB>(&mut conn, self.tenant()).await?;
        Ok(match self.rolling_days {
            Some(days) => BackupsCertificate::of_rolling(part_one, &backups, days, now),
            None => BackupsCertificate::of(part_one, &backups),
        })
    }

    /// Records part 2 and its entry, in one transaction.
    pub(super) async fn record_part_two(
        &self,
        request: Uuid,
        stored: &StoredErasure,
        part: BackupsCertificate,
    ) -> Result<(), EraseError> {
        let rolling = part.rolling_days;
        let certificate = Certificate::Backups(part);
        certificate.check()?;
        let mut tx = self.desk.journal.begin().await?;
        rows::set_part_two::<DB>(&mut tx, request, stored.state, &certificate.to_string()).await?;
        let mut entry = self
            .entry(CERTIFIED, request, Actor::system("privacy-rights"))
            .meta("certificate", certificate.digest())
            .meta("part", 2)
            .outcome(EventOutcome::Success);
        if let Some(days) = rolling {
            entry = entry.meta("rolling_days", days);
        }
        self.record(&mut tx, entry.build()?).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Signs what was recorded, with the proof of the entry.
    pub(super) async fn sign_part_two(&self, request: Uuid, text: &str) -> Result<(), EraseError> {
        let signed = self.signed(&Certificate::parse(text)?).await?;
        let mut conn = self.desk.pool.acquire().await?;
        rows::set_part_two_signed::<DB>(&mut conn, request, (text, &signed.to_string())).await
    }
}
