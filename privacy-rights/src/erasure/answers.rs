//! What can be asked of erasures: where one is, and whether somebody was or is being erased.

use uuid::Uuid;

use crate::backend::Backend;
use crate::erasure::error::EraseError;
use crate::erasure::saga::Eraser;
use crate::erasure::store::{self, ErasureState};
use crate::source::selection::{Identifier, Selection};

impl<DB: Backend> Eraser<DB> {
    /// The signed certificate of an erasure, once there is one. The last one, if more was erased
    /// later.
    ///
    /// # Errors
    ///
    /// [`EraseError::Unknown`], those of the database.
    pub async fn certificate(&self, request: Uuid) -> Result<Option<String>, EraseError> {
        Ok(self.load(request).await?.ok_or(EraseError::Unknown)?.certificate)
    }

    /// The signed second part of the certificate that stands, once there is one: since when no backup
    /// holds what was erased. [`sweep`](Self::sweep) issues it.
    ///
    /// # Errors
    ///
    /// [`EraseError::Unknown`], those of the database.
    pub async fn backups_certificate(&self, request: Uuid) -> Result<Option<String>, EraseError> {
        let stored = self.load(request).await?.ok_or(EraseError::Unknown)?;
        Ok(stored.after.part_two_signed)
    }

    /// Where an erasure is.
    ///
    /// # Errors
    ///
    /// [`EraseError::Unknown`], those of the database.
    pub async fn state(&self, request: Uuid) -> Result<ErasureState, EraseError> {
        Ok(self.load(request).await?.ok_or(EraseError::Unknown)?.state)
    }

    /// Whether somebody is being erased just now: an export of theirs must not be made, nor one that
    /// was made be handed out.
    ///
    /// # Errors
    ///
    /// [`EraseError::Token`], those of the database.
    pub async fn is_being_erased(&self, person: &Selection) -> Result<bool, EraseError> {
        let mut conn = self.desk.pool.acquire().await?;
        for token in self.tokens.tokens(person)? {
            if store::is_leased::<DB>(&mut conn, self.tenant(), &token).await? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether whoever that identifies was erased: to be asked before a person is imported or written
    /// by what does not know of the erasure. Of somebody who comes back of their own will the host
    /// says so first ([`came_back`](Self::came_back)).
    ///
    /// # Errors
    ///
    /// [`EraseError::Token`], those of the database.
    pub async fn is_erased(&self, identifier: &Identifier) -> Result<bool, EraseError> {
        let token = self.tokens.token(identifier)?;
        let mut conn = self.desk.pool.acquire().await?;
        Ok(store::is_suppressed::<DB>(&mut conn, self.tenant(), &token).await?)
    }
}
