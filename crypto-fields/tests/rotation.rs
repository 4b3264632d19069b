//! Rotation over a host's table, on both databases.
#![cfg(all(feature = "postgres", feature = "sqlite"))]
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "tests"
)]

mod host;

use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use crypto_fields::{
    CensusError, Clock, FailureClass, FieldId, KeyState, KeyStore, RotationError, Rotator,
    RowKeyType, SealedColumn, Timestamp,
};
use host::{Host, User, World, column, email, field, key_of, open, seal};
use test_support::{TestDatabase, both_databases};

async fn only_what_is_under_an_old_key_is_written<T: TestDatabase<Db: Host>>(db: T) {
    let world = World::new(db).await;
    world.fill(2_500).await;
    let fresh =
        User { id: 9_000, email: Some(seal(&world.keys, 9_000, 4)), index: None, version: 4 };
    let empty = User { id: 9_001, email: None, index: None, version: 0 };
    T::Db::insert(&world.pool, vec![fresh.clone(), empty.clone()]).await;
    let rotator = world.rotator().await;
    assert_eq!(rotator.remaining(&column(), &world.keys).await.unwrap(), 2_500);

    let progress = rotator.rotate(&column(), &world.keys).await.unwrap();
    assert!(progress.finished);
    assert_eq!((progress.done, progress.skipped, progress.failed), (2_500, 0, 0));
    let rows = T::Db::all(&world.pool).await;
    assert_eq!(rows[2_500..], [fresh, empty.clone()]);
    assert_eq!(rotator.remaining(&column(), &world.keys).await.unwrap(), 0);
    T::Db::run(&world.pool, "DELETE FROM users WHERE id = 9001").await;
    world.assert_rotated().await;

    // Once more finds nothing, and says so.
    let again = rotator.rotate(&column(), &world.keys).await.unwrap();
    assert_eq!((again.done, again.pass, again.finished), (0, 1, true));
}

async fn it_stops_where_told_and_goes_on_from_there<T: TestDatabase<Db: Host>>(db: T) {
    let world = World::new(db).await;
    world.fill(1_000).await;
    let mut told = Vec::new();
    let rotator = world.rotator().await.batch(100);
    let stopped = rotator
        .rotate_with(&column(), &world.keys, &mut |progress| {
            told.push(progress.done);
            if told.len() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await
        .unwrap();
    assert_eq!((stopped.done, stopped.finished, told), (300, false, vec![100, 200, 300]));
    assert_eq!(rotator.remaining(&column(), &world.keys).await.unwrap(), 700);

    // Another process goes on: nothing is written twice, and the count goes on too.
    let untouched = T::Db::all(&world.pool).await[..300].to_vec();
    let rotator = world.rotator().await;
    let mut first = None;
    let progress = rotator
        .rotate_with(&column(), &world.keys, &mut |progress| {
            first.get_or_insert(progress.done);
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
    assert_eq!(progress.done, 1_000);
    assert!(first.unwrap() > 300);
    assert_eq!(T::Db::all(&world.pool).await[..300], untouched);
    world.assert_rotated().await;
}

async fn damaged_rows_are_set_aside_and_the_others_go_on<T: TestDatabase<Db: Host>>(db: T) {
    let mut world = World::new(db).await;
    world.fill(600).await;
    let mut broken = seal(&world.before, 7, 0);
    *broken.last_mut().unwrap() ^= 1;
    T::Db::write(&world.pool, 7, broken, 0).await;
    T::Db::write(&world.pool, 8, seal(&world.before, 9, 0), 0).await;
    T::Db::write(&world.pool, 10, b"plain@example.com".to_vec(), 0).await;
    let mut short = seal(&world.before, 11, 0);
    short.truncate(40);
    T::Db::write(&world.pool, 11, short, 0).await;
    let mut unknown = seal(&world.before, 12, 0);
    unknown[5] ^= 0xff;
    T::Db::write(&world.pool, 12, unknown, 0).await;

    let rotator = world.rotator().await;
    let rehearsed = rotator.rehearse(&column(), &world.keys).await.unwrap();
    assert_eq!((rehearsed.done, rehearsed.failed), (595, 5));
    assert_eq!(rotator.remaining(&column(), &world.keys).await.unwrap(), 600);
    let progress = rotator.rotate(&column(), &world.keys).await.unwrap();
    assert_eq!((progress.done, progress.failed, progress.finished), (595, 5, true));
    let quarantine = rotator.quarantine(&column(), 100).await.unwrap();
    let found: Vec<_> = quarantine
        .iter()
        .map(|it| (i64::from_be_bytes(it.row.clone().try_into().unwrap()), it.class, it.key))
        .collect();
    let old = Some(world.old);
    assert_eq!(found[0], (7, FailureClass::Authentication, old));
    assert_eq!(found[1], (8, FailureClass::Authentication, old));
    assert_eq!(found[2], (10, FailureClass::NotSealed, None));
    assert_eq!(found[3], (11, FailureClass::Malformed, old));
    assert_eq!((found[4].0, found[4].1), (12, FailureClass::UnknownKey));
    assert_eq!(found.len(), 5);

    // As long as anything is in quarantine, the old key is in use.
    let registry = [FieldId::new("users.email").unwrap()];
    let census = rotator.census(registry.clone(), &[column()]).await.unwrap();
    assert!(matches!(census.unused(world.old), Err(CensusError::InUse { .. })));
    // Somebody repairs the rows; the next run lets them out.
    for id in [7, 8, 10, 11, 12] {
        T::Db::write(&world.pool, id, seal(&world.before, id, 0), 0).await;
    }
    let progress = rotator.rotate(&column(), &world.keys).await.unwrap();
    assert_eq!((progress.done, progress.failed), (5, 0));
    assert!(rotator.quarantine(&column(), 100).await.unwrap().is_empty());
    world.assert_rotated().await;

    // The whole way of the old key.
    world.clock.advance(Duration::from_secs(1));
    let store = KeyStore::open(world.pool.clone(), &*world.clock).await.unwrap();
    store.apply(&[world.manager.disable(world.old).unwrap()]).await.unwrap();
    let census = rotator.census(registry, &[column()]).await.unwrap();
    assert_eq!(census.of(world.new), 600);
    let unused = census.unused(world.old).unwrap();
    world.clock.advance(Duration::from_secs(60));
    let destroyed = world.manager.destroy(world.old, &unused).unwrap();
    store.destroy(&destroyed, &unused, None).await.unwrap();
    let records = store.records().await.unwrap();
    assert!(records.iter().any(|it| it.id == world.old && it.state == KeyState::Destroyed));
}

async fn a_field_that_no_column_was_given_for_is_no_census<T: TestDatabase<Db: Host>>(db: T) {
    let world = World::new(db).await;
    let rotator = world.rotator().await;
    let forgotten = FieldId::new("users.phone").unwrap();
    let registry = [FieldId::new("users.email").unwrap(), forgotten.clone()];
    let refused = rotator.census(registry, &[column()]).await.unwrap_err();
    assert!(
        matches!(&refused, RotationError::Census(CensusError::Missing(it)) if *it == forgotten)
    );
}

async fn what_is_not_there_is_refused<T: TestDatabase<Db: Host>>(db: T) {
    let world = World::new(db).await;
    world.fill(10).await;
    let rotator = world.rotator().await;
    for (table, sealed, key) in [
        ("nobody", "email", "id"),
        ("users", "mail", "id"),
        ("users", "email", "uid"),
        ("elsewhere.users", "email", "id"),
    ] {
        let column = SealedColumn::new(field(), table, sealed, key, RowKeyType::Int).unwrap();
        for error in [
            rotator.rotate(&column, &world.keys).await.unwrap_err(),
            rotator.rehearse(&column, &world.keys).await.unwrap_err(),
            rotator.remaining(&column, &world.keys).await.unwrap_err(),
            rotator
                .census([field().field().clone()], std::slice::from_ref(&column))
                .await
                .unwrap_err(),
        ] {
            assert!(matches!(error, RotationError::NoSuchColumn(_)), "{table}.{sealed}: {error:?}");
        }
    }
    for hostile in ["users; DROP TABLE users", "users\" --", "", "\"users\"", "a.b.c"] {
        let refused = SealedColumn::new(field(), hostile, "email", "id", RowKeyType::Int);
        assert!(refused.is_err(), "{hostile:?}");
        let refused = SealedColumn::new(field(), "users", hostile, "id", RowKeyType::Int);
        assert!(refused.is_err(), "{hostile:?}");
        assert!(column().tenant_column(hostile).is_err(), "{hostile:?}");
    }
    assert_eq!(T::Db::count(&world.pool, "SELECT COUNT(*) FROM users").await, 10);
}

async fn two_rotators_take_turns_by_lease<T: TestDatabase<Db: Host>>(db: T) {
    let world = World::new(db).await;
    world.fill(400).await;
    let (column, keys) = (column(), &world.keys);
    let lease = Duration::from_secs(30);
    let one = world.rotator().await.batch(100).lease(lease);
    let two = world.rotator().await.batch(100).lease(lease);

    // The first stands still behind its first batch, as long as its sender is held.
    let (go, mut wait) = tokio::sync::mpsc::channel::<()>(1);
    let (began, begun) = tokio::sync::oneshot::channel();
    let mut began = Some(began);
    let (keys_of_one, column_of_one) = (keys.clone(), column.clone());
    let slow = tokio::spawn(async move {
        one.rotate_with(&column_of_one, &keys_of_one, &mut |_| {
            if let Some(began) = began.take() {
                let _gone = began.send(());
                tokio::task::block_in_place(|| wait.blocking_recv());
            }
            ControlFlow::Continue(())
        })
        .await
    });
    begun.await.unwrap();
    let taken_at = world.clock.now();
    let busy = two.rotate(&column, keys).await.unwrap_err();
    let until = taken_at.saturating_add(lease);
    assert!(matches!(busy, RotationError::Busy { until: then } if then == until), "{busy:?}");

    // A clock that steps back makes the wait longer, not shorter.
    world.clock.set(Timestamp::from_micros(taken_at.as_micros() - 10_000_000));
    assert!(matches!(two.rotate(&column, keys).await, Err(RotationError::Busy { .. })));
    world.clock.set(Timestamp::from_micros(until.as_micros() - 1));
    assert!(matches!(two.rotate(&column, keys).await, Err(RotationError::Busy { .. })));
    world.clock.set(until);
    let progress = two.rotate(&column, keys).await.unwrap();
    assert_eq!((progress.done, progress.finished), (400, true));

    // The first one wakes up: its lease is gone, and it writes nothing any more.
    let rows = T::Db::all(&world.pool).await;
    T::Db::write(&world.pool, 400, seal(&world.before, 400, 0), 0).await;
    go.send(()).await.unwrap();
    let lost = slow.await.unwrap().unwrap_err();
    assert!(matches!(lost, RotationError::LeaseLost), "{lost:?}");
    assert_eq!(T::Db::all(&world.pool).await[..399], rows[..399]);
    assert_eq!(key_of(T::Db::all(&world.pool).await[399].email.as_ref().unwrap()), world.old);

    // An operator who knows better does not wait.
    let three = world.rotator().await.take_over();
    assert_eq!(three.rotate(&column, keys).await.unwrap().done, 1);
    world.assert_rotated().await;
}

async fn a_throttle_holds<T: TestDatabase<Db: Host>>(db: T) {
    let world = World::new(db).await;
    world.fill(300).await;
    let rate = NonZeroU32::new(1_000).unwrap();
    let rotator = world.rotator().await.batch(100).throttle(rate);
    let begun = Instant::now();
    rotator.rotate(&column(), &world.keys).await.unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(290), "{:?}", begun.elapsed());
}

async fn a_row_that_the_host_writes_meanwhile_stays_as_written<T: TestDatabase<Db: Host>>(db: T) {
    let world = World::new(db).await;
    world.fill(500).await;
    let rotator = world.rotator().await.batch(50);
    // A host with a keyset of yesterday writes under the old key, behind the cursor and before it.
    let mut turn = 0;
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let (done, mut acknowledged) = tokio::sync::mpsc::unbounded_channel();
    let (pool, stale) =
        (world.pool.clone(), (seal(&world.before, 3, 1), seal(&world.before, 444, 1)));
    let host = tokio::spawn(async move {
        while receiver.recv().await.is_some() {
            T::Db::write(&pool, 3, stale.0.clone(), 1).await;
            T::Db::write(&pool, 444, stale.1.clone(), 1).await;
            done.send(()).unwrap();
        }
    });
    let progress = rotator
        .rotate_with(&column(), &world.keys, &mut |_| {
            turn += 1;
            if turn == 4 {
                sender.send(()).unwrap();
                tokio::task::block_in_place(|| acknowledged.blocking_recv().unwrap());
            }
            ControlFlow::Continue(())
        })
        .await
        .unwrap();
    drop(sender);
    host.await.unwrap();
    assert_eq!((progress.done, progress.finished), (501, true));
    assert!(progress.pass > 1);
    world.assert_rotated().await;
    let row = &T::Db::all(&world.pool).await[2];
    assert_eq!(open(&world.keys, 3, row.email.as_ref().unwrap()).unwrap(), email(3, 1));
}

async fn one_connection_is_enough<T: TestDatabase<Db: Host>>(db: T) {
    let world = World::new(db).await;
    world.fill(500).await;
    let clock: std::sync::Arc<dyn Clock> = world.clock.clone();
    let rotator = Rotator::open(world.db.pool(1).await, clock).await.unwrap().batch(60);
    let progress = rotator.rotate(&column(), &world.keys).await.unwrap();
    assert_eq!((progress.done, progress.finished), (500, true));
    world.assert_rotated().await;
}

/// A batch that is not written leaves nothing behind: neither cursor nor rows.
async fn what_is_given_up_in_the_midst_is_gone_on_with<T: TestDatabase<Db: Host>>(db: T) {
    let world = World::new(db).await;
    world.fill(2_000).await;
    let rotator = world.rotator().await.batch(50).take_over();
    let mut lives = 0;
    loop {
        // Dropped wherever it stands then.
        let (column, keys) = (column(), world.keys.clone());
        let rotation = rotator.rotate(&column, &keys);
        let moment = Duration::from_millis(5 + lives * 3);
        lives += 1;
        if let Ok(done) = tokio::time::timeout(moment, rotation).await {
            assert!(done.unwrap().finished);
            break;
        }
    }
    assert!(lives > 1, "never given up");
    world.assert_rotated().await;
    assert!(rotator.quarantine(&column(), 1).await.unwrap().is_empty());
}

/// PostgreSQL: rows that the host holds locked are passed by, and come last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_the_host_holds_are_not_waited_for() {
    let world = World::new(test_support::postgres().await).await;
    world.fill(1_200).await;
    let mut host = world.pool.begin().await.unwrap();
    sqlx::query("SELECT id FROM users WHERE id IN (3, 700) FOR UPDATE")
        .execute(&mut *host)
        .await
        .unwrap();
    let rotator = world.rotator().await;
    let (keys, (all_else, mut seen)) = (world.keys.clone(), tokio::sync::mpsc::unbounded_channel());
    let rotation = tokio::spawn(async move {
        rotator
            .rotate_with(&column(), &keys, &mut |progress| {
                let _gone = all_else.send(progress.done);
                ControlFlow::Continue(())
            })
            .await
    });
    while seen.recv().await.unwrap() < 1_198 {}
    assert!(!rotation.is_finished());
    sqlx::query("UPDATE users SET version = 1, email = $1 WHERE id = 700")
        .bind(seal(&world.before, 700, 1))
        .execute(&mut *host)
        .await
        .unwrap();
    host.commit().await.unwrap();
    let progress = rotation.await.unwrap().unwrap();
    assert_eq!((progress.done, progress.finished), (1_200, true));
    world.assert_rotated().await;
}

both_databases!(
    only_what_is_under_an_old_key_is_written,
    it_stops_where_told_and_goes_on_from_there,
    damaged_rows_are_set_aside_and_the_others_go_on,
    a_field_that_no_column_was_given_for_is_no_census,
    what_is_not_there_is_refused,
    two_rotators_take_turns_by_lease,
    a_throttle_holds,
    a_row_that_the_host_writes_meanwhile_stays_as_written,
    one_connection_is_enough,
    what_is_given_up_in_the_midst_is_gone_on_with,
);
