//! What an erasure did, in figures, and certified.

use std::collections::BTreeMap;

use audit_core::{Actor, Event, Outcome, Target};
use audit_store::Query;
use privacy_rights::{
    Applied, CERTIFIED, Certificate, ErasedCount, KeptCount, SignedCertificate, SourceDeclaration,
    Until,
};

use crate::{Done, Stage, say};

/// What was erased and what was kept, by source.
#[derive(Default)]
pub(crate) struct Tally {
    erased: BTreeMap<String, (u64, BTreeMap<String, u64>)>,
    kept: BTreeMap<(String, String, Until), u64>,
}

impl Tally {
    /// Adds what became of a page of records.
    pub(crate) fn add(&mut self, source: &SourceDeclaration, applied: &Applied) {
        let (records, _) = self.erased.entry(source.name().to_owned()).or_insert_with(|| {
            let mut strategies = BTreeMap::new();
            for strategy in source.fields().iter().filter_map(|field| source.strategy_of(field)) {
                let count: &mut u64 = strategies.entry(strategy.to_string()).or_default();
                *count = count.saturating_add(1);
            }
            (0, strategies)
        });
        *records = records.saturating_add(applied.changed);
        for kept in &applied.kept {
            for reason in &kept.reasons {
                let of = (source.name().to_owned(), reason.ground.clone(), reason.until.clone());
                let count = self.kept.entry(of).or_default();
                *count = count.saturating_add(1);
            }
        }
    }

    /// Tells it to whoever looks on.
    pub(crate) fn tell(&self) -> Done {
        for (source, (records, strategies)) in &self.erased {
            let how: Vec<&str> = strategies.keys().map(String::as_str).collect();
            say(format_args!("      {source:<14} {records:>3} erased: {}", how.join(", ")))?;
        }
        for ((source, ground, until), records) in &self.kept {
            let until = match until {
                Until::Date(day) => format!("until {day}"),
                Until::HoldReleased(hold) => format!("until the hold {hold} is released"),
                _ => "until somebody knows until when".to_owned(),
            };
            say(format_args!("      {source:<14} {records:>3} kept {until}: {ground}"))?;
        }
        Ok(())
    }

    /// As a certificate lists it.
    pub(crate) fn counts(&self) -> (Vec<ErasedCount>, Vec<KeptCount>) {
        let erased = self.erased.iter().map(|(source, (records, strategies))| {
            ErasedCount::new(source.clone(), *records, strategies.clone())
        });
        let kept = self.kept.iter().map(|((source, ground, until), records)| {
            KeptCount::new(source.clone(), ground.clone(), until.clone(), *records)
        });
        (erased.collect(), kept.collect())
    }
}

impl Stage {
    /// Signs a certificate under an entry of the journal that records it.
    pub(crate) async fn certify(&self, certificate: &Certificate) -> Done {
        let event = Event::builder(CERTIFIED, Actor::system("privacy-rights"))
            .outcome(Outcome::Success)
            .target(Target::new("rights_request", certificate.request().to_string()))
            .meta("certificate", certificate.digest());
        let receipt = self.journal.append(&self.chain, event.build()?).await?;
        self.journal.checkpoint(&self.chain).await?;
        let entry = self.journal.query(&Query::new(&self.chain).action(CERTIFIED)).await?;
        let entry = entry.entries.first().ok_or("the entry is there")?.as_str().to_owned();
        let proof = self.journal.proof_file(&self.chain, receipt.seq).await?;
        let note = SignedCertificate::sign(certificate, &self.key)?;
        let signed = SignedCertificate::new(note, proof.with_extra(entry.into_bytes())?)?;
        let at = self.folder.join("certificate.txt");
        std::fs::write(&at, signed.to_string())?;
        let text = std::fs::read_to_string(&at)?;
        SignedCertificate::parse(&text)?.verify(&[self.key.verifier().clone()])?;
        say(format_args!(
            "    Certified, without her name, and checked with the public key alone:"
        ))?;
        say(format_args!("      audit-verify certificate {} --key KEY", at.display()))
    }
}
