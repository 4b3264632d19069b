//! What the database lets go, and how it shows where its owner lets go what should have stayed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    dead_code,
    reason = "a test fails by panicking"
)]

#[path = "support/place.rs"]
mod place;
#[path = "support/years.rs"]
mod years;

use std::fmt::Write as _;

use audit_core::{
    AuditorPolicy, CompactRange, Event, FindingCode, LeafHash, Reserved, SeqRange, Target,
    Timestamp, VerificationReport, entry,
};
use audit_store::{HoldOrder, PruneOptions, VerifyOptions, verify_pool};
use place::{Place, key};
use sqlx::{AssertSqlSafe, Row};
use test_support::{TestDatabase, TestPg, TestSqlite};
use years::{acme, clock, day, days, dpo, numbered, small};

/// The head row of chain 1: size, head, range, control.
type Head = (i64, Vec<u8>, Vec<u8>, i64);

/// What these tests ask of a database beyond what a journal does: they are its owner.
trait Owner: Place {
    async fn head(&self) -> Head;

    /// Takes away what refuses to change the journal's tables.
    async fn disarm(&self);

    /// What is behind a copy that was made while nobody was connected.
    async fn settle(&self);
}

const HEAD: &str = "SELECT size, head, range, control FROM audit_chain WHERE id = 1";

impl Owner for TestSqlite {
    async fn head(&self) -> Head {
        let row = sqlx::query(HEAD).fetch_one(&self.pool(1).await).await.unwrap();
        (row.get(0), row.get(1), row.get(2), row.get(3))
    }

    async fn disarm(&self) {
        let pool = self.pool(1).await;
        let triggers: Vec<String> =
            sqlx::query_scalar("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
                .fetch_all(&pool)
                .await
                .unwrap();
        for trigger in triggers {
            let drop = AssertSqlSafe(format!("DROP TRIGGER {trigger}"));
            sqlx::raw_sql(drop).execute(&pool).await.unwrap();
        }
    }

    async fn settle(&self) {
        self.execute("PRAGMA wal_checkpoint(TRUNCATE)").await.unwrap();
    }
}

impl Owner for TestPg {
    async fn head(&self) -> Head {
        let head = HEAD.replace("audit_", "audit.").replace("size,", "size::bigint,");
        let head = head.replace("control", "control::bigint");
        let head = head.replace("head,", "head::bytea,").replace("range,", "range::bytea,");
        let row = sqlx::query(AssertSqlSafe(head)).fetch_one(&self.pool(1).await).await.unwrap();
        (row.get(0), row.get(1), row.get(2), row.get(3))
    }

    async fn disarm(&self) {
        for table in ["entry", "disclosure", "chain", "tile", "permit", "hold", "schedule"] {
            let off = format!("ALTER TABLE audit_{table} DISABLE TRIGGER ALL");
            self.execute(&off.replace("TABLE audit_", "TABLE audit.")).await.unwrap();
        }
    }

    async fn settle(&self) {}
}

/// The condition that a row is of some entries of chain 1.
fn seqs<T: TestDatabase>(first: u64, last: u64) -> String {
    if T::POSTGRES {
        format!("chain = 1 AND seq BETWEEN {first} AND {last}")
    } else {
        format!("position BETWEEN {} AND {}", (1_u64 << 40) + first, (1_u64 << 40) + last)
    }
}

fn delete<T: TestDatabase>(table: &str, first: u64, last: u64) -> String {
    format!("DELETE FROM audit_{table} WHERE {};", seqs::<T>(first, last))
}

fn hex<T: TestDatabase>(bytes: &[u8]) -> String {
    let digits = bytes.iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    });
    if T::POSTGRES { format!("'\\x{digits}'") } else { format!("x'{digits}'") }
}

/// Seals a reserved entry at the end of chain 1 as the journal does: every hash is right. Returns
/// the statements and its seq.
async fn sealed<T: Owner>(db: &T, at: Timestamp, reserved: &Reserved) -> (String, u64) {
    let (size, head, range, control) = db.head().await;
    let seq = u64::try_from(size).unwrap();
    assert!((seq + 1) % 256 != 0, "a tile would be filled");
    let event = reserved.event(dpo()).unwrap().canonicalize(|_| None).unwrap();
    let mut body = String::new();
    let prev = LeafHash::from_slice(&head).unwrap();
    let control = u64::try_from(control).unwrap();
    let leaf =
        entry::seal(&mut body, seq, &acme(), at, Some(control), &prev, event.as_str()).unwrap();
    let mut tree = CompactRange::from_bytes(seq, &range).unwrap();
    tree.push(leaf);
    let (head, range) = (hex::<T>(leaf.as_bytes()), hex::<T>(&tree.to_bytes()));
    let at = at.as_micros();
    let insert = if T::POSTGRES {
        format!(
            "INSERT INTO audit_entry (chain, seq, id, tenant, body)
             VALUES (1, {seq}, '{}', 'acme', '{body}');",
            event.id()
        )
    } else {
        format!(
            "INSERT INTO audit_entry (position, id, body) VALUES ({}, {}, '{body}');",
            (1_u64 << 40) + seq,
            hex::<T>(event.id().as_bytes())
        )
    };
    let moved = format!(
        "UPDATE audit_chain SET size = {}, head = {head}, range = {range}, at = {at}, control = {seq}
         WHERE id = 1;",
        seq + 1
    );
    (moved + &insert, seq)
}

fn pruning(after: u64, before: u64, cutoff: Timestamp, kept: &[SeqRange]) -> Reserved {
    let (rule, count) = ("10 days".to_owned(), before - after);
    Reserved::Pruned { after, before, count, cutoff, kept: kept.to_vec(), rule }
}

fn permit<T: TestDatabase>(seq: u64, after: u64, before: u64) -> String {
    if T::POSTGRES {
        format!(
            "INSERT INTO audit_permit (chain, tenant, seq, may, xact)
             VALUES (1, 'acme', {seq}, '{{[0,1000000)}}', pg_current_xact_id())
             ON CONFLICT (chain) DO UPDATE SET seq = excluded.seq;"
        )
    } else {
        format!(
            "INSERT INTO audit_permit (chain, seq, after, before)
             VALUES (1, {seq}, {after}, {before});"
        )
    }
}

fn close<T: TestDatabase>() -> &'static str {
    if T::POSTGRES { "" } else { "DELETE FROM audit_permit WHERE chain = 1;" }
}

/// Twenty days of ten entries from seq 2 on; those of record 4 (6, 16, 26 …) are held.
async fn twenty_days<T: Owner>(db: &T) {
    let clock = clock();
    let journal = small(db, &clock).await;
    days::<T>(&journal, &clock, &acme(), 20, 10).await;
    let record = Target::new("record", "r-4");
    let hold = HoldOrder::on_target("acme", &record, "h", "file", dpo());
    journal.place_hold(&hold).await.unwrap();
    journal.close().await;
}

async fn report<T: Owner>(db: &T) -> VerificationReport {
    let policy = AuditorPolicy::new([key().verifier().clone()]);
    verify_pool(&db.pool(4).await, None, &VerifyOptions::new(policy)).await.unwrap()
}

async fn only_what_a_pruning_covers_leaves_by_plain_sql<T: Owner>(db: T) {
    twenty_days(&db).await;
    // 16 is held, though this does not say so.
    let kept = [(6, 7), (26, 26), (36, 36), (46, 46), (56, 56)];
    let (entry, seq) = sealed(&db, day(20), &pruning(2, 60, day(10), &kept)).await;
    let may = permit::<T>(seq, 2, 60);
    let tried =
        async |statements: &str| db.execute(&format!("BEGIN; {statements} COMMIT;")).await.is_ok();
    let entry_of = |first, last| delete::<T>("entry", first, last);
    let fields_of = |first, last| delete::<T>("disclosure", first, last);
    let refused = [
        ("without any entry", entry_of(5, 5)),
        ("without a permit", format!("{entry}{}", entry_of(5, 5))),
        ("a permit that no entry speaks for", may.clone()),
        ("a permit of a reserved entry that is no pruning", permit::<T>(1, 2, 60)),
        ("the boundary", format!("{entry}{may}{}", entry_of(60, 60))),
        ("across the boundary", format!("{entry}{may}{}", entry_of(50, 70))),
        ("before it begins", format!("{entry}{may}{}", entry_of(1, 2))),
        ("what it keeps", format!("{entry}{may}{}", entry_of(7, 7))),
        ("what it keeps, among others", format!("{entry}{may}{}", entry_of(20, 30))),
        ("what is held", format!("{entry}{may}{}", entry_of(16, 16))),
        ("private fields of a record that stands", format!("{entry}{may}{}", fields_of(5, 5))),
        ("private fields beyond it", format!("{entry}{may}{}", fields_of(62, 70))),
        ("an entry of a schedule", "DELETE FROM audit_schedule;".to_owned()),
        ("a hold", "DELETE FROM audit_hold;".to_owned()),
    ];
    for (what, statements) in &refused {
        assert!(!tried(&format!("{statements}{}", close::<T>())).await, "{what}");
    }
    // Whatever covers a reserved one.
    let (all, of) = sealed(&db, day(20), &pruning(0, 60, day(10), &kept)).await;
    let may_all = permit::<T>(of, 0, 60);
    assert!(!tried(&format!("{all}{may_all}{}{}", entry_of(1, 1), close::<T>())).await);
    if !T::POSTGRES {
        // Of other bounds than the entry's, and one that would outlive its transaction.
        assert!(!tried(&format!("{entry}{}{}", permit::<T>(seq, 2, 61), close::<T>())).await);
        assert!(!tried(&format!("{entry}{may}{}", entry_of(5, 5))).await);
        let spared = "DELETE FROM audit_spared;";
        assert!(!tried(&format!("{entry}{may}{spared}{}", close::<T>())).await);
    }
    assert!(report(&db).await.findings().next().is_none());
    // And what is covered, with its private fields.
    let lawful = format!("{entry}{may}{}{}{}", entry_of(2, 5), fields_of(2, 5), close::<T>());
    assert!(tried(&lawful).await);
    // It is no more than what the database can see: that the hashes must be stored is the library's.
    let found = report(&db).await;
    let codes: Vec<_> = found.findings().map(|f| (f.code, f.first_seq, f.last_seq)).collect();
    assert_eq!(codes, [(FindingCode::Missing, 2, 4)], "{found}");
    assert_eq!(found.counts.pruned, 4);
    // In a transaction of its own the same entry permits nothing more.
    let later = format!("{may}{}{}", entry_of(8, 9), close::<T>());
    let late = tried(&later).await;
    assert_eq!(late, !T::POSTGRES, "on SQLite while it is the newest reserved one");
}

/// Each kind of hold, in the database itself; and what only looks like something reserved.
async fn what_is_held_does_not_leave_by_plain_sql<T: Owner>(db: T) {
    let clock = clock();
    let journal = small(&db, &clock).await;
    days::<T>(&journal, &clock, &acme(), 1, 10).await;
    // 12, and 13 with what could be taken for the action of a reserved entry.
    let odd = Target::new("record", "r \"9\"\t\u{e9}");
    let event = Event::builder("record.updated", dpo());
    journal.append(&acme(), event.target(odd.clone()).build().unwrap()).await.unwrap();
    let event = Event::builder("record.updated", dpo()).meta("action", "journal.pruned");
    let event = event.meta("event", serde_json::json!({"action": "journal.pruned"}));
    journal.append(&acme(), event.build().unwrap()).await.unwrap();
    clock.set(day(20));
    journal.append(&acme(), numbered(1)).await.unwrap();
    // 8 is about person 1.
    let person = HoldOrder::on_subject("acme", "person-1", "h-person", "file", dpo());
    journal.place_hold(&person).await.unwrap();
    let target = HoldOrder::on_target("acme", &odd, "h-odd", "file", dpo());
    journal.place_hold(&target).await.unwrap();
    journal.close().await;
    let tried = async |which: u64| {
        let (entry, seq) = sealed(&db, day(20), &pruning(2, 14, day(10), &[])).await;
        let (may, gone) = (permit::<T>(seq, 2, 14), delete::<T>("entry", which, which));
        db.execute(&format!("BEGIN; {entry}{may}{gone}{} COMMIT;", close::<T>())).await.is_ok()
    };
    assert!(!tried(8).await, "about a person on hold");
    assert!(!tried(12).await, "of a record on hold");
    assert!(tried(13).await, "it is not reserved");
    assert!(tried(7).await, "nothing holds it");
    let journal = db.open(&years::with(&clock, years::schedule())).await.unwrap();
    let all = HoldOrder::on_chain(&acme(), "h-all", "file", dpo());
    journal.place_hold(&all).await.unwrap();
    journal.close().await;
    assert!(!tried(6).await, "the whole chain is on hold");
}

/// An owner's change of a journal that was pruned by the rules, and the findings it must give.
struct Case {
    name: &'static str,
    statements: String,
    found: Vec<(FindingCode, u64, u64)>,
}

async fn what_an_owner_takes_shows<T: Owner>(db: T) {
    use FindingCode::*;
    twenty_days(&db).await;
    let clock = clock();
    clock.set(day(20));
    let journal = db.open(&years::with(&clock, years::schedule())).await.unwrap();
    let report_of = journal.prune(&PruneOptions::new().batch(40)).await.unwrap();
    // 11 days but for the held ones and the boundary; the entries are at 203, 204 and 205.
    assert_eq!((report_of.removed(), report_of.chains[0].batches), (98, 3));
    let last = report_of.chains[0].entries.last().unwrap().seq;
    assert_eq!(last, 205);
    journal.checkpoint(&acme()).await.unwrap();
    journal.close().await;
    db.settle().await;
    assert!(report(&db).await.findings().next().is_none());

    let gone =
        |first, last| delete::<T>("entry", first, last) + &delete::<T>("disclosure", first, last);
    let replace = |seq: u64, from: &str, to: &str| {
        format!(
            "UPDATE audit_entry SET body = replace(body, '{from}', '{to}') WHERE {};",
            seqs::<T>(seq, seq)
        )
    };
    let (place, base) = if T::POSTGRES { ("seq", 0) } else { ("position", 1_u64 << 40) };
    let swap = |one: u64, other: u64| {
        let (one, other) = (base + one, base + other);
        let chain = if T::POSTGRES { "a.chain = 1 AND b.chain = 1 AND" } else { "" };
        format!(
            "UPDATE audit_entry AS a SET body = b.body FROM audit_entry AS b
             WHERE {chain} a.{place} IN ({one}, {other}) AND b.{place} IN ({one}, {other})
                AND a.{place} <> b.{place};"
        )
    };
    let by_hand = async |reserved: Reserved, statements: &str| {
        sealed(&db, day(20), &reserved).await.0 + statements
    };
    let case = |name, statements, found: &[(FindingCode, u64, u64)]| Case {
        name,
        statements,
        found: found.to_vec(),
    };
    let cases = [
        case("one record too many", gone(112, 112), &[(Missing, 112, 112)]),
        case("the boundary", gone(111, 111), &[(Missing, 111, 111)]),
        case("a held record that the pruning keeps", gone(16, 16), &[(Missing, 16, 16)]),
        case(
            "a held record, under a pruning that does not keep it",
            by_hand(pruning(2, 111, day(10), &[]), &gone(16, 16)).await,
            &[(HoldViolated, 16, 16)],
        ),
        case(
            "records that are not old, under a pruning with too late a cutoff",
            by_hand(pruning(112, 122, day(11), &[(116, 116)]), &(gone(112, 115) + &gone(117, 121)))
                .await,
            &[(PrunedTooEarly, 112, 121)],
        ),
        case(
            "records that are not old, under a pruning with a lawful cutoff",
            by_hand(pruning(112, 122, day(10), &[(116, 116)]), &(gone(112, 115) + &gone(117, 121)))
                .await,
            &[(PrunedTooEarly, 112, 121)],
        ),
        case(
            "a reserved entry, under a pruning that spans it",
            by_hand(pruning(2, 111, day(10), &[]), &gone(1, 1)).await,
            &[(Missing, 1, 1)],
        ),
        case(
            "the entry of a hold, and the pruning rewritten to span it",
            gone(202, 202) + &replace(205, "\"before\":111", "\"before\":204"),
            &[(Missing, 202, 202), (Altered, 0, 205)],
        ),
        case("the entry of a pruning", gone(204, 204), &[(Missing, 204, 204)]),
        case(
            "a pruning that reaches beyond itself",
            by_hand(pruning(112, 300, day(10), &[]), &gone(112, 115)).await,
            &[(Malformed, 206, 206), (Missing, 112, 115)],
        ),
        case("a period made shorter", replace(1, "\"P10D\"", "\"P9D\""), &[(Altered, 1, 1)]),
        case("the boundary and its neighbour swapped", swap(111, 112), &[(Reordered, 111, 112)]),
        case(
            "the boundary made older",
            replace(111, "\"at\":\"2026-01-11", "\"at\":\"2026-01-01"),
            &[(Altered, 111, 111)],
        ),
        case(
            "a private field by hand",
            delete::<T>("disclosure", 115, 115),
            &[(ErasedWithoutRecord, 115, 115)],
        ),
        case(
            "private fields put back",
            {
                let place = if T::POSTGRES { "1, 5" } else { "1099511627781" };
                let tenant = if T::POSTGRES { ", 'acme'" } else { "" };
                let subject = hex::<T>(&[7; 16]);
                format!(
                    "INSERT INTO audit_disclosure SELECT {place}, {subject}{tenant}, items
                     FROM audit_disclosure WHERE {};",
                    seqs::<T>(115, 115)
                )
            },
            &[(Disclosure, 5, 5)],
        ),
    ];
    let mut wrong = Vec::new();
    for case in cases {
        let copy = db.copy().await;
        copy.disarm().await;
        copy.execute(&case.statements).await.unwrap_or_else(|e| panic!("{}: {e}", case.name));
        let report = report(&copy).await;
        for found in &case.found {
            let is_there = report.findings().any(|f| (f.code, f.first_seq, f.last_seq) == *found);
            if !is_there {
                wrong.push(format!("{}: no {found:?} in\n{report}", case.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

test_support::both_databases!(
    only_what_a_pruning_covers_leaves_by_plain_sql,
    what_is_held_does_not_leave_by_plain_sql,
    what_an_owner_takes_shows,
);
