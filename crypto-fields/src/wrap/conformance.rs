//! What every [`KeyWrapper`] must do, as a test that whoever writes one runs against it.

use super::{KeyOwner, KeyWrapper, WrapContext, WrapError, WrappedDataKey};
use crate::associated_data::names::{KeyGroup, SubjectId, TenantId};
use crate::data_key::DataKey;
use crate::key_id::KeyId;
use crate::purpose::Purpose;

/// A wrapper does not do what it must.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Something that must work did not.
    #[error("{what} failed")]
    Failed {
        /// What was tried.
        what: &'static str,
        /// What the wrapper said.
        #[source]
        error: WrapError,
    },
    /// Something that must be refused was not.
    #[error("{0} was accepted, and must be refused")]
    Accepted(&'static str),
    /// Something came out wrong.
    #[error("{0}")]
    Wrong(&'static str),
}

/// Wraps and unwraps some keys and tries to fool the wrapper. Makes about forty calls.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use crypto_fields::{LocalKey, SecretKey, conformance};
///
/// conformance::check(&LocalKey::new(SecretKey::random()?)).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// The first [`Violation`].
pub async fn check(wrapper: &dyn KeyWrapper) -> Result<(), Violation> {
    let failed = |what| move |error| Violation::Failed { what, error };
    let name = |_| Violation::Wrong("a name of this test is none");
    let tenant = TenantId::new("acme").map_err(name)?;
    let group = KeyOwner::Group(KeyGroup::DEFAULT);
    if wrapper.id().is_empty() || wrapper.id() != wrapper.id() {
        return Err(Violation::Wrong("the id is empty or not always the same"));
    }
    let random = |_| Violation::Wrong("the operating system gave no randomness");
    for purpose in Purpose::ALL {
        let key = DataKey::generate(purpose).map_err(random)?;
        let context = WrapContext::new(tenant.clone(), key.id(), purpose, group.clone());
        let wrapped = wrapper.wrap(&key, &context).await.map_err(failed("wrapping"))?;
        if wrapped.wrapper() != wrapper.id() {
            return Err(Violation::Wrong("a wrapped key does not name its wrapper"));
        }
        if wrapped.bytes().windows(32).any(|window| window == key.expose_to_wrap().expose()) {
            return Err(Violation::Wrong("a wrapped key contains the key"));
        }
        same(wrapper, &wrapped, &context, &key, "unwrapping").await?;
        let again = wrapper.rewrap(&wrapped, &context).await.map_err(failed("rewrapping"))?;
        same(wrapper, &again, &context, &key, "unwrapping what was rewrapped").await?;
        same(wrapper, &wrapped, &context, &key, "unwrapping what was there before").await?;

        let other_purpose = if purpose == Purpose::Seal { Purpose::Wrap } else { Purpose::Seal };
        let other_id = KeyId::random().map_err(random)?;
        let other_tenant = TenantId::new("umbrella").map_err(name)?;
        let subject = KeyOwner::Subject(SubjectId::new("default").map_err(name)?);
        for (what, other) in [
            ("another tenant", WrapContext::new(other_tenant, key.id(), purpose, group.clone())),
            (
                "the only tenant",
                WrapContext::new(TenantId::SINGLE, key.id(), purpose, group.clone()),
            ),
            ("another key id", WrapContext::new(tenant.clone(), other_id, purpose, group.clone())),
            (
                "another purpose",
                WrapContext::new(tenant.clone(), key.id(), other_purpose, group.clone()),
            ),
            ("another owner", WrapContext::new(tenant.clone(), key.id(), purpose, subject)),
        ] {
            refused(wrapper, &wrapped, &other, what).await?;
        }
        if wrapper
            .wrap(&key, &WrapContext::new(tenant.clone(), other_id, purpose, group.clone()))
            .await
            .is_ok()
        {
            return Err(Violation::Accepted("a key in the context of another"));
        }
        tampered(wrapper, &wrapped, &context).await?;
        batch(wrapper, &wrapped, &context, &key).await?;
    }
    Ok(())
}

async fn tampered(
    wrapper: &dyn KeyWrapper,
    wrapped: &WrappedDataKey,
    context: &WrapContext,
) -> Result<(), Violation> {
    let with = |bytes: Vec<u8>| WrappedDataKey::new(wrapped.wrapper().to_owned(), bytes);
    for flip in [Some(0), Some(wrapped.bytes().len() / 2), wrapped.bytes().len().checked_sub(1)] {
        let mut bytes = wrapped.bytes().to_vec();
        if let Some(byte) = flip.and_then(|at| bytes.get_mut(at)) {
            *byte ^= 0x01;
        }
        refused(wrapper, &with(bytes), context, "a wrapped key with one bit changed").await?;
    }
    refused(wrapper, &with(Vec::new()), context, "an empty wrapped key").await?;
    let mut longer = wrapped.bytes().to_vec();
    longer.push(0);
    refused(wrapper, &with(longer), context, "a wrapped key with a byte more").await?;
    let foreign = WrappedDataKey::new("another wrapper".to_owned(), wrapped.bytes().to_vec());
    match wrapper.unwrap(&foreign, context).await {
        Err(WrapError::UnknownWrapper { .. }) => Ok(()),
        Err(_) => Err(Violation::Wrong("a foreign wrapped key is refused as something else")),
        Ok(_) => Err(Violation::Accepted("a key that another wrapper wrapped")),
    }
}

async fn batch(
    wrapper: &dyn KeyWrapper,
    wrapped: &WrappedDataKey,
    context: &WrapContext,
    key: &DataKey,
) -> Result<(), Violation> {
    let broken = WrappedDataKey::new(wrapped.wrapper().to_owned(), vec![0; 3]);
    let keys = wrapper.unwrap_all(&[(&broken, context), (wrapped, context)]).await;
    match keys.as_slice() {
        [Err(_), Ok(unwrapped)] if unwrapped.expose_to_wrap() == key.expose_to_wrap() => Ok(()),
        _ => Err(Violation::Wrong("unwrapping many does not answer each in its order")),
    }
}

async fn same(
    wrapper: &dyn KeyWrapper,
    wrapped: &WrappedDataKey,
    context: &WrapContext,
    key: &DataKey,
    what: &'static str,
) -> Result<(), Violation> {
    let unwrapped = wrapper
        .unwrap(wrapped, context)
        .await
        .map_err(|error| Violation::Failed { what, error })?;
    let same = unwrapped.id() == key.id()
        && unwrapped.purpose() == key.purpose()
        && unwrapped.expose_to_wrap() == key.expose_to_wrap();
    if same { Ok(()) } else { Err(Violation::Wrong("another key came out than went in")) }
}

async fn refused(
    wrapper: &dyn KeyWrapper,
    wrapped: &WrappedDataKey,
    context: &WrapContext,
    what: &'static str,
) -> Result<(), Violation> {
    match wrapper.unwrap(wrapped, context).await {
        Err(WrapError::Refused) => Ok(()),
        Err(error) => Err(Violation::Failed { what: "refusing by the right error", error }),
        Ok(_) => Err(Violation::Accepted(what)),
    }
}
