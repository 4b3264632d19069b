//! Erasures that are interrupted at every point at which they wait for anything.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use audit_store::SubjectKeySealer;
use crypto_fields::{MemorySubjectKeys, Purpose, SubjectKeyError, TenantId};
use privacy_rights::{
    Backend, DeskError, EraseError, Eraser, ErasureCertificate, ErasureState, PersonalDataSource,
    Progress, RequestState,
};
use sqlx::{Executor, Pool};
use uuid::Uuid;

use crate::behaviours;
use crate::crash::crash_after;
use crate::private::{fields, recorded};
use crate::replay::FORGET;
use crate::saga::{ERASED, Fails, GROUND, LEFT, Scene, scene, scene_in};
use crate::shop::{ann, rows, run};
use crate::support::PEOPLE;
use crate::world::{clerk, world_of};

/// Where each step and the erasure are.
const PLACE: &str = "SELECT CAST(number AS TEXT) || state || CAST(attempts AS TEXT)
    FROM privacy_erasure_step UNION ALL SELECT state FROM privacy_erasure
    UNION ALL SELECT state FROM privacy_request ORDER BY 1";

/// More often than that each is interrupted. How often depends on how busy the machine is: what was
/// answered before it is waited for is not waited for.
const FEW: usize = 5;

/// Whether the outcome is one after which another process asks again: a commit that was on its way
/// when its process ended may come to its end after the next one has looked.
fn is_behind(error: &EraseError) -> bool {
    matches!(error, EraseError::Conflict | EraseError::Desk(DeskError::Conflict))
}

/// Drops something after one poll, then after two, and so on, each time in a process of its own,
/// until it comes to its end. Whenever something was put on record it begins with one again. Returns
/// what came of it and how often it was interrupted.
async fn crashing<DB: Backend + crypto_fields::Backend, O>(
    scene: &Scene<DB>,
    mut again: impl AsyncFnMut(usize, Eraser<DB>) -> Option<Result<O, EraseError>>,
) -> (O, usize)
where
    for<'c> &'c Pool<DB>: Executor<'c, Database = DB>,
    for<'r> String: sqlx::Decode<'r, DB> + sqlx::Type<DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
{
    let (mut polls, mut crashes) = (1, 0);
    let mut place = rows(&scene.shop.pool, PLACE).await;
    loop {
        match again(polls, scene.eraser().await).await {
            Some(Ok(output)) => return (output, crashes),
            Some(Err(error)) => assert!(is_behind(&error), "{error:?}"),
            None => crashes += 1,
        }
        let now = rows(&scene.shop.pool, PLACE).await;
        polls = if now == place { polls + 1 } else { 1 };
        place = now;
        assert!(polls < 5_000, "it comes to no end at {place:?}");
    }
}

/// All steps that are left, each interrupted everywhere.
async fn crash_all_the_way<DB: Backend + crypto_fields::Backend>(
    scene: &Scene<DB>,
    id: Uuid,
) -> (ErasureState, usize)
where
    for<'c> &'c Pool<DB>: Executor<'c, Database = DB>,
    for<'r> String: sqlx::Decode<'r, DB> + sqlx::Type<DB>,
    usize: sqlx::ColumnIndex<DB::Row>,
{
    let mut all = 0;
    loop {
        let step = async |polls, eraser: Eraser<DB>| crash_after(polls, eraser.advance(id)).await;
        let (progress, crashes) = crashing(scene, step).await;
        all += crashes;
        if let Progress::Ended(state) = progress {
            return (state, all);
        }
    }
}

/// What a certificate says that does not differ between two runs.
pub(crate) fn said(mut part: ErasureCertificate) -> ErasureCertificate {
    part.request = Uuid::nil();
    part.plan = String::new();
    part
}

/// How often the journal says something.
async fn count<DB: Backend + crypto_fields::Backend>(scene: &Scene<DB>, action: &str) -> usize {
    scene.world.actions().await.iter().filter(|one| *one == action).count()
}

/// The same erasure as it is without any interruption.
pub(crate) async fn undisturbed<T: crate::world::Home>() -> (Scene<T::Db>, Uuid, T)
where
    for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
{
    let db = T::fresh().await;
    let twin = scene(&db).await;
    recorded(&twin.world, "1").await;
    let id = twin.begun().await;
    twin.eraser().await.run(id).await.unwrap();
    (twin, id, db)
}

behaviours! {
    async fn an_erasure_converges_wherever_it_is_interrupted(db) {
        let world = world_of(&db, |options, keys| {
            options.private_fields(SubjectKeySealer::new(Arc::clone(keys)).unwrap())
        });
        let scene = scene_in(world.await).await;
        let pool = &scene.shop.pool;
        recorded(&scene.world, "1").await;
        let mut tx = scene.world.journal.begin().await.unwrap();
        let subject = scene.world.journal.subject_in(&mut tx, "acme", "1").await.unwrap();
        tx.rollback().await.unwrap();
        let id = scene.approved(ann()).await;
        let begin = async |polls, eraser: Eraser<T::Db>| {
            crash_after(polls, eraser.begin(id, GROUND, clerk())).await
        };
        let (_, crashes) = crashing(&scene, begin).await;
        assert!(crashes > FEW, "{crashes}");
        assert_eq!(rows(pool, LEFT).await.len(), 16, "nothing goes before the intent is on record");

        let (state, crashes) = crash_all_the_way(&scene, id).await;
        assert_eq!(state, ErasureState::Deferred);
        assert!(crashes > FEW, "{crashes}");
        assert_eq!(rows(pool, LEFT).await, ERASED);
        assert_eq!(fields(&scene.world, 1..4).await, [1, 1, 1]);
        let subject = SubjectKeySealer::<MemorySubjectKeys>::subject_id(subject.unwrap()).unwrap();
        let tenant = TenantId::new("acme".to_owned()).unwrap();
        let gone = scene.world.keys.opening(&tenant, &subject, Purpose::Seal).await;
        assert!(matches!(gone, Err(SubjectKeyError::Destroyed { .. })), "the journal's key");
        assert_eq!(scene.state(id).await, RequestState::Completed);
        let (twin, other, _db) = undisturbed::<T>().await;
        assert_eq!(said(scene.part_one(id).await), said(twin.part_one(other).await));
        assert_eq!(scene.world.actions().await, twin.world.actions().await, "each entry once");
        assert_eq!(rows(pool, "SELECT token FROM privacy_lease").await, [""; 0]);
        let calls = scene.calls.lock().unwrap().clone();
        for expected in ["revoke".to_owned(), format!("notify accountant {id}")] {
            let hook = expected.split(" ").next().unwrap();
            let asked = calls.iter().filter(|call| call.starts_with(hook)).collect::<Vec<_>>();
            assert!(!asked.is_empty() && asked.iter().all(|call| **call == expected));
        }
        scene.eraser().await.boot_check().await.unwrap();

        // Years later, when a law lets go.
        for (day, state) in [("2028-05-02", ErasureState::Deferred), ("2031-05-02", ErasureState::Done)] {
            for scene in [&scene, &twin] {
                scene.world.clock.set(crate::at(day));
            }
            // A sweep leaves to others what changes under it: the commit of one that was interrupted.
            let is_swept = async || {
                let at_its_end = scene.eraser().await.state(id).await.unwrap() == state;
                at_its_end && scene.part_one(id).await.completed_at >= crate::at(day)
            };
            let sweep = async |polls, eraser: Eraser<T::Db>| {
                match crash_after(polls, eraser.sweep()).await {
                    Some(Ok(_)) if !is_swept().await => Some(Err(EraseError::Conflict)),
                    done => done,
                }
            };
            let (_, crashes) = crashing(&scene, sweep).await;
            assert!(crashes > FEW, "{crashes}");
            assert_eq!(scene.eraser().await.state(id).await.unwrap(), state);
            twin.eraser().await.sweep().await.unwrap();
            assert_eq!(said(scene.part_one(id).await), said(twin.part_one(other).await));
        }
        assert_eq!(rows(pool, LEFT).await, rows(&twin.shop.pool, LEFT).await);
        assert_eq!(scene.world.actions().await, twin.world.actions().await);
        assert!(scene.calls.lock().unwrap().iter().any(|call| call.starts_with("keys")));
        assert_eq!(rows(pool, "SELECT token FROM privacy_lease").await, [""; 0]);
        scene.world.verified().await;
    }

    async fn a_replay_converges_wherever_it_is_interrupted(db) {
        let scene = scene(&db).await;
        let pool = &scene.shop.pool;
        let id = scene.begun().await;
        scene.eraser().await.run(id).await.unwrap();
        let before = said(scene.part_one(id).await);
        // The host's tables alone come back, then the whole database does.
        for forget in [&FORGET[FORGET.find("DELETE FROM \"InvoiceLine\"").unwrap()..], FORGET] {
            run(pool, forget).await;
            run(pool, PEOPLE).await;
            let replay = async |polls, eraser: Eraser<T::Db>| {
                crash_after(polls, eraser.replay_since(crate::at("2026-06-10"))).await
            };
            // Each attempt has all steps done again.
            let mut polls = 1;
            loop {
                match replay(polls, scene.eraser().await).await {
                    Some(Ok(_)) => break,
                    Some(Err(error)) => assert!(is_behind(&error), "{error:?}"),
                    None => polls += 3,
                }
                assert!(polls < 5_000, "it comes to no end");
            }
            assert_eq!(rows(pool, LEFT).await, ERASED);
            assert_eq!(said(scene.part_one(id).await), before, "what comes back counts once");
            assert_eq!(rows(pool, "SELECT token FROM privacy_lease").await, [""; 0]);
            scene.eraser().await.boot_check().await.unwrap();
        }
        assert_eq!(count(&scene, "completed").await, 1);
        scene.world.verified().await;
    }

    async fn what_was_given_up_is_resumed_wherever_that_is_interrupted(db) {
        let scene = scene(&db).await;
        let pool = &scene.shop.pool;
        let id = scene.begun().await;
        let mut sources = scene.shop.sources();
        let inner = sources[0].clone();
        let broken: Arc<dyn PersonalDataSource> =
            Arc::new(Fails { inner, left: AtomicUsize::new(usize::MAX) });
        sources[0] = broken;
        let eraser = scene.eraser_over(sources).await;
        assert_eq!(eraser.run(id).await.unwrap(), ErasureState::Partial);
        let resume = async |polls, eraser: Eraser<T::Db>| {
            crash_after(polls, eraser.resume(id, clerk())).await
        };
        let (state, crashes) = crashing(&scene, resume).await;
        assert_eq!(state, ErasureState::Deferred);
        assert!(crashes > FEW, "{crashes}");
        assert_eq!(rows(pool, LEFT).await, ERASED);
        let (twin, other, _db) = undisturbed::<T>().await;
        assert_eq!(said(scene.part_one(id).await).erased, twin.part_one(other).await.erased);
        for (action, times) in [("erasure_resumed", 1), ("erasure_certified", 1), ("erasure_ended", 2),
            ("partially_completed", 1), ("completed", 1)] {
            assert_eq!(count(&scene, action).await, times, "{action}");
        }
        assert_eq!(rows(pool, "SELECT token FROM privacy_lease").await, [""; 0]);
    }
}
