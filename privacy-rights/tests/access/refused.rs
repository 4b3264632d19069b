//! Complete or not at all.

use std::error::Error;

use audit_core::VerifierKey;
use futures_util::stream;
use privacy_rights::{AccessBundle, AccessError, BoxFuture, DocumentSigner, SourceError};
use serde_json::{Value, json};

use crate::support::{customers, invoices};
use crate::world::{Rows, customer, key, shop, value};

/// The error, after a look whether anything is left.
async fn refused(bundle: AccessBundle<'_>) -> AccessError {
    refused_by(bundle, &key()).await
}

async fn refused_by(bundle: AccessBundle<'_>, signer: &dyn DocumentSigner) -> AccessError {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("bundle");
    let error = bundle.write_directory(&place, signer).await.unwrap_err();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{error}");
    error
}

#[tokio::test]
async fn a_source_that_is_neither_given_nor_explained() {
    let shop = shop();
    let bundle = || shop.empty().source(&shop.customers).source(&shop.lines);
    for bundle in [bundle(), bundle().explain("invoices", " ")] {
        let error = refused(bundle).await;
        assert_eq!(error.to_string(), "the source \"invoices\" is neither given nor explained");
    }
}

#[tokio::test]
async fn a_source_that_fails_half_way() {
    let mut shop = shop();
    shop.invoices.fails_at = Some(1100);
    let error = refused(shop.bundle()).await;
    assert_eq!(error.to_string(), "the source \"invoices\" failed");
    assert_eq!(error.source().unwrap().to_string(), "the source cannot be reached");
}

#[tokio::test]
async fn a_source_that_never_ends() {
    let mut shop = shop();
    shop.invoices.endless = true;
    let AccessError::Source { source, .. } = refused(shop.bundle()).await else { panic!() };
    assert!(matches!(source, SourceError::Endless { .. }));
}

#[tokio::test]
async fn a_source_that_is_not_what_was_declared() {
    let mut shop = shop();
    shop.invoices.declaration = invoices().received_by("x");
    let error = refused(shop.bundle()).await;
    let expected = "the source \"invoices\" is not what the data map declares";
    assert_eq!(error.to_string(), expected);
    shop.invoices.declaration = invoices();
    let error = refused(shop.bundle().explain("invoises", "a slip of the pen")).await;
    assert!(
        matches!(error, AccessError::NotInMap { source_name, .. } if source_name == "invoises")
    );
    let error = refused(shop.bundle().source(&shop.invoices)).await;
    assert_eq!(error.to_string(), "the source \"invoices\" is given twice");
}

#[tokio::test]
async fn fields_that_nobody_declared_are_neither_given_nor_dropped() {
    let mut shop = shop();
    for (extra, twice) in [("Undeclared", false), ("FirstName", true)] {
        shop.customers = Rows::new(customers(), 1, move |n| {
            let mut row = customer(n);
            row.push((extra, value("CANARY")));
            row
        });
        let error = refused(shop.bundle()).await;
        assert!(matches!(error, AccessError::UndeclaredField { .. }), "{twice}");
        assert!(!error.to_string().contains("CANARY"));
    }
    shop.customers = Rows::new(customers(), 1, |n| customer(n).split_off(1));
    let error = refused(shop.bundle()).await;
    let expected = "a record of the source \"customers\" lacks the field \"FirstName\"";
    assert_eq!(error.to_string(), expected);
}

#[tokio::test]
async fn a_journal_that_fails() {
    let shop = shop();
    let entries: Vec<Result<Value, std::io::Error>> =
        vec![Ok(json!({})), Err(std::io::Error::other("gone"))];
    let error = refused(shop.bundle().activity(stream::iter(entries))).await;
    assert_eq!(error.to_string(), "what the journal holds cannot be read");
    assert_eq!(error.source().unwrap().to_string(), "gone");
}

/// Signs with a key that it does not name, or not at all.
struct Wrong(bool);

impl DocumentSigner for Wrong {
    fn verifier(&self) -> VerifierKey {
        key().verifier().clone()
    }

    fn sign<'a>(
        &'a self,
        text: &'a str,
    ) -> BoxFuture<'a, Result<[u8; 64], Box<dyn Error + Send + Sync>>> {
        let other = audit_core::SigningKey::from_seed("audit.example.com", &[8; 32]).unwrap();
        let signature = other.sign(text).signature().try_into();
        Box::pin(async move { if self.0 { Ok(signature?) } else { Err("the key is away".into()) } })
    }
}

#[tokio::test]
async fn a_signer_that_does_not_sign() {
    let shop = shop();
    let error = refused_by(shop.bundle(), &Wrong(true)).await;
    assert_eq!(error.to_string(), "the signer's signature does not verify");
    let error = refused_by(shop.bundle(), &Wrong(false)).await;
    assert_eq!(error.to_string(), "the manifest cannot be signed");
    assert_eq!(error.source().unwrap().to_string(), "the key is away");
}

#[tokio::test]
async fn a_field_that_looks_like_what_the_bundle_adds() {
    let mut shop = shop();
    let field = privacy_rights::Field::new("$key", "identity", "A key.");
    let declaration = customers().field(field);
    shop.map = crate::support::empty_map()
        .source(declaration.clone())
        .source(invoices())
        .source(crate::support::invoice_lines())
        .build()
        .unwrap();
    shop.customers.declaration = declaration;
    assert!(matches!(refused(shop.bundle()).await, AccessError::ReservedField { .. }));
}

#[tokio::test]
async fn dropped_at_any_moment_it_leaves_nothing() {
    let mut shop = shop();
    shop.invoices.count = 600;
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("bundle");
    let key = key();
    let left = || std::fs::read_dir(folder.path()).unwrap().count();
    let mut polls = 0;
    let whole = loop {
        let mut future = Box::pin(shop.bundle().write_directory(&place, &key));
        let mut done = false;
        for _ in 0..polls {
            let polled = std::future::poll_fn(|cx| {
                std::task::Poll::Ready(future.as_mut().poll(cx).is_ready())
            });
            if polled.await {
                done = true;
                break;
            }
            tokio::task::yield_now().await;
        }
        drop(future);
        if done {
            break polls;
        }
        // What was handed to another thread goes when that is through with it.
        for _ in 0..1_000_000 {
            if left() == 0 || place.exists() {
                break;
            }
            std::thread::yield_now();
            tokio::task::yield_now().await;
        }
        if place.exists() {
            // Nothing was left to do but the move.
            assert_eq!(left(), 1);
            privacy_rights::verify_bundle(&place, &crate::world::keys()).unwrap();
            std::fs::remove_dir_all(&place).unwrap();
        }
        assert_eq!(left(), 0, "after {polls} polls");
        // At each of the first moments, and at some of the later ones.
        polls += 1 + polls / 8;
    };
    assert!(whole > 5, "{whole}");
}
