//! How requests are kept.

use std::time::Duration;

use audit_core::Timestamp;
use crypto_fields::{OneTimeCodeError, OneTimeCodeVerdict};
use privacy_rights::{
    AlarmKind, ClockError, Desk, DeskError, NewRequest, PersonalDataSource, RefusalReason,
    RequestEvent, RequestState, Requester, Right, SqlSource, TransitionError, VaultError,
};
use sqlx::{AssertSqlSafe, Executor, Pool, Row};
use test_support::both_databases;

use crate::at;
use crate::support::{PEOPLE, SHOP, customers, run};
use crate::world::{Home, World, ann, clerk, world};

macro_rules! behaviours {
    ($(async fn $name:ident($db:ident) $body:block)+) => {
        $(
            async fn $name<T: Home>($db: T)
            where
                for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
                for<'r> String: sqlx::Decode<'r, T::Db> + sqlx::Type<T::Db>,
                usize: sqlx::ColumnIndex<<T::Db as sqlx::Database>::Row>,
            $body
        )+
        both_databases!($($name),+);
    };
}

/// Everything in the tables of requests, as text.
async fn dump<T: Home>(world: &World<T::Db>) -> Vec<String>
where
    for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
    for<'r> String: sqlx::Decode<'r, T::Db> + sqlx::Type<T::Db>,
    usize: sqlx::ColumnIndex<<T::Db as sqlx::Database>::Row>,
{
    let mut all = Vec::new();
    for sql in [
        "SELECT id || ' ' || tenant || ' ' || kind || ' ' || state || ' '
             || COALESCE(identity, '-') || ' ' || COALESCE(code, '-') FROM privacy_request
         ORDER BY id",
        "SELECT body FROM privacy_request_event ORDER BY request, version",
    ] {
        let rows = world.pool.fetch_all(AssertSqlSafe(sql)).await.unwrap();
        all.extend(rows.iter().map(|row| row.try_get::<String, _>(0).unwrap()));
    }
    all
}

/// Another code than that.
fn wrong(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

behaviours! {
    async fn a_request_is_kept_and_names_nobody(db) {
        let world = world(&db).await;
        let id = world.receive(Right::Access).await;
        let request = world.desk.request(id).await.unwrap();
        assert_eq!((request.state(), request.right()), (RequestState::Received, Right::Access));
        assert_eq!(world.desk.person(id).await.unwrap(), ann());
        assert_eq!(world.actions().await, ["received"]);
        let due = world.desk.due(id).await.unwrap();
        assert_eq!(due.deadline().unwrap().last_day.to_string(), "2026-07-13");
        for text in dump::<T>(&world).await {
            assert!(!text.contains("CANARY") && !text.contains("example.com"), "{text}");
        }
        // Another process opens the same.
        let again = Desk::open(world.journal.clone(), world.pool.clone(), world.options.clone());
        let again = again.await.unwrap();
        assert_eq!(again.request(id).await.unwrap(), request);
        assert_eq!(again.person(id).await.unwrap(), ann());
    }

    async fn a_letter_is_entered_later(db) {
        let world = world(&db).await;
        let requester = || Requester::Parent { reference: "usr_9".into() };
        let letter = NewRequest::new(Right::Erasure, ann())
            .asked_by(requester())
            .expedited("GDPR Art. 17(1)(f)");
        let future = letter.clone().received_at(at("2026-06-12"));
        let error = world.desk.receive(future, clerk()).await.unwrap_err();
        assert!(matches!(error, DeskError::FromTheFuture), "{error}");
        let letter = letter.received_at(at("2026-06-08"));
        let id = world.desk.receive(letter, clerk()).await.unwrap();
        let due = world.desk.due(id).await.unwrap();
        assert_eq!(due.deadline().unwrap().last_day.to_string(), "2026-07-08");
        assert_eq!(world.desk.request(id).await.unwrap().requester(), &requester());
    }

    async fn who_it_is_by_a_code(db) {
        let world = world(&db).await;
        let (id, other) =
            (world.receive(Right::Access).await, world.receive(Right::Access).await);
        let error = world.fails(id, world.desk.prove_identity(id, "123456", clerk())).await;
        assert!(matches!(error, DeskError::NoCode), "{error}");
        let code = world.desk.ask_identity(id, clerk()).await.unwrap();
        let code = code.reveal();
        assert!(!dump::<T>(&world).await.iter().any(|text| text.contains(code)));
        assert!(world.desk.due(id).await.unwrap().deadline().is_none());

        let soon = world.fails(id, world.desk.ask_identity(id, clerk())).await;
        assert!(matches!(soon, DeskError::Code(OneTimeCodeError::TooSoon { .. })), "{soon}");
        let form = world.fails(id, world.desk.prove_identity(id, "12345", clerk())).await;
        assert!(matches!(form, DeskError::Code(OneTimeCodeError::Form)), "{form}");
        // It is of no use for another request.
        world.clock.advance(Duration::from_secs(61));
        world.desk.ask_identity(other, clerk()).await.unwrap();
        let there = world.desk.prove_identity(other, code, clerk()).await.unwrap();
        assert!(matches!(there, OneTimeCodeVerdict::Wrong { .. }) , "{there:?}");

        let verdict = world.desk.prove_identity(id, wrong(code), clerk()).await.unwrap();
        assert_eq!(verdict, OneTimeCodeVerdict::Wrong { left: 4 });
        assert!(!world.desk.request(id).await.unwrap().is_verified());
        let verdict = world.desk.prove_identity(id, code, clerk()).await.unwrap();
        assert_eq!(verdict, OneTimeCodeVerdict::Accepted);
        let request = world.desk.request(id).await.unwrap();
        assert_eq!((request.state(), request.is_verified()), (RequestState::Verified, true));
        let verdict = world.desk.prove_identity(id, code, clerk()).await.unwrap();
        assert_eq!(verdict, OneTimeCodeVerdict::Used);
    }

    async fn five_attempts(db) {
        let world = world(&db).await;
        let id = world.receive(Right::Access).await;
        let code = world.desk.ask_identity(id, clerk()).await.unwrap();
        let code = code.reveal();
        for left in (0..5).rev() {
            let verdict = world.desk.prove_identity(id, wrong(code), clerk()).await.unwrap();
            assert_eq!(verdict, OneTimeCodeVerdict::Wrong { left });
        }
        let verdict = world.desk.prove_identity(id, code, clerk()).await.unwrap();
        assert_eq!(verdict, OneTimeCodeVerdict::Exhausted);
        assert_eq!(world.actions().await, ["received", "identity_asked", "identity_failed"]);
        // Another code, a minute later.
        world.clock.advance(Duration::from_secs(60));
        let code = world.desk.ask_identity(id, clerk()).await.unwrap();
        world.clock.advance(Duration::from_secs(15 * 60 + 61));
        let verdict = world.desk.prove_identity(id, code.reveal(), clerk()).await.unwrap();
        assert_eq!(verdict, OneTimeCodeVerdict::Expired);
        world.desk.vouch_identity(id, "session", clerk()).await.unwrap();
        assert!(world.desk.request(id).await.unwrap().is_verified());
    }

    async fn what_is_approved_is_what_was_shown(db) {
        let world = world(&db).await;
        run(&world.pool, SHOP).await;
        run(&world.pool, PEOPLE).await;
        let source = SqlSource::new(world.pool.clone(), customers()).await.unwrap();
        let sources: [&dyn PersonalDataSource; 1] = [&source];
        let id = world.receive(Right::Erasure).await;
        let before = dump::<T>(&world).await;
        let preview = world.desk.preview(id, &sources).await.unwrap();
        assert_eq!(preview.sources[0].records, 1);
        assert_eq!(dump::<T>(&world).await, before);
        assert_eq!(world.actions().await, ["received"]);

        let early = world.fails(id, world.desk.plan(&preview, clerk())).await;
        assert!(matches!(early, DeskError::Transition(TransitionError::NotNow { .. })), "{early}");
        world.desk.vouch_identity(id, "session", clerk()).await.unwrap();
        world.desk.plan(&preview, clerk()).await.unwrap();
        let old = preview.digest();
        // Something changes, and it is another plan.
        run(&world.pool, r#"INSERT INTO "Customer" VALUES
            (5, 'Ann', 'A', NULL, 'CANARY-ann@example.com', NULL, NULL)"#).await;
        let preview = world.desk.preview(id, &sources).await.unwrap();
        assert_eq!(preview.sources[0].records, 2);
        world.desk.plan(&preview, clerk()).await.unwrap();
        let stale = world.fails(id, world.desk.approve(id, old, None, clerk())).await;
        assert!(matches!(stale, DeskError::Transition(TransitionError::StalePlan)), "{stale}");
        let digest = preview.digest();
        let request = world.desk.approve(id, digest, None, clerk()).await.unwrap();
        assert_eq!(request.state(), RequestState::Executing);
        let actions = world.actions().await;
        assert_eq!(actions, ["received", "identity_proven", "planned", "planned", "approved"]);
    }

    async fn the_one_extension(db) {
        let world = world(&db).await;
        let (id, late) =
            (world.receive(Right::Access).await, world.receive(Right::Access).await);
        let silent = world.fails(id, world.desk.extend(id, " ", clerk())).await;
        assert!(matches!(silent, DeskError::Transition(TransitionError::ReasonMissing)));
        world.desk.extend(id, "many requests at once", clerk()).await.unwrap();
        let due = world.desk.due(id).await.unwrap();
        assert_eq!(due.deadline().unwrap().last_day.to_string(), "2026-09-11");
        let twice = world.fails(id, world.desk.extend(id, "still many", clerk())).await;
        assert!(matches!(twice, DeskError::Clock(ClockError::ExtendedTwice { .. })), "{twice}");
        world.clock.set(at("2026-07-14"));
        let error = world.fails(late, world.desk.extend(late, "too many", clerk())).await;
        assert!(matches!(error, DeskError::Clock(ClockError::TooLateToExtend { .. })), "{error}");
    }

    async fn what_is_over_is_over(db) {
        let world = world(&db).await;
        let refused = world.receive(Right::Access).await;
        let withdrawn = world.receive(Right::Access).await;
        let open = world.receive(Right::Access).await;
        let ground = "GDPR Art. 12(5); complaints to the authority";
        let why = RefusalReason::ManifestlyExcessive;
        let request = world.desk.refuse(refused, why, ground, clerk()).await.unwrap();
        assert_eq!(request.refusal(), Some(why));
        world.desk.withdraw(withdrawn, clerk()).await.unwrap();
        for id in [refused, withdrawn] {
            let error = world.fails(id, world.desk.ask_scope(id, clerk())).await;
            assert!(matches!(error, DeskError::Transition(_)), "{error}");
        }
        let error = world.fails(open, world.desk.forget_person(open)).await;
        assert!(matches!(error, DeskError::StillOpen), "{error}");
        world.desk.forget_person(refused).await.unwrap();
        world.desk.forget_person(refused).await.unwrap();
        let gone = world.desk.person(refused).await.unwrap_err();
        assert!(matches!(gone, DeskError::Vault(VaultError::Destroyed)), "{gone}");
        assert_eq!(world.desk.person(open).await.unwrap(), ann());
        // What was done stays.
        assert_eq!(world.desk.request(refused).await.unwrap().events().len(), 2);
    }

    async fn a_sealed_identity_opens_for_its_request_only(db) {
        let world = world(&db).await;
        let (one, two) = (world.receive(Right::Access).await, world.receive(Right::Access).await);
        run(&world.pool, &format!(
            "UPDATE privacy_request SET identity =
                 (SELECT identity FROM privacy_request WHERE id = '{one}') WHERE id = '{two}'"
        )).await;
        let error = world.desk.person(two).await.unwrap_err();
        assert!(matches!(error, DeskError::Vault(VaultError::NotAuthentic)), "{error}");
    }

    async fn what_is_due_by_itself(db) {
        let world = world(&db).await;
        let plain = world.receive(Right::Access).await;
        let asked = world.receive(Right::Access).await;
        world.desk.ask_identity(asked, clerk()).await.unwrap();
        let cooling = world.receive(Right::Erasure).await;
        world.desk.vouch_identity(cooling, "session", clerk()).await.unwrap();
        let digest = || "a".to_owned();
        world.desk.record(cooling, RequestEvent::Planned { digest: digest() }, clerk()).await.unwrap();
        let until = Some(at("2026-06-20"));
        world.desk.approve(cooling, digest(), until, clerk()).await.unwrap();

        let sweep = async |day: &str| {
            world.clock.set(at(day));
            let report = world.desk.sweep().await.unwrap();
            // What was done is not done again.
            let again = world.desk.sweep().await.unwrap();
            assert_eq!(again, privacy_rights::SweepReport::default(), "{day}");
            (report.alarms, report.begun, report.expired)
        };
        assert_eq!(sweep("2026-06-19").await, (vec![], vec![], vec![]));
        assert_eq!(sweep("2026-06-20").await, (vec![], vec![cooling], vec![]));
        // 11 July is a Saturday; the deadline is Monday, 13 July.
        let (cautious, overdue) = (AlarmKind::Cautious, AlarmKind::Overdue);
        let (alarms, ..) = sweep("2026-07-11").await;
        assert_eq!(alarms, [(plain, cautious), (cooling, cautious)]);
        assert_eq!(sweep("2026-07-13").await.0, []);
        world.desk.extend(plain, "many", clerk()).await.unwrap();
        assert_eq!(sweep("2026-07-14").await.0, [(cooling, overdue)]);
        // Nobody has said who they are for 90 days.
        let (alarms, _, expired) = sweep("2026-09-11").await;
        assert_eq!((alarms, expired), (vec![(plain, cautious)], vec![asked]));
        assert_eq!(sweep("2026-09-12").await.0, [(plain, overdue)]);
        let state = world.desk.request(asked).await.unwrap().state();
        assert_eq!(state, RequestState::Expired);
    }

    async fn a_step_and_its_entry_are_both_there_or_neither(db) {
        let world = world(&db).await;
        let id = world.receive(Right::Access).await;
        let long = "x".repeat(70_000);
        let error = world.fails(id, world.desk.extend(id, long, clerk())).await;
        assert!(matches!(error, DeskError::Event(_) | DeskError::Journal(_)), "{error}");
        // The tables refuse: no entry.
        run(&world.pool, "ALTER TABLE privacy_request_event RENAME TO elsewhere").await;
        assert!(world.desk.withdraw(id, clerk()).await.is_err());
        run(&world.pool, "ALTER TABLE elsewhere RENAME TO privacy_request_event").await;
        assert_eq!(world.actions().await, ["received"]);
        world.desk.withdraw(id, clerk()).await.unwrap();
        // What happened cannot be made otherwise.
        let changed = world.pool.execute("UPDATE privacy_request_event SET at = 0").await;
        assert!(changed.is_err());
    }

    async fn of_two_at_once_one_is_first(db) {
        let world = world(&db).await;
        for _ in 0..5 {
            let id = world.receive(Right::Access).await;
            let before = world.actions().await.len();
            let (one, two) = tokio::join!(
                world.desk.withdraw(id, clerk()),
                world.desk.refuse(id, RefusalReason::NoMatch, "Art. 12(4)", clerk()),
            );
            assert!(one.is_ok() != two.is_ok(), "{one:?} {two:?}");
            let lost = one.err().or(two.err()).unwrap();
            assert!(matches!(lost, DeskError::Conflict | DeskError::Transition(_)), "{lost}");
            assert_eq!(world.actions().await.len(), before + 1);
            assert_eq!(world.desk.request(id).await.unwrap().events().len(), 2);
        }
    }

    async fn a_code_is_used_once_by_many_at_once(db) {
        let world = world(&db).await;
        let id = world.receive(Right::Access).await;
        let code = world.desk.ask_identity(id, clerk()).await.unwrap();
        let try_it = || world.desk.prove_identity(id, code.reveal(), clerk());
        let all = tokio::join!(try_it(), try_it(), try_it());
        let accepted = [all.0, all.1, all.2]
            .into_iter()
            .filter(|verdict| matches!(verdict, Ok(OneTimeCodeVerdict::Accepted)))
            .count();
        assert_eq!(accepted, 1);
        let proven = world.actions().await.iter().filter(|a| *a == "identity_proven").count();
        assert_eq!(proven, 1);
    }

    async fn of_many_guesses_at_once_each_costs_an_attempt(db) {
        let world = world(&db).await;
        let id = world.receive(Right::Access).await;
        let code = world.desk.ask_identity(id, clerk()).await.unwrap();
        let guess = || world.desk.prove_identity(id, wrong(code.reveal()), clerk());
        let all = tokio::join!(guess(), guess(), guess(), guess(), guess());
        let mut left: Vec<u8> = [all.0, all.1, all.2, all.3, all.4]
            .into_iter()
            .filter_map(|verdict| match verdict {
                Ok(OneTimeCodeVerdict::Wrong { left }) => Some(left),
                Err(DeskError::Conflict) => None,
                other => panic!("{other:?}"),
            })
            .collect();
        let counted = left.len();
        left.sort_unstable();
        left.dedup();
        assert_eq!(left.len(), counted);
    }

    async fn a_desk_sees_its_own_tenant_only(db) {
        let world = world(&db).await;
        let id = world.receive(Right::Access).await;
        run(&world.pool, "UPDATE privacy_request SET tenant = 'other'").await;
        for error in [
            world.desk.request(id).await.unwrap_err(),
            world.desk.withdraw(id, clerk()).await.unwrap_err(),
            world.desk.person(id).await.unwrap_err(),
        ] {
            assert!(matches!(error, DeskError::Unknown), "{error}");
        }
        world.clock.set(at("2027-01-01"));
        assert_eq!(world.desk.sweep().await.unwrap().alarms, []);
    }

    async fn what_is_to_be_done_first(db) {
        let world = world(&db).await;
        let receive = |at: &str, expedited: bool| {
            let mut new = NewRequest::new(Right::Access, ann()).received_at(crate::at(at));
            if expedited {
                new = new.expedited("the person is 15");
            }
            world.desk.receive(new, clerk())
        };
        let later = receive("2026-06-10", false).await.unwrap();
        let first = receive("2026-05-20", false).await.unwrap();
        let minor = receive("2026-06-11", true).await.unwrap();
        let paused = receive("2026-05-19", false).await.unwrap();
        let closed = receive("2026-05-18", true).await.unwrap();
        world.desk.ask_identity(paused, clerk()).await.unwrap();
        world.desk.withdraw(closed, clerk()).await.unwrap();
        let open = world.desk.open_requests().await.unwrap();
        let ids: Vec<_> = open.iter().map(|one| one.request.id()).collect();
        assert_eq!(ids, [minor, first, later, paused]);
        assert_eq!(open[0].request.expedited(), Some("the person is 15"));
        assert_eq!(open[1].request.expedited(), None);
        assert_eq!(open[1].due, world.desk.due(first).await.unwrap());
    }

    async fn steps_with_calls_of_their_own(db) {
        let world = world(&db).await;
        let id = world.receive(Right::Access).await;
        let requester = Requester::Subject;
        let received = RequestEvent::Received { right: Right::Access, requester, expedited: None };
        for event in [
            received,
            RequestEvent::IdentityAsked,
            RequestEvent::IdentityFailed,
            RequestEvent::IdentityProven { method: "x".into() },
        ] {
            let error = world.fails(id, world.desk.record(id, event, clerk())).await;
            assert!(matches!(error, DeskError::OtherCall { .. }), "{error}");
        }
    }

    async fn migrations_are_checked(db) {
        let world = world(&db).await;
        let open =
            || Desk::open(world.journal.clone(), world.pool.clone(), world.options.clone());
        run(&world.pool,
            "INSERT INTO _privacy_rights_migrations VALUES
                 (99, 'later', (SELECT checksum FROM _privacy_rights_migrations WHERE version = 1), 0)").await;
        let newer = open().await.unwrap_err();
        assert!(matches!(newer, DeskError::SchemaTooNew { found: 99, .. }), "{newer}");
        run(&world.pool, "DELETE FROM _privacy_rights_migrations WHERE version = 99").await;
        let other = "0".repeat(64);
        run(&world.pool, &format!("UPDATE _privacy_rights_migrations SET checksum = '{other}'")).await;
        let changed = open().await.unwrap_err();
        assert!(matches!(changed, DeskError::MigrationChanged { version: 1 }), "{changed}");
    }

    async fn a_clock_that_steps_back(db) {
        let world = world(&db).await;
        let id = world.receive(Right::Access).await;
        world.clock.set(at("2026-06-01"));
        world.desk.withdraw(id, clerk()).await.unwrap();
        let request = world.desk.request(id).await.unwrap();
        let times: Vec<Timestamp> = request.events().iter().map(|(at, _)| *at).collect();
        assert_eq!(times, [at("2026-06-11"), at("2026-06-11")]);
    }
}
