//! `retention`: what a sweep would remove now.

use std::io::Write;

use audit_store::PruneOptions;
use serde_json::json;
use tool_support::{AnyJournal, During, Failure, Style, grouped, number_of, printed, with_journal};

use crate::cli::Retention;
use crate::html::moment;
use crate::table;

/// Shows what a sweep would do. Nothing is changed.
pub(crate) async fn retention(
    arguments: &Retention,
    style: Style,
    out: &mut (impl Write + Send),
) -> Result<u8, Failure> {
    let journal = AnyJournal::read(&arguments.database).await?;
    let mut options = PruneOptions::new().dry_run();
    if let Some(tenant) = &arguments.tenant {
        journal.knows_tenant(tenant).await?;
        options = options.tenant(tenant);
    }
    if let Some(now) = arguments.at {
        options = options.now(now);
    }
    let report = with_journal!(&journal, journal => journal.prune(&options).await)
        .during(format!("cannot tell what a sweep of {} would do", arguments.database))?;
    journal.close().await;
    if arguments.json {
        let chains: Vec<_> = report
            .chains
            .iter()
            .map(|of| json!({"chain": of.chain, "held": of.held, "removed": of.removed}))
            .collect();
        printed(writeln!(out, "{}", json!({"at": report.now, "chains": chains})))?;
        return Ok(0);
    }
    let rows: Vec<[String; 3]> = report
        .chains
        .iter()
        .map(|of| [of.chain.to_string(), grouped(of.removed), grouped(of.held)])
        .collect();
    let headings = [("CHAIN", false), ("WOULD GO", true), ("HELD", true)];
    if !rows.is_empty() {
        printed(table::print(headings, &rows, style, out))?;
    }
    let held = match report.held() {
        0 => String::new(),
        held => format!("; {} would go but for a legal hold", number_of(held, "record")),
    };
    let sum = format!(
        "a sweep at {} would remove {}{held}",
        moment(report.now),
        number_of(report.removed(), "record")
    );
    printed(writeln!(out, "{}", style.soft(sum)))?;
    Ok(0)
}
