//! The answer to a request for access: everything that is known of a person, as one bundle.

use std::collections::BTreeMap;
use std::fmt;

use askama::Template as _;
use audit_core::{Note, SigningKey, Timestamp};
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::access::page::IndexPage;
use crate::access::record::{CsvFile, JsonFile, Redactor, RowFile, schema};
use crate::access::sink::{BundleSink, Writing};
use crate::data_map::DataMap;
use crate::data_map::source::SourceDeclaration;
use crate::source::PersonalDataSource;
use crate::source::error::SourceError;
use crate::source::selection::Selection;
use crate::source::walk::Pages;

pub(crate) mod page;
pub(crate) mod record;
pub(crate) mod sink;

/// The format of the manifest.
pub const ACCESS_FORMAT: &str = "privacy-rights/access/1";

/// A bundle that was not written. What the sink holds is to be thrown away; both sinks that are
/// given do so when they are dropped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AccessError {
    /// The records changed while they were written; try again.
    #[error("the records of the source {source_name:?} changed while they were written")]
    Changed {
        /// The source.
        source_name: String,
    },
    /// The sink failed.
    #[error("the bundle cannot be written")]
    Io(#[from] std::io::Error),
    /// A source of the data map was neither given nor explained: the answer would not be complete.
    #[error("the source {source_name:?} is neither given nor explained")]
    Missing {
        /// The source.
        source_name: String,
    },
    /// The key cannot sign documents.
    #[error("the key cannot sign the manifest")]
    Signature(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A source failed.
    #[error("the source {source_name:?} failed")]
    Source {
        /// The source.
        source_name: String,
        /// Why.
        #[source]
        source: SourceError,
    },
    /// A source that the data map does not know.
    #[error("the source {source_name:?} is not in the data map")]
    Undeclared {
        /// The source.
        source_name: String,
    },
}

/// One file of a bundle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AccessFile {
    /// Its path.
    pub path: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256, in hexadecimal.
    pub sha256: String,
    /// How many records it holds, if it holds records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
}

/// What stands in `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AccessManifest {
    /// [`ACCESS_FORMAT`].
    pub format: &'static str,
    /// The request that it answers.
    pub request: Uuid,
    /// When it was made.
    pub made_at: Timestamp,
    /// Its files, but for the manifest and its signature, in the order in which they were written.
    pub files: Vec<AccessFile>,
    /// The sources that are not in it, with the reason.
    pub explained: BTreeMap<String, String>,
}

/// Writes the bundle of one person.
///
/// `index.html` is readable offline and says what GDPR Art. 15(1) asks for, taken from the data map;
/// `data/` holds the records of each source as JSON and as CSV, `schema/` what their fields mean;
/// `manifest.json` lists all files with their hashes, and `manifest.sig` is a signed note over it by
/// the key `<name>/documents`, so that nobody can take it for a checkpoint.
///
/// Records pass through page by page: a person with ten million of them costs no more memory than one
/// with ten. Each source is read twice, for the two forms; what changes in between is an error. File
/// names are made of the declaration's names, never of data.
pub struct AccessBundle<'a> {
    map: &'a DataMap,
    request: Uuid,
    person: Selection,
    made_at: Timestamp,
    explained: BTreeMap<String, String>,
    redactor: Option<&'a Redactor>,
}

impl<'a> AccessBundle<'a> {
    /// The answer to a request about that person.
    #[must_use]
    pub const fn new(
        map: &'a DataMap,
        request: Uuid,
        person: Selection,
        made_at: Timestamp,
    ) -> Self {
        let explained = BTreeMap::new();
        Self { map, request, person, made_at, explained, redactor: None }
    }

    /// Leaves out a source, and says why.
    #[must_use]
    pub fn explain(mut self, source: impl Into<String>, reason: impl Into<String>) -> Self {
        self.explained.insert(source.into(), reason.into());
        self
    }

    /// Takes from values what they say of others ([`ExportRule::RedactOthers`]); without it, such
    /// values are withheld as a whole.
    ///
    /// [`ExportRule::RedactOthers`]: crate::ExportRule::RedactOthers
    #[must_use]
    pub const fn redacting(mut self, redactor: &'a Redactor) -> Self {
        self.redactor = Some(redactor);
        self
    }

    /// Writes it. `progress` hears of each page how many records of which source were written so far.
    ///
    /// The sink writes where it is called; on a runtime that must not wait for a disk, call this from
    /// a task of its own.
    ///
    /// # Errors
    ///
    /// Any [`AccessError`].
    pub async fn write(
        self,
        sources: &[&dyn PersonalDataSource],
        key: &SigningKey,
        sink: &mut dyn BundleSink,
        mut progress: impl FnMut(&str, u64) + Send,
    ) -> Result<AccessManifest, AccessError> {
        self.check(sources)?;
        let mut files = Vec::new();
        let mut counts = BTreeMap::new();
        for (at, declaration) in self.map.sources().iter().enumerate() {
            let name = declaration.name();
            let found = sources.iter().find(|source| source.declaration().name() == name);
            let Some(source) = found else { continue };
            let stem = format!("{:02}-{}", at.saturating_add(1), harmless(name));
            let json = format!("data/{stem}.json");
            let mut form = JsonFile::new(declaration, self.redactor);
            let rows =
                self.rows(*source, &json, &mut form, sink, &mut files, &mut progress).await?;
            let csv = format!("data/{stem}.csv");
            let mut form = CsvFile::new(declaration, self.redactor);
            let again = self.rows(*source, &csv, &mut form, sink, &mut files, |_, _| {}).await?;
            if rows != again {
                return Err(AccessError::Changed { source_name: name.to_owned() });
            }
            counts.insert(name.to_owned(), rows.0);
            let text = schema(self.map, declaration);
            files.push(Writing::whole(sink, &format!("schema/{stem}.schema.json"), &text)?);
        }
        let page = IndexPage::new(self.map, self.request, self.made_at, &counts, &self.explained);
        let page = page.render().map_err(std::io::Error::other)?;
        files.push(Writing::whole(sink, "index.html", &page)?);
        self.sign(files, key, sink)
    }

    /// All of the map, and nothing else.
    fn check(&self, sources: &[&dyn PersonalDataSource]) -> Result<(), AccessError> {
        let given = |name: &str| sources.iter().any(|source| source.declaration().name() == name);
        let missing = |source: &&SourceDeclaration| {
            !given(source.name())
                && self.explained.get(source.name()).is_none_or(|why| why.trim().is_empty())
        };
        if let Some(source) = self.map.sources().iter().find(missing) {
            return Err(AccessError::Missing { source_name: source.name().to_owned() });
        }
        let known = |source: &&&dyn PersonalDataSource| {
            self.map.source(source.declaration().name()).is_none()
        };
        match sources.iter().find(known) {
            Some(source) => {
                Err(AccessError::Undeclared { source_name: source.declaration().name().to_owned() })
            }
            None => Ok(()),
        }
    }

    /// Writes the records of a source in one form; how many, and a digest of their keys.
    async fn rows(
        &self,
        source: &dyn PersonalDataSource,
        path: &str,
        form: &mut (dyn RowFile + Send),
        sink: &mut dyn BundleSink,
        files: &mut Vec<AccessFile>,
        mut progress: impl FnMut(&str, u64) + Send,
    ) -> Result<(u64, [u8; 32]), AccessError> {
        let name = source.declaration().name();
        let mut writing = Writing::begin(sink, path)?;
        let (mut count, mut keys) = (0_u64, Sha256::new());
        writing.write(&form.head())?;
        let mut pages = Pages::new(source, self.person.clone());
        let failed = |source| AccessError::Source { source_name: name.to_owned(), source };
        while let Some(page) = pages.next().await.map_err(failed)? {
            for record in &page.records {
                keys.update(u64::try_from(record.key.len()).unwrap_or(u64::MAX).to_be_bytes());
                keys.update(record.key.as_bytes());
                writing.write(&form.row(record, count == 0))?;
                count = count.saturating_add(1);
            }
            progress(name, count);
        }
        writing.write(&form.tail(count == 0))?;
        files.push(writing.end(Some(count))?);
        Ok((count, keys.finalize().into()))
    }

    fn sign(
        self,
        files: Vec<AccessFile>,
        key: &SigningKey,
        sink: &mut dyn BundleSink,
    ) -> Result<AccessManifest, AccessError> {
        let manifest = AccessManifest {
            format: ACCESS_FORMAT,
            request: self.request,
            made_at: self.made_at,
            files,
            explained: self.explained,
        };
        let mut text = serde_json::to_string_pretty(&manifest).map_err(std::io::Error::other)?;
        text.push('\n');
        let written = Writing::whole(sink, "manifest.json", &text)?;
        let refused =
            |error: Box<dyn std::error::Error + Send + Sync>| AccessError::Signature(error);
        let name = format!("{}/documents", key.verifier().name());
        let key = key.renamed(&name).map_err(|error| refused(error.into()))?;
        let words = format!("{ACCESS_FORMAT}\n{}\n{}\n", self.request, written.sha256);
        let signature = key.sign(&words);
        let mut note = Note::new(words).map_err(|error| refused(error.into()))?;
        note.add(signature).map_err(|error| refused(error.into()))?;
        Writing::whole(sink, "manifest.sig", &note.to_string())?;
        sink.finish()?;
        Ok(manifest)
    }
}

impl fmt::Debug for AccessBundle<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessBundle").field("request", &self.request).finish_non_exhaustive()
    }
}

/// A part of a file's name, whatever a source is called.
fn harmless(name: &str) -> String {
    let one = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    name.chars().map(one).take(40).collect()
}
