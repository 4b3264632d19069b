//! What is refused before any database is asked.

use privacy_rights::{
    Category, Countries, Country, DataMapBuilder, DataPlace, ErasureStrategy, Field, LegalBasis,
    Link, MapError, Purpose, Recipient, Retention, Safeguard, SourceDeclaration, SpecialGround,
    SqlName, Storage, Waiver,
};

use crate::support::{belgium, by_customer, customers, empty_map, shop_map};

fn country(code: &str) -> Country {
    code.parse().unwrap()
}

fn plain(name: &str) -> SourceDeclaration {
    SourceDeclaration::new(name, Storage::table("Note", "Id").unwrap())
        .linked(by_customer())
        .located(belgium(), "here")
        .purpose("sale")
        .kept(Retention::new("a year"))
        .erased_by(ErasureStrategy::Delete)
        .field(Field::new("Text", "notes", "What we wrote down."))
}

fn refused(builder: DataMapBuilder) -> MapError {
    builder.build().unwrap_err()
}

#[test]
fn the_shop_is_declared_in_full() {
    let map = shop_map().build().unwrap();
    let names: Vec<_> = map.sources().iter().map(SourceDeclaration::name).collect();
    assert_eq!(names, ["customers", "invoices", "invoice_lines"]);
    assert_eq!(map.purpose("sale").unwrap().basis().article(), "GDPR Art. 6(1)(b)");
    assert!(map.source("nobody").is_none());
    assert_eq!(map.controller().name(), "Example NV");
}

#[test]
fn what_is_named_is_declared() {
    for (builder, name) in [
        (empty_map().source(plain("notes").received_by("a stranger")), "a stranger"),
        (empty_map().source(plain("notes").purpose("fun")), "fun"),
        (empty_map().source(plain("notes").copied_from("originals")), "originals"),
        (
            empty_map().source(plain("notes").field(
                Field::new("More", "notes", "More.").received_by(["a field's own stranger"]),
            )),
            "a field's own stranger",
        ),
    ] {
        assert_eq!(refused(builder), MapError::Undeclared { name: name.into() });
    }
}

#[test]
fn nothing_is_declared_twice() {
    let twice = |name: &str| MapError::Twice { name: name.into() };
    assert_eq!(refused(empty_map().source(plain("a")).source(plain("a"))), twice("a"));
    let sale = Purpose::new("sale", "again", LegalBasis::Consent).about("customers");
    assert_eq!(refused(empty_map().purpose(sale)), twice("sale"));
    let bookkeeper = Recipient::new("bookkeeper", "again", belgium());
    assert_eq!(refused(empty_map().recipient(bookkeeper)), twice("bookkeeper"));
    let field = Field::new("Text", "notes", "Again.");
    assert_eq!(refused(empty_map().source(plain("a").field(field))), twice("a.Text"));
    assert_eq!(refused(empty_map().source(plain(" "))), MapError::NoName);
}

#[test]
fn a_field_says_everything_or_its_source_does() {
    let source = || {
        SourceDeclaration::new("notes", Storage::table("Note", "Id").unwrap())
            .linked(by_customer())
            .located(belgium(), "here")
    };
    let field = || Field::new("Text", "notes", "What we wrote down.");
    let missing =
        |what| MapError::Incomplete { source_name: "notes".into(), field: "Text".into(), what };
    let steps = [
        (field(), "purpose"),
        (field().purpose("sale"), "retention rule"),
        (field().purpose("sale").kept(Retention::new("a year")), "erasure strategy"),
        (
            Field::new("Text", "notes", " ")
                .purpose("sale")
                .kept(Retention::new("a year"))
                .erased_by(ErasureStrategy::Null),
            "sentence for the person",
        ),
    ];
    for (field, what) in steps {
        assert_eq!(refused(empty_map().source(source().field(field))), missing(what));
    }
    let whole =
        field().purpose("sale").kept(Retention::new("a year")).erased_by(ErasureStrategy::Null);
    empty_map().source(source().field(whole)).build().unwrap();
}

#[test]
fn a_source_is_somewhere_and_somebodys() {
    let bare = SourceDeclaration::new("notes", Storage::Other { name: "search index".into() });
    let name = || "notes".to_owned();
    assert_eq!(
        refused(empty_map().source(bare.clone().linked(by_customer()))),
        MapError::NoLocation { source_name: name() }
    );
    assert_eq!(
        refused(empty_map().source(bare.located(belgium(), "here"))),
        MapError::NoLink { source_name: name() }
    );
}

#[test]
fn a_row_is_deleted_as_a_whole() {
    let field = Field::new("More", "notes", "More.").erased_by(ErasureStrategy::Null);
    assert_eq!(
        refused(empty_map().source(plain("notes").field(field))),
        MapError::RowInPieces { source_name: "notes".into() }
    );
}

#[test]
fn bases_are_named() {
    for basis in [
        LegalBasis::LegalObligation { law: String::new() },
        LegalBasis::PublicTask { law: " ".into() },
        LegalBasis::LegitimateInterests { interest: String::new() },
    ] {
        let purpose = Purpose::new("x", "words", basis).about("customers");
        let error = refused(empty_map().purpose(purpose));
        assert_eq!(error, MapError::BasisUnnamed { purpose: "x".into() });
    }
    let nobody = Purpose::new("x", "words", LegalBasis::Consent);
    let error = refused(empty_map().purpose(nobody));
    assert_eq!(error, MapError::NobodyConcerned { purpose: "x".into() });
}

#[test]
fn special_categories_need_a_ground() {
    let health = || Field::new("Allergies", Category::special("health"), "What you must not eat.");
    let source = |field| plain("notes").field(field);
    assert_eq!(
        refused(empty_map().source(source(health()))),
        MapError::NoSpecialGround { source_name: "notes".into(), field: "Allergies".into() }
    );
    let ground = SpecialGround::Article9('a', "explicit consent".into());
    assert_eq!(ground.to_string(), "GDPR Art. 9(2)(a): explicit consent");
    empty_map().source(source(health().on_ground(ground))).build().unwrap();
}

#[test]
fn a_transfer_stands_on_a_safeguard() {
    let abroad = || Recipient::new("mailer", "e-mail service", country("US"));
    let error = refused(empty_map().recipient(abroad()));
    assert_eq!(error, MapError::NoSafeguard { recipient: "mailer".into() });
    let clauses = Safeguard::StandardClauses("of 4 June 2021".into());
    empty_map().recipient(abroad().under(clauses)).build().unwrap();
    empty_map().recipient(Recipient::new("x", "y", country("NO"))).build().unwrap();
}

#[test]
fn all_in_the_union_or_not() {
    let map = shop_map().build().unwrap();
    assert_eq!(map.outside(&Countries::eu()), []);
    let clauses = Safeguard::StandardClauses("of 4 June 2021".into());
    let map = shop_map()
        .recipient(Recipient::new("mailer", "e-mail", country("US")).under(clauses))
        .recipient(Recipient::new("north", "hosting", country("NO")))
        .source(plain("notes").located(country("CH"), "a bunker"))
        .build()
        .unwrap();
    assert_eq!(
        map.outside(&Countries::eu()),
        [
            (DataPlace::Source("notes".into()), country("CH")),
            (DataPlace::Recipient("mailer".into()), country("US")),
            (DataPlace::Recipient("north".into()), country("NO")),
        ]
    );
    assert_eq!(map.outside(&Countries::eea()).len(), 2);
    assert_eq!(map.outside(&Countries::new([country("BE")])).len(), 3);
}

#[test]
fn a_waiver_has_a_reason() {
    let waiver = Waiver::table("Track", "  ").unwrap();
    assert_eq!(refused(empty_map().waive(waiver)), MapError::WaiverWithoutReason);
}

#[test]
fn names_that_stand_in_statements() {
    for bad in ["", "a b", "a\"b", "1a", "a;--", "a.b.c", "é", &"a".repeat(64)] {
        assert!(SqlName::table(bad).is_err(), "{bad}");
        assert!(SqlName::column(bad).is_err(), "{bad}");
    }
    assert!(SqlName::column("a.b").is_err());
    assert_eq!(SqlName::table("shop.Customer").unwrap().as_str(), "shop.Customer");
    for bad in ["", "be", "BEL", "B1"] {
        assert!(bad.parse::<Country>().is_err(), "{bad}");
    }
}

#[test]
fn it_serialises_for_registers() {
    let map = empty_map().source(customers()).build().unwrap();
    let json = serde_json::to_value(&map).unwrap();
    assert_eq!(json["sources"][0]["storage"]["table"]["table"], "Customer");
    assert_eq!(json["sources"][0]["location"]["country"], "BE");
    let through = Link::through("InvoiceId", "Invoice", "InvoiceId", by_customer()).unwrap();
    assert_eq!(through.identifier(), "customer_id");
}

#[test]
fn errors_in_words() {
    let name = || "notes".to_owned();
    for (error, words) in [
        (
            MapError::Incomplete { source_name: name(), field: "Text".into(), what: "purpose" },
            "notes.Text has no purpose",
        ),
        (MapError::Undeclared { name: name() }, "\"notes\" is named and not declared"),
        (MapError::Twice { name: name() }, "\"notes\" is declared twice"),
        (
            MapError::NoSafeguard { recipient: name() },
            "the recipient \"notes\" is outside the EEA, under no safeguard",
        ),
        (
            MapError::RowInPieces { source_name: name() },
            "some fields of the source \"notes\" delete its rows and others do not",
        ),
    ] {
        assert_eq!(error.to_string(), words);
    }
}
