//! The gate, on databases.

use privacy_rights::{
    Backend, Catalogue, CoverageError, DataMap, ErasureStrategy, Finding, Waiver, assert_covered,
};
use sqlx::{Executor, Pool};
use test_support::{TestDatabase, both_databases};

use crate::support::{SHOP, customers, invoice_lines, invoices, run, shop_map};

async fn shop<T: TestDatabase<Db: Backend>>(db: &T, more: &str) -> Pool<T::Db>
where
    for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
{
    let pool = db.pool(2).await;
    run(&pool, SHOP).await;
    run(&pool, more).await;
    pool
}

async fn findings<DB: Backend>(pool: &Pool<DB>, map: &DataMap) -> Vec<Finding> {
    match assert_covered(pool, map).await {
        Ok(()) => Vec::new(),
        Err(CoverageError::Findings { findings }) => findings,
        Err(error) => panic!("{error}"),
    }
}

/// The macro names its bounds only once.
macro_rules! behaviours {
    ($(async fn $name:ident($pool:ident: $more:expr) $body:block)+) => {
        $(
            async fn $name<T: TestDatabase<Db: Backend>>(db: T)
            where
                for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
            {
                let $pool = shop(&db, $more).await;
                $body
            }
        )+
        both_databases!($($name),+);
    };
}

behaviours! {
    async fn a_shop_that_is_declared_in_full_passes(pool: "") {
        assert_eq!(findings(&pool, &shop_map().build().unwrap()).await, []);
    }

    async fn a_table_that_links_to_a_customer_through_another_is_found(pool: r#"
        CREATE TABLE "Complaint" (
            "ComplaintId" INTEGER NOT NULL PRIMARY KEY,
            "AboutLine" INTEGER NOT NULL REFERENCES "InvoiceLine" ("InvoiceLineId"),
            "Text" VARCHAR(200)
        );
        CREATE TABLE "ComplaintPhoto" (
            "PhotoId" INTEGER NOT NULL PRIMARY KEY,
            "OfComplaint" INTEGER NOT NULL REFERENCES "Complaint" ("ComplaintId")
        )"#) {
        let map = shop_map().build().unwrap();
        let table = |table: &str, path: &[&str]| Finding::UndeclaredTable {
            table: table.into(),
            path: path.iter().map(|&step| step.to_owned()).collect(),
        };
        let complaint = table("Complaint", &["Complaint.AboutLine", "InvoiceLine"]);
        let photo = table(
            "ComplaintPhoto",
            &["ComplaintPhoto.OfComplaint", "Complaint.AboutLine", "InvoiceLine"],
        );
        let still = Finding::StillReferenced {
            deleted: "InvoiceLine".into(),
            by: "Complaint".into(),
            column: "AboutLine".into(),
        };
        assert_eq!(findings(&pool, &map).await, [complaint, photo.clone(), still.clone()]);
        let words = assert_covered(&pool, &map).await.unwrap_err().to_string();
        assert_eq!(
            words,
            "the data map and the database do not agree:\n\
             - Complaint is not declared and belongs to a person: \
             Complaint.AboutLine -> InvoiceLine\n\
             - ComplaintPhoto is not declared and belongs to a person: \
             ComplaintPhoto.OfComplaint -> Complaint.AboutLine -> InvoiceLine\n\
             - Complaint.AboutLine still names rows of InvoiceLine that are deleted"
        );
        // A waived table passes the link on.
        let waiver = Waiver::table("Complaint", "its text is about tracks only").unwrap();
        let map = shop_map().waive(waiver).build().unwrap();
        assert_eq!(findings(&pool, &map).await, [photo, still]);
    }

    async fn a_table_left_out_of_the_middle_is_found(pool: "") {
        let map = crate::support::empty_map()
            .source(customers()).source(invoices()).build().unwrap();
        let path = vec!["InvoiceLine.InvoiceId".to_owned(), "Invoice".to_owned()];
        let found = findings(&pool, &map).await;
        assert!(found.contains(&Finding::UndeclaredTable { table: "InvoiceLine".into(), path }));
    }

    async fn a_column_that_is_added_is_found(pool: r#"
        ALTER TABLE "Customer" ADD COLUMN "BirthDate" DATE"#) {
        let column = || Finding::UndeclaredColumn {
            table: "Customer".into(),
            column: "BirthDate".into(),
        };
        assert_eq!(findings(&pool, &shop_map().build().unwrap()).await, [column()]);
        let waiver = Waiver::column("Customer", "BirthDate", "empty, dropped next week").unwrap();
        let map = shop_map().waive(waiver).build().unwrap();
        assert_eq!(findings(&pool, &map).await, []);
    }

    async fn without_foreign_keys_names_are_telling(pool: r#"
        CREATE TABLE "Wishlist" ("Id" INTEGER PRIMARY KEY, "customer_id" INTEGER);
        CREATE TABLE "Newsletter" ("Id" INTEGER PRIMARY KEY, "email" VARCHAR(60));
        CREATE TABLE "NewsletterClick" (
            "Id" INTEGER PRIMARY KEY, "Reader" INTEGER REFERENCES "Newsletter" ("Id"));
        CREATE TABLE "Genre" ("Id" INTEGER PRIMARY KEY, "Name" VARCHAR(60))"#) {
        let found = findings(&pool, &shop_map().build().unwrap()).await;
        let mut tables: Vec<_> = found.iter().map(|finding| match finding {
            Finding::UndeclaredTable { table, .. } => table.as_str(),
            other => panic!("{other}"),
        }).collect();
        tables.sort_unstable();
        assert_eq!(tables, ["Newsletter", "NewsletterClick", "Wishlist"]);
        let words: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert!(words.iter().any(|words| words.ends_with("Wishlist.customer_id -> Customer (by its name)")));
    }

    async fn what_is_declared_and_not_there(pool: r#"DROP TABLE "InvoiceLine""#) {
        let renamed = customers().field(privacy_rights::Field::new("Fax", "contact", "Your fax."));
        let map = crate::support::empty_map()
            .source(renamed).source(invoices()).source(invoice_lines()).build().unwrap();
        assert_eq!(findings(&pool, &map).await, [
            Finding::MissingTable { table: "InvoiceLine".into() },
            Finding::MissingColumn { table: "Customer".into(), column: "Fax".into() },
        ]);
    }

    async fn waivers_that_waive_nothing(pool: "") {
        let waive = |table: &str, column: Option<&str>| match column {
            None => Waiver::table(table, "why").unwrap(),
            Some(column) => Waiver::column(table, column, "why").unwrap(),
        };
        let map = shop_map()
            .waive(waive("Nowhere", None))
            .waive(waive("Customer", None))
            .waive(waive("Customer", Some("Email")))
            .waive(waive("Customer", Some("Shoe")))
            .waive(waive("Track", None))
            .build().unwrap();
        let unused = |table: &str, column: Option<&str>| Finding::UnusedWaiver {
            table: table.into(),
            column: column.map(ToOwned::to_owned),
        };
        assert_eq!(findings(&pool, &map).await, [
            unused("Nowhere", None),
            unused("Customer", None),
            unused("Customer", Some("Email")),
            unused("Customer", Some("Shoe")),
        ]);
    }

    async fn strategies_against_constraints(pool: r#"
        CREATE UNIQUE INDEX one_name ON "Customer" ("FirstName", "LastName")"#) {
        let map = crate::support::empty_map()
            .source(customers().field(
                privacy_rights::Field::new("CustomerId", "identity", "Your number."),
            ))
            .source(invoices().kept(privacy_rights::Retention::new("no law")))
            .source(invoice_lines().erased_by(ErasureStrategy::Null))
            .build().unwrap();
        let found = findings(&pool, &map).await;
        let place = |table: &str, column: &str| (table.to_owned(), column.to_owned());
        let null = |name, column| {
            let (table, column) = place(name, column);
            Finding::NullForbidden { table, column }
        };
        let (table, column) = place("Customer", "CustomerId");
        let (deleted, by) = ("Invoice".to_owned(), "InvoiceLine".to_owned());
        assert_eq!(found, [
            Finding::KeyChanged { table, column },
            Finding::UniqueRepeated {
                table: "Customer".into(),
                columns: vec!["FirstName".into(), "LastName".into()],
            },
            Finding::StillReferenced { deleted, by, column: "InvoiceId".into() },
            null("InvoiceLine", "TrackId"),
            null("InvoiceLine", "Quantity"),
        ]);
    }

    async fn the_customer_cannot_go_before_the_invoices_that_a_law_keeps(pool: "") {
        let mut gone = privacy_rights::SourceDeclaration::new(
            "customers",
            privacy_rights::Storage::table("Customer", "CustomerId").unwrap(),
        )
        .linked(crate::support::by_customer())
        .located(crate::support::belgium(), "here")
        .purpose("sale")
        .kept(privacy_rights::Retention::new("as long as there is an account"))
        .erased_by(ErasureStrategy::Delete);
        for name in ["FirstName", "LastName", "Phone", "Email", "Password", "SupportRepId"] {
            gone = gone.field(privacy_rights::Field::new(name, "contact", "About you."));
        }
        let map = crate::support::empty_map()
            .source(gone).source(invoices()).source(invoice_lines()).build().unwrap();
        assert_eq!(findings(&pool, &map).await, [Finding::StillReferenced {
            deleted: "Customer".into(),
            by: "Invoice".into(),
            column: "CustomerId".into(),
        }]);
    }

    async fn keys_of_several_columns(pool: r#"
        CREATE TABLE "Seat" (
            "Row" INTEGER NOT NULL, "Place" INTEGER NOT NULL,
            "CustomerId" INTEGER REFERENCES "Customer" ("CustomerId") ON DELETE CASCADE,
            PRIMARY KEY ("Row", "Place"));
        CREATE TABLE "Coat" (
            "Id" INTEGER PRIMARY KEY, "R" INTEGER, "P" INTEGER,
            FOREIGN KEY ("R", "P") REFERENCES "Seat" ("Row", "Place") ON DELETE SET NULL)"#) {
        let map = shop_map().build().unwrap();
        let found = findings(&pool, &map).await;
        let path = ["Coat.R+P", "Seat.CustomerId", "Customer"].map(ToOwned::to_owned).to_vec();
        assert!(found.contains(&Finding::UndeclaredTable { table: "Coat".into(), path }), "{found:?}");
        // What is read from either database is the same, but for what they call an index.
        let read = Catalogue::read(&pool).await.unwrap();
        let again = Catalogue::read(&pool).await.unwrap();
        assert_eq!(read, again);
    }
}

#[test]
fn postgres_keeps_schemas_apart() {
    test_support::run::<test_support::TestPg, _>(|db: test_support::TestPg| async move {
        let pool = shop(
            &db,
            r#"CREATE SCHEMA crm;
               CREATE TABLE crm.note (id INTEGER PRIMARY KEY,
                   about INTEGER REFERENCES "Customer" ("CustomerId"));
               CREATE TABLE crm.part (id INTEGER, customer_id INTEGER, about INTEGER REFERENCES crm.note (id))
                   PARTITION BY RANGE (id);
               CREATE TABLE crm.part_1 PARTITION OF crm.part FOR VALUES FROM (0) TO (10)"#,
        )
        .await;
        let found = findings(&pool, &shop_map().build().unwrap()).await;
        let mut tables: Vec<_> = found.iter().map(ToString::to_string).collect();
        tables.sort_unstable();
        assert_eq!(
            tables,
            [
                "crm.note is not declared and belongs to a person: crm.note.about -> Customer",
                "crm.part is not declared and belongs to a person: \
                 crm.part.about -> crm.note.about -> Customer",
            ]
        );
    });
}
