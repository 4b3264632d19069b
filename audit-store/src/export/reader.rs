//! Reading a chain page by page, in one state of the database.

use std::ops::Range;
use std::sync::Arc;

use audit_core::{ChainId, CompactRange, LeafHash, NodeId};
use sqlx::Transaction;

use crate::backend::Backend;
use crate::backend::rows::{
    CHECKPOINT_PAGE, ChainRow, CheckpointRow, DisclosureRow, LAST_CHECKPOINT, PackedEntries,
};
use crate::journal::Store;
use crate::proof::read_nodes;

use super::error::ExportError;

/// About as many bytes of entries make a page.
const PAGE_BYTES: usize = 1 << 20;
/// The first page, when it is not known yet how long the entries are.
const FIRST_PAGE: u64 = 256;
const LEAST_PAGE: u64 = 16;
const MOST_PAGE: u64 = 4_096;

/// A chain as it was when the export began.
pub(super) struct ChainReader<DB: Backend> {
    store: Arc<Store<DB>>,
    tx: Transaction<'static, DB>,
    pub(super) chain: ChainId,
    row: ChainRow,
    range: CompactRange,
    /// How many entries there are, absent ones included.
    pub(super) size: u64,
    next: u64,
    page: u64,
}

impl<DB: Backend> ChainReader<DB> {
    pub(super) async fn begin(
        store: &Arc<Store<DB>>,
        chain: &ChainId,
    ) -> Result<Self, ExportError> {
        let mut tx = store.begin_snapshot(chain.tenant()).await?;
        let row = DB::chain_row(&mut tx, &store.schema, chain)
            .await?
            .ok_or_else(|| ExportError::UnknownChain { chain: chain.clone() })?;
        let range = row
            .compact_range()
            .map_err(|source| ExportError::Damaged { chain: chain.clone(), source })?;
        Ok(Self {
            store: Arc::clone(store),
            tx,
            chain: chain.clone(),
            size: range.size(),
            row,
            range,
            next: 0,
            page: FIRST_PAGE,
        })
    }

    /// The next page of entries before `end`, `None` behind the last.
    pub(super) async fn next_page(
        &mut self,
        end: u64,
    ) -> Result<Option<(Range<u64>, PackedEntries)>, ExportError> {
        let end = std::cmp::min(end, self.size);
        if self.next >= end {
            return Ok(None);
        }
        let seqs = self.next..std::cmp::min(self.next.saturating_add(self.page), end);
        let page = self.entries(seqs.clone()).await?;
        self.next = seqs.end;
        if let Some(average) = page.bytes.len().checked_div(page.seqs.len()) {
            let fits = PAGE_BYTES.checked_div(average).unwrap_or(usize::MAX);
            self.page = u64::try_from(fits).unwrap_or(MOST_PAGE).clamp(LEAST_PAGE, MOST_PAGE);
        }
        Ok(Some((seqs, page)))
    }

    /// Begins reading at another entry.
    pub(super) fn seek(&mut self, seq: u64) {
        self.next = seq;
    }

    async fn entries(&mut self, seqs: Range<u64>) -> Result<PackedEntries, ExportError> {
        let (first, end) = bounds(&seqs);
        let schema = &self.store.schema;
        Ok(DB::packed_entries(&mut self.tx, schema, self.row.id, first, end).await?)
    }

    /// One entry's bytes.
    pub(super) async fn entry(&mut self, seq: u64) -> Result<Option<String>, ExportError> {
        let page = self.entries(seq..seq.saturating_add(1)).await?;
        let text = page.texts().next().transpose()?;
        Ok(text.map(|(_, text)| text.to_owned()))
    }

    /// The disclosures of these entries, by seq and subject.
    pub(super) async fn disclosures(
        &mut self,
        seqs: &Range<u64>,
    ) -> Result<Vec<DisclosureRow>, ExportError> {
        if self.store.gate.owes_erasures() {
            return Err(ExportError::ErasuresOwed);
        }
        let (first, end) = bounds(seqs);
        let schema = &self.store.schema;
        Ok(DB::disclosure_rows(&mut self.tx, schema, self.row.id, first, end).await?)
    }

    /// The leaf hashes of entries whose rows are gone.
    pub(super) async fn leaves(&mut self, seqs: &[u64]) -> Result<Vec<LeafHash>, ExportError> {
        if seqs.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = seqs.iter().filter_map(|seq| NodeId::new(0, *seq).ok()).collect();
        let schema = &self.store.schema;
        let nodes = read_nodes::<DB>(&mut self.tx, schema, self.row.id, &self.range, wanted)
            .await
            .map_err(|source| ExportError::Damaged { chain: self.chain.clone(), source })?;
        Ok(nodes.iter().map(|node| LeafHash::from_bytes(*node.as_bytes())).collect())
    }

    /// The stored checkpoints behind this one, a page of them.
    pub(super) async fn checkpoints_after(
        &mut self,
        incarnation: i64,
        size: i64,
    ) -> Result<Vec<CheckpointRow>, ExportError> {
        let schema = &self.store.schema;
        let (tx, id) = (&mut self.tx, self.row.id);
        let (above, upto) = ((incarnation, size), LAST_CHECKPOINT);
        Ok(DB::checkpoint_rows(tx, schema, id, above, upto, CHECKPOINT_PAGE).await?)
    }

    /// Ends the reading; dropping does so too, later.
    pub(super) async fn end(self) -> Result<(), ExportError> {
        Ok(self.tx.rollback().await?)
    }

    pub(super) fn store(&self) -> &Store<DB> {
        &self.store
    }
}

/// Seqs as the database counts. One that is too large for it stands for no entry.
fn bounds(seqs: &Range<u64>) -> (i64, i64) {
    let signed = |seq| i64::try_from(seq).unwrap_or(i64::MAX);
    (signed(seqs.start), signed(seqs.end))
}
