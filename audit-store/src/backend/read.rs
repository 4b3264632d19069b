//! Reading entries back.

use std::future::Future;
use std::ops::Range;

use sqlx::{Database, Pool};

use crate::backend::Schema;

/// An entry's seq and its text.
pub(crate) type SeqBody = (u64, String);

/// Which entries a scan returns.
#[derive(Clone, Debug)]
pub struct Scan<'a> {
    /// The chain's number.
    pub chain: i64,
    /// The seqs to look at.
    pub seqs: Range<u64>,
    /// Texts that all stand in the entry; empty ones stand in every entry.
    pub texts: [&'a str; 3],
    /// From the newest back.
    pub newest_first: bool,
    /// How many entries at most.
    pub limit: usize,
}

/// Reading entries back.
pub trait ReadSql: Database {
    /// Whether commits have to be announced for watchers of other processes to see them at once.
    const ANNOUNCES: bool;

    /// What tells that something was committed, by whatever process.
    type Watcher: Send + std::fmt::Debug;

    /// The standing ones of some entries, in no particular order.
    fn bodies_at(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        seqs: &[u64],
    ) -> impl Future<Output = sqlx::Result<Vec<SeqBody>>> + Send;

    /// Reads entries that hold some texts, in order.
    fn scan(
        conn: &mut Self::Connection,
        schema: &Schema,
        scan: &Scan<'_>,
    ) -> impl Future<Output = sqlx::Result<Vec<SeqBody>>> + Send;

    /// The first seq below `size` from which on all entries were sealed at `at` or later; `size`
    /// where there is none. A binary search, since times never decrease.
    fn first_at(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        size: u64,
        at: &str,
    ) -> impl Future<Output = sqlx::Result<u64>> + Send;

    /// Starts watching for commits.
    fn watch(
        pool: &Pool<Self>,
        schema: &Schema,
    ) -> impl Future<Output = sqlx::Result<Self::Watcher>> + Send
    where
        Self: Sized;

    /// Waits until something may have been committed since the call before.
    fn changed(watcher: &mut Self::Watcher) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Tells the watchers of other processes that something was committed. Costs nothing where
    /// they see it by themselves.
    fn announce(
        conn: &mut Self::Connection,
        schema: &Schema,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}
