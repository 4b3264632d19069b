//! Sealed columns on SQLite: find by a sealed address, change keys under load, forget somebody.

use std::collections::HashSet;
use std::error::Error;
use std::io::{Write, stdout};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crypto_fields::{
    BlindIndex, CachePolicy, Clock, DataKey, EpochKeys, FieldCipher, FieldId, IndexWidth, KeyGroup,
    KeyPolicy, KeySource, KeyStore, Keyset, KeysetManager, LocalKey, Normalizer, Purpose, Rotator,
    RowContext, RowKey, RowKeyType, Sealed, SealedColumn, SecretKey, SubjectId, SubjectKeys,
    SystemClock, TenantId,
};
use indicatif::{ProgressBar, ProgressStyle};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;
const USERS: i64 = 20_000;
const WRITERS: usize = 4;

/// One of the sealed columns of the table.
fn field(name: &'static str) -> Result<FieldCipher> {
    Ok(FieldCipher::new(FieldId::new(name)?))
}

/// A value is sealed for its row: tenant, field and key of the row are part of the encryption.
fn row(keys: &dyn KeySource, id: i64) -> Result<RowContext<'_>> {
    Ok(RowContext::new(keys, TenantId::SINGLE, RowKey::int(id)?))
}

/// What the shop does all day: somebody has another address. Returns whose were written.
async fn write(
    db: SqlitePool,
    (keys, index): (Arc<Keyset>, Arc<BlindIndex>),
    first: i64,
    stop: Arc<AtomicBool>,
) -> Result<Vec<i64>> {
    let (email, mut written) = (field("users.email")?, Vec::new());
    for id in (first..=USERS).step_by(WRITERS) {
        let new = format!("user{id}@new.example.com");
        let (sealed, index) = (email.seal(&row(&*keys, id)?, &new)?, index.value(&new)?);
        let sql = "UPDATE users SET email = ?, email_index = ? WHERE id = ?";
        sqlx::query(sql).bind(sealed).bind(index).bind(id).execute(&db).await?;
        written.push(id);
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    Ok(written)
}

#[tokio::main]
async fn main() -> Result<()> {
    let mut out = stdout();
    let folder = tempfile::tempdir()?;
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("shop.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal);
    let db = SqlitePool::connect_with(options).await?;
    let sql = "CREATE TABLE users
        (id INTEGER PRIMARY KEY, email BLOB, email_index BLOB UNIQUE, address BLOB)";
    sqlx::query(sql).execute(&db).await?;

    // The root key is elsewhere: in a file of mode 400, in a key service. The database has only
    // keys that it wraps. A shop would let new keys spread for some minutes (`KeyPolicy`).
    let (root, clock) = (LocalKey::new(SecretKey::random()?), Arc::new(SystemClock));
    let store = KeyStore::open(db.clone(), &*clock).await?;
    let policy = KeyPolicy::new(Duration::ZERO, Duration::ZERO);
    let mut manager = KeysetManager::new(store.records().await?, policy, SystemClock);
    let (tenant, group) = (TenantId::SINGLE, KeyGroup::DEFAULT);
    let first = manager.create(&root, &tenant, Purpose::Seal, &group).await?;
    let old = first.record.id;
    store.apply(&[first]).await?;
    let keys = Keyset::load(store.records().await?, &[&root]).await?;
    // Addresses are sealed under keys of one person each, which are under the key of an epoch.
    let epoch = EpochKeys::new(Arc::new(LocalKey::new(SecretKey::random()?)));
    let people = SubjectKeys::new(store.clone(), epoch, CachePolicy::DEFAULT, clock.clone());

    let index_key = DataKey::generate(Purpose::BlindIndex)?;
    let (id, width) = (FieldId::new("users.email")?, IndexWidth::UNIQUE);
    let index = Arc::new(BlindIndex::new(1, &index_key, id, Normalizer::Email, width)?);
    let (email, address) = (field("users.email")?, field("users.address")?);
    let mut tx = db.begin().await?;
    for id in 1..=USERS {
        let value = format!("user{id}@example.com");
        let sql = "INSERT INTO users (id, email, email_index) VALUES (?, ?, ?)";
        sqlx::query(sql)
            .bind(id)
            .bind(email.seal(&row(&keys, id)?, &value)?)
            .bind(index.value(&value)?)
            .execute(&mut *tx)
            .await?;
    }
    tx.commit().await?;
    let alice = SubjectId::new("alice")?;
    let her_key = people.sealing(&tenant, &alice, Purpose::Seal).await?;
    let home = row(&her_key, 7)?.subject(alice.clone());
    let sealed = address.seal(&home, &"7 Garden Lane, Ghent".to_owned())?;
    sqlx::query("UPDATE users SET address = ? WHERE id = 7").bind(sealed).execute(&db).await?;
    let what = "SELECT email FROM users WHERE id = ?";
    let stolen: Vec<u8> = sqlx::query_scalar(what).bind(7).fetch_one(&db).await?;
    let hex: String = stolen.iter().take(28).map(|byte| format!("{byte:02x}")).collect();
    writeln!(out, "\n 1  {USERS} users. This is what a thief reads of user 7:\n    {hex}…")?;

    let question = "SELECT id FROM users WHERE email_index = ?";
    let asked = index.query(" USER7@Example.com ")?.remove(0);
    let begun = Instant::now();
    let found: i64 = sqlx::query_scalar(question).bind(asked).fetch_one(&db).await?;
    let took = begun.elapsed();
    writeln!(out, "\n 2  Who is USER7@Example.com? User {found}, found in {took:.0?} by index.")?;

    let moved = Sealed::<String>::from_bytes(stolen);
    let refusal = email.open(&row(&keys, 8)?, &moved).err().ok_or("it opened elsewhere")?;
    writeln!(out, "\n 3  Somebody copies it into the row of user 8: {refusal}.")?;

    // A new key. The old one still opens, and seals nothing any more.
    let next = manager.add(&root, &tenant, Purpose::Seal, &group).await?;
    let new = next.record.id;
    store.apply(&[next]).await?;
    store.apply(&manager.promote(new)?).await?;
    let keys = Arc::new(Keyset::load(store.records().await?, &[&root]).await?);
    let column = SealedColumn::new(email.clone(), "users", "email", "id", RowKeyType::Int)?;
    let rotator = Rotator::open(db.clone(), clock.clone()).await?;
    let total = rotator.remaining(&column, &keys).await?;
    writeln!(out, "\n 4  The key {old} is replaced by {new}, while {WRITERS} writers go on.")?;
    let stop = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (1..)
        .take(WRITERS)
        .map(|first| {
            tokio::spawn(write(db.clone(), (keys.clone(), index.clone()), first, stop.clone()))
        })
        .collect();
    let style = ProgressStyle::with_template("    {bar:50} {pos}/{len} rows, {per_sec}")?;
    let bar = ProgressBar::new(total).with_style(style);
    let begun = Instant::now();
    let progress = rotator
        .rotate_with(&column, &keys, &mut |progress| {
            bar.set_position(progress.done);
            ControlFlow::Continue(())
        })
        .await?;
    bar.finish();
    let took = begun.elapsed();
    stop.store(true, Ordering::Relaxed);
    let mut written = HashSet::new();
    for writer in writers {
        written.extend(writer.await??);
    }
    let (done, writes) = (progress.done, written.len());
    writeln!(out, "    {done} rows in {took:.1?}, {writes} writes meanwhile.")?;
    let all: Vec<(i64, Sealed<String>)> =
        sqlx::query_as("SELECT id, email FROM users").fetch_all(&db).await?;
    for (id, sealed) in &all {
        let opened = email.open(&row(&*keys, *id)?, sealed)?;
        assert_eq!(opened.contains("@new."), written.contains(id), "a write was lost");
    }
    writeln!(out, "    Every row opens, and no write was lost.")?;

    // Nothing destroys a key but the proof that nothing is sealed under it.
    store.apply(&[manager.disable(old)?]).await?;
    let census = rotator.census([email.field().clone()], &[column]).await?;
    let (left, unused) = (census.of(old), census.unused(old)?);
    store.destroy(&manager.destroy(old, &unused)?, &unused, Some("ticket 12")).await?;
    writeln!(out, "\n 5  The census finds {left} values under {old}: it is destroyed.")?;

    let other_root = LocalKey::new(SecretKey::random()?);
    let begun = Instant::now();
    store.apply(&manager.rewrap(&root, &other_root).await?).await?;
    let took = begun.elapsed();
    writeln!(
        out,
        "\n 6  The root key is replaced in {took:.1?}: values are not touched for that."
    )?;

    let stored = "SELECT address FROM users WHERE id = 7";
    let stored: Sealed<String> = sqlx::query_scalar(stored).fetch_one(&db).await?;
    writeln!(
        out,
        "\n 7  Alice lives at {}. She wants to be forgotten.",
        address.open(&home, &stored)?
    )?;
    // Her key, her address to be found by, and what else the shop knows, in one transaction.
    let mut tx = db.begin_with("BEGIN IMMEDIATE").await?;
    store.destroy_subject_in(&mut tx, &tenant, &alice, clock.now()).await?;
    let sql = "UPDATE users SET email = NULL, email_index = NULL WHERE id = 7";
    sqlx::query(sql).execute(&mut *tx).await?;
    tx.commit().await?;
    let erasure = people.destroy(&tenant, &alice).await?;
    let refusal = address.open(&home, &stored).err().ok_or("it still opens")?;
    let wait = erasure.closed_at.since(erasure.destroyed_at);
    writeln!(out, "    Here, at once: {refusal}.")?;
    writeln!(out, "    In other processes: after {wait:?}, when their caches let go.")?;
    writeln!(out, "    In backups: when the key of the epoch is destroyed.\n")?;
    Ok(())
}
