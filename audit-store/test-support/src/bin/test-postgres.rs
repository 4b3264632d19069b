//! Starts a throw-away PostgreSQL server, runs a command with `TEST_POSTGRES_URL` set, and stops
//! the server when the command ends: `test-postgres -- cargo nextest run`.

#![allow(clippy::print_stderr, reason = "a program of the command line")]

use std::process::{Command, ExitCode};

use test_support::Cluster;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    arguments.next_if(|argument| argument == "--");
    let Some(program) = arguments.next() else {
        eprintln!("usage: test-postgres -- COMMAND [ARGUMENT]...");
        return ExitCode::from(2);
    };
    let mut command = Command::new(program);
    command.args(arguments);
    if std::env::var_os("TEST_POSTGRES_URL").is_none() {
        match Cluster::start(std::process::id()) {
            Ok(cluster) => command.env("TEST_POSTGRES_URL", cluster.url()),
            Err(error) => {
                eprintln!("test-postgres: {error}");
                return ExitCode::FAILURE;
            }
        };
    }
    match command.status() {
        Ok(status) => status
            .code()
            .and_then(|code| u8::try_from(code).ok())
            .map_or(ExitCode::FAILURE, ExitCode::from),
        Err(error) => {
            eprintln!("test-postgres: {}: {error}", command.get_program().display());
            ExitCode::FAILURE
        }
    }
}
