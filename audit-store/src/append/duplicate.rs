//! The same event again: told apart from another event under the same id.

use std::collections::BTreeMap;

use audit_core::{
    CanonicalEvent, ChainId, Disclosure, Entry, EventView, OpenDisclosure, SubjectRef,
};
use serde::Deserialize;
use serde_json::json;

use crate::append::{AppendError, Receipt};
use crate::backend::append::Standing;
use crate::backend::{Backend, Schema, integer};
use crate::journal::Store;
use crate::private::{PrivatePlace, SealedField};
use crate::subject::Prepared;

/// The receipt of a standing entry.
pub(crate) fn receipt(chain: &ChainId, body: &str) -> Result<Receipt, AppendError> {
    let entry = Entry::parse(body).map_err(|_| AppendError::Corrupt { what: "an entry" })?;
    let (seq, id, at) = (entry.seq(), entry.event().id(), entry.at());
    Ok(Receipt { chain: chain.clone(), seq, id, at, leaf: entry.leaf() })
}

/// Whether a standing entry holds this event.
///
/// The salts of private fields are drawn anew whenever an event is made canonical, so these are
/// compared by what they say. A field that has been erased meanwhile compares as equal: what it
/// said can no longer be known, and the event around it is the same. `occurred_at` is compared only
/// where the host gave it: staging sets one otherwise, another one at each attempt.
///
/// So does one that is sealed where this journal has no sealer, and every private field of an event
/// that was staged sealed.
pub(crate) async fn same<DB: Backend>(
    conn: &mut DB::Connection,
    store: &Store<DB>,
    (chain, name): (i64, &ChainId),
    standing: &Standing,
    event: &CanonicalEvent,
    timed: bool,
) -> Result<bool, AppendError> {
    let (seq, _, body) = standing;
    if spliced(body, event.as_str()) {
        return Ok(true);
    }
    let entry = Entry::parse(body).map_err(|_| AppendError::Corrupt { what: "an entry" })?;
    let stored = entry.event();
    let Ok(given) = EventView::parse(event.as_str()) else { return Ok(false) };
    if !same_in_the_clear(stored, &given, timed) {
        return Ok(false);
    }
    let count = |view: &EventView<'_>| -> usize {
        view.private().iter().map(|(_, digests)| digests.len()).sum()
    };
    if count(stored) != count(&given) {
        return Ok(false);
    }
    let says: BTreeMap<_, _> =
        event.disclosures().iter().filter_map(|field| said(field.text())).collect();
    if says.is_empty() {
        return Ok(true);
    }
    let end = seq.saturating_add(1);
    for row in DB::disclosure_rows(conn, &store.schema, chain, *seq, end).await? {
        let corrupt = || AppendError::Corrupt { what: "the disclosures of an entry" };
        let (subject, items) = row.read().ok_or_else(corrupt)?;
        for item in items {
            let opened = match (item.disclosure, item.sealed) {
                (None, Some(sealed)) => {
                    let digest = item.digest.parse().map_err(|_| corrupt())?;
                    let place = PrivatePlace::new(name.tenant(), subject, digest);
                    store.open_private(&place, sealed).await?
                }
                (plain, _) => plain.map(str::to_owned),
            };
            let Some(text) = opened else { continue };
            if said(&text).is_none_or(|(name, value)| says.get(&name) != Some(&value)) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Whether the event stands in the entry as it is: the template leaves only one place for it.
fn spliced(body: &str, event: &str) -> bool {
    // `,"prev":"<64>","seq":…` follows the event; nothing of an event can look like the key before
    // it, since the members before are of fixed form.
    body.split_once(",\"event\":")
        .and_then(|(_, rest)| rest.strip_prefix(event))
        .is_some_and(|rest| rest.starts_with(",\"prev\":\""))
}

/// Whether two events are the same but for their private fields.
fn same_in_the_clear(stored: &EventView<'_>, given: &EventView<'_>, timed: bool) -> bool {
    stored.id() == given.id()
        && stored.action() == given.action()
        && stored.actor() == given.actor()
        && stored.on_behalf_of() == given.on_behalf_of()
        && stored.outcome() == given.outcome()
        && stored.targets() == given.targets()
        && stored.changes() == given.changes()
        && stored.context() == given.context()
        && stored.meta() == given.meta()
        && (timed || given.occurred_at().is_none() || stored.occurred_at() == given.occurred_at())
}

fn said(text: &str) -> Option<(String, String)> {
    let open = OpenDisclosure::parse(text).ok()?;
    Some((open.name().to_owned(), open.value_json().to_owned()))
}

/// The staged form of an event's private fields: a JSON array of `{"disclosure","subject"}`, or of
/// `{"digest","sealed","subject"}`.
pub(crate) fn to_staged(event: &Prepared) -> String {
    let plain = |d: &Disclosure| json!({"disclosure": d.text(), "subject": d.subject()});
    let sealed = |f: &SealedField| json!({"digest": f.digest.as_str(), "sealed": f.sealed, "subject": f.subject});
    let items: Vec<_> = if event.sealed().is_empty() {
        event.as_canonical().disclosures().iter().map(plain).collect()
    } else {
        event.sealed().iter().map(sealed).collect()
    };
    serde_json::Value::from(items).to_string()
}

/// Reads a staged event.
pub(crate) fn from_staged(body: &str, fields: &str) -> Result<Prepared, AppendError> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Staged {
        Plain { disclosure: String, subject: SubjectRef },
        Sealed { digest: String, sealed: String, subject: SubjectRef },
    }
    let corrupt = || AppendError::Corrupt { what: "a staged event" };
    let fields: Vec<Staged> = serde_json::from_str(fields).map_err(|_| corrupt())?;
    let (mut plain, mut sealed) = (Vec::new(), Vec::new());
    for field in fields {
        match field {
            Staged::Plain { disclosure, subject } => {
                plain.push(Disclosure::new(subject, disclosure));
            }
            Staged::Sealed { digest, sealed: text, subject } => {
                let digest = digest.parse().map_err(|_| corrupt())?;
                sealed.push(SealedField { subject, digest, sealed: text });
            }
        }
    }
    let event = EventView::parse(body).map_err(|_| corrupt())?;
    let committed = |field: &SealedField| event.commits_to(field.subject, field.digest);
    // All in one way or all in the other.
    if !sealed.iter().all(committed) || !(plain.is_empty() || sealed.is_empty()) {
        return Err(corrupt());
    }
    let mut event = Prepared::canonical(CanonicalEvent::parse(body, plain)?);
    event.set_sealed(sealed);
    Ok(event)
}

/// Entries that stand under one of these ids, by id.
pub(crate) async fn standing<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
    chain: i64,
    ids: &[uuid::Uuid],
) -> Result<BTreeMap<uuid::Uuid, Standing>, AppendError> {
    let found = DB::standing_by_id(conn, schema, chain, ids).await?;
    Ok(found.into_iter().map(|standing| (standing.1, standing)).collect())
}

/// The receipt of the entry at a seq, where it stands.
pub(crate) async fn receipt_at<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
    (id, chain): (i64, &ChainId),
    seq: u64,
) -> Result<Option<Receipt>, AppendError> {
    let end = seq.saturating_add(1);
    let found = DB::standing(conn, schema, id, integer(seq), integer(end)).await?;
    found.first().map(|(_, _, body)| receipt(chain, body)).transpose()
}
