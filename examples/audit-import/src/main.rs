//! Seals an existing log into a journal.

mod cli;
mod cloudtrail;
mod import;
mod jsonl;
mod lines;
mod refusal;
mod source;
mod strict;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use audit_core::{JournalName, SigningKey};
use audit_store::Query;
use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::mpsc;
use tool_support::{AnyJournal, Database, During, Failure, grouped, keys, printed, with_journal};

use crate::cli::{Cli, What};
use crate::import::{Import, Tally};
use crate::lines::Lines;

/// Exit status where some lines could not be taken.
const REFUSED: u8 = 1;
/// Batches that wait while one is sealed.
const AHEAD: usize = 4;

fn main() -> ExitCode {
    let cli = Cli::parse();
    tool_support::run("audit-import", run(cli))
}

async fn run(cli: Cli) -> Result<u8, Failure> {
    let (what, database) = cli.what()?;
    // Before anything is made: a file that is not there must not leave an empty journal behind.
    let opened = match &what {
        What::File(path, format) => {
            let opened = Lines::open(path).during(format!("cannot open {}", path.display()))?;
            Some((opened, path.clone(), *format))
        }
        What::Synthetic(_) => None,
    };
    let journal = journal(&cli, &database).await?;
    let chain = &cli.chain;
    with_journal!(&journal, journal => journal.create_chain(chain).await)
        .during(format!("cannot make the chain {chain}"))?;
    let newest = Query::new(chain).page_size(1);
    let newest = with_journal!(&journal, journal => journal.query(&newest).await)
        .during(format!("cannot read the chain {chain}"))?;
    let next = newest.entries.first().map_or(0, |entry| entry.seq().saturating_add(1));

    let (to, batches) = mpsc::channel(AHEAD);
    let (bar, position, reader) = match (opened, &what) {
        (Some(((lines, size, position), path, format)), _) => {
            let bar = bar(size, "{bytes}/{total_bytes}");
            let reader =
                tokio::task::spawn_blocking(move || source::read(lines, &path, format, &to));
            (bar, Some(position), reader)
        }
        (None, What::Synthetic(count)) => {
            let (count, seed) = (*count, cli.seed);
            let reader = tokio::task::spawn_blocking(move || source::make_up(count, seed, &to));
            (bar(count, "{human_pos}/{human_len}"), None, reader)
        }
        (None, What::File(..)) => return Err(Failure::new("the file is gone")),
    };
    let mut import = Import { journal: &journal, chain, bar: &bar, next, tally: Tally::default() };
    let sealed = import
        .run(batches, |bar, tally| {
            let known = tally.sealed.saturating_add(tally.known);
            bar.set_position(position.as_ref().map_or(known, lines::Position::get));
            bar.set_message(format!("{} sealed", grouped(tally.sealed)));
        })
        .await;
    let tally = import.tally;
    let read = reader.await.during("reading ended unexpectedly");
    bar.finish_and_clear();
    sealed?;
    // Whatever was read is sealed and signed, also where the file ends too early.
    let checkpoint = with_journal!(&journal, journal => journal.checkpoint(chain).await)
        .during("cannot sign a checkpoint")?;
    printed(report(&tally, chain.as_str(), checkpoint.checkpoint().head.size))?;
    journal.close().await;
    read??;
    Ok(if tally.refused > 0 { REFUSED } else { 0 })
}

/// Opens the journal with its key, or makes both.
async fn journal(cli: &Cli, database: &Database) -> Result<AnyJournal, Failure> {
    let mut out = std::io::stdout();
    let secret = match (&cli.key, database) {
        (Some(path), _) => path.clone(),
        (None, Database::Sqlite(path)) => path.with_extension("skey"),
        (None, Database::Postgres(_)) => {
            return Err(Failure::new("with PostgreSQL, say with --key where the signing key is"));
        }
    };
    let exists = secret.is_file();
    let key = exists.then(|| keys::signing_key(&secret)).transpose()?;
    if let Some(journal) = AnyJournal::find(database, key.as_ref()).await? {
        if key.is_none() {
            journal.close().await;
            return Err(Failure::new(format!(
                "there is a journal in {database}, but not its key at {}: say with --key where it \
                 is",
                secret.display()
            )));
        }
        return Ok(journal);
    }
    let (key, made) = match key {
        Some(key) => (key, None),
        None => make_key(cli, secret)?,
    };
    // A key is made for one journal and bears its name.
    let name = JournalName::new(key.verifier().name()).during("the key is not a journal's")?;
    let journal = match AnyJournal::create(database, name.clone(), &key).await {
        Ok(journal) => journal,
        Err(failure) => {
            // A key for a journal that was not made would only stand in the way.
            for path in made.into_iter().flatten() {
                let _best_effort = std::fs::remove_file(path);
            }
            return Err(failure);
        }
    };
    let mut told = || -> std::io::Result<()> {
        writeln!(out, "made the journal {name} in {database}")?;
        for path in made.iter().flatten() {
            writeln!(out, "made {}", path.display())?;
        }
        Ok(())
    };
    printed(told())?;
    Ok(journal)
}

type Made = Option<[PathBuf; 2]>;

fn make_key(cli: &Cli, secret: PathBuf) -> Result<(SigningKey, Made), Failure> {
    if secret.extension().is_none_or(|extension| extension != "skey") {
        return Err(Failure::new(format!(
            "{}: a key that is made is called NAME.skey, beside it NAME.vkey",
            secret.display()
        )));
    }
    let (key, secret, public) = keys::make(&cli.journal, &secret.with_extension(""))?;
    Ok((key, Some([secret, public])))
}

fn report(tally: &Tally, chain: &str, size: u64) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    let Tally { sealed, known, refused, blank } = *tally;
    write!(out, "{} sealed into {chain}", grouped(sealed))?;
    for (count, what) in
        [(known, "there already"), (refused, "could not be taken"), (blank, "blank lines")]
    {
        if count > 0 {
            write!(out, ", {} {what}", grouped(count))?;
        }
    }
    writeln!(out)?;
    writeln!(out, "a signed checkpoint covers {}", entries(size))
}

fn entries(count: u64) -> String {
    if count == 1 { "the one entry".to_owned() } else { format!("all {} entries", grouped(count)) }
}

/// On a terminal only; indicatif sees to that.
fn bar(length: u64, of: &str) -> ProgressBar {
    let bar = ProgressBar::new(length);
    let template = format!("{{wide_bar}} {of}  {{msg}}  {{eta}}");
    if let Ok(style) = ProgressStyle::with_template(&template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
