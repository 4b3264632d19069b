//! An operator who rewrites history consistently: every link, tile and head row anew. Only what is
//! signed, and what is kept outside, speaks against it.

use std::fmt::Write as _;

use audit_core::{
    Checkpoint, CompactRange, Entry, FindingCode, LeafHash, SigningKey, TreeHead, Verdict, entry,
};
use sqlx::Pool;
use test_support::TestDatabase;

use crate::cases::render;
use crate::{Original, Owner, SIZE, support};

/// The first entry that is rewritten.
const FROM: usize = 41;

/// A chain's tables, written anew.
struct Forgery {
    bodies: Vec<String>,
    leaves: Vec<LeafHash>,
}

impl Forgery {
    /// Rewrites entry 41 and seals everything after it again.
    fn of(mut bodies: Vec<String>) -> Self {
        let mut leaves: Vec<LeafHash> = Vec::new();
        for seq in 0..bodies.len() {
            if seq >= FROM {
                let old = Entry::parse(&bodies[seq]).unwrap();
                let (_, event) = bodies[seq].split_once(",\"event\":").unwrap();
                let (event, _) = event.rsplit_once(",\"prev\":\"").unwrap();
                let event = if seq == FROM {
                    event.replace("record.updated", "record.deleted")
                } else {
                    event.to_owned()
                };
                let mut body = String::new();
                let prev = leaves[seq - 1];
                let seq = seq as u64;
                entry::seal(
                    &mut body,
                    seq,
                    &support::chain(),
                    old.at(),
                    old.control(),
                    &prev,
                    &event,
                )
                .unwrap();
                bodies[seq as usize] = body;
            }
            leaves.push(LeafHash::of(bodies[seq].as_bytes()));
        }
        Self { bodies, leaves }
    }

    fn range(&self, size: usize) -> CompactRange {
        let mut range = CompactRange::default();
        self.leaves[..size].iter().for_each(|leaf| range.push(*leaf));
        range
    }

    /// Puts it in the place of what was written, without the index, which is then made anew.
    async fn replace<DB: Owner>(&self, pool: &Pool<DB>, postgres: bool) {
        let mut statements = Vec::new();
        for (seq, body) in self.bodies.iter().enumerate().skip(FROM) {
            // The entry's own braces are no tokens.
            let statement = format!("UPDATE {{entry}} SET body = 'BODY' WHERE {{at {seq}}}");
            let body = body.replace('\'', "''");
            statements.push(render(&statement, postgres).replace("BODY", &body));
        }
        for (tile, leaves) in self.leaves.chunks_exact(256).enumerate() {
            let bytes = hex(leaves.iter().flat_map(|leaf| *leaf.as_bytes()));
            let statement = format!(
                "UPDATE {{tile}} SET hashes = {{bytes {bytes}}} \
                 WHERE chain = 1 AND level = 0 AND idx = {tile}"
            );
            statements.push(render(&statement, postgres));
        }
        let range = hex(self.range(self.leaves.len()).to_bytes());
        let head = hex(*self.leaves.last().unwrap().as_bytes());
        for statement in [
            &format!(
                "UPDATE {{chain}} SET head = {{bytes {head}}}, range = {{bytes {range}}} \
                 WHERE id = 1"
            ),
            // The narrow tiles above are a help to proofs and may be missing.
            "DELETE FROM {tile} WHERE chain = 1 AND level > 0",
            "DELETE FROM {posting} WHERE chain = 1",
            "UPDATE {posted} SET upto = 0 WHERE chain = 1",
        ] {
            statements.push(render(statement, postgres));
        }
        for statement in statements {
            DB::run(pool, &statement).await.unwrap();
        }
    }
}

fn hex(bytes: impl IntoIterator<Item = u8>) -> String {
    bytes.into_iter().fold(String::new(), |mut out, byte| {
        write!(out, "{byte:02x}").unwrap();
        out
    })
}

async fn forged<T: TestDatabase<Db: Owner>>(original: &Original<T>) -> (T, Pool<T::Db>, Forgery) {
    let (copy, pool) = original.disarmed().await;
    let bodies = T::Db::bodies(&pool).await;
    assert_eq!(bodies.len() as u64, SIZE);
    let forgery = Forgery::of(bodies);
    forgery.replace(&pool, T::POSTGRES).await;
    (copy, pool, forgery)
}

async fn run<T: TestDatabase<Db: Owner>>(pool: &Pool<T::Db>, statement: &str) {
    let statement = render(statement, T::POSTGRES);
    assert!(T::Db::run(pool, &statement).await.unwrap() > 0, "{statement}");
}

pub(crate) async fn history_rewritten_under_its_checkpoints_is_found<T: TestDatabase<Db: Owner>>(
    db: T,
) {
    let original = Original::<T>::write(db).await;
    let (_copy, pool, _) = forged(&original).await;
    let report = original.audit(&pool, false).await;
    let altered = report.findings().find(|finding| finding.code == FindingCode::Altered).unwrap();
    // The first checkpoint above it: nothing says more exactly which of the 300 it was.
    assert_eq!((altered.first_seq, altered.last_seq), (0, 299), "{report}");
    pool.close().await;
}

/// Without its checkpoints nothing is wrong with such a history, and nothing is shown either; one
/// kept outside is enough.
pub(crate) async fn history_rewritten_without_checkpoints_needs_one_from_outside<
    T: TestDatabase<Db: Owner>,
>(
    db: T,
) {
    let original = Original::<T>::write(db).await;
    let (_copy, pool, _) = forged(&original).await;
    run::<T>(&pool, "DELETE FROM {checkpoint} WHERE chain = 1").await;
    let report = original.audit(&pool, false).await;
    assert_eq!(report.verdict, Verdict::Unproven, "{report}");
    assert_eq!(report.information.unsigned, SIZE);
    let report = original.audit(&pool, true).await;
    assert!(report.findings().any(|finding| finding.code == FindingCode::RolledBack), "{report}");
    pool.close().await;
}

/// A key of the forger's own is a key that nobody vouches for.
pub(crate) async fn history_signed_again_with_another_key_is_not_shown<
    T: TestDatabase<Db: Owner>,
>(
    db: T,
) {
    let original = Original::<T>::write(db).await;
    let (_copy, pool, forgery) = forged(&original).await;
    let origin = original.kept.checkpoint().origin.clone();
    let forger = SigningKey::from_seed(origin.journal().as_str(), &[9; 32]).unwrap();
    for size in [300, 600, SIZE as usize] {
        let head = TreeHead::new(size as u64, forgery.range(size).root());
        let note = Checkpoint::new(origin.clone(), head).sign(&forger).unwrap();
        let statement =
            format!("UPDATE {{checkpoint}} SET note = '{note}' WHERE chain = 1 AND size = {size}");
        run::<T>(&pool, &statement).await;
    }
    let report = original.audit(&pool, false).await;
    assert_eq!(report.verdict, Verdict::Unproven, "{report}");
    assert_eq!(report.information.unknown_key, 3, "{report}");
    // The row that tells the key is held against the entry that opened the chain.
    run::<T>(&pool, &format!("UPDATE {{journal}} SET key = '{}'", forger.verifier())).await;
    let report = original.audit(&pool, false).await;
    assert!(report.findings().any(|finding| finding.code == FindingCode::Projection), "{report}");
    let report = original.audit(&pool, true).await;
    assert!(report.findings().any(|finding| finding.code == FindingCode::RolledBack), "{report}");
    pool.close().await;
}

/// A tail that is gone without a trace is missed only by whoever kept a checkpoint of it.
pub(crate) async fn a_chain_cut_back_consistently_is_found_by_a_kept_checkpoint<
    T: TestDatabase<Db: Owner>,
>(
    db: T,
) {
    let original = Original::<T>::write(db).await;
    let (_copy, pool) = original.disarmed().await;
    let bodies = T::Db::bodies(&pool).await;
    let whole =
        Forgery { leaves: bodies.iter().map(|b| LeafHash::of(b.as_bytes())).collect(), bodies };
    let (head, range) = (hex(*whole.leaves[649].as_bytes()), hex(whole.range(650).to_bytes()));
    run::<T>(&pool, "DELETE FROM {entry} WHERE {from 650}").await;
    run::<T>(&pool, "DELETE FROM {disclosure} WHERE {from 650}").await;
    run::<T>(&pool, "DELETE FROM {checkpoint} WHERE chain = 1 AND size = 700").await;
    let at = Entry::parse(&whole.bodies[649]).unwrap().at().as_micros();
    run::<T>(
        &pool,
        &format!(
            "UPDATE {{chain}} SET size = 650, head = {{bytes {head}}}, range = {{bytes {range}}}, \
             at = {at} WHERE id = 1"
        ),
    )
    .await;
    let report = original.audit(&pool, false).await;
    assert_eq!(report.verdict, Verdict::Unproven, "{report}");
    assert_eq!(report.information.unsigned, 50, "{report}");
    let report = original.audit(&pool, true).await;
    let found = report
        .findings()
        .any(|finding| matches!(finding.code, FindingCode::Truncated | FindingCode::RolledBack));
    assert!(found, "{report}");
    pool.close().await;
}

pub(crate) async fn a_chain_that_is_gone_is_missed_by_whoever_knew_it<
    T: TestDatabase<Db: Owner>,
>(
    db: T,
) {
    let original = Original::<T>::write(db).await;
    let (_copy, pool) = original.disarmed().await;
    run::<T>(&pool, "DELETE FROM {entry} WHERE {from 0}").await;
    run::<T>(&pool, "DELETE FROM {disclosure} WHERE {from 0}").await;
    for table in ["checkpoint", "tile", "posting", "posted"] {
        run::<T>(&pool, &format!("DELETE FROM {{{table}}} WHERE chain = 1")).await;
    }
    run::<T>(&pool, "DELETE FROM {chain} WHERE id = 1").await;
    assert!(original.audit(&pool, false).await.is_intact());
    let report = original.audit(&pool, true).await;
    assert!(report.findings().any(|finding| finding.chain == support::chain()), "{report}");
    pool.close().await;
}
