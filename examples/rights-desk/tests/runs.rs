//! The program runs to its end, and what it says is so.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::path::Path;
use std::process::Command;

use audit_core::VerifierKey;
use privacy_rights::sqlx::{AssertSqlSafe, Row, SqlitePool};
use privacy_rights::{SignedCertificate, verify_bundle};

/// What a query says, as one text a row.
async fn rows(file: &Path, sql: &str) -> Vec<String> {
    let pool = SqlitePool::connect(&format!("sqlite:{}", file.display())).await.unwrap();
    let rows = privacy_rights::sqlx::query(AssertSqlSafe(sql.to_owned()));
    let rows = rows.fetch_all(&pool).await.unwrap();
    let texts = rows.iter().map(|row| row.get::<String, _>(0)).collect();
    pool.close().await;
    texts
}

#[tokio::test]
async fn she_gets_everything_and_is_forgotten_but_for_what_a_law_keeps() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let run = Command::new(env!("CARGO_BIN_EXE_rights-desk")).arg(folder).output().unwrap();
    let text = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.success(), "{text}{}", String::from_utf8_lossy(&run.stderr));
    assert!(text.contains("The answer is due on 2030-04-05"), "{text}");
    assert!(text.contains("typed it: Accepted."), "{text}");
    assert!(text.contains("before 2030-03-08T09:00:00"), "{text}");
    assert!(text.contains("The auditor checks it: intact."), "{text}");
    let key = text.split("public key: ").nth(1).unwrap().lines().next().unwrap();
    let key: VerifierKey = key.parse().unwrap();

    // What was given: all of it.
    let bundle = verify_bundle(&folder.join("bundle"), std::slice::from_ref(&key)).unwrap();
    let files = bundle.manifest().files.iter().filter(|file| file.path.ends_with(".csv"));
    let given: Vec<_> = files.filter_map(|file| file.rows).collect();
    assert_eq!(given, [1, 10, 5, 1]);
    let page = std::fs::read_to_string(folder.join("bundle/index.html")).unwrap();
    assert!(page.contains("Where we write to you."));
    let read = std::fs::read_to_string(folder.join("bundle/data/journal.json")).unwrap();
    assert!(read.contains("our staff") && read.contains("she called about an invoice"), "{read}");
    assert!(!read.contains("usr_peacock"), "{read}");

    // What is gone, and what is kept.
    let shop = folder.join("shop.db");
    let of = |sql: &'static str| rows(&shop, sql);
    let customer = of("SELECT FirstName || ' ' || LastName || ' ' || coalesce(Address, '-') || ' '
        || coalesce(Phone, '-') FROM Customer WHERE CustomerId = 2")
    .await;
    assert_eq!(customer, ["erased erased - -"]);
    let emails = of("SELECT Email FROM Customer ORDER BY CustomerId").await;
    assert!(emails[1].starts_with("anon-"), "{emails:?}");
    assert_eq!(emails.iter().filter(|email| email.ends_with("@example.com")).count(), 9);
    let kept = of("SELECT substr(InvoiceDate, 1, 4) FROM Invoice WHERE CustomerId = 2").await;
    assert_eq!(kept, ["2025"]);
    let lines = of("SELECT CAST(count(*) AS TEXT) FROM InvoiceLine").await;
    assert_eq!(lines, ["92"]);
    assert!(text.contains("1 kept until 2030-05-01: Belgian VAT Code Art. 60"), "{text}");

    assert!(text.contains("the same request goes on, and is Deferred"), "{text}");
    assert!(text.contains("Was customer 2 erased? true"), "{text}");
    let private = of("SELECT coalesce(group_concat(items), '') FROM audit_disclosure").await;
    assert!(!private[0].contains("she called"), "{private:?}");
    let noted = std::fs::read_to_string(folder.join("erasures.ledger")).unwrap();
    assert!(noted.contains("gdpr-17-1-a") && !noted.contains("ann2@"), "{noted}");

    // What is said of it, and by whom.
    let certificate = std::fs::read_to_string(folder.join("certificate.txt")).unwrap();
    let signed = SignedCertificate::parse(&certificate).unwrap();
    let certificate = signed.verify(&[key]).unwrap().to_string();
    assert!(certificate.contains(r#""left":{"explained":9,"records":9}"#), "{certificate}");
    assert!(!certificate.contains("Peeters") && !certificate.contains("ann2@"));
    let journal = of("SELECT body FROM audit_entry").await.concat();
    for action in ["rights.completed", "rights.erasure_certified", "register.breach_closed"] {
        assert!(journal.contains(action), "{action}");
    }
    assert!(!journal.contains("Peeters") && !journal.contains("ann2@"));
    let breaches = std::fs::read_to_string(folder.join("breaches.html")).unwrap();
    assert!(breaches.contains("wrong printer") && breaches.contains("closed"));
    let processing = std::fs::read_to_string(folder.join("processing.html")).unwrap();
    assert!(processing.contains("To keep books") && processing.contains("seven years"));
}

#[test]
fn what_is_there_already_and_what_is_not_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let shop = folder.path().join("shop.db");
    std::fs::write(&shop, "somebody's").unwrap();
    let of = |arguments: &[&Path]| {
        let run = Command::new(env!("CARGO_BIN_EXE_rights-desk")).args(arguments).output().unwrap();
        assert!(!run.status.success());
        String::from_utf8(run.stderr).unwrap()
    };
    assert!(of(&[folder.path()]).contains("is there from another time"));
    assert_eq!(std::fs::read_to_string(&shop).unwrap(), "somebody's");
    let (elsewhere, mistyped) = (folder.path().join("out"), folder.path().join("Chinok.sqlite"));
    assert!(of(&[&elsewhere, &mistyped]).contains("there is no file"));
    assert!(!elsewhere.exists());
}
