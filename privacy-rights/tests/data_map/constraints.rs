//! Strategies against the constraints of a database, on catalogues made by hand.

use privacy_rights::{
    Catalogue, ErasureStrategy, Field, Finding, Link, OnDelete, Retention, SourceDeclaration,
    Storage,
};

use crate::support::{belgium, empty_map, seven_years};

/// A table `name` with `Id`, `PersonId` and `Value`.
fn table(name: &str, strategy: ErasureStrategy) -> SourceDeclaration {
    SourceDeclaration::new(name, Storage::table(name, "Id").unwrap())
        .linked(Link::column("PersonId", "person").unwrap())
        .located(belgium(), "here")
        .purpose("sale")
        .kept(Retention::new("a year"))
        .erased_by(strategy)
        .field(Field::new("Value", "notes", "What we wrote down."))
}

fn with_table(catalogue: Catalogue, name: &str, value_nullable: bool) -> Catalogue {
    catalogue
        .column(name, "Id", false)
        .column(name, "PersonId", false)
        .column(name, "Value", value_nullable)
        .unique(name, &["Id"])
}

fn findings(sources: Vec<SourceDeclaration>, catalogue: &Catalogue) -> Vec<Finding> {
    let map = sources.into_iter().fold(empty_map(), |map, source| map.source(source));
    map.build().unwrap().check(catalogue)
}

fn one(name: &str) -> Catalogue {
    with_table(Catalogue::new(false), name, true)
}

fn place() -> (String, String) {
    ("a".into(), "Value".into())
}

#[test]
fn nothing_is_wrong_with_this() {
    for strategy in [
        ErasureStrategy::Anonymise,
        ErasureStrategy::Delete,
        ErasureStrategy::Detach,
        ErasureStrategy::Mask("x".into()),
        ErasureStrategy::Null,
        ErasureStrategy::Pseudonymise,
        ErasureStrategy::Shred,
    ] {
        assert_eq!(findings(vec![table("a", strategy)], &one("a")), []);
    }
}

#[test]
fn null_where_it_is_forbidden() {
    let catalogue = with_table(Catalogue::new(false), "a", false);
    let (table_name, column) = place();
    let expected = [Finding::NullForbidden { table: table_name, column }];
    for strategy in [ErasureStrategy::Null, ErasureStrategy::Detach] {
        assert_eq!(findings(vec![table("a", strategy)], &catalogue), expected);
    }
}

#[test]
fn the_same_where_it_is_unique() {
    let mask = || table("a", ErasureStrategy::Mask("x".into()));
    let catalogue = one("a").unique("a", &["Value"]);
    let expected = Finding::UniqueRepeated { table: "a".into(), columns: vec!["Value".into()] };
    assert_eq!(findings(vec![mask()], &catalogue), [expected]);
    // Together with the person it is not the same twice.
    let catalogue = one("a").unique("a", &["PersonId", "Value"]);
    assert_eq!(findings(vec![mask()], &catalogue), []);
    // What is made anew for each row never repeats.
    let catalogue = one("a").unique("a", &["Value"]);
    assert_eq!(findings(vec![table("a", ErasureStrategy::Anonymise)], &catalogue), []);
}

#[test]
fn keys_stay() {
    let source = table("a", ErasureStrategy::Mask("x".into())).field(Field::new(
        "Id",
        "notes",
        "The number of the note.",
    ));
    let found = findings(vec![source], &one("a"));
    assert!(found.contains(&Finding::KeyChanged { table: "a".into(), column: "Id".into() }));
    let catalogue = one("a").foreign_key(("a", "Value"), ("b", "Id"), OnDelete::Refuse);
    let (table_name, column) = place();
    let found = findings(vec![table("a", ErasureStrategy::Anonymise)], &catalogue);
    assert_eq!(found, [Finding::ForeignKeyChanged { table: table_name, column }]);
    assert_eq!(findings(vec![table("a", ErasureStrategy::Null)], &catalogue), []);
}

fn parent_and_child(on_delete: OnDelete) -> Catalogue {
    with_table(with_table(Catalogue::new(false), "parent", true), "child", true).foreign_key(
        ("child", "Value"),
        ("parent", "Id"),
        on_delete,
    )
}

#[test]
fn what_is_named_by_what_stays() {
    use ErasureStrategy::{Delete, Null, Shred};
    let check = |child: SourceDeclaration, on_delete| {
        findings(vec![table("parent", Delete), child], &parent_and_child(on_delete))
    };
    let still = Finding::StillReferenced {
        deleted: "parent".into(),
        by: "child".into(),
        column: "Value".into(),
    };
    let destroys = Finding::CascadeDestroys { deleted: "parent".into(), kept: "child".into() };
    assert!(check(table("child", Shred), OnDelete::Refuse).contains(&still));
    assert!(check(table("child", Shred), OnDelete::Cascade).contains(&destroys));
    // A law keeps the child longer than the parent.
    let kept = || table("child", Delete).kept(seven_years());
    assert_eq!(check(kept(), OnDelete::Refuse), [still]);
    assert_eq!(check(kept(), OnDelete::Cascade), [destroys]);
    for on_delete in [OnDelete::Cascade, OnDelete::Refuse, OnDelete::SetNull] {
        assert_eq!(check(table("child", Delete), on_delete), []);
        assert_eq!(check(table("child", Null), on_delete), []);
    }
    assert_eq!(check(kept(), OnDelete::SetNull), []);
}

#[test]
fn circles() {
    use ErasureStrategy::Delete;
    let catalogue = parent_and_child(OnDelete::Refuse).foreign_key(
        ("parent", "Value"),
        ("child", "Id"),
        OnDelete::Refuse,
    );
    let sources = || vec![table("parent", Delete), table("child", Delete)];
    let cycle = Finding::Cycle { tables: vec!["child".into(), "parent".into()] };
    assert_eq!(findings(sources(), &catalogue), [cycle]);
    // One that names itself is no circle.
    let catalogue = parent_and_child(OnDelete::Refuse).foreign_key(
        ("parent", "Value"),
        ("parent", "Id"),
        OnDelete::Refuse,
    );
    assert_eq!(findings(sources(), &catalogue), []);
}

#[test]
fn children_are_erased_before_their_parents() {
    use ErasureStrategy::Delete;
    let catalogue = with_table(parent_and_child(OnDelete::Refuse), "grandchild", true).foreign_key(
        ("grandchild", "Value"),
        ("child", "Id"),
        OnDelete::Refuse,
    );
    let map = ["parent", "grandchild", "child"]
        .into_iter()
        .fold(empty_map(), |map, name| map.source(table(name, Delete)))
        .source(
            SourceDeclaration::new("index", Storage::Other { name: "search index".into() })
                .linked(Link::column("PersonId", "person").unwrap())
                .located(belgium(), "here"),
        )
        .build()
        .unwrap();
    let order = map.erasure_order(&catalogue).unwrap();
    let names: Vec<_> = order.into_iter().map(SourceDeclaration::name).collect();
    assert_eq!(names, ["index", "grandchild", "child", "parent"]);
}

/// A table whose rows belong to a person through those of the table `parent`.
fn through_parent(name: &str) -> SourceDeclaration {
    let link = Link::column("PersonId", "person").unwrap();
    SourceDeclaration::new(name, Storage::table(name, "Id").unwrap())
        .linked(Link::through("Value", "parent", "Id", link).unwrap())
        .located(belgium(), "here")
        .purpose("sale")
        .kept(Retention::new("a year"))
        .erased_by(ErasureStrategy::Delete)
        .field(Field::new("PersonId", "notes", "Whose note it is."))
}

#[test]
fn found_through_another_is_found_while_it_is_there() {
    // No foreign key says so, the declaration does.
    let catalogue = with_table(with_table(Catalogue::new(false), "parent", true), "young", true);
    let parent = table("parent", ErasureStrategy::Delete);
    let map = empty_map().source(parent).source(through_parent("young")).build().unwrap();
    let order = map.erasure_order(&catalogue).unwrap();
    let names: Vec<_> = order.into_iter().map(SourceDeclaration::name).collect();
    assert_eq!(names, ["young", "parent"]);
}

#[test]
fn the_root_of_a_persons_records_goes_last() {
    use ErasureStrategy::{Null, Shred};
    // Neither is deleted, so that no constraint asks for an order.
    let names = |catalogue: &Catalogue| -> Vec<String> {
        let map = empty_map().source(table("account", Null)).source(table("note", Shred)).build();
        let map = map.unwrap();
        let order = map.erasure_order(catalogue).unwrap();
        order.into_iter().map(|source| source.name().to_owned()).collect()
    };
    let both = with_table(with_table(Catalogue::new(false), "account", true), "note", true)
        .foreign_key(("note", "PersonId"), ("account", "Id"), OnDelete::SetNull);
    assert_eq!(names(&both), ["note", "account"]);
    // Where that is a circle, it is only a wish.
    let circle = both.foreign_key(("account", "PersonId"), ("note", "Id"), OnDelete::Refuse);
    assert_eq!(names(&circle), ["account", "note"]);
}

#[test]
fn a_link_goes_through_columns_that_exist() {
    let found = findings(vec![through_parent("child")], &one("child"));
    let missing =
        |column: &str| Finding::MissingColumn { table: "parent".into(), column: column.into() };
    assert_eq!(found, [missing("Id"), missing("PersonId")]);
}

#[test]
fn two_that_a_law_keeps_go_together() {
    let kept = |name| table(name, ErasureStrategy::Delete).kept(seven_years());
    let catalogue = parent_and_child(OnDelete::Refuse);
    assert_eq!(findings(vec![kept("parent"), kept("child")], &catalogue), []);
}

#[test]
fn a_circle_that_the_database_cuts() {
    let catalogue = parent_and_child(OnDelete::Refuse).foreign_key(
        ("parent", "Value"),
        ("child", "Id"),
        OnDelete::SetNull,
    );
    let deleted = |name| table(name, ErasureStrategy::Delete);
    assert_eq!(findings(vec![deleted("parent"), deleted("child")], &catalogue), []);
}

#[test]
fn every_table_has_an_id() {
    let own = SourceDeclaration::new("person", Storage::table("person", "Id").unwrap())
        .linked(Link::column("Id", "person").unwrap())
        .located(belgium(), "here")
        .purpose("sale")
        .kept(Retention::new("a year"))
        .erased_by(ErasureStrategy::Null)
        .field(Field::new("PersonId", "notes", "Your other number."))
        .field(Field::new("Value", "notes", "What we wrote down."));
    let catalogue = with_table(Catalogue::new(false), "person", true)
        .column("person", "PersonId", true)
        .column("genre", "Id", false)
        .column("genre", "Name", false)
        .column("visit", "person_id", true);
    let found = findings(vec![own], &catalogue);
    let path = vec!["visit.person_id".to_owned(), "person (by its name)".to_owned()];
    assert_eq!(found, [Finding::UndeclaredTable { table: "visit".into(), path }]);
}

#[test]
fn case_matters_where_the_database_says_so() {
    let declared = |name| vec![table(name, ErasureStrategy::Delete)];
    let catalogue = |ignore_case| with_table(Catalogue::new(ignore_case), "Note", true);
    assert_eq!(findings(declared("NOTE"), &catalogue(true)), []);
    let missing = Finding::MissingTable { table: "NOTE".into() };
    assert_eq!(findings(declared("NOTE"), &catalogue(false))[0], missing);
}
