//! What a controller can be asked to show: breaches, the records of processing, the journal.

use std::time::Duration;

use audit_core::{AuditorPolicy, ChainId};
use audit_store::{Query, VerifyOptions};
use privacy_rights::{BreachStep, Duty, Register, Risk};

use crate::stage::{Stage, clerk, officer};
use crate::{Done, say};

const BREACH: &str = "2030-1";

impl Stage {
    /// A list of addresses went to the wrong printer.
    pub(crate) async fn breach(&self) -> Done {
        let facts = String::from("a list of addresses was sent to the wrong printer");
        let aware = BreachStep::Aware { facts };
        let breach = self.registers.breach_step(BREACH, self.now(), aware, clerk()).await?;
        let (regime, place) = &self.law;
        let rule = regime.rule(&Duty::TELL_AUTHORITY).ok_or("the GDPR has one")?;
        if let Some(due) = breach.due(rule, place)?
            && let Some(deadline) = due.deadline()
        {
            say(format_args!("\n 4  A breach: the authority is told before {}.", deadline.ends))?;
        }
        self.clock.advance(Duration::from_secs(50 * 3600));
        let raised: Vec<String> =
            self.registers.sweep().await?.iter().map(|(_, hours)| format!("{hours} h")).collect();
        say(format_args!(
            "    50 hours later warnings have come ({}), and somebody assesses it.",
            raised.join(", ")
        ))?;
        let (risk, persons) = (Risk::Unlikely, Some(3));
        let (effects, measures) = ("three addresses were seen by staff".into(), "shredded".into());
        let reason = || String::from("colleagues under confidentiality saw it, for minutes");
        for step in [
            BreachStep::Assessed { risk, persons, effects, measures },
            BreachStep::AuthorityNotRequired { reason: reason() },
            BreachStep::PersonsNotRequired { reason: reason() },
            BreachStep::Closed,
        ] {
            self.registers.breach_step(BREACH, self.now(), step, officer()).await?;
        }
        Ok(())
    }

    /// What follows from the declarations, and what was entered.
    pub(crate) async fn registers(&self) -> Done {
        say(format_args!("\n 5  For whoever asks:"))?;
        self.write("processing.html", &self.map.processing_register())?;
        self.write("bases.html", &self.map.basis_register())?;
        let kept = self.registers.registers().await?;
        let breaches = kept.first().ok_or("there is one of breaches")?;
        self.write("breaches.html", breaches)
    }

    fn write(&self, name: &str, register: &Register) -> Done {
        std::fs::write(self.folder.join(name), register.to_html()?)?;
        let (title, basis, rows) = (register.title(), register.basis(), register.rows().len());
        say(format_args!("    {title} ({basis}): {rows} rows, in {name}"))
    }

    /// All of it stands in the journal, and of her there is nothing in it.
    pub(crate) async fn looking_back(self) -> Done {
        say(format_args!("\n 7  What the journal says of it:"))?;
        let question = Query::new(&self.chain).oldest_first();
        for stored in self.journal.query(&question).await?.entries {
            let entry = stored.entry()?;
            let (seq, action) = (entry.seq(), entry.event().action());
            if action.starts_with("rights.") || action.starts_with("register.") {
                say(format_args!("    {seq:>4}  {action}"))?;
            }
        }
        for chain in [&self.chain, &ChainId::new("records", "app")?] {
            self.journal.checkpoint(chain).await?;
        }
        let policy = AuditorPolicy::new([self.key.verifier().clone()]);
        let report = self.journal.verify(&VerifyOptions::new(policy)).await?;
        say(format_args!("    The auditor checks it: {}.\n", report.verdict))?;
        self.journal.close().await;
        Ok(())
    }
}
