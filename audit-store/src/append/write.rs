//! Writing a batch: the part that all ways to append share.

use std::collections::BTreeMap;

use audit_core::{ChainId, SubjectRef};
use uuid::Uuid;

use crate::append::head::{Head, Slot};
use crate::append::seal::Sealed;
use crate::append::{AppendError, Receipt, duplicate, seal, tiles};
use crate::backend::Backend;
use crate::backend::append::Standing;
use crate::journal::Store;
use crate::subject::Prepared;

/// The events of one chain, with its place among the heads held.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) id: i64,
    pub(crate) chain: ChainId,
    pub(crate) slot: Slot,
}

/// What was written for one chain and becomes true when its transaction commits.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) receipts: Vec<Receipt>,
    head: Head,
    subjects: Vec<(String, SubjectRef)>,
}

/// What became of plain events in a transaction of the host.
#[derive(Debug)]
pub(crate) enum Shared {
    /// The head has moved; nothing was written.
    Moved,
    /// Nothing can be sealed in this transaction; nothing was written.
    NotReady,
    Written(Written),
}

impl Written {
    fn of(sealed: Sealed) -> Self {
        Self { receipts: sealed.receipts, head: sealed.head, subjects: Vec::new() }
    }

    /// The seq that the next entry will have.
    pub(crate) const fn size(&self) -> u64 {
        self.head.size
    }

    /// Nothing new: the head stays where it is.
    pub(crate) const fn nothing(head: Head) -> Self {
        Self { receipts: Vec::new(), head, subjects: Vec::new() }
    }
}

impl Group {
    /// Remembers what was committed.
    pub(crate) fn committed<DB: Backend>(
        &mut self,
        store: &Store<DB>,
        written: Written,
    ) -> Vec<Receipt> {
        let entries = u64::try_from(written.receipts.len()).unwrap_or(u64::MAX);
        store.publisher.grown(entries, store.options.checkpoint_entries);
        store.follower.grown(self.id, entries);
        store.tail.grown();
        *self.slot = Some(written.head);
        store.subjects.remember(self.chain.tenant(), written.subjects);
        written.receipts
    }
}

impl<DB: Backend> Store<DB> {
    /// The surrogate id of a chain.
    pub(crate) async fn chain_id(
        &self,
        conn: &mut DB::Connection,
        chain: &ChainId,
    ) -> Result<i64, AppendError> {
        if let Some(id) = self.heads.id(chain) {
            return Ok(id);
        }
        let id = DB::find_chain(conn, &self.schema, chain)
            .await?
            .ok_or_else(|| AppendError::UnknownChain { chain: chain.clone() })?;
        self.heads.remember(chain, id);
        Ok(id)
    }

    /// Reads a head anew, locked.
    pub(crate) async fn locked_head(
        &self,
        conn: &mut DB::Connection,
        group: &mut Group,
    ) -> Result<Head, AppendError> {
        let row = DB::lock_head(conn, &self.schema, group.id)
            .await?
            .ok_or_else(|| AppendError::UnknownChain { chain: group.chain.clone() })?;
        let head = Head::read(&row)?;
        // What is remembered of the tail is true if the head has not moved since.
        Ok(match group.slot.take() {
            Some(known) if known.size == head.size && known.leaf == head.leaf => known,
            _ => head,
        })
    }

    /// Whether events can be written without anything being read under the head's lock first.
    pub(crate) fn is_plain(group: &Group, events: &[Prepared]) -> bool {
        let count = events.len();
        events.iter().all(|event| !event.has_subjects())
            && group.slot.as_ref().is_some_and(|head| {
                !tiles::fills(head, count)
                    || (head.tail.is_some() && !tiles::fills_above(head, count))
            })
    }

    /// Whether these events are written by one statement that needs no transaction around it.
    pub(crate) fn is_one_statement(group: &Group, events: &[Prepared]) -> bool {
        let count = events.len();
        let fills = group.slot.as_ref().is_none_or(|head| tiles::fills(head, count));
        count <= DB::ALONE && Self::is_plain(group, events) && !(DB::WRITES_ALONE && fills)
    }

    /// Writes plain events on top of the head that is remembered; nothing where it has moved.
    pub(crate) async fn write_plain(
        &self,
        conn: &mut DB::Connection,
        group: &mut Group,
        events: &[Prepared],
    ) -> Result<Option<Written>, AppendError> {
        let Some(mut sealed) = self.seal_plain(group, events)? else { return Ok(None) };
        let tiles = tiles::lowest(&mut sealed)?;
        let rows = std::mem::take(&mut sealed.rows);
        let step = sealed.step(&group.chain, &tiles);
        let written = DB::write(conn, &self.schema, &step, rows).await?;
        Ok(written.then(|| Written::of(sealed)))
    }

    /// As [`write_plain`](Self::write_plain), in a transaction of the host, which may not be one
    /// that entries can be sealed in.
    pub(crate) async fn write_plain_if_ready(
        &self,
        conn: &mut DB::Connection,
        group: &mut Group,
        events: &[Prepared],
    ) -> Result<Shared, AppendError> {
        let Some(mut sealed) = self.seal_plain(group, events)? else { return Ok(Shared::Moved) };
        let tiles = tiles::lowest(&mut sealed)?;
        let rows = std::mem::take(&mut sealed.rows);
        let step = sealed.step(&group.chain, &tiles);
        Ok(match DB::write_if_ready(conn, &self.schema, &step, rows).await? {
            None => Shared::NotReady,
            Some(false) => Shared::Moved,
            Some(true) => Shared::Written(Written::of(sealed)),
        })
    }

    fn seal_plain(
        &self,
        group: &mut Group,
        events: &[Prepared],
    ) -> Result<Option<Sealed>, AppendError> {
        let Some(head) = group.slot.take() else { return Ok(None) };
        let events = events.iter();
        seal::seal(head, &group.chain, self.options.clock.now(), events).map(Some)
    }

    /// Writes events on top of a locked head, with all that belongs to them.
    pub(crate) async fn write_locked(
        &self,
        conn: &mut DB::Connection,
        group: &Group,
        mut head: Head,
        events: &mut [&mut Prepared],
    ) -> Result<Written, AppendError> {
        let tenant = group.chain.tenant();
        let schema = &self.schema;
        let subjects = self.settle(conn, tenant, events).await?;
        for event in &mut *events {
            self.seal_private(tenant, event).await?;
        }
        if tiles::fills(&head, events.len()) {
            tiles::know_tail::<DB>(conn, schema, &mut head).await?;
        }
        let now = self.options.clock.now();
        let prepared = events.iter().map(|event| &**event);
        let mut sealed = seal::seal(head, &group.chain, now, prepared)?;
        let mut tiles = tiles::lowest(&mut sealed)?;
        tiles::above::<DB>(conn, schema, &sealed, &mut tiles).await?;
        let rows = std::mem::take(&mut sealed.rows);
        let step = sealed.step(&group.chain, &tiles);
        if !DB::write(conn, schema, &step, rows).await? {
            return Err(AppendError::Corrupt { what: "the head of a chain" });
        }
        if !sealed.disclosures.is_empty() {
            let disclosures = std::mem::take(&mut sealed.disclosures);
            DB::insert_disclosures(conn, schema, group.id, tenant, disclosures).await?;
        }
        Ok(Written { receipts: sealed.receipts, head: sealed.head, subjects })
    }

    /// Writes more events on top of what was just written in the same transaction.
    pub(crate) async fn write_more(
        &self,
        conn: &mut DB::Connection,
        group: &Group,
        before: Written,
        events: &mut [&mut Prepared],
    ) -> Result<Written, AppendError> {
        let Written { mut receipts, head, mut subjects } = before;
        let written = self.write_locked(conn, group, head, events).await?;
        receipts.extend(written.receipts);
        subjects.extend(written.subjects);
        Ok(Written { receipts, head: written.head, subjects })
    }

    /// The entries that stand already under the ids of these events.
    pub(crate) async fn standing(
        &self,
        conn: &mut DB::Connection,
        group: &Group,
        events: impl Iterator<Item = &Prepared>,
    ) -> Result<BTreeMap<Uuid, Standing>, AppendError> {
        let ids: Vec<Uuid> = events.map(|event| event.as_canonical().id()).collect();
        duplicate::standing::<DB>(conn, &self.schema, group.id, &ids).await
    }
}
