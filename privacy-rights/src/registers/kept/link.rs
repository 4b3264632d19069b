//! Rows that say whose history of preferences one is.

use std::collections::BTreeSet;

use crate::backend::{Backend, fixed};
use crate::registers::kept::error::RegistersError;

/// A keyed token of an identifier, and the identifier's kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Token {
    pub(super) token: String,
    pub(super) kind: String,
}

/// The histories that are linked to a token.
pub(super) async fn histories<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    tokens: impl IntoIterator<Item = &Token>,
) -> Result<BTreeSet<String>, RegistersError> {
    let sql = "SELECT id FROM privacy_preference_person WHERE tenant = $1 AND token = $2";
    let mut ids = BTreeSet::new();
    for one in tokens {
        let values = vec![tenant.into(), one.token.as_str().into()];
        for mut row in DB::fetch(conn, fixed(sql), values).await? {
            ids.insert(row.text()?);
        }
    }
    Ok(ids)
}

/// The tokens of a history.
pub(super) async fn tokens<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    id: &str,
) -> Result<BTreeSet<Token>, RegistersError> {
    let sql = "SELECT token, kind FROM privacy_preference_person WHERE tenant = $1 AND id = $2";
    let mut tokens = BTreeSet::new();
    for mut row in DB::fetch(conn, fixed(sql), vec![tenant.into(), id.into()]).await? {
        tokens.insert(Token { token: row.text()?, kind: row.text()? });
    }
    Ok(tokens)
}

/// Links a history to a token.
pub(super) async fn link<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    token: &Token,
    id: &str,
) -> Result<(), RegistersError> {
    let sql = "INSERT INTO privacy_preference_person (tenant, token, kind, id)
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let (kind, token) = (token.kind.as_str(), token.token.as_str());
    let values = vec![tenant.into(), token.into(), kind.into(), id.into()];
    DB::execute(conn, fixed(sql), values).await?;
    Ok(())
}

/// Takes a token off a history.
pub(super) async fn unlink<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    token: &Token,
    id: &str,
) -> Result<(), RegistersError> {
    let sql = "DELETE FROM privacy_preference_person WHERE tenant = $1 AND token = $2 AND id = $3";
    let values = vec![tenant.into(), token.token.as_str().into(), id.into()];
    DB::execute(conn, fixed(sql), values).await?;
    Ok(())
}

/// Histories that are somebody's, from after one on.
pub(super) async fn linked<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    after: &str,
) -> Result<Vec<String>, RegistersError> {
    let sql = "SELECT DISTINCT id FROM privacy_preference_person
         WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT 500";
    let mut ids = Vec::new();
    for mut row in DB::fetch(conn, fixed(sql), vec![tenant.into(), after.into()]).await? {
        ids.push(row.text()?);
    }
    Ok(ids)
}
