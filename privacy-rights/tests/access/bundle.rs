use audit_core::{Note, SigningKey};
use privacy_rights::{
    AccessError, ErasureStrategy, ExportRule, Field, Link, Retention, SourceDeclaration, Storage,
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::support::{belgium, empty_map};
use crate::{Memory, Rows, bundle, given, key, shop, value, written};

#[tokio::test]
async fn everything_in_two_forms_with_its_meaning() {
    let (map, sources) = shop();
    let sink = written(&map, &sources).await;
    let paths: Vec<&str> = sink.files.keys().map(String::as_str).collect();
    assert_eq!(
        paths,
        [
            "data/01-customers.csv",
            "data/01-customers.json",
            "data/02-invoices.csv",
            "data/02-invoices.json",
            "data/03-invoice_lines.csv",
            "data/03-invoice_lines.json",
            "index.html",
            "manifest.json",
            "manifest.sig",
            "schema/01-customers.schema.json",
            "schema/02-invoices.schema.json",
            "schema/03-invoice_lines.schema.json",
        ]
    );
    let customers = sink.json("data/01-customers.json");
    assert_eq!(
        customers,
        json!([{
            "$key": "0",
            "FirstName": "Ann",
            "LastName": "=cmd|' /C calc'!A0",
            "Phone": null,
            "Email": "<b>ann@example.com</b>",
            "Password": { "$present": true },
            "SupportRepId": { "$withheld": "about others, GDPR Art. 15(4)" },
        }])
    );
    assert_eq!(
        sink.text("data/01-customers.csv"),
        "$key,FirstName,LastName,Phone,Email,Password,SupportRepId\r\n\
         0,Ann,'=cmd|' /C calc'!A0,,<b>ann@example.com</b>,(present),\
         \"(withheld: about others, GDPR Art. 15(4))\"\r\n"
    );
    assert_eq!(sink.json("data/02-invoices.json").as_array().unwrap().len(), 1200);
    assert_eq!(sink.text("data/02-invoices.csv").lines().count(), 1201);
    assert_eq!(sink.json("data/03-invoice_lines.json"), json!([]));
    let schema = sink.json("schema/01-customers.schema.json");
    let email = &schema["items"]["properties"]["Email"];
    assert_eq!(email["description"], "Where we write to you.");
    assert_eq!(email["basis"], "contract, GDPR Art. 6(1)(b)");
}

#[tokio::test]
async fn the_manifest_holds_every_file_and_is_signed() {
    let (map, sources) = shop();
    let sink = written(&map, &sources).await;
    let manifest = sink.json("manifest.json");
    assert_eq!(manifest["format"], "privacy-rights/access/1");
    let hex = |text: &[u8]| {
        let digest: [u8; 32] = Sha256::digest(text).into();
        digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let files = manifest["files"].as_array().unwrap();
    assert_eq!(files.len(), sink.files.len() - 2);
    for file in files {
        let bytes = &sink.files[file["path"].as_str().unwrap()];
        assert_eq!(file["bytes"], json!(bytes.len()));
        assert_eq!(file["sha256"], Value::from(hex(bytes)));
    }
    let rows: Vec<_> = files.iter().filter_map(|file| file["rows"].as_u64()).collect();
    assert_eq!(rows, [1, 1, 1200, 1200, 0, 0]);

    let note = Note::parse(&sink.text("manifest.sig")).unwrap();
    let documents = key().renamed("audit.example.com/documents").unwrap();
    note.verify(&[documents.verifier().clone()]).unwrap();
    let digest = hex(sink.text("manifest.json").as_bytes());
    let expected =
        format!("privacy-rights/access/1\n00000000-0000-0000-0000-000000000007\n{digest}\n");
    assert_eq!(note.text(), expected);
    // Neither another key nor the journal's own name.
    let other = SigningKey::from_seed("audit.example.com/documents", &[8; 32]).unwrap();
    for key in [other.verifier().clone(), key().verifier().clone()] {
        assert!(note.verify(&[key]).is_err());
    }
}

#[tokio::test]
async fn two_runs_of_the_same_state_give_the_same_bytes() {
    let (map, sources) = shop();
    let first = written(&map, &sources).await;
    assert_eq!(written(&map, &sources).await.files, first.files);
}

#[tokio::test]
async fn the_page_says_what_the_law_asks_for() {
    let (map, mut sources) = shop();
    sources.truncate(2);
    let mut sink = Memory::default();
    let bundle = bundle(&map).explain("invoice_lines", "the <archive> is being repaired");
    bundle.write(&given(&sources), &key(), &mut sink, |_, _| {}).await.unwrap();
    let page = sink.text("index.html");
    for said in [
        "Your data at Example NV",
        "To sell music (contract, GDPR Art. 6(1)(b))",
        "Where we write to you.",
        "as long as there is an account",
        "bookkeeper",
        "only whether there is one",
        "without what concerns others",
        "Records: 1200. Kept in BE.",
        "Not in this folder: the &#60;archive&#62; is being repaired",
        "complain to a supervisory authority",
    ] {
        assert!(page.contains(said), "{said}\n{page}");
    }
    assert!(!page.contains("ann@example.com") && !page.contains("<script"));
    let why = &sink.json("manifest.json")["explained"]["invoice_lines"];
    assert_eq!(why, "the <archive> is being repaired");
    assert!(!sink.files.contains_key("data/03-invoice_lines.json"));
}

#[tokio::test]
async fn complete_or_not_at_all() {
    let (map, mut sources) = shop();
    let write = async |sources: &[Rows], why: &str| {
        let mut sink = Memory::default();
        let bundle = bundle(&map).explain("invoice_lines", why);
        let error = bundle.write(&given(sources), &key(), &mut sink, |_, _| {}).await.unwrap_err();
        assert!(!sink.finished);
        error.to_string()
    };
    let lines = sources.pop().unwrap();
    let missing = "the source \"invoice_lines\" is neither given nor explained";
    assert_eq!(write(&sources, " ").await, missing);
    sources.push(Rows::new(
        SourceDeclaration::new("strange", Storage::Other { name: "x".into() }),
        0,
        |_| Vec::new(),
    ));
    assert_eq!(write(&sources, "x").await, "the source \"strange\" is not in the data map");
    sources.pop();
    sources.push(lines);
    sources[1].grows = true;
    let changed = "the records of the source \"invoices\" changed while they were written";
    assert_eq!(write(&sources, "x").await, changed);
}

#[tokio::test]
async fn what_is_about_others_is_redacted() {
    let (map, sources) = shop();
    let mut sink = Memory::default();
    let redactor = |source: &str, field: &str, _: &Value| {
        Some(json!(format!("a colleague ({source}.{field})")))
    };
    let bundle = bundle(&map).redacting(&redactor);
    bundle.write(&given(&sources), &key(), &mut sink, |_, _| {}).await.unwrap();
    let customers = sink.json("data/01-customers.json");
    assert_eq!(customers[0]["SupportRepId"], "a colleague (customers.SupportRepId)");
    assert_eq!(customers[0]["FirstName"], "Ann");
}

#[tokio::test]
async fn what_is_withheld_is_not_given_whatever_the_source_says() {
    let declaration = SourceDeclaration::new("../etc/passwd", Storage::table("x", "id").unwrap())
        .linked(Link::column("id", "customer_id").unwrap())
        .located(belgium(), "here")
        .purpose("sale")
        .kept(Retention::new("a year"))
        .erased_by(ErasureStrategy::Delete)
        .field(
            Field::new("Notes", "notes", "What we noted.")
                .exported(ExportRule::Withhold("Art. 23(1)(d)".into())),
        )
        .field(Field::new("Token", "secret", "A token.").exported(ExportRule::PresenceOnly))
        .field(Field::new("Score", "notes", "A number."));
    let map = empty_map().source(declaration.clone()).build().unwrap();
    let rows = Rows::new(declaration, 1, |_| {
        vec![
            ("Notes", value(json!("CANARY"))),
            ("Token", value(json!("CANARY"))),
            ("Score", value(json!(-5))),
        ]
    });
    let sink = written(&map, &[rows]).await;
    assert!(sink.files.values().all(|file| !String::from_utf8_lossy(file).contains("CANARY")));
    let csv = sink.text("data/01-___etc_passwd.csv");
    assert_eq!(csv, "$key,Notes,Token,Score\r\n0,(withheld: Art. 23(1)(d)),(present),-5\r\n");
}

#[tokio::test]
async fn progress_is_reported() {
    let (map, sources) = shop();
    let mut heard = Vec::new();
    let progress = |source: &str, count: u64| heard.push((source.to_owned(), count));
    let mut sink = Memory::default();
    bundle(&map).write(&given(&sources), &key(), &mut sink, progress).await.unwrap();
    let invoices: Vec<u64> =
        heard.iter().filter(|(name, _)| name == "invoices").map(|(_, count)| *count).collect();
    assert_eq!(invoices, [500, 1000, 1200]);
}

#[tokio::test]
async fn a_sink_that_fails() {
    struct Full;
    impl privacy_rights::BundleSink for Full {
        fn begin(&mut self, _path: &str) -> std::io::Result<()> {
            Ok(())
        }
        fn write(&mut self, _bytes: &[u8]) -> std::io::Result<()> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn finish(&mut self) -> std::io::Result<()> {
            panic!("there is nothing to finish")
        }
    }
    let (map, sources) = shop();
    let error = bundle(&map).write(&given(&sources), &key(), &mut Full, |_, _| {}).await;
    assert!(matches!(error, Err(AccessError::Io(_))));
}
