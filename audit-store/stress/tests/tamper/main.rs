//! Every way of tampering with a journal that its database's owner has, and that each is found.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking"
)]

mod cases;
mod forge;
#[path = "../support/mod.rs"]
mod support;

use audit_core::{
    Actor, AuditorPolicy, ChainId, Event, SignedCheckpoint, Target, VerificationReport,
};
use audit_store::{VerifyOptions, verify_pool};
use cases::{CASES, render};
use sqlx::{AssertSqlSafe, Executor, Pool};
use stress::Host;
use test_support::{TestDatabase, both_databases};

/// Entries of the chain that is tampered with, its opening one included.
const SIZE: u64 = 700;

/// What these tests ask of a database beyond what a host does: they are its owner.
trait Owner: Host {
    /// Takes away what refuses to change the journal's tables.
    fn disarm(pool: &Pool<Self>) -> impl Future<Output = ()> + Send;

    /// The bytes of the entries of chain 1, in order.
    fn bodies(pool: &Pool<Self>) -> impl Future<Output = Vec<String>> + Send;

    /// Runs a statement of a test.
    fn run(pool: &Pool<Self>, statement: &str) -> impl Future<Output = sqlx::Result<u64>> + Send;
}

impl Owner for sqlx::Sqlite {
    async fn disarm(pool: &Pool<Self>) {
        let triggers: Vec<String> =
            sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
                .fetch_all(pool)
                .await
                .unwrap();
        for trigger in triggers {
            Self::run(pool, &format!("DROP TRIGGER {trigger}")).await.unwrap();
        }
    }

    async fn bodies(pool: &Pool<Self>) -> Vec<String> {
        sqlx::query_scalar(
            "SELECT body FROM audit_entry WHERE position >> 40 = 1 ORDER BY position",
        )
        .fetch_all(pool)
        .await
        .unwrap()
    }

    async fn run(pool: &Pool<Self>, statement: &str) -> sqlx::Result<u64> {
        let mut conn = pool.acquire().await?;
        // An owner who breaks the rules breaks these too.
        conn.execute("PRAGMA foreign_keys = OFF").await?;
        conn.execute("PRAGMA ignore_check_constraints = ON").await?;
        Ok(conn.execute(AssertSqlSafe(statement.to_owned())).await?.rows_affected())
    }
}

impl Owner for sqlx::Postgres {
    async fn disarm(pool: &Pool<Self>) {
        let tables: Vec<String> =
            sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'audit'")
                .fetch_all(pool)
                .await
                .unwrap();
        for table in tables {
            let statement = format!("ALTER TABLE audit.\"{table}\" DISABLE TRIGGER ALL");
            Self::run(pool, &statement).await.unwrap();
        }
    }

    async fn bodies(pool: &Pool<Self>) -> Vec<String> {
        sqlx::query_scalar("SELECT body FROM audit.entry WHERE chain = 1 ORDER BY seq")
            .fetch_all(pool)
            .await
            .unwrap()
    }

    async fn run(pool: &Pool<Self>, statement: &str) -> sqlx::Result<u64> {
        Ok(pool.execute(AssertSqlSafe(statement.to_owned())).await?.rows_affected())
    }
}

/// A journal of two chains, at rest, and what an auditor keeps of it.
struct Original<T> {
    db: T,
    key: String,
    kept: SignedCheckpoint,
}

impl<T: TestDatabase<Db: Owner>> Original<T> {
    async fn write(db: T) -> Self {
        let journal = support::journal::<T::Db>(&db.url()).await;
        let other: ChainId = "globex/default".parse().unwrap();
        journal.create_chain(&other).await.unwrap();
        journal.checkpoint(&other).await.unwrap();
        let mut kept = None;
        for size in [300, 600, SIZE] {
            let standing =
                kept.as_ref().map_or(1, |kept: &SignedCheckpoint| kept.checkpoint().head.size);
            let events = (standing..size).map(event).collect();
            journal.append_batch(&support::chain(), events).await.unwrap();
            kept = Some(journal.checkpoint(&support::chain()).await.unwrap());
        }
        journal.post_index().await.unwrap();
        let key = journal.key().to_owned();
        journal.close().await;
        let pool = db.pool(1).await;
        if !T::POSTGRES {
            <T::Db as Owner>::run(&pool, "PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
        }
        pool.close().await;
        Self { db, key, kept: kept.unwrap() }
    }

    /// A copy with every guard of the database taken away.
    async fn disarmed(&self) -> (T, Pool<T::Db>) {
        let copy = self.db.copy().await;
        let pool = copy.pool(8).await;
        T::Db::disarm(&pool).await;
        (copy, pool)
    }

    /// What the auditor says who knows the journal's key, and kept a checkpoint or did not.
    async fn audit(&self, pool: &Pool<T::Db>, kept: bool) -> VerificationReport {
        let policy = AuditorPolicy::new([self.key.parse().unwrap()]);
        let policy = if kept { policy.holding(self.kept.clone()) } else { policy };
        verify_pool(pool, None, &VerifyOptions::new(policy)).await.unwrap()
    }
}

fn event(seq: u64) -> Event {
    let event = Event::builder("record.updated", Actor::user(format!("u-{}", seq % 17)))
        .target(Target::new("invoice", format!("inv-{}", seq % 41)));
    let event = if seq.is_multiple_of(7) {
        event.private(&format!("s-{}", seq % 5), "/context/ip", "192.0.2.44")
    } else {
        event
    };
    event.build().unwrap()
}

async fn each_mutation_is_found_with_its_code_and_place<T: TestDatabase<Db: Owner>>(db: T) {
    let original = Original::write(db).await;
    let (untouched, pool) = original.disarmed().await;
    let report = original.audit(&pool, true).await;
    assert!(report.is_intact(), "{report}");
    pool.close().await;
    drop(untouched);

    let mut wrong = Vec::new();
    for case in CASES {
        let (copy, pool) = original.disarmed().await;
        let mut changed = 0;
        for statement in case.statements {
            let statement = render(statement, T::POSTGRES);
            changed += T::Db::run(&pool, &statement).await.unwrap_or_else(|error| {
                panic!("{}: {statement}: {error}", case.name);
            });
        }
        assert!(changed > 0, "{}: nothing was changed", case.name);
        let report = original.audit(&pool, false).await;
        let (code, first, last) = case.found;
        let found = report.findings().any(|finding| {
            (finding.code, finding.first_seq, finding.last_seq) == (code, first, last)
        });
        if !found {
            wrong.push(format!("{}: no {code} at {first}..={last} in\n{report}", case.name));
        }
        pool.close().await;
        drop(copy);
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), CASES.len(), wrong.join("\n"));
}

/// The guards in the database itself, which stop accidents and lesser roles.
async fn the_database_refuses_to_change_what_is_written<T: TestDatabase<Db: Owner>>(db: T) {
    let original = Original::write(db).await;
    let copy = original.db.copy().await;
    let pool = copy.pool(8).await;
    // A row in each table that has none yet.
    let journal = T::Db::open(&copy.url(), &stress::options()).await.unwrap();
    let mut tx = T::Db::begin_host(journal.pool(), false).await.unwrap();
    journal.stage(&mut tx, &support::chain(), event(1)).await.unwrap();
    tx.commit().await.unwrap();
    let tables = [
        ("journal", "name"),
        ("chain", "tenant"),
        ("entry", "body"),
        ("disclosure", "items"),
        ("subject", "tenant"),
        ("tile", "hashes"),
        ("checkpoint", "note"),
    ];
    for (table, column) in tables {
        let mut statements = vec![
            format!("UPDATE {{{table}}} SET {column} = {column}"),
            format!("DELETE FROM {{{table}}}"),
        ];
        if T::POSTGRES {
            statements.push(format!("TRUNCATE {{{table}}} CASCADE"));
        }
        for statement in statements {
            let statement = render(&statement, T::POSTGRES);
            let refused = T::Db::run(&pool, &statement).await;
            assert!(refused.is_err(), "{statement}");
        }
    }
    journal.close().await;
    let report = original.audit(&pool, true).await;
    assert!(report.findings().count() == 0, "{report}");
}

use forge::{
    a_chain_cut_back_consistently_is_found_by_a_kept_checkpoint,
    a_chain_that_is_gone_is_missed_by_whoever_knew_it,
    history_rewritten_under_its_checkpoints_is_found,
    history_rewritten_without_checkpoints_needs_one_from_outside,
    history_signed_again_with_another_key_is_not_shown,
};

both_databases!(
    a_chain_cut_back_consistently_is_found_by_a_kept_checkpoint,
    a_chain_that_is_gone_is_missed_by_whoever_knew_it,
    history_rewritten_under_its_checkpoints_is_found,
    history_rewritten_without_checkpoints_needs_one_from_outside,
    history_signed_again_with_another_key_is_not_shown,
    each_mutation_is_found_with_its_code_and_place,
    the_database_refuses_to_change_what_is_written,
);
