//! `serve`: the witness itself.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tool_support::{During, Failure, stop};

use crate::answer::{Witness, router};
use crate::cli::Serve;
use crate::config::Config;
use crate::store::Store;

/// How long requests that are under way may take to end after a signal.
const GRACE: Duration = Duration::from_secs(5);

/// Serves until a signal ends it: 0, or 2 where it cannot begin.
#[allow(clippy::print_stderr, reason = "the message of a program of the command line")]
pub(crate) fn run(program: &str, arguments: &Serve) -> ExitCode {
    match start(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{program}: {failure}");
            ExitCode::from(tool_support::WRONG_USE)
        }
    }
}

fn start(arguments: &Serve) -> Result<(), Failure> {
    let config = Config::read(&arguments.config)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().during("cannot start")?;
    runtime.block_on(serve(config, arguments.create))
}

async fn serve(config: Config, create: bool) -> Result<(), Failure> {
    let vkey = config.key.verifier().to_string();
    let store = Store::open(&config.database, &vkey, create).await?;
    let listener = TcpListener::bind(config.listen).await.during(config.listen)?;
    let address = listener.local_addr().during(config.listen)?;
    let (tell, mut told) = watch::channel(false);
    let mut ended = told.clone();
    let stop = stop().during("cannot listen for signals")?;
    tokio::spawn(async move {
        stop.await;
        tell.send_replace(true);
    });
    // Who starts it with port 0 reads here which one it is.
    let mut out = std::io::stdout();
    let said = writeln!(out, "{vkey} listens at http://{address}").and_then(|()| out.flush());
    tool_support::printed(said)?;

    let witness = Witness { key: config.key, logs: config.logs, store: store.clone() };
    let serving =
        axum::serve(listener, router(Arc::new(witness))).with_graceful_shutdown(async move {
            let _whoever_tells_is_gone = told.wait_for(|told| *told).await;
        });
    // A connection that is kept open is no reason to stay.
    let patience = async move {
        let _whoever_tells_is_gone = ended.wait_for(|told| *told).await;
        tokio::time::sleep(GRACE).await;
    };
    let served = tokio::select! {
        served = serving.into_future() => served.during("cannot serve"),
        () = patience => Ok(()),
    };
    store.close().await;
    served
}
