//! She asks to be forgotten: what the law keeps stays until it does not.

use std::sync::Arc;

use privacy_rights::sqlx::Sqlite;
use privacy_rights::{
    BoxFuture, Certificate, Eraser, ErasurePlan, FileNoteLedger, Identifier, NewRequest,
    NoticeOutcome, Notifier, Progress, Right, Selection, SignedCertificate, SourceError, Until,
};
use uuid::Uuid;

use crate::stage::{Stage, clerk, officer};
use crate::{Done, say};

/// Why she may ask for it: the data is not needed any more.
const GROUND: &str = "gdpr-17-1-a";

/// Tells the bookkeeper: a message, a call of an interface, a letter.
struct Letters;

impl Notifier for Letters {
    fn notify<'a>(
        &'a self,
        _recipient: &'a str,
        _request: Uuid,
        _person: &'a Selection,
    ) -> BoxFuture<'a, Result<NoticeOutcome, SourceError>> {
        Box::pin(async { Ok(NoticeOutcome::Told) })
    }
}

impl Stage {
    /// Carries erasures out: over the tables, the journal's private fields and those who were told.
    pub(crate) fn eraser(&self) -> Done<Eraser<Sqlite>> {
        // Outside of the database: a restored backup does not know whom to forget, the ledger does.
        let ledger = Arc::new(FileNoteLedger::new(self.folder.join("erasures.ledger")));
        let signer = Arc::new(self.key.renamed("audit.example.com")?);
        let desk = Arc::clone(&self.desk);
        Ok(Eraser::new(desk, self.tables.clone(), ledger, self.tokens()?, signer)
            .single("customer_id")
            .journal_subject("customer_id")
            .notifier(Arc::new(Letters), ["bookkeeper".to_owned()]))
    }

    /// From the request to the certificate.
    pub(crate) async fn erasure(&self, eraser: &Eraser<Sqlite>) -> Done<Uuid> {
        let request = NewRequest::new(Right::Erasure, self.person().await?);
        let id = self.desk.receive(request, clerk()).await?;
        self.desk.vouch_identity(id, "session", clerk()).await?;
        say(format_args!("\n 3  She asks to be forgotten. The plan, which changes nothing yet:"))?;
        let plan = eraser.preview(id, GROUND).await?;
        tell(&plan)?;

        // Whoever approves it approves these figures: with others it would not begin.
        eraser.propose(&plan, clerk()).await?;
        self.desk.approve(id, plan.digest(), None, officer()).await?;
        eraser.begin(id, GROUND, officer()).await?;
        say(format_args!("    Approved by its digest, and carried out, each step on record:"))?;
        let end = loop {
            // A crash between any two of them would be gone on from here.
            match eraser.advance(id).await? {
                Progress::Step { kind, name, state } => {
                    let step = format!("{kind:?} {name}");
                    say(format_args!("      {step:<22} {state:?}"))?;
                }
                Progress::Ended(state) => break state,
                _ => {}
            }
        };
        say(format_args!("    The erasure is {end:?}: a law keeps the rest for now."))?;

        let text = eraser.certificate(id).await?.ok_or("it was signed")?;
        let at = self.folder.join("certificate.txt");
        std::fs::write(&at, &text)?;
        // An auditor has the file and the public key, and neither the shop nor its journal.
        let signed = SignedCertificate::parse(&std::fs::read_to_string(&at)?)?;
        if let Certificate::Erasure(part) = signed.verify(&[self.key.verifier().clone()])? {
            say(format_args!(
                "    Certified, without her name: {} records are left, {} of them explained, \
                 {} recipient told.",
                part.left.records,
                part.left.explained,
                part.recipients.len()
            ))?;
        }
        say(format_args!("    Checked with the public key alone, as anybody can:"))?;
        say(format_args!("      audit-verify certificate {} --key KEY", at.display()))?;
        Ok(id)
    }

    /// Fourteen months later, some of what the law had kept is not kept any more, and an old list of
    /// addresses turns up.
    pub(crate) async fn years_later(&self, eraser: &Eraser<Sqlite>, request: Uuid) -> Done {
        self.clock.set("2031-05-05T09:00:00.000000Z".parse()?);
        say(format_args!("\n 6  In May 2031 the periods of some of her invoices are over."))?;
        for (id, state) in eraser.sweep().await? {
            let same = if id == request { "the same request goes on" } else { "another one" };
            say(format_args!("    They are erased by themselves; {same}, and is {state:?}."))?;
        }
        let old = Identifier::new("customer_id", crate::stage::CUSTOMER)?;
        let erased = eraser.is_erased(&old).await?;
        say(format_args!(
            "    An old list is imported. Was customer {} erased? {erased}: she is left out.",
            crate::stage::CUSTOMER
        ))
    }
}

/// What a plan says, source by source.
fn tell(plan: &ErasurePlan) -> Done {
    for source in &plan.sources {
        say(format_args!("      {:<14} {:>3} erased", source.source, source.erased))?;
        for kept in &source.kept {
            for reason in &kept.reasons {
                let until = match &reason.until {
                    Until::Date(day) => format!("until {day}"),
                    Until::HoldReleased(hold) => format!("until the hold {hold} is released"),
                    _ => "until somebody knows until when".to_owned(),
                };
                say(format_args!(
                    "      {:<14} {:>3} kept {until}: {}",
                    "", kept.records, reason.ground
                ))?;
            }
        }
    }
    Ok(())
}
