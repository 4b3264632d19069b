//! Entries as rows of a spreadsheet.

use audit_core::{ActorView, Entry, Timestamp};
use serde::Deserialize;
use serde_json::value::RawValue;

/// The columns, in their order.
///
/// `targets`, `changes` and `meta` hold the canonical JSON of the event.
pub const CSV_COLUMNS: [&str; 16] = [
    "seq",
    "at",
    "id",
    "occurred_at",
    "action",
    "outcome",
    "actor_type",
    "actor_id",
    "on_behalf_of_type",
    "on_behalf_of_id",
    "targets",
    "request_id",
    "session_id",
    "trace_id",
    "changes",
    "meta",
];

/// The parts of an event that are taken as they are.
#[derive(Deserialize)]
struct Parts<'a> {
    #[serde(borrow)]
    event: EventParts<'a>,
}

#[derive(Deserialize)]
struct EventParts<'a> {
    #[serde(borrow)]
    targets: Option<&'a RawValue>,
    #[serde(borrow)]
    changes: Option<&'a RawValue>,
    #[serde(borrow)]
    meta: Option<&'a RawValue>,
}

/// Writes rows into memory: RFC 4180, with a header.
pub(super) struct CsvRows {
    writer: csv::Writer<Vec<u8>>,
}

impl CsvRows {
    pub(super) fn new() -> Result<Self, csv::Error> {
        let mut this = Self::empty();
        this.writer.write_record(CSV_COLUMNS)?;
        Ok(this)
    }

    fn empty() -> Self {
        let writer = csv::WriterBuilder::new()
            .terminator(csv::Terminator::CRLF)
            .from_writer(Vec::with_capacity(256 << 10));
        Self { writer }
    }

    /// Adds an entry that was read from `body`.
    pub(super) fn push(&mut self, entry: &Entry<'_>, body: &str) -> Result<(), csv::Error> {
        // It has been read as an entry, so these are its parts; were they not, they are left out.
        let parts = serde_json::from_str::<Parts<'_>>(body).ok().map(|parts| parts.event);
        let raw = |part: fn(&EventParts<'_>) -> Option<String>| {
            parts.as_ref().and_then(part).unwrap_or_default()
        };
        let event = entry.event();
        let context = event.context();
        let actor = |actor: Option<&ActorView<'_>>| match actor {
            Some(actor) => (actor.kind.to_string(), actor.id.to_string()),
            None => <(String, String)>::default(),
        };
        let (actor_type, actor_id) = actor(Some(event.actor()));
        let (behalf_type, behalf_id) = actor(event.on_behalf_of());
        let opaque =
            |id: &Option<std::borrow::Cow<'_, str>>| id.as_deref().unwrap_or("").to_owned();
        let row = [
            entry.seq().to_string(),
            entry.at().to_string(),
            event.id().to_string(),
            event.occurred_at().map(|at: Timestamp| at.to_string()).unwrap_or_default(),
            event.action().to_owned(),
            event.outcome().map(|outcome| outcome.to_string()).unwrap_or_default(),
            actor_type,
            actor_id,
            behalf_type,
            behalf_id,
            raw(|parts| parts.targets.map(|raw| raw.get().to_owned())),
            opaque(&context.request_id),
            opaque(&context.session_id),
            opaque(&context.trace_id),
            raw(|parts| parts.changes.map(|raw| raw.get().to_owned())),
            raw(|parts| parts.meta.map(|raw| raw.get().to_owned())),
        ];
        self.writer.write_record(row.map(harmless))
    }

    /// What was written since the last time.
    pub(super) fn take(&mut self) -> Result<Vec<u8>, csv::Error> {
        self.writer.flush()?;
        let full = std::mem::replace(self, Self::empty());
        full.writer.into_inner().map_err(|error| error.into_error().into())
    }
}

/// A cell that a spreadsheet does not take for a formula: one that would begin like it gets a `'`
/// in front.
fn harmless(cell: String) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn no_cell_begins_like_a_formula() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C calc'!A0"] {
            assert_eq!(harmless(cell.to_owned()), format!("'{cell}"));
        }
        for cell in ["", "user", "1-1", "'=1", "[\"=1\"]", " =1"] {
            assert_eq!(harmless(cell.to_owned()), cell);
        }
    }

    proptest! {
        #[test]
        fn a_cell_loses_nothing(cell in any::<String>()) {
            let written = harmless(cell.clone());
            prop_assert!(!written.starts_with(['=', '+', '-', '@', '\t', '\r']));
            prop_assert!(written == cell || written.strip_prefix('\'') == Some(&cell));
        }
    }
}
