//! Who asks, and whom a request is about.

use audit_core::{Actor, Event, Outcome, Target, Timestamp};
use crypto_fields::{OneTimeCode, OneTimeCodeState, OneTimeCodeVerdict};
use uuid::Uuid;

use crate::backend::Backend;
use crate::desk::error::DeskError;
use crate::desk::vault::{VaultError, open_person, seal_person};
use crate::desk::{Desk, store};
use crate::request::Request;
use crate::request::event::RequestEvent;
use crate::source::selection::Selection;

/// What codes are for, in the words of their hash.
const PURPOSE: &str = "privacy-rights/identity";

impl<DB: Backend> Desk<DB> {
    /// Asks who it is: returns a one-time code, to be sent to an address that is known to be the
    /// person's. Where the regime says so, the clock stands still until the answer. Asking again
    /// makes another code, not before a minute.
    ///
    /// Only a keyed hash of the code is stored.
    ///
    /// # Errors
    ///
    /// [`DeskError::Code`], [`DeskError::Transition`], [`DeskError::Conflict`],
    /// [`DeskError::Unknown`], those of the database and the journal. Nothing was changed.
    pub async fn ask_identity(&self, id: Uuid, actor: Actor) -> Result<OneTimeCode, DeskError> {
        let mut tx = self.journal.begin().await?;
        let stored = store::load::<DB>(&mut tx, self.tenant(), id).await?;
        let request = self.advance(stored.request, RequestEvent::IdentityAsked)?;
        let previous = stored.code.as_deref().map(parse).transpose()?;
        let (code, state) = self.options.policy.issue(
            &self.options.codes,
            PURPOSE,
            &id.to_string(),
            previous.as_ref(),
            moment(self.options.clock.now()),
        )?;
        let text = serde_json::to_string(&state).map_err(|_| DeskError::Damaged)?;
        store::replace_code::<DB>(&mut tx, id, stored.code.as_deref(), &text).await?;
        store::append::<DB>(&mut tx, &request).await?;
        self.journal_last(&mut tx, &request, actor).await?;
        tx.commit().await?;
        Ok(code)
    }

    /// Compares what the person typed. Accepted once: the request is verified. After the last
    /// attempt that is recorded, and another code is needed.
    ///
    /// # Errors
    ///
    /// [`DeskError::Code`] for what is no code, [`DeskError::NoCode`], [`DeskError::Conflict`] if
    /// another attempt came between (the code was not accepted), [`DeskError::Transition`],
    /// [`DeskError::Unknown`], those of the database and the journal.
    pub async fn prove_identity(
        &self,
        id: Uuid,
        typed: &str,
        actor: Actor,
    ) -> Result<OneTimeCodeVerdict, DeskError> {
        let mut tx = self.journal.begin().await?;
        let stored = store::load::<DB>(&mut tx, self.tenant(), id).await?;
        let code = stored.code.as_deref().ok_or(DeskError::NoCode)?;
        let (verdict, state) = self.options.policy.check(
            &self.options.codes,
            PURPOSE,
            &id.to_string(),
            &parse(code)?,
            typed,
            moment(self.options.clock.now()),
        )?;
        let event = match verdict {
            OneTimeCodeVerdict::Accepted => {
                Some(RequestEvent::IdentityProven { method: "one-time code".into() })
            }
            OneTimeCodeVerdict::Wrong { left: 0 } => Some(RequestEvent::IdentityFailed),
            _ => None,
        };
        let text = serde_json::to_string(&state).map_err(|_| DeskError::Damaged)?;
        store::replace_code::<DB>(&mut tx, id, stored.code.as_deref(), &text).await?;
        if let Some(event) = event {
            let request = self.advance(stored.request, event)?;
            store::append::<DB>(&mut tx, &request).await?;
            self.journal_last(&mut tx, &request, actor).await?;
        }
        tx.commit().await?;
        Ok(verdict)
    }

    /// The host knows who it is by its own means: a session that is logged in, a card that was shown.
    /// `method` says which.
    ///
    /// # Errors
    ///
    /// As of [`ask_scope`](Self::ask_scope).
    pub async fn vouch_identity(
        &self,
        id: Uuid,
        method: impl Into<String>,
        actor: Actor,
    ) -> Result<Request, DeskError> {
        self.step(id, RequestEvent::IdentityProven { method: method.into() }, actor).await
    }

    /// Whom a request is about.
    ///
    /// # Errors
    ///
    /// [`DeskError::Vault`], with [`VaultError::Destroyed`] once that is forgotten;
    /// [`DeskError::Unknown`], those of the database.
    pub async fn person(&self, id: Uuid) -> Result<Selection, DeskError> {
        let mut conn = self.pool.acquire().await?;
        let stored = store::load::<DB>(&mut conn, self.tenant(), id).await?;
        drop(conn);
        let sealed = stored.identity.ok_or(VaultError::Destroyed)?;
        Ok(open_person(&*self.options.vault, (self.tenant(), id), &sealed).await?)
    }

    /// Forgets whom a closed request was about: its key is destroyed, in every backup of the request
    /// at once (`rights.person_forgotten`). What was done, and when, stays. [`sweep`](Self::sweep)
    /// does it when the record period is over.
    ///
    /// # Errors
    ///
    /// [`DeskError::StillOpen`], [`DeskError::Vault`], [`DeskError::Unknown`], those of the
    /// database and the journal. Asking again goes on where it was.
    pub async fn forget_person(&self, id: Uuid) -> Result<(), DeskError> {
        if self.request(id).await?.state().is_open() {
            return Err(DeskError::StillOpen);
        }
        self.options.vault.destroy(self.tenant(), id).await?;
        let mut tx = self.journal.begin().await?;
        DB::wipe_what_is_overwritten(&mut tx).await?;
        if !store::forget::<DB>(&mut tx, id).await? {
            // It was forgotten before, and that is on record.
            tx.rollback().await?;
            return Ok(());
        }
        let entry = Event::builder("rights.person_forgotten", Actor::system("privacy-rights"))
            .target(Target::new("rights_request", id.to_string()))
            .outcome(Outcome::Success);
        tx.record(&self.options.chain, entry.build()?).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Seals whom a request is about.
    pub(super) async fn seal(&self, id: Uuid, person: &Selection) -> Result<String, DeskError> {
        Ok(seal_person(&*self.options.vault, (self.tenant(), id), person).await?)
    }
}

fn parse(code: &str) -> Result<OneTimeCodeState, DeskError> {
    serde_json::from_str(code).map_err(|_| DeskError::Damaged)
}

/// The same moment in the words of `crypto-fields`.
const fn moment(at: Timestamp) -> crypto_fields::Timestamp {
    crypto_fields::Timestamp::from_micros(at.as_micros())
}
