//! Legal holds of a journal, while records are erased.

use std::sync::Arc;

use audit_core::{Actor, ChainId, Event, JournalName, SigningKey, Target};
use audit_store::{Erasure, HoldOrder, Journal, JournalOptions, PgJournal, SqliteJournal};
use object_store::{ObjectStore, ObjectStoreExt as _, PutPayload, memory::InMemory, path::Path};
use privacy_rights::{
    Backend, ErasureStrategy, HoldPermit, Item, Link, ObjectSource, PersonalDataSource as _,
    Reason, Retention, SourceDeclaration, SourceError, Storage, Until, apply_all,
};
use sqlx::{Executor, Pool};
use test_support::{TestDatabase, TestPg, TestSqlite};

use crate::support::run;
use crate::world::{World, ann, erase_under, keys, person, step, world};

/// What each kind of database needs for a journal in a pool of the host's.
trait Home: TestDatabase<Db: Backend> {
    async fn journal(pool: Pool<Self::Db>, options: &JournalOptions) -> Journal<Self::Db>;
}

impl Home for TestSqlite {
    async fn journal(pool: Pool<Self::Db>, options: &JournalOptions) -> SqliteJournal {
        SqliteJournal::create_in_pool(pool, options).await.unwrap()
    }
}

impl Home for TestPg {
    async fn journal(pool: Pool<Self::Db>, options: &JournalOptions) -> PgJournal {
        PgJournal::create_in_pool(pool, options).await.unwrap()
    }
}

fn clerk() -> Actor {
    Actor::user("usr_7")
}

async fn journal<T: Home>(pool: &Pool<T::Db>) -> Journal<T::Db> {
    let key = SigningKey::from_seed("audit.example.com", &[7; 32]).unwrap();
    let name = JournalName::new("audit.example.com").unwrap();
    let journal = T::journal(pool.clone(), &JournalOptions::new(name).signer(key)).await;
    let chain = ChainId::new("acme", "default").unwrap();
    journal.create_chain(&chain).await.unwrap();
    let login = Event::builder("user.login", clerk()).private("ann", "/context/ip", "192.0.2.7");
    journal.append(&chain, login.build().unwrap()).await.unwrap();
    journal
}

async fn journaled<T: Home>(db: &T) -> (World<T::Db>, Journal<T::Db>)
where
    for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
{
    let world = world(db).await;
    let journal = journal::<T>(&world.pool).await;
    (world, journal)
}

fn on(target: Target, hold: &str) -> HoldOrder {
    HoldOrder::on_target("acme", &target, hold, "file 12/26", clerk())
}

fn on_ann(hold: &str) -> HoldOrder {
    HoldOrder::on_subject("acme", "ann", hold, "file 12/26", clerk())
}

fn reason(hold: &str) -> Reason {
    Reason::new("legal hold", Until::HoldReleased(hold.into()))
}

macro_rules! behaviours {
    ($(async fn $name:ident($db:ident) $body:block)+) => {
        $(
            async fn $name<T: Home>($db: T)
            where
                for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
            $body
        )+
        test_support::both_databases!($($name),+);
    };
}

behaviours! {
    async fn one_record_is_held_and_the_rest_goes(db) {
        let (world, journal) = journaled(&db).await;
        journal.place_hold(&on(Target::new("line", "3"), "case-1")).await.unwrap();
        journal.place_hold(&on(Target::new("line", "3"), "case-2")).await.unwrap();
        journal.place_hold(&on(Target::new("invoice", "1"), "case-3")).await.unwrap();
        let permit = HoldPermit::new(journal.clone(), "acme").records_of("invoice_lines", "line");
        let (changed, kept) = erase_under(&*world.lines, &ann(), &step(), &permit).await;
        assert_eq!(changed, 3);
        assert_eq!(kept[0].item, Item::new("invoice_lines", "3"));
        assert_eq!(kept[0].reasons, [reason("case-1"), reason("case-2")]);
        // The others are kept by a law; of another tenant's holds nothing is known.
        assert_eq!(keys(&*world.lines, ann()).await, ["3", "5", "6", "7"]);
        journal.release_hold("acme", "case-1", clerk()).await.unwrap();
        assert_eq!(erase_under(&*world.lines, &ann(), &step(), &permit).await.0, 0);
        journal.release_hold("acme", "case-2", clerk()).await.unwrap();
        assert_eq!(erase_under(&*world.lines, &ann(), &step(), &permit).await.0, 1);
    }

    async fn a_person_is_held_by_any_name(db) {
        let (world, journal) = journaled(&db).await;
        let permit = || HoldPermit::new(journal.clone(), "acme");
        let customer = Target::new("customer", "1");
        for (order, permit) in [
            (on_ann("case-1"), permit().subject("an old account").subject("ann")),
            (on(customer.clone(), "case-1"), permit().target(customer)),
        ] {
            journal.place_hold(&order).await.unwrap();
            let (changed, kept) = erase_under(&*world.lines, &ann(), &step(), &permit).await;
            assert_eq!((changed, kept.len()), (0, 7));
            assert!(kept.iter().all(|kept| kept.reasons.contains(&reason("case-1"))));
            // Somebody else is not.
            let bob = HoldPermit::new(journal.clone(), "acme")
                .subject("bob").target(Target::new("customer", "2"));
            let customers = &*world.customers;
            let (_, kept) = erase_under(customers, &person("customer_id", "2"), &step(), &bob).await;
            assert_eq!(kept, []);
            journal.release_hold("acme", "case-1", clerk()).await.unwrap();
        }
        assert_eq!(erase_under(&*world.lines, &ann(), &step(), &permit().subject("ann")).await.0, 4);
    }

    async fn a_hold_outlives_the_persons_name(db) {
        let (world, journal) = journaled(&db).await;
        journal.place_hold(&on_ann("case-1")).await.unwrap();
        let erasure = Erasure::new("acme", "ann", clerk(), "gdpr-17-1-b", "req-1");
        let subject = journal.erase_subject(&erasure).await.unwrap().subject;
        let permit = HoldPermit::new(journal.clone(), "acme").subject_ref(subject);
        assert_eq!(erase_under(&*world.lines, &ann(), &step(), &permit).await.0, 0);
        journal.release_hold("acme", "case-1", clerk()).await.unwrap();
        assert_eq!(erase_under(&*world.lines, &ann(), &step(), &permit).await.0, 4);
    }

    async fn a_hold_that_is_placed_midway_is_honoured(db) {
        let (world, journal) = journaled(&db).await;
        let more: Vec<String> = (100..1700).map(|id| format!("({id}, 1, 1, 1)")).collect();
        run(&world.pool, &format!(r#"INSERT INTO "InvoiceLine" VALUES {}"#, more.join(","))).await;
        let permit = HoldPermit::new(journal.clone(), "acme").subject("ann");
        let (mut kept, mut batches) = (0, 0);
        let changed = apply_all(&*world.lines, &ann(), &step(), &permit, |applied| {
            batches += 1;
            kept += applied.kept.len();
            if batches == 1 {
                // After the first batch was committed, and before the next has begun.
                let order = on_ann("case-1");
                let place = journal.place_hold(&order);
                let runtime = tokio::runtime::Handle::current();
                tokio::task::block_in_place(|| runtime.block_on(place)).unwrap();
            }
        }).await.unwrap();
        // 1607 lines, of which 497 of the first 500 go; then nothing.
        assert_eq!((batches, changed, kept), (4, 497, 1110));
        assert_eq!(keys(&*world.lines, ann()).await.len(), 1110);
    }

    async fn while_a_batch_is_erased_no_hold_is_placed(db) {
        let (world, journal) = journaled(&db).await;
        let permit = HoldPermit::new(journal.clone(), "acme").subject("ann");
        let wait = std::time::Duration::from_millis(300);
        let placed = Arc::new(tokio::sync::Mutex::new(None));
        let asked = Racing { permit, journal: journal.clone(), placed: Arc::clone(&placed), wait };
        let (changed, _) = erase_under(&*world.lines, &ann(), &step(), &asked).await;
        assert_eq!(changed, 4);
        let placing = placed.lock().await.take().unwrap();
        placing.await.unwrap();
        assert_eq!(journal.holds("acme").await.unwrap().len(), 1);
    }

    async fn where_the_journal_is_not_nothing_is_erased(db) {
        let world = world(&db).await;
        let elsewhere = T::fresh().await;
        let journal = journal::<T>(&elsewhere.pool(4).await).await;
        let permit = HoldPermit::new(journal, "acme").subject("ann");
        let error = apply_all(&*world.lines, &ann(), &step(), &permit, |_| {}).await.unwrap_err();
        assert!(matches!(error, SourceError::Unavailable(_)), "{error}");
        assert_eq!(keys(&*world.lines, ann()).await.len(), 7);
    }

    async fn objects_are_held_too(db) {
        let (_world, journal) = journaled(&db).await;
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        for path in ["users/1/a.jpg", "users/1/b.jpg"] {
            store.put(&Path::from(path), PutPayload::from_static(b"bytes")).await.unwrap();
        }
        let storage = Storage::Objects { prefix: "users/{id}/".into() };
        let uploads = SourceDeclaration::new("uploads", storage)
            .linked(Link::column("id", "customer_id").unwrap())
            .located("BE".parse().unwrap(), "our own data centre")
            .kept(Retention::new("a year"))
            .erased_by(ErasureStrategy::Delete);
        let source = ObjectSource::new(uploads, store).unwrap();
        let upload = source.scan(&ann(), None, 1).await.unwrap().records.remove(0).key;
        journal.place_hold(&on(Target::new("upload", &upload), "case-1")).await.unwrap();
        let permit = HoldPermit::new(journal, "acme").records_of("uploads", "upload");
        let (changed, kept) = erase_under(&source, &ann(), &step(), &permit).await;
        assert_eq!((changed, kept.len()), (1, 1));
        assert_eq!(keys(&source, ann()).await, [upload]);
    }
}

/// Somebody begins to place a hold when the first record is asked about.
struct Racing<DB: Backend> {
    permit: HoldPermit<DB>,
    journal: Journal<DB>,
    placed: Arc<tokio::sync::Mutex<Option<tokio::task::JoinHandle<()>>>>,
    wait: std::time::Duration,
}

impl<DB: Backend> privacy_rights::Permit for Racing<DB> {
    fn begin<'a>(
        &'a self,
        conn: privacy_rights::Connection<'a>,
    ) -> privacy_rights::BoxFuture<'a, Result<(), SourceError>> {
        self.permit.begin(conn)
    }

    fn reasons<'a>(
        &'a self,
        conn: privacy_rights::Connection<'a>,
        item: &'a Item,
    ) -> privacy_rights::BoxFuture<'a, Result<Vec<Reason>, SourceError>> {
        Box::pin(async move {
            let mut placed = self.placed.lock().await;
            if placed.is_none() {
                let journal = self.journal.clone();
                let mut placing = tokio::spawn(async move {
                    journal.place_hold(&on_ann("case-1")).await.unwrap();
                });
                let early = tokio::time::timeout(self.wait, &mut placing).await;
                assert!(early.is_err(), "the hold was placed while records were being erased");
                *placed = Some(placing);
            }
            self.permit.reasons(conn, item).await
        })
    }
}
