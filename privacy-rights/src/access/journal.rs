//! What a journal holds, for the bundle.

use audit_store::{AccessReason, Backend, Journal, ReadPrivateError, SubjectScope};

use crate::access::AccessBundle;

impl AccessBundle<'_> {
    /// What a journal of this family holds about the person
    /// ([`Journal::activity_of`](audit_store::Journal::activity_of)).
    ///
    /// # Errors
    ///
    /// [`ReadPrivateError`], before anything is written.
    pub async fn journal<DB: Backend>(
        self,
        journal: &Journal<DB>,
        scope: &SubjectScope,
        reason: &AccessReason,
    ) -> Result<Self, ReadPrivateError> {
        Ok(self.activity(journal.activity_of(scope, reason).await?))
    }
}
