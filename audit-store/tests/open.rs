//! Creating and opening, on both databases.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, dead_code, reason = "tests")]

#[path = "support/place.rs"]
mod place;

use audit_core::{JournalName, SigningKey};
use audit_store::{
    DatabaseErrorKind, JournalOptions, OpenError, PgJournal, SqliteJournal, migrations,
};
use place::{Place, chain, event, key, options, verified};
use test_support::TestDatabase as _;

async fn what_was_created_can_be_opened<T: Place>(db: T) {
    db.create(&options()).await.unwrap().close().await;
    assert!(matches!(db.create(&options()).await, Err(OpenError::AlreadyExists)));
    let journal = db.open(&options()).await.unwrap();
    assert_eq!(journal.key(), key().verifier().to_string());
    journal.close().await;
    let other = JournalOptions::new(JournalName::new("other.example.com").unwrap());
    assert!(matches!(db.open(&other).await, Err(OpenError::NameMismatch { .. })));
    assert!(!migrations::<T::Db>().is_empty());
}

async fn another_key_is_refused<T: Place>(db: T) {
    db.create(&options()).await.unwrap().close().await;
    let other = SigningKey::from_seed("audit.example.com", &[8; 32]).unwrap();
    let error = db.open(&options().signer(other)).await.unwrap_err();
    assert!(matches!(error, OpenError::KeyMismatch { .. }), "{error:?}");
    let unsigned = JournalOptions::new(JournalName::new("audit.example.com").unwrap());
    assert!(matches!(db.create(&unsigned).await, Err(OpenError::NoSigner)));
    db.open(&unsigned).await.unwrap().close().await;
}

async fn a_database_without_a_journal_is_left_as_it_is<T: Place>(db: T) {
    db.execute("CREATE TABLE host (id bigint)").await.unwrap_or_default();
    if T::POSTGRES {
        assert!(matches!(db.open(&options()).await, Err(OpenError::NotAJournal)));
        let schemas = "SELECT count(*) FROM pg_namespace WHERE nspname = 'audit'";
        assert_eq!(db.number(schemas).await, 0);
    } else {
        assert!(matches!(db.open(&options()).await, Err(OpenError::NotAJournal)));
        assert_eq!(db.number("SELECT count(*) FROM sqlite_schema").await, 1);
    }
}

async fn a_newer_schema_is_refused<T: Place>(db: T) {
    db.create(&options()).await.unwrap().close().await;
    let prefix = if T::POSTGRES { "audit_" } else { "" };
    let blob = if T::POSTGRES { "decode(repeat('00', 32), 'hex')" } else { "zeroblob(32)" };
    db.execute(&format!(
        "INSERT INTO {prefix}_audit_store_migrations VALUES (999, 'future', {blob}, 0)"
    ))
    .await
    .unwrap();
    let known = migrations::<T::Db>().last().unwrap().version;
    match db.open(&options()).await {
        Err(OpenError::SchemaTooNew { found: 999, known: said }) => assert_eq!(said, known),
        other => panic!("{other:?}"),
    }
}

async fn a_migration_of_another_form_is_refused<T: Place>(db: T) {
    db.create(&options()).await.unwrap().close().await;
    let prefix = if T::POSTGRES { "audit_" } else { "" };
    let blob = if T::POSTGRES { "decode(repeat('00', 32), 'hex')" } else { "zeroblob(32)" };
    db.execute(&format!(
        "UPDATE {prefix}_audit_store_migrations SET checksum = {blob} WHERE version = 1"
    ))
    .await
    .unwrap();
    let error = db.open(&options()).await.unwrap_err();
    assert!(matches!(error, OpenError::MigrationChanged { version: 1 }), "{error:?}");
}

/// Whoever must not change the journal can read all of it, and the database holds him to it.
async fn opened_for_reading_nothing_is_written<T: Place>(db: T) {
    let journal = db.journal().await;
    let acme = chain("acme/default");
    journal.append_batch(&acme, (0..300).map(|_| event("a")).collect()).await.unwrap();
    let head = journal.checkpoint(&acme).await.unwrap().checkpoint().head;
    journal.close().await;
    let journal = db.open(&options().read_only()).await.unwrap();
    let page = journal.query(&audit_store::Query::new(&acme)).await.unwrap();
    assert!(!page.entries.is_empty());
    journal.proof_file(&acme, 7).await.unwrap();
    let report = verified(&journal).await;
    assert_eq!(report.chains.first().map(|chain| chain.size), Some(head.size));
    let denied = |error: audit_store::AppendError| match error {
        audit_store::AppendError::Database(error) => error.kind() == DatabaseErrorKind::Denied,
        _ => false,
    };
    assert!(denied(journal.append(&acme, event("b")).await.unwrap_err()));
    assert!(denied(journal.append_batch(&acme, vec![event("b"), event("c")]).await.unwrap_err()));
    assert!(denied(journal.create_chain(&chain("acme/other")).await.unwrap_err()));
    journal.close().await;
    let journal = db.open(&options()).await.unwrap();
    assert_eq!(journal.append(&acme, event("b")).await.unwrap().seq, head.size);
    journal.close().await;
}

/// A pool that was given stays its owner's.
async fn a_given_pool_stays_open<T: Given>(db: T) {
    db.journal().await.close().await;
    let pool = db.pool(3).await;
    for options in [options(), options().read_only()] {
        let journal = T::over(pool.clone(), &options).await;
        assert!(journal.query(&audit_store::Query::new(&chain("acme/default"))).await.is_ok());
        journal.close().await;
        assert!(!pool.is_closed());
    }
}

trait Given: Place {
    async fn over(
        pool: sqlx::Pool<Self::Db>,
        options: &JournalOptions,
    ) -> audit_store::Journal<Self::Db>;
}

impl Given for test_support::TestSqlite {
    async fn over(pool: sqlx::SqlitePool, options: &JournalOptions) -> SqliteJournal {
        SqliteJournal::from_pool(pool, options).await.unwrap()
    }
}

impl Given for test_support::TestPg {
    async fn over(pool: sqlx::PgPool, options: &JournalOptions) -> PgJournal {
        PgJournal::from_pool(pool, options).await.unwrap()
    }
}

async fn processes_that_create_at_once_make_one_journal<T: Place>(db: T) {
    let options = options();
    let made = futures_util::future::join_all((0..4).map(|_| db.create(&options))).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 1);
    for error in made.iter().filter_map(|made| made.as_ref().err()) {
        assert!(matches!(error, OpenError::AlreadyExists), "{error:?}");
    }
    let all = migrations::<T::Db>().len();
    let prefix = if T::POSTGRES { "audit_" } else { "" };
    let count = format!("SELECT count(*) FROM {prefix}_audit_store_migrations");
    assert_eq!(db.number(&count).await, i64::try_from(all).unwrap());
}

async fn the_view_shows_the_usual_columns<T: Place>(db: T) {
    let journal = db.journal().await;
    journal.append(&chain("acme/default"), event("r1")).await.unwrap();
    let count = "SELECT count(*) FROM audit_event WHERE tenant = 'acme' AND series = 'default'
        AND seq = 1 AND action = 'record.updated' AND actor_type = 'user' AND actor_id = 'usr_1'
        AND outcome IS NULL AND targets IS NOT NULL AND meta IS NOT NULL";
    assert_eq!(db.number(count).await, 1);
}

test_support::both_databases!(
    what_was_created_can_be_opened,
    another_key_is_refused,
    a_database_without_a_journal_is_left_as_it_is,
    a_given_pool_stays_open,
    a_newer_schema_is_refused,
    opened_for_reading_nothing_is_written,
    a_migration_of_another_form_is_refused,
    processes_that_create_at_once_make_one_journal,
    the_view_shows_the_usual_columns,
);

/// The host's own database: its tables, its pool, its migrations, and a schema of its choice.
#[tokio::test(flavor = "multi_thread")]
async fn a_journal_lives_beside_the_hosts_tables() {
    let db = test_support::postgres().await;
    let pool = db.pool(3).await;
    let sql = "CREATE TABLE entry (id int); CREATE TABLE chain (id int);
        CREATE TABLE _sqlx_migrations (version bigint)";
    db.execute(sql).await.unwrap();
    for schema in ["trail", "audit_eu"] {
        let options = options().schema(schema);
        let journal = PgJournal::create_in_pool(pool.clone(), &options).await.unwrap();
        let chain = chain("acme/default");
        journal.create_chain(&chain).await.unwrap();
        let batch = (0..300).map(|_| event("a")).collect();
        journal.append_batch(&chain, batch).await.unwrap();
        let mut tx = journal.begin().await.unwrap();
        tx.record(&chain, event("b")).await.unwrap();
        tx.commit().await.unwrap();
        verified(&journal).await;
    }
    let error = PgJournal::open(&db.url(), &options().schema("No;Such")).await.unwrap_err();
    assert!(matches!(error, OpenError::SchemaName));
    assert_eq!(db.number("SELECT count(*) FROM _sqlx_migrations").await, 0);
}

#[tokio::test]
async fn a_file_that_is_no_database_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("notes.txt");
    let text = "no database, and longer than a page header would be. ".repeat(40);
    std::fs::write(&path, &text).unwrap();
    let error = SqliteJournal::open(&path, &options()).await.unwrap_err();
    assert!(matches!(error, OpenError::NotAJournal), "{error:?}");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
}

#[tokio::test]
async fn a_typo_creates_no_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("jornal.db");
    assert!(matches!(SqliteJournal::open(&path, &options()).await, Err(OpenError::NotFound)));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_journal_is_asked_for_its_name() {
    let db = test_support::sqlite();
    assert!(matches!(SqliteJournal::identify(db.path()).await, Err(OpenError::NotFound)));
    db.journal().await.close().await;
    let identity = SqliteJournal::identify(db.path()).await.unwrap();
    assert_eq!(identity.name, "audit.example.com");
    assert_eq!(identity.key, key().verifier().to_string());
    let db = test_support::postgres().await;
    let url = db.url();
    let error = PgJournal::identify(&url, JournalOptions::SCHEMA).await.unwrap_err();
    assert!(matches!(error, OpenError::NotAJournal), "{error:?}");
    db.journal().await.close().await;
    let identity = PgJournal::identify(&url, JournalOptions::SCHEMA).await.unwrap();
    assert_eq!(identity.name, "audit.example.com");
}

#[tokio::test]
async fn a_wrong_address_is_an_error_of_the_connection() {
    let url = "postgres://nobody@127.0.0.1:1/nowhere";
    match PgJournal::open(url, &options()).await {
        Err(OpenError::Database(error)) => {
            assert_eq!(error.kind(), DatabaseErrorKind::Unavailable);
        }
        other => panic!("{other:?}"),
    }
}
