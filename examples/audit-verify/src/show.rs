//! `show`: entries as a table.

use std::io::Write;

use audit_core::{Actor, ActorKind, Entry, Outcome, Target, Timestamp};
use audit_store::{Query, StoredEntry};
use tool_support::{
    AnyJournal, During, Failure, Style, grouped, number_of, printable, printed, with_journal,
};

use crate::cli::Show;

/// Entries of one page of the database's answer.
const PAGE: u32 = 500;
/// A cell longer than this is cut; the entry itself is one `export` away.
const WIDEST: usize = 40;

/// Shows entries that match, newest first.
pub(crate) async fn show(
    arguments: &Show,
    style: Style,
    out: &mut (impl Write + Send),
) -> Result<u8, Failure> {
    let mut query = query(arguments)?;
    let journal = AnyJournal::read(&arguments.database).await?;
    let mut entries = Vec::new();
    let mut left = arguments.limit;
    let more = loop {
        let page = std::cmp::min(left, PAGE);
        query = query.page_size(usize::try_from(page).unwrap_or(1));
        let found = with_journal!(&journal, journal => journal.query(&query).await)
            .during(format!("cannot read the chain {}", arguments.chain))?;
        left = left.saturating_sub(u32::try_from(found.entries.len()).unwrap_or(left));
        entries.extend(found.entries);
        match found.next {
            Some(next) if left > 0 => query = query.after(next),
            next => break next.is_some(),
        }
    };
    journal.close().await;
    printed(print(&entries, more, style, out))?;
    Ok(0)
}

fn query(arguments: &Show) -> Result<Query, Failure> {
    let mut query = Query::new(&arguments.chain).newest_first();
    if let Some(actor) = &arguments.actor {
        query = query.actor(parse_actor(actor)?);
    }
    query = match arguments.action.as_deref().map(|action| (action, action.strip_suffix('*'))) {
        None => query,
        Some((action, None)) => query.action(action),
        Some((_, Some(prefix))) => query.action_prefix(prefix),
    };
    if let Some(target) = &arguments.target {
        let (kind, id) = target
            .split_once(':')
            .ok_or_else(|| Failure::new("--target is TYPE:ID, such as invoice:inv_7"))?;
        query = query.target(Target::new(kind, id));
    }
    query = match arguments.outcome.as_deref() {
        None => query,
        Some("success") => query.outcome(Outcome::Success),
        Some("failure") => query.outcome(Outcome::Failure),
        Some("denied") => query.outcome(Outcome::Denied),
        Some(_) => return Err(Failure::new("--outcome is success, failure or denied")),
    };
    if let Some(since) = arguments.since {
        query = query.from(since);
    }
    if let Some(until) = arguments.until {
        query = query.until(until);
    }
    Ok(query)
}

pub(crate) fn parse_actor(text: &str) -> Result<Actor, Failure> {
    Ok(match text.split_once(':') {
        None => Actor::user(text),
        Some(("user", id)) => Actor::user(id),
        Some(("service", id)) => Actor::service(id),
        Some(("system", id)) => Actor::system(id),
        Some(("anonymous", id)) => Actor::anonymous(id),
        Some(_) => {
            return Err(Failure::new(
                "--actor is TYPE:ID with user, service, system or anonymous as its type",
            ));
        }
    })
}

/// What a row shows.
struct Row {
    cells: [String; COLUMNS],
    outcome: Option<Outcome>,
}

const COLUMNS: usize = 7;
/// Left out where no entry says when it happened.
const HAPPENED: usize = 2;
const HEADINGS: [&str; COLUMNS] =
    ["SEQ", "SEALED (UTC)", "HAPPENED (UTC)", "ACTOR", "ACTION", "OUTCOME", "TARGETS"];

fn print(
    entries: &[StoredEntry],
    more: bool,
    style: Style,
    out: &mut impl Write,
) -> std::io::Result<()> {
    let rows: Vec<Row> = entries.iter().map(row).collect();
    let widths: [usize; COLUMNS] = std::array::from_fn(|column| {
        let cells = rows.iter().filter_map(|row| row.cells.get(column)).map(|cell| width(cell));
        let widest = cells.max().unwrap_or(0);
        std::cmp::max(widest, HEADINGS.get(column).map_or(0, |heading| width(heading)))
    });
    let happened = rows.iter().any(|row| row.cells.get(HAPPENED).is_some_and(|c| !c.is_empty()));
    let line = |cells: [&str; COLUMNS]| {
        let mut line = String::new();
        for (column, (cell, width_of)) in cells.iter().zip(widths).enumerate() {
            let room = " ".repeat(width_of.saturating_sub(width(cell)));
            // Numbers to the right, texts to the left.
            match column {
                HAPPENED if !happened => {}
                0 => line.extend([room.as_str(), cell]),
                _ => line.extend(["  ", cell, room.as_str()]),
            }
        }
        line.trim_end().to_owned()
    };
    writeln!(out, "{}", style.soft(line(HEADINGS)))?;
    for row in &rows {
        let text = line(row.cells.each_ref().map(String::as_str));
        match row.outcome {
            Some(Outcome::Denied | Outcome::Failure) => writeln!(out, "{}", style.open(text))?,
            _ => writeln!(out, "{text}")?,
        }
    }
    let count = u64::try_from(rows.len()).unwrap_or(u64::MAX);
    let shown = number_of(count, "row");
    let more = if more { ", and there are more: raise --limit" } else { "" };
    writeln!(out, "{}", style.soft(format!("{shown}{more}")))
}

fn row(stored: &StoredEntry) -> Row {
    let seq = grouped(stored.seq());
    match stored.entry() {
        Ok(entry) => full_row(seq, &entry),
        Err(_) => {
            let what = "(not an entry: verify the journal)".to_owned();
            let mut cells = <[String; COLUMNS]>::default();
            let [first, _, _, _, action, ..] = &mut cells;
            (*first, *action) = (seq, what);
            Row { cells, outcome: None }
        }
    }
}

fn full_row(seq: String, entry: &Entry<'_>) -> Row {
    let event = entry.event();
    let mut actor = name(event.actor().kind, &event.actor().id);
    if let Some(principal) = event.on_behalf_of() {
        actor.push_str(" for ");
        actor.push_str(&name(principal.kind, &principal.id));
    }
    let mut targets = event.targets().iter().map(|target| format!("{}:{}", target.kind, target.id));
    let first = targets.next().unwrap_or_default();
    let others = targets.count();
    let targets = if others > 0 { format!("{} +{others}", cut(&first)) } else { cut(&first) };
    let outcome = event.outcome();
    Row {
        cells: [
            seq,
            second(entry.at()),
            event.occurred_at().map(second).unwrap_or_default(),
            cut(&actor),
            cut(event.action()),
            outcome.map(|outcome| outcome.as_str().to_owned()).unwrap_or_default(),
            targets,
        ],
        outcome,
    }
}

/// `2026-11-20 23:23:00`.
fn second(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(..19).unwrap_or(&text).replace('T', " ")
}

fn name(kind: ActorKind, id: &str) -> String {
    if kind == ActorKind::User { id.to_owned() } else { format!("{kind}:{id}") }
}

/// At most [`WIDEST`] letters, the end kept where ids differ.
fn cut(text: &str) -> String {
    let text = printable(text);
    let letters = text.chars().count();
    if letters <= WIDEST {
        return text.into_owned();
    }
    let head: String = text.chars().take(WIDEST / 2).collect();
    let tail: String = text.chars().skip(letters.saturating_sub(WIDEST / 2 - 1)).collect();
    format!("{head}…{tail}")
}

fn width(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_cells_keep_both_ends() {
        assert_eq!(cut("short"), "short");
        let long = format!("arn:aws:s3:::{}end", "x".repeat(60));
        let shown = cut(&long);
        assert_eq!(width(&shown), WIDEST);
        assert!(shown.starts_with("arn:aws") && shown.ends_with("end"), "{shown}");
        assert_eq!(cut("a\x1b[2Jb"), "a\\u{1b}[2Jb");
    }

    #[test]
    fn actors_by_their_type() {
        assert_eq!(parse_actor("u1").unwrap(), Actor::user("u1"));
        assert_eq!(parse_actor("service:a:b").unwrap(), Actor::service("a:b"));
        assert!(parse_actor("robot:x").is_err());
    }
}
