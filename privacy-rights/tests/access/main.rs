//! The bundle that a person gets.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod bundle;
mod places;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;
use std::io;

use audit_core::{SigningKey, Timestamp};
use privacy_rights::{
    AccessBundle, BoxFuture, BundleSink, Cursor, DataMap, FieldValue, Identifier, Page, Permit,
    PersonalDataSource, Record, Remaining, Selection, SourceDeclaration, SourceError, Step,
};
use serde_json::{Value, json};
use uuid::Uuid;

fn key() -> SigningKey {
    SigningKey::from_seed("audit.example.com", &[7; 32]).unwrap()
}

fn at() -> Timestamp {
    "2026-06-11T10:00:00.000000Z".parse().unwrap()
}

fn ann() -> Selection {
    Selection::of(Identifier::new("customer_id", "1").unwrap())
}

fn bundle(map: &DataMap) -> AccessBundle<'_> {
    AccessBundle::new(map, Uuid::from_u128(7), ann(), at())
}

/// Rows that are made up as they are asked for.
struct Rows {
    declaration: SourceDeclaration,
    count: u64,
    row: fn(u64) -> Vec<(&'static str, FieldValue)>,
    /// From the second reading on there is one more.
    grows: bool,
    reads: std::sync::atomic::AtomicU64,
}

impl Rows {
    fn new(
        declaration: SourceDeclaration,
        count: u64,
        row: fn(u64) -> Vec<(&'static str, FieldValue)>,
    ) -> Self {
        Self { declaration, count, row, grows: false, reads: 0.into() }
    }
}

fn value(value: Value) -> FieldValue {
    FieldValue::Value(value)
}

impl PersonalDataSource for Rows {
    fn declaration(&self) -> &SourceDeclaration {
        &self.declaration
    }

    fn resolve<'a>(
        &'a self,
        _selection: &'a Selection,
    ) -> BoxFuture<'a, Result<Vec<Identifier>, SourceError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn scan<'a>(
        &'a self,
        _selection: &'a Selection,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        let from: u64 = after.map_or(0, |cursor| cursor.as_str().parse().unwrap());
        if from == 0 {
            self.reads.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        }
        let again = self.reads.load(std::sync::atomic::Ordering::SeqCst) > 1;
        let count = self.count + u64::from(self.grows && again);
        let to = std::cmp::min(count, from + u64::try_from(limit).unwrap());
        let one = |n: u64| {
            let fields = (self.row)(n).into_iter().map(|(name, value)| (name.to_owned(), value));
            Record::new(n.to_string(), fields.collect())
        };
        let next = (to < count).then(|| Cursor::new(to.to_string()));
        let page = Page::new((from..to).map(one).collect(), next);
        Box::pin(async move { Ok(page) })
    }

    fn apply<'a>(
        &'a self,
        _selection: &'a Selection,
        _step: &'a Step,
        _permit: &'a dyn Permit,
        _after: Option<&'a Cursor>,
        _limit: usize,
    ) -> BoxFuture<'a, Result<privacy_rights::Applied, SourceError>> {
        Box::pin(async { Ok(privacy_rights::Applied::default()) })
    }

    fn remaining<'a>(
        &'a self,
        _selection: &'a Selection,
        _step: &'a Step,
    ) -> BoxFuture<'a, Result<Remaining, SourceError>> {
        Box::pin(async { Ok(Remaining::default()) })
    }
}

/// Files in memory.
#[derive(Default)]
struct Memory {
    files: BTreeMap<String, Vec<u8>>,
    open: String,
    finished: bool,
}

impl BundleSink for Memory {
    fn begin(&mut self, path: &str) -> io::Result<()> {
        assert!(self.files.insert(path.to_owned(), Vec::new()).is_none(), "{path} twice");
        path.clone_into(&mut self.open);
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.files.get_mut(&self.open).unwrap().extend_from_slice(bytes);
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        self.finished = true;
        Ok(())
    }
}

impl Memory {
    fn text(&self, path: &str) -> String {
        let file =
            self.files.get(path).unwrap_or_else(|| panic!("{path}: {:?}", self.files.keys()));
        String::from_utf8(file.clone()).unwrap()
    }

    fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path)).unwrap()
    }
}

/// The three sources of the shop.
fn shop() -> (DataMap, Vec<Rows>) {
    let map = support::shop_map().build().unwrap();
    let customers = Rows::new(support::customers(), 1, |_| {
        vec![
            ("FirstName", value(json!("Ann"))),
            ("LastName", value(json!("=cmd|' /C calc'!A0"))),
            ("Phone", FieldValue::Absent),
            ("Email", value(json!("<b>ann@example.com</b>"))),
            ("Password", FieldValue::Present),
            ("SupportRepId", value(json!(1))),
            ("Undeclared", value(json!("nobody said that this may be given"))),
        ]
    });
    let invoices = Rows::new(support::invoices(), 1200, |n| {
        vec![("InvoiceDate", value(json!("2024-05-01"))), ("Total", value(json!(n)))]
    });
    let lines = Rows::new(support::invoice_lines(), 0, |_| Vec::new());
    (map, vec![customers, invoices, lines])
}

fn given(sources: &[Rows]) -> Vec<&dyn PersonalDataSource> {
    let mut all: Vec<&dyn PersonalDataSource> = Vec::new();
    for source in sources {
        all.push(source);
    }
    all
}

async fn written(map: &DataMap, sources: &[Rows]) -> Memory {
    let mut sink = Memory::default();
    bundle(map).write(&given(sources), &key(), &mut sink, |_, _| {}).await.unwrap();
    assert!(sink.finished);
    sink
}
