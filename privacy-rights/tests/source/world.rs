//! The shop with people in it, and shorthands.

use std::sync::Arc;

use chrono::NaiveDate;
use privacy_rights::{
    Backend, FieldValue, Identifier, Page, Pages, PersonalDataSource, Remaining, Retention,
    Selection, SourceDeclaration, SqlName, SqlSource, Step, apply_all,
};
use sqlx::{AssertSqlSafe, Executor, Pool, Row};
use test_support::TestDatabase;
use uuid::Uuid;

use crate::support::{PEOPLE, SHOP, customers, invoice_lines, invoices, run};

pub(crate) struct World<DB: Backend> {
    pub(crate) pool: Pool<DB>,
    pub(crate) customers: Arc<SqlSource<DB>>,
    pub(crate) invoices: Arc<SqlSource<DB>>,
    pub(crate) lines: Arc<SqlSource<DB>>,
}

/// Lines are kept as long as their invoice.
pub(crate) fn kept_lines() -> SourceDeclaration {
    let since = SqlName::column("InvoiceDate").unwrap();
    invoice_lines().kept(Retention::new("as its invoice").demanded_as_linked(
        "Belgian VAT Code Art. 60",
        privacy_rights::Period::Months(84),
        since,
    ))
}

pub(crate) async fn world<T: TestDatabase<Db: Backend>>(db: &T) -> World<T::Db>
where
    for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
{
    let pool = db.pool(4).await;
    run(&pool, SHOP).await;
    run(&pool, PEOPLE).await;
    let source = |declaration| SqlSource::new(pool.clone(), declaration);
    World {
        customers: Arc::new(source(customers()).await.unwrap()),
        invoices: Arc::new(source(invoices()).await.unwrap()),
        lines: Arc::new(source(kept_lines()).await.unwrap()),
        pool,
    }
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

pub(crate) async fn keys(source: &dyn PersonalDataSource, person: Selection) -> Vec<String> {
    keys_in_pages(source, person, 2).await
}

pub(crate) async fn keys_in_pages(
    source: &dyn PersonalDataSource,
    person: Selection,
    size: usize,
) -> Vec<String> {
    let mut pages = Pages::new(source, person).of_size(size);
    let mut keys = Vec::new();
    while let Some(page) = pages.next().await.unwrap() {
        assert!(page.records.len() <= size);
        keys.extend(page.records.into_iter().map(|record| record.key));
    }
    keys
}

/// The texts of one field.
pub(crate) fn values<'a>(page: &'a Page, field: &str) -> Vec<&'a FieldValue> {
    let of = |record: &'a privacy_rights::Record| {
        &record.fields.iter().find(|(name, _)| name == field).unwrap().1
    };
    page.records.iter().map(of).collect()
}

/// Erases without holds; how many rows changed, and which were kept.
pub(crate) async fn erase(
    source: &dyn PersonalDataSource,
    person: &Selection,
    step: &Step,
) -> (u64, Vec<privacy_rights::Kept>) {
    erase_under(source, person, step, &privacy_rights::NothingIsHeld).await
}

pub(crate) async fn erase_under(
    source: &dyn PersonalDataSource,
    person: &Selection,
    step: &Step,
    permit: &dyn privacy_rights::Permit,
) -> (u64, Vec<privacy_rights::Kept>) {
    let mut kept = Vec::new();
    let each = |applied: &privacy_rights::Applied| kept.extend(applied.kept.iter().cloned());
    let changed = apply_all(source, person, step, permit, each).await.unwrap();
    (changed, kept)
}

pub(crate) async fn remaining(source: &dyn PersonalDataSource, person: &Selection) -> Remaining {
    source.remaining(person, &step()).await.unwrap()
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
            async fn $name<T: test_support::TestDatabase<Db: privacy_rights::Backend>>($db: T)
            where
                for<'c> &'c sqlx::Pool<T::Db>: sqlx::Executor<'c, Database = T::Db>,
                for<'r> String: sqlx::Decode<'r, T::Db> + sqlx::Type<T::Db>,
                usize: sqlx::ColumnIndex<<T::Db as sqlx::Database>::Row>,
            $body
        )+
        test_support::both_databases!($($name),+);
    };
}
