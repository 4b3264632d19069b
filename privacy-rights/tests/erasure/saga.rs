//! Erasures as they are carried out, interrupted and gone on with.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use audit_core::{Actor, Target};
use audit_store::HoldOrder;
use crypto_fields::{DataKey, KeyId, Purpose, SecretKey};
use privacy_rights::{
    Applied, Backend, BoxFuture, Certificate, Cursor, Desk, EraseError, Eraser, ErasureCertificate,
    ErasureState, FileNoteLedger, Identifier, KeyDestroyer, NewRequest, NoticeOutcome, Notifier,
    Page, Permit, PersonalDataSource, PlanError, Progress, Remaining, RequestState, Revocation,
    Right, Selection, SignedCertificate, SourceDeclaration, SourceError, Step, StepKind, StepState,
    SuppressionTokens, Until,
};
use uuid::Uuid;

use crate::behaviours;
use crate::shop::{Shop, ann, person, rows, run, shop_in};
use crate::world::{Home, World, clerk, key, world};

/// What the hooks were asked, in order.
pub(crate) type Calls = Arc<Mutex<Vec<String>>>;

pub(crate) struct Hooks(pub(crate) Calls);

impl Revocation for Hooks {
    fn revoke<'a>(&'a self, _person: &'a Selection) -> BoxFuture<'a, Result<(), SourceError>> {
        self.0.lock().unwrap().push("revoke".into());
        Box::pin(async { Ok(()) })
    }
}

impl KeyDestroyer for Hooks {
    fn destroy<'a>(
        &'a self,
        _tenant: &'a str,
        _person: &'a Selection,
    ) -> BoxFuture<'a, Result<bool, SourceError>> {
        self.0.lock().unwrap().push("keys".into());
        Box::pin(async { Ok(true) })
    }
}

impl Notifier for Hooks {
    fn notify<'a>(
        &'a self,
        recipient: &'a str,
        request: Uuid,
        _person: &'a Selection,
    ) -> BoxFuture<'a, Result<NoticeOutcome, SourceError>> {
        self.0.lock().unwrap().push(format!("notify {recipient} {request}"));
        Box::pin(async { Ok(NoticeOutcome::Told) })
    }
}

/// A source that does its work and then fails, so many times: a crash behind each erasure.
pub(crate) struct Fails {
    pub(crate) inner: Arc<dyn PersonalDataSource>,
    pub(crate) left: AtomicUsize,
}

impl PersonalDataSource for Fails {
    fn declaration(&self) -> &SourceDeclaration {
        self.inner.declaration()
    }

    fn resolve<'a>(
        &'a self,
        selection: &'a Selection,
    ) -> BoxFuture<'a, Result<Vec<Identifier>, SourceError>> {
        self.inner.resolve(selection)
    }

    fn scan<'a>(
        &'a self,
        selection: &'a Selection,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        self.inner.scan(selection, after, limit)
    }

    fn apply<'a>(
        &'a self,
        selection: &'a Selection,
        step: &'a Step,
        permit: &'a dyn Permit,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        Box::pin(async move {
            let applied = self.inner.apply(selection, step, permit, after, limit).await?;
            let left = self.left.load(Ordering::SeqCst);
            if left == 0 {
                return Ok(applied);
            }
            self.left.store(left - 1, Ordering::SeqCst);
            Err(SourceError::Unavailable("the line was cut".into()))
        })
    }

    fn foresee<'a>(
        &'a self,
        selection: &'a Selection,
        step: &'a Step,
        permit: &'a dyn Permit,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        self.inner.foresee(selection, step, permit, after, limit)
    }

    fn remaining<'a>(
        &'a self,
        selection: &'a Selection,
        step: &'a Step,
    ) -> BoxFuture<'a, Result<Remaining, SourceError>> {
        self.inner.remaining(selection, step)
    }
}

pub(crate) struct Scene<DB: Backend + crypto_fields::Backend> {
    pub(crate) world: World<DB>,
    pub(crate) shop: Shop<DB>,
    pub(crate) calls: Calls,
    pub(crate) folder: tempfile::TempDir,
}

pub(crate) fn tokens() -> SuppressionTokens {
    let secret = SecretKey::from_slice(&[5; 32]).unwrap();
    let key = DataKey::from_parts(KeyId::new(1).unwrap(), Purpose::BlindIndex, secret);
    SuppressionTokens::new(key)
}

pub(crate) const GROUND: &str = "gdpr-17-1-b";

pub(crate) async fn scene<T: Home>(db: &T) -> Scene<T::Db>
where
    for<'c> &'c sqlx::Pool<T::Db>: sqlx::Executor<'c, Database = T::Db>,
{
    scene_in(world(db).await).await
}

pub(crate) async fn scene_in<DB: Backend + crypto_fields::Backend>(world: World<DB>) -> Scene<DB>
where
    for<'c> &'c sqlx::Pool<DB>: sqlx::Executor<'c, Database = DB>,
{
    let shop = shop_in(world.pool.clone()).await;
    Scene { world, shop, calls: Calls::default(), folder: tempfile::tempdir().unwrap() }
}

impl<DB: Backend + crypto_fields::Backend> Scene<DB> {
    /// As a process that was just started.
    pub(crate) async fn eraser(&self) -> Eraser<DB> {
        self.eraser_over(self.shop.sources()).await
    }

    pub(crate) async fn eraser_over(
        &self,
        sources: Vec<Arc<dyn PersonalDataSource>>,
    ) -> Eraser<DB> {
        let World { journal, pool, options, .. } = &self.world;
        let desk = Desk::open(journal.clone(), pool.clone(), options.clone()).await.unwrap();
        let hooks = || Arc::new(Hooks(self.calls.clone()));
        let ledger = Arc::new(FileNoteLedger::new(self.folder.path().join("ledger")));
        Eraser::new(Arc::new(desk), sources, ledger, tokens(), Arc::new(key()))
            .single("customer_id")
            .journal_subject("customer_id")
            .revocation(hooks())
            .keys(hooks())
            .notifier(hooks(), ["accountant".to_owned()])
    }

    /// A request that was approved, of whoever that is.
    pub(crate) async fn approved(&self, who: Selection) -> Uuid {
        let desk = &self.world.desk;
        let id = desk.receive(NewRequest::new(Right::Erasure, who), clerk()).await.unwrap();
        desk.vouch_identity(id, "session", clerk()).await.unwrap();
        let eraser = self.eraser().await;
        let plan = eraser.preview(id, GROUND).await.unwrap();
        eraser.propose(&plan, clerk()).await.unwrap();
        desk.approve(id, plan.digest(), None, clerk()).await.unwrap();
        id
    }

    pub(crate) async fn begun(&self) -> Uuid {
        self.begun_of(ann()).await
    }

    pub(crate) async fn begun_of(&self, who: Selection) -> Uuid {
        let id = self.approved(who).await;
        self.eraser().await.begin(id, GROUND, clerk()).await.unwrap();
        id
    }

    pub(crate) async fn part_one(&self, id: Uuid) -> ErasureCertificate {
        let text = self.eraser().await.certificate(id).await.unwrap().unwrap();
        let signed = SignedCertificate::parse(&text).unwrap();
        let Certificate::Erasure(part) = signed.verify(&[key().verifier().clone()]).unwrap() else {
            panic!("no part 1")
        };
        part.clone()
    }

    pub(crate) async fn state(&self, id: Uuid) -> RequestState {
        self.world.desk.request(id).await.unwrap().state()
    }
}

pub(crate) const LEFT: &str = r#"SELECT 'c' || "CustomerId" || ' ' || "LastName" FROM "Customer"
    UNION ALL SELECT 'i' || "InvoiceId" FROM "Invoice"
    UNION ALL SELECT 'l' || "InvoiceLineId" FROM "InvoiceLine" ORDER BY 1"#;

/// What is left of the shop when Ann was erased: what a law keeps, and the others.
pub(crate) const ERASED: [&str; 10] =
    ["c1 erased", "c2 CANARY-Two", "c3 CANARY-Three", "i3", "i4", "i5", "l5", "l6", "l7", "l8"];

behaviours! {
    async fn an_erasure_from_approval_to_certificate(db) {
        let scene = scene(&db).await;
        let id = scene.begun().await;
        let eraser = scene.eraser().await;
        // The intent is on record, and nothing was destroyed.
        assert_eq!(rows(&scene.shop.pool, LEFT).await.len(), 16);
        assert!(eraser.is_erased(&Identifier::new("email", "Ann@Example.com").unwrap()).await.unwrap());
        assert_eq!(eraser.run(id).await.unwrap(), ErasureState::Deferred);
        assert_eq!(rows(&scene.shop.pool, LEFT).await, ERASED);
        assert_eq!(*scene.calls.lock().unwrap(), ["revoke".to_owned(), format!("notify accountant {id}")],
            "the keys wait for what a law keeps");
        assert_eq!(scene.state(id).await, RequestState::Completed);
        let part = scene.part_one(id).await;
        let erased: Vec<_> =
            part.erased.iter().map(|one| (one.source.as_str(), one.records)).collect();
        assert_eq!(erased, [("customers", 1), ("invoice_lines", 4), ("invoices", 2)]);
        assert_eq!((part.deferred, part.left.records, part.left.explained), (5, 5, 5));
        let kept: Vec<_> = part.kept.iter().map(|kept| (kept.source.as_str(), kept.records)).collect();
        assert_eq!(kept, [("invoice_lines", 2), ("invoice_lines", 1), ("invoices", 1), ("invoices", 1)]);
        assert!(!part.keys_destroyed);
        let text = scene.eraser().await.certificate(id).await.unwrap().unwrap();
        assert!(!text.contains("ann@") && !text.contains("CANARY"));
        // Doing it again does nothing.
        let before = scene.world.actions().await;
        assert_eq!(scene.eraser().await.run(id).await.unwrap(), ErasureState::Deferred);
        assert_eq!(scene.world.actions().await, before);
    }

    async fn a_crash_after_each_step_loses_nothing_and_does_nothing_twice(db) {
        let scene = scene(&db).await;
        let id = scene.begun().await;
        let mut steps = Vec::new();
        loop {
            // Another process each time.
            match scene.eraser().await.advance(id).await.unwrap() {
                Progress::Ended(state) => {
                    assert_eq!(state, ErasureState::Deferred);
                    break;
                }
                Progress::Step { kind, name, state } => steps.push((kind, name, state)),
                other => panic!("{other:?}"),
            }
        }
        use StepKind as K;
        use StepState as S;
        let step = |kind, name: &str, state| (kind, name.to_owned(), state);
        assert_eq!(steps, [
            step(K::Note, "", S::Done),
            step(K::Revoke, "", S::Done),
            step(K::Source, "invoice_lines", S::Deferred),
            step(K::Source, "invoices", S::Deferred),
            step(K::Journal, "", S::Done),
            step(K::Source, "customers", S::Done),
            step(K::Keys, "", S::Deferred),
            step(K::Verify, "", S::Done),
            step(K::Notify, "accountant", S::Done),
            step(K::Certify, "", S::Done),
            step(K::Sign, "", S::Done),
        ]);
        assert_eq!(rows(&scene.shop.pool, LEFT).await, ERASED);
        assert_eq!(scene.calls.lock().unwrap().len(), 2);
        let actions = scene.world.actions().await;
        let count = |name: &str| actions.iter().filter(|action| *action == name).count();
        assert_eq!((count("erasure_intended"), count("erasure_step")), (1, 9));
        assert_eq!((count("erasure_certified"), count("erasure_ended"), count("completed")), (1, 1, 1));
        scene.part_one(id).await;
    }

    async fn a_crash_behind_an_erasure_and_before_its_record(db) {
        let scene = scene(&db).await;
        let id = scene.begun().await;
        let cut = |inner| -> Arc<dyn PersonalDataSource> {
            Arc::new(Fails { inner, left: AtomicUsize::new(2) })
        };
        let sources = scene.shop.sources().into_iter().map(cut);
        let eraser = scene.eraser_over(sources.collect()).await;
        assert_eq!(eraser.run(id).await.unwrap(), ErasureState::Deferred);
        assert_eq!(rows(&scene.shop.pool, LEFT).await, ERASED);
        let part = scene.part_one(id).await;
        assert_eq!(part.erased[0].records, 1, "what was done before the crash is counted");
        assert_eq!(part.left.records, part.left.explained);
    }

    async fn a_source_that_fails_for_ever_leaves_it_partial(db) {
        let scene = scene(&db).await;
        let id = scene.begun().await;
        let mut sources = scene.shop.sources();
        let inner = sources[0].clone();
        sources[0] = Arc::new(Fails { inner, left: AtomicUsize::new(usize::MAX) });
        let eraser = scene.eraser_over(sources).await;
        // The invoices go as far as their lines let them; the root stays.
        assert_eq!(eraser.run(id).await.unwrap(), ErasureState::Partial);
        assert_eq!(scene.state(id).await, RequestState::PartiallyCompleted);
        assert_eq!(eraser.certificate(id).await.unwrap(), None);
        let left = rows(&scene.shop.pool, LEFT).await;
        assert!(left.contains(&"c1 CANARY-One".to_owned()), "{left:?}");
        // It answers again.
        let eraser = scene.eraser().await;
        assert_eq!(eraser.resume(id, clerk()).await.unwrap(), ErasureState::Deferred);
        assert_eq!(rows(&scene.shop.pool, LEFT).await, ERASED);
        assert_eq!(scene.state(id).await, RequestState::Completed);
        scene.part_one(id).await;
    }

    async fn a_hold_in_the_middle_defers_and_its_release_goes_on(db) {
        let scene = scene(&db).await;
        let id = scene.begun().await;
        let eraser = scene.eraser().await;
        eraser.advance(id).await.unwrap();
        eraser.advance(id).await.unwrap();
        let target = Target::new("invoice_lines", "1");
        let hold = HoldOrder::on_target("acme", &target, "hold-1", "2026-C-114", clerk());
        scene.world.journal.place_hold(&hold).await.unwrap();
        let invoice = Target::new("invoices", "1");
        let other = HoldOrder::on_target("acme", &invoice, "hold-2", "2026-C-114", clerk());
        scene.world.journal.place_hold(&other).await.unwrap();
        assert_eq!(eraser.run(id).await.unwrap(), ErasureState::Deferred);
        assert_eq!(scene.state(id).await, RequestState::PartiallyCompleted);
        let left = rows(&scene.shop.pool, LEFT).await;
        assert!(left.contains(&"l1".to_owned()) && left.contains(&"i1".to_owned()), "{left:?}");
        assert!(!left.contains(&"l2".to_owned()), "the rest goes");
        let held = scene.part_one(id).await;
        let by_hold = held.kept.iter().find(|kept| kept.ground == "legal hold").unwrap();
        assert_eq!(by_hold.until, Until::HoldReleased("hold-1".into()));
        assert_eq!(held.left.records, held.left.explained);
        // Nothing is due while it stands.
        assert_eq!(eraser.sweep().await.unwrap(), []);
        for hold in ["hold-1", "hold-2"] {
            scene.world.journal.release_hold("acme", hold, Actor::user("u")).await.unwrap();
        }
        assert_eq!(eraser.sweep().await.unwrap(), [(id, ErasureState::Deferred)]);
        assert_eq!(rows(&scene.shop.pool, LEFT).await, ERASED);
        assert_eq!(scene.state(id).await, RequestState::Completed);
        assert_eq!(scene.part_one(id).await.deferred, 5);
        assert_eq!(eraser.sweep().await.unwrap(), []);
    }

    async fn when_the_law_lets_go_the_rest_and_the_keys_go(db) {
        let scene = scene(&db).await;
        let id = scene.begun().await;
        scene.eraser().await.run(id).await.unwrap();
        scene.world.clock.set(crate::at("2028-05-02"));
        assert_eq!(scene.eraser().await.sweep().await.unwrap(), [(id, ErasureState::Deferred)]);
        scene.world.clock.set(crate::at("2031-05-02"));
        assert_eq!(scene.eraser().await.sweep().await.unwrap(), [(id, ErasureState::Done)]);
        assert_eq!(rows(&scene.shop.pool, LEFT).await, ["c1 erased", "c2 CANARY-Two",
            "c3 CANARY-Three", "i5", "l8"]);
        assert_eq!(*scene.calls.lock().unwrap(), ["revoke".to_owned(), format!("notify accountant {id}"), "keys".into()]);
        let part = scene.part_one(id).await;
        assert!(part.keys_destroyed && part.kept.is_empty());
        assert_eq!(part.erased[1].records, 7);
        assert_eq!(scene.eraser().await.sweep().await.unwrap(), []);
    }

    async fn only_what_was_approved_begins(db) {
        let scene = scene(&db).await;
        let eraser = scene.eraser().await;
        let desk = &scene.world.desk;
        let id = desk.receive(NewRequest::new(Right::Erasure, ann()), clerk()).await.unwrap();
        let early = eraser.begin(id, GROUND, clerk()).await;
        assert!(matches!(early, Err(EraseError::NotApproved)), "{early:?}");
        let id = scene.approved(ann()).await;
        run(&scene.shop.pool, r#"INSERT INTO "InvoiceLine" VALUES (90, 1, 1, 1)"#).await;
        let stale = eraser.begin(id, GROUND, clerk()).await;
        assert!(matches!(stale, Err(EraseError::Plan(PlanError::Stale))), "{stale:?}");
        assert!(matches!(eraser.run(id).await, Err(EraseError::Unknown)));
        assert_eq!(rows(&scene.shop.pool, LEFT).await.len(), 17);
        assert!(!scene.folder.path().join("ledger").exists());
        // It waits for another plan, and does not begin by itself when the old one fits again.
        assert_eq!(scene.state(id).await, RequestState::Verified);
        run(&scene.shop.pool, r#"DELETE FROM "InvoiceLine" WHERE "InvoiceLineId" = 90"#).await;
        let old = eraser.begin(id, GROUND, clerk()).await;
        assert!(matches!(old, Err(EraseError::NotApproved)), "{old:?}");
        assert_eq!(eraser.sweep().await.unwrap(), []);
        // A hold that is placed after the approval makes another plan, too; one that says so begins.
        let anew = eraser.preview(id, GROUND).await.unwrap();
        eraser.propose(&anew, clerk()).await.unwrap();
        desk.approve(id, anew.digest(), None, clerk()).await.unwrap();
        let target = Target::new("invoices", "1");
        let hold = HoldOrder::on_target("acme", &target, "hold-1", "2026-C-114", clerk());
        scene.world.journal.place_hold(&hold).await.unwrap();
        let stale = eraser.begin(id, GROUND, clerk()).await;
        assert!(matches!(stale, Err(EraseError::Plan(PlanError::Stale))), "{stale:?}");
        let held = eraser.preview(id, GROUND).await.unwrap();
        eraser.propose(&held, clerk()).await.unwrap();
        desk.approve(id, held.digest(), None, clerk()).await.unwrap();
        eraser.begin(id, GROUND, clerk()).await.unwrap();
        assert_eq!(eraser.run(id).await.unwrap(), ErasureState::Deferred);
        assert!(rows(&scene.shop.pool, LEFT).await.contains(&"i1".to_owned()));
        // What no certificate could say is no ground.
        let id = scene.approved(person("customer_id", "2")).await;
        let empty = scene.eraser().await;
        let plan = empty.preview(id, " ").await.unwrap();
        assert_ne!(plan.digest(), empty.preview(id, GROUND).await.unwrap().digest());
        assert!(empty.begin(id, " ", clerk()).await.is_err());
    }

    async fn one_erasure_of_a_person_at_a_time(db) {
        let scene = scene(&db).await;
        let id = scene.begun().await;
        // The same person by another name, and beginning twice.
        let eraser = scene.eraser().await;
        let other = scene.approved(person("email", "ann@example.com")).await;
        let leased = eraser.begin(other, GROUND, clerk()).await;
        assert!(matches!(leased, Err(EraseError::Leased)), "{leased:?}");
        eraser.begin(id, GROUND, clerk()).await.unwrap();
        assert!(eraser.is_being_erased(&person("email", "ann@example.com")).await.unwrap());
        assert!(!eraser.is_being_erased(&person("customer_id", "2")).await.unwrap());
        let stranger = scene.approved(person("customer_id", "2")).await;
        eraser.begin(stranger, GROUND, clerk()).await.unwrap();
        eraser.run(id).await.unwrap();
        assert_eq!(rows(&scene.shop.pool, LEFT).await, ERASED);
        assert!(!eraser.is_being_erased(&ann()).await.unwrap());
        let again = eraser.begin(other, GROUND, clerk()).await;
        assert!(!matches!(again, Err(EraseError::Leased)), "{again:?}");
    }

    async fn a_shared_address_is_for_a_human(db) {
        let scene = scene(&db).await;
        run(&scene.shop.pool,
            r#"UPDATE "Customer" SET "Email" = 'home@example.com' WHERE "CustomerId" < 3"#).await;
        let who = person("email", "home@example.com");
        let desk = &scene.world.desk;
        let id = desk.receive(NewRequest::new(Right::Erasure, who), clerk()).await.unwrap();
        let stopped = scene.eraser().await.preview(id, GROUND).await;
        assert!(matches!(stopped, Err(EraseError::Ambiguous { values: 2, .. })), "{stopped:?}");
    }
}
