//! `latest`: what the witness cosigned last, for whoever verifies.

use std::io::Write;

use audit_core::Timestamp;
use tool_support::{During, Failure, printable, printed};

use crate::cli::Latest;
use crate::config::Config;
use crate::store::Store;

/// Prints one log's checkpoint, or lists the logs.
pub(crate) async fn latest(
    arguments: &Latest,
    out: &mut (impl Write + Send),
) -> Result<u8, Failure> {
    let config = Config::read(&arguments.config)?;
    let vkey = config.key.verifier().to_string();
    let store = Store::open(&config.database, &vkey, false).await?;
    let what = config.database.display();
    if let Some(origin) = &arguments.origin {
        let note = store.latest(origin).await.during(&what)?;
        let note =
            note.ok_or_else(|| Failure::new(format!("nothing of the log {origin} was cosigned")))?;
        printed(write!(out, "{note}"))?;
    } else {
        for (origin, size, at) in store.logs().await.during(&what)? {
            let at = Timestamp::from_micros(at).map(|at| at.to_string()).unwrap_or_default();
            printed(writeln!(out, "{at}  {size:>12}  {}", printable(&origin)))?;
        }
    }
    store.close().await;
    Ok(0)
}
