//! A rotator's process is killed at random moments under eight writers, again and again.
#![cfg(all(feature = "postgres", feature = "sqlite"))]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests"
)]

mod host;

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::num::NonZeroU32;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crypto_fields::{KeyStore, Keyset, LocalKey, Rotator, SystemClock};
use host::{Host, User, World, column, email, key_of, open, seal};
use sqlx::{Pool, Postgres, Sqlite};
use test_support::{TestDatabase, TestSqlite, both_databases, long, scaled};

const WRITERS: i64 = 8;

/// What `Child::kill` sends.
const SIGKILL: i32 = 9;

/// The database of the process to be killed; set for it alone.
const URL: &str = "ROTATION_URL";
/// The root key of that process: a key of a test, made for it.
const KEY: &str = "ROTATION_TEST_ROOT";

/// Rotates to the end, alone. In the process that the other test kills it does the same with that
/// test's database.
#[test]
fn a_rotator_comes_to_its_end() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let Ok(url) = std::env::var(URL) else {
        return runtime.block_on(async { alone(TestSqlite::fresh().await).await });
    };
    let root = LocalKey::from_env(KEY).unwrap();
    if url.starts_with("sqlite:") {
        let options = url.parse::<sqlx::sqlite::SqliteConnectOptions>().unwrap();
        let options = options.busy_timeout(Duration::from_secs(30));
        runtime.block_on(async {
            rotate(Pool::<Sqlite>::connect_with(options).await.unwrap(), &root).await;
        });
    } else {
        runtime.block_on(async {
            rotate(Pool::<Postgres>::connect(&url).await.unwrap(), &root).await;
        });
    }
}

async fn alone<T: TestDatabase<Db: Host>>(db: T) {
    let world = World::new(db).await;
    let user = |id| {
        let email = Some(seal(&world.before, id, 0));
        User { id, email, index: None, version: 0 }
    };
    T::Db::insert(&world.pool, (1..=300).map(user).collect()).await;
    rotate(world.pool.clone(), &world.root).await;
    let rows = T::Db::all(&world.pool).await;
    assert_eq!(rows.len(), 300);
    assert!(rows.iter().all(|row| key_of(row.email.as_ref().unwrap()) == world.new));
}

async fn rotate<DB: Host>(pool: Pool<DB>, root: &LocalKey) {
    let store = KeyStore::open(pool.clone(), &SystemClock).await.unwrap();
    let keys = Keyset::load(store.records().await.unwrap(), &[root]).await.unwrap();
    // Whoever had the lease was killed: the parent knows.
    let mut rotator = Rotator::open(pool, Arc::new(SystemClock)).await.unwrap().take_over();
    if !long() {
        // So that there are moments to be killed in.
        rotator = rotator.batch(100).throttle(NonZeroU32::new(5_000).unwrap());
    }
    let progress = rotator.rotate(&column(), &keys).await.unwrap();
    assert!(progress.finished);
}

fn start(url: &str, root: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_rotator_comes_to_its_end", "--nocapture"])
        .env(URL, url)
        .env(KEY, root)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Writes rows of its own, one after the other, until told to stop; which version of each was
/// acknowledged.
async fn write<DB: Host>(
    pool: Pool<DB>,
    keys: Arc<Keyset>,
    writer: i64,
    rows: i64,
    stop: Arc<AtomicBool>,
) -> HashMap<i64, i64> {
    let random = RandomState::new();
    let mut written = HashMap::new();
    let mut turn = 0_i64;
    while !stop.load(Ordering::Relaxed) {
        turn += 1;
        let pick = i64::try_from(random.hash_one(turn) >> 2).unwrap() % (rows / WRITERS);
        let id = pick * WRITERS + writer + 1;
        let version = written.get(&id).copied().unwrap_or(0) + 1;
        DB::write(&pool, id, seal(&keys, id, version), version).await;
        written.insert(id, version);
        tokio::task::yield_now().await;
    }
    written
}

async fn killed_again_and_again_it_comes_to_its_end<T: TestDatabase<Db: Host>>(db: T) {
    let (rows, kills) = (scaled(20_000, 1_000_000), scaled(4_u64, 50));
    let world = World::new(db).await;
    for part in 0..rows / 10_000 {
        let user = |id| {
            let email = Some(seal(&world.before, id, 0));
            User { id, email, index: None, version: 0 }
        };
        let first = part * 10_000 + 1;
        T::Db::insert(&world.pool, (first..first + 10_000).map(user).collect()).await;
    }
    let (url, root) = (world.db.url(), world.root_text.clone());
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (pool, keys, stop) = (world.pool.clone(), world.keys.clone(), stop.clone());
            tokio::spawn(write::<T::Db>(pool, keys, writer, rows, stop))
        })
        .collect();

    let random = RandomState::new();
    let begun = Instant::now();
    let mut died_early = 0_u64;
    for kill in 0..kills {
        let mut child = start(&url, &root);
        // Not a wait for something to happen: the moment of death is meant to be arbitrary.
        let moment = Duration::from_millis(150 + random.hash_one(kill) % 600);
        let ended = tokio::task::spawn_blocking(move || {
            std::thread::sleep(moment);
            child.kill().unwrap();
            child.wait().unwrap()
        });
        // One that ends by itself has finished; one that fails is no death of ours.
        let ended = ended.await.unwrap();
        assert!(ended.success() || ended.signal() == Some(SIGKILL), "a rotator ended with {ended}");
        died_early += u64::from(!ended.success());
    }
    let mut last = start(&url, &root);
    let ended = tokio::task::spawn_blocking(move || last.wait().unwrap()).await.unwrap();
    let took = begun.elapsed();
    assert!(ended.success(), "the last rotator did not come to its end");
    assert!(died_early >= kills / 2, "{died_early} of {kills} were killed before their end");
    stop.store(true, Ordering::Relaxed);
    let mut written = HashMap::new();
    for writer in writers {
        written.extend(writer.await.unwrap());
    }

    let mut checked = 0;
    for row in T::Db::all(&world.pool).await {
        let stored = row.email.unwrap();
        assert_eq!(key_of(&stored), world.new, "row {} is under the old key", row.id);
        assert_eq!(open(&world.keys, row.id, &stored).unwrap(), email(row.id, row.version));
        let promised = written.get(&row.id).copied().unwrap_or(0);
        assert_eq!(row.version, promised, "a write to row {} was lost", row.id);
        checked += 1;
    }
    assert_eq!(checked, rows);
    assert!(!written.is_empty());
    let rotator = world.rotator().await;
    assert!(rotator.quarantine(&column(), 1).await.unwrap().is_empty());
    let census = rotator.census([column().field().clone()], &[column()]).await.unwrap();
    assert!(census.unused(world.old).is_ok());
    eprintln!(
        "{rows} rows, {} written meanwhile, {died_early} of {kills} killed before the end, {took:?}",
        written.len()
    );
}

both_databases!(killed_again_and_again_it_comes_to_its_end);
