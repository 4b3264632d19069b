//! Erasing what is a person's.

use privacy_rights::{
    BoxFuture, Connection, ErasureStrategy, Field, Item, Permit, PersonalDataSource, Reason,
    SourceError, SqlSource, Step, Until, apply_all,
};
use uuid::Uuid;

use crate::behaviours;
use crate::support::{customers, run};
use crate::world::{ann, day, erase, erase_under, keys, person, remaining, rows, step, world};

const CUSTOMERS: &str = r#"SELECT "FirstName" || '/' || "LastName" || '/' || COALESCE("Phone", '-')
    || '/' || COALESCE("Password", '-') || '/' || CASE WHEN "SupportRepId" IS NULL THEN '-' ELSE 'x' END
    FROM "Customer" ORDER BY "CustomerId""#;
const EMAILS: &str = r#"SELECT "Email" FROM "Customer" ORDER BY "CustomerId""#;

/// Keeps one record.
struct Held(&'static str);

impl Permit for Held {
    fn reasons<'a>(
        &'a self,
        _conn: Connection<'a>,
        item: &'a Item,
    ) -> BoxFuture<'a, Result<Vec<Reason>, SourceError>> {
        let held = item.key == self.0;
        Box::pin(async move {
            let reason = Reason::new("litigation", Until::HoldReleased("hold-1".into()));
            Ok(if held { vec![reason] } else { Vec::new() })
        })
    }
}

/// Fails at one record.
struct Fails(&'static str);

impl Permit for Fails {
    fn reasons<'a>(
        &'a self,
        _conn: Connection<'a>,
        item: &'a Item,
    ) -> BoxFuture<'a, Result<Vec<Reason>, SourceError>> {
        let fails = item.key == self.0;
        Box::pin(async move {
            if fails { Err(SourceError::Unavailable("no answer".into())) } else { Ok(Vec::new()) }
        })
    }
}

/// Counts the lines that the transaction still sees.
#[derive(Default)]
struct Counts(std::sync::Mutex<Vec<i64>>);

impl Permit for Counts {
    fn reasons<'a>(
        &'a self,
        conn: Connection<'a>,
        _item: &'a Item,
    ) -> BoxFuture<'a, Result<Vec<Reason>, SourceError>> {
        const SQL: &str = r#"SELECT count(*) FROM "InvoiceLine""#;
        Box::pin(async move {
            let count: i64 = match conn {
                Connection::Sqlite(conn) => sqlx::query_scalar(SQL).fetch_one(conn).await?,
                Connection::Postgres(conn) => sqlx::query_scalar(SQL).fetch_one(conn).await?,
                other => panic!("{other:?}"),
            };
            self.0.lock().unwrap().push(count);
            Ok(Vec::new())
        })
    }
}

behaviours! {
    async fn each_field_by_its_strategy_and_nobody_else(db) {
        let world = world(&db).await;
        let source = &*world.customers;
        assert_eq!(remaining(source, &ann()).await.records, 1);
        let (changed, kept) = erase(source, &ann(), &step()).await;
        assert_eq!((changed, kept.len()), (1, 0));
        assert_eq!(rows(&world.pool, CUSTOMERS).await, [
            "erased/erased/-/-/-",
            "Bob/CANARY-Two/-/hash-of-bob/x",
            "Cat/CANARY-Three/+32 3/-/-",
        ]);
        let emails = rows(&world.pool, EMAILS).await;
        assert!(emails[0].starts_with("anon-") && emails[0].len() == 37, "{}", emails[0]);
        assert_eq!(emails[1..], ["bob@example.com", "cat@example.com"]);
        assert_eq!(remaining(source, &ann()).await, privacy_rights::Remaining::new(0, 0));
        // The row still belongs to the person, but identifies nobody.
        assert_eq!(source.resolve(&ann()).await.unwrap().len(), 1);
        assert!(keys(source, person("email", "ann@example.com")).await.is_empty());
    }

    async fn the_same_step_again_changes_nothing(db) {
        let world = world(&db).await;
        let source = &*world.customers;
        erase(source, &ann(), &step()).await;
        let before = rows(&world.pool, EMAILS).await;
        for again in [step(), Step::new(Uuid::from_u128(8), day("2026-05-02"))] {
            assert_eq!(erase(source, &ann(), &again).await.0, 0);
            assert_eq!(rows(&world.pool, EMAILS).await, before);
        }
        // Somebody writes to the row again: what they wrote goes, what was anonymised stays.
        run(&world.pool, r#"UPDATE "Customer" SET "Phone" = '+32 2' WHERE "CustomerId" = 1"#).await;
        assert_eq!(remaining(source, &ann()).await.records, 1);
        let other = Step::new(Uuid::from_u128(9), day("2026-05-03"));
        assert_eq!(erase(source, &ann(), &other).await.0, 1);
        assert_eq!(rows(&world.pool, EMAILS).await, before);
    }

    async fn tokens_are_unique_and_of_nothing_that_was_there(db) {
        let world = world(&db).await;
        run(&world.pool, r#"CREATE UNIQUE INDEX one_email ON "Customer" ("Email")"#).await;
        let both = ann().and(privacy_rights::Identifier::new("customer_id", "2").unwrap()).unwrap();
        assert_eq!(erase(&*world.customers, &both, &step()).await.0, 2);
        let emails = rows(&world.pool, EMAILS).await;
        assert_ne!(emails[0], emails[1]);
        // The same person again, under another step, is another token.
        run(&world.pool, r#"UPDATE "Customer" SET "Email" = 'ann@example.com'
             WHERE "CustomerId" = 1"#).await;
        let other = Step::new(Uuid::from_u128(9), day("2026-05-03"));
        erase(&*world.customers, &ann(), &other).await;
        assert_ne!(rows(&world.pool, EMAILS).await[0], emails[0]);
    }

    async fn what_a_law_keeps_is_kept_row_by_row(db) {
        let world = world(&db).await;
        // 84 months before 1 May 2026 is 1 May 2019: the invoices of 2021 and 2024 stay.
        let (changed, kept) = erase(&*world.lines, &ann(), &step()).await;
        assert_eq!((changed, kept.len()), (4, 3));
        let (changed, kept) = erase(&*world.invoices, &ann(), &step()).await;
        assert_eq!(changed, 2);
        let law = |until| Reason::new("Belgian VAT Code Art. 60", Until::Date(day(until)));
        let kept: Vec<_> = kept.into_iter().map(|kept| {
            assert!(kept.fields.is_empty());
            (kept.item, kept.reasons)
        }).collect();
        assert_eq!(kept, [
            (Item::new("invoices", "3"), vec![law("2028-05-01")]),
            (Item::new("invoices", "4"), vec![law("2031-05-01")]),
        ]);
        assert_eq!(keys(&*world.invoices, ann()).await, ["3", "4"]);
        assert_eq!(keys(&*world.lines, ann()).await, ["5", "6", "7"]);
        let left = remaining(&*world.invoices, &ann()).await;
        assert_eq!(left, privacy_rights::Remaining::new(2, 2));
        assert!(left.is_explained());
        assert_eq!(remaining(&*world.lines, &ann()).await, privacy_rights::Remaining::new(3, 3));
        assert_eq!(keys(&*world.invoices, person("customer_id", "3")).await, ["5"]);
    }

    async fn a_law_keeps_through_the_last_day(db) {
        let world = world(&db).await;
        let on = |date| Step::new(Uuid::from_u128(7), day(date));
        let left = |date| {
            let step = on(date);
            let invoices = std::sync::Arc::clone(&world.invoices);
            async move { invoices.remaining(&ann(), &step).await.unwrap().kept_by_law }
        };
        assert_eq!((left("2028-05-01").await, left("2028-05-02").await), (2, 1));
        erase(&*world.lines, &ann(), &on("2028-05-01")).await;
        erase(&*world.invoices, &ann(), &on("2028-05-01")).await;
        assert_eq!(keys(&*world.invoices, ann()).await, ["3", "4"]);
        erase(&*world.lines, &ann(), &on("2028-05-02")).await;
        erase(&*world.invoices, &ann(), &on("2028-05-02")).await;
        assert_eq!(keys(&*world.invoices, ann()).await, ["4"]);
    }

    async fn without_its_date_a_record_is_kept(db) {
        let world = world(&db).await;
        let since = privacy_rights::SqlName::column("Phone").unwrap();
        let declaration = customers().kept(
            privacy_rights::Retention::new("x")
                .demanded_by("some law", privacy_rights::Period::Months(1), since),
        );
        let source = SqlSource::new(world.pool.clone(), declaration).await.unwrap();
        let (changed, kept) = erase(&source, &ann(), &step()).await;
        assert_eq!((changed, kept.len()), (0, 1));
        assert_eq!(kept[0].reasons, [Reason::new("some law", Until::Unknown)]);
    }

    async fn one_field_is_kept_and_the_rest_goes(db) {
        let world = world(&db).await;
        run(&world.pool, r#"ALTER TABLE "Customer" ADD COLUMN "Since" DATE"#).await;
        run(&world.pool, r#"UPDATE "Customer" SET "Since" = '2025-01-01'"#).await;
        let since = privacy_rights::SqlName::column("Since").unwrap();
        let law = privacy_rights::Retention::new("2 years")
            .demanded_by("some law", privacy_rights::Period::Months(24), since);
        let kept_phone = Field::new("Since", "contact", "Since when.")
            .erased_by(ErasureStrategy::Null)
            .kept(law);
        let source = SqlSource::new(world.pool.clone(), customers().field(kept_phone)).await.unwrap();
        for changed in [1, 0] {
            let (found, kept) = erase(&source, &ann(), &step()).await;
            assert_eq!(found, changed);
            assert_eq!(kept.len(), 1);
            assert_eq!(kept[0].reasons, [Reason::new("some law", Until::Date(day("2027-01-01")))]);
        }
        assert_eq!(rows(&world.pool, CUSTOMERS).await[0], "erased/erased/-/-/-");
        assert_eq!(source.remaining(&ann(), &step()).await.unwrap(),
            privacy_rights::Remaining::new(1, 1));
        // Something else comes back: that is not explained by the law.
        run(&world.pool, r#"UPDATE "Customer" SET "Phone" = '+32 2' WHERE "CustomerId" = 1"#).await;
        assert_eq!(source.remaining(&ann(), &step()).await.unwrap(),
            privacy_rights::Remaining::new(1, 0));
    }

    async fn of_two_laws_one_is_over(db) {
        let world = world(&db).await;
        let kept = |months| {
            let since = privacy_rights::SqlName::column("InvoiceDate").unwrap();
            let period = privacy_rights::Period::Months(months);
            privacy_rights::Retention::new("x").demanded_by("some law", period, since)
        };
        let field = |name: &str, months| {
            Field::new(name, "x", "y").kept(kept(months)).erased_by(ErasureStrategy::Null)
        };
        let declaration = privacy_rights::SourceDeclaration::new(
            "invoices",
            privacy_rights::Storage::table("Invoice", "InvoiceId").unwrap(),
        )
        .linked(crate::support::by_customer())
        .field(field("BillingAddress", 12));
        run(&world.pool, r#"ALTER TABLE "Invoice" ADD COLUMN "Note" VARCHAR(20)"#).await;
        run(&world.pool, r#"UPDATE "Invoice" SET "Note" = 'x'"#).await;
        let source = SqlSource::new(world.pool.clone(), declaration.field(field("Note", 600)));
        let source = source.await.unwrap();
        // The note is kept for 50 years, the address of no invoice any more.
        let left = |records, kept| privacy_rights::Remaining::new(records, kept);
        assert_eq!(source.remaining(&ann(), &step()).await.unwrap(), left(4, 0));
        let (changed, kept) = erase(&source, &ann(), &step()).await;
        assert_eq!((changed, kept.len()), (4, 4));
        assert_eq!(kept[0].fields, ["Note"]);
        assert_eq!(source.remaining(&ann(), &step()).await.unwrap(), left(4, 4));
    }

    async fn a_hold_keeps_one_record_and_not_the_account(db) {
        let world = world(&db).await;
        let (changed, kept) = erase_under(&*world.lines, &ann(), &step(), &Held("3")).await;
        assert_eq!(changed, 3);
        let held: Vec<_> = kept.iter().filter(|kept| kept.item.key == "3").collect();
        assert_eq!(held[0].reasons, [Reason::new("litigation", Until::HoldReleased("hold-1".into()))]);
        assert_eq!(keys(&*world.lines, ann()).await, ["3", "5", "6", "7"]);
        // Held and kept by a law: both speak.
        let (_, kept) = erase_under(&*world.lines, &ann(), &step(), &Held("5")).await;
        let held: Vec<_> = kept.iter().filter(|kept| kept.item.key == "5").collect();
        assert_eq!(held[0].reasons.len(), 2);
        // The line that was held is erased when the hold is gone.
        assert_eq!(keys(&*world.lines, ann()).await, ["5", "6", "7"]);
    }

    async fn whoever_is_asked_is_asked_inside_the_transaction(db) {
        let world = world(&db).await;
        let counts = Counts::default();
        erase_under(&*world.lines, &ann(), &step(), &counts).await;
        assert_eq!(*counts.0.lock().unwrap(), [8, 7, 6, 5, 4, 4, 4]);
    }

    async fn a_failure_takes_its_batch_back_and_the_step_goes_on(db) {
        let world = world(&db).await;
        let first = world.lines.apply(&ann(), &step(), &Fails("4"), None, 2).await.unwrap();
        assert_eq!(first.changed, 2);
        let after = first.next.as_ref();
        let failed = world.lines.apply(&ann(), &step(), &Fails("4"), after, 2).await;
        assert!(matches!(failed, Err(SourceError::Unavailable(_))));
        assert_eq!(keys(&*world.lines, ann()).await, ["3", "4", "5", "6", "7"]);
        let (changed, _) = erase(&*world.lines, &ann(), &step()).await;
        assert_eq!(changed, 2);
        assert_eq!(keys(&*world.lines, ann()).await, ["5", "6", "7"]);
    }

    async fn a_mask_is_a_value_and_no_statement(db) {
        let world = world(&db).await;
        let mask = ErasureStrategy::Mask("'); DROP".into());
        let declaration = privacy_rights::SourceDeclaration::new(
            "customers",
            privacy_rights::Storage::table("Customer", "CustomerId").unwrap(),
        )
        .linked(crate::support::by_customer())
        .kept(privacy_rights::Retention::new("x"))
        .field(Field::new("FirstName", "identity", "Your name.").erased_by(mask))
        .field(Field::new("Password", "credential", "Sealed.").erased_by(ErasureStrategy::Shred));
        let source = SqlSource::new(world.pool.clone(), declaration).await.unwrap();
        assert_eq!(erase(&source, &ann(), &step()).await.0, 1);
        let names = rows(&world.pool, CUSTOMERS).await;
        assert_eq!(names[0], "'); DROP/CANARY-One/+32 1/hash-of-ann/x");
        assert_eq!(source.remaining(&ann(), &step()).await.unwrap().records, 0);
    }

    async fn many_records_in_many_batches(db) {
        let world = world(&db).await;
        let more: Vec<String> = (100..1700).map(|id| format!("({id}, 1, 1, 1)")).collect();
        run(&world.pool, &format!(r#"INSERT INTO "InvoiceLine" VALUES {}"#, more.join(","))).await;
        let mut batches = 0;
        let changed = apply_all(&*world.lines, &ann(), &step(), &privacy_rights::NothingIsHeld,
            |_| batches += 1).await.unwrap();
        assert_eq!((changed, batches), (1604, 4));
        assert_eq!(keys(&*world.lines, ann()).await, ["5", "6", "7"]);
    }
}
