//! Private fields, sealed before they are stored.

#[cfg(feature = "crypto-fields")]
pub(crate) mod subject_keys;

use std::fmt;
use std::sync::Arc;

use audit_core::{Digest, SubjectRef};

use crate::BoxFuture;
use crate::append::AppendError;
use crate::backend::Backend;
use crate::journal::Store;
use crate::subject::Prepared;

/// Seals private fields before they are stored, and opens them for whom the journal lets read.
///
/// What is stored then says nothing to whoever has the database alone, its backups and its log; and
/// destroying a data subject's key erases the subject's fields in all of these at once. The digests
/// that entries commit to are of the plain disclosures, so that keys rotate and go without touching
/// a hash: the journal verifies before and after.
///
/// The feature `crypto-fields` has one over `crypto_fields::SubjectKeys`. On SQLite its keys belong
/// into another file than the journal: a transaction that is shared with the host holds the only
/// write lock of its own.
pub trait PrivateFieldSealer: fmt::Debug + Send + Sync {
    /// Seals a disclosure under the key of the data subject, which is made where there is none.
    ///
    /// The answer is the text form of format `cf1`: `cf1.` and unpadded base64url, which is what an
    /// auditor's bundle holds.
    ///
    /// # Errors
    ///
    /// Any [`SealerError`]; the event is not appended then.
    fn seal<'a>(
        &'a self,
        place: &'a PrivatePlace,
        disclosure: &'a str,
    ) -> BoxFuture<'a, Result<String, SealerError>>;

    /// Destroys the keys of a data subject: what they sealed can be opened nowhere any more. Done
    /// again, or where there never was a key, it does nothing.
    ///
    /// # Errors
    ///
    /// Any [`SealerError`]; the erasure stands by then, and the key is asked for again by
    /// maintenance and whenever the journal is opened.
    fn destroy<'a>(
        &'a self,
        tenant: &'a str,
        subject: SubjectRef,
    ) -> BoxFuture<'a, Result<(), SealerError>>;

    /// Seals a disclosure under a key of its own, in the custody of a legal hold: the data subject's
    /// key is about to be destroyed, and this field must outlive it until the hold is released. The
    /// custody key belongs to the same data subject and is made where there is none. So that it is
    /// made before the erasure locks anything, an empty text is kept first, and thrown away.
    ///
    /// # Errors
    ///
    /// Any [`SealerError`]; the erasure ends there, and may be asked for again.
    fn keep<'a>(
        &'a self,
        place: &'a PrivatePlace,
        disclosure: &'a str,
    ) -> BoxFuture<'a, Result<String, SealerError>>;

    /// Destroys the custody key of a data subject, as [`destroy`](Self::destroy) does the other one.
    ///
    /// # Errors
    ///
    /// Any [`SealerError`]; it is asked for again.
    fn destroy_custody<'a>(
        &'a self,
        tenant: &'a str,
        subject: SubjectRef,
    ) -> BoxFuture<'a, Result<(), SealerError>>;

    /// Opens what [`seal`](Self::seal) or [`keep`](Self::keep) returned for the same place.
    ///
    /// # Errors
    ///
    /// Any [`SealerError`]. A key that was destroyed is none.
    fn open<'a>(
        &'a self,
        place: &'a PrivatePlace,
        sealed: &'a str,
    ) -> BoxFuture<'a, Result<OpenedPrivate, SealerError>>;
}

/// Where a private field stands: what sealing binds it to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrivatePlace {
    /// The tenant.
    pub tenant: String,
    /// The pseudonym of the data subject. A person who returns after an erasure has a new one, and
    /// with it a new key.
    pub subject: SubjectRef,
    /// The digest by which the entry commits to the disclosure: no other field has it.
    pub digest: Digest,
}

impl PrivatePlace {
    /// The place of that field.
    #[must_use]
    pub fn new(tenant: &str, subject: SubjectRef, digest: Digest) -> Self {
        Self { tenant: tenant.to_owned(), subject, digest }
    }
}

/// What became of a sealed private field. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenedPrivate {
    /// The disclosure that was sealed.
    Disclosure(String),
    /// The data subject's key was destroyed: the field is erased.
    Destroyed,
}

impl fmt::Debug for OpenedPrivate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Disclosure(_) => "Disclosure(..)",
            Self::Destroyed => "Destroyed",
        })
    }
}

/// Why a private field was not sealed or opened.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealerError {
    /// What is stored was not sealed for this place, or was changed.
    #[error("the sealed field is not authentic")]
    NotAuthentic,
    /// The keys could not be had.
    #[error("the key of the data subject could not be had")]
    Unavailable(#[source] Arc<dyn std::error::Error + Send + Sync>),
}

impl SealerError {
    /// The keys could not be had.
    pub fn unavailable(source: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Unavailable(Arc::new(source))
    }
}

/// A private field that is stored sealed.
#[derive(Clone, Debug)]
pub(crate) struct SealedField {
    pub(crate) subject: SubjectRef,
    pub(crate) digest: Digest,
    pub(crate) sealed: String,
}

impl<DB: Backend> Store<DB> {
    /// Opens a sealed private field; `None` where it is erased, or this journal has no sealer.
    pub(crate) async fn open_private(
        &self,
        place: &PrivatePlace,
        sealed: &str,
    ) -> Result<Option<String>, SealerError> {
        let Some(sealer) = &self.options.sealer else { return Ok(None) };
        Ok(match sealer.open(place, sealed).await? {
            OpenedPrivate::Disclosure(text) => Some(text),
            OpenedPrivate::Destroyed => None,
        })
    }

    /// Seals the private fields of an event before any lock is held. Somebody who is remembered and
    /// was erased by another process is known by the key that is gone, and met anew.
    pub(crate) async fn seal_ahead(
        &self,
        tenant: &str,
        event: &mut Prepared,
    ) -> Result<(), AppendError> {
        let Err(error) = self.seal_private(tenant, event).await else { return Ok(()) };
        if !self.meet_again(tenant, event).await? {
            return Err(error);
        }
        self.seal_private(tenant, event).await
    }

    /// Seals the private fields of an event, where the journal has a sealer and it was not done.
    pub(crate) async fn seal_private(
        &self,
        tenant: &str,
        event: &mut Prepared,
    ) -> Result<(), AppendError> {
        let Some(sealer) = &self.options.sealer else { return Ok(()) };
        let disclosures = event.as_canonical().disclosures();
        if disclosures.is_empty() || !event.sealed().is_empty() {
            return Ok(());
        }
        let mut fields = Vec::with_capacity(disclosures.len());
        for field in disclosures {
            let (subject, digest) = (field.subject(), field.digest());
            let place = PrivatePlace::new(tenant, subject, digest);
            let sealed = sealer.seal(&place, field.text()).await?;
            if !is_sealed_text(&sealed) {
                return Err(AppendError::SealedForm);
            }
            fields.push(SealedField { subject, digest, sealed });
        }
        event.set_sealed(fields);
        Ok(())
    }
}

/// Whether a text has the form that is stored.
fn is_sealed_text(text: &str) -> bool {
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    text.strip_prefix("cf1.").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(base64url))
}
