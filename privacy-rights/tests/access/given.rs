//! What is in a bundle, and what it says of what is not.

use futures_util::stream;
use privacy_rights::{
    Field, FieldValue, Record, Redacted, Redactor, SourceDeclaration, verify_bundle,
};
use serde_json::{Value, json};

use crate::world::{Rows, Shop, key, keys, made, shop, value};

#[tokio::test]
async fn everything_in_two_forms_with_its_meaning() {
    let shop = shop();
    let made = made(shop.bundle()).await;
    let paths: Vec<String> = made.files().into_keys().collect();
    assert_eq!(
        paths,
        [
            "data/customers.csv",
            "data/customers.json",
            "data/invoice_lines.csv",
            "data/invoice_lines.json",
            "data/invoices.csv",
            "data/invoices.json",
            "index.html",
            "manifest.json",
            "manifest.sig",
            "schema/customers.schema.json",
            "schema/invoice_lines.schema.json",
            "schema/invoices.schema.json",
        ]
    );
    let withheld = "GDPR Art. 15(4): it also says something of others";
    let ann = json!([{
        "$key": "0",
        "FirstName": "Ann",
        "LastName": "=cmd|' /C calc'!A0",
        "Phone": null,
        "Email": "<script>alert('ann@example.com')</script>",
        "Password": { "$present": true },
        "SupportRepId": { "$withheld": withheld },
    }]);
    assert_eq!(made.json("data/customers.json"), ann);
    assert_eq!(
        made.text("data/customers.csv"),
        format!(
            "$key,FirstName,LastName,Phone,Email,Password,SupportRepId\r\n\
             0,Ann,'=cmd|' /C calc'!A0,,<script>alert('ann@example.com')</script>,(present),\
             (withheld: {withheld})\r\n"
        )
    );
    let invoices = made.json("data/invoices.json");
    assert_eq!(invoices.as_array().unwrap().len(), 1200);
    assert_eq!(invoices[1199]["BillingAddress"], json!({ "street": "Street 1199", "no": 1 }));
    let csv = made.text("data/invoices.csv");
    assert_eq!(csv.lines().count(), 1201);
    // A number is no formula, whatever its sign.
    assert!(csv.lines().nth(1).unwrap().ends_with(",-5"), "{csv}");
    assert_eq!(made.json("data/invoice_lines.json"), json!([]));
    assert_eq!(made.text("data/invoice_lines.csv"), "$key,TrackId,Quantity\r\n");
    // One record a line.
    assert_eq!(made.text("data/invoices.json").lines().count(), 1202);
    verify_bundle(&made.place, &keys()).unwrap();
}

#[tokio::test]
async fn a_schema_says_what_a_field_means() {
    let shop = shop();
    let made = made(shop.bundle()).await;
    let schema = made.json("schema/customers.schema.json");
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let properties = schema["items"]["properties"].as_object().unwrap();
    let email = &properties["Email"];
    assert_eq!(email["description"], "Where we write to you.");
    assert_eq!(email["x-basis"], "contract, GDPR Art. 6(1)(b)");
    assert_eq!(email["x-period"], "as long as there is an account");
    assert_eq!(properties["Password"]["enum"], json!([null, { "$present": true }]));
    // All that it has and nothing else.
    let ann = &made.json("data/customers.json")[0];
    assert!(ann.as_object().unwrap().keys().all(|name| properties.contains_key(name)));
    assert_eq!(schema["items"]["required"].as_array().unwrap().len(), properties.len());
    assert_eq!(schema["items"]["additionalProperties"], false);
}

#[tokio::test]
async fn the_manifest_names_every_file_and_everything_left_out() {
    let shop = shop();
    let made = made(shop.bundle()).await;
    let manifest = made.json("manifest.json");
    assert_eq!(manifest, serde_json::to_value(&made.manifest).unwrap());
    assert_eq!(manifest["format"], "privacy-rights/bundle/v1");
    assert_eq!(manifest["form"], "access");
    assert_eq!(manifest["id"], "00000000-0000-0000-0000-000000000007");
    assert_eq!(manifest["made_at"], "2026-06-11T10:00:00Z");
    assert_eq!(made.manifest.files.len(), made.files().len() - 2);
    let invoices = made.manifest.files.iter().find(|file| file.path == "data/invoices.csv");
    let invoices = invoices.unwrap();
    assert_eq!(invoices.rows, Some(1200));
    assert_eq!(invoices.source.as_deref(), Some("invoices"));
    assert_eq!(invoices.category, ["contact", "purchase"]);
    assert_eq!(invoices.basis, ["legal obligation, GDPR Art. 6(1)(c): Belgian VAT Code Art. 60"]);
    assert_eq!(invoices.period, ["7 years after the invoice"]);
    let left_out: Vec<_> = made
        .manifest
        .not_given
        .iter()
        .map(|one| (one.field.as_str(), one.rule.as_str(), one.records))
        .collect();
    assert_eq!(
        left_out,
        [("Password", "presence_only", Some(1)), ("SupportRepId", "redacted", Some(1))]
    );
}

#[tokio::test]
async fn the_note_is_by_the_journals_key_for_documents() {
    let shop = shop();
    let made = made(shop.bundle()).await;
    let note = audit_core::Note::parse(&made.text("manifest.sig")).unwrap();
    let documents = key().renamed("audit.example.com/documents").unwrap();
    note.verify(&[documents.verifier().clone()]).unwrap();
    // It cannot be taken for anything that the journal signs under its own name.
    assert!(note.verify(&keys()).is_err());
    let lines: Vec<&str> = note.text().lines().collect();
    assert_eq!(lines[..2], ["privacy-rights/bundle/v1", "00000000-0000-0000-0000-000000000007"]);
    let bytes = made.text("manifest.json").len().to_string();
    assert_eq!(lines[2].split_once(' ').unwrap().0, bytes);
}

#[tokio::test]
async fn what_is_withheld_is_in_no_file_whatever_the_source_says() {
    let shop = shop();
    let made = made(shop.bundle()).await;
    assert_eq!(made.holding("CANARY"), [""; 0]);
    // The search finds what is there.
    assert_eq!(made.holding("Street 1199"), ["data/invoices.csv", "data/invoices.json"]);
}

/// Colleagues become a role; what says nothing of others stays; a thread is withheld.
struct Roles;

impl Redactor for Roles {
    fn redact(
        &self,
        source: &SourceDeclaration,
        field: &Field,
        record: &Record,
        value: &Value,
    ) -> Redacted {
        assert_eq!((source.name(), field.name()), ("customers", "SupportRepId"));
        assert_eq!(record.fields.len(), 6);
        match value.as_str().unwrap() {
            "CANARY-colleague" => Redacted::Value(json!("support")),
            "CANARY-thread" => Redacted::Withheld,
            _ => Redacted::Value(value.clone()),
        }
    }
}

#[tokio::test]
async fn what_is_about_others_is_redacted_and_counted() {
    let mut shop = shop();
    let rep = |n: u64| ["CANARY-colleague", "nobody", "CANARY-thread"][usize::try_from(n).unwrap()];
    shop.customers = Rows::new(crate::support::customers(), 3, move |n| {
        let mut row = crate::world::customer(n);
        row[5].1 = value(rep(n));
        row
    });
    let made = made(shop.bundle().redacted_by(&Roles)).await;
    let customers = made.json("data/customers.json");
    assert_eq!(customers[0]["SupportRepId"], "support");
    assert_eq!(customers[1]["SupportRepId"], "nobody");
    assert!(customers[2]["SupportRepId"]["$withheld"].is_string());
    assert_eq!(made.holding("CANARY"), [""; 0]);
    let redacted = made.manifest.not_given.iter().find(|one| one.rule == "redacted").unwrap();
    assert_eq!(redacted.records, Some(2));
}

#[tokio::test]
async fn a_source_that_gives_less_than_its_declaration_is_told_of() {
    let mut shop = shop();
    shop.customers = Rows::new(crate::support::customers(), 2, |n| {
        let mut row = crate::world::customer(n);
        row[0].1 = FieldValue::Present;
        row
    });
    let made = made(shop.bundle()).await;
    let first = &made.manifest.not_given[0];
    assert_eq!((first.field.as_str(), first.records), ("FirstName", Some(2)));
    assert_eq!(made.json("data/customers.json")[0]["FirstName"], json!({ "$present": true }));
}

#[tokio::test]
async fn what_is_explained_is_told_to_the_person() {
    let shop = shop();
    let bundle = shop.empty().source(&shop.customers).source(&shop.lines);
    let made = made(bundle.explain("invoices", "The <archive> is being repaired.")).await;
    let explained = &made.manifest.explained[0];
    assert_eq!(explained.source, "invoices");
    assert_eq!(explained.reason, "The <archive> is being repaired.");
    assert!(made.text("index.html").contains("The &#60;archive&#62; is being repaired."));
    assert!(!made.place.join("data/invoices.json").exists());
    verify_bundle(&made.place, &keys()).unwrap();
}

#[tokio::test]
async fn the_page_says_what_the_law_asks_for() {
    let shop = shop();
    let made = made(shop.bundle()).await;
    let page = made.text("index.html");
    for said in [
        "Example NV, privacy@example.com",
        "<td>To sell music</td><td>contract, GDPR Art. 6(1)(b)</td>",
        "as long as there is an account",
        "7 years after the invoice",
        "<td>bookkeeper</td><td>accountant</td><td>BE</td>",
        "object to what we do with it (Art. 21)",
        "Data Protection Authority, Brussels",
        "From you, when you bought something.",
        "From our &#60;shop&#62;.",
        "No decision about you is taken by a machine alone",
        "it is a secret, of which is told only that there is one",
        "GDPR Art. 15(4): it also says something of others",
        "The first 20 of 1200 records.",
        // As it is: this is no spreadsheet.
        "<td>=cmd|&#39; /C calc&#39;!A0</td>",
        "href=\"data/invoices.csv\"",
        "Nothing about you is here.",
    ] {
        assert!(page.contains(said), "{said}\n{page}");
    }
    for letter in ["(a), (b), (d)", "(c)", "(e)", "(f)", "(g)", "(h)"] {
        assert!(page.contains(&format!("<span class=\"letter\">{letter}</span>")), "{letter}");
    }
}

#[tokio::test]
async fn automated_decisions_are_explained() {
    let mut shop = shop();
    let (logic, consequences) =
        ("A score of your orders.".into(), "You may have to pay first.".into());
    let decisions = privacy_rights::AutomatedDecisions::Some { logic, consequences };
    shop.notice = privacy_rights::AccessNotice::new("APD", "From you.", decisions);
    let page = made(shop.bundle()).await.text("index.html");
    assert!(
        page.contains("A score of your orders.") && page.contains("You may have to pay first.")
    );
    assert!(!page.contains("No decision about you"));
}

#[tokio::test]
async fn the_journals_part_stands_in_the_bundle() {
    let shop = shop();
    let entry = |n: u64| Ok::<_, std::io::Error>(json!({ "seq": n, "action": "record.read" }));
    let entries = stream::iter((0..20_000).map(entry));
    let made = made(shop.bundle().activity(entries)).await;
    let activity = made.json("activity.json");
    assert_eq!(activity.as_array().unwrap().len(), 20_000);
    assert_eq!(activity[19_999]["seq"], 19_999);
    let file = made.manifest.files.iter().find(|file| file.path == "activity.json").unwrap();
    assert_eq!(file.rows, Some(20_000));
    assert!(made.text("index.html").contains("Our journal has 20000 entries about you"));
    let none = stream::iter(std::iter::empty::<Result<Value, std::io::Error>>());
    let made = crate::world::made(shop.bundle().activity(none)).await;
    assert_eq!(made.json("activity.json"), json!([]));
}

#[tokio::test]
async fn progress_is_reported_after_each_page() {
    let shop = shop();
    let mut heard = Vec::new();
    let progress = |told: &privacy_rights::BundleProgress| heard.push(told.clone());
    made(shop.bundle().progress(progress)).await;
    let rows: Vec<_> =
        heard.iter().map(|told| (told.source.as_str(), told.rows, told.all_rows)).collect();
    assert_eq!(
        rows,
        [
            ("customers", 1, 1),
            ("invoices", 500, 501),
            ("invoices", 1000, 1001),
            ("invoices", 1200, 1201),
            ("invoice_lines", 0, 1201),
        ]
    );
    assert!(heard.is_sorted_by_key(|told| told.bytes) && heard[4].bytes > 50_000);
}

/// It can be made in a task of its own.
#[tokio::test]
async fn it_is_made_on_any_thread() {
    fn is_send<T: Send>(made: T) -> T {
        made
    }
    let shop: &'static Shop = Box::leak(Box::new(shop()));
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("bundle");
    let future = is_send(async move { shop.bundle().write_directory(&place, &key()).await });
    tokio::spawn(future).await.unwrap().unwrap();
}
