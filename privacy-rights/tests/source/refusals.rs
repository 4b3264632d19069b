//! Declarations that a database cannot carry out.

use privacy_rights::{
    ErasureStrategy, Field, Link, Period, Retention, SourceDeclaration, SqlName, SqlSource,
    SqlSourceError, Storage,
};

use crate::behaviours;
use crate::support::{by_customer, customers, invoices};
use crate::world::world;

fn bare(table: &str, key: &str) -> SourceDeclaration {
    SourceDeclaration::new("x", Storage::table(table, key).unwrap())
        .linked(by_customer())
        .kept(Retention::new("x"))
        .erased_by(ErasureStrategy::Null)
}

behaviours! {
    async fn every_name_is_one_of_the_catalogue(db) {
        let world = world(&db).await;
        let through = |column: &str, table: &str, key: &str| {
            Link::through(column, table, key, by_customer()).unwrap()
        };
        for (declaration, missing) in [
            (bare("Nowhere", "Id"), "Nowhere.Id"),
            (bare("Customer", "Id"), "Customer.Id"),
            (bare("Track", "TrackId"), "Track.CustomerId"),
            (bare("Customer", "CustomerId").field(Field::new("Fax", "x", "y")), "Customer.Fax"),
            (bare("Customer", "CustomerId").field(Field::new("a b", "x", "y")), "Customer.a b"),
            (
                bare("Customer", "CustomerId").linked(through("SupportRepId", "Boss", "Id")),
                "Boss.Id",
            ),
            (
                bare("Customer", "CustomerId")
                    .linked(through("SupportRepId", "Employee", "EmployeeId")),
                "Employee.CustomerId",
            ),
        ] {
            let error = SqlSource::new(world.pool.clone(), declaration).await.unwrap_err();
            assert!(matches!(&error, SqlSourceError::Missing { name } if name == missing), "{error}");
        }
        let other = SourceDeclaration::new("x", Storage::Other { name: "index".into() });
        let error = SqlSource::new(world.pool.clone(), other).await.unwrap_err();
        assert_eq!(error.to_string(), "the source \"x\" is no table");
    }

    async fn strategies_that_a_table_cannot_carry_out(db) {
        let world = world(&db).await;
        let field = |name: &str, strategy| {
            customers().field(Field::new(name, "x", "y").erased_by(strategy))
        };
        let since = || SqlName::column("InvoiceDate").unwrap();
        for (declaration, words) in [
            (
                field("Phone", ErasureStrategy::Pseudonymise),
                "the column Phone cannot be pseudonymised here",
            ),
            (
                field("SupportRepId", ErasureStrategy::Anonymise),
                "the column SupportRepId cannot be anonymised here",
            ),
            (
                invoices().kept(Retention::new("x").demanded_by("y", Period::Hours(3), since())),
                "the column InvoiceDate cannot be kept for such a period here",
            ),
            (
                invoices()
                    .kept(Retention::new("x").demanded_as_linked("y", Period::Days(3), since())),
                "the column InvoiceDate cannot be found in a linked table here",
            ),
        ] {
            let error = SqlSource::new(world.pool.clone(), declaration).await.unwrap_err();
            assert_eq!(error.to_string(), words);
        }
    }

    async fn a_column_too_short_for_a_token(db) {
        let world = world(&db).await;
        crate::support::run(&world.pool,
            r#"ALTER TABLE "Customer" ADD COLUMN "Nick" VARCHAR(10);
               ALTER TABLE "Customer" ADD COLUMN "Alias" VARCHAR(16)"#).await;
        let with = |name: &str| {
            customers().field(Field::new(name, "x", "y").erased_by(ErasureStrategy::Anonymise))
        };
        let short = SqlSource::new(world.pool.clone(), with("Nick")).await;
        match (T::POSTGRES, short) {
            (true, Err(SqlSourceError::ColumnTooShort { characters: 10, least: 16, .. }))
            | (false, Ok(_)) => {}
            other => panic!("{other:?}"),
        }
        // What fits is cut to what fits.
        crate::support::run(&world.pool, r#"UPDATE "Customer" SET "Alias" = 'annie'"#).await;
        let source = SqlSource::new(world.pool.clone(), with("Alias")).await.unwrap();
        let person = crate::world::ann();
        crate::world::erase(&source, &person, &crate::world::step()).await;
        let found = crate::world::rows(&world.pool,
            r#"SELECT "Alias" FROM "Customer" WHERE "CustomerId" = 1"#).await;
        assert!(found[0].starts_with("anon-"), "{}", found[0]);
    }
}
