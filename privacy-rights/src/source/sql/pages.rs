//! Reading a table page by page.

use crate::backend::begin::begin;
use crate::backend::value::Fields;
use crate::backend::{Backend, fixed};
use crate::source::error::SourceError;
use crate::source::record::Cursor;
use crate::source::sql::SqlSource;
use crate::source::sql::plan::{LinkPlan, Plan};
use crate::source::sql::statement::Statement;

/// How many rows of the table are gone through for a page in the order of the key, as a multiple of
/// the rows of a page.
const WINDOW: usize = 32;

impl<DB: Backend> SqlSource<DB> {
    /// The rows of a page, on a connection of its own.
    pub(super) async fn read_on(
        &self,
        query: Statement,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Fields>, SourceError> {
        if after.is_none() || !walks::<DB>(&self.plan) {
            let mut conn = self.pool.acquire().await?;
            return self.fetch_page(&mut conn, query, after, limit, "").await;
        }
        let mut tx = begin(&self.pool, "BEGIN").await?;
        let rows = self.fetch_page(&mut tx, query, after, limit, "").await?;
        tx.commit().await?;
        Ok(rows)
    }

    /// The rows of a page, one more than `limit` if there are more; with a cursor, in a transaction.
    ///
    /// Whoever comes with a cursor asks for a person with many rows. A planner that has no statistics
    /// of the table takes them for few: it finds all of them and sorts them, again for each page.
    /// So the table is first gone through in the order of its key, a bounded way; only if there is no
    /// full page on it, the planner decides.
    pub(super) async fn fetch_page(
        &self,
        conn: &mut DB::Connection,
        query: Statement,
        after: Option<&Cursor>,
        limit: usize,
        lock: &str,
    ) -> Result<Vec<Fields>, SourceError> {
        if let (Some((begin, end)), Some(cursor)) = (DB::IN_KEY_ORDER, after)
            && walks::<DB>(&self.plan)
        {
            DB::execute(conn, fixed(begin), Vec::new()).await?;
            let last = self.end_of_window(conn, cursor, limit).await?;
            let mut walk = query.clone();
            walk.after::<DB>(&self.plan, after)?;
            let bounded = last.is_some();
            if let Some(last) = last {
                walk.up_to::<DB>(&self.plan, &last)?;
            }
            walk.in_order::<DB>(&self.plan, limit);
            walk.push(lock);
            let rows = walk.fetch::<DB>(conn).await?;
            DB::execute(conn, fixed(end), Vec::new()).await?;
            if !bounded || rows.len() > limit {
                return Ok(rows);
            }
        }
        let mut query = query;
        query.after::<DB>(&self.plan, after)?;
        query.in_order::<DB>(&self.plan, limit);
        query.push(lock);
        Ok(query.fetch::<DB>(conn).await?)
    }

    /// The key at which the way through the table ends; none if the table does before.
    async fn end_of_window(
        &self,
        conn: &mut DB::Connection,
        after: &Cursor,
        limit: usize,
    ) -> Result<Option<String>, SourceError> {
        let key = DB::text(&self.plan.key);
        let mut query =
            Statement::new(format!("SELECT {key} FROM {} t WHERE 1 = 1", self.plan.table));
        query.after::<DB>(&self.plan, Some(after))?;
        query.in_order_from::<DB>(&self.plan, limit.saturating_mul(WINDOW));
        let mut rows = query.fetch::<DB>(conn).await?;
        Ok(rows.pop().map(|mut row| row.text()).transpose()?)
    }
}

/// Whether the table can be gone through in the order of its key: the database compares the key as
/// what it is, and whose a row is can be seen in the row.
fn walks<DB: Backend>(plan: &Plan) -> bool {
    DB::IN_KEY_ORDER.is_some()
        && DB::order(&plan.key, &plan.key_type) == plan.key
        && plan.links.iter().all(|link| matches!(link, LinkPlan::Column { .. }))
}
