//! `prove`: one entry's proof as a file.

use std::io::Write;

use audit_store::Query;
use tool_support::{AnyJournal, During, Failure, grouped, output, printed, with_journal};

use crate::cli::Prove;

/// Writes the proof of one entry.
pub(crate) async fn prove(arguments: &Prove, out: &mut (impl Write + Send)) -> Result<u8, Failure> {
    let Prove { chain, seq, .. } = arguments;
    let journal = AnyJournal::read(&arguments.database).await?;
    let mut proof = with_journal!(&journal, journal => journal.proof_file(chain, *seq).await)
        .during(format!("cannot prove entry {seq} of {chain}"))?;
    if !arguments.without_entry {
        let query = Query::new(chain).seqs(*seq..seq.saturating_add(1)).page_size(1);
        let page = with_journal!(&journal, journal => journal.query(&query).await)
            .during(format!("cannot read entry {seq} of {chain}"))?;
        let entry = page.entries.into_iter().next().ok_or_else(|| {
            Failure::new(format!(
                "the record of entry {seq} is gone; its hash still proves a copy of it: \
                 --without-entry"
            ))
        })?;
        proof = proof.with_extra(entry.into_string().into_bytes()).during("the entry")?;
    }
    journal.close().await;
    let path = &arguments.out;
    output::write(path, proof.to_string().as_bytes()).during(path.display())?;
    let head = proof.checkpoint().checkpoint().head;
    let hashes = proof.proof().hashes().len();
    printed(writeln!(
        out,
        "{}: entry {} of {chain}, {hashes} hashes under the checkpoint of size {}",
        path.display(),
        grouped(*seq),
        grouped(head.size)
    ))?;
    Ok(0)
}
