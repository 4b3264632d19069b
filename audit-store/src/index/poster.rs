//! Posting: moving a chain's watermark, 256 entries or more at a time.
//!
//! A step is prepared without a lock, from what no longer changes, and written in one short
//! transaction that first moves the watermark by compare-and-swap. So two posters never write the
//! same step, a step that a crash cut off is simply done again, and an append waits for none.

use std::ops::Range;

use audit_core::Entry;

use crate::backend::index::{ChainState, Posted, StoredPage};
use crate::backend::{Backend, Schema, integer};
use crate::error::DatabaseError;
use crate::index::handed::Handed;
use crate::index::posting::PostingError;
use crate::index::segment::{SEGMENT_ENTRIES, Segment, SegmentBuilder, farthest, step};
use crate::index::terms::TermHasher;
use crate::journal::Store;
use crate::tenancy::TenantMismatch;

/// How many entries are read at a time.
const READ: u64 = 4_096;

/// Why a step of posting was not done. The index stands as it stood.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PostError {
    /// Stored pages of the index are damaged; [`rebuild_index`](crate::Journal::rebuild_index)
    /// makes them anew.
    #[error("the stored query index is damaged")]
    Damaged,
    /// The database could not be asked or changed.
    #[error("cannot post to the query index")]
    Database(#[from] DatabaseError),
    /// It is another tenant's than the handle's, or than the one that the host's transaction names.
    #[error("it is another tenant's")]
    TenantMismatch(#[source] TenantMismatch),
}

impl From<sqlx::Error> for PostError {
    fn from(error: sqlx::Error) -> Self {
        if let Some(mismatch) = TenantMismatch::of(&error) {
            return Self::TenantMismatch(mismatch);
        }
        Self::Database(error.into())
    }
}

impl From<PostingError> for PostError {
    fn from(_: PostingError) -> Self {
        Self::Damaged
    }
}

/// One step, ready to be written.
#[derive(Debug)]
pub(crate) struct Step {
    chain: i64,
    from: Posted,
    to: u64,
    gone: Vec<Segment>,
    pages: Vec<StoredPage>,
}

impl Step {
    /// The next step of a chain, if there are entries enough for one.
    pub(crate) async fn prepare<DB: Backend>(
        conn: &mut DB::Connection,
        schema: &Schema,
        state: ChainState,
        handed: &mut Handed,
    ) -> Result<Option<Self>, PostError> {
        let from = state.posted;
        let full = state.size.saturating_sub(state.size.checked_rem(SEGMENT_ENTRIES).unwrap_or(0));
        let to = std::cmp::min(full, farthest(from.upto));
        if to <= from.upto {
            return Ok(None);
        }
        // A pruning seals a reserved entry above all that it removes: below one, what was handed over
        // may not stand any more.
        if state.control.zip(handed.first()).is_some_and(|(control, first)| control >= first) {
            *handed = Handed::default();
        }
        let (gone, new) = step(from.upto, to);
        let mut builders: Vec<_> = new.into_iter().map(SegmentBuilder::new).collect();
        for (level, blocks) in runs(&gone) {
            for page in DB::segment_pages(conn, schema, state.id, level, blocks).await? {
                let old = gone.iter().find(|s| s.level() == level && s.block() == page.block);
                let new =
                    old.and_then(|old| builder_of(&mut builders, old.first()).zip(Some(*old)));
                if let Some((builder, old)) = new {
                    builder.absorb(old, &page.bytes)?;
                }
            }
        }
        let mut hasher = TermHasher::default();
        let mut next = from.upto;
        while next < to {
            if let Some(event) = handed.take(next) {
                if let Some(builder) = builder_of(&mut builders, next) {
                    hasher.canonical(&event, |term| builder.add(next, term));
                }
                next = next.saturating_add(1);
                continue;
            }
            // What was not handed over has to be read.
            let end = std::cmp::min(next.saturating_add(READ), to);
            let end = std::cmp::min(end, handed.first().unwrap_or(end));
            let (id, first, last) = (state.id, integer(next), integer(end));
            for entry in DB::packed_entries(conn, schema, id, first, last).await?.texts() {
                let (seq, body) = entry?;
                if let Some(builder) = builder_of(&mut builders, seq) {
                    post_entry(&mut hasher, builder, seq, body);
                }
            }
            next = end;
        }
        let pages = builders.into_iter().flat_map(stored).collect();
        Ok(Some(Self { chain: state.id, from, to, gone, pages }))
    }

    /// Writes the step in an open transaction. `false` where another poster, or a pruning, was
    /// faster; nothing was written then.
    pub(crate) async fn write<DB: Backend>(
        &self,
        conn: &mut DB::Connection,
        schema: &Schema,
    ) -> Result<bool, PostError> {
        if !DB::move_posted(conn, schema, self.chain, self.from, self.to).await? {
            return Ok(false);
        }
        for (level, blocks) in runs(&self.gone) {
            DB::delete_pages(conn, schema, self.chain, level, blocks).await?;
        }
        DB::insert_pages(conn, schema, self.chain, &self.pages).await?;
        Ok(true)
    }
}

/// Posts what an entry can be found by. Text that is no entry can be found by nothing: that it
/// stands there is for verification to say.
fn post_entry(hasher: &mut TermHasher, builder: &mut SegmentBuilder, seq: u64, body: &str) {
    if let Ok(entry) = Entry::parse(body) {
        hasher.event(entry.event(), |term| builder.add(seq, term));
    }
}

/// A finished segment as it is stored.
pub(crate) fn stored(builder: SegmentBuilder) -> Vec<StoredPage> {
    let segment = builder.segment();
    let store = |page: crate::index::posting::Page| StoredPage {
        level: segment.level(),
        block: segment.block(),
        key: page.first.to_key(),
        bytes: page.bytes,
    };
    builder.finish().into_iter().map(store).collect()
}

/// The builder of the segment that holds `seq`.
fn builder_of(builders: &mut [SegmentBuilder], seq: u64) -> Option<&mut SegmentBuilder> {
    let after = builders.partition_point(|builder| builder.segment().first() <= seq);
    builders.get_mut(after.checked_sub(1)?)
}

/// Neighbouring segments of one level, taken together.
fn runs(segments: &[Segment]) -> Vec<(u8, Range<u64>)> {
    let mut runs: Vec<(u8, Range<u64>)> = Vec::new();
    for segment in segments {
        let end = segment.block().saturating_add(1);
        match runs.last_mut() {
            Some((level, run)) if *level == segment.level() && run.end == segment.block() => {
                run.end = end;
            }
            _ => runs.push((segment.level(), segment.block()..end)),
        }
    }
    runs
}

/// Posts one chain as far as there are full segments, one transaction per step. Returns how many
/// entries were posted. The round is one that shows the chain.
pub(crate) async fn post_chain<DB: Backend>(
    store: &Store<DB>,
    round: Option<&str>,
    mut state: ChainState,
    handed: &mut Handed,
) -> Result<u64, PostError> {
    let mut posted = 0_u64;
    loop {
        let mut reader = store.read_in(round).await?;
        let step = Step::prepare::<DB>(&mut reader, &store.schema, state, handed).await?;
        drop(reader);
        let Some(step) = step else { return Ok(posted) };
        // In the row with the other writers of this process, where SQLite would let them poll.
        let turn = store.turn_alone().await;
        let mut tx = store.begin_write_in(round).await?;
        if !step.write::<DB>(&mut tx, &store.schema).await? {
            // Somebody else is at it.
            return Ok(posted);
        }
        tx.commit().await?;
        drop(turn);
        posted = posted.saturating_add(step.to.saturating_sub(step.from.upto));
        state.posted = Posted { upto: step.to, revision: step.from.revision.saturating_add(1) };
    }
}
