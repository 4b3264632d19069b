//! What forbids an erasure as a whole.

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use sqlx::Pool;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::backend::value::Value;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::backend::{Backend, trusted};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::data_map::name::{NameError, SqlName};
use crate::source::BoxFuture;
use crate::source::error::SourceError;
use crate::source::permit::Reason;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::source::permit::Until;
use crate::source::selection::Selection;

/// Something that forbids to erase a person for now: that they alone administer something, an
/// invoice that is open.
pub trait Blocker: Send + Sync {
    /// Why the person cannot be erased now; empty if they can. The words name nobody.
    fn blocks<'a>(
        &'a self,
        person: &'a Selection,
    ) -> BoxFuture<'a, Result<Vec<Reason>, SourceError>>;
}

/// Blocks the erasure of somebody who is the last administrator of a tenant: without them nobody
/// could administer it. A table says who is what where.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
#[derive(Debug)]
pub struct LastAdministrator<DB: Backend> {
    pool: Pool<DB>,
    table: SqlName,
    tenant: SqlName,
    user: SqlName,
    role: SqlName,
    administrator: String,
    kind: String,
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl<DB: Backend> LastAdministrator<DB> {
    /// In `table`, whose column `tenant` names the tenant, `user` a user and `role` what the user is
    /// there: `administrator`. A person's own users are their identifiers of `kind`.
    ///
    /// # Errors
    ///
    /// [`NameError`] of a table or column.
    pub fn new(
        pool: Pool<DB>,
        table: &str,
        (tenant, user, role): (&str, &str, &str),
        administrator: impl Into<String>,
        kind: impl Into<String>,
    ) -> Result<Self, NameError> {
        Ok(Self {
            pool,
            table: SqlName::table(table)?,
            tenant: SqlName::column(tenant)?,
            user: SqlName::column(user)?,
            role: SqlName::column(role)?,
            administrator: administrator.into(),
            kind: kind.into(),
        })
    }

    async fn look(&self, person: &Selection) -> Result<Vec<Reason>, SourceError> {
        let (table, tenant) = (self.table.quoted(), self.tenant.quoted());
        let users: Vec<&str> = person.values(&self.kind).collect();
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let mut values: Vec<Value> = vec![self.administrator.as_str().into()];
        let list = |values: &mut Vec<Value>| {
            let numbers = users.iter().map(|user| {
                values.push((*user).into());
                format!("${}", values.len())
            });
            numbers.collect::<Vec<_>>().join(", ")
        };
        let (role, user) = (self.role.quoted(), self.user.quoted());
        let own = list(&mut values);
        values.push(self.administrator.as_str().into());
        let other_role = values.len();
        let others = list(&mut values);
        let sql = format!(
            "SELECT count(DISTINCT {}) FROM {table} a
             WHERE {} = $1 AND {} IN ({own}) AND NOT EXISTS (
                 SELECT 1 FROM {table} b WHERE b.{tenant} = a.{tenant}
                 AND {} = ${other_role} AND {} NOT IN ({others}))",
            DB::text(&format!("a.{tenant}")),
            DB::text(&format!("a.{role}")),
            DB::text(&format!("a.{user}")),
            DB::text(&format!("b.{role}")),
            DB::text(&format!("b.{user}")),
        );
        let mut conn = self.pool.acquire().await?;
        let rows = DB::fetch(&mut conn, trusted(sql), values).await?;
        let Some(mut row) = rows.into_iter().next() else { return Ok(Vec::new()) };
        Ok(match row.int()? {
            0 => Vec::new(),
            count => {
                vec![Reason::new(format!("the last administrator of {count}"), Until::Unknown)]
            }
        })
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl<DB: Backend> Blocker for LastAdministrator<DB> {
    fn blocks<'a>(
        &'a self,
        person: &'a Selection,
    ) -> BoxFuture<'a, Result<Vec<Reason>, SourceError>> {
        Box::pin(self.look(person))
    }
}
