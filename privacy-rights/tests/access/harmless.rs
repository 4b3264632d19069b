//! Data, and names, that are out to do harm.

use privacy_rights::{
    ErasureStrategy, Field, Link, Retention, SourceDeclaration, Storage, verify_bundle,
};
use proptest::prelude::*;

use crate::support::{belgium, empty_map};
use crate::world::{Rows, keys, made, notice, shop, value};

fn declared(name: &str) -> SourceDeclaration {
    SourceDeclaration::new(name, Storage::Other { name: "x".into() })
        .linked(Link::column("id", "customer_id").unwrap())
        .located(belgium(), "<b>here</b>")
        .purpose("sale")
        .kept(Retention::new("<i>a year</i>"))
        .erased_by(ErasureStrategy::Delete)
        .field(Field::new("text\"><img src=x onerror=alert(1)>", "<u>notes</u>", "<a>A text.</a>"))
}

const HELL: [&str; 12] = [
    "../../etc/passwd",
    "..",
    "con",
    "A",
    "a",
    "a/b",
    "a\\b",
    "a b",
    "\u{202e}gpj.exe",
    "=cmd|' /C calc'!A0",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
];

#[tokio::test]
async fn names_from_hell() {
    let mut map = empty_map();
    let mut sources = Vec::new();
    for name in HELL {
        map = map.source(declared(name));
        let field = "text\"><img src=x onerror=alert(1)>";
        let row = move |_| vec![(field, value(name))];
        sources.push(Rows::new(declared(name), 1, row).keyed(|_| "../../../etc/passwd".into()));
    }
    let (map, person, notice) = (map.build().unwrap(), crate::world::ann(), notice());
    let (id, at) = (crate::world::id(), crate::world::at());
    let mut bundle = privacy_rights::AccessBundle::access(&map, &person, &notice, id, at);
    for source in &sources {
        bundle = bundle.source(source);
    }
    let made = made(bundle).await;
    let files = made.files();
    // Three for each, the page, the manifest and its signature.
    assert_eq!(files.len(), HELL.len() * 3 + 3);
    for path in files.keys() {
        let safe = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_./".contains(c);
        assert!(path.chars().all(safe) && !path.contains(".."), "{path}");
    }
    verify_bundle(&made.place, &keys()).unwrap();
    is_plain(&made.text("index.html"));
}

/// That a page has no element and no attribute that its template does not have.
fn is_plain(page: &str) {
    let known = [
        "!DOCTYPE", "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "dl",
        "dt", "dd", "details", "summary", "span", "a", "div", "table", "thead", "tbody", "tr",
        "th", "td", "code",
    ];
    for tag in page.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap();
        let name = tag.trim_start_matches('/').split_whitespace().next().unwrap();
        assert!(known.contains(&name), "<{tag}>");
        let handler = tag.split_whitespace().any(|word| word.starts_with("on"));
        assert!(!handler && !tag.contains("javascript:"), "<{tag}>");
        if name == "a" && !tag.starts_with('/') {
            let to = tag.split('"').nth(1).unwrap();
            assert!(!to.contains(':') && !to.contains("..") && !to.starts_with('/'), "<{tag}>");
        }
    }
    assert!(page.contains("default-src 'none'"));
    assert!(!page.contains("http://") && !page.contains("https://"));
}

#[tokio::test]
async fn nothing_of_a_person_is_markup() {
    let shop = shop();
    let page = made(shop.bundle()).await.text("index.html");
    is_plain(&page);
    assert!(page.contains("&#60;script&#62;alert("));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a person wrote: the page has no markup of it, no cell is a formula, and the JSON
    /// holds it unchanged.
    #[test]
    fn whatever_a_person_writes(text in any::<String>(), start in "[=+@\t\r<&\"'-]?") {
        let text = format!("{start}{text}");
        let given = text.clone();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (json, csv, page) = runtime.block_on(async {
            let mut shop = shop();
            shop.invoices.count = 0;
            shop.customers = Rows::new(crate::support::customers(), 1, move |n| {
                let mut row = crate::world::customer(n);
                row[0].1 = value(given.clone());
                row
            });
            let made = made(shop.bundle()).await;
            (made.json("data/customers.json"), made.text("data/customers.csv"), made.text("index.html"))
        });
        prop_assert_eq!(&json[0]["FirstName"], &serde_json::Value::from(text.clone()));
        is_plain(&page);
        let mut reader = csv::Reader::from_reader(csv.as_bytes());
        let row = reader.records().next().unwrap().unwrap();
        let cell = row.get(1).unwrap();
        prop_assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r']));
        prop_assert!(cell == text || cell.strip_prefix('\'') == Some(&text));
    }
}
