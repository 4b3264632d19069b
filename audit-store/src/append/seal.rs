//! Sealing: from canonical events to entries, on top of a head. No I/O.

use audit_core::{ChainId, Digest, SubjectRef, Tile, Timestamp, entry};

use crate::append::head::Head;
use crate::append::{AppendError, Receipt, tiles};
use crate::backend::append::{EntryRow, Move, NewDisclosures};
use crate::backend::integer;
use crate::subject::Prepared;

/// The largest chain: seqs have 40 bits.
const MAX_SIZE: u64 = 1 << 40;

/// A batch of one chain, sealed and not yet written.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// The head's state before.
    before: (u64, [u8; 32]),
    /// The head's state after.
    pub(crate) head: Head,
    /// Size before.
    pub(crate) first: u64,
    pub(crate) rows: Vec<EntryRow>,
    pub(crate) disclosures: Vec<NewDisclosures>,
    pub(crate) receipts: Vec<Receipt>,
}

impl Sealed {
    /// How the head moves.
    pub(crate) fn step<'a>(&self, chain: &'a ChainId, tiles: &[Tile]) -> Move<'a> {
        Move {
            chain: self.head.id,
            tenant: chain.tenant(),
            size: integer(self.before.0),
            head: self.before.1,
            new_size: integer(self.head.size),
            new_head: *self.head.leaf.as_bytes(),
            range: self.head.range.to_bytes(),
            at: self.head.at.as_micros(),
            control: self.head.control.map(integer),
            tiles: tiles.iter().map(tiles::row).collect(),
        }
    }
}

/// Seals events on top of a head, in their order.
///
/// A clock that shows less than the newest entry's time is clamped to it.
pub(crate) fn seal<'a>(
    mut head: Head,
    chain: &ChainId,
    now: Timestamp,
    events: impl ExactSizeIterator<Item = &'a Prepared>,
) -> Result<Sealed, AppendError> {
    let before = (head.size, *head.leaf.as_bytes());
    let at = std::cmp::max(now, head.at);
    let mut rows = Vec::with_capacity(events.len());
    let mut receipts = Vec::with_capacity(events.len());
    let mut disclosures = Vec::new();
    for prepared in events {
        let event = prepared.as_canonical();
        let seq = head.size;
        if seq >= MAX_SIZE {
            return Err(AppendError::ChainFull { chain: chain.clone() });
        }
        let mut body = String::new();
        let leaf =
            entry::seal(&mut body, seq, chain, at, head.control, &head.leaf, event.as_str())?;
        head.size = seq.saturating_add(1);
        head.leaf = leaf;
        head.range.push(leaf);
        if let Some(tail) = &mut head.tail {
            tail.push(leaf);
        }
        if event.is_reserved() {
            head.control = Some(seq);
        }
        for fields in stored(prepared).chunk_by(|a, b| a.subject == b.subject) {
            disclosures.extend(disclosure_row(seq, fields));
        }
        rows.push(EntryRow { id: event.id(), body });
        receipts.push(Receipt { chain: chain.clone(), seq, id: event.id(), at, leaf });
    }
    head.at = at;
    Ok(Sealed { before, first: before.0, head, rows, disclosures, receipts })
}

/// A private field as it is stored.
struct Stored<'a> {
    subject: SubjectRef,
    digest: Digest,
    /// `disclosure` or `sealed`.
    kind: &'static str,
    text: &'a str,
}

/// The private fields of an event, by subject and digest: sealed where that was done.
fn stored(event: &Prepared) -> Vec<Stored<'_>> {
    if event.sealed().is_empty() {
        let plain = event.as_canonical().disclosures().iter();
        return plain
            .map(|field| Stored {
                subject: field.subject(),
                digest: field.digest(),
                kind: "disclosure",
                text: field.text(),
            })
            .collect();
    }
    let sealed = event.sealed().iter();
    sealed
        .map(|field| Stored {
            subject: field.subject,
            digest: field.digest,
            kind: "sealed",
            text: &field.sealed,
        })
        .collect()
}

/// One subject's disclosures of one entry, in the order of the digests.
fn disclosure_row(seq: u64, fields: &[Stored<'_>]) -> Option<NewDisclosures> {
    let subject = *fields.first()?.subject.as_bytes();
    let mut items = String::from("[");
    for field in fields {
        if items.len() > 1 {
            items.push(',');
        }
        // Nothing of these needs to be escaped.
        items.push_str("{\"digest\":\"");
        items.push_str(field.digest.as_str());
        items.push_str("\",\"");
        items.push_str(field.kind);
        items.push_str("\":\"");
        items.push_str(field.text);
        items.push_str("\"}");
    }
    items.push(']');
    Some(NewDisclosures { seq: integer(seq), subject, items })
}
