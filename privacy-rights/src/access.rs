//! The bundle that a person is given: everything that the sources hold about them, or why not.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt;
use std::path::Path;
use std::pin::Pin;

use chrono::{DateTime, Utc};
use futures_util::{Stream, StreamExt as _};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::data_map::DataMap;
use crate::source::PersonalDataSource;
use crate::source::selection::Selection;

pub(crate) mod contents;
pub(crate) mod error;
pub(crate) mod file;
pub(crate) mod finished;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod journal;
mod make;
pub(crate) mod manifest;
pub(crate) mod name;
pub(crate) mod notice;
mod page;
pub(crate) mod rules;
pub(crate) mod seal;
pub(crate) mod sink;
mod table;
pub(crate) mod verify;

use contents::FileContents;
use error::AccessError;
use finished::FinishedBundle;
use manifest::{BundleForm, BundleManifest};
use notice::AccessNotice;
use rules::Redactor;
use seal::DocumentSigner;

type BoxError = Box<dyn Error + Send + Sync>;
type Activity<'a> = Pin<Box<dyn Stream<Item = Result<Box<RawValue>, BoxError>> + Send + 'a>>;
type Excuse<'a> = dyn Fn(&str, &str) -> Option<String> + Send + Sync + 'a;

/// How far a bundle is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BundleProgress {
    /// The source that is being read.
    pub source: String,
    /// How many of its records are written.
    pub rows: u64,
    /// How many records of all sources are.
    pub all_rows: u64,
    /// How many bytes of data are.
    pub bytes: u64,
}

/// What a person is given: a page to read, the data as JSON and CSV with schemas, what the journal
/// holds, files, and a manifest that is signed. Bundles for portability and of whole tenants are
/// made the same way.
///
/// **Complete or not at all.** Each source of the data map is given, or its absence explained; a
/// source that fails, a file that is missing and nobody explains, a field that nobody declared: then
/// there is no bundle. What a declaration keeps back stands in the manifest and on the page, with
/// its ground.
///
/// Sources are read a page at a time, so that a person with a million records takes no more memory
/// than one with ten; each file of a record is an entry of the manifest, of some 200 bytes. There is
/// no snapshot across sources: what is written meanwhile may be in the bundle or not. Within a Tokio
/// runtime files are written where they hold nobody up.
///
/// The same data, id and time make the same bytes.
///
/// ```no_run
/// # use privacy_rights::*;
/// # async fn give(map: &DataMap, person: &Selection, customers: &dyn PersonalDataSource,
/// #     key: &audit_core::SigningKey, now: chrono::DateTime<chrono::Utc>)
/// # -> Result<(), AccessError> {
/// let notice = AccessNotice::new(
///     "Data Protection Authority, Brussels",
///     "From you, when you opened your account.",
///     AutomatedDecisions::None,
/// );
/// let manifest = AccessBundle::access(map, person, &notice, uuid::Uuid::now_v7(), now)
///     .source(customers)
///     .explain("search_index", "It is made of the customers' records, and holds no more.")
///     .write_directory("bundles/4711", key)
///     .await?;
/// assert!(manifest.not_given.is_empty());
/// # Ok(())
/// # }
/// ```
#[must_use]
pub struct AccessBundle<'a> {
    map: &'a DataMap,
    selection: &'a Selection,
    form: BundleForm,
    notice: Option<&'a AccessNotice>,
    id: Uuid,
    made_at: DateTime<Utc>,
    sources: Vec<&'a dyn PersonalDataSource>,
    contents: BTreeMap<String, &'a dyn FileContents>,
    explained: BTreeMap<String, String>,
    excuse: Option<Box<Excuse<'a>>>,
    redactor: Option<&'a dyn Redactor>,
    activity: Option<Activity<'a>>,
    progress: Box<dyn FnMut(&BundleProgress) + Send + 'a>,
}

impl<'a> AccessBundle<'a> {
    fn new(
        form: BundleForm,
        map: &'a DataMap,
        selection: &'a Selection,
        id: Uuid,
        made_at: DateTime<Utc>,
    ) -> Self {
        Self {
            map,
            selection,
            form,
            notice: None,
            id,
            made_at,
            sources: Vec::new(),
            contents: BTreeMap::new(),
            explained: BTreeMap::new(),
            excuse: None,
            redactor: None,
            activity: None,
            progress: Box::new(|_| {}),
        }
    }

    /// For the right of access (GDPR Art. 15).
    pub fn access(
        map: &'a DataMap,
        selection: &'a Selection,
        notice: &'a AccessNotice,
        id: Uuid,
        made_at: DateTime<Utc>,
    ) -> Self {
        let bundle = Self::new(BundleForm::Access, map, selection, id, made_at);
        Self { notice: Some(notice), ..bundle }
    }

    /// For the right to portability (GDPR Art. 20): fields whose purpose stands on consent or on a
    /// contract, and that were not [inferred](crate::Field::inferred).
    pub fn portability(
        map: &'a DataMap,
        selection: &'a Selection,
        id: Uuid,
        made_at: DateTime<Utc>,
    ) -> Self {
        Self::new(BundleForm::Portability, map, selection, id, made_at)
    }

    /// All data of a tenant, on leaving or on moving: the selection is the tenant's id, of a kind by
    /// which the sources are linked. `allowed` is whether the tenant's plan has it.
    ///
    /// # Errors
    ///
    /// [`AccessError::NotInPlan`].
    pub fn tenant(
        map: &'a DataMap,
        selection: &'a Selection,
        allowed: bool,
        id: Uuid,
        made_at: DateTime<Utc>,
    ) -> Result<Self, AccessError> {
        if allowed {
            Ok(Self::new(BundleForm::Tenant, map, selection, id, made_at))
        } else {
            Err(AccessError::NotInPlan)
        }
    }

    /// A source of the data map.
    pub fn source(mut self, source: &'a dyn PersonalDataSource) -> Self {
        self.sources.push(source);
        self
    }

    /// The files that the records of a source speak of.
    pub fn files(mut self, source: impl Into<String>, contents: &'a dyn FileContents) -> Self {
        self.contents.insert(source.into(), contents);
        self
    }

    /// Why a source of the data map is not in the bundle; or, where it is, why its files are not.
    /// The person is told. An empty reason is none.
    pub fn explain(mut self, source: impl Into<String>, reason: impl Into<String>) -> Self {
        let reason: String = reason.into();
        if !reason.trim().is_empty() {
            self.explained.insert(source.into(), reason);
        }
        self
    }

    /// Why the file of a record is gone, asked with the source's name and the record's key. Without
    /// an answer there is no bundle.
    pub fn explain_missing(
        mut self,
        excuse: impl Fn(&str, &str) -> Option<String> + Send + Sync + 'a,
    ) -> Self {
        self.excuse = Some(Box::new(excuse));
        self
    }

    /// What is left of values that speak of others, too.
    pub fn redacted_by(mut self, redactor: &'a dyn Redactor) -> Self {
        self.redactor = Some(redactor);
        self
    }

    /// What a journal holds about the person: an entry after the other, others by their role.
    pub fn activity<T, E>(mut self, entries: impl Stream<Item = Result<T, E>> + Send + 'a) -> Self
    where
        T: Serialize,
        E: Into<BoxError>,
    {
        self.activity = Some(Box::pin(entries.map(|entry| {
            let entry = entry.map_err(Into::into)?;
            serde_json::value::to_raw_value(&entry).map_err(BoxError::from)
        })));
        self
    }

    /// Told after each page of records.
    pub fn progress(mut self, told: impl FnMut(&BundleProgress) + Send + 'a) -> Self {
        self.progress = Box::new(told);
        self
    }

    /// Makes the bundle in a directory of its own within `workshop`, which is to be on the file
    /// system where the bundle will be.
    ///
    /// # Errors
    ///
    /// Any [`AccessError`]; then nothing is left. Nor is where this future is dropped.
    pub async fn make(
        self,
        workshop: &Path,
        signer: &dyn DocumentSigner,
    ) -> Result<FinishedBundle, AccessError> {
        make::make(self, workshop, signer).await
    }

    /// Makes the bundle and moves it to `place`, a new directory.
    ///
    /// # Errors
    ///
    /// As [`make`](Self::make).
    pub async fn write_directory(
        self,
        place: impl AsRef<Path> + Send,
        signer: &dyn DocumentSigner,
    ) -> Result<BundleManifest, AccessError> {
        let place = place.as_ref();
        self.make(free(place)?, signer).await?.into_directory(place).await
    }

    /// Makes the bundle and packs it into `file`, a new zip archive. Room for the unpacked bundle is
    /// needed beside it meanwhile.
    ///
    /// # Errors
    ///
    /// As [`make`](Self::make).
    #[cfg(feature = "zip")]
    pub async fn write_zip(
        self,
        file: impl AsRef<Path> + Send,
        signer: &dyn DocumentSigner,
    ) -> Result<BundleManifest, AccessError> {
        let file = file.as_ref();
        self.make(free(file)?, signer).await?.into_zip(file).await
    }

    /// The kinds of identifiers by which the person was found.
    fn kinds(&self) -> BTreeSet<&'a str> {
        self.selection.identifiers().map(crate::source::selection::Identifier::kind).collect()
    }
}

/// The folder of a place where nothing is yet.
fn free(place: &Path) -> Result<&Path, AccessError> {
    if place.symlink_metadata().is_ok() {
        return Err(AccessError::AlreadyExists { path: place.to_owned() });
    }
    Ok(place.parent().unwrap_or(Path::new(".")))
}

impl fmt::Debug for AccessBundle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessBundle")
            .field("id", &self.id)
            .field("form", &self.form)
            .finish_non_exhaustive()
    }
}
