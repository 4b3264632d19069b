//! What a database's owner can do by plain SQL, and by which evidence it is found.
//!
//! The chain is number 1, `acme/default`, of 700 entries; 0 opens it, every seventh has a
//! disclosure; checkpoints cover 300, 600 and 700. Statements are written once: `{entry}` is that
//! table in either database, `{at 41}` a condition on its key, `{bytes 00ff}` a literal.

use audit_core::FindingCode::{self, *};

/// One mutation and what has to be said about it.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) statements: &'static [&'static str],
    /// A finding with this code that covers exactly these seqs.
    pub(crate) found: (FindingCode, u64, u64),
}

const fn case(
    name: &'static str,
    statements: &'static [&'static str],
    found: (FindingCode, u64, u64),
) -> Case {
    Case { name, statements, found }
}

pub(crate) const CASES: &[Case] = &[
    // Entries: each is committed to by its tile, by the next entry's `prev` and by every
    // checkpoint above it.
    case(
        "a letter of an action",
        &["UPDATE {entry} SET body = replace(body, 'record.', 'recorf.') WHERE {at 41}"],
        (Altered, 41, 41),
    ),
    case(
        "the opening entry",
        &["UPDATE {entry} SET body = replace(body, 'audit.stress', 'audit.strezz') WHERE {at 0}"],
        (Altered, 0, 0),
    ),
    case(
        "the last entry",
        &["UPDATE {entry} SET body = replace(body, 'record.', 'recorf.') WHERE {at 699}"],
        (Altered, 600, 699),
    ),
    case(
        "the last entry of a full tile",
        &["UPDATE {entry} SET body = replace(body, 'record.', 'recorf.') WHERE {at 255}"],
        (Altered, 255, 255),
    ),
    case(
        "an entry behind the last full tile",
        &["UPDATE {entry} SET body = replace(body, 'record.', 'recorf.') WHERE {at 640}"],
        (Altered, 640, 640),
    ),
    case(
        "when it was sealed",
        &["UPDATE {entry} SET body = replace(body, '\"at\":\"2', '\"at\":\"1') WHERE {at 41}"],
        (Altered, 41, 41),
    ),
    case(
        "the link to the entry before",
        &["UPDATE {entry} SET body = replace(body, '\"prev\":\"', '\"prev\":\"0') WHERE {at 41}"],
        (Altered, 41, 41),
    ),
    case(
        "its own number",
        &["UPDATE {entry} SET body = replace(body, '\"seq\":41', '\"seq\":42') WHERE {at 41}"],
        (Altered, 41, 41),
    ),
    case(
        "the reserved entry it names",
        &[
            "UPDATE {entry} SET body = replace(body, '\"control\":0', '\"control\":1') WHERE {at 41}",
        ],
        (Altered, 41, 41),
    ),
    case(
        "its chain",
        &["UPDATE {entry} SET body = replace(body, 'acme/default', 'acmf/default') WHERE {at 41}"],
        (Altered, 41, 41),
    ),
    case(
        "its version",
        &["UPDATE {entry} SET body = replace(body, '\"v\":1}', '\"v\":2}') WHERE {at 41}"],
        (UnsupportedVersion, 41, 41),
    ),
    case(
        "white space",
        &["UPDATE {entry} SET body = replace(body, '\"v\":1}', '\"v\": 1}') WHERE {at 41}"],
        (Malformed, 41, 41),
    ),
    case(
        "a further member",
        &["UPDATE {entry} SET body = replace(body, '\"v\":1}', '\"v\":1,\"w\":1}') WHERE {at 41}"],
        (Malformed, 41, 41),
    ),
    case(
        "no JSON at all",
        &["UPDATE {entry} SET body = 'nothing' WHERE {at 41}"],
        (Malformed, 41, 41),
    ),
    case(
        "the digest of a private field",
        &["UPDATE {entry} SET body = replace(body, '\":[\"', '\":[\"0') WHERE {at 42}"],
        (Altered, 42, 42),
    ),
    case(
        "the event id beside an entry",
        &["UPDATE {entry} SET id = {id} WHERE {at 41}"],
        (Projection, 41, 41),
    ),
    case("one entry deleted", &["DELETE FROM {entry} WHERE {at 41}"], (Missing, 41, 41)),
    case("the opening entry deleted", &["DELETE FROM {entry} WHERE {at 0}"], (Missing, 0, 0)),
    case(
        "the oldest entries deleted",
        &["DELETE FROM {entry} WHERE {below 100}"],
        (Missing, 1, 99),
    ),
    case(
        "the newest entries deleted",
        &["DELETE FROM {entry} WHERE {from 690}"],
        (Truncated, 690, 699),
    ),
    case("every entry deleted", &["DELETE FROM {entry} WHERE {from 0}"], (Truncated, 0, 699)),
    case("two neighbours swapped", SWAP, (Reordered, 41, 42)),
    case(
        "an entry put behind the end",
        &["INSERT INTO {entry} SELECT {key 700}, {id}{tenant}, body FROM {entry} WHERE {at 41}"],
        (Reordered, 700, 700),
    ),
    case(
        "an entry put in the place of another",
        &[
            "DELETE FROM {entry} WHERE {at 42}",
            "INSERT INTO {entry} SELECT {key 42}, {id}{tenant}, body FROM {entry} WHERE {at 41}",
        ],
        (Reordered, 42, 42),
    ),
    // The head row: a projection of the entries.
    case(
        "the head row counts less",
        &["UPDATE {chain} SET size = 650 WHERE id = 1"],
        (Projection, 699, 699),
    ),
    case(
        "the head row counts more",
        &["UPDATE {chain} SET size = 710 WHERE id = 1"],
        (Missing, 700, 709),
    ),
    case(
        "the head row's hash",
        &["UPDATE {chain} SET head = {zeros 32} WHERE id = 1"],
        (Projection, 699, 699),
    ),
    case(
        "the head row's tree",
        &["UPDATE {chain} SET range = {zeros 160} WHERE id = 1"],
        (Projection, 699, 699),
    ),
    case(
        "the head row's time",
        &["UPDATE {chain} SET at = at + 1 WHERE id = 1"],
        (Projection, 699, 699),
    ),
    case(
        "the head row's reserved entry",
        &["UPDATE {chain} SET control = 5 WHERE id = 1"],
        (Projection, 699, 699),
    ),
    case(
        "the head row's incarnation",
        &["UPDATE {chain} SET incarnation = 2 WHERE id = 1"],
        (Projection, 699, 699),
    ),
    case(
        "the head row's series",
        &["UPDATE {chain} SET series = 'other' WHERE id = 1"],
        (Malformed, 0, 699),
    ),
    case("the head row deleted", &["DELETE FROM {chain} WHERE id = 1"], (Projection, 0, 0)),
    // Disclosures: each is committed to by a digest in its entry.
    case(
        "a disclosure's value",
        &[
            "UPDATE {disclosure} SET items = replace(items, '\"disclosure\":\"W', '\"disclosure\":\"X') WHERE {at 42}",
        ],
        (Disclosure, 42, 42),
    ),
    case(
        "a disclosure's digest",
        &[
            "UPDATE {disclosure} SET items = replace(items, '\"digest\":\"', '\"digest\":\"A') WHERE {at 42}",
        ],
        (Disclosure, 42, 42),
    ),
    case(
        "whose disclosure it is",
        &["UPDATE {disclosure} SET subject = {zeros 16} WHERE {at 42}"],
        (Disclosure, 42, 42),
    ),
    case(
        "a disclosure moved to another entry",
        &["UPDATE {disclosure} SET {set 43} WHERE {at 42}"],
        (Disclosure, 43, 43),
    ),
    case(
        "a disclosure deleted",
        &["DELETE FROM {disclosure} WHERE {at 42}"],
        (ErasedWithoutRecord, 42, 42),
    ),
    case(
        "an empty row of disclosures",
        &["UPDATE {disclosure} SET items = '[]' WHERE {at 42}"],
        (ErasedWithoutRecord, 42, 42),
    ),
    // Tiles: each is committed to by the entries below it and the checkpoints above.
    case(
        "a tile's hashes",
        &["UPDATE {tile} SET hashes = {zeros 8192} WHERE chain = 1 AND level = 0 AND idx = 1"],
        (Altered, 256, 511),
    ),
    case(
        "a tile deleted",
        &["DELETE FROM {tile} WHERE chain = 1 AND level = 0 AND idx = 1"],
        (Missing, 256, 511),
    ),
    case(
        "a tile's level",
        &["UPDATE {tile} SET level = 1 WHERE chain = 1 AND level = 0 AND idx = 1"],
        (Missing, 256, 511),
    ),
    case(
        "a tile's index",
        &["UPDATE {tile} SET idx = 2 WHERE chain = 1 AND level = 0 AND idx = 1"],
        (Missing, 256, 511),
    ),
    case(
        "a tile cut short",
        &[
            "UPDATE {tile} SET hashes = substr(hashes, 1, 3200), width = 100 WHERE chain = 1 AND level = 0 AND idx = 1",
        ],
        (Missing, 256, 511),
    ),
    case(
        "a tile of another chain",
        &["UPDATE {tile} SET chain = 2 WHERE chain = 1 AND level = 0 AND idx = 1"],
        (Missing, 256, 511),
    ),
    // Checkpoints: signed.
    case(
        "a checkpoint's root",
        &[
            "UPDATE {checkpoint} SET note = replace(note, chr10() || '600' || chr10(), chr10() || '600' || chr10() || 'A') WHERE chain = 1 AND size = 600",
        ],
        (Checkpoint, 599, 599),
    ),
    case(
        "a checkpoint's signature",
        &[
            "UPDATE {checkpoint} SET note = substr(note, 1, length(note) - 12) || 'AAAAAAAAAAA' || chr10() WHERE chain = 1 AND size = 600",
        ],
        (Checkpoint, 599, 599),
    ),
    case(
        "the size a checkpoint is filed under",
        &["UPDATE {checkpoint} SET size = 601 WHERE chain = 1 AND size = 600"],
        (Checkpoint, 600, 600),
    ),
    case(
        "the incarnation a checkpoint is filed under",
        &["UPDATE {checkpoint} SET incarnation = 2 WHERE chain = 1 AND size = 600"],
        (Checkpoint, 599, 599),
    ),
    case(
        "a checkpoint of another chain",
        &[
            "UPDATE {checkpoint} SET note = (SELECT note FROM {checkpoint} WHERE chain = 2) WHERE chain = 1 AND size = 600",
        ],
        (Checkpoint, 599, 599),
    ),
    case(
        "what is left of a chain without its entries and head row",
        &["DELETE FROM {entry} WHERE {from 0}", "DELETE FROM {chain} WHERE id = 1"],
        (Truncated, 0, 699),
    ),
    case(
        "disclosures of an entry that there is not",
        &["UPDATE {disclosure} SET {set 900} WHERE {at 42}"],
        (Disclosure, 900, 900),
    ),
    case(
        "one event id for two entries",
        &[
            "{unindex}",
            "UPDATE {entry} SET id = (SELECT id FROM {entry} WHERE {at 40}) WHERE {at 41}",
        ],
        (Malformed, 40, 41),
    ),
    case(
        "the journal's name",
        &["UPDATE {journal} SET name = 'other.example.com'"],
        (Projection, 0, 0),
    ),
    case("the journal's key", &["UPDATE {journal} SET key = 'other'"], (Projection, 0, 0)),
    case("the journal's row deleted", &["DELETE FROM {journal}"], (Projection, 0, 0)),
    // The query index: derived from the entries.
    case(
        "a page of the index deleted",
        &["DELETE FROM {posting} WHERE chain = 1"],
        (Projection, 0, 511),
    ),
    case(
        "a page of the index emptied",
        &["UPDATE {posting} SET postings = {bytes } WHERE chain = 1"],
        (Projection, 0, 511),
    ),
    case(
        "the index of other entries",
        &["UPDATE {posting} SET block = block + 8 WHERE chain = 1"],
        (Projection, 0, 511),
    ),
    case(
        "the index said to reach further",
        &["UPDATE {posted} SET upto = 768 WHERE chain = 1"],
        (Projection, 700, 767),
    ),
];

const SWAP: &[&str] = &[
    "UPDATE {entry} SET {set 900} WHERE {at 41}",
    "UPDATE {entry} SET {set 41} WHERE {at 42}",
    "UPDATE {entry} SET {set 42} WHERE {at 900}",
];

/// The statement for one of the two databases.
pub(crate) fn render(statement: &str, postgres: bool) -> String {
    let mut out = String::new();
    let mut rest = statement;
    while let Some((before, after)) = rest.split_once('{') {
        let (token, after) = after.split_once('}').unwrap();
        out += before;
        out += &token_for(token, postgres);
        rest = after;
    }
    out += rest;
    out.replace("chr10()", if postgres { "chr(10)" } else { "char(10)" })
}

fn token_for(token: &str, postgres: bool) -> String {
    let (word, argument) = token.split_once(' ').unwrap_or((token, ""));
    let position = || (1_u64 << 40) + argument.parse::<u64>().unwrap();
    match (word, postgres) {
        ("at", false) => format!("position = {}", position()),
        ("at", true) => format!("chain = 1 AND seq = {argument}"),
        ("from", false) => format!("position >= {} AND position < {}", position(), 2_u64 << 40),
        ("from", true) => format!("chain = 1 AND seq >= {argument}"),
        ("below", false) => format!("position < {}", position()),
        ("below", true) => format!("chain = 1 AND seq < {argument}"),
        ("set", false) => format!("position = {}", position()),
        ("set", true) => format!("seq = {argument}"),
        ("key", false) => position().to_string(),
        ("key", true) => format!("1, {argument}"),
        ("tenant", false) => String::new(),
        ("tenant", true) => ", tenant".into(),
        ("id", false) => "x'0190aaaaaaaa7aaa8aaaaaaaaaaaaaaa'".into(),
        ("id", true) => "'0190aaaa-aaaa-7aaa-8aaa-aaaaaaaaaaaa'".into(),
        ("zeros", _) => {
            token_for(&format!("bytes {}", "00".repeat(argument.parse().unwrap())), postgres)
        }
        ("unindex", false) => "DROP INDEX audit_entry_id".into(),
        ("unindex", true) => "ALTER TABLE audit.entry DROP CONSTRAINT entry_id".into(),
        ("bytes", false) => format!("x'{argument}'"),
        ("bytes", true) => format!("'\\x{argument}'::bytea"),
        (table, false) => format!("audit_{table}"),
        (table, true) => format!("audit.{table}"),
    }
}
