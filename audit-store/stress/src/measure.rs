//! Many entries, and what it takes to verify them.

use std::error::Error;

use audit_core::{Actor, AuditorPolicy, ChainId, Event, Outcome, Target};
use audit_store::VerifyOptions;

use crate::host::Host;

/// Appends `count` events in batches of 1,000 and signs a checkpoint at the end.
///
/// # Errors
///
/// Whatever the journal reports.
pub async fn fill<DB: Host>(url: &str, chain: &ChainId, count: u32) -> Result<(), Box<dyn Error>> {
    let journal = DB::open(url, &crate::options()).await?;
    let mut done = 0;
    while done < count {
        let batch = std::cmp::min(1000, count.saturating_sub(done));
        let events =
            (done..done.saturating_add(batch)).map(event).collect::<Result<Vec<_>, _>>()?;
        journal.append_batch(chain, events).await?;
        done = done.saturating_add(batch);
    }
    journal.post_index().await?;
    journal.checkpoint(chain).await?;
    journal.close().await;
    Ok(())
}

fn event(number: u32) -> Result<Event, audit_core::EventError> {
    const ACTIONS: [&str; 4] =
        ["record.created", "record.updated", "settings.changed", "export.requested"];
    let action = ACTIONS.into_iter().cycle().nth(number as usize % 4).unwrap_or("record.created");
    Event::builder(action, Actor::user(format!("u-{}", number % 977)))
        .target(Target::new("invoice", format!("inv-{}", number % 50_021)))
        .outcome(Outcome::Success)
        .meta("note", "paid by transfer, checked by the second line, filed under the quarter")
        .build()
}

/// Verifies the journal; returns how many entries it has, and this process's largest resident set
/// so far in KiB.
///
/// # Errors
///
/// Whatever hinders the verification, and a journal that is not intact.
pub async fn verify<DB: Host>(url: &str) -> Result<(u64, u64), Box<dyn Error>> {
    let journal = DB::open(url, &crate::options()).await?;
    let options = VerifyOptions::new(AuditorPolicy::new([journal.key().parse()?]));
    let report = journal.verify(&options).await?;
    journal.close().await;
    if !report.is_intact() {
        return Err(report.to_string().into());
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let largest = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|line| line.trim().strip_suffix(" kB"))
        .ok_or("this system does not tell the resident set")?;
    Ok((report.counts.entries, largest.trim().parse()?))
}
