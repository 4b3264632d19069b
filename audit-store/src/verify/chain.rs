//! All chains, each block by block: read and examined by several at once, merged in order.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use audit_core::{
    ChainId, ChainReport, ChainVerifier, Entry, Evidence, EvidenceSource, Finding, FindingCode,
    HeadRow, InputKind, LeafHash, Reserved, SignedCheckpoint, Timestamp, VerificationReport,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use sqlx::{Pool, Transaction};
use tokio::sync::Semaphore;

use crate::backend::rows::ChainRow;
use crate::backend::setup::JournalRow;
use crate::backend::{Backend, Schema};
use crate::tenancy::{Round, TenantMismatch};
use crate::verify::block::{self, BLOCK, Place};
use crate::verify::index::{self, IndexCheck};
use crate::verify::{VerifyError, VerifyOptions, VerifyProgress, Visit};

/// Connections that all see the same state of the database.
struct Readers<DB: Backend> {
    idle: Mutex<Vec<Transaction<'static, DB>>>,
    permits: Semaphore,
}

impl<DB: Backend> Readers<DB> {
    fn new(idle: Vec<Transaction<'static, DB>>) -> Self {
        Self { permits: Semaphore::new(idle.len()), idle: Mutex::new(idle) }
    }

    /// Lends one to `read` and takes it back unless it failed.
    async fn read<T>(
        &self,
        read: impl AsyncFnOnce(&mut DB::Connection) -> sqlx::Result<T>,
    ) -> Result<T, VerifyError> {
        let _permit = self.permits.acquire().await.map_err(|_| VerifyError::Interrupted)?;
        let reader = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut reader = reader.ok_or(VerifyError::Interrupted)?;
        let value = read(&mut reader).await?;
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(reader);
        Ok(value)
    }

    /// Names the tenant whose rows are read from now on. Called while none is lent.
    async fn enter(&self, setting: &str, tenant: &str) -> Result<(), VerifyError> {
        let idle = std::mem::take(&mut *self.idle.lock().unwrap_or_else(PoisonError::into_inner));
        let mut entered = Vec::with_capacity(idle.len());
        for mut reader in idle {
            DB::enter_tenant(&mut reader, setting, tenant).await?;
            entered.push(reader);
        }
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = entered;
        Ok(())
    }
}

/// How many connections it takes beside the one for each thread.
pub(super) const fn besides<DB: Backend>() -> usize {
    DB::SNAPSHOTS_NEED.saturating_add(1)
}

/// Verifies the chains that were asked for, all by default.
pub(super) async fn verify_chains<DB: Backend>(
    pool: &Pool<DB>,
    schema: &Schema,
    visit: &Visit,
    options: &VerifyOptions,
) -> Result<VerificationReport, VerifyError> {
    if let Some(bound) = &visit.bound
        && let Some(other) = options.chains.iter().find(|chain| chain.tenant() != bound)
    {
        let (bound, given) = (bound.clone(), other.tenant().to_owned());
        return Err(VerifyError::TenantMismatch(TenantMismatch { bound, given }));
    }
    let most = usize::try_from(pool.options().get_max_connections()).unwrap_or(usize::MAX);
    let readers = most.saturating_sub(besides::<DB>()).clamp(1, options.threads.get());
    let mut snapshots = DB::snapshots(pool, readers.saturating_add(1)).await?;
    // What is read between the blocks has a connection of its own: the others may all be lent to
    // blocks that are not polled meanwhile.
    let mut own = snapshots.pop().ok_or(VerifyError::Interrupted)?;
    let conn: &mut DB::Connection = &mut own;
    let readers = Readers::new(snapshots);
    let journal = DB::journal_row(conn, schema).await?;
    // A chain that the auditor names, or holds a checkpoint of, has to be there.
    let held = options.policy.outside().map(|held| held.checkpoint().origin.chain());
    let all = options.chains.is_empty();
    let wanted: BTreeSet<&ChainId> =
        if all { held.collect() } else { options.chains.iter().collect() };
    let mut reports = Vec::new();
    for round in rounds::<DB>(conn, schema, visit, &wanted).await? {
        if let Some((setting, tenant)) = visit.setting.as_deref().zip(round.as_deref()) {
            readers.enter(setting, tenant).await?;
            DB::enter_tenant(conn, setting, tenant).await?;
        }
        let found = Asked { all, wanted: &wanted, bound: visit.bound.as_deref() };
        reports
            .extend(verify_round(&readers, conn, schema, options, journal.as_ref(), &found).await?);
    }
    for chain in wanted {
        if visit.bound.as_ref().is_none_or(|bound| chain.tenant() == bound)
            && !reports.iter().any(|report| report.chain == *chain)
        {
            reports.push(absent(options, chain));
        }
    }
    reports.sort_by(|a, b| a.chain.cmp(&b.chain));
    Ok(VerificationReport::new(reports))
}

/// Which chains a verification is asked for.
struct Asked<'a> {
    all: bool,
    wanted: &'a BTreeSet<&'a ChainId>,
    bound: Option<&'a str>,
}

impl Asked<'_> {
    fn is_for(&self, chain: Option<&ChainId>) -> bool {
        let wanted = self.all || chain.is_some_and(|chain| self.wanted.contains(chain));
        let of_another = self.bound.zip(chain).is_some_and(|(bound, c)| c.tenant() != bound);
        wanted && !of_another
    }
}

/// The rounds that show all chains: one, or one for each tenant that has a chain or ought to.
async fn rounds<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
    visit: &Visit,
    wanted: &BTreeSet<&ChainId>,
) -> Result<Vec<Round>, VerifyError> {
    if visit.setting.is_none() {
        return Ok(vec![None]);
    }
    let Some(tenants) = DB::tenants(conn, schema).await? else { return Ok(vec![None]) };
    if let Some(bound) = &visit.bound {
        return Ok(vec![Some(bound.clone())]);
    }
    let named = wanted.iter().map(|chain| chain.tenant().to_owned());
    let all: BTreeSet<String> = tenants.into_iter().chain(named).collect();
    Ok(all.into_iter().map(Some).collect())
}

/// Verifies the chains that the connections show.
async fn verify_round<DB: Backend>(
    readers: &Readers<DB>,
    conn: &mut DB::Connection,
    schema: &Schema,
    options: &VerifyOptions,
    journal: Option<&JournalRow>,
    asked: &Asked<'_>,
) -> Result<Vec<ChainReport>, VerifyError> {
    let rows = DB::chain_rows(conn, schema).await?;
    let mut reports = Vec::new();
    for row in &rows {
        let named = ChainId::new(&row.tenant, &row.series).ok();
        if !asked.is_for(named.as_ref()) {
            continue;
        }
        let (chain, oddity) = match named {
            Some(chain) => (chain, None),
            None => (name_of::<DB>(conn, schema, row).await?, Some("the head row names no chain")),
        };
        let stored = Stored { chain: &chain, row, journal, oddity };
        reports.push(verify_chain(readers, conn, schema, options, &stored).await?);
    }
    let known: BTreeSet<i64> = rows.iter().map(|row| row.id).collect();
    let mut above = 0;
    while let Some(id) = DB::next_chain(conn, schema, above).await? {
        above = id;
        if known.contains(&id) {
            continue;
        }
        let row = headless::<DB>(conn, schema, id).await?;
        let chain = name_of::<DB>(conn, schema, &row).await?;
        if asked.is_for(Some(&chain)) {
            let oddity = Some("the chain has lost its head row");
            let stored = Stored { chain: &chain, row: &row, journal, oddity };
            reports.push(verify_chain(readers, conn, schema, options, &stored).await?);
        }
    }
    Ok(reports)
}

/// The name that the chain's own entries give it, or its newest checkpoint, where its head row gives
/// none.
async fn name_of<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
    row: &ChainRow,
) -> Result<ChainId, VerifyError> {
    let page = DB::packed_entries(conn, schema, row.id, 0, 1).await?;
    let first = page.iter().next().map(|(.., bytes)| bytes).unwrap_or_default();
    let entry = std::str::from_utf8(first).ok().and_then(|text| Entry::parse(text).ok());
    if let Some(chain) = entry.and_then(|entry| entry.chain().parse().ok()) {
        return Ok(chain);
    }
    let (none, all) = ((0, -1), (i64::MAX, i64::MAX));
    let stored = DB::checkpoint_rows(conn, schema, row.id, none, all, 1).await?;
    let signed = stored.first().and_then(|row| SignedCheckpoint::parse(&row.note).ok());
    if let Some(signed) = signed {
        return Ok(signed.checkpoint().origin.chain().clone());
    }
    ChainId::new("unnamed", &row.id.to_string()).map_err(|_| VerifyError::Interrupted)
}

/// What of a chain does not lie in blocks.
struct Stored<'a> {
    chain: &'a ChainId,
    row: &'a ChainRow,
    journal: Option<&'a JournalRow>,
    /// What is wrong with its head row, so that this is not to be compared.
    oddity: Option<&'static str>,
}

impl Stored<'_> {
    /// Findings about what lies beside the entries and belongs to none of them.
    async fn examine<DB: Backend>(
        &self,
        conn: &mut DB::Connection,
        schema: &Schema,
        end: i64,
        verifier: &mut ChainVerifier,
    ) -> Result<(), VerifyError> {
        let Self { chain, row, .. } = *self;
        if let Some(message) = self.oddity {
            verifier.report(Finding::at(FindingCode::Projection, chain, 0, message));
        }
        if let Some(seq) = DB::disclosed_from(conn, schema, row.id, end).await? {
            let message = "disclosures are stored of an entry that the chain has not";
            let seq = u64::try_from(seq).unwrap_or(0);
            verifier.report(Finding::at(FindingCode::Disclosure, chain, seq, message));
        }
        if let Some((first, last)) = DB::repeated_id(conn, schema, row.id).await? {
            let message = "several entries have one event id";
            let unsigned = |seq: i64| u64::try_from(seq).unwrap_or(0);
            let finding = Finding::within(
                FindingCode::Malformed,
                chain,
                unsigned(first),
                unsigned(last),
                message,
            );
            verifier.report(finding);
        }
        let page = DB::packed_entries(conn, schema, row.id, 0, 1).await?;
        let opening = page.iter().next().map(|(.., bytes)| bytes).unwrap_or_default();
        let opening = std::str::from_utf8(opening).ok().and_then(|text| Entry::parse(text).ok());
        if let Some(Ok(Some(Reserved::Opened { key, name }))) =
            opening.as_ref().map(Entry::reserved)
        {
            let found = match self.journal {
                Some(journal) if journal.name == name.as_str() && journal.key == key => {
                    return Ok(());
                }
                Some(journal) => format!("{} {}", journal.name, journal.key),
                None => "none".to_owned(),
            };
            let message = "the journal's row is not what the chain was opened under";
            let finding = Finding::at(FindingCode::Projection, chain, 0, message);
            let evidence =
                Evidence::new(EvidenceSource::HeadRow, format_args!("{name} {key}"), found);
            verifier.report(finding.with(evidence));
        }
        Ok(())
    }
}

/// What a head row would say of a chain that has lost it.
async fn headless<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
    id: i64,
) -> Result<ChainRow, VerifyError> {
    let last = DB::last_seq(conn, schema, id).await?;
    Ok(ChainRow {
        id,
        tenant: String::new(),
        series: String::new(),
        size: last.map_or(0, |last| last.saturating_add(1)),
        head: Vec::new(),
        range: Vec::new(),
        at: 0,
        control: None,
        incarnation: 1,
    })
}

async fn verify_chain<DB: Backend>(
    readers: &Readers<DB>,
    conn: &mut DB::Connection,
    schema: &Schema,
    options: &VerifyOptions,
    stored: &Stored<'_>,
) -> Result<ChainReport, VerifyError> {
    let Stored { chain, row, oddity, .. } = *stored;
    let last = DB::last_seq(conn, schema, row.id).await?;
    let incarnations = DB::incarnations(conn, schema, row.id).await?;
    let unsealed = DB::unsealed(conn, schema, row.id).await?;
    // Rows above what the head row counts are looked at as well; what the head row counts beyond
    // the last row is left to the verifier, which need not read to know that it is absent.
    let end = last.map_or(0, |last| last.saturating_add(1));
    let total = u64::try_from(end).unwrap_or(0);
    let mut verifier = ChainVerifier::new(chain, InputKind::Database, options.policy.clone());
    stored.examine::<DB>(conn, schema, end, &mut verifier).await?;
    let now = options.clock.now().as_micros();
    let age = unsealed.oldest.map(|oldest| {
        u64::try_from(now.saturating_sub(oldest.as_micros()) / 1_000_000).unwrap_or(0)
    });
    verifier.unsealed(u64::try_from(unsealed.count).unwrap_or(0), age);

    let mut index =
        IndexCheck::new::<DB>(conn, schema, chain, row.id, total, &mut verifier).await?;
    let segments = index.segments().to_vec();
    let (segments, incarnations) = (segments.as_slice(), incarnations.as_slice());
    let examined = stream::iter(places(end)).map(|place| async move {
        let loaded = readers
            .read(async |conn| block::load::<DB>(conn, schema, row, incarnations, place).await)
            .await?;
        let unsigned = |seq: i64| u64::try_from(seq).unwrap_or(0);
        let segments = index::within(segments, unsigned(place.first), unsigned(place.end));
        let chain = chain.clone();
        tokio::task::spawn_blocking(move || block::examine(&chain, &loaded, segments))
            .await
            .map_err(|_| VerifyError::Interrupted)
    });
    // Twice as many under way as there are threads keeps the connections reading while all compute.
    let mut examined = examined.buffered(options.threads.get().saturating_mul(2));
    while let Some(block) = examined.try_next().await? {
        let done = block.summary.end();
        verifier.merge(block.summary).map_err(|_| VerifyError::Interrupted)?;
        index.take::<DB>(conn, schema, block.postings, done, chain, &mut verifier).await?;
        if let Some(report) = &options.progress {
            report(VerifyProgress { chain: chain.clone(), done, total });
        }
    }
    drop(examined);
    index.settle(0, chain, &mut verifier).await?;
    for seq in verifier.wanted() {
        let seq = i64::try_from(seq).unwrap_or(i64::MAX);
        let page = DB::packed_entries(conn, schema, row.id, seq, seq.saturating_add(1)).await?;
        if let Some((seq, _, bytes)) = page.iter().next().filter(|_| page.is_whole()) {
            verifier.boundary(u64::try_from(seq).unwrap_or(0), bytes);
        }
    }
    let mut head = if oddity.is_none() { Some(head(row)) } else { None };
    if let Some(head) = &mut head {
        let holds = DB::holds(conn, schema, row.id).await?.into_iter().map(|row| row.hold);
        head.holds = Some(BTreeSet::from_iter(holds).into_iter().collect());
    }
    Ok(verifier.finish(head.as_ref()))
}

/// The blocks of a chain of that many entries; the last one also takes what is stored beyond it.
fn places(end: i64) -> impl Iterator<Item = Place> {
    let count = std::cmp::max(1, end.saturating_add(BLOCK - 1) / BLOCK);
    (0..count).map(move |i| {
        let first = i.saturating_mul(BLOCK);
        let last = i == count.saturating_sub(1);
        Place { first, end: if last { end } else { first.saturating_add(BLOCK) }, last }
    })
}

fn head(row: &ChainRow) -> HeadRow {
    let control = row.control.and_then(|seq| u64::try_from(seq).ok());
    let mut head = HeadRow::new(u64::try_from(row.size).unwrap_or(0), control);
    head.leaf = <[u8; 32]>::try_from(row.head.as_slice()).ok().map(LeafHash::from_bytes);
    head.range = Some(row.range.clone());
    head.at = Timestamp::from_micros(row.at).ok();
    head.incarnation = u64::try_from(row.incarnation).ok();
    head
}

/// A chain that is not there at all.
fn absent(options: &VerifyOptions, chain: &ChainId) -> ChainReport {
    let mut verifier = ChainVerifier::new(chain, InputKind::Database, options.policy.clone());
    verifier.report(Finding::at(FindingCode::Missing, chain, 0, "the journal has no such chain"));
    verifier.finish(None)
}
