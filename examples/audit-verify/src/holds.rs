//! `holds`: the legal holds in force.

use std::collections::BTreeSet;
use std::io::Write;

use audit_core::HoldScope;
use audit_store::LegalHoldInForce;
use serde_json::json;
use tool_support::{
    AnyJournal, During, Failure, Style, number_of, printable, printed, with_journal,
};

use crate::cli::Holds;
use crate::html::{count, moment};
use crate::table;

/// Shows the legal holds in force, of one tenant or of all.
pub(crate) async fn holds(
    arguments: &Holds,
    style: Style,
    out: &mut (impl Write + Send),
) -> Result<u8, Failure> {
    let failed = format!("cannot read the legal holds in {}", arguments.database);
    let journal = AnyJournal::read(&arguments.database).await?;
    let tenants: BTreeSet<String> = match &arguments.tenant {
        Some(tenant) => {
            journal.knows_tenant(tenant).await?;
            [tenant.clone()].into()
        }
        None => {
            let chains = with_journal!(&journal, journal => journal.chains().await);
            chains.during(&failed)?.iter().map(|chain| chain.tenant().to_owned()).collect()
        }
    };
    let mut all: Vec<(String, LegalHoldInForce)> = Vec::new();
    for tenant in tenants {
        let holds = with_journal!(&journal, journal => journal.holds(&tenant).await);
        all.extend(holds.during(&failed)?.into_iter().map(|hold| (tenant.clone(), hold)));
    }
    journal.close().await;
    if arguments.json {
        let holds: Vec<_> = all
            .iter()
            .map(|(tenant, of)| {
                json!({
                    "chains": of.chains,
                    "hold": of.hold,
                    "matter": of.matter,
                    "scope": scope(&of.scope),
                    "since": of.since,
                    "tenant": tenant,
                })
            })
            .collect();
        printed(writeln!(out, "{}", json!({ "holds": holds })))?;
        return Ok(0);
    }
    let rows: Vec<[String; 5]> = all
        .iter()
        .map(|(tenant, of)| {
            let chains: Vec<_> = of.chains.iter().map(|chain| chain.series().to_owned()).collect();
            let text = |text: &str| printable(text).into_owned();
            [
                format!("{tenant}/{{{}}}", chains.join(",")),
                text(&of.hold),
                text(&scope(&of.scope)),
                moment(of.since),
                text(&of.matter),
            ]
        })
        .collect();
    let headings =
        [("CHAINS", false), ("HOLD", false), ("ON", false), ("SINCE", false), ("MATTER", false)];
    if !rows.is_empty() {
        printed(table::print(headings, &rows, style, out))?;
    }
    let sum = format!("{} in force", number_of(count(rows.len()), "legal hold"));
    printed(writeln!(out, "{}", style.soft(sum)))?;
    Ok(0)
}

fn scope(scope: &HoldScope) -> String {
    match scope {
        HoldScope::Chain => "everything".to_owned(),
        HoldScope::Subject(subject) => format!("person {subject}"),
        HoldScope::Target { kind, id } => format!("{kind}:{id}"),
        _ => "unknown".to_owned(),
    }
}
