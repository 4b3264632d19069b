//! What a table can be put right in, and what not.

use privacy_rights::{
    Correction, CorrectionError, Country, Field, Link, NothingIsHeld, PersonalDataSource,
    Retention, SourceDeclaration, SourceError, SqlSource, Storage,
};

use crate::behaviours;
use crate::scene::scene;
use crate::support::{customers, invoice_lines, run};
use crate::world::person;

const PHONES: &str = r#"SELECT COALESCE("Phone", '-') FROM "Customer" ORDER BY "CustomerId""#;

fn one() -> privacy_rights::Selection {
    person(&[("customer_id", "1")])
}

fn notes() -> SourceDeclaration {
    let belgium: Country = "BE".parse().unwrap();
    SourceDeclaration::new("notes", Storage::table("Note", "Id").unwrap())
        .linked(Link::column("Owner", "customer_id").unwrap())
        .located(belgium, "here")
        .purpose("sale")
        .kept(Retention::new("as long as there is an account"))
        .erased_by(privacy_rights::ErasureStrategy::Null)
        .field(Field::new("Owner", "relation", "Whose."))
        .field(Field::new("Code", "note", "A code."))
        .field(
            Field::new("Secret", "note", "A secret.")
                .erased_by(privacy_rights::ErasureStrategy::Shred),
        )
}

behaviours! {
    async fn a_row_is_put_right_once(db) {
        let scene = scene(&db).await;
        let source = SqlSource::new(scene.world.pool.clone(), customers()).await.unwrap();
        let right = Correction::new("customers").set("Phone", "+32 99").set("FirstName", "Anne");
        let rehearsed = source.rehearse(&one(), &right, &NothingIsHeld, None, 10).await.unwrap();
        assert_eq!(rehearsed.changed, 1);
        assert_eq!(scene.texts(PHONES).await, ["+32 1", "-", "+32 3"]);
        for changed in [1, 0] {
            let done = source.rectify(&one(), &right, &NothingIsHeld, None, 10).await.unwrap();
            assert_eq!(done.changed, changed);
            assert_eq!(scene.texts(PHONES).await, ["+32 99", "-", "+32 3"]);
        }
        let none = Correction::new("customers").set("Phone", serde_json::Value::Null);
        source.rectify(&one(), &none, &NothingIsHeld, None, 10).await.unwrap();
        assert_eq!(scene.texts(PHONES).await, ["-", "-", "+32 3"]);
        // A record that is somebody else's is none of the person's.
        let theirs = Correction::new("customers").of_record("3").set("Phone", "+32 0");
        let done = source.rectify(&one(), &theirs, &NothingIsHeld, None, 10).await.unwrap();
        assert_eq!(done.changed, 0);
        assert_eq!(scene.texts(PHONES).await, ["-", "-", "+32 3"]);
    }

    async fn values_are_bound(db) {
        let scene = scene(&db).await;
        let source = SqlSource::new(scene.world.pool.clone(), customers()).await.unwrap();
        let evil = r#"x', "Email" = 'y"#;
        let right = Correction::new("customers").set("FirstName", evil);
        source.rectify(&one(), &right, &NothingIsHeld, None, 10).await.unwrap();
        let names = scene.texts(r#"SELECT "FirstName" FROM "Customer" WHERE "CustomerId" = 1"#);
        assert_eq!(names.await, [evil]);
        let wrong = Correction::new("customers").set(r#"Phone" = 'x', "FirstName"#, "y");
        let error = source.rectify(&one(), &wrong, &NothingIsHeld, None, 10).await.unwrap_err();
        assert!(matches!(error, SourceError::Correction(CorrectionError::Undeclared { .. })));
    }

    async fn what_cannot_be_is_refused_and_nothing_is_half_done(db) {
        let scene = scene(&db).await;
        run(&scene.world.pool, r#"CREATE TABLE "Note" ("Id" INTEGER NOT NULL PRIMARY KEY,
            "Owner" INTEGER, "Code" VARCHAR(8) UNIQUE, "Secret" VARCHAR(80));
            INSERT INTO "Note" VALUES (1, 1, 'a', NULL), (2, 1, 'b', NULL), (3, 2, 'c', NULL)"#).await;
        let pool = &scene.world.pool;
        let customers = SqlSource::new(pool.clone(), customers()).await.unwrap();
        let notes = SqlSource::new(pool.clone(), notes()).await.unwrap();
        let null = serde_json::Value::Null;
        let field = |name: &str| name.to_owned();
        let of = |source: &str, name: &str, value: serde_json::Value| {
            Correction::new(source).set(name, value)
        };
        let cases: Vec<(&dyn PersonalDataSource, Correction, CorrectionError)> = vec![
            (&customers, Correction::new("customers"), CorrectionError::Empty),
            (&customers, of("customers", "Email", "x".into()),
                CorrectionError::Identifying { field: field("Email") }),
            (&customers, of("customers", "CustomerId", 9.into()),
                CorrectionError::Undeclared { field: field("CustomerId") }),
            (&customers, of("customers", "Nickname", "x".into()),
                CorrectionError::Undeclared { field: field("Nickname") }),
            (&customers, of("customers", "FirstName", null),
                CorrectionError::NotNull { field: field("FirstName") }),
            (&customers, of("customers", "SupportRepId", "nobody".into()), CorrectionError::Refused),
            // A foreign key.
            (&customers, of("customers", "SupportRepId", 99.into()), CorrectionError::Refused),
            (&customers, of("customers", "FirstName", true.into()), CorrectionError::Refused),
            (&notes, of("notes", "Owner", 2.into()),
                CorrectionError::Identifying { field: field("Owner") }),
            (&notes, of("notes", "Secret", "plain".into()),
                CorrectionError::Sealed { field: field("Secret") }),
            // Unique: the first row could be changed, the second could not.
            (&notes, of("notes", "Code", "z".into()), CorrectionError::Refused),
        ];
        for (source, correction, wanted) in cases {
            for rehearsal in [true, false] {
                let done = if rehearsal {
                    source.rehearse(&one(), &correction, &NothingIsHeld, None, 10).await
                } else {
                    source.rectify(&one(), &correction, &NothingIsHeld, None, 10).await
                };
                let error = done.unwrap_err();
                let SourceError::Correction(found) = &error else { panic!("{error:?}") };
                assert_eq!(*found, wanted, "{correction:?}");
            }
        }
        let codes = r#"SELECT "Code" FROM "Note" ORDER BY "Id""#;
        assert_eq!(scene.texts(codes).await, ["a", "b", "c"]);
    }

    // The column's own comparison finds them the same, or cannot compare at all.
    async fn what_is_only_written_otherwise_is_put_right(db) {
        let scene = scene(&db).await;
        let pool = &scene.world.pool;
        let (code, json) = if T::BLOCK.contains("FUNCTION") {
            run(pool, "CREATE COLLATION anyhow
                (provider = icu, locale = 'und-u-ks-level2', deterministic = false)").await;
            ("TEXT COLLATE anyhow", "JSON")
        } else {
            ("TEXT COLLATE NOCASE", "TEXT")
        };
        run(pool, &format!(r#"CREATE TABLE "Note" ("Id" INTEGER NOT NULL PRIMARY KEY,
            "Owner" INTEGER, "Code" {code}, "Secret" {json}, "Weight" NUMERIC(10,2));
            INSERT INTO "Note" VALUES (1, 1, 'o''neill', '[]', 1.50)"#)).await;
        let declared = notes().field(Field::new("Weight", "note", "A weight."));
        let mut declared = declared.field(Field::new("Words", "note", "Words."));
        run(pool, &format!(r#"ALTER TABLE "Note" ADD COLUMN "Words" {json}"#)).await;
        declared = declared.erased_by(privacy_rights::ErasureStrategy::Null);
        let notes = SqlSource::new(pool.clone(), declared).await.unwrap();
        for (name, value) in [
            ("Code", serde_json::json!("O'Neill")),
            ("Words", serde_json::json!({"a": "\u{7}\"é"})),
            ("Weight", serde_json::json!(2.5)),
            ("Weight", serde_json::json!("3.70")),
        ] {
            let right = Correction::new("notes").set(name, value);
            for changed in [1, 0] {
                let done = notes.rectify(&one(), &right, &NothingIsHeld, None, 10).await.unwrap();
                assert_eq!(done.changed, changed, "{name}");
            }
        }
        let codes = scene.texts(r#"SELECT "Code" FROM "Note""#).await;
        assert_eq!(codes, ["O'Neill"]);
        for wrong in ["heavy", "inf", ""] {
            let wrong = Correction::new("notes").set("Weight", wrong);
            let error = notes.rectify(&one(), &wrong, &NothingIsHeld, None, 10).await.unwrap_err();
            assert!(matches!(error, SourceError::Correction(CorrectionError::Refused)), "{error:?}");
        }
    }

    async fn what_a_database_would_cut_off_is_refused(db) {
        let scene = scene(&db).await;
        let source = SqlSource::new(scene.world.pool.clone(), customers()).await.unwrap();
        let right = Correction::new("customers").set("LastName", "x".repeat(21));
        let done = source.rectify(&one(), &right, &NothingIsHeld, None, 10).await;
        let names = scene.texts(r#"SELECT "LastName" FROM "Customer" WHERE "CustomerId" = 1"#).await;
        match done {
            // SQLite counts no characters.
            Ok(done) => assert_eq!((done.changed, names[0].len()), (1, 21)),
            Err(SourceError::Correction(CorrectionError::TooLong { characters: 20, .. })) => {
                assert_eq!(names, ["CANARY-One"]);
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn many_rows_are_put_right_in_pages(db) {
        let scene = scene(&db).await;
        let source = SqlSource::new(scene.world.pool.clone(), invoice_lines()).await.unwrap();
        let right = Correction::new("invoice_lines").set("Quantity", 7);
        let (mut after, mut changed, mut pages) = (None, 0, 0);
        loop {
            let page = source.rectify(&one(), &right, &NothingIsHeld, after.as_ref(), 3).await;
            let page = page.unwrap();
            (changed, pages) = (changed + page.changed, pages + 1);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!((changed, pages), (7, 3));
        let others = r#"SELECT CAST(count(*) AS VARCHAR(9)) FROM "InvoiceLine" WHERE "Quantity" = 7"#;
        assert_eq!(scene.texts(others).await, ["7"]);
    }
}
