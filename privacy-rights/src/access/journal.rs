//! What a journal holds, for the bundle.

use audit_store::{AccessReason, Backend, Journal, ReadPrivateError, SubjectScope};

use crate::access::AccessBundle;

impl AccessBundle<'_> {
    /// What a journal of this family holds about the person
    /// ([`Journal::activity_of`](audit_store::Journal::activity_of)), as `activity.json`.
    ///
    /// It is for a journal that the data map does not name. One that it does is given as a source
    /// ([`JournalSource`](crate::JournalSource)), with its purposes, periods and schema; both in one
    /// bundle are refused when it is made ([`AccessError::Twice`](crate::AccessError::Twice)).
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
