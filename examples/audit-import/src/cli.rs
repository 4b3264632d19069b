//! The command line.

use std::path::PathBuf;

use audit_core::{ChainId, JournalName};
use clap::{Parser, ValueEnum};
use tool_support::{Database, Failure, printable};

/// Seals an existing log into a journal: each record becomes an entry that can no longer be
/// changed, removed or reordered unseen.
///
/// Importing twice adds nothing, since each record's id is made of its time and its source id; so
/// an import that was interrupted is simply run again. Where there is no journal yet, one is made,
/// with a key of its own.
#[derive(Debug, Parser)]
#[command(
    version,
    override_usage = "audit-import --format <FORMAT> --chain <TENANT/SERIES> <FILE> <DATABASE>\n       \
                      audit-import --synthetic <N> --chain <TENANT/SERIES> <DATABASE>",
    after_help = "Exit status: 0 all taken; 1 some lines could not be taken, each reported with \
                  its number and the reason; 2 wrong use, or something cannot be opened or written."
)]
pub(crate) struct Cli {
    /// The log, plain or gzip, and where to seal it: sqlite:PATH or postgres://… With --synthetic
    /// the database alone.
    #[arg(value_name = "FILE> <DATABASE", num_args = 1..=2, required = true)]
    pub(crate) places: Vec<String>,
    /// What stands in a line.
    #[arg(long, value_enum, required_unless_present = "synthetic")]
    pub(crate) format: Option<Format>,
    /// Instead of a file: so many made-up but realistic events.
    #[arg(long, value_name = "N", conflicts_with = "format")]
    pub(crate) synthetic: Option<u64>,
    /// Which made-up events: the same seed gives the same ones.
    #[arg(long, value_name = "S", default_value_t = 1, requires = "synthetic")]
    pub(crate) seed: u64,
    /// Where to: made where it is missing.
    #[arg(long, value_name = "TENANT/SERIES")]
    pub(crate) chain: ChainId,
    /// The signing key's file, made where it and the journal are missing. Beside a SQLite file
    /// NAME.db it is NAME.skey by default.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// The name of a journal that is made: a URL without its scheme, such as audit.example.com.
    #[arg(long, value_name = "NAME", default_value = "localhost/imported")]
    pub(crate) journal: JournalName,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// AWS CloudTrail: one record a line, or files with all of them in `Records`.
    Cloudtrail,
    /// One event of the journal format a line.
    Jsonl,
}

/// What is sealed.
#[derive(Debug)]
pub(crate) enum What {
    File(PathBuf, Format),
    Synthetic(u64),
}

impl Cli {
    /// What is sealed, and where.
    pub(crate) fn what(&self) -> Result<(What, Database), Failure> {
        let (what, database) = match (self.places.as_slice(), self.format, self.synthetic) {
            ([database], None, Some(count)) => (What::Synthetic(count), database),
            ([file, database], Some(format), None) => {
                (What::File(PathBuf::from(file), format), database)
            }
            _ => {
                return Err(Failure::new(
                    "a file and a database are needed, or --synthetic N and a database alone",
                ));
            }
        };
        Ok((
            what,
            database
                .parse()
                .map_err(|reason| Failure::new(format!("{}: {reason}", printable(database))))?,
        ))
    }
}
