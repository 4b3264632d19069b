//! The steps of a sweep: what is due, which records make the next batch, and their removal.
//!
//! All but the last is done without a lock, from what no longer changes. The last is one short
//! transaction under the lock of the chain's head; it begins by finding out whether a reserved entry
//! was sealed since, because whatever a batch goes by (schedules, holds, other prunings) is one.

use audit_core::{Actor, ChainId, Entry, Reserved, ScheduleHistory, Timestamp};

use sqlx::Transaction;

use crate::append::chain::own_by;
use crate::append::head::Head;
use crate::append::write::{Group, Written};
use crate::append::{AppendError, Receipt, tiles};
use crate::backend::read::Scan;
use crate::backend::retention::PruningRow;
use crate::backend::{Backend, integer};
use crate::hold::in_force::HoldsInForce;
use crate::index::prune::Unposting;
use crate::journal::Store;
use crate::retention::batch::{Batch, Fate, Gathering};
use crate::retention::error::PruneError;
use crate::retention::stamps::Stamps;

/// How many records are read at a time.
const READ: usize = 1_000;

/// What does not change in the course of a sweep.
#[derive(Debug)]
pub(super) struct Sweep<'a> {
    pub(super) now: Timestamp,
    pub(super) dry_run: bool,
    pub(super) actor: &'a Actor,
}

/// A stretch of a chain in which something may be due.
#[derive(Debug)]
pub(super) struct Due {
    /// Its first seq.
    first: u64,
    /// The seq behind its last one.
    pub(super) end: u64,
    /// The newest reserved entry when this was found out.
    pub(super) control: Option<u64>,
    /// The last record that is old enough. It stays, as the boundary.
    boundary: Option<u64>,
    cutoff: Timestamp,
    schedules: ScheduleHistory,
    rule: String,
    holds: HoldsInForce,
}

/// A batch, and the index without it.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) batch: Batch,
    unposting: Unposting,
}

impl<DB: Backend> Store<DB> {
    /// The next stretch, from the seq `from` on, that a schedule rules over; nothing behind the last.
    pub(super) async fn due(
        &self,
        sweep: &Sweep<'_>,
        (id, chain): (i64, &ChainId),
        from: u64,
    ) -> Result<Option<Due>, PruneError> {
        let schema = &self.schema;
        let corrupt = || AppendError::Corrupt { what: "the head of a chain" };
        let mut tx = self.begin_snapshot(chain.tenant()).await?;
        let Some(row) = DB::chain_row(&mut tx, schema, chain).await? else { return Ok(None) };
        let size = u64::try_from(row.size).map_err(|_| corrupt())?;
        let newest = Timestamp::from_micros(row.at).map_err(|_| corrupt())?;
        let control = row.control.map(u64::try_from).transpose().map_err(|_| corrupt())?;
        // The time that the pruning's entry will have, or would have.
        let clock = if sweep.dry_run { sweep.now } else { self.options.clock.now() };
        let at = std::cmp::max(clock, newest);
        let stamps = Stamps::read::<DB>(&mut tx, schema, (id, chain)).await?;
        let stretches = stamps.history.stretches(size, at);
        let ruled = stretches.iter().filter(|stretch| stretch.end > from);
        for (stretch, schedule) in ruled.filter_map(|of| Some((of, *of.schedule?))) {
            // Lawful by the entry's own time, and due by the time that the sweep goes by.
            let latest = schedule.latest_cutoff(at).zip(schedule.latest_cutoff(sweep.now));
            let Some((lawful, due)) = latest else { continue };
            let cutoff = std::cmp::min(lawful, due);
            let Ok(beyond) = Timestamp::from_micros(cutoff.as_micros().saturating_add(1)) else {
                continue;
            };
            let young = DB::first_at(&mut tx, schema, id, size, &beyond.to_string()).await?;
            let end = std::cmp::min(young, stretch.end);
            let (first, old) = (integer(stretch.first), integer(end));
            let last = DB::last_standing(&mut tx, schema, id, first, old).await?;
            let due = Due {
                first: stretch.first,
                end: stretch.end,
                control,
                boundary: last.map(u64::try_from).transpose().map_err(|_| corrupt())?,
                cutoff,
                schedules: stamps.history.clone(),
                rule: stamps.rule(schedule.seq).to_owned(),
                holds: self.holds_on(&mut tx, id).await?,
            };
            tx.rollback().await?;
            return Ok(Some(due));
        }
        tx.rollback().await?;
        Ok(None)
    }

    /// The next batch of a stretch, from the seq `from` on; nothing where nothing more goes. Adds the
    /// records that only a hold keeps to `held`.
    pub(super) async fn gather(
        &self,
        due: &Due,
        (id, chain): (i64, &ChainId),
        from: u64,
        limit: usize,
        held: &mut u64,
    ) -> Result<Option<Gathered>, PruneError> {
        let schema = &self.schema;
        let Some(boundary) = due.boundary else { return Ok(None) };
        let mut tx = self.begin_snapshot(chain.tenant()).await?;
        let (mut gathering, mut since) = (Gathering::new(limit), 0_u64);
        let mut seqs = std::cmp::max(from, due.first)..boundary;
        'read: while seqs.start < seqs.end {
            let scan = Scan {
                chain: id,
                seqs: seqs.clone(),
                texts: ["", "", ""],
                newest_first: false,
                limit: READ,
            };
            let rows = DB::scan(&mut tx, schema, &scan).await?;
            let is_last = rows.len() < READ;
            for (seq, body) in rows {
                let fate = fate(&due.holds, &body);
                if !gathering.take(seq, fate, body) {
                    break 'read;
                }
                match fate {
                    Fate::Held => since = since.saturating_add(1),
                    // Those behind the last that goes are met again by the next batch.
                    Fate::Goes => *held = held.saturating_add(std::mem::take(&mut since)),
                    Fate::Reserved => {}
                }
                seqs.start = seq.saturating_add(1);
            }
            if is_last {
                break;
            }
        }
        let Some(batch) = gathering.finish(boundary) else {
            *held = held.saturating_add(since);
            return Ok(None);
        };
        let state = DB::chain_state(&mut tx, schema, chain)
            .await?
            .ok_or_else(|| AppendError::UnknownChain { chain: chain.clone() })?;
        let unposting = Unposting::prepare::<DB>(&mut tx, schema, state, &batch.runs).await?;
        tx.rollback().await?;
        Ok(Some(Gathered { batch, unposting }))
    }

    /// Removes a batch; nothing, and nothing done, where what it goes by was changed since.
    pub(super) async fn write_batch(
        &self,
        sweep: &Sweep<'_>,
        due: &Due,
        (id, chain): (i64, &ChainId),
        gathered: &Gathered,
    ) -> Result<Option<Receipt>, PruneError> {
        let _turn = self.turn_alone().await;
        let mut tx = self.begin_write_for(chain.tenant()).await?;
        let mut group = Group { id, chain: chain.clone(), slot: self.heads.slot(id).await };
        let head = self.locked_head(&mut tx, &mut group).await?;
        let written = if head.control == due.control {
            self.remove_batch(&mut tx, (sweep, due), &group, head, gathered).await?
        } else {
            *group.slot = Some(head);
            None
        };
        let Some(written) = written else {
            tx.rollback().await?;
            return Ok(None);
        };
        tx.commit().await?;
        Ok(group.committed(self, written).pop())
    }

    /// Seals the entry of a pruning and takes away what it covers.
    async fn remove_batch(
        &self,
        tx: &mut Transaction<'_, DB>,
        (sweep, due): (&Sweep<'_>, &Due),
        group: &Group,
        mut head: Head,
        Gathered { batch, unposting }: &Gathered,
    ) -> Result<Option<Written>, PruneError> {
        let schema = &self.schema;
        // The holds again, here where no other can be placed.
        let holds = self.holds_on(tx, group.id).await?;
        if !holds.is_empty() && batch.bodies.iter().any(|body| fate(&holds, body) != Fate::Goes) {
            return Ok(None);
        }
        tiles::keep_tail::<DB>(tx, schema, &group.chain, &mut head, batch.before).await?;
        let entry = Reserved::Pruned {
            after: batch.after,
            before: batch.before,
            count: batch.count,
            cutoff: due.cutoff,
            kept: batch.kept.clone(),
            rule: due.rule.clone(),
        };
        let mut entry = own_by(&entry, sweep.actor.clone())?;
        let before = Written::nothing(head);
        let written = self.write_more(tx, group, before, &mut [&mut entry]).await?;
        let Some(receipt) = written.receipts.last() else { return Ok(None) };
        // A clock that stepped back since the batch was planned, or a rule that came into force.
        let ruling = due.schedules.ruling(batch.after, batch.before, receipt.at);
        let lawful = ruling.ok().flatten().and_then(|schedule| schedule.latest_cutoff(receipt.at));
        if lawful.is_none_or(|latest| due.cutoff > latest) {
            return Ok(None);
        }
        let pruning = PruningRow {
            seq: integer(receipt.seq),
            after: integer(batch.after),
            before: integer(batch.before),
        };
        let chain = (group.id, group.chain.tenant());
        let removed = DB::remove(tx, schema, chain, pruning, &batch.runs).await?;
        let unposted = removed == batch.count && unposting.write::<DB>(tx, schema).await?;
        Ok(unposted.then_some(written))
    }
}

/// What is to become of a record that is old enough. Text that is no entry stays: what it is is for
/// verification to say.
fn fate(holds: &HoldsInForce, body: &str) -> Fate {
    match Entry::parse(body) {
        Ok(entry) if entry.event().is_reserved() => Fate::Reserved,
        Ok(entry) if !holds.covers(&entry) => Fate::Goes,
        _ => Fate::Held,
    }
}
