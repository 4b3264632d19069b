//! The certificate of an erasure: recorded first, signed then.

use audit_core::{Actor, JournalName, Outcome as EventOutcome, Target};
use audit_store::Query;
use uuid::Uuid;

use crate::backend::Backend;
use crate::erasure::certificate::error::CertificateError;
use crate::erasure::certificate::signed::SignedCertificate;
use crate::erasure::certificate::{
    CERTIFIED, Certificate, ErasedCount, ErasureCertificate, KeptCount, NoticeOutcome,
    RecipientNotice,
};
use crate::erasure::error::EraseError;
use crate::erasure::plan::strategies;
use crate::erasure::saga::{Eraser, Progress};
use crate::erasure::store::{
    self, After, Body, ErasureState, Outcome, StepKind, StepState, StoredErasure, StoredStep,
};

impl<DB: Backend> Eraser<DB> {
    /// Whatever a certificate could not say is found before anything is destroyed.
    pub(super) fn may_be_certified(
        &self,
        request: Uuid,
        body: &Body,
        steps: &[StoredStep],
    ) -> Result<(), EraseError> {
        let mut steps = steps.to_vec();
        for step in steps.iter_mut().filter(|step| step.kind == StepKind::Notify) {
            step.outcome.notice = Some(NoticeOutcome::Told);
        }
        let (body, state, certificate) = (body.clone(), ErasureState::Running, None);
        let after = After::default();
        let stored = StoredErasure { state, body, certificate, after, steps };
        Ok(Certificate::Erasure(self.part_one(request, &stored)?).check()?)
    }

    /// What the certificate says, from what the steps did.
    fn part_one(
        &self,
        request: Uuid,
        stored: &StoredErasure,
    ) -> Result<ErasureCertificate, EraseError> {
        let wrong = |_| CertificateError::Form { what: "the journal's name" };
        let journal = JournalName::new(self.signer.verifier().name()).map_err(wrong)?;
        let chain = self.desk.options.chain.clone();
        let now = std::cmp::max(self.desk.options.clock.now(), stored.body.at);
        let what = (stored.body.ground.as_str(), stored.body.plan.as_str());
        let mut part =
            ErasureCertificate::new((journal, chain), request, what, (stored.body.at, now));
        let mut kept: Vec<KeptCount> = Vec::new();
        for step in &stored.steps {
            let outcome = &step.outcome;
            match step.kind {
                StepKind::Source => {
                    let declaration = self.source(&step.name)?.declaration();
                    let strategies = strategies(declaration);
                    part.erased.push(ErasedCount::new(&step.name, step.erased(), strategies));
                    kept.extend(outcome.kept.iter().cloned());
                    part.deferred = part.deferred.saturating_add(outcome.records_kept);
                }
                StepKind::Keys => part.keys_destroyed = outcome.keys,
                StepKind::Journal => {
                    part.journal_entries = outcome.erased();
                    kept.extend(outcome.kept.iter().cloned());
                    part.deferred = part.deferred.saturating_add(outcome.records_kept);
                }
                StepKind::Verify => part.left = outcome.left.unwrap_or_default(),
                StepKind::Notify => {
                    let notice = outcome.notice.clone();
                    part.recipients.extend(
                        notice.map(|outcome| RecipientNotice::new(step.name.clone(), outcome)),
                    );
                }
                _ => {}
            }
        }
        part.erased.sort_by(|a, b| a.source.cmp(&b.source));
        kept.sort_by(|a, b| {
            (&a.source, &a.ground, &a.until).cmp(&(&b.source, &b.ground, &b.until))
        });
        part.kept = kept;
        part.recipients.sort_by(|a, b| a.recipient.cmp(&b.recipient));
        Ok(part)
    }

    /// Makes the certificate and its entry, in one transaction.
    pub(super) async fn certify(
        &self,
        request: Uuid,
        stored: &StoredErasure,
        step: &StoredStep,
    ) -> Result<Progress, EraseError> {
        let certificate = Certificate::Erasure(self.part_one(request, stored)?);
        certificate.check()?;
        let digest = certificate.digest();
        let outcome = Outcome { certificate: Some(certificate.to_string()), ..Outcome::default() };
        let attempts = step.attempts.saturating_add(1);
        let new = StoredStep { state: StepState::Done, attempts, outcome, ..step.clone() };
        let mut tx = self.desk.journal.begin().await?;
        store::change::<DB>(&mut tx, request, step, &new).await?;
        let entry = self
            .entry(CERTIFIED, request, Actor::system("privacy-rights"))
            .meta("certificate", digest)
            .outcome(EventOutcome::Success);
        self.record(&mut tx, entry.build()?).await?;
        tx.commit().await?;
        Ok(Progress::Step { kind: step.kind, name: String::new(), state: StepState::Done })
    }

    /// Signs what was recorded, with the proof of the entry.
    pub(super) async fn sign(
        &self,
        request: Uuid,
        stored: &StoredErasure,
        step: &StoredStep,
    ) -> Result<Progress, EraseError> {
        let recorded = stored.steps.iter().find(|step| step.kind == StepKind::Certify);
        let text = recorded.and_then(|step| step.outcome.certificate.clone());
        let certificate = Certificate::parse(&text.ok_or(EraseError::Damaged)?)?;
        let signed = self.signed(&certificate).await?;
        let attempts = step.attempts.saturating_add(1);
        let new = StoredStep { state: StepState::Done, attempts, ..step.clone() };
        let mut tx = self.desk.journal.begin().await?;
        store::change::<DB>(&mut tx, request, step, &new).await?;
        store::set_certificate::<DB>(&mut tx, request, &signed.to_string()).await?;
        tx.commit().await?;
        Ok(Progress::Step { kind: step.kind, name: String::new(), state: StepState::Done })
    }

    /// A certificate whose entry stands, with signature and proof.
    pub(super) async fn signed(
        &self,
        certificate: &Certificate,
    ) -> Result<SignedCertificate, EraseError> {
        let (journal, chain) = (&self.desk.journal, &self.desk.options.chain);
        journal.sequence().await?;
        let target = Target::new("rights_request", certificate.request().to_string());
        let query = Query::new(chain).action(CERTIFIED).target(target);
        let digest = certificate.digest();
        let page = journal.query(&query).await?;
        let mut found = None;
        for stored in page.entries {
            let entry = stored.entry().map_err(|_| EraseError::Damaged)?;
            if entry.event().meta().is_some_and(|meta| meta.contains(&digest)) {
                found = Some((entry.seq(), stored.as_str().to_owned()));
            }
        }
        let (seq, text) = found.ok_or(EraseError::Damaged)?;
        journal.checkpoint(chain).await?;
        let proof = journal.proof_file(chain, seq).await?;
        let proof = proof.with_extra(text.into_bytes()).map_err(CertificateError::Proof)?;
        let key = self.signer.verifier();
        let signature = self.signer.sign(&SignedCertificate::text(certificate)).await?;
        let note = SignedCertificate::signed_elsewhere(certificate, &key, &signature)?;
        Ok(SignedCertificate::new(note, proof)?)
    }
}
