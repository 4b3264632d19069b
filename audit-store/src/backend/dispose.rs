//! Taking away what a lawful ground takes away.

use std::future::Future;

use sqlx::Database;

use crate::backend::Schema;

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

    /// How many holds stand on the tenant's chains.
    fn count_holds(
        conn: &mut Self::Connection,
        schema: &Schema,
        tenant: &str,
    ) -> impl Future<Output = sqlx::Result<i64>> + Send;

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

    /// Removes a severed subject's private fields of these entries; returns of how many.
    fn delete_disclosures(
        conn: &mut Self::Connection,
        schema: &Schema,
        chain: i64,
        subject: [u8; 16],
        seqs: &[i64],
    ) -> impl Future<Output = sqlx::Result<u64>> + Send;

    /// Takes what was removed out of the database's log, where it can be: false where a reader
    /// keeps it for now, nothing where the log is not within reach.
    fn wipe_log(
        conn: &mut Self::Connection,
    ) -> impl Future<Output = sqlx::Result<Option<bool>>> + Send;
}
