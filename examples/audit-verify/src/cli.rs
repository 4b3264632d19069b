//! The command line.

use std::path::PathBuf;

use audit_core::{ChainId, Timestamp};
use clap::{Args, Parser, Subcommand, ValueEnum};

use tool_support::Database;

use crate::source::Source;

/// Checks a journal, or an auditor's copy of one: was anything altered, removed, reordered,
/// forked or cut off since it was written, where exactly, and by which evidence?
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit status: 0 intact; 1 findings; 2 wrong use, or an input that cannot be \
                  opened; 3 nothing wrong, but not all of it could be proven (no trusted key, \
                  entries above the newest checkpoint or above the newest that your \
                  witnesses cosigned, withheld or sealed fields)."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Certificate(Certificate),
    CheckProof(CheckProof),
    Export(Export),
    Holds(Holds),
    Keygen(Keygen),
    Prove(Prove),
    Retention(Retention),
    Show(Show),
    Subject(Subject),
    Verify(Verify),
    Vkey(Vkey),
}

/// Make the key that signs a journal's checkpoints: NAME.skey, secret, and NAME.vkey, for auditors.
#[derive(Debug, Args)]
pub(crate) struct Keygen {
    /// The journal's name: a URL without its scheme, such as audit.example.com.
    #[arg(value_name = "JOURNAL")]
    pub(crate) journal: String,
    /// Where to write: PATH.skey and PATH.vkey. Neither may exist.
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,
}

/// Check a database or a bundle, with your own copy of the operator's public key.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// sqlite:PATH, postgres://…, a bundle's folder or its zip.
    #[arg(value_name = "SOURCE", value_parser = parse::<Source>)]
    pub(crate) source: Source,
    /// A verifier key, or a file of them (one a line). Repeatable. Without one nothing that is
    /// signed can be trusted, and the answer is at best 3.
    #[arg(long = "key", value_name = "VKEY|FILE")]
    pub(crate) keys: Vec<String>,
    /// A checkpoint that you hold from before. Repeatable.
    #[arg(long = "checkpoint", value_name = "FILE")]
    pub(crate) checkpoints: Vec<PathBuf>,
    /// A witness's verifier key, or a file of them: its times bound those of the entries.
    /// Repeatable.
    #[arg(long = "witness", value_name = "VKEY|FILE")]
    pub(crate) witnesses: Vec<String>,
    /// Your policy of witnesses, a file of the tlog-policy format. Its logs' keys are trusted;
    /// entries above the newest checkpoint that a quorum cosigned are unwitnessed (3), and where
    /// no checkpoint has a quorum, that is a finding.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Only this chain. Repeatable.
    #[arg(long = "chain", value_name = "TENANT/SERIES")]
    pub(crate) chains: Vec<ChainId>,
    /// Accept the declared loss that this entry records. Repeatable.
    #[arg(long = "accept-restore", value_name = "SEQ")]
    pub(crate) accept_restore: Vec<u64>,
    /// Trust the named keys only, not those that the chain introduces.
    #[arg(long)]
    pub(crate) no_rotation: bool,
    /// Print the report as JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// Write the report as one page to file and print.
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

/// Hand a chain over: as an auditor's bundle, or in a format that other tools read.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// sqlite:PATH or postgres://…
    #[arg(value_name = "DATABASE", value_parser = parse::<Database>)]
    pub(crate) database: Database,
    #[arg(long, value_name = "TENANT/SERIES")]
    pub(crate) chain: ChainId,
    /// Where to write. A bundle is a zip where this ends in .zip, otherwise a folder that does not
    /// exist yet.
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,
    #[arg(long, value_enum, default_value_t = Format::Bundle)]
    pub(crate) format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Everything that verification needs, as files.
    Bundle,
    /// CloudEvents 1.0, one JSON object a line.
    Cloudevents,
    /// A table; what a spreadsheet would run as a formula is defused.
    Csv,
    /// Elastic Common Schema, one JSON object a line.
    Ecs,
    /// The entries themselves, one a line.
    Jsonl,
    /// OCSF, one JSON object a line.
    Ocsf,
}

/// Write the proof that one entry stands in the chain, as a file that needs no database.
#[derive(Debug, Args)]
pub(crate) struct Prove {
    /// sqlite:PATH or postgres://…
    #[arg(value_name = "DATABASE", value_parser = parse::<Database>)]
    pub(crate) database: Database,
    #[arg(long, value_name = "TENANT/SERIES")]
    pub(crate) chain: ChainId,
    /// The entry.
    #[arg(long, value_name = "SEQ")]
    pub(crate) seq: u64,
    /// Where to write the proof. The entry's bytes stand in its `extra` line.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Leave the entry's bytes out: who checks the proof must have them.
    #[arg(long)]
    pub(crate) without_entry: bool,
}

/// Check a certificate of erasure: its signature, and the proof that the journal recorded it.
#[derive(Debug, Args)]
pub(crate) struct Certificate {
    /// The certificate.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// The journal's verifier key, or a file of them (one a line). Repeatable.
    #[arg(long = "key", value_name = "VKEY|FILE", required = true)]
    pub(crate) keys: Vec<String>,
    /// Part 1, where FILE is part 2: both are checked, and that they belong together.
    #[arg(long, value_name = "FILE")]
    pub(crate) part_one: Option<PathBuf>,
    /// Your policy of witnesses: a quorum must have cosigned the proof's checkpoint.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
}

/// Check a proof, and show the entry that it proves.
#[derive(Debug, Args)]
pub(crate) struct CheckProof {
    /// The proof.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// A verifier key, or a file of them (one a line). Repeatable.
    #[arg(long = "key", value_name = "VKEY|FILE", required = true)]
    pub(crate) keys: Vec<String>,
    /// Your policy of witnesses: a quorum must have cosigned the proof's checkpoint.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// The entry's bytes, where the proof does not hold them. A final newline does not count.
    #[arg(long, value_name = "FILE")]
    pub(crate) entry: Option<PathBuf>,
}

/// Show entries as a table, newest first.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// sqlite:PATH or postgres://…
    #[arg(value_name = "DATABASE", value_parser = parse::<Database>)]
    pub(crate) database: Database,
    #[arg(long, value_name = "TENANT/SERIES")]
    pub(crate) chain: ChainId,
    /// Who did it: TYPE:ID, such as user:u-7. An id alone is a user's.
    #[arg(long, value_name = "TYPE:ID")]
    pub(crate) actor: Option<String>,
    /// What was done: an action, or the beginning of some and a `*`, such as `user.*`.
    #[arg(long, value_name = "ACTION")]
    pub(crate) action: Option<String>,
    /// What it was done to: TYPE:ID.
    #[arg(long, value_name = "TYPE:ID")]
    pub(crate) target: Option<String>,
    /// success, failure or denied.
    #[arg(long, value_name = "OUTCOME")]
    pub(crate) outcome: Option<String>,
    /// Sealed at this moment or later: 2026-11-20, or 2026-11-20T23:23:00Z.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) since: Option<Timestamp>,
    /// Sealed before this moment.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) until: Option<Timestamp>,
    /// At most so many.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) limit: u32,
}

/// Show what a sweep would remove now, by the schedules that the chains record. Removes nothing.
#[derive(Debug, Args)]
pub(crate) struct Retention {
    /// sqlite:PATH or postgres://…
    #[arg(value_name = "DATABASE", value_parser = parse::<Database>)]
    pub(crate) database: Database,
    /// Only this tenant.
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// As if it were this moment.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<Timestamp>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show the legal holds in force.
#[derive(Debug, Args)]
pub(crate) struct Holds {
    /// sqlite:PATH or postgres://…
    #[arg(value_name = "DATABASE", value_parser = parse::<Database>)]
    pub(crate) database: Database,
    /// Only this tenant.
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: Option<String>,
    /// Print JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Show what a tenant's chains hold about one person.
#[derive(Debug, Args)]
pub(crate) struct Subject {
    /// sqlite:PATH or postgres://…
    #[arg(value_name = "DATABASE", value_parser = parse::<Database>)]
    pub(crate) database: Database,
    /// The tenant.
    #[arg(long, value_name = "TENANT")]
    pub(crate) tenant: String,
    /// The person, by the host's own id.
    #[arg(
        long,
        value_name = "ID",
        required_unless_present = "subject",
        conflicts_with = "subject"
    )]
    pub(crate) id: Option<String>,
    /// The person, by the pseudonym in the journal (32 hexadecimal digits).
    #[arg(long = "ref", value_name = "REF", id = "subject")]
    pub(crate) subject: Option<audit_core::SubjectRef>,
    /// The person also acted under this id: TYPE:ID. An id alone is a user's.
    #[arg(long, value_name = "TYPE:ID")]
    pub(crate) actor: Option<String>,
    /// Show the values of the person's private fields, too.
    #[arg(long)]
    pub(crate) values: bool,
    /// Print JSON, an entry a line, with the values.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Print the key that one chain's checkpoints are checked with, for witnesses and policies.
#[derive(Debug, Args)]
pub(crate) struct Vkey {
    /// The journal's verifier key, or a file that holds it.
    #[arg(long, value_name = "VKEY|FILE")]
    pub(crate) key: String,
    #[arg(long, value_name = "TENANT/SERIES")]
    pub(crate) chain: ChainId,
    /// One more after each declared restore.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) incarnation: u64,
}

fn parse<T: std::str::FromStr<Err = String>>(text: &str) -> Result<T, String> {
    text.parse()
}

/// A date, or a moment to the second or to the microsecond; in UTC.
fn time(text: &str) -> Result<Timestamp, String> {
    let full = match text.len() {
        10 => format!("{text}T00:00:00.000000Z"),
        20 => format!("{}.000000Z", text.strip_suffix('Z').unwrap_or_default()),
        _ => text.to_owned(),
    };
    full.parse().map_err(|_| {
        "not a time: write 2026-11-20, 2026-11-20T23:23:00Z or 2026-11-20T23:23:00.123456Z"
            .to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times() {
        for (text, full) in [
            ("2026-11-20", "2026-11-20T00:00:00.000000Z"),
            ("2026-11-20T23:23:00Z", "2026-11-20T23:23:00.000000Z"),
            ("2026-11-20T23:23:00.123456Z", "2026-11-20T23:23:00.123456Z"),
        ] {
            assert_eq!(time(text).unwrap().to_string(), full);
        }
        for text in ["", "yesterday", "2026-13-01", "2026-11-20 23:23:00", "2026-11-20T23:23:00+1"]
        {
            assert!(time(text).is_err(), "{text}");
        }
    }
}
