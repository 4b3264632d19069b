//! Sources in memory, and shorthands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use audit_core::{SigningKey, VerifierKey};
use chrono::{DateTime, Utc};
use privacy_rights::{
    AccessBundle, AccessNotice, Applied, AutomatedDecisions, BoxFuture, BundleManifest, Cursor,
    DataMap, FieldValue, Identifier, Page, Permit, PersonalDataSource, Record, Remaining,
    Selection, SourceDeclaration, SourceError, Step,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use crate::support;

pub(crate) type Row = Vec<(&'static str, FieldValue)>;

/// Rows that are made up as they are asked for.
pub(crate) struct Rows {
    pub(crate) declaration: SourceDeclaration,
    pub(crate) count: u64,
    row: Box<dyn Fn(u64) -> Row + Send + Sync>,
    key: fn(u64) -> String,
    /// From which record on it fails.
    pub(crate) fails_at: Option<u64>,
    /// Comes back to the first page for ever.
    pub(crate) endless: bool,
}

impl Rows {
    pub(crate) fn new(
        declaration: SourceDeclaration,
        count: u64,
        row: impl Fn(u64) -> Row + Send + Sync + 'static,
    ) -> Self {
        let (row, key) = (Box::new(row), |n: u64| n.to_string());
        Self { declaration, count, row, key, fails_at: None, endless: false }
    }

    pub(crate) fn keyed(self, key: fn(u64) -> String) -> Self {
        Self { key, ..self }
    }
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
        let to = std::cmp::min(self.count, from + u64::try_from(limit).unwrap());
        Box::pin(async move {
            // Somebody else has a turn: the bundle is not made at one go.
            tokio::task::yield_now().await;
            if self.fails_at.is_some_and(|at| at < to) {
                return Err(SourceError::Unavailable("it went away".into()));
            }
            let one = |n: u64| {
                let fields = (self.row)(n).into_iter();
                let fields = fields.map(|(name, value)| (name.to_owned(), value));
                Record::new((self.key)(n), fields.collect())
            };
            let next = if self.endless { Some(0) } else { (to < self.count).then_some(to) };
            let next = next.map(|at| Cursor::new(at.to_string()));
            Ok(Page::new((from..to).map(one).collect(), next))
        })
    }

    fn apply<'a>(
        &'a self,
        _selection: &'a Selection,
        _step: &'a Step,
        _permit: &'a dyn Permit,
        _after: Option<&'a Cursor>,
        _limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        Box::pin(async { Ok(Applied::default()) })
    }

    fn remaining<'a>(
        &'a self,
        _selection: &'a Selection,
        _step: &'a Step,
    ) -> BoxFuture<'a, Result<Remaining, SourceError>> {
        Box::pin(async { Ok(Remaining::default()) })
    }
}

pub(crate) fn value(value: impl Into<Value>) -> FieldValue {
    FieldValue::Value(value.into())
}

/// The journal's key.
pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed("audit.example.com", &[7; 32]).unwrap()
}

pub(crate) fn keys() -> [VerifierKey; 1] {
    [key().verifier().clone()]
}

pub(crate) fn ann() -> Selection {
    Selection::of(Identifier::new("customer_id", "1").unwrap())
}

pub(crate) fn id() -> Uuid {
    Uuid::from_u128(7)
}

pub(crate) fn at() -> DateTime<Utc> {
    "2026-06-11T10:00:00Z".parse().unwrap()
}

pub(crate) fn notice() -> AccessNotice {
    AccessNotice::new(
        "Data Protection Authority, Brussels",
        "From you, when you bought something.",
        AutomatedDecisions::None,
    )
    .origin("invoices", "From our <shop>.")
}

/// A person whose data is out to do harm.
pub(crate) fn customer(_n: u64) -> Row {
    vec![
        ("FirstName", value("Ann")),
        ("LastName", value("=cmd|' /C calc'!A0")),
        ("Phone", FieldValue::Absent),
        ("Email", value("<script>alert('ann@example.com')</script>")),
        ("Password", value("CANARY-hash")),
        ("SupportRepId", value("CANARY-colleague")),
    ]
}

pub(crate) fn invoice(n: u64) -> Row {
    vec![
        ("InvoiceDate", value("2024-05-01")),
        ("BillingAddress", value(json!({ "street": format!("Street {n}"), "no": 1 }))),
        ("Total", value(-5)),
    ]
}

/// The three sources of the shop.
pub(crate) struct Shop {
    pub(crate) map: DataMap,
    pub(crate) person: Selection,
    pub(crate) notice: AccessNotice,
    pub(crate) customers: Rows,
    pub(crate) invoices: Rows,
    pub(crate) lines: Rows,
}

pub(crate) fn shop() -> Shop {
    Shop {
        map: support::shop_map().build().unwrap(),
        person: ann(),
        notice: notice(),
        customers: Rows::new(support::customers(), 1, customer),
        invoices: Rows::new(support::invoices(), 1200, invoice),
        lines: Rows::new(support::invoice_lines(), 0, |_| Vec::new()),
    }
}

impl Shop {
    /// Nothing given yet.
    pub(crate) fn empty(&self) -> AccessBundle<'_> {
        AccessBundle::access(&self.map, &self.person, &self.notice, id(), at())
    }

    pub(crate) fn bundle(&self) -> AccessBundle<'_> {
        self.empty().source(&self.customers).source(&self.invoices).source(&self.lines)
    }
}

/// A bundle in a directory.
pub(crate) struct Made {
    _folder: TempDir,
    pub(crate) place: PathBuf,
    pub(crate) manifest: BundleManifest,
}

pub(crate) async fn made(bundle: AccessBundle<'_>) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("bundle");
    let manifest = bundle.write_directory(&place, &key()).await.unwrap();
    Made { _folder: folder, place, manifest }
}

impl Made {
    pub(crate) fn text(&self, path: &str) -> String {
        std::fs::read_to_string(self.place.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
    }

    pub(crate) fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path)).unwrap()
    }

    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        files(&self.place)
    }

    /// The paths of the files that hold a text.
    pub(crate) fn holding(&self, text: &str) -> Vec<String> {
        let holds = |bytes: &[u8]| bytes.windows(text.len()).any(|part| part == text.as_bytes());
        self.files().into_iter().filter(|(_, bytes)| holds(bytes)).map(|(path, _)| path).collect()
    }
}

/// All files under a folder, by path.
pub(crate) fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            let inner = files(&entry.path()).into_iter();
            all.extend(inner.map(|(path, bytes)| (format!("{name}/{path}"), bytes)));
        } else {
            all.insert(name, std::fs::read(entry.path()).unwrap());
        }
    }
    all
}
