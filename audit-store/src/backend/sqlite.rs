//! How SQLite does it.

pub(crate) mod append;
pub(crate) mod dispose;
pub(crate) mod hold;
pub(crate) mod index;
pub(crate) mod key;
pub(crate) mod proof;
pub(crate) mod read;
pub(crate) mod retention;
pub(crate) mod rows;
pub(crate) mod setup;
pub(crate) mod stage;
pub(crate) mod tenancy;
pub(crate) mod verify;

/// The bits of a position that hold the seq; the chain's number stands above them.
const SEQ_BITS: u32 = 40;
const SEQ_MASK: i64 = (1 << SEQ_BITS) - 1;

/// The clustered key of an entry. A seq beyond every entry's is the end of its chain.
pub(crate) const fn position(chain: i64, seq: i64) -> i64 {
    let end = 1 << SEQ_BITS;
    (chain << SEQ_BITS).wrapping_add(if seq < end { seq } else { end })
}

/// A list as SQLite's `json_each` reads it.
fn json(list: &(impl serde::Serialize + ?Sized)) -> sqlx::Result<String> {
    serde_json::to_string(list).map_err(|error| sqlx::Error::Encode(error.into()))
}

/// A number that changes when another connection has committed.
async fn data_version(conn: &mut sqlx::SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("PRAGMA data_version").fetch_one(conn).await
}
