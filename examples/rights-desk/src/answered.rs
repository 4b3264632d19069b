//! She asks what is known of her, and gets everything in one signed bundle.

use audit_store::AccessReason;
use privacy_rights::{
    AccessBundle, AccessNotice, AutomatedDecisions, JournalSource, NewRequest, Right, verify_bundle,
};

use crate::stage::{CUSTOMER, Stage, clerk};
use crate::{Done, declared, say};

impl Stage {
    pub(crate) async fn access(&self) -> Done {
        let person = self.person().await?;
        let names = person.len();
        let request = NewRequest::new(Right::Access, person.clone());
        let id = self.desk.receive(request, clerk()).await?;
        let due = self.desk.due(id).await?;
        say(format_args!(
            "\n 2  Customer {CUSTOMER}, known by {names} identifiers, asks for her data."
        ))?;
        if let Some(deadline) = due.deadline() {
            say(format_args!("    The answer is due on {}:", deadline.last_day))?;
        }
        for ground in due.grounds() {
            say(format_args!("      - {ground}"))?;
        }
        let code = self.desk.ask_identity(id, clerk()).await?;
        let verdict = self.desk.prove_identity(id, code.reveal(), clerk()).await?;
        say(format_args!(
            "    A code of six digits went to her address; she typed it: {verdict:?}."
        ))?;

        // The journal is a source like the tables: who looked at her data, by role.
        let reason = AccessReason::new(clerk(), id.to_string());
        let journal = self.journal.clone();
        let journal = JournalSource::new(journal, "records", reason, declared::journal()?)?;
        let journal = journal.roles(|_| "our staff".to_owned());

        let at = self.folder.join("bundle");
        let notice = AccessNotice::new(
            "Data Protection Authority, Brussels",
            "From you, when you opened your account and when you bought something.",
            AutomatedDecisions::None,
        );
        let mut bundle = AccessBundle::access(&self.map, &person, &notice, id, self.now().into())
            .source(&journal);
        for table in &self.tables {
            bundle = bundle.source(&**table);
        }
        let manifest = bundle.write_directory(&at, &self.key).await?;
        // Anybody can check it, with the public key alone.
        verify_bundle(&at, &[self.key.verifier().clone()])?;
        say(format_args!("    Her bundle has {} files, signed:", manifest.files.len()))?;
        for file in manifest.files.iter().filter(|file| file.path.ends_with(".csv")) {
            if let Some(rows) = file.rows {
                let records = if rows == 1 { "record " } else { "records" };
                say(format_args!("      {rows:>4} {records} in {}", file.path))?;
            }
        }
        for field in &manifest.not_given {
            say(format_args!("      without {}.{} ({})", field.source, field.field, field.ground))?;
        }
        say(format_args!("    Open {} in a browser.", at.join("index.html").display()))
    }
}
