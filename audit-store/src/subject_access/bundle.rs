//! What a journal holds about one person, as files that can be checked.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use audit_core::Manifest;
use futures_util::TryStreamExt as _;
use serde_json::json;

use super::SubjectScope;
use crate::backend::Backend;
use crate::export::{BundleOptions, ExportError, Withholding, WorkDir};
use crate::journal::Journal;
use crate::query::private::{AccessReason, ReadPrivateError};

/// Why other people's fields are left out.
const ANOTHER_PERSON: &str = "another person";

/// What was exported about one person.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SubjectExport {
    /// How many entries are about the person.
    pub entries: u64,
    /// The bundle of each chain, in the order of the chains' making.
    pub bundles: Vec<Manifest>,
}

/// Nothing was exported, and nothing is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SubjectExportError {
    /// A bundle could not be made.
    #[error("the journal's part cannot be exported")]
    Export(#[from] ExportError),
    /// The person's fields could not be read.
    #[error("what is about the person cannot be read")]
    Read(#[from] ReadPrivateError),
}

impl From<std::io::Error> for SubjectExportError {
    fn from(error: std::io::Error) -> Self {
        Self::Export(ExportError::Io(error))
    }
}

impl<DB: Backend> Journal<DB> {
    /// Exports all that the tenant's chains hold about a person into a new directory:
    ///
    /// - `activity.jsonl`, an [`Activity`](crate::Activity) a line, for the person to read;
    /// - `<series>/`, an auditor's bundle of each chain that shows it is complete. Entries that are
    ///   not about the person, or in which somebody else acted, stand there as their hashes, and
    ///   other people's fields as digests. It verifies like every bundle, and an entry of
    ///   `activity.jsonl` is found in it by its hash. Fields that are stored sealed stay so there.
    ///
    /// What is recorded between the two is in the bundles only.
    ///
    /// # Errors
    ///
    /// Any [`SubjectExportError`]; then nothing is left.
    pub async fn export_subject(
        &self,
        scope: &SubjectScope,
        reason: &AccessReason,
        directory: impl AsRef<Path> + Send,
    ) -> Result<SubjectExport, SubjectExportError> {
        let place: PathBuf = directory.as_ref().to_owned();
        if place.symlink_metadata().is_ok() {
            return Err(ExportError::AlreadyExists { path: place }.into());
        }
        let work = WorkDir::beside(&place)?;
        let about = self.store.person(scope).await?;
        let mut activity = std::pin::pin!(self.activity_of(scope, reason).await?);
        let file = std::fs::File::create(work.path().join("activity.jsonl"))?;
        let mut file = std::io::BufWriter::new(file);
        let mut entries = 0_u64;
        while let Some(line) = activity.try_next().await? {
            serde_json::to_writer(&mut file, &line).map_err(std::io::Error::from)?;
            file.write_all(b"\n")?;
            entries = entries.saturating_add(1);
        }
        file.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        let mut bundles = Vec::new();
        for (_, chain) in &about.chains {
            let options = BundleOptions::new().withholding(withholding(scope, about.subject));
            let bundle = work.path().join(chain.series());
            bundles.push(self.export_bundle(chain, bundle, &options).await?);
        }
        work.into_place(&place)?;
        Ok(SubjectExport { entries, bundles })
    }
}

fn withholding(scope: &SubjectScope, subject: Option<audit_core::SubjectRef>) -> Withholding {
    let filter = json!({ "subject": subject.map(|subject| subject.to_string()) });
    let scope = scope.clone();
    Withholding::new(filter.as_object().cloned().unwrap_or_default())
        .entries(move |entry| !scope.concerns(subject, entry) || scope.names_another(entry))
        .disclosures(move |_, of, _| (Some(of) != subject).then(|| ANOTHER_PERSON.to_owned()))
}
