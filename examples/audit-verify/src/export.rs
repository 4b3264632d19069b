//! `export`: a chain as files.

use std::fs::File;
use std::io::{BufWriter, Write};

use audit_core::siem::Producer;
use audit_core::{JournalName, VerifierKey};
use audit_store::{BundleOptions, ExportFormat};
use tool_support::output::{Unfinished, Workshop};
use tool_support::{AnyJournal, During, Failure, grouped, printed, with_journal};

use crate::cli::{Export, Format};

/// Exports a chain; what is there already is never replaced.
pub(crate) async fn export(
    arguments: &Export,
    out: &mut (impl Write + Send),
) -> Result<u8, Failure> {
    let Export { chain, out: place, .. } = arguments;
    let shown = place.display();
    let journal = AnyJournal::read(&arguments.database).await?;
    let exported = match arguments.format {
        Format::Bundle => {
            let workshop = Workshop::new(place).during(&shown)?;
            let options = BundleOptions::new();
            let inside = workshop.path();
            let manifest = if place.extension().is_some_and(|extension| extension == "zip") {
                with_journal!(&journal, j => j.export_bundle_zip(chain, inside, &options).await)
            } else {
                with_journal!(&journal, j => j.export_bundle(chain, inside, &options).await)
            };
            let manifest = manifest.during(format!("cannot export {chain}"))?;
            workshop.finish().during(&shown)?;
            format!(
                "{} lines of entries, {} of private fields",
                grouped(manifest.entries),
                grouped(manifest.disclosures)
            )
        }
        other => {
            let format = format(other, &journal)?;
            let unfinished = Unfinished::new(place, false).during(&shown)?;
            let file = BufWriter::new(File::create(unfinished.path()).during(&shown)?);
            let written = with_journal!(&journal, journal => {
                match journal.export(chain, .., format).await {
                    Ok(export) => export.write_to(file).await,
                    Err(error) => Err(error),
                }
            });
            let summary = written.during(format!("cannot export {chain}"))?;
            unfinished.finish().during(&shown)?;
            format!("{} entries, {} bytes", grouped(summary.entries), grouped(summary.bytes))
        }
    };
    journal.close().await;
    printed(writeln!(out, "{shown}: {chain}, {exported}"))?;
    Ok(0)
}

fn format(format: Format, journal: &AnyJournal) -> Result<ExportFormat, Failure> {
    // The journal's key bears its name.
    let key: VerifierKey =
        with_journal!(journal, journal => journal.key().parse()).during("the journal's key")?;
    let name = JournalName::new(key.name()).during("the journal's name")?;
    let producer = || Producer::new(name, "audit family", "audit-store");
    Ok(match format {
        Format::Cloudevents => ExportFormat::CloudEvents(producer()),
        Format::Csv => ExportFormat::Csv,
        Format::Ecs => ExportFormat::Ecs(producer()),
        Format::Ocsf => ExportFormat::Ocsf(producer()),
        Format::Bundle | Format::Jsonl => ExportFormat::JsonLines,
    })
}
