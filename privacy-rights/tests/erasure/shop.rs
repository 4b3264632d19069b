//! The shop with people in it.

use std::sync::Arc;

use chrono::NaiveDate;
use privacy_rights::{
    Backend, Catalogue, DataMap, Identifier, Period, PersonalDataSource, Retention, Selection,
    SourceDeclaration, SqlName, SqlSource, Step,
};
use sqlx::{AssertSqlSafe, Executor, Pool, Row};
use test_support::TestDatabase;
use uuid::Uuid;

pub(crate) use crate::support::run;
use crate::support::{PEOPLE, SHOP, customers, empty_map, invoice_lines, invoices};

pub(crate) struct Shop<DB: Backend> {
    pub(crate) pool: Pool<DB>,
    sources: Vec<Arc<dyn PersonalDataSource>>,
}

impl<DB: Backend> Shop<DB> {
    /// In the order in which they are erased.
    pub(crate) fn sources(&self) -> Vec<Arc<dyn PersonalDataSource>> {
        self.sources.clone()
    }
}

fn kept_lines() -> SourceDeclaration {
    let since = SqlName::column("InvoiceDate").unwrap();
    invoice_lines().kept(Retention::new("as its invoice").demanded_as_linked(
        "Belgian VAT Code Art. 60",
        Period::Months(84),
        since,
    ))
}

pub(crate) async fn shop<T: TestDatabase<Db: Backend>>(db: &T) -> Shop<T::Db>
where
    for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
{
    let pool = db.pool(6).await;
    shop_in(pool).await
}

pub(crate) async fn shop_in<DB: Backend>(pool: Pool<DB>) -> Shop<DB>
where
    for<'c> &'c Pool<DB>: Executor<'c, Database = DB>,
{
    run(&pool, SHOP).await;
    run(&pool, PEOPLE).await;
    let map: DataMap =
        empty_map().source(customers()).source(invoices()).source(kept_lines()).build().unwrap();
    let catalogue = Catalogue::read(&pool).await.unwrap();
    let mut sources: Vec<Arc<dyn PersonalDataSource>> = Vec::new();
    for declaration in map.erasure_order(&catalogue).unwrap() {
        let source = SqlSource::new(pool.clone(), declaration.clone()).await.unwrap();
        sources.push(Arc::new(source));
    }
    Shop { pool, sources }
}

pub(crate) fn person(kind: &str, value: &str) -> Selection {
    Selection::of(Identifier::new(kind, value).unwrap())
}

pub(crate) fn ann() -> Selection {
    person("customer_id", "1")
}

/// On 1 May 2026.
pub(crate) fn step() -> Step {
    Step::new(Uuid::from_u128(7), day("2026-05-01"))
}

pub(crate) fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// A table's rows as text, in order.
pub(crate) async fn rows<DB: Backend>(pool: &Pool<DB>, sql: &str) -> Vec<String>
where
    for<'c> &'c Pool<DB>: Executor<'c, Database = DB>,
    for<'r> String: sqlx::Decode<'r, DB> + sqlx::Type<DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
{
    let rows = pool.fetch_all(AssertSqlSafe(sql.to_owned())).await.unwrap();
    rows.iter().map(|row| row.try_get::<String, _>(0).unwrap()).collect()
}

/// Behaviours on both databases, with the bounds that they need.
#[macro_export]
macro_rules! behaviours {
    ($($(#[$attribute:meta])* async fn $name:ident($db:ident) $body:block)+) => {
        $(
            async fn $name<T: $crate::world::Home>($db: T)
            where
                for<'c> &'c sqlx::Pool<T::Db>: sqlx::Executor<'c, Database = T::Db>,
                for<'r> String: sqlx::Decode<'r, T::Db> + sqlx::Type<T::Db>,
                usize: sqlx::ColumnIndex<<T::Db as sqlx::Database>::Row>,
            $body
        )+
        test_support::both_databases!($($name),+);
    };
}
