//! Which entries a hold's scope matches.

use audit_core::{ChainId, HoldScope, SeqRange, Target};

use crate::backend::Backend;
use crate::journal::Store;
use crate::query::{MAX_PAGE_SIZE, Query, QueryError, search};

/// Seqs, as the ranges that they form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Matched(Vec<SeqRange>);

impl Matched {
    /// Adds a seq beyond all that are there.
    fn push(&mut self, seq: u64) {
        match self.0.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(seq) => *last = seq,
            _ => self.0.push((seq, seq)),
        }
    }

    pub(crate) fn ranges(&self) -> &[SeqRange] {
        &self.0
    }
}

impl<DB: Backend> Store<DB> {
    /// Adds the seqs from `from` up to `size` of the entries that a scope matches.
    pub(crate) async fn add_matching(
        &self,
        conn: &mut DB::Connection,
        chain: &ChainId,
        scope: &HoldScope,
        (from, size): (u64, u64),
        matched: &mut Matched,
    ) -> Result<(), QueryError> {
        if from >= size {
            return Ok(());
        }
        let query = Query::new(chain).seqs(from..size).oldest_first().page_size(MAX_PAGE_SIZE);
        let query = match scope {
            HoldScope::Subject(subject) => query.subject(*subject),
            HoldScope::Target { kind, id } => query.target(Target::new(kind.clone(), id.clone())),
            _ => {
                matched.0 = vec![(0, size.saturating_sub(1))];
                return Ok(());
            }
        };
        let mut after = None;
        loop {
            let (page, more) = search::page::<DB>(conn, &self.schema, &query, after).await?;
            page.iter().for_each(|entry| matched.push(entry.seq()));
            after = page.last().map(crate::StoredEntry::seq);
            if !more || after.is_none() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_form_a_range() {
        let mut matched = Matched::default();
        [1, 2, 3, 7, 9, 10].into_iter().for_each(|seq| matched.push(seq));
        assert_eq!(matched.ranges(), [(1, 3), (7, 7), (9, 10)]);
    }
}
