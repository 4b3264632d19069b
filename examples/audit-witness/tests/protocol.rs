//! The witness over real HTTP: what C2SP tlog-witness says, status by status.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    missing_docs,
    reason = "a test fails by panicking"
)]

mod support;

use audit_core::{Clock, SignedCheckpoint, SystemClock, Timestamp, WitnessCosignatures};
use reqwest::{Client, Method};
use support::{Home, Log, Witness, key, text, tool};

struct Answer {
    status: u16,
    kind: String,
    body: String,
}

async fn post(witness: &Witness, body: impl Into<reqwest::Body>) -> Answer {
    send(Method::POST, &format!("{}/add-checkpoint", witness.url), body).await
}

async fn send(method: Method, url: &str, body: impl Into<reqwest::Body>) -> Answer {
    let client = Client::builder().no_proxy().build().unwrap();
    let response = client.request(method, url).body(body).send().await.unwrap();
    let kind = response.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
    Answer {
        status: response.status().as_u16(),
        kind: kind.unwrap_or_default(),
        body: response.text().await.unwrap(),
    }
}

async fn conflicts(witness: &Witness, body: String, size: u64) {
    let answer = post(witness, body).await;
    assert_eq!((answer.status, answer.body), (409, format!("{size}\n")));
    assert_eq!(answer.kind, "text/x.tlog.size");
}

fn seconds(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(1_000_000)
}

#[tokio::test]
async fn each_case_has_its_status() {
    let log = Log::new("acme/default");
    let home = Home::new(&[log.key.verifier().clone()]);
    let witness = home.serve();
    let before = SystemClock.now();

    // 200: from nothing, from the last, and the last once more.
    let mut cosigned = 0;
    for (old, new) in [(0, 5), (5, 5), (5, 12), (12, 300)] {
        let answer = post(&witness, log.request(old, new).to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let answer = WitnessCosignatures::parse(&answer.body).unwrap();
        let cosignature = answer.by(&home.vkey, log.signed(new).note().text()).unwrap();
        assert!(seconds(before) <= seconds(cosignature.at()));
        assert!(cosignature.at() <= SystemClock.now());
        cosigned = new;
    }
    // 409 with the size: another old size, however it is proven, and another root of the same size.
    for (old, new) in [(0, 300), (0, 301), (5, 301), (299, 300), (301, 310)] {
        conflicts(&witness, log.request(old, new).to_string(), cosigned).await;
    }
    let forked = Log::new("acme/default").forked_at(100);
    conflicts(&witness, forked.request(300, 300).to_string(), cosigned).await;
    // 422: what does not continue the last.
    let mut wrong = log.request(300, 310).to_string();
    wrong = wrong.replacen(wrong.lines().nth(1).unwrap(), &"A".repeat(43), 1).replacen(
        &"A".repeat(43),
        &format!("{}=", "A".repeat(43)),
        1,
    );
    for body in [wrong, forked.request(300, 310).to_string(), unproven(&log)] {
        let answer = post(&witness, body).await;
        assert_eq!(answer.status, 422, "{}", answer.body);
    }
    // 400: an old size beyond the checkpoint's, and what is no request.
    let larger = log.request(0, 20).to_string().replacen("old 0", "old 21", 1);
    for body in [larger, String::new(), "old 300\n".to_owned(), "<html>".to_owned()] {
        assert_eq!(post(&witness, body).await.status, 400);
    }
    assert_eq!(post(&witness, vec![0xff, 0xfe]).await.status, 400);
    assert_eq!(post(&witness, "x".repeat(70_000)).await.status, 413);
    // 403: nobody's signature that is known. 404: nobody's log.
    let thief = Log::new("acme/default").signed_by(key(8));
    assert_eq!(post(&witness, thief.request(300, 301).to_string()).await.status, 403);
    let altered = log.request(300, 301).to_string().replace("\n301\n", "\n302\n");
    assert_eq!(post(&witness, altered).await.status, 403);
    let foreign = audit_core::SigningKey::from_seed("audit.example.org", &[7; 32]).unwrap();
    let mut stranger = Log::new("acme/default").signed_by(foreign);
    stranger.origin = "audit.example.org/acme/default/1".to_owned();
    assert_eq!(post(&witness, stranger.request(0, 3).to_string()).await.status, 404);
    // Nothing else is served.
    for (method, path) in
        [(Method::GET, "/add-checkpoint"), (Method::POST, "/"), (Method::GET, "/x")]
    {
        let status = send(method, &format!("{}{path}", witness.url), "").await.status;
        assert!(status == 404 || status == 405, "{path}: {status}");
    }
    // None of that moved it; another chain of the journal is another log.
    conflicts(&witness, log.request(0, 301).to_string(), cosigned).await;
    let other = Log::new("globex/default");
    assert_eq!(post(&witness, other.request(0, 2).to_string()).await.status, 200);
    assert_eq!(post(&witness, log.request(300, 301).to_string()).await.status, 200);
}

/// With a proof where none belongs.
fn unproven(log: &Log) -> String {
    let mut lines: Vec<_> = log.request(300, 310).to_string().lines().map(str::to_owned).collect();
    let line = lines[1].clone();
    lines.insert(1, line);
    lines.join("\n") + "\n"
}

#[tokio::test]
async fn what_it_cosigned_outlives_it() {
    let log = Log::new("acme/default");
    let home = Home::new(&[log.key.verifier().clone()]);
    let witness = home.serve();
    assert_eq!(post(&witness, log.request(0, 9).to_string()).await.status, 200);
    // It prints what it cosigned, to whoever verifies.
    let latest = home.latest(&log.origin);
    let note = SignedCheckpoint::parse(&text(&latest.stdout)).unwrap();
    assert_eq!(note.verify(log.key.verifier()).unwrap().head, log.head(9));
    assert_eq!(note.verify_cosignatures(std::slice::from_ref(&home.vkey)).unwrap().len(), 1);
    assert_eq!(home.latest("audit.example.com/none/default/1").status.code(), Some(2));
    let list = tool(&["latest", "--config", home.config().to_str().unwrap()]);
    assert!(text(&list.stdout).contains(&log.origin), "{list:?}");
    assert_eq!(witness.terminate().code(), Some(0));

    // A new key of the log, beside the old one.
    let new = Log::new("acme/default").signed_by(key(8));
    home.configure(&[log.key.verifier().clone(), new.key.verifier().clone()]);
    let witness = home.serve();
    conflicts(&witness, log.request(0, 10).to_string(), 9).await;
    assert_eq!(post(&witness, new.request(9, 10).to_string()).await.status, 200);
    assert_eq!(post(&witness, log.request(10, 11).to_string()).await.status, 200);
    assert_eq!(witness.terminate().code(), Some(0));
}

#[tokio::test]
async fn it_starts_with_what_is_its_own_only() {
    let log = key(7).verifier().clone();
    let home = Home::new(std::slice::from_ref(&log));
    let serve = |config: &std::path::Path| tool(&["serve", "--config", config.to_str().unwrap()]);
    let failed = serve(&home.config());
    assert_eq!(failed.status.code(), Some(2));
    assert!(text(&failed.stderr).contains("--create"), "{failed:?}");
    assert!(!home.path().join("w1.db").exists());
    assert_eq!(home.serve().terminate().code(), Some(0));
    // Another key's memory.
    let other = Home::new(&[log]);
    std::fs::copy(home.path().join("w1.db"), other.path().join("w1.db")).unwrap();
    let failed = serve(&other.config());
    assert!(text(&failed.stderr).contains("belongs to the witness"), "{failed:?}");
    std::fs::write(other.path().join("w1.db"), "").unwrap();
    let failed = serve(&other.config());
    assert!(text(&failed.stderr).contains("no database of a witness"), "{failed:?}");
    // Its key is made once.
    let again = tool(&["keygen", "w", "--out", home.path().join("w1").to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(2));
    let spaces = tool(&["keygen", "a b", "--out", home.path().join("w2").to_str().unwrap()]);
    assert_eq!(spaces.status.code(), Some(2));
}
