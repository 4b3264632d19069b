use privacy_rights::{Disclosure, Register};
use proptest::prelude::*;

use crate::at;

fn register(cells: &[&str]) -> Register {
    let times = (at("2026-01-01"), at("2026-01-05"));
    let all: Vec<_> =
        cells.iter().map(|cell| Disclosure::new("1", times, *cell, "law", "decision")).collect();
    Disclosure::register(&all)
}

fn authorities(register: &Register) -> Vec<String> {
    let csv = register.to_csv().unwrap();
    let mut reader = csv::Reader::from_reader(csv.as_slice());
    reader.records().map(|row| row.unwrap()[2].to_owned()).collect()
}

#[test]
fn no_cell_is_a_formula() {
    let cells = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "plain", "a=b", ""];
    let found = authorities(&register(&cells));
    let expected = ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\tx", "'\rx", "plain", "a=b", ""];
    assert_eq!(found, expected);
    let csv = String::from_utf8(register(&["a,\"b\"\nc"]).to_csv().unwrap()).unwrap();
    assert!(csv.starts_with("id,asked at,authority,law,reference,given,decision,decided at\r\n"));
    assert!(csv.contains(",\"a,\"\"b\"\"\nc\","));
}

#[test]
fn a_page_holds_text_and_nothing_else() {
    let page = register(&["<script>alert(1)</script>\"&'"]).to_html().unwrap();
    assert!(page.contains("&#60;script&#62;alert(1)&#60;/script&#62;&#34;&#38;&#39;"), "{page}");
    assert!(page.contains("<h1>Disclosures to authorities</h1>"));
    assert!(page.contains("default-src 'none'"));
    for outside in ["http://", "https://", "<script", "<link", "<img", "@import", "url("] {
        assert!(!page.contains(outside), "{outside}");
    }
    let empty = register(&[]).to_html().unwrap();
    assert!(empty.contains("No entries.") && !empty.contains("<table>"));
}

#[test]
fn json_has_the_columns_as_members() {
    let json = register(&["Police"]).to_json();
    assert_eq!(json["title"], "Disclosures to authorities");
    assert_eq!(json["rows"][0]["authority"], "Police");
    assert_eq!(json["rows"][0]["asked at"], "2026-01-01T10:00:00.000000Z");
}

proptest! {
    #[test]
    fn whatever_a_cell_holds_is_read_back(cell in "\\PC{0,20}") {
        let found = authorities(&register(&[&cell]));
        let shown = found[0].strip_prefix('\'').filter(|_| !cell.starts_with('\''));
        prop_assert_eq!(shown.unwrap_or(&found[0]), cell.as_str());
        prop_assert!(!found[0].starts_with(['=', '+', '-', '@', '\t', '\r']));
    }
}
