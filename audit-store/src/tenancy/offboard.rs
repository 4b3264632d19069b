//! A tenant leaves: the schema of a journal that is this tenant's alone is dropped.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection, Postgres};

use crate::backend::Schema;
use crate::backend::postgres::offboard;
use crate::error::{DatabaseError, OpenError};
use crate::journal::options::JournalOptions;
use crate::journal::{Journal, identity};
use crate::tenancy::TenantMismatch;

/// What was dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DroppedSchema {
    /// The tables that this call has dropped, in their order.
    pub tables: Vec<String>,
    /// Whether the schema is gone. It stays where something that is not the journal's is in it.
    pub schema_gone: bool,
}

/// A tenant's schema was not dropped, or not all of it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DropSchemaError {
    /// The database failed. What was dropped before is gone; the same call goes on.
    #[error("the database did not drop the schema")]
    Database(#[from] DatabaseError),
    /// The options name no tenant. Nothing was changed.
    #[error("the options name no tenant")]
    NoTenant,
    /// There is no such journal, or another one. Nothing was changed.
    #[error("the schema is not the one that is meant")]
    NotTheOne(#[from] OpenError),
    /// Legal holds stand in it. Nothing was changed.
    #[error("{holds} legal holds stand in the schema")]
    OnHold {
        /// How many, the erasures that wait for the release of one counted, too.
        holds: u64,
    },
    /// The journal was not made for one tenant, or has chains of others. Nothing was changed.
    #[error("the journal is not one tenant's alone")]
    Shared,
}

impl From<sqlx::Error> for DropSchemaError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl Journal<Postgres> {
    /// Drops the journal in the schema of the options, which must have been created for the tenant of
    /// the options ([`JournalOptions::tenant`]) under the same name: all of its entries, proofs and
    /// checkpoints, for good. Export them before, if anybody may ask for them; what was published
    /// outside stays.
    ///
    /// From the first step on nothing is written to the journal, and it is not opened any more. Then
    /// one table is dropped at a time, each in a transaction of its own, so that not more locks are
    /// taken than one table needs, whatever else the database does. A call that was cut off is gone on
    /// with by the next one. Connects as the owner of the tables; retention is not asked.
    ///
    /// Where tenants share a schema, one that leaves is pruned and erased like anybody else.
    ///
    /// # Errors
    ///
    /// Any [`DropSchemaError`]: while legal holds stand, nothing is dropped.
    pub async fn drop_tenant_schema(
        url: &str,
        options: &JournalOptions,
    ) -> Result<DroppedSchema, DropSchemaError> {
        let connect: PgConnectOptions = url.parse()?;
        let mut conn = connect.connect().await?;
        let dropped = drop_schema(&mut conn, options).await;
        let _nothing_is_open_that_could_be_lost = conn.close().await;
        dropped
    }
}

async fn drop_schema(
    conn: &mut PgConnection,
    options: &JournalOptions,
) -> Result<DroppedSchema, DropSchemaError> {
    let schema = Schema::new(&options.schema)?;
    let given = options.tenant.as_ref().ok_or(DropSchemaError::NoTenant)?;
    let found = identity::<Postgres>(conn, &schema).await?;
    if found.name != options.name.as_str() {
        let (stored, given) = (found.name, options.name.clone());
        return Err(OpenError::NameMismatch { stored, given }.into());
    }
    let bound = found.tenant.ok_or(DropSchemaError::Shared)?;
    if bound != *given {
        let mismatch = TenantMismatch { bound, given: given.clone() };
        return Err(OpenError::TenantMismatch(mismatch).into());
    }
    if !found.leaving {
        let in_the_way = offboard::begin_leaving(conn, &schema, &bound).await?;
        if in_the_way.others > 0 {
            return Err(DropSchemaError::Shared);
        }
        if in_the_way.holds > 0 {
            return Err(DropSchemaError::OnHold { holds: in_the_way.holds.unsigned_abs() });
        }
    }
    let mut tables = Vec::new();
    for table in offboard::tables_left(conn, &schema).await? {
        offboard::drop_table(conn, &schema, &table).await?;
        tables.push(table);
    }
    let schema_gone = offboard::drop_rest(conn, &schema).await?;
    Ok(DroppedSchema { tables, schema_gone })
}
