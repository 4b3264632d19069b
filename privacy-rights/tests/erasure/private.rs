//! What an erasure does in the journal, and with the keys of whom it is about.

use std::sync::Arc;

use audit_core::{Actor, AuditorPolicy, ChainId, Event, Target, Verdict};
use audit_store::{
    AccessReason, BundleOptions, HoldOrder, SubjectKeySealer, VerifyOptions, verify_bundle,
};
use crypto_fields::{
    FieldCipher, FieldId, Purpose, RowContext, RowKey, SealedText, SubjectId, SubjectKeyError,
    TenantId,
};
use privacy_rights::{
    Backend, ErasureState, ErasureStrategy, Field, Link, PersonalDataSource, RequestState,
    Retention, SourceDeclaration, SqlSource, StepKind, Storage, SubjectKeyDestroyer, Until,
};

use crate::behaviours;
use crate::saga::{GROUND, LEFT, Scene, scene, scene_in};
use crate::shop::{ann, person, rows, run};
use crate::support::belgium;
use crate::world::{World, clerk, key, world_of};

/// A chain of the host's own.
pub(crate) fn shop_chain() -> ChainId {
    ChainId::new("acme", "shop").unwrap()
}

pub(crate) fn about(customer: &str, document: &str) -> Event {
    Event::builder("user.login", Actor::user("usr_1"))
        .target(Target::new("document", document))
        .private(customer, "/context/ip", format!("CANARY-{document}"))
        .private("another", "/actor/name", "Ada")
        .build()
        .unwrap()
}

/// Three entries about a customer.
pub(crate) async fn recorded<DB: Backend + crypto_fields::Backend>(
    world: &World<DB>,
    customer: &str,
) {
    world.journal.create_chain(&shop_chain()).await.unwrap();
    for document in ["a", "b", "c"] {
        world.journal.append(&shop_chain(), about(customer, document)).await.unwrap();
    }
}

/// How many private fields some entries of the shop's chain have.
pub(crate) async fn fields<DB: Backend + crypto_fields::Backend>(
    world: &World<DB>,
    seqs: impl IntoIterator<Item = u64>,
) -> Vec<usize> {
    let reason = AccessReason::new(Actor::user("support"), "matter 7");
    let mut counts = Vec::new();
    for seq in seqs {
        counts.push(world.journal.read_private(&shop_chain(), seq, &reason).await.unwrap().len());
    }
    counts
}

pub(crate) fn bob() -> privacy_rights::Selection {
    person("customer_id", "2")
}

async fn gone_and_proven<DB: Backend + crypto_fields::Backend>(scene: &Scene<DB>, verdict: Verdict)
where
    for<'c> &'c sqlx::Pool<DB>: sqlx::Executor<'c, Database = DB>,
{
    let (world, chain) = (&scene.world, shop_chain());
    recorded(world, "1").await;
    let head = world.journal.checkpoint(&chain).await.unwrap().checkpoint().head;
    let proof = world.journal.prove_inclusion(&chain, 2, None).await.unwrap();
    let export = async |name: &str| {
        let folder = scene.folder.path().join(name);
        world.journal.export_bundle(&chain, &folder, &BundleOptions::default()).await.unwrap();
        let policy = AuditorPolicy::new([key().verifier().clone()]);
        let report = verify_bundle(folder, &VerifyOptions::new(policy)).unwrap();
        assert_eq!(report.findings().count(), 0);
        report.verdict
    };
    assert_eq!(export("before").await, verdict);
    assert_eq!(fields(world, 1..4).await, [2, 2, 2]);

    let id = scene.begun().await;
    scene.eraser().await.run(id).await.unwrap();
    assert_eq!(fields(world, 1..4).await, [1, 1, 1], "the other person's stay");
    assert_eq!(scene.part_one(id).await.journal_entries, 3);
    // Every hash is what it was.
    let again = world.journal.prove_inclusion(&chain, 2, None).await.unwrap();
    assert_eq!(again.leaf, proof.leaf);
    proof.proof.verify(proof.leaf, 2, &proof.head).unwrap();
    let after = world.journal.checkpoint(&chain).await.unwrap().checkpoint().head;
    let consistent = world.journal.prove_consistency(&chain, head.size, after.size).await.unwrap();
    consistent.proof.verify(&head, &after).unwrap();
    assert_eq!(export("after").await, verdict);
    assert_eq!(world.verified().await.counts.erased, 3);
}

behaviours! {
    async fn plain_fields_go_and_old_proofs_verify(db) {
        gone_and_proven(&scene(&db).await, Verdict::Intact).await;
    }

    async fn sealed_fields_go_and_old_proofs_verify(db) {
        let world = world_of(&db, |options, keys| {
            options.private_fields(SubjectKeySealer::new(Arc::clone(keys)).unwrap())
        });
        // What is sealed an auditor without the keys cannot compare with its commitment.
        gone_and_proven(&scene_in(world.await).await, Verdict::Unproven).await;
    }

    async fn sealed_columns_open_no_more(db) {
        let scene = scene(&db).await;
        let World { keys, pool, .. } = &scene.world;
        run(pool, r#"CREATE TABLE "Note" ("NoteId" INTEGER NOT NULL PRIMARY KEY,
            "CustomerId" INTEGER NOT NULL, "Body" TEXT NOT NULL)"#).await;
        let cipher = FieldCipher::new(FieldId::new("note.body").unwrap());
        let tenant = || TenantId::new("acme".to_owned()).unwrap();
        let mut sealed = Vec::new();
        for (note, customer) in [("1", "1"), ("2", "1"), ("3", "2")] {
            let subject = SubjectId::new(customer.to_owned()).unwrap();
            let key = keys.sealing(&tenant(), &subject, Purpose::Seal).await.unwrap();
            let place = RowContext::new(&key, tenant(), RowKey::text(note).unwrap());
            let text = cipher.seal_text(&place.subject(subject), &format!("CANARY of {customer}"));
            let text = text.unwrap().into_text();
            run(pool, &format!(r#"INSERT INTO "Note" VALUES ({note}, {customer}, '{text}')"#)).await;
            sealed.push((note, customer, text));
        }
        let notes = SourceDeclaration::new("notes", Storage::table("Note", "NoteId").unwrap())
            .linked(Link::column("CustomerId", "customer_id").unwrap())
            .located(belgium(), "our own data centre")
            .purpose("sale")
            .kept(Retention::new("as long as there is an account"))
            .erased_by(ErasureStrategy::Shred)
            .field(Field::new("Body", "note", "What we noted."));
        let mut sources = scene.shop.sources();
        let notes: Arc<dyn PersonalDataSource> =
            Arc::new(SqlSource::new(pool.clone(), notes).await.unwrap());
        sources.insert(0, notes);
        let eraser = async || {
            let keys = SubjectKeyDestroyer::new(Arc::clone(keys), "customer_id");
            scene.eraser_over(sources.clone()).await.keys(Arc::new(keys))
        };
        let opens = async |at: usize| {
            let (note, customer, text) = &sealed[at];
            let subject = SubjectId::new((*customer).to_owned()).unwrap();
            let key = keys.opening(&tenant(), &subject, Purpose::Seal).await?;
            let place = RowContext::new(&key, tenant(), RowKey::text(note).unwrap());
            let text = SealedText::<String>::from_text(text.clone());
            Ok::<_, SubjectKeyError>(cipher.open_text(&place.subject(subject), &text).unwrap())
        };
        let desk = &scene.world.desk;
        let request = privacy_rights::NewRequest::new(privacy_rights::Right::Erasure, ann());
        let id = desk.receive(request, clerk()).await.unwrap();
        desk.vouch_identity(id, "session", clerk()).await.unwrap();
        let plan = eraser().await.preview(id, GROUND).await.unwrap();
        eraser().await.propose(&plan, clerk()).await.unwrap();
        desk.approve(id, plan.digest(), None, clerk()).await.unwrap();
        eraser().await.begin(id, GROUND, clerk()).await.unwrap();
        // What a law keeps may be sealed under the same keys.
        assert_eq!(eraser().await.run(id).await.unwrap(), ErasureState::Deferred);
        assert!(!scene.part_one(id).await.keys_destroyed);
        assert_eq!(opens(0).await.unwrap(), "CANARY of 1");
        scene.world.clock.set(crate::at("2031-05-02"));
        assert_eq!(eraser().await.sweep().await.unwrap(), [(id, ErasureState::Done)]);
        let part = scene.part_one(id).await;
        assert!(part.keys_destroyed && part.deferred == 0);
        let strategies = part.erased.iter().find(|one| one.source == "notes").unwrap();
        assert_eq!(strategies.strategies["its key destroyed"], 1);
        // The rows stand, and nobody can read them.
        assert_eq!(rows(pool, r#"SELECT "Body" FROM "Note" ORDER BY "NoteId""#).await.len(), 3);
        for at in [0, 1] {
            let gone = opens(at).await;
            assert!(matches!(gone, Err(SubjectKeyError::Destroyed { .. })), "{gone:?}");
        }
        assert_eq!(opens(2).await.unwrap(), "CANARY of 2");
    }

    async fn what_a_hold_keeps_in_the_journal_is_deferred(db) {
        // The keys are in the same database: in SQLite whoever writes writes alone.
        let world = world_of(&db, |options, keys| {
            options.private_fields(SubjectKeySealer::new(Arc::clone(keys)).unwrap())
        });
        let scene = scene_in(world.await).await;
        recorded(&scene.world, "2").await;
        let id = scene.begun_of(bob()).await;
        let eraser = scene.eraser().await;
        eraser.advance(id).await.unwrap();
        let document = Target::new("document", "b");
        let hold = HoldOrder::on_target("acme", &document, "hold-1", "2026-C-114", clerk());
        scene.world.journal.place_hold(&hold).await.unwrap();
        assert_eq!(eraser.run(id).await.unwrap(), ErasureState::Deferred);
        assert_eq!(fields(&scene.world, 1..4).await, [1, 2, 1]);
        assert_eq!(scene.state(id).await, RequestState::PartiallyCompleted);
        let part = scene.part_one(id).await;
        assert_eq!((part.journal_entries, part.deferred), (2, 1));
        let kept: Vec<_> =
            part.kept.iter().map(|kept| (&*kept.source, &*kept.ground, kept.records)).collect();
        assert_eq!(kept, [("journal", "legal hold", 1)]);
        assert_eq!(part.kept[0].until, Until::HoldReleased("hold-1".into()));
        assert!(part.keys_destroyed, "no record of the host's is kept");
        // Nothing is due while it stands.
        assert_eq!(scene.eraser().await.sweep().await.unwrap(), []);
        scene.world.journal.release_hold("acme", "hold-1", clerk()).await.unwrap();
        assert_eq!(scene.eraser().await.sweep().await.unwrap(), [(id, ErasureState::Done)]);
        assert_eq!(fields(&scene.world, 1..4).await, [1, 1, 1]);
        let part = scene.part_one(id).await;
        assert_eq!((part.journal_entries, part.deferred, part.kept.len()), (3, 0, 0));
        assert_eq!(scene.state(id).await, RequestState::Completed);
        assert_eq!(scene.eraser().await.sweep().await.unwrap(), []);
        scene.world.verified().await;
    }

    async fn a_hold_on_somebody_whom_the_journal_has_not_met_keeps_everything(db) {
        let scene = scene(&db).await;
        let id = scene.begun_of(bob()).await;
        let before = rows(&scene.shop.pool, LEFT).await;
        let hold = HoldOrder::on_subject("acme", "2", "hold-1", "2026-C-114", clerk());
        scene.world.journal.place_hold(&hold).await.unwrap();
        // The journal forgets whose pseudonym it is before the root is erased.
        assert_eq!(scene.eraser().await.run(id).await.unwrap(), ErasureState::Deferred);
        assert_eq!(rows(&scene.shop.pool, LEFT).await, before);
        assert_eq!(scene.eraser().await.sweep().await.unwrap(), []);
        assert_eq!(rows(&scene.shop.pool, LEFT).await, before);
        assert!(scene.calls.lock().unwrap().iter().all(|call| call != "keys"));
        scene.world.journal.release_hold("acme", "hold-1", clerk()).await.unwrap();
        assert_eq!(scene.eraser().await.sweep().await.unwrap(), [(id, ErasureState::Done)]);
        let left = rows(&scene.shop.pool, LEFT).await;
        assert!(left.contains(&"c2 erased".to_owned()), "{left:?}");
    }

    async fn what_is_recorded_about_them_meanwhile_goes_too(db) {
        let scene = scene(&db).await;
        recorded(&scene.world, "2").await;
        let id = scene.begun_of(bob()).await;
        let eraser = scene.eraser().await;
        loop {
            let step = eraser.advance(id).await.unwrap();
            let privacy_rights::Progress::Step { kind, .. } = step else { panic!("{step:?}") };
            if kind == StepKind::Keys {
                break;
            }
        }
        let late = scene.world.journal.append(&shop_chain(), about("2", "d")).await.unwrap();
        assert_eq!(eraser.run(id).await.unwrap(), ErasureState::Done);
        assert_eq!(fields(&scene.world, [1, late.seq]).await, [1, 1]);
        let part = scene.part_one(id).await;
        assert_eq!((part.journal_entries, part.left.records), (4, 0));
        // Who comes back is somebody new.
        let back = scene.world.journal.append(&shop_chain(), about("2", "e")).await.unwrap();
        assert_eq!(eraser.sweep().await.unwrap(), []);
        assert_eq!(fields(&scene.world, [back.seq]).await, [2]);
    }
}
