//! The auditor's tool: verifies a journal or a bundle of one, and hands over what an audit needs.

mod certificate;
mod check_proof;
mod cli;
mod database;
mod export;
mod holds;
mod html;
mod keygen;
mod prove;
mod retention;
mod show;
mod source;
mod subject;
mod table;
mod text;
mod verify;

use std::process::ExitCode;

use clap::Parser;
use tool_support::{Failure, Style};

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let cli = Cli::parse();
    tool_support::run("audit-verify", dispatch(cli.command))
}

async fn dispatch(command: Command) -> Result<u8, Failure> {
    let style = Style::stdout();
    let mut out = std::io::stdout();
    match command {
        Command::Certificate(arguments) => certificate::certificate(&arguments, style, &mut out),
        Command::CheckProof(arguments) => check_proof::check_proof(&arguments, style, &mut out),
        Command::Export(arguments) => export::export(&arguments, &mut out).await,
        Command::Holds(arguments) => holds::holds(&arguments, style, &mut out).await,
        Command::Retention(arguments) => retention::retention(&arguments, style, &mut out).await,
        Command::Subject(arguments) => subject::subject(&arguments, style, &mut out).await,
        Command::Keygen(arguments) => keygen::keygen(&arguments, &mut out),
        Command::Vkey(arguments) => keygen::vkey(&arguments, &mut out),
        Command::Verify(arguments) => verify::verify(&arguments, style, &mut out).await,
        Command::Prove(arguments) => prove::prove(&arguments, &mut out).await,
        Command::Show(arguments) => show::show(&arguments, style, &mut out).await,
    }
}
