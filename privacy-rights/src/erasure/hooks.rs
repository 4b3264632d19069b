//! What only the host can do in an erasure.

use uuid::Uuid;

use crate::erasure::certificate::NoticeOutcome;
use crate::source::BoxFuture;
use crate::source::error::SourceError;
use crate::source::selection::Selection;

/// Ends what the person, or whoever works for them, is just doing. Asked before anything is erased.
pub trait Revocation: Send + Sync {
    /// Ends the person's sessions and tokens, and whatever else of theirs is made or handed out
    /// elsewhere than at the desk. It may be asked again.
    fn revoke<'a>(&'a self, person: &'a Selection) -> BoxFuture<'a, Result<(), SourceError>>;
}

/// Destroys the keys under which data of a person is sealed.
pub trait KeyDestroyer: Send + Sync {
    /// Destroys the person's keys; whether there were any. It may be asked again.
    fn destroy<'a>(
        &'a self,
        tenant: &'a str,
        person: &'a Selection,
    ) -> BoxFuture<'a, Result<bool, SourceError>>;
}

/// Tells recipients that data was erased, put right, or may no longer be used (GDPR Art. 19): the
/// request says which.
pub trait Notifier: Send + Sync {
    /// Tells a recipient of the data map; what became of it. It may be asked again, with the same
    /// request.
    fn notify<'a>(
        &'a self,
        recipient: &'a str,
        request: Uuid,
        person: &'a Selection,
    ) -> BoxFuture<'a, Result<NoticeOutcome, SourceError>>;
}

/// Keys of data subjects that `crypto-fields` keeps.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
#[derive(Debug)]
pub struct SubjectKeyDestroyer<S> {
    keys: std::sync::Arc<crypto_fields::SubjectKeys<S>>,
    kind: String,
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl<S> SubjectKeyDestroyer<S> {
    /// A person's data subjects are their identifiers of that kind.
    pub fn new(
        keys: std::sync::Arc<crypto_fields::SubjectKeys<S>>,
        kind: impl Into<String>,
    ) -> Self {
        Self { keys, kind: kind.into() }
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl<S: crypto_fields::SubjectKeyStore> KeyDestroyer for SubjectKeyDestroyer<S> {
    fn destroy<'a>(
        &'a self,
        tenant: &'a str,
        person: &'a Selection,
    ) -> BoxFuture<'a, Result<bool, SourceError>> {
        fn failed(error: impl std::error::Error + Send + Sync + 'static) -> SourceError {
            SourceError::Unavailable(Box::new(error))
        }
        Box::pin(async move {
            let tenant = crypto_fields::TenantId::new(tenant.to_owned()).map_err(failed)?;
            let mut any = false;
            for subject in person.values(&self.kind) {
                let subject = crypto_fields::SubjectId::new(subject.to_owned()).map_err(failed)?;
                let done = self.keys.destroy(&tenant, &subject).await.map_err(failed)?;
                any |= !done.keys.is_empty();
            }
            Ok(any)
        })
    }
}
