use privacy_rights::{
    Category, Controller, DataMap, Disclosure, ErasureStrategy, Field, LegalBasis, Link, Purpose,
    Recipient, Retention, Role, Safeguard, SourceDeclaration, SpecialGround, Storage,
};

use crate::at;
use crate::support::{belgium, shop_map};

fn cell<'a>(register: &'a privacy_rights::Register, row: usize, column: &str) -> &'a str {
    let at = register.columns().iter().position(|name| *name == column).unwrap();
    &register.rows()[row][at]
}

#[test]
fn one_row_for_each_purpose() {
    let register = shop_map().build().unwrap().processing_register();
    assert_eq!(register.basis(), "GDPR Art. 30(1)");
    assert_eq!(register.rows().len(), 2);
    for (column, accounting, sale) in [
        ("purpose", "To keep books", "To sell music"),
        (
            "basis",
            "legal obligation, GDPR Art. 6(1)(c): Belgian VAT Code Art. 60",
            "contract, GDPR Art. 6(1)(b)",
        ),
        ("data subjects", "customers", "customers"),
        ("categories of data", "contact\npurchase", "contact\ncredential\nidentity\nrelation"),
        ("recipients", "bookkeeper (accountant)", ""),
        ("transfers to third countries", "", ""),
        (
            "time limits for erasure",
            "7 years after the invoice\nas its invoice",
            "as long as there is an account",
        ),
        ("sources", "invoice_lines\ninvoices", "customers"),
        ("controller", "Example NV, privacy@example.com", "Example NV, privacy@example.com"),
    ] {
        assert_eq!(cell(&register, 0, column), accounting, "{column}");
        assert_eq!(cell(&register, 1, column), sale, "{column}");
    }
}

fn source(name: &str, role: Role) -> SourceDeclaration {
    SourceDeclaration::new(name, Storage::table("Note", "Id").unwrap())
        .role(role)
        .linked(Link::column("PersonId", "person").unwrap())
        .located(belgium(), "here")
        .purpose("care")
        .kept(Retention::new("10 years"))
        .received_by("lab")
        .erased_by(ErasureStrategy::Delete)
        .field(
            Field::new("Text", Category::special("health"), "Your results.")
                .on_ground(SpecialGround::Article9('h', "medical care".into())),
        )
}

fn clinic() -> DataMap {
    let controller = Controller::new("Clinic", "privacy@clinic.example")
        .with_officer("dpo@clinic.example")
        .represented_by("Nobody BV")
        .with_measure("encryption at rest")
        .with_measure("access by role");
    let clauses = Safeguard::StandardClauses("of 4 June 2021".into());
    DataMap::builder(controller)
        .purpose(Purpose::new("care", "To care", LegalBasis::Contract).about("patients"))
        .recipient(Recipient::new("lab", "laboratory", "US".parse().unwrap()).under(clauses))
        .recipient(Recipient::new("unused", "printer", belgium()).reached_at("x@example.com"))
        .source(source("own", Role::Controller))
        .source(source("shared", Role::JointController { with: "University".into() }))
        .source(source("hosted", Role::Processor { on_behalf_of: "Dr. Who".into() }))
        .build()
        .unwrap()
}

#[test]
fn who_where_to_and_under_what() {
    let register = clinic().processing_register();
    assert_eq!(register.rows().len(), 1);
    assert_eq!(
        cell(&register, 0, "controller"),
        "Clinic, privacy@clinic.example\nrepresentative: Nobody BV\nofficer: dpo@clinic.example\n\
         jointly with University"
    );
    assert_eq!(
        cell(&register, 0, "transfers to third countries"),
        "US: lab (standard contractual clauses, Art. 46(2)(c): of 4 June 2021)"
    );
    assert_eq!(cell(&register, 0, "security measures"), "encryption at rest\naccess by role");
    // What is processed for others is no purpose of one's own.
    assert_eq!(cell(&register, 0, "sources"), "own\nshared");
}

#[test]
fn on_behalf_of_others() {
    let register = clinic().processor_register();
    assert_eq!(register.basis(), "GDPR Art. 30(2)");
    assert_eq!(register.rows().len(), 1);
    assert_eq!(cell(&register, 0, "on behalf of"), "Dr. Who");
    assert_eq!(cell(&register, 0, "categories of processing"), "To care");
    assert_eq!(cell(&register, 0, "sub-processors"), "lab (laboratory)");
    assert!(shop_map().build().unwrap().processor_register().rows().is_empty());
}

#[test]
fn recipients_and_bases() {
    let register = clinic().recipient_register();
    assert_eq!(cell(&register, 0, "categories of data"), "health");
    assert_eq!(cell(&register, 0, "country"), "US");
    assert_eq!(cell(&register, 1, "categories of data"), "");
    assert_eq!(cell(&register, 1, "contact"), "x@example.com");
    let register = clinic().basis_register();
    assert_eq!(register.rows().len(), 3);
    assert_eq!(
        cell(&register, 0, "ground of a special category"),
        "GDPR Art. 9(2)(h): medical care"
    );
    assert_eq!(cell(&register, 0, "erased"), "deleted with its row");
}

#[test]
fn disclosures() {
    let times = (at("2026-01-01"), at("2026-01-05"));
    let given = Disclosure::new("1", times, "Police of Ghent", "CCP Art. 46bis", "narrowed")
        .referring_to("GE.1/2026")
        .giving("contact");
    let refused = Disclosure::new("2", times, "Somebody", "none", "no legal ground");
    let register = Disclosure::register(&[given, refused]);
    assert_eq!(cell(&register, 0, "given"), "contact");
    assert_eq!(cell(&register, 1, "given"), "nothing");
}
