//! What follows the end of an erasure: a second look, part 2 of the certificate, forgetting.

use std::time::Duration;

use audit_core::Timestamp;
use uuid::Uuid;

use crate::backend::Backend;
use crate::erasure::certificate::{BackupsCertificate, Certificate, ErasureCertificate};
use crate::erasure::error::EraseError;
use crate::erasure::saga::Eraser;
use crate::erasure::store::{ErasureState, StepKind, StoredErasure};

mod backups;
mod forget;
mod look;
mod rows;

/// When it is looked again whether anything is left, where nothing else is said.
pub(super) const SECOND_LOOK: Duration = Duration::from_secs(86_400);

/// After how many days backups are gone, where nothing else is said.
pub(super) const ROLLING_DAYS: u16 = 30;

/// What is due next of an erasure that has ended.
enum Due {
    Look,
    PartTwo(Box<BackupsCertificate>),
    Sign(String),
    Forget,
    Settle,
}

impl<DB: Backend> Eraser<DB> {
    /// So long after the end of an erasure it is looked once more whether anything is left, for what
    /// was written late: a queue, a cache, a device that was offline. A day if nothing is said.
    #[must_use]
    pub const fn second_look(mut self, delay: Duration) -> Self {
        self.second_look = delay;
        self
    }

    /// The host says that none of its backups is kept longer than so many days; those that are are
    /// registered one by one ([`Desk::add_backup`](crate::Desk::add_backup)). 30 days if nothing is
    /// said. The certificate's second part says that this was declared, and attested of no single
    /// backup.
    #[must_use]
    pub fn rolling_backups(mut self, days: u16) -> Self {
        self.rolling_days = Some(std::cmp::max(days, 1));
        self
    }

    /// The host registers every set of backups ([`Desk::add_backup`](crate::Desk::add_backup)): what
    /// is not in the register was never made.
    #[must_use]
    pub const fn registered_backups(mut self) -> Self {
        self.rolling_days = None;
        self
    }

    /// Does what is due of an erasure that has ended. Where a late writer's records were erased,
    /// where it is now.
    pub(super) async fn follow_up(
        &self,
        request: Uuid,
    ) -> Result<Option<ErasureState>, EraseError> {
        let mut went_on = None;
        loop {
            let Some(stored) = self.load(request).await? else { return Ok(went_on) };
            let Some(due) = self.due_after(&stored).await? else { return Ok(went_on) };
            match due {
                Due::Look => {
                    if self.look_again(request, &stored).await? {
                        went_on = Some(self.run(request).await?);
                    }
                }
                Due::PartTwo(part) => self.record_part_two(request, &stored, *part).await?,
                Due::Sign(text) => self.sign_part_two(request, &text).await?,
                Due::Forget => self.forget(request, &stored).await?,
                Due::Settle => self.settle(request).await?,
            }
        }
    }

    async fn due_after(&self, stored: &StoredErasure) -> Result<Option<Due>, EraseError> {
        let after = &stored.after;
        let ended = matches!(stored.state, ErasureState::Deferred | ErasureState::Done);
        if !ended || after.settled {
            return Ok(None);
        }
        let is_done = stored.state == ErasureState::Done;
        let Some(part_one) = part_one(stored)? else { return Ok(None) };
        let now = self.desk.options.clock.now();
        let look_at = part_one.completed_at.saturating_add(self.second_look);
        if !after.looked && now >= look_at {
            return Ok(Some(Due::Look));
        }
        if after.part_two_signed.is_none() {
            if let Some(text) = &after.part_two {
                return Ok(Some(Due::Sign(text.clone())));
            }
            if let Some(part) = self.part_two(&part_one, now).await? {
                return Ok(Some(Due::PartTwo(Box::new(part))));
            }
        }
        // A backup that can still be restored needs to be told whom to erase again.
        let proven = after.part_two_signed.is_some() && after.looked;
        Ok(match (is_done && proven, after.forgotten) {
            (true, true) => Some(Due::Settle),
            (true, false) if self.is_old(part_one.completed_at) => Some(Due::Forget),
            _ => None,
        })
    }

    /// Whether the record period is over of what ended then.
    fn is_old(&self, end: Timestamp) -> bool {
        self.desk.options.is_old(end)
    }
}

/// Part 1 of the certificate, once it is signed.
fn part_one(stored: &StoredErasure) -> Result<Option<ErasureCertificate>, EraseError> {
    if stored.certificate.is_none() {
        return Ok(None);
    }
    let recorded = stored.steps.iter().find(|step| step.kind == StepKind::Certify);
    let text = recorded.and_then(|step| step.outcome.certificate.as_deref());
    match Certificate::parse(text.ok_or(EraseError::Damaged)?)? {
        Certificate::Erasure(part) => Ok(Some(part)),
        Certificate::Backups(_) => Err(EraseError::Damaged),
    }
}
