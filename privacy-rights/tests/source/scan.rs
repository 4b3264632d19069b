//! Reading what is a person's.

use privacy_rights::{
    FieldValue, Identifier, Pages, PersonalDataSource, Resolution, Selection, SelectionError,
    resolve,
};
use serde_json::json;

use crate::behaviours;
use crate::support::run;
use crate::world::{ann, keys, keys_in_pages, person, values, world};

behaviours! {
    async fn only_the_persons_records_and_all_of_them(db) {
        let world = world(&db).await;
        assert_eq!(keys(&*world.customers, ann()).await, ["1"]);
        assert_eq!(keys(&*world.customers, person("email", "cat@example.com")).await, ["3"]);
        assert_eq!(keys(&*world.invoices, ann()).await, ["1", "2", "3", "4"]);
        assert_eq!(keys(&*world.lines, person("customer_id", "3")).await, ["8"]);
        for size in 1..9 {
            let found = keys_in_pages(&*world.lines, ann(), size).await;
            assert_eq!(found, ["1", "2", "3", "4", "5", "6", "7"], "{size}");
        }
        // Two identifiers of one person select a record once.
        let both = ann().and(Identifier::new("email", "ann@example.com").unwrap()).unwrap();
        assert_eq!(keys(&*world.customers, both).await, ["1"]);
    }

    async fn what_nobody_knows_selects_nothing(db) {
        let world = world(&db).await;
        for (kind, value) in [
            ("customer_id", "9"),
            ("customer_id", "no number"),
            ("customer_id", "1 OR 1=1"),
            ("customer_id", "99999999999999999999"),
            ("email", "' OR '1'='1"),
            ("email", "%"),
            ("email", "ANN@example.co_"),
            ("shoe_size", "42"),
        ] {
            let nobody = || person(kind, value);
            for source in [&*world.customers, &*world.invoices, &*world.lines] {
                assert!(keys(source, nobody()).await.is_empty(), "{kind} {value}");
                let (changed, kept) = crate::world::erase(source, &nobody(), &crate::world::step()).await;
                assert_eq!((changed, kept.len()), (0, 0), "{kind} {value}");
                assert_eq!(crate::world::remaining(source, &nobody()).await.records, 0);
                assert_eq!(source.resolve(&nobody()).await.unwrap(), []);
            }
        }
    }

    async fn values_are_json_and_secrets_are_not_given(db) {
        let world = world(&db).await;
        let page = world.customers.scan(&ann(), None, 10).await.unwrap();
        assert_eq!(values(&page, "LastName"), [&FieldValue::Value(json!("CANARY-One"))]);
        assert_eq!(values(&page, "Password"), [&FieldValue::Present]);
        assert_eq!(values(&page, "SupportRepId"), [&FieldValue::Value(json!(1))]);
        assert!(!format!("{page:?}").contains("CANARY"));
        let page = world.customers.scan(&person("customer_id", "3"), None, 10).await.unwrap();
        assert_eq!(values(&page, "Password"), [&FieldValue::Absent]);
        assert_eq!(values(&page, "SupportRepId"), [&FieldValue::Absent]);
        let page = world.invoices.scan(&ann(), None, 2).await.unwrap();
        assert_eq!(
            values(&page, "Total"),
            [&FieldValue::Value(json!(1.98)), &FieldValue::Value(json!(3.96))]
        );
        let names: Vec<_> = page.records[0].fields.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["InvoiceDate", "BillingAddress", "Total"]);
    }

    async fn a_record_that_goes_moves_no_other(db) {
        let world = world(&db).await;
        let mut pages = Pages::new(&*world.lines, ann()).of_size(3);
        let first = pages.next().await.unwrap().unwrap();
        run(&world.pool, r#"DELETE FROM "InvoiceLine" WHERE "InvoiceLineId" IN (1, 2)"#).await;
        let second = pages.next().await.unwrap().unwrap();
        let keys = |page: privacy_rights::Page| -> Vec<String> {
            page.records.into_iter().map(|record| record.key).collect()
        };
        assert_eq!(keys(first), ["1", "2", "3"]);
        assert_eq!(keys(second), ["4", "5", "6"]);
    }

    async fn from_an_address_to_everything(db) {
        let world = world(&db).await;
        let sources: [&dyn PersonalDataSource; 3] =
            [&*world.lines, &*world.invoices, &*world.customers];
        let start = person("email", "ann@example.com");
        let found = resolve(&sources, start, &["customer_id"]).await.unwrap();
        let Resolution::One(found) = found else { panic!("{found:?}") };
        assert_eq!(found.values("customer_id").collect::<Vec<_>>(), ["1"]);
        assert_eq!(found.values("email").collect::<Vec<_>>(), ["ann@example.com"]);
        assert_eq!(keys(&*world.invoices, found).await.len(), 4);
    }

    async fn a_household_is_for_a_human_to_decide(db) {
        let world = world(&db).await;
        run(&world.pool,
            r#"UPDATE "Customer" SET "Email" = 'home@example.com' WHERE "CustomerId" < 3"#).await;
        let sources: [&dyn PersonalDataSource; 1] = [&*world.customers];
        let ask = |start| resolve(&sources, start, &["customer_id"]);
        let found = ask(person("email", "home@example.com")).await.unwrap();
        let Resolution::Ambiguous { kind, values, .. } = found else { panic!("{found:?}") };
        assert_eq!((kind.as_str(), values), ("customer_id", 2));
        // Whoever asks as one of the two finds the other through the address.
        assert!(matches!(ask(ann()).await.unwrap(), Resolution::Ambiguous { values: 2, .. }));
        // Two accounts of one person, by somebody who knows.
        let both = ann().and(Identifier::new("customer_id", "2").unwrap()).unwrap();
        assert!(matches!(ask(both).await.unwrap(), Resolution::One(_)));
    }
}

#[test]
fn a_selection_is_never_empty() {
    for (kind, value) in [("", "1"), ("email", ""), ("email", " \t"), ("email", "a\0b")] {
        assert_eq!(Identifier::new(kind, value), Err(SelectionError::Blank));
    }
    let full = (1..256)
        .try_fold(person("n", "0"), |all, n| all.and(Identifier::new("n", n.to_string()).unwrap()));
    let full: Selection = full.unwrap();
    assert_eq!(full.len(), 256);
    let known = Identifier::new("n", "255").unwrap();
    assert_eq!(full.clone().and(known).unwrap().len(), 256);
    let error = full.and(Identifier::new("n", "256").unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "a person has 256 identifiers at most");
    assert!(!format!("{:?}", person("email", "ann@example.com")).contains("ann"));
}
