//! Portability, and a whole tenant.

use privacy_rights::{
    AccessBundle, AccessError, BundleForm, ErasureStrategy, ExportRule, Field, Identifier,
    Retention, Selection, SourceDeclaration, Storage, verify_bundle,
};
use serde_json::json;

use crate::support::{belgium, by_customer, empty_map};
use crate::world::{Rows, at, id, keys, made, shop, value};

fn profile() -> SourceDeclaration {
    SourceDeclaration::new("profile", Storage::Other { name: "x".into() })
        .linked(by_customer())
        .located(belgium(), "here")
        .purpose("sale")
        .kept(Retention::new("a year"))
        .erased_by(ErasureStrategy::Delete)
        .field(Field::new("Taste", "taste", "What you told us that you like."))
        .field(Field::new("Guess", "taste", "What we think that you like.").inferred())
        .field(Field::new("Paid", "money", "What you paid.").purpose("accounting"))
        .field(Field::new("Token", "secret", "A token.").exported(ExportRule::PresenceOnly))
        .field(Field::new("Friend", "relation", "A friend.").exported(ExportRule::RedactOthers))
        .field(
            Field::new("Fraud", "notes", "What we noted.")
                .exported(ExportRule::Withhold("Art. 23(1)(d)".into())),
        )
}

fn rows() -> Rows {
    Rows::new(profile(), 1, |_| {
        ["Taste", "Guess", "Paid", "Token", "Friend", "Fraud"].map(|f| (f, value(f))).to_vec()
    })
}

#[tokio::test]
async fn portability_is_of_what_a_person_provided_on_consent_or_contract() {
    let shop = shop();
    let made = made(
        AccessBundle::portability(&shop.map, &shop.person, id(), at())
            .source(&shop.customers)
            .source(&shop.invoices)
            .source(&shop.lines),
    )
    .await;
    // Invoices are kept because a law demands it.
    let data: Vec<String> =
        made.files().into_keys().filter(|path| path.starts_with("data/")).collect();
    assert_eq!(data, ["data/customers.csv", "data/customers.json"]);
    let left_out = made.manifest.not_given.iter().find(|one| one.field == "Total").unwrap();
    assert_eq!(
        left_out.ground,
        "GDPR Art. 20(1)(a) does not cover it: legal obligation, GDPR Art. 6(1)(c): Belgian VAT \
         Code Art. 60"
    );
    assert_eq!(made.manifest.form, BundleForm::Portability);
    let page = made.text("index.html");
    assert!(page.contains("Your data, to take along") && !page.contains("Art. 15(1)"));
    verify_bundle(&made.place, &keys()).unwrap();
}

#[tokio::test]
async fn what_was_inferred_was_not_provided() {
    let map = empty_map().source(profile()).build().unwrap();
    let (person, rows) = (crate::world::ann(), rows());
    let bundle = AccessBundle::portability(&map, &person, id(), at()).source(&rows);
    let made = made(bundle).await;
    let expected = json!([{
        "$key": "0",
        "Taste": "Taste",
        "Token": { "$present": true },
        "Friend": { "$withheld": "GDPR Art. 15(4): it also says something of others" },
    }]);
    assert_eq!(made.json("data/profile.json"), expected);
    let left_out: Vec<&str> =
        made.manifest.not_given.iter().map(|one| one.field.as_str()).collect();
    assert_eq!(left_out, ["Guess", "Paid", "Token", "Friend", "Fraud"]);
    let guess = "GDPR Art. 20(1) does not cover it: it was inferred, not provided";
    assert_eq!(made.manifest.not_given[0].ground, guess);
}

#[tokio::test]
async fn a_tenants_export_is_for_plans_that_have_it() {
    let map = empty_map().source(profile()).build().unwrap();
    let tenant = Selection::of(Identifier::new("tenant_id", "7").unwrap());
    let refused = AccessBundle::tenant(&map, &tenant, false, id(), at());
    assert!(matches!(refused, Err(AccessError::NotInPlan)));
    let rows = rows();
    let bundle = AccessBundle::tenant(&map, &tenant, true, id(), at()).unwrap().source(&rows);
    let made = made(bundle).await;
    // A tenant's own people are no others; a secret stays one, and what is withheld, too.
    let expected = json!([{
        "$key": "0",
        "Taste": "Taste",
        "Guess": "Guess",
        "Paid": "Paid",
        "Token": { "$present": true },
        "Friend": "Friend",
    }]);
    assert_eq!(made.json("data/profile.json"), expected);
    assert_eq!(made.manifest.not_given.len(), 2);
    assert!(made.text("index.html").contains("Export of all data"));
}
