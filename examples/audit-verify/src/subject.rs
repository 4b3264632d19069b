//! `subject`: what the journal holds about one person.

use std::io::Write;

use audit_core::Actor;
use audit_store::{AccessReason, Acting, Activity, SubjectScope};
use futures_util::TryStreamExt as _;
use tool_support::{
    AnyJournal, During, Failure, Style, number_of, printable, printed, with_journal,
};

use crate::cli::Subject;
use crate::html::{count, moment};
use crate::show;
use crate::table;

/// Shows the entries that are about a person, and which of their private fields are left. Their
/// values are shown only where that is asked for.
pub(crate) async fn subject(
    arguments: &Subject,
    style: Style,
    out: &mut (impl Write + Send),
) -> Result<u8, Failure> {
    let mut scope = match (&arguments.id, arguments.subject) {
        (Some(id), _) => SubjectScope::new(&arguments.tenant, id),
        (None, Some(subject)) => SubjectScope::of_ref(&arguments.tenant, subject),
        (None, None) => return Err(Failure::new("name the person: --id or --ref")),
    };
    if let Some(actor) = &arguments.actor {
        scope = scope.acting_as(show::parse_actor(actor)?);
    }
    let journal = AnyJournal::read(&arguments.database).await?;
    journal.knows_tenant(&arguments.tenant).await?;
    let reason = AccessReason::new(Actor::user("auditor"), "audit-verify subject");
    let failed = format!("cannot read what {} holds about the person", arguments.database);
    let found: Vec<Activity> = with_journal!(&journal, journal => {
        let stream = journal.activity_of(&scope, &reason).await.during(&failed)?;
        stream.try_collect().await.during(&failed)?
    });
    journal.close().await;
    if arguments.json {
        for activity in &found {
            let line = serde_json::to_string(activity).during(&failed)?;
            printed(writeln!(out, "{line}"))?;
        }
        return Ok(0);
    }
    let rows: Vec<[String; 5]> = found
        .iter()
        .map(|of| {
            let place = format!("{}/{}", of.chain, of.seq);
            let action = printable(&of.action).into_owned();
            [place, moment(of.at), acting(&of.actor), action, fields(of, arguments.values)]
        })
        .collect();
    let headings = [
        ("ENTRY", false),
        ("SEALED", false),
        ("BY", false),
        ("ACTION", false),
        ("PRIVATE FIELDS", false),
    ];
    if !rows.is_empty() {
        printed(table::print(headings, &rows, style, out))?;
    }
    let sum = format!("{} about the person", number_of(count(rows.len()), "entry"));
    printed(writeln!(out, "{}", style.soft(sum)))?;
    Ok(0)
}

fn acting(actor: &Acting) -> String {
    match actor {
        Acting::Yourself => "the person".to_owned(),
        Acting::Other(role) => printable(role).into_owned(),
        _ => String::new(),
    }
}

fn fields(activity: &Activity, values: bool) -> String {
    let fields: Vec<String> = activity
        .fields
        .iter()
        .map(|(name, value)| {
            let text = if values { format!("{name}={value}") } else { name.clone() };
            printable(&text).into_owned()
        })
        .collect();
    fields.join(" ")
}
