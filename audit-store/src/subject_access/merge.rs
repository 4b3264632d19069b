//! The entries that meet any of some conditions, each once and in order.

use std::collections::VecDeque;

use audit_core::{ChainId, SubjectRef};

use super::SubjectScope;
use crate::StoredEntry;
use crate::backend::Backend;
use crate::journal::Store;
use crate::query::{MAX_PAGE_SIZE, Query, QueryError, search};

/// One query for each condition, read side by side.
#[derive(Debug)]
pub(super) struct Merged {
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    query: Query,
    /// What was read and not yet given.
    ready: VecDeque<StoredEntry>,
    after: Option<u64>,
    more: bool,
}

impl Merged {
    /// The entries of a chain that concern a person.
    pub(super) fn new(chain: &ChainId, scope: &SubjectScope, subject: Option<SubjectRef>) -> Self {
        let all = || Query::new(chain).oldest_first().page_size(MAX_PAGE_SIZE);
        let mut queries: Vec<Query> = subject.map(|of| all().subject(of)).into_iter().collect();
        queries.extend(scope.actor.clone().map(|actor| all().actor(actor)));
        queries.extend(scope.targets.iter().cloned().map(|target| all().target(target)));
        let part = |query| Part { query, ready: VecDeque::new(), after: None, more: true };
        Self { parts: queries.into_iter().map(part).collect() }
    }

    /// The next entries, none at the end.
    pub(super) async fn page<DB: Backend>(
        &mut self,
        store: &Store<DB>,
        most: usize,
    ) -> Result<Vec<StoredEntry>, QueryError> {
        let mut page = Vec::new();
        while page.len() < most {
            for part in &mut self.parts {
                part.fill(store).await?;
            }
            let fronts = self.parts.iter().filter_map(|part| part.ready.front());
            let Some(next) = fronts.map(StoredEntry::seq).min() else { break };
            let mut found = None;
            for part in &mut self.parts {
                if part.ready.front().is_some_and(|front| front.seq() == next) {
                    found = part.ready.pop_front();
                }
            }
            page.extend(found);
        }
        Ok(page)
    }
}

impl Part {
    async fn fill<DB: Backend>(&mut self, store: &Store<DB>) -> Result<(), QueryError> {
        if !self.ready.is_empty() || !self.more {
            return Ok(());
        }
        let mut conn = store.read(self.query.chain().tenant()).await?;
        let (entries, more) =
            search::page::<DB>(&mut conn, &store.schema, &self.query, self.after).await?;
        self.after = entries.last().map(StoredEntry::seq);
        self.more = more;
        self.ready = entries.into();
        Ok(())
    }
}
