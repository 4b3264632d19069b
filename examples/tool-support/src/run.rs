//! Running a command to its end, or to an interrupt.

use std::process::ExitCode;
use std::time::Duration;

use crate::{During, Failure, output};

/// Exit status of wrong use, and of an input that cannot be opened.
pub const WRONG_USE: u8 = 2;
/// Exit status after an interrupt, as shells have it.
pub const INTERRUPTED: u8 = 130;

/// Runs `work`; an interrupt or a request to terminate ends it and takes along whatever it left
/// half-written. A failure is told on standard error, after the name of the program.
#[allow(clippy::print_stderr, reason = "the message of a program of the command line")]
pub fn run<F>(program: &str, work: F) -> ExitCode
where
    F: Future<Output = Result<u8, Failure>> + Send + 'static,
{
    ExitCode::from(match run_to_status(work) {
        Ok(status) => status,
        Err(failure) => {
            eprintln!("{program}: {failure}");
            WRONG_USE
        }
    })
}

fn run_to_status<F>(work: F) -> Result<u8, Failure>
where
    F: Future<Output = Result<u8, Failure>> + Send + 'static,
{
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().during("cannot start")?;
    let outcome = runtime.block_on(async {
        let stop = stop().during("cannot listen for interrupts")?;
        // A task of its own, so that work that does not yield cannot keep an interrupt waiting.
        let work = tokio::spawn(work);
        tokio::select! {
            done = work => match done {
                Ok(outcome) => outcome,
                Err(panic) => Err(Failure::because("the work ended unexpectedly", &panic)),
            },
            () = stop => Ok(INTERRUPTED),
        }
    });
    // Stops what still runs, then removes what it left.
    runtime.shutdown_timeout(Duration::from_secs(2));
    output::abandon();
    outcome
}

/// Ends when the process is told to: by an interrupt, or asked to terminate.
///
/// # Errors
///
/// Where the system does not let it listen.
#[cfg(unix)]
pub fn stop() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

/// Ends when the process is interrupted.
///
/// # Errors
///
/// None here.
#[cfg(not(unix))]
pub fn stop() -> std::io::Result<impl Future<Output = ()>> {
    Ok(async {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}
