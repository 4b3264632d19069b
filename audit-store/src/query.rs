//! Queries: pages of entries that match, newest or oldest first.

pub(crate) mod cursor;
pub(crate) mod filter;
pub(crate) mod plan;
pub(crate) mod private;
pub(crate) mod search;

use std::ops::Range;

use audit_core::{Actor, ChainId, Entry, EntryError, Outcome, SubjectRef, Target, Timestamp};
use futures_core::Stream;

use crate::backend::Backend;
use crate::error::DatabaseError;
use crate::journal::Journal;
use crate::query::cursor::{Cursor, CursorError};
use crate::query::filter::Filter;
use crate::query::plan::Order;
use crate::tenancy::TenantMismatch;

/// How many entries a page has where the query does not say.
pub const DEFAULT_PAGE_SIZE: usize = 50;

/// How many entries a page may have at most.
pub const MAX_PAGE_SIZE: usize = 1_000;

/// A question to one chain: which entries, in which order, how many at a time.
///
/// All conditions must hold. Without one, every entry matches.
///
/// ```
/// use audit_core::{Actor, ChainId, action};
/// use audit_store::Query;
///
/// let chain = ChainId::new("acme", "default")?;
/// let query = Query::new(&chain)
///     .action(action::USER_ROLE_CHANGED)
///     .actor(Actor::user("usr_42"))
///     .oldest_first()
///     .page_size(20);
/// # let _ = query;
/// # Ok::<(), audit_core::NameError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Query {
    chain: ChainId,
    filter: Filter,
    order: Order,
    page_size: usize,
    after: Option<Cursor>,
}

impl Query {
    /// All entries of a chain, newest first, [`DEFAULT_PAGE_SIZE`] at a time.
    pub fn new(chain: &ChainId) -> Self {
        Self {
            chain: chain.clone(),
            filter: Filter::default(),
            order: Order::NewestFirst,
            page_size: DEFAULT_PAGE_SIZE,
            after: None,
        }
    }

    /// Entries of exactly this action.
    pub fn action(mut self, action: impl Into<String>) -> Self {
        self.filter.action = Some(action.into());
        self
    }

    /// Entries whose action starts with these parts, the dot at the end included: `user.`.
    pub fn action_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.filter.action_prefix = Some(prefix.into());
        self
    }

    /// Entries of this actor, whether they acted or somebody acted on their behalf.
    pub fn actor(mut self, actor: Actor) -> Self {
        self.filter.actor = Some(actor);
        self
    }

    /// Entries with this target; more than once, entries with all of them.
    pub fn target(mut self, target: Target) -> Self {
        self.filter.targets.push(target);
        self
    }

    /// Entries with private fields of this data subject; more than once, of all of them.
    pub fn subject(mut self, subject: SubjectRef) -> Self {
        self.filter.subjects.push(subject);
        self
    }

    /// Entries that ended so.
    pub const fn outcome(mut self, outcome: Outcome) -> Self {
        self.filter.outcome = Some(outcome);
        self
    }

    /// Entries that were sealed at this time or later.
    pub const fn from(mut self, at: Timestamp) -> Self {
        self.filter.from = Some(at);
        self
    }

    /// Entries that were sealed before this time.
    pub const fn until(mut self, at: Timestamp) -> Self {
        self.filter.until = Some(at);
        self
    }

    /// Entries of this range of seqs, its end not included.
    pub fn seqs(mut self, seqs: Range<u64>) -> Self {
        self.filter.seqs = Some(seqs);
        self
    }

    /// From the newest entry back, the default.
    pub const fn newest_first(mut self) -> Self {
        self.order = Order::NewestFirst;
        self
    }

    /// From the oldest entry on.
    pub const fn oldest_first(mut self) -> Self {
        self.order = Order::OldestFirst;
        self
    }

    /// How many entries a page has, from 1 to [`MAX_PAGE_SIZE`].
    pub const fn page_size(mut self, entries: usize) -> Self {
        self.page_size = entries;
        self
    }

    /// Goes on where a page ended. Everything but the page size must be as it was.
    pub const fn after(mut self, cursor: Cursor) -> Self {
        self.after = Some(cursor);
        self
    }

    /// The chain that is asked.
    #[must_use]
    pub const fn chain(&self) -> &ChainId {
        &self.chain
    }
}

/// An entry as it is stored.
///
/// Its bytes have the form of an entry. That a checkpoint commits to them is for verification, or
/// a proof, to say.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoredEntry {
    seq: u64,
    text: String,
}

impl StoredEntry {
    pub(crate) const fn new(seq: u64, text: String) -> Self {
        Self { seq, text }
    }

    /// Its seq.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        self.seq
    }

    /// Its exact bytes.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its exact bytes, taken.
    #[must_use]
    pub fn into_string(self) -> String {
        self.text
    }

    /// Reads it.
    ///
    /// # Errors
    ///
    /// [`EntryError`] where the stored text is no entry, which verification reports.
    pub fn entry(&self) -> Result<Entry<'_>, EntryError> {
        Entry::parse(&self.text)
    }
}

/// One page of a query's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// The entries, in the query's order.
    pub entries: Vec<StoredEntry>,
    /// Where the next page starts; `None` where this was the last one when it was read.
    pub next: Option<Cursor>,
}

/// Why a query was not answered. Nothing was changed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// An action prefix is one part of an action or more, each with its dot.
    #[error("an action prefix ends in a dot")]
    ActionPrefix,
    /// The index changed again and again while the page was read; the same call may succeed when
    /// repeated.
    #[error("the query index is changing too fast")]
    Busy,
    /// The cursor is not one of this query.
    #[error("the cursor is refused")]
    Cursor(#[from] CursorError),
    /// The stored query index is damaged; verification says where, and
    /// [`rebuild_index`](Journal::rebuild_index) makes it anew.
    #[error("the stored query index is damaged")]
    DamagedIndex,
    /// The database could not be asked.
    #[error("cannot read the journal")]
    Database(#[from] DatabaseError),
    /// The page size is out of range.
    #[error("a page has 1 to {limit} entries, not {given}")]
    PageSize {
        /// What the query asks for.
        given: usize,
        /// The limit, [`MAX_PAGE_SIZE`].
        limit: usize,
    },
    /// A condition is longer than what it is compared with can be.
    #[error("the {member} has {bytes} bytes, the limit is {limit}")]
    TooLong {
        /// Which condition.
        member: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Too many conditions of one kind.
    #[error("a query has at most {limit} conditions on one {member}")]
    TooMany {
        /// Which condition.
        member: &'static str,
        /// The limit.
        limit: usize,
    },
    /// There is no such chain.
    #[error("there is no chain of that name")]
    UnknownChain,
    /// A condition cannot be written as JSON.
    #[error("a condition cannot be written as JSON")]
    Unwritable,
    /// It is another tenant's than the handle's, or than the one that the host's transaction names.
    #[error("it is another tenant's")]
    TenantMismatch(#[source] TenantMismatch),
}

impl From<sqlx::Error> for QueryError {
    fn from(error: sqlx::Error) -> Self {
        if let Some(mismatch) = TenantMismatch::of(&error) {
            return Self::TenantMismatch(mismatch);
        }
        Self::Database(error.into())
    }
}

impl From<crate::index::posting::PostingError> for QueryError {
    fn from(_: crate::index::posting::PostingError) -> Self {
        Self::DamagedIndex
    }
}

impl<DB: Backend> Journal<DB> {
    /// Reads one page of the entries that match, without their private fields.
    ///
    /// Pages do not shift when entries are appended: newest first, what comes later belongs before
    /// the first page; oldest first, behind the last. An entry that was pruned in between is
    /// missing from the rest.
    ///
    /// # Errors
    ///
    /// [`QueryError`]; a page is whole or not there.
    pub async fn query(&self, query: &Query) -> Result<Page, QueryError> {
        if query.page_size == 0 || query.page_size > MAX_PAGE_SIZE {
            return Err(QueryError::PageSize { given: query.page_size, limit: MAX_PAGE_SIZE });
        }
        query.filter.check()?;
        let after = match &query.after {
            Some(cursor) => Some(cursor.seq(&query.filter, &query.chain, query.order)?),
            None => None,
        };
        let mut conn = self.store.read(query.chain.tenant()).await?;
        let (entries, more) =
            search::page::<DB>(&mut conn, &self.store.schema, query, after).await?;
        let next = entries
            .last()
            .filter(|_| more)
            .map(|last| Cursor::after(last.seq, &query.filter, &query.chain, query.order));
        Ok(Page { entries, next })
    }

    /// All entries that match, read a page at a time: the stream holds one page and no connection
    /// while it waits to be asked.
    ///
    /// # Errors
    ///
    /// As [`query`](Self::query); the stream ends with the error.
    pub fn query_stream(
        &self,
        query: Query,
    ) -> impl Stream<Item = Result<StoredEntry, QueryError>> + Send + use<DB> {
        struct State<DB: Backend> {
            journal: Journal<DB>,
            query: Option<Query>,
            page: std::vec::IntoIter<StoredEntry>,
        }
        let state =
            State { journal: self.clone(), query: Some(query), page: Vec::new().into_iter() };
        futures_util::stream::try_unfold(state, |mut state| async move {
            loop {
                if let Some(entry) = state.page.next() {
                    return Ok(Some((entry, state)));
                }
                let Some(query) = state.query.take() else { return Ok(None) };
                let page = state.journal.query(&query).await?;
                state.query = page.next.map(|next| query.after(next));
                state.page = page.entries.into_iter();
            }
        })
    }
}
