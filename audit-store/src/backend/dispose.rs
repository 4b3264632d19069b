//! Taking away what a lawful ground takes away.

use std::future::Future;

use sqlx::Database;

use crate::backend::Schema;

/// A key that nothing is to be opened with any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condemned {
    /// The tenant.
    pub tenant: String,
    /// The data subject's ref.
    pub subject: Vec<u8>,
    /// Whether it is the one under which held fields were kept.
    pub custody: bool,
}

/// An erased subject of whom held fields are left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deferred {
    /// The data subject's ref.
    pub subject: Vec<u8>,
    /// The ground of the erasure.
    pub ground: String,
    /// The request that led to it.
    pub request: String,
}

/// Taking away what a lawful ground takes away. What may go is for the caller to know; the database
/// refuses the rest.
pub trait DisposeSql: Database {
    /// Lets no chain of the tenant be made before the transaction ends.
    fn lock_tenant(
        conn: &mut Self::Connection,
        schema: &Schema,
        tenant: &str,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// The chains of a tenant, in the order of their ids: id and series.
    fn chains_of(
        conn: &mut Self::Connection,
        schema: &Schema,
        tenant: &str,
    ) -> impl Future<Output = sqlx::Result<Vec<(i64, String)>>> + Send;

    /// The entries of a chain, `first` and later, that have private fields of a subject stored.
    fn entries_about(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        subject: [u8; 16],
        first: i64,
    ) -> impl Future<Output = sqlx::Result<Vec<i64>>> + Send;

    /// Severs a subject from the host's id; false where it was severed already.
    fn sever(
        conn: &mut Self::Connection,
        schema: &Schema,
        tenant: &str,
        subject: [u8; 16],
        at: i64,
    ) -> impl Future<Output = sqlx::Result<bool>> + Send;

    /// Which of these refs belong to subjects that are not severed.
    fn alive(
        conn: &mut Self::Connection,
        schema: &Schema,
        tenant: &str,
        refs: &[[u8; 16]],
    ) -> impl Future<Output = sqlx::Result<Vec<Vec<u8>>>> + Send;

    /// Begins a chain's next incarnation, whose entry is the newest reserved one.
    fn begin_incarnation(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Removes a severed subject's private fields of these entries; returns of how many.
    fn delete_disclosures(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        subject: [u8; 16],
        seqs: &[i64],
    ) -> impl Future<Output = sqlx::Result<u64>> + Send;

    /// Has the held private fields of an entry stored otherwise sealed.
    fn rekey_disclosures(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        subject: [u8; 16],
        row: (i64, &str),
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// A subject's private fields of some entries as they are stored: seq and items.
    fn disclosures_about(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        subject: [u8; 16],
        seqs: &[i64],
    ) -> impl Future<Output = sqlx::Result<Vec<(i64, String)>>> + Send;

    /// Notes a key that is to be destroyed.
    fn condemn(
        conn: &mut Self::Connection,
        schema: &Schema,
        key: &Condemned,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// The keys that are to be destroyed, of one tenant's people or of all.
    fn condemned(
        conn: &mut Self::Connection,
        schema: &Schema,
        tenant: Option<&str>,
    ) -> impl Future<Output = sqlx::Result<Vec<Condemned>>> + Send;

    /// A key was destroyed.
    fn executed(
        conn: &mut Self::Connection,
        schema: &Schema,
        key: &Condemned,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// Notes that held fields of an erased subject are left on a chain.
    fn defer(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: (i64, &str),
        deferred: &Deferred,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;

    /// The erased subjects of whom held fields are left on a chain.
    fn deferred(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
    ) -> impl Future<Output = sqlx::Result<Vec<Deferred>>> + Send;

    /// Nothing is left of the subject on this chain. Returns on how many others there still is.
    fn undefer(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: (i64, &str),
        subject: [u8; 16],
    ) -> impl Future<Output = sqlx::Result<i64>> + Send;

    /// Takes what was removed out of the database's log, where it can be: false where a reader
    /// keeps it for now, nothing where the log is not within reach.
    fn wipe_log(
        conn: &mut Self::Connection,
    ) -> impl Future<Output = sqlx::Result<Option<bool>>> + Send;

    /// Rewrites the files of the tables from which something is ever removed.
    fn vacuum(
        conn: &mut Self::Connection,
        schema: &Schema,
    ) -> impl Future<Output = sqlx::Result<()>> + Send;
}
