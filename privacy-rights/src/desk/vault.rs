//! Where it is written whom a request is about.

use std::error::Error;
use std::sync::Arc;

use crypto_fields::{
    FieldCipher, FieldId, NameError, Purpose, RowContext, RowKey, SealedText, SubjectId,
    SubjectKeyError, SubjectKeyStore, SubjectKeys, TenantId,
};
use uuid::Uuid;

use crate::source::BoxFuture;
use crate::source::selection::Selection;

/// An identity was not sealed, opened or destroyed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// Its key was destroyed: nobody can tell any more.
    #[error("the key of the request was destroyed")]
    Destroyed,
    /// It is not what was sealed for this request.
    #[error("the sealed identity is not authentic")]
    NotAuthentic,
    /// The keys cannot be reached.
    #[error("the keys cannot be reached")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

impl VaultError {
    /// The keys cannot be reached.
    pub fn unavailable(error: impl Error + Send + Sync + 'static) -> Self {
        Self::Unavailable(Box::new(error))
    }
}

/// Seals whom a request is about under a key of that request alone, which can be destroyed.
///
/// [`SubjectKeyVault`] is one, over the keys that `crypto-fields` keeps.
pub trait IdentityVault: Send + Sync {
    /// Seals a text for a request.
    fn seal<'a>(
        &'a self,
        tenant: &'a str,
        request: Uuid,
        text: &'a str,
    ) -> BoxFuture<'a, Result<String, VaultError>>;

    /// Opens what was sealed for that request.
    fn open<'a>(
        &'a self,
        tenant: &'a str,
        request: Uuid,
        sealed: &'a str,
    ) -> BoxFuture<'a, Result<String, VaultError>>;

    /// Destroys the key of a request; what was sealed under it, in backups too, opens never again.
    fn destroy<'a>(
        &'a self,
        tenant: &'a str,
        request: Uuid,
    ) -> BoxFuture<'a, Result<(), VaultError>>;
}

/// Seals a person under the key of a request.
pub(crate) async fn seal_person(
    vault: &dyn IdentityVault,
    (tenant, request): (&str, Uuid),
    person: &Selection,
) -> Result<String, VaultError> {
    vault.seal(tenant, request, &person.to_plaintext()).await
}

/// Opens what [`seal_person`] has sealed.
pub(crate) async fn open_person(
    vault: &dyn IdentityVault,
    (tenant, request): (&str, Uuid),
    sealed: &str,
) -> Result<Selection, VaultError> {
    let text = vault.open(tenant, request, sealed).await?;
    // What opens and names nobody was not sealed here.
    Selection::from_plaintext(&text).ok_or(VaultError::NotAuthentic)
}

/// Seals under keys that `crypto-fields` keeps for data subjects: here each request is one.
#[derive(Debug)]
pub struct SubjectKeyVault<S> {
    keys: Arc<SubjectKeys<S>>,
    cipher: FieldCipher,
}

impl<S: SubjectKeyStore> SubjectKeyVault<S> {
    /// Over these keys.
    ///
    /// # Errors
    ///
    /// None with this version: the name under which identities are sealed is a constant.
    pub fn new(keys: Arc<SubjectKeys<S>>) -> Result<Self, NameError> {
        Ok(Self { keys, cipher: FieldCipher::new(FieldId::new("privacy_request.identity")?) })
    }

    fn place(tenant: &str, request: Uuid) -> Result<(TenantId, SubjectId, RowKey), VaultError> {
        Ok((
            TenantId::new(tenant.to_owned()).map_err(VaultError::unavailable)?,
            SubjectId::new(format!("request.{request}")).map_err(VaultError::unavailable)?,
            RowKey::text(&request.to_string()).map_err(VaultError::unavailable)?,
        ))
    }
}

impl<S: SubjectKeyStore> IdentityVault for SubjectKeyVault<S> {
    fn seal<'a>(
        &'a self,
        tenant: &'a str,
        request: Uuid,
        text: &'a str,
    ) -> BoxFuture<'a, Result<String, VaultError>> {
        Box::pin(async move {
            let (tenant, subject, row) = Self::place(tenant, request)?;
            let key = self.keys.sealing(&tenant, &subject, Purpose::Seal).await;
            let key = key.map_err(VaultError::unavailable)?;
            let place = RowContext::new(&key, tenant, row).subject(subject);
            let sealed = self.cipher.seal_text(&place, &text.to_owned());
            sealed.map(SealedText::into_text).map_err(VaultError::unavailable)
        })
    }

    fn open<'a>(
        &'a self,
        tenant: &'a str,
        request: Uuid,
        sealed: &'a str,
    ) -> BoxFuture<'a, Result<String, VaultError>> {
        Box::pin(async move {
            let (tenant, subject, row) = Self::place(tenant, request)?;
            let key = match self.keys.opening(&tenant, &subject, Purpose::Seal).await {
                Ok(key) => key,
                Err(SubjectKeyError::Destroyed { .. }) => return Err(VaultError::Destroyed),
                Err(error) => return Err(VaultError::unavailable(error)),
            };
            let place = RowContext::new(&key, tenant, row).subject(subject);
            let sealed = SealedText::<String>::from_text(sealed.to_owned());
            self.cipher.open_text(&place, &sealed).map_err(|_| VaultError::NotAuthentic)
        })
    }

    fn destroy<'a>(
        &'a self,
        tenant: &'a str,
        request: Uuid,
    ) -> BoxFuture<'a, Result<(), VaultError>> {
        Box::pin(async move {
            let (tenant, subject, _) = Self::place(tenant, request)?;
            self.keys.destroy(&tenant, &subject).await.map_err(VaultError::unavailable)?;
            Ok(())
        })
    }
}
