//! Holding the query index against the entries it was derived from.

use std::collections::VecDeque;

use audit_core::{ChainId, ChainVerifier, Evidence, EvidenceSource, Finding, FindingCode};
use tokio::task::JoinHandle;

use crate::backend::{Backend, Schema};
use crate::index::check::{ExpectedSegment, IndexDefect};
use crate::index::segment::{Segment, standing};
use crate::verify::VerifyError;

/// Comparisons that may be under way at once, each of some megabytes.
const UNDER_WAY: usize = 2;

/// The segments of a chain's index, compared one by one as the entries below them come by.
pub(super) struct IndexCheck {
    id: i64,
    segments: Vec<Segment>,
    /// Gathered so far of the segment that is not complete.
    pending: Option<ExpectedSegment>,
    under_way: VecDeque<JoinHandle<(Segment, Vec<IndexDefect>)>>,
}

impl IndexCheck {
    /// Looks up how far a chain is posted, and notes where that is not what it can be.
    pub(super) async fn new<DB: Backend>(
        conn: &mut DB::Connection,
        schema: &Schema,
        chain: &ChainId,
        id: i64,
        end: u64,
        verifier: &mut ChainVerifier,
    ) -> Result<Self, VerifyError> {
        let state = DB::chain_state(conn, schema, chain).await?;
        let stored = DB::posted_segments(conn, schema, id).await?;
        let upto = state.filter(|state| state.id == id).map_or(0, |state| state.posted.upto);
        if upto > end {
            let message = "the query index says that it reaches further than the chain";
            let last = upto.saturating_sub(1);
            let finding = Finding::within(FindingCode::Projection, chain, end, last, message);
            verifier.report(finding.with(Evidence::new(EvidenceSource::Index, end, upto)));
        }
        let segments = standing(std::cmp::min(upto, end));
        let known = |level: u8, block: u64| {
            segments.iter().any(|segment| (segment.level(), segment.block()) == (level, block))
        };
        if let Some((level, block)) =
            stored.into_iter().find(|(level, block)| !known(*level, *block))
        {
            let message = "the query index has pages that belong to no run of entries";
            let finding =
                Finding::at(FindingCode::Projection, chain, end.saturating_sub(1), message);
            verifier.report(finding.with(Evidence::new(
                EvidenceSource::Index,
                "none",
                format_args!("pages of segment {block} of level {level}"),
            )));
        }
        Ok(Self { id, segments, pending: None, under_way: VecDeque::new() })
    }

    /// The segments, in order.
    pub(super) fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Takes what a block's entries say, blocks in their order.
    pub(super) async fn take<DB: Backend>(
        &mut self,
        conn: &mut DB::Connection,
        schema: &Schema,
        parts: Vec<ExpectedSegment>,
        end: u64,
        chain: &ChainId,
        verifier: &mut ChainVerifier,
    ) -> Result<(), VerifyError> {
        for part in parts {
            match &mut self.pending {
                Some(pending) if pending.segment() == part.segment() => pending.merge(part),
                pending => *pending = Some(part),
            }
            let Some(whole) = self.pending.take_if(|pending| pending.segment().end() <= end) else {
                continue;
            };
            let segment = whole.segment();
            let blocks = segment.block()..segment.block().saturating_add(1);
            let pages = DB::segment_pages(conn, schema, self.id, segment.level(), blocks).await?;
            self.under_way
                .push_back(tokio::task::spawn_blocking(move || (segment, whole.compare(&pages))));
            self.settle(UNDER_WAY, chain, verifier).await?;
        }
        Ok(())
    }

    /// Waits until at most `left` comparisons are under way.
    pub(super) async fn settle(
        &mut self,
        left: usize,
        chain: &ChainId,
        verifier: &mut ChainVerifier,
    ) -> Result<(), VerifyError> {
        while self.under_way.len() > left
            && let Some(comparison) = self.under_way.pop_front()
        {
            let (segment, defects) = comparison.await.map_err(|_| VerifyError::Interrupted)?;
            for defect in defects {
                verifier.report(finding(chain, segment, defect));
            }
        }
        Ok(())
    }
}

fn finding(chain: &ChainId, segment: Segment, defect: IndexDefect) -> Finding {
    let code = FindingCode::Projection;
    match defect {
        IndexDefect::Hidden { seq } => {
            Finding::at(code, chain, seq, "the query index hides something that the entry says")
        }
        IndexDefect::Invented { seq } => Finding::at(
            code,
            chain,
            seq,
            "the query index has something that the entry does not say",
        ),
        IndexDefect::Unreadable => {
            let last = segment.end().saturating_sub(1);
            let message = "the query index of these entries is not in the form that they give it";
            Finding::within(code, chain, segment.first(), last, message)
        }
    }
    .with(Evidence::new(
        EvidenceSource::Index,
        "what the entry's bytes give",
        format_args!("pages of segment {} of level {}", segment.block(), segment.level()),
    ))
}

/// Those of the segments that have entries with `first <= seq < end`.
pub(super) fn within(segments: &[Segment], first: u64, end: u64) -> Vec<Segment> {
    let from = segments.partition_point(|segment| segment.end() <= first);
    let rest = segments.get(from..).unwrap_or_default();
    rest.iter().take_while(|segment| segment.first() < end).copied().collect()
}
