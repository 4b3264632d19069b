//! What must hold whatever the writers went through.

use std::collections::{HashMap, HashSet};
use std::error::Error;

use audit_core::AuditorPolicy;
use audit_store::{Journal, VerifyOptions};

use crate::host::Host;

/// The event ids whose append returned.
pub type Acknowledged = HashSet<String>;

/// What stands in the chain in the end.
#[derive(Debug)]
#[non_exhaustive]
pub struct Chain {
    /// How many entries stand, reserved ones included.
    pub entries: usize,
}

/// Checks that no seq is missing or there twice, that every acknowledged event stands exactly once,
/// that every order of the host has its event and every event of a shared transaction its order,
/// and that the journal verifies.
///
/// # Errors
///
/// What does not hold, in words.
pub async fn check<DB: Host>(
    journal: &Journal<DB>,
    acknowledged: &Acknowledged,
) -> Result<Chain, Box<dyn Error + Send + Sync>> {
    // What was staged by a process that is gone is sealed by whoever comes next.
    journal.sequence().await?;
    let entries = DB::entries(journal.pool()).await?;
    let mut seen: HashMap<&str, u32> = HashMap::new();
    for (place, (seq, id, action)) in entries.iter().enumerate() {
        if i64::try_from(place) != Ok(*seq) {
            return Err(format!("a gap or a fork: entry {place} has seq {seq}").into());
        }
        if !action.starts_with("journal.") {
            let times = seen.entry(id).or_default();
            *times = times.saturating_add(1);
        }
    }
    if let Some((id, times)) = seen.iter().find(|(_, times)| **times != 1) {
        return Err(format!("event {id} stands {times} times").into());
    }
    if let Some(id) = acknowledged.iter().find(|id| !seen.contains_key(id.as_str())) {
        return Err(format!("event {id} was acknowledged and does not stand").into());
    }
    if let Some(id) =
        DB::orders(journal.pool()).await?.iter().find(|id| !seen.contains_key(id.as_str()))
    {
        return Err(format!("order {id} has no event").into());
    }
    let options = VerifyOptions::new(AuditorPolicy::new([journal.key().parse()?]));
    let report = journal.verify(&options).await?;
    let findings = report.findings().count();
    if findings > 0 {
        return Err(format!("the journal does not verify: {report}").into());
    }
    Ok(Chain { entries: entries.len() })
}
