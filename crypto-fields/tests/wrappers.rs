//! Every wrapper of this crate under the test for all wrappers, and that test under wrappers that
//! fail it.

#![cfg(feature = "testkit")]
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use crypto_fields::conformance::{self, Violation};
use crypto_fields::{
    BoxFuture, DataKey, KeyEncryptionKey, KeyId, KeyWrapper, LocalKey, PassphraseKey,
    PassphraseParams, Purpose, SecretKey, WrapContext, WrapError, WrappedDataKey,
};

#[tokio::test]
async fn the_wrappers_of_this_crate_conform() {
    let params = PassphraseParams::generate().unwrap().cost(8 * 1024, 1, 1).unwrap();
    let wrappers: [Box<dyn KeyWrapper>; 3] = [
        Box::new(LocalKey::new(SecretKey::random().unwrap())),
        Box::new(PassphraseKey::derive("correct horse battery", &params).unwrap()),
        Box::new(KeyEncryptionKey::new(&DataKey::generate(Purpose::Wrap).unwrap()).unwrap()),
    ];
    for wrapper in wrappers {
        conformance::check(&*wrapper).await.unwrap();
    }
}

/// A wrapper with one fault.
#[derive(Debug)]
struct Faulty(LocalKey, Fault);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fault {
    /// Stores the key as it is.
    Plain,
    /// Binds to nothing but the id of the key.
    Unbound,
    /// Answers a batch in another order.
    Reordered,
}

impl Faulty {
    fn unbound(context: &WrapContext) -> WrapContext {
        let group = crypto_fields::KeyOwner::Group(crypto_fields::KeyGroup::DEFAULT);
        let one = KeyId::new(1).unwrap();
        let _ = context;
        WrapContext::new(crypto_fields::TenantId::SINGLE, one, Purpose::Seal, group)
    }
}

impl KeyWrapper for Faulty {
    fn id(&self) -> &str {
        self.0.id()
    }

    fn wrap<'a>(
        &'a self,
        key: &'a DataKey,
        context: &'a WrapContext,
    ) -> BoxFuture<'a, Result<WrappedDataKey, WrapError>> {
        Box::pin(async move {
            let secret = key.expose_to_wrap();
            match self.1 {
                Fault::Plain => {
                    Ok(WrappedDataKey::new(self.id().to_owned(), secret.expose().to_vec()))
                }
                Fault::Unbound => {
                    context.check(key)?;
                    let context = Self::unbound(context);
                    let secret = SecretKey::from_slice(secret.expose()).unwrap();
                    let key = DataKey::from_parts(context.key(), context.purpose(), secret);
                    self.0.wrap(&key, &context).await
                }
                Fault::Reordered => self.0.wrap(key, context).await,
            }
        })
    }

    fn unwrap<'a>(
        &'a self,
        wrapped: &'a WrappedDataKey,
        context: &'a WrapContext,
    ) -> BoxFuture<'a, Result<DataKey, WrapError>> {
        Box::pin(async move {
            if self.1 != Fault::Unbound {
                return self.0.unwrap(wrapped, context).await;
            }
            let key = self.0.unwrap(wrapped, &Self::unbound(context)).await?;
            let secret = SecretKey::from_slice(key.expose_to_wrap().expose()).unwrap();
            Ok(DataKey::from_parts(context.key(), context.purpose(), secret))
        })
    }

    fn unwrap_all<'a>(
        &'a self,
        wrapped: &'a [(&'a WrappedDataKey, &'a WrapContext)],
    ) -> BoxFuture<'a, Vec<Result<DataKey, WrapError>>> {
        Box::pin(async move {
            let mut keys = self.0.unwrap_all(wrapped).await;
            keys.reverse();
            keys
        })
    }
}

#[tokio::test]
async fn a_wrapper_with_a_fault_does_not_conform() {
    for (fault, says) in [
        (Fault::Plain, "a wrapped key contains the key"),
        (Fault::Unbound, "another tenant was accepted, and must be refused"),
        (Fault::Reordered, "unwrapping many does not answer each in its order"),
    ] {
        let wrapper = Faulty(LocalKey::new(SecretKey::random().unwrap()), fault);
        let violation: Violation = conformance::check(&wrapper).await.unwrap_err();
        assert_eq!(violation.to_string(), says);
    }
}
