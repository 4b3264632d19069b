//! The bundle of a customer of the shop, out of both databases, with the journal's part.

use audit_core::{Actor, ChainId, Event, JournalName, Target};
use audit_store::{AccessReason, Journal, JournalOptions, PgJournal, SqliteJournal, SubjectScope};
use privacy_rights::{Backend, SqlSource, verify_bundle};
use serde_json::json;
use sqlx::{Executor, Pool};
use test_support::{TestDatabase, TestPg, TestSqlite, both_databases};

use crate::support::{PEOPLE, SHOP, customers, invoice_lines, invoices, run, shop_map};
use crate::world::{ann, at, id, key, keys, made, notice};

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

async fn a_customer_is_given_everything_and_nobody_elses<T: Home>(db: T)
where
    for<'c> &'c Pool<T::Db>: Executor<'c, Database = T::Db>,
{
    let pool = db.pool(4).await;
    run(&pool, SHOP).await;
    run(&pool, PEOPLE).await;
    let source = |declaration| SqlSource::new(pool.clone(), declaration);
    let sources = [
        source(customers()).await.unwrap(),
        source(invoices()).await.unwrap(),
        source(invoice_lines()).await.unwrap(),
    ];
    let name = JournalName::new("audit.example.com").unwrap();
    let journal = T::journal(pool.clone(), &JournalOptions::new(name).signer(key())).await;
    let chain = ChainId::new("acme", "default").unwrap();
    journal.create_chain(&chain).await.unwrap();
    let read = |by: &str| Event::builder("record.read", Actor::user(by));
    let events = [
        read("usr_staff").target(Target::new("customer", "1")),
        read("usr_staff").target(Target::new("customer", "2")),
        read("usr_ann"),
    ];
    for event in events {
        journal.append(&chain, event.build().unwrap()).await.unwrap();
    }
    let scope = SubjectScope::new("acme", "1")
        .acting_as(Actor::user("usr_ann"))
        .known_as(Target::new("customer", "1"))
        .roles(|_| "support".into());

    let (map, person, notice) = (shop_map().build().unwrap(), ann(), notice());
    let reason = AccessReason::new(Actor::user("dpo"), "request 7");
    let bundle = privacy_rights::AccessBundle::access(&map, &person, &notice, id(), at())
        .source(&sources[0])
        .source(&sources[1])
        .source(&sources[2])
        .journal(&journal, &scope, &reason)
        .await
        .unwrap();
    let made = made(bundle).await;
    let customers = made.json("data/customers.json");
    assert_eq!(customers.as_array().unwrap().len(), 1);
    assert_eq!(customers[0]["LastName"], "CANARY-One");
    assert_eq!(customers[0]["Password"], json!({ "$present": true }));
    let keys_of = |path: &str| -> Vec<String> {
        let rows = made.json(path);
        let rows = rows.as_array().unwrap().iter();
        rows.map(|row| row["$key"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(keys_of("data/invoices.json"), ["1", "2", "3", "4"]);
    assert_eq!(keys_of("data/invoice_lines.json").len(), 7);
    let activity = made.json("activity.json");
    assert_eq!(activity.as_array().unwrap().len(), 2);
    let text = activity.to_string();
    assert!(text.contains("support") && !text.contains("usr_staff"), "{text}");
    for other in ["CANARY-Two", "CANARY-Three", "hash-of", "bob@", "cat@", "Street 3"] {
        assert_eq!(made.holding(other), [""; 0], "{other}");
    }
    verify_bundle(&made.place, &keys()).unwrap();
    journal.close().await;
}

both_databases!(a_customer_is_given_everything_and_nobody_elses);
