//! Private fields under the keys of data subjects that `crypto-fields` keeps.

use std::fmt;
use std::sync::Arc;

use audit_core::SubjectRef;
use crypto_fields::{
    FieldCipher, FieldId, NameError, OpenError, Purpose, RowContext, RowKey, SealedText, SubjectId,
    SubjectKey, SubjectKeyError, SubjectKeyStore, SubjectKeys, TenantId,
};

use super::{OpenedPrivate, PrivateFieldSealer, PrivatePlace, SealerError};
use crate::BoxFuture;

/// Seals private fields under the key of their data subject.
///
/// The id of a subject is its ref there ([`subject_id`](Self::subject_id)), so that the table of
/// keys names nobody either. What is sealed is bound to the tenant, the subject and the digest that
/// the entry commits to.
#[derive(Debug)]
pub struct SubjectKeySealer<S> {
    keys: Arc<SubjectKeys<S>>,
    cipher: FieldCipher,
}

impl<S: SubjectKeyStore> SubjectKeySealer<S> {
    /// Over these keys.
    ///
    /// # Errors
    ///
    /// None with this version: the name under which fields are sealed is a constant.
    pub fn new(keys: Arc<SubjectKeys<S>>) -> Result<Self, NameError> {
        Ok(Self { keys, cipher: FieldCipher::new(FieldId::new("audit.disclosure")?) })
    }

    /// The id under which the key of a data subject is kept, and destroyed: its 32 digits.
    ///
    /// # Errors
    ///
    /// None with this version: digits are an id.
    pub fn subject_id(subject: SubjectRef) -> Result<SubjectId, NameError> {
        SubjectId::new(subject.to_string())
    }
}

/// Whose key it is.
#[derive(Clone, Copy)]
enum Owner {
    /// The data subject's own.
    Subject,
    /// The one that keeps what a legal hold does not let go.
    Custody,
}

impl Owner {
    fn id(self, subject: SubjectRef) -> Result<SubjectId, SealerError> {
        let id = match self {
            Self::Subject => subject.to_string(),
            Self::Custody => format!("{subject}.held"),
        };
        SubjectId::new(id).map_err(SealerError::unavailable)
    }
}

/// A place in the words of `crypto-fields`.
struct Place {
    tenant: TenantId,
    subject: SubjectId,
    row: RowKey,
}

impl Place {
    fn of(place: &PrivatePlace, owner: Owner) -> Result<Self, SealerError> {
        Ok(Self {
            tenant: TenantId::new(place.tenant.clone()).map_err(SealerError::unavailable)?,
            subject: owner.id(place.subject)?,
            row: RowKey::text(place.digest.as_str()).map_err(SealerError::unavailable)?,
        })
    }

    fn under(self, key: &SubjectKey) -> RowContext<'_> {
        RowContext::new(key, self.tenant, self.row).subject(self.subject)
    }
}

impl<S: SubjectKeyStore> SubjectKeySealer<S> {
    async fn seal_under(
        &self,
        owner: Owner,
        place: &PrivatePlace,
        disclosure: &str,
    ) -> Result<String, SealerError> {
        let place = Place::of(place, owner)?;
        let key = self.keys.sealing(&place.tenant, &place.subject, Purpose::Seal).await;
        let key = key.map_err(SealerError::unavailable)?;
        let sealed = self.cipher.seal_text(&place.under(&key), &disclosure.to_owned());
        sealed.map(SealedText::into_text).map_err(SealerError::unavailable)
    }

    /// `None` if it is sealed under another key than the owner's.
    async fn open_under(
        &self,
        owner: Owner,
        place: &PrivatePlace,
        sealed: &str,
    ) -> Result<Option<OpenedPrivate>, SealerError> {
        let place = Place::of(place, owner)?;
        let key = self.keys.opening(&place.tenant, &place.subject, Purpose::Seal).await;
        let key = match (key, owner) {
            (Ok(key), _) => key,
            (Err(SubjectKeyError::Destroyed { .. }), _) => {
                return Ok(Some(OpenedPrivate::Destroyed));
            }
            (Err(SubjectKeyError::Unknown), Owner::Custody) => return Ok(None),
            (Err(error), _) => return Err(SealerError::unavailable(error)),
        };
        let sealed = SealedText::<String>::from_text(sealed.to_owned());
        match self.cipher.open_text(&place.under(&key), &sealed) {
            Ok(disclosure) => Ok(Some(OpenedPrivate::Disclosure(disclosure))),
            // Destroyed by another task since the key was had.
            Err(OpenError::Destroyed { .. } | OpenError::Revoked { .. }) => {
                Ok(Some(OpenedPrivate::Destroyed))
            }
            Err(OpenError::UnknownKey { .. }) => Ok(None),
            Err(OpenError::Authentication | OpenError::Malformed(_) | OpenError::NotSealed) => {
                Err(SealerError::NotAuthentic)
            }
            Err(error) => Err(SealerError::unavailable(error)),
        }
    }

    async fn destroy_of(
        &self,
        owner: Owner,
        tenant: &str,
        subject: SubjectRef,
    ) -> Result<(), SealerError> {
        let tenant = TenantId::new(tenant.to_owned()).map_err(SealerError::unavailable)?;
        let destroyed = self.keys.destroy(&tenant, &owner.id(subject)?).await;
        destroyed.map(drop).map_err(SealerError::unavailable)
    }
}

impl<S: SubjectKeyStore + fmt::Debug> PrivateFieldSealer for SubjectKeySealer<S> {
    fn seal<'a>(
        &'a self,
        place: &'a PrivatePlace,
        disclosure: &'a str,
    ) -> BoxFuture<'a, Result<String, SealerError>> {
        Box::pin(self.seal_under(Owner::Subject, place, disclosure))
    }

    fn keep<'a>(
        &'a self,
        place: &'a PrivatePlace,
        disclosure: &'a str,
    ) -> BoxFuture<'a, Result<String, SealerError>> {
        Box::pin(self.seal_under(Owner::Custody, place, disclosure))
    }

    fn destroy<'a>(
        &'a self,
        tenant: &'a str,
        subject: SubjectRef,
    ) -> BoxFuture<'a, Result<(), SealerError>> {
        Box::pin(self.destroy_of(Owner::Subject, tenant, subject))
    }

    fn destroy_custody<'a>(
        &'a self,
        tenant: &'a str,
        subject: SubjectRef,
    ) -> BoxFuture<'a, Result<(), SealerError>> {
        Box::pin(self.destroy_of(Owner::Custody, tenant, subject))
    }

    fn open<'a>(
        &'a self,
        place: &'a PrivatePlace,
        sealed: &'a str,
    ) -> BoxFuture<'a, Result<OpenedPrivate, SealerError>> {
        Box::pin(async move {
            let subject = self.open_under(Owner::Subject, place, sealed).await?;
            if let Some(opened @ OpenedPrivate::Disclosure(_)) = subject {
                return Ok(opened);
            }
            match (subject, self.open_under(Owner::Custody, place, sealed).await?) {
                (_, Some(opened)) => Ok(opened),
                // Sealed under the subject's key, which is gone.
                (Some(gone), None) => Ok(gone),
                (None, None) => Err(SealerError::NotAuthentic),
            }
        })
    }
}
