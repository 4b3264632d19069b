//! Whom an erasure is about, and what speaks for them.

use std::sync::Arc;

use audit_core::{SubjectRef, Target};
use uuid::Uuid;

use crate::backend::Backend;
use crate::desk::vault::{open_person, seal_person};
use crate::erasure::error::EraseError;
use crate::erasure::saga::Eraser;
use crate::erasure::store::Body;
use crate::source::PersonalDataSource;
use crate::source::error::SourceError;
use crate::source::hold::HoldPermit;
use crate::source::permit::Permit;
use crate::source::resolve::{Resolution, resolve};
use crate::source::selection::Selection;

impl<DB: Backend> Eraser<DB> {
    /// Everything that the person of a request is known by.
    pub(super) async fn resolved(&self, request: Uuid) -> Result<Selection, EraseError> {
        let start = self.desk.person(request).await?;
        let single: Vec<&str> = self.single.iter().map(String::as_str).collect();
        let sources: Vec<&dyn PersonalDataSource> =
            self.sources.iter().map(|source| &**source).collect();
        match resolve(&sources, start, &single).await? {
            Resolution::One(person) => Ok(person),
            Resolution::Ambiguous { kind, values, .. } => {
                Err(EraseError::Ambiguous { kind, values })
            }
        }
    }

    /// The pseudonyms that the person has in the journal, which forgets whose they were.
    pub(super) async fn refs(&self, person: &Selection) -> Result<Vec<SubjectRef>, EraseError> {
        let mut refs = Vec::new();
        let Some(kind) = &self.journal_subject else { return Ok(refs) };
        let mut tx = self.desk.journal.begin().await?;
        for subject in person.values(kind) {
            let found = self.desk.journal.subject_in(&mut tx, self.tenant(), subject).await;
            refs.extend(found.map_err(|error| SourceError::Unavailable(Box::new(error)))?);
        }
        tx.rollback().await?;
        Ok(refs)
    }

    /// Who is asked whether records of a person may go.
    pub(super) fn permit_of(&self, person: &Selection, refs: &[SubjectRef]) -> Arc<dyn Permit> {
        if let Some(permit) = &self.permit {
            return Arc::clone(permit);
        }
        let mut permit = HoldPermit::new(self.desk.journal.clone(), self.tenant());
        for subject in refs {
            permit = permit.subject_ref(*subject);
        }
        // A hold may have given the person a pseudonym since.
        for subject in self.journal_subject.iter().flat_map(|kind| person.values(kind)) {
            permit = permit.subject(subject);
        }
        for identifier in person.identifiers() {
            permit = permit.target(Target::new(identifier.kind(), identifier.value()));
        }
        for source in &self.sources {
            let name = source.declaration().name();
            permit = permit.records_of(name, name);
        }
        Arc::new(permit)
    }

    pub(super) async fn seal(&self, vault: Uuid, person: &Selection) -> Result<String, EraseError> {
        Ok(seal_person(&*self.desk.options.vault, (self.tenant(), vault), person).await?)
    }

    /// Whom an erasure is about.
    pub(super) async fn person(&self, body: &Body) -> Result<Selection, EraseError> {
        let vault = &*self.desk.options.vault;
        Ok(open_person(vault, (self.tenant(), body.vault), &body.identity).await?)
    }
}
