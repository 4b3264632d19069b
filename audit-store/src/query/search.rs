//! Answering one page: which seqs can match, in the query's order, and which of them do.

use std::cmp::{max, min};
use std::ops::Range;

use audit_core::Entry;

use crate::backend::index::{ChainState, FoundPage, PageWanted};
use crate::backend::read::{Scan, SeqBody};
use crate::backend::{Backend, Schema};
use crate::index::posting::TermHash;
use crate::index::segment::{Segment, standing};
use crate::query::plan::{Order, Seek, SegmentScan};
use crate::query::{Query, QueryError, StoredEntry};

/// How many segments the first look-up asks for, and how many one asks for at most: a page that
/// fills from the newest entries reads few, a rare term reaches all in few statements.
const FIRST_WAVE: usize = 8;
const WIDEST_WAVE: usize = 256;

/// How often a page is begun anew because the index changed while it was read, without getting any
/// farther in between.
const ATTEMPTS: u32 = 32;

/// Reads one page, and whether there is more behind it. `after` is the seq the page before ended
/// with.
pub(crate) async fn page<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
    query: &Query,
    after: Option<u64>,
) -> Result<(Vec<StoredEntry>, bool), QueryError> {
    let mut page = Answer {
        query,
        wanted: query.page_size.saturating_add(1),
        entries: Vec::new(),
        searched: after,
    };
    let terms = query.filter.terms();
    let texts = query.filter.texts()?;
    let mut attempts = 0_u32;
    while attempts < ATTEMPTS {
        let before = page.searched;
        let state = DB::chain_state(conn, schema, &query.chain).await?;
        let state = state.ok_or(QueryError::UnknownChain)?;
        let range = range::<DB>(conn, schema, query, &state, before).await?;
        let posted = if terms.is_empty() { 0 } else { state.posted.upto };
        let tail = max(range.start, posted)..range.end;
        let newest_first = query.order == Order::NewestFirst;
        if newest_first {
            page.scan::<DB>(conn, schema, &state, tail.clone(), &texts).await?;
        }
        if page.look_up::<DB>(conn, schema, &state, &range, &terms).await? {
            if !newest_first {
                page.scan::<DB>(conn, schema, &state, tail, &texts).await?;
            }
            let more = page.entries.len() > query.page_size;
            page.entries.truncate(query.page_size);
            return Ok((page.entries, more));
        }
        // What was searched stays searched; go on from there.
        attempts = if page.searched == before { attempts.saturating_add(1) } else { 0 };
    }
    Err(QueryError::Busy)
}

/// The seqs that can match by the range, the time and the cursor of the query.
async fn range<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
    query: &Query,
    state: &ChainState,
    after: Option<u64>,
) -> Result<Range<u64>, QueryError> {
    let mut range = query.filter.seqs.clone().unwrap_or(0..state.size);
    range.end = min(range.end, state.size);
    match (after, query.order) {
        (Some(seq), Order::NewestFirst) => range.end = min(range.end, seq),
        (Some(seq), Order::OldestFirst) => range.start = max(range.start, seq.saturating_add(1)),
        (None, _) => {}
    }
    if let Some(from) = query.filter.from {
        let first = DB::first_at(conn, schema, state.id, state.size, &from.to_string()).await?;
        range.start = max(range.start, first);
    }
    if let Some(until) = query.filter.until {
        let first = DB::first_at(conn, schema, state.id, state.size, &until.to_string()).await?;
        range.end = min(range.end, first);
    }
    Ok(range)
}

/// The page while it fills.
struct Answer<'a> {
    query: &'a Query,
    /// One more than the page has, to know whether there is more.
    wanted: usize,
    entries: Vec<StoredEntry>,
    /// The seq up to which, in the query's order, all that match are in `entries`.
    searched: Option<u64>,
}

impl Answer<'_> {
    fn missing(&self) -> usize {
        self.wanted.saturating_sub(self.entries.len())
    }

    /// Takes an entry if it is what the query asks for, by its bytes. Text that is no entry is
    /// taken where nothing is asked of it.
    fn take(&mut self, seq: u64, body: String) {
        let matches = Entry::parse(&body).map_or_else(
            |_| self.query.filter == Default::default(),
            |entry| self.query.filter.matches(&entry),
        );
        if matches {
            self.entries.push(StoredEntry::new(seq, body));
        }
    }

    /// Reads entries one after the other.
    async fn scan<DB: Backend>(
        &mut self,
        conn: &mut DB::Connection,
        schema: &Schema,
        state: &ChainState,
        mut seqs: Range<u64>,
        texts: &[String; 3],
    ) -> Result<(), QueryError> {
        while self.missing() > 0 && seqs.start < seqs.end {
            let scan = Scan {
                chain: state.id,
                seqs: seqs.clone(),
                texts: texts.each_ref().map(String::as_str),
                newest_first: self.query.order == Order::NewestFirst,
                limit: self.missing(),
            };
            let rows = DB::scan(conn, schema, &scan).await?;
            let full = rows.len() >= scan.limit;
            match (rows.last(), self.query.order) {
                (Some((seq, _)), Order::NewestFirst) if full => seqs.end = *seq,
                (Some((seq, _)), Order::OldestFirst) if full => seqs.start = seq.saturating_add(1),
                _ => seqs.start = seqs.end,
            }
            for (seq, body) in rows {
                self.searched_to(Some(seq));
                self.take(seq, body);
            }
        }
        Ok(())
    }

    /// Asks the index. `false` where it changed since the watermark was read.
    async fn look_up<DB: Backend>(
        &mut self,
        conn: &mut DB::Connection,
        schema: &Schema,
        state: &ChainState,
        range: &Range<u64>,
        terms: &[TermHash],
    ) -> Result<bool, QueryError> {
        if terms.is_empty() {
            return Ok(true);
        }
        let mut segments: Vec<Segment> = standing(state.posted.upto)
            .into_iter()
            .filter(|segment| segment.first() < range.end && range.start < segment.end())
            .collect();
        if self.query.order == Order::NewestFirst {
            segments.reverse();
        }
        let mut rest = segments.as_slice();
        let mut width = FIRST_WAVE;
        while self.missing() > 0 && !rest.is_empty() {
            let (wave, after) = rest.split_at(min(width, rest.len()));
            rest = after;
            width = min(width.saturating_mul(4), WIDEST_WAVE);
            let mut scans: Vec<SegmentScan> = wave
                .iter()
                .map(|segment| SegmentScan::new(*segment, range, terms, self.query.order))
                .collect();
            if !read_pages::<DB>(conn, schema, state, &mut scans).await? {
                return Ok(false);
            }
            let mut seqs = Vec::new();
            let mut end = None;
            for mut scan in scans {
                while !scan.advance(&mut seqs, self.missing()) {
                    if seqs.len() >= self.missing() {
                        self.take_all::<DB>(conn, schema, state.id, &mut seqs).await?;
                        if self.missing() == 0 {
                            return Ok(true);
                        }
                        continue;
                    }
                    let scan = std::slice::from_mut(&mut scan);
                    if !read_pages::<DB>(conn, schema, state, scan).await? {
                        self.take_all::<DB>(conn, schema, state.id, &mut seqs).await?;
                        self.searched_to(end);
                        return Ok(false);
                    }
                }
                end = Some(match self.query.order {
                    Order::NewestFirst => scan.segment().first(),
                    Order::OldestFirst => scan.segment().end().saturating_sub(1),
                });
            }
            self.take_all::<DB>(conn, schema, state.id, &mut seqs).await?;
            self.searched_to(end);
        }
        Ok(true)
    }

    /// Notes that everything up to `seq` was searched, if it was not noted to be so already.
    fn searched_to(&mut self, seq: Option<u64>) {
        let Some(seq) = seq else { return };
        self.searched = Some(match (self.searched, self.query.order) {
            (None, _) => seq,
            (Some(before), Order::NewestFirst) => min(before, seq),
            (Some(before), Order::OldestFirst) => max(before, seq),
        });
    }

    /// Reads the entries of some seqs, which are all that can match up to the last of them, in
    /// their order.
    async fn take_all<DB: Backend>(
        &mut self,
        conn: &mut DB::Connection,
        schema: &Schema,
        chain: i64,
        seqs: &mut Vec<u64>,
    ) -> Result<(), QueryError> {
        let Some(last) = seqs.last().copied() else { return Ok(()) };
        self.searched_to(Some(last));
        let mut rows: Vec<SeqBody> = DB::bodies_at(conn, schema, chain, seqs).await?;
        rows.sort_unstable_by_key(|(seq, _)| *seq);
        if self.query.order == Order::NewestFirst {
            rows.reverse();
        }
        seqs.clear();
        for (seq, body) in rows {
            self.take(seq, body);
        }
        Ok(())
    }
}

/// Reads the pages that some scans need, in at most two statements for all of them. `false` where
/// the index is not the one whose watermark was read: segments were merged or rewritten.
async fn read_pages<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
    state: &ChainState,
    scans: &mut [SegmentScan],
) -> Result<bool, QueryError> {
    for after in [false, true] {
        let mut needs = Vec::new();
        let mut wanted = Vec::new();
        for (index, scan) in scans.iter().enumerate() {
            for (list, seek) in scan.needs() {
                let key = match seek {
                    Seek::After(key) if after => key,
                    Seek::AtOrBefore(key) if !after => key,
                    _ => continue,
                };
                let segment = scan.segment();
                needs.push((index, list, seek));
                wanted.push(PageWanted { level: segment.level(), block: segment.block(), key });
            }
        }
        if wanted.is_empty() {
            continue;
        }
        let found = DB::find_pages(conn, schema, state.id, &wanted, after).await?;
        if found.revision != Some(state.posted.revision) {
            return Ok(false);
        }
        let mut pages: Vec<Option<FoundPage>> = vec![None; wanted.len()];
        for (index, page) in found.pages {
            if let Some(place) = pages.get_mut(index) {
                *place = Some(page);
            }
        }
        for ((index, list, seek), page) in needs.into_iter().zip(pages) {
            // Each segment has a first page, whatever it holds. Only going on may find no further.
            if page.is_none() && !after {
                return Err(QueryError::DamagedIndex);
            }
            if let Some(scan) = scans.get_mut(index) {
                scan.give(list, seek, page.as_ref())?;
            }
        }
    }
    Ok(true)
}
