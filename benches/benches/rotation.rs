//! Rotation beside plain batched UPDATEs of the same rows:
//! `cargo bench -p benches --bench rotation [sqlite|postgres]`.
//!
//! `BENCH_ROWS` rows (50,000), `BENCH_ROUNDS` rounds (5). The floors write ciphertexts that were
//! made before, in batches of the same size with a commit each: by the fastest statement that the
//! database has for it, and one UPDATE for each row.

#![allow(
    missing_docs,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    reason = "a measurement that cannot be taken ends the run"
)]

use std::sync::Arc;

use benches::{Contest, Figure, Report, timed};
use crypto_fields::{
    Backend, FieldCipher, FieldId, KeyGroup, KeyPolicy, KeyState, Keyset, KeysetManager, LocalKey,
    Purpose, Rotator, RowContext, RowKey, RowKeyType, SealedColumn, SecretKey, SystemClock,
    TenantId,
};
use sqlx::{AssertSqlSafe, Pool, Postgres, Sqlite};
use test_support::{TestDatabase, TestPg, TestSqlite};

type Row = (i64, Vec<u8>);

fn size(name: &str, default: i64) -> i64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn main() {
    let words: Vec<String> =
        std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| word == name);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if wanted("sqlite") {
        runtime.block_on(run::<TestSqlite>());
    }
    if wanted("postgres") {
        runtime.block_on(run::<TestPg>());
    }
}

/// What the floors need of a database.
trait Floor: Backend {
    const NAME: &'static str;
    const BATCH: usize;
    const BYTES: &'static str;

    async fn table(pool: &Pool<Self>);
    async fn insert(pool: &Pool<Self>, rows: &[Row]);
    /// By the fastest statement.
    async fn update(pool: &Pool<Self>, rows: &[Row]);
    /// A statement for each row.
    async fn update_each(pool: &Pool<Self>, rows: &[Row]);
}

macro_rules! common {
    () => {
        async fn table(pool: &Pool<Self>) {
            let bytes = Self::BYTES;
            let sql = format!(
                "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL, email {bytes})"
            );
            sqlx::query(AssertSqlSafe(sql)).execute(pool).await.expect("made");
        }

        async fn insert(pool: &Pool<Self>, rows: &[Row]) {
            let mut tx = pool.begin().await.expect("begun");
            for (id, email) in rows {
                sqlx::query("INSERT INTO users VALUES ($1, 'somebody', $2)")
                    .bind(id)
                    .bind(email)
                    .execute(&mut *tx)
                    .await
                    .expect("inserted");
            }
            tx.commit().await.expect("committed");
        }

        async fn update_each(pool: &Pool<Self>, rows: &[Row]) {
            let mut tx = pool.begin().await.expect("begun");
            for (id, email) in rows {
                sqlx::query("UPDATE users SET email = $2 WHERE id = $1")
                    .bind(id)
                    .bind(email)
                    .execute(&mut *tx)
                    .await
                    .expect("updated");
            }
            tx.commit().await.expect("committed");
        }
    };
}

impl Floor for Sqlite {
    const NAME: &'static str = "SQLite";
    const BATCH: usize = 1_000;
    const BYTES: &'static str = "BLOB";

    common!();

    async fn update(pool: &Pool<Self>, rows: &[Row]) {
        let mut tx = pool.begin_with("BEGIN IMMEDIATE").await.expect("begun");
        for rows in rows.chunks(250) {
            let values = vec!["(?,?)"; rows.len()].join(",");
            let sql = format!(
                "WITH v(k, n) AS (VALUES {values}) UPDATE users AS t SET email = v.n \
                 FROM v WHERE t.id = v.k"
            );
            let mut query = sqlx::query(AssertSqlSafe(sql));
            for (id, email) in rows {
                query = query.bind(id).bind(email);
            }
            query.execute(&mut *tx).await.expect("updated");
        }
        tx.commit().await.expect("committed");
    }
}

impl Floor for Postgres {
    const NAME: &'static str = "PostgreSQL";
    const BATCH: usize = 500;
    const BYTES: &'static str = "BYTEA";

    common!();

    async fn update(pool: &Pool<Self>, rows: &[Row]) {
        let (ids, emails): (Vec<i64>, Vec<&[u8]>) =
            rows.iter().map(|(id, email)| (*id, email.as_slice())).unzip();
        let mut tx = pool.begin().await.expect("begun");
        let sql = "UPDATE users AS t SET email = v.n
            FROM UNNEST($1::bigint[], $2::bytea[]) AS v(k, n) WHERE t.id = v.k";
        sqlx::query(sql).bind(ids).bind(emails).execute(&mut *tx).await.expect("updated");
        tx.commit().await.expect("committed");
    }
}

/// Two keysets of the same two keys: each has the other one's primary among those that open.
async fn keysets() -> [Keyset; 2] {
    let root = LocalKey::new(SecretKey::random().expect("randomness"));
    let mut manager = KeysetManager::new(Vec::new(), KeyPolicy::DEFAULT, SystemClock);
    let (tenant, group) = (TenantId::SINGLE, KeyGroup::DEFAULT);
    manager.create(&root, &tenant, Purpose::Seal, &group).await.expect("made");
    manager.add(&root, &tenant, Purpose::Seal, &group).await.expect("made");
    let mut records = manager.records().to_vec();
    let mut sets = Vec::new();
    for primary in 0..2 {
        for (at, record) in records.iter_mut().enumerate() {
            record.state = if at == primary { KeyState::Primary } else { KeyState::DecryptOnly };
        }
        sets.push(Keyset::load(records.clone(), &[&root]).await.expect("loaded"));
    }
    sets.try_into().unwrap_or_else(|_| unreachable!("two"))
}

fn sealed(cipher: &FieldCipher, keys: &Keyset, count: i64) -> Vec<Row> {
    let row = |id| {
        let place = RowContext::new(keys, TenantId::SINGLE, RowKey::int(id).expect("a key"));
        let email = format!("user{id}@example.com");
        (id, cipher.seal(&place, &email).expect("sealed").into_bytes())
    };
    (1..=count).map(row).collect()
}

async fn run<T: TestDatabase<Db: Floor>>() {
    let count = size("BENCH_ROWS", 50_000);
    let rows = usize::try_from(count).expect("few");
    let rounds = usize::try_from(size("BENCH_ROUNDS", 5)).expect("few");
    let cipher = FieldCipher::new(FieldId::new("users.email").expect("a name"));
    let keysets = keysets().await;
    let [first, second] = &keysets;
    let sets = [sealed(&cipher, first, count), sealed(&cipher, second, count)];
    let mut contest =
        Contest::new(rounds, &["rotation", "batched UPDATE, fastest", "UPDATE of each row"]);
    // A table of its own for each.
    let mut places = Vec::new();
    for _ in 0..3 {
        let place = T::fresh().await;
        let pool = place.pool(2).await;
        T::Db::table(&pool).await;
        let [first, _] = &sets;
        T::Db::insert(&pool, first).await;
        places.push((place, pool));
    }
    let column = SealedColumn::new(cipher, "users", "email", "id", RowKeyType::Int);
    let column = column.expect("names");
    let mut turns_taken = [0_usize; 3];
    for turn in contest.turns() {
        let (Some((_, pool)), Some(taken)) = (places.get(turn), turns_taken.get_mut(turn)) else {
            continue;
        };
        *taken += 1;
        // Odd turns bring the second key, even ones the first.
        let to = *taken % 2;
        let (Some(keys), Some(set)) = (keysets.get(to), sets.get(to)) else { continue };
        let spent = match turn {
            0 => {
                let rotator = Rotator::open(pool.clone(), Arc::new(SystemClock));
                let rotator = rotator.await.expect("opened");
                let (done, spent) = timed(rotator.rotate(&column, keys)).await;
                assert_eq!(done.expect("rotated").done, u64::try_from(rows).expect("few"));
                spent
            }
            1 => {
                let work = async {
                    for batch in set.chunks(T::Db::BATCH) {
                        T::Db::update(pool, batch).await;
                    }
                };
                timed(work).await.1
            }
            _ => {
                let work = async {
                    for batch in set.chunks(T::Db::BATCH) {
                        T::Db::update_each(pool, batch).await;
                    }
                };
                timed(work).await.1
            }
        };
        contest.record(turn, rows, spent);
    }
    let mut report = Report::default();
    let what = "rotation of a sealed column, rows";
    report.ratio(what, &contest, 0, 1, Figure::AtLeast(0.5));
    report.ratio(what, &contest, 0, 2, Figure::AtLeast(0.5));
    report.print(T::Db::NAME);
}
