//! Reading private fields, which is an event of its own.

use std::fmt;

use audit_core::{
    Actor, ChainId, Digest, Disclosure, Entry, EntryError, Event, EventError, SubjectRef, Target,
};
use serde_json::Value;

use crate::append::AppendError;
use crate::backend::rows::StoredItem;
use crate::backend::{Backend, integer};
use crate::error::DatabaseError;
use crate::journal::Journal;
use crate::private::{PrivatePlace, SealerError};
use crate::tenancy::TenantMismatch;

/// The action of the event that records a reading of private fields.
pub const PRIVATE_READ: &str = "private.read";

/// The type of the target of such an event; its id is `<tenant>/<series>/<seq>`.
pub const ENTRY_TARGET: &str = "journal_entry";

/// Who reads private fields, and for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessReason {
    actor: Actor,
    purpose: String,
}

impl AccessReason {
    /// `purpose` stands in the journal in the clear: name the matter in it, not a person.
    pub fn new(actor: Actor, purpose: impl Into<String>) -> Self {
        Self { actor, purpose: purpose.into() }
    }

    /// Who reads.
    #[must_use]
    pub const fn actor(&self) -> &Actor {
        &self.actor
    }

    /// For what.
    #[must_use]
    pub fn purpose(&self) -> &str {
        &self.purpose
    }
}

/// A private field of an entry, as it is stored. `Debug` does not show the value.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum PrivateField {
    /// The field in the clear.
    Plain {
        /// Whom it is about.
        subject: SubjectRef,
        /// Where in the event it stands, as an RFC 6901 pointer.
        pointer: String,
        /// Its value.
        value: Value,
    },
    /// The field is sealed, and the journal was opened without a sealer.
    Sealed {
        /// Whom it is about.
        subject: SubjectRef,
        /// The digest that the entry commits to.
        digest: Digest,
        /// The sealed disclosure.
        sealed: String,
    },
}

impl fmt::Debug for PrivateField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, subject) = match self {
            Self::Plain { subject, .. } => ("Plain", subject),
            Self::Sealed { subject, .. } => ("Sealed", subject),
        };
        f.debug_struct(name).field("subject", subject).finish_non_exhaustive()
    }
}

/// Why private fields were not returned.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum ReadPrivateError {
    /// The reason has a form that no event can have.
    #[error("the reason for the access cannot be recorded")]
    AccessReason(#[source] std::sync::Arc<EventError>),
    /// The access could not be recorded, so nothing was read.
    #[error("the access could not be recorded")]
    Append(#[from] AppendError),
    /// The database could not be asked.
    #[error("cannot read the journal")]
    Database(#[from] DatabaseError),
    /// The stored text is no entry; verification says more.
    #[error("the stored entry cannot be read")]
    Entry(#[from] EntryError),
    /// The database was restored from a backup that knows people who were erased since; nothing about
    /// anybody is shown until they are erased again.
    #[error("people who were erased have yet to be erased again")]
    ErasuresOwed,
    /// A sealed field could not be opened.
    #[error("the private fields could not be opened")]
    PrivateFields(#[from] SealerError),
    /// What is about a person could not be looked up.
    #[error("what is about the person cannot be looked up")]
    Query(#[source] crate::query::QueryError),
    /// The entry does not commit to what is stored beside it; verification says more.
    #[error("the entry does not commit to the stored disclosures")]
    Uncommitted,
    /// There is no such chain.
    #[error("there is no chain of that name")]
    UnknownChain,
    /// There is no such entry, or not any more.
    #[error("there is no entry {seq}")]
    UnknownEntry {
        /// The seq.
        seq: u64,
    },
    /// It is another tenant's than the handle's, or than the one that the host's transaction names.
    #[error("it is another tenant's")]
    TenantMismatch(#[source] TenantMismatch),
}

impl From<sqlx::Error> for ReadPrivateError {
    fn from(error: sqlx::Error) -> Self {
        if let Some(mismatch) = TenantMismatch::of(&error) {
            return Self::TenantMismatch(mismatch);
        }
        Self::Database(error.into())
    }
}

impl<DB: Backend> Journal<DB> {
    /// Reads the private fields of an entry, as far as they have not been erased: those that are
    /// sealed, too, where the options have a sealer
    /// ([`private_fields`](crate::JournalOptions::private_fields)).
    ///
    /// Where the options ask for it
    /// ([`record_private_reads`](crate::JournalOptions::record_private_reads)), the reading is
    /// appended to the same chain first, as an event [`PRIVATE_READ`] of the reader with the
    /// purpose in `meta`; nothing is returned unless that event is on disk. Each field was compared
    /// with the digest that the entry commits to.
    ///
    /// # Errors
    ///
    /// [`ReadPrivateError`]. Where recording succeeded and reading failed afterwards, the event
    /// stays.
    pub async fn read_private(
        &self,
        chain: &ChainId,
        seq: u64,
        reason: &AccessReason,
    ) -> Result<Vec<PrivateField>, ReadPrivateError> {
        if self.store.gate.owes_erasures() {
            return Err(ReadPrivateError::ErasuresOwed);
        }
        let mut conn = self.store.read(chain.tenant()).await?;
        let schema = &self.store.schema;
        let state = DB::chain_state(&mut conn, schema, chain).await?;
        let id = state.ok_or(ReadPrivateError::UnknownChain)?.id;
        let found = DB::bodies_at(&mut conn, schema, id, &[seq]).await?.pop();
        let (_, body) = found.ok_or(ReadPrivateError::UnknownEntry { seq })?;
        drop(conn);
        let entry = Entry::parse(&body)?;
        if self.store.options.record_private_reads {
            let event = Event::builder(PRIVATE_READ, reason.actor.clone())
                .target(Target::new(ENTRY_TARGET, format!("{chain}/{seq}")))
                .meta("purpose", &reason.purpose)
                .build()
                .map_err(|error| ReadPrivateError::AccessReason(error.into()))?;
            self.append(chain, event).await?;
        }
        let mut conn = self.store.read(chain.tenant()).await?;
        let (first, end) = (integer(seq), integer(seq.saturating_add(1)));
        let rows = DB::disclosure_rows(&mut conn, schema, id, first, end).await?;
        drop(conn);
        let mut fields = Vec::new();
        for row in rows {
            let (subject, items) = row.read().ok_or(ReadPrivateError::Uncommitted)?;
            for item in items {
                let stored = field(&entry, subject, &item).ok_or(ReadPrivateError::Uncommitted)?;
                fields.extend(self.opened(chain.tenant(), stored).await?);
            }
        }
        Ok(fields)
    }

    /// A stored field, opened where the journal has a sealer; nothing where it is erased.
    async fn opened(
        &self,
        tenant: &str,
        stored: PrivateField,
    ) -> Result<Option<PrivateField>, ReadPrivateError> {
        let PrivateField::Sealed { subject, digest, sealed } = &stored else {
            return Ok(Some(stored));
        };
        if self.store.options.sealer.is_none() {
            return Ok(Some(stored));
        }
        let place = PrivatePlace::new(tenant, *subject, *digest);
        let Some(text) = self.store.open_private(&place, sealed).await? else { return Ok(None) };
        plain(*subject, *digest, &text).map(Some).ok_or(ReadPrivateError::Uncommitted)
    }
}

/// A disclosure as a field, if the digest is its own.
fn plain(subject: SubjectRef, digest: Digest, text: &str) -> Option<PrivateField> {
    let disclosure = Disclosure::new(subject, text.to_owned());
    let open = disclosure.open().ok().filter(|_| disclosure.digest() == digest)?;
    Some(PrivateField::Plain { subject, pointer: open.name().to_owned(), value: open.value() })
}

/// A stored item as a field, if the entry commits to it.
fn field(entry: &Entry<'_>, subject: SubjectRef, item: &StoredItem<'_>) -> Option<PrivateField> {
    let digest: Digest = item.digest.parse().ok()?;
    let field = match (item.disclosure, item.sealed) {
        (Some(text), None) => plain(subject, digest, text)?,
        (None, Some(sealed)) => PrivateField::Sealed { subject, digest, sealed: sealed.to_owned() },
        _ => return None,
    };
    entry.event().commits_to(subject, digest).then_some(field)
}
