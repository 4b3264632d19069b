//! `journal-stress`: one process of a journal under load.

#![allow(clippy::print_stdout, reason = "the parent process reads the standard output")]

use std::error::Error;

use audit_core::ChainId;
use clap::{Parser, Subcommand};
use stress::{Host, WriterArguments};

#[derive(Debug, Parser)]
struct Arguments {
    /// `sqlite:PATH` or a PostgreSQL URL.
    #[arg(long)]
    url: String,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Append events from several tasks, and print each that is certain.
    Append(WriterArguments),
    /// Append many events in batches.
    Fill {
        /// The chain to append to.
        #[arg(long, default_value = "acme/default")]
        chain: ChainId,
        /// How many events.
        #[arg(long)]
        count: u32,
    },
    /// Verify the journal; print its entries and this process's largest resident set in KiB.
    Verify,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { url, command } = Arguments::parse();
    if url.starts_with("sqlite:") {
        run::<sqlx::Sqlite>(&url, command).await
    } else {
        run::<sqlx::Postgres>(&url, command).await
    }
}

async fn run<DB: Host>(url: &str, command: Command) -> Result<(), Box<dyn Error>> {
    match command {
        Command::Append(arguments) => stress::write::<DB>(url, arguments).await,
        Command::Fill { chain, count } => stress::fill::<DB>(url, &chain, count).await,
        Command::Verify => {
            let (entries, largest) = stress::verify::<DB>(url).await?;
            println!("{entries} {largest}");
            Ok(())
        }
    }
}
