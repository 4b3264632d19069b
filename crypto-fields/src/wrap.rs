//! Keys that wrap keys: the trait for a key service, and three that need none.

#[cfg(feature = "testkit")]
pub mod conformance;
pub(crate) mod kek;
pub(crate) mod local;
pub(crate) mod passphrase;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use sha2::{Digest, Sha256};

use crate::associated_data::names::{KeyGroup, SubjectId, TenantId};
use crate::associated_data::{Context, Hashing, Sink};
use crate::data_key::DataKey;
use crate::key_id::KeyId;
use crate::purpose::Purpose;

/// A future on the heap, so that a [`KeyWrapper`] can be a trait object.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A key that wraps other keys and is itself kept elsewhere: in a key service, in a file outside
/// the database, in somebody's head.
///
/// Whoever writes one for a key service binds every wrapped key to its whole [`WrapContext`] (as
/// the service's "encryption context" or "associated data": [`WrapContext::to_bytes`]), and runs
/// `conformance::check` (feature `testkit`) against it.
pub trait KeyWrapper: fmt::Debug + Send + Sync {
    /// The name of the wrapping key, unchanged for as long as anything is wrapped under it. It is
    /// stored beside what is wrapped.
    fn id(&self) -> &str;

    /// Wraps a key.
    ///
    /// # Errors
    ///
    /// [`WrapError::Context`] if the context is of another key, [`WrapError::Unavailable`].
    fn wrap<'a>(
        &'a self,
        key: &'a DataKey,
        context: &'a WrapContext,
    ) -> BoxFuture<'a, Result<WrappedDataKey, WrapError>>;

    /// Unwraps a key in the context that it was wrapped in.
    ///
    /// # Errors
    ///
    /// [`WrapError::UnknownWrapper`] if it was wrapped by another wrapper, [`WrapError::Refused`]
    /// if anything is not as it was, [`WrapError::Unavailable`].
    fn unwrap<'a>(
        &'a self,
        wrapped: &'a WrappedDataKey,
        context: &'a WrapContext,
    ) -> BoxFuture<'a, Result<DataKey, WrapError>>;

    /// Wraps what this wrapper wrapped before once more, under its newest version. A key service
    /// that can do so inside overrides this, so that the key does not leave it.
    ///
    /// # Errors
    ///
    /// Those of [`unwrap`](Self::unwrap) and [`wrap`](Self::wrap).
    fn rewrap<'a>(
        &'a self,
        wrapped: &'a WrappedDataKey,
        context: &'a WrapContext,
    ) -> BoxFuture<'a, Result<WrappedDataKey, WrapError>> {
        Box::pin(async move {
            let key = self.unwrap(wrapped, context).await?;
            self.wrap(&key, context).await
        })
    }

    /// Unwraps many, as at start-up: one result for each, in their order. A key service that takes
    /// many in one request overrides this.
    fn unwrap_all<'a>(
        &'a self,
        wrapped: &'a [(&'a WrappedDataKey, &'a WrapContext)],
    ) -> BoxFuture<'a, Vec<Result<DataKey, WrapError>>> {
        Box::pin(async move {
            let mut keys = Vec::with_capacity(wrapped.len());
            for (wrapped, context) in wrapped {
                keys.push(self.unwrap(wrapped, context).await);
            }
            keys
        })
    }
}

/// Whose a data key is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum KeyOwner {
    /// A group of fields'.
    Group(KeyGroup),
    /// A data subject's.
    Subject(SubjectId),
}

/// What a wrapped key is bound to. Nothing in it changes in a key's life: not its state, and not
/// the times.
///
/// # Bytes
///
/// ```text
/// "crypto-fields/wrap/v1" 00
/// 01 u32 length, tenant
/// 02 u32 length (1), purpose
/// 03 u32 length (8), key id
/// 04 u32 length, owner: 'g' group, or 's' data subject
/// 05 u32 length, id of the wrapper
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrapContext {
    tenant: TenantId,
    key: KeyId,
    purpose: Purpose,
    owner: KeyOwner,
}

impl WrapContext {
    /// The context of a key.
    #[must_use]
    pub const fn new(tenant: TenantId, key: KeyId, purpose: Purpose, owner: KeyOwner) -> Self {
        Self { tenant, key, purpose, owner }
    }

    /// The tenant.
    #[must_use]
    pub const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The key.
    #[must_use]
    pub const fn key(&self) -> KeyId {
        self.key
    }

    /// What it is for.
    #[must_use]
    pub const fn purpose(&self) -> Purpose {
        self.purpose
    }

    /// Whose it is.
    #[must_use]
    pub const fn owner(&self) -> &KeyOwner {
        &self.owner
    }

    /// The canonical bytes, for the wrapper of this id.
    #[must_use]
    pub fn to_bytes(&self, wrapper: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(128);
        self.write(wrapper, &mut bytes);
        bytes
    }

    /// Refuses a key that is not the one of this context.
    ///
    /// # Errors
    ///
    /// [`WrapError::Context`].
    pub fn check(&self, key: &DataKey) -> Result<(), WrapError> {
        if key.id() == self.key && key.purpose() == self.purpose {
            Ok(())
        } else {
            Err(WrapError::Context)
        }
    }

    pub(crate) fn digest(&self, wrapper: &str) -> Context {
        let mut hash = Hashing(Sha256::new());
        self.write(wrapper, &mut hash);
        Context(hash.0.finalize().into())
    }

    fn write(&self, wrapper: &str, out: &mut impl Sink) {
        out.put(b"crypto-fields/wrap/v1\0");
        out.field(1, self.tenant.as_str().as_bytes());
        out.field(2, &[self.purpose.code()]);
        out.field(3, &self.key.to_bytes());
        let (kind, owner) = match &self.owner {
            KeyOwner::Group(group) => (b'g', group.as_str()),
            KeyOwner::Subject(subject) => (b's', subject.as_str()),
        };
        out.put(&[4]);
        out.len(owner.len().saturating_add(1));
        out.put(&[kind]);
        out.put(owner.as_bytes());
        out.field(5, wrapper.as_bytes());
    }
}

/// A data key as it may be stored: useless without the wrapper of that id.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedDataKey {
    wrapper: String,
    bytes: Vec<u8>,
}

impl WrappedDataKey {
    /// What a wrapper made, or a store kept.
    #[must_use]
    pub const fn new(wrapper: String, bytes: Vec<u8>) -> Self {
        Self { wrapper, bytes }
    }

    /// The id of its wrapper.
    #[must_use]
    pub fn wrapper(&self) -> &str {
        &self.wrapper
    }

    /// The wrapped bytes, in a form of the wrapper's own.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for WrappedDataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WrappedDataKey").field("wrapper", &self.wrapper).finish_non_exhaustive()
    }
}

/// A key was not wrapped or unwrapped. Nothing was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WrapError {
    /// The context is of another key than the one to wrap.
    #[error("the key to wrap is not the one of the context")]
    Context,
    /// The wrapped key is not as it was, or was wrapped in another context: another tenant, id,
    /// purpose or owner; or under another key of the same name.
    #[error("the wrapped key does not open here")]
    Refused,
    /// The key service, or the operating system's randomness, did not answer.
    #[error("the wrapping key cannot be reached")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// It was wrapped by another wrapper.
    #[error("the key was wrapped by {wrapper:?}, which is not known here")]
    UnknownWrapper {
        /// The id that stands beside the wrapped key.
        wrapper: String,
    },
}

impl WrapError {
    /// The wrapping key could not be reached, for this reason.
    pub fn unavailable(reason: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(reason.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_is_written_to_the_byte() {
        let context = |owner| {
            let tenant = TenantId::new("t").unwrap();
            WrapContext::new(tenant, KeyId::new(9).unwrap(), Purpose::Seal, owner).to_bytes("w")
        };
        assert_eq!(
            context(KeyOwner::Group(KeyGroup::new("x").unwrap())),
            b"crypto-fields/wrap/v1\0\x01\0\0\0\x01t\x02\0\0\0\x01\x01\
              \x03\0\0\0\x08\0\0\0\0\0\0\0\x09\x04\0\0\0\x02gx\x05\0\0\0\x01w"
        );
        assert_ne!(
            context(KeyOwner::Group(KeyGroup::new("x").unwrap())),
            context(KeyOwner::Subject(SubjectId::new("x").unwrap()))
        );
    }
}
