//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Watches logs grow: cosigns each checkpoint that continues the one before, and no other.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Exit status: 0 done; 2 wrong use, or something that cannot be opened."
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Keygen(Keygen),
    Latest(Latest),
    Serve(Serve),
}

/// Make the witness's key: PATH.skey, secret, and PATH.vkey, for whoever verifies.
#[derive(Debug, Args)]
pub(crate) struct Keygen {
    /// The witness's name: a URL without its scheme, such as witness.example.org/w1.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Where to write: PATH.skey and PATH.vkey. Neither may exist.
    #[arg(long, value_name = "PATH")]
    pub(crate) out: PathBuf,
}

/// Print the checkpoint of a log that was cosigned last, with the cosignature.
#[derive(Debug, Args)]
pub(crate) struct Latest {
    /// The configuration, as for `serve`.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// The log's origin, such as audit.example.com/acme/default/1; without one, all are listed.
    #[arg(value_name = "ORIGIN")]
    pub(crate) origin: Option<String>,
}

/// Answer logs, until SIGINT or SIGTERM.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// TOML: `listen`, `key`, `database`, `logs`. Paths are relative to the file's folder.
    #[arg(long, value_name = "FILE")]
    pub(crate) config: PathBuf,
    /// Make the database where there is none. Without this it must be there: a witness that has
    /// lost it would cosign another history of every log.
    #[arg(long)]
    pub(crate) create: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }
}
