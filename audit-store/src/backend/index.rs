//! The query index: watermarks and pages.

use std::future::Future;
use std::ops::Range;

use audit_core::ChainId;
use sqlx::Database;

use crate::backend::Schema;

/// Where a chain stands, and its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainState {
    /// The chain's number.
    pub id: i64,
    /// How many entries it has.
    pub size: u64,
    /// The newest reserved one of them.
    pub control: Option<u64>,
    /// How far it is posted.
    pub posted: Posted,
}

/// How far a chain is posted, and how often its pages were changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Posted {
    /// The seq after the last posted one, a multiple of 256.
    pub upto: u64,
    /// Counts every change of the chain's pages.
    pub revision: i64,
}

/// One stored page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredPage {
    /// The segment's level.
    pub level: u8,
    /// The segment's number among those of its level.
    pub block: u64,
    /// The page's key.
    pub key: i64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A page to look up: of one segment, near one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageWanted {
    /// The segment's level.
    pub level: u8,
    /// The segment's number among those of its level.
    pub block: u64,
    /// The key.
    pub key: i64,
}

/// A page that was looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPage {
    /// Its key.
    pub key: i64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// What a look-up found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FoundPages {
    /// The revision of the index that all of it belongs to; `None` where nothing was looked up.
    pub revision: Option<i64>,
    /// The pages, each with the index of what was wanted; what is not there is left out.
    pub pages: Vec<(usize, FoundPage)>,
}

/// The query index.
pub trait IndexSql: Database {
    /// Where a chain stands; nothing where there is no such chain.
    fn chain_state(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: &ChainId,
    ) -> impl Future<Output = sqlx::Result<Option<ChainState>>> + Send;

    /// The chains, of these or of all, that have at least `entries` entries more than are posted.
    fn chains_behind(
        conn: &mut Self::Connection,
        schema: &Schema,
        entries: u64,
        chains: Option<&[i64]>,
    ) -> impl Future<Output = sqlx::Result<Vec<ChainState>>> + Send;

    /// For each key the last page of its segment whose own key is at most that, or, where `after`,
    /// the first one whose key is greater.
    fn find_pages(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        wanted: &[PageWanted],
        after: bool,
    ) -> impl Future<Output = sqlx::Result<FoundPages>> + Send;

    /// All pages of some neighbouring segments of one level, in order.
    fn segment_pages(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        level: u8,
        blocks: Range<u64>,
    ) -> impl Future<Output = sqlx::Result<Vec<StoredPage>>> + Send;

    /// The segments that have pages, in order of level and number.
    fn posted_segments(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
    ) -> impl Future<Output = sqlx::Result<Vec<(u8, u64)>>> + Send;

    /// Moves the watermark, if it stands where it is expected to, and counts the revision up.
    fn move_posted(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        expected: Posted,
        upto: u64,
    ) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// Removes the pages of some neighbouring segments of one level.
    fn delete_pages(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        level: u8,
        blocks: Range<u64>,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Writes pages.
    fn insert_pages(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        pages: &[StoredPage],
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}
