//! Taking postings away together with the records they are of.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::backend::index::{ChainState, StoredPage};
use crate::backend::{Backend, Schema};
use crate::index::poster::{PostError, stored};
use crate::index::posting::PostingError;
use crate::index::segment::{Segment, SegmentBuilder, standing};

/// The index of a chain without the postings of some entries, ready to be written.
#[derive(Debug)]
pub(crate) struct Unposting {
    state: ChainState,
    segments: Vec<(Segment, Vec<StoredPage>)>,
}

impl Unposting {
    /// Without the given entries, ascending. What stays is what posting the standing entries anew
    /// would give. Nothing is locked: `conn` sees the one state of the database that `state` is of.
    pub(crate) async fn prepare<DB: Backend>(
        conn: &mut DB::Connection,
        schema: &Schema,
        state: ChainState,
        removed: &[RangeInclusive<u64>],
    ) -> Result<Self, PostError> {
        let touched = standing(state.posted.upto)
            .into_iter()
            .filter(|s| removed.iter().any(|r| *r.start() < s.end() && *r.end() >= s.first()));
        let mut segments = Vec::new();
        for segment in touched {
            let block = segment.block()..segment.block().saturating_add(1);
            let pages = DB::segment_pages(conn, schema, state.id, segment.level(), block).await?;
            segments.push((segment, without(segment, &pages, removed)?));
        }
        Ok(Self { state, segments })
    }

    /// Writes it, in the transaction that removes the entries. `false`, and nothing written, where
    /// the index was changed since.
    ///
    /// A poster that is at work at the same time finds that the revision has changed, and starts
    /// over.
    pub(crate) async fn write<DB: Backend>(
        &self,
        conn: &mut DB::Connection,
        schema: &Schema,
    ) -> Result<bool, PostError> {
        let ChainState { id, posted, .. } = self.state;
        // Also where nothing of them is posted yet: a poster may have read them already.
        if !DB::move_posted(conn, schema, id, posted, posted.upto).await? {
            return Ok(false);
        }
        for (segment, pages) in &self.segments {
            let block = segment.block()..segment.block().saturating_add(1);
            DB::delete_pages(conn, schema, id, segment.level(), block).await?;
            DB::insert_pages(conn, schema, id, pages).await?;
        }
        Ok(true)
    }
}

/// The pages of a segment without the postings of some entries.
fn without(
    segment: Segment,
    pages: &[StoredPage],
    removed: &[RangeInclusive<u64>],
) -> Result<Vec<StoredPage>, PostingError> {
    let mut builder = SegmentBuilder::new(segment);
    for page in pages {
        builder.absorb(segment, &page.bytes)?;
    }
    let ends: BTreeMap<u64, u64> = removed.iter().map(|r| (*r.start(), *r.end())).collect();
    builder.retain(|seq| ends.range(..=seq).next_back().is_none_or(|(_, end)| *end < seq));
    Ok(stored(builder))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::posting::TermHash;

    #[test]
    fn what_is_left_is_what_the_standing_entries_give() {
        let segment = standing(4_096)[0];
        let removed = [0..=99, 700..=700, 4_000..=9_000];
        let build = |keep: &dyn Fn(u64) -> bool| {
            let mut builder = SegmentBuilder::new(segment);
            for seq in (0..4_096).filter(|seq| keep(*seq)) {
                builder.add(seq, TermHash::of(b"common"));
                builder.add(seq, TermHash::of(&(seq % 97).to_be_bytes()));
                builder.add(seq, TermHash::of(seq.to_string().as_bytes()));
            }
            stored(builder)
        };
        let left = build(&|seq| !removed.iter().any(|range| range.contains(&seq)));
        assert_eq!(without(segment, &build(&|_| true), &removed).unwrap(), left);
        // Nothing left is one empty page, and nothing is left of that.
        let none = without(segment, &left, &[0..=4_095]).unwrap();
        assert_eq!(none.len(), 1);
        assert!(none[0].bytes.is_empty());
        assert_eq!(without(segment, &none, &removed).unwrap(), none);
    }
}
