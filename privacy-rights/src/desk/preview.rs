//! What would be done, before anything is.

use audit_core::Actor;
use serde::Serialize;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::backend::Backend;
use crate::desk::Desk;
use crate::desk::error::DeskError;
use crate::request::Request;
use crate::request::event::RequestEvent;
use crate::source::PersonalDataSource;
use crate::source::record::Step;

/// What a request concerns in one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SourcePreview {
    /// The source.
    pub source: String,
    /// How many records hold something that an erasure would erase.
    pub records: u64,
    /// How many of them a law keeps, in full or in part.
    pub kept_by_law: u64,
}

/// What would be done: counts, and no data. Nothing is written to make it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Preview {
    /// The request.
    pub request: Uuid,
    /// What is asked for.
    pub right: &'static str,
    /// Source by source, in the order given.
    pub sources: Vec<SourcePreview>,
}

impl Preview {
    /// The digest of what is shown: what is approved is this, and no longer what it was once
    /// anything in it has changed.
    #[must_use]
    pub fn digest(&self) -> String {
        // Its members are texts and numbers, which always serialise.
        let text = serde_json::to_string(self).unwrap_or_default();
        let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
        base16ct::lower::encode_string(&digest)
    }
}

impl<DB: Backend> Desk<DB> {
    /// Counts what a request concerns in each source.
    ///
    /// # Errors
    ///
    /// [`DeskError::Source`], [`DeskError::Vault`], [`DeskError::Unknown`], those of the database.
    pub async fn preview(
        &self,
        id: Uuid,
        sources: &[&dyn PersonalDataSource],
    ) -> Result<Preview, DeskError> {
        let request = self.request(id).await?;
        let person = self.person(id).await?;
        let today = self.options.place.day(self.options.clock.now());
        let step = Step::new(id, today);
        let mut all = Vec::with_capacity(sources.len());
        for source in sources {
            let found = source.remaining(&person, &step).await?;
            all.push(SourcePreview {
                source: source.declaration().name().to_owned(),
                records: found.records,
                kept_by_law: found.kept_by_law,
            });
        }
        Ok(Preview { request: id, right: request.right().name(), sources: all })
    }

    /// Makes a plan of a preview: from now on it waits for approval, by its digest.
    ///
    /// # Errors
    ///
    /// As of [`ask_scope`](Self::ask_scope).
    pub async fn plan(&self, preview: &Preview, actor: Actor) -> Result<Request, DeskError> {
        let digest = preview.digest();
        self.step(preview.request, RequestEvent::Planned { digest }, actor).await
    }
}
