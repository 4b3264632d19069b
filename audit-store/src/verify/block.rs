//! One block of a chain: what the database holds about it, and the examination of that.

use audit_core::{
    BlockSummary, BlockVerifier, ChainId, EventView, Evidence, EvidenceSource, Finding,
    FindingCode, InputKind,
};
use sqlx::Database;

use crate::backend::rows::{ChainRow, CheckpointRow, DisclosureRow, PackedEntries, TileRow};
use crate::backend::{Backend, Schema};
use crate::index::check::ExpectedSegment;
use crate::index::segment::Segment;
use crate::verify::items;

/// Entries in a block: enough that a query for each is no cost, few enough that a block for each
/// thread is no memory.
pub(super) const BLOCK: i64 = 4096;

/// Entries packed into one row.
const PAGE: i64 = 2048;

/// Leaves under one hash of a tile of each level above 0, as a power of two.
const LEVEL_BITS: u32 = 8;

/// Levels of tiles that a chain can have.
const LEVELS: i64 = 6;

/// Where a block lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) first: i64,
    pub(super) end: i64,
    /// Whether it is the chain's last, which takes what is stored beyond the end as well.
    pub(super) last: bool,
}

/// Everything the database holds about one block.
#[derive(Debug)]
pub(super) struct Loaded {
    place: Place,
    pages: Vec<PackedEntries>,
    disclosures: Vec<DisclosureRow>,
    tiles: Vec<TileRow>,
    checkpoints: Vec<CheckpointRow>,
}

/// Reads one block.
pub(super) async fn load<DB: Backend>(
    conn: &mut <DB as Database>::Connection,
    schema: &Schema,
    chain: &ChainRow,
    incarnations: &[i64],
    place: Place,
) -> sqlx::Result<Loaded> {
    let Place { first, end, last } = place;
    let beyond = |end: i64| if last { i64::MAX } else { end };
    let mut pages = Vec::with_capacity(2);
    let mut from = first;
    while from < end {
        let to = std::cmp::min(from.saturating_add(PAGE), end);
        pages.push(DB::packed_entries(conn, schema, chain.id, from, to).await?);
        from = to;
    }
    let disclosures = DB::disclosure_rows(conn, schema, chain.id, first, end).await?;
    let mut tiles = DB::tile_rows(
        conn,
        schema,
        chain.id,
        0,
        first >> LEVEL_BITS,
        beyond((end.saturating_add(255)) >> LEVEL_BITS),
    )
    .await?;
    for level in 1..LEVELS {
        // A tile is complete with its last leaf, so it belongs to the block that holds that.
        let bits = u32::try_from(level).unwrap_or(0).saturating_add(1).saturating_mul(LEVEL_BITS);
        let (from, to) = (first >> bits, beyond(end >> bits));
        if from < to {
            tiles.extend(DB::tile_rows(conn, schema, chain.id, level, from, to).await?);
        }
    }
    let mut checkpoints = Vec::new();
    for incarnation in incarnations {
        let above = if first == 0 { -1 } else { first };
        let (above, upto) = ((*incarnation, above), (*incarnation, beyond(end)));
        let rows = DB::checkpoint_rows(conn, schema, chain.id, above, upto, i64::MAX).await?;
        checkpoints.extend(rows);
    }
    Ok(Loaded { place, pages, disclosures, tiles, checkpoints })
}

/// What examining a block gives.
pub(super) struct Examined {
    pub(super) summary: BlockSummary,
    /// What the query index must hold of its entries.
    pub(super) postings: Vec<ExpectedSegment>,
}

/// Examines what was read. Computes and does not wait: for a thread of its own.
pub(super) fn examine(chain: &ChainId, loaded: &Loaded, segments: Vec<Segment>) -> Examined {
    let unsigned = |number: i64| u64::try_from(number).unwrap_or(0);
    let Place { first, end, .. } = loaded.place;
    let mut block = BlockVerifier::new(chain, InputKind::Database, unsigned(first));
    let mut postings = Postings::new(segments);
    for page in &loaded.pages {
        examine_page(&mut block, chain, page, &mut postings);
    }
    for row in &loaded.disclosures {
        items::examine(&mut block, chain, row);
    }
    for tile in &loaded.tiles {
        let level = u8::try_from(tile.level).unwrap_or(u8::MAX);
        let width = u16::try_from(tile.width).unwrap_or(0);
        block.tile(level, unsigned(tile.index), width, &tile.hashes);
    }
    for row in &loaded.checkpoints {
        block.checkpoint(unsigned(row.incarnation), unsigned(row.size), &row.note);
    }
    Examined { summary: block.finish(unsigned(end)), postings: postings.finish() }
}

/// Gathers what the query index must hold, segment by segment as the entries come.
struct Postings {
    waiting: std::vec::IntoIter<Segment>,
    gathered: Vec<ExpectedSegment>,
}

impl Postings {
    fn new(segments: Vec<Segment>) -> Self {
        let mut waiting = segments.into_iter();
        let gathered = waiting.next().map(ExpectedSegment::new).into_iter().collect();
        Self { waiting, gathered }
    }

    fn add(&mut self, seq: u64, event: &EventView<'_>) {
        while let Some(last) = self.gathered.last_mut() {
            if seq < last.segment().end() {
                return last.add(seq, event);
            }
            let Some(next) = self.waiting.next() else { return };
            self.gathered.push(ExpectedSegment::new(next));
        }
    }

    /// All segments, those without a standing entry too.
    fn finish(mut self) -> Vec<ExpectedSegment> {
        self.gathered.extend(self.waiting.map(ExpectedSegment::new));
        self.gathered.iter_mut().for_each(ExpectedSegment::sort);
        self.gathered
    }
}

fn examine_page(
    block: &mut BlockVerifier,
    chain: &ChainId,
    page: &PackedEntries,
    postings: &mut Postings,
) {
    let (Some(first), Some(last)) = (page.seqs.first(), page.seqs.last()) else { return };
    let (first, last) = (u64::try_from(*first).unwrap_or(0), u64::try_from(*last).unwrap_or(0));
    if page.foreign {
        let message = "a row beside these entries names another tenant";
        let finding = Finding::within(FindingCode::Projection, chain, first, last, message);
        block.report(finding.with(Evidence::new(
            EvidenceSource::Index,
            chain.tenant(),
            "another tenant",
        )));
    }
    if !page.is_whole() {
        let message = "the stored rows of these entries cannot be read";
        block.report(Finding::within(FindingCode::Malformed, chain, first, last, message));
        return;
    }
    for (seq, id, bytes) in page.iter() {
        let seq = u64::try_from(seq).unwrap_or(0);
        let Some(entry) = block.entry(seq, bytes) else { continue };
        postings.add(seq, entry.event());
        let stated = entry.event().id();
        if stated.as_bytes() != id {
            let message = "the event id beside the entry is not the entry's";
            let found = uuid::Uuid::from_slice(id).unwrap_or_default();
            let finding = Finding::at(FindingCode::Projection, chain, seq, message);
            block.report(finding.with(Evidence::new(EvidenceSource::Index, stated, found)));
        }
    }
}
