//! A witness: it cosigns the checkpoints of logs that it is told to watch, as long as each continues
//! the one before, so that an operator cannot rewrite his journal, not even with the signing key.
//!
//! An auditor runs it, on a machine that the operator of the journal cannot reach into:
//!
//! ```text
//! audit-witness keygen witness.example.org/w1 --out w1
//! cat > witness.toml <<'TOML'
//! listen = "127.0.0.1:8180"
//! key = "w1.skey"
//! database = "witness.db"
//! # A journal's key, for all its chains; or a chain's own, as `audit-verify vkey` prints it.
//! logs = ["audit.example.com+…"]
//! TOML
//! audit-witness serve --config witness.toml --create
//! ```
//!
//! `w1.vkey` and the address go to the operator, who names both in his policy of witnesses, and to
//! everybody who verifies. A key of a log that is about to change is added to `logs` while the old
//! one still stands there. The address serves plain HTTP: a reverse proxy in front of it brings TLS
//! and limits how often a client may ask.
//!
//! The protocol is C2SP tlog-witness, with cosignatures of C2SP tlog-cosignature v1. Which
//! checkpoint of a log was cosigned last is checked and moved forward in one transaction of SQLite,
//! on disk before the cosignature leaves. Never put back an old copy of that database: a witness
//! that forgets would cosign another history. `audit-witness latest` prints the checkpoint that was
//! cosigned last, to verify a journal or a bundle against: `audit-verify verify --checkpoint`.

mod answer;
mod cli;
mod config;
mod judge;
mod keygen;
mod latest;
mod serve;
mod store;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let name = "audit-witness";
    match Cli::parse().command {
        Command::Keygen(arguments) => {
            tool_support::run(
                name,
                async move { keygen::keygen(&arguments, &mut std::io::stdout()) },
            )
        }
        Command::Latest(arguments) => tool_support::run(name, async move {
            latest::latest(&arguments, &mut std::io::stdout()).await
        }),
        Command::Serve(arguments) => serve::run(name, &arguments),
    }
}
