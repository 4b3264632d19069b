//! Rows of bundles, and whose turn it is.

use audit_core::Timestamp;
use uuid::Uuid;

use super::token::Given;
use crate::backend::value::{Fields, Value};
use crate::backend::{Backend, fixed};
use crate::desk::error::DeskError;
use crate::erasure::store;

/// The state of an export that is under way.
pub(super) const MAKING: &str = "making";

pub(super) struct Row {
    pub(super) request: Uuid,
    pub(super) state: String,
}

fn sorted(tokens: &[String]) -> Vec<&str> {
    let mut tokens: Vec<&str> = tokens.iter().map(String::as_str).collect();
    // In one order everywhere, so that two that overlap do not wait for each other.
    tokens.sort_unstable();
    tokens.dedup();
    tokens
}

/// Waits until nobody else takes a lease of the person, or begins an export, in an open transaction.
/// To be left in the same one.
pub(crate) async fn take_turns<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    tokens: &[String],
) -> Result<(), DeskError> {
    for token in sorted(tokens) {
        let sql = "INSERT INTO privacy_turn (tenant, token) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        if DB::execute(conn, fixed(sql), vec![tenant.into(), token.into()]).await? == 0 {
            return Err(DeskError::Conflict);
        }
    }
    Ok(())
}

pub(crate) async fn leave_turns<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    tokens: &[String],
) -> Result<(), DeskError> {
    for token in sorted(tokens) {
        let sql = "DELETE FROM privacy_turn WHERE tenant = $1 AND token = $2";
        DB::execute(conn, fixed(sql), vec![tenant.into(), token.into()]).await?;
    }
    Ok(())
}

pub(super) async fn is_leased<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    tokens: &[String],
) -> Result<bool, DeskError> {
    for token in sorted(tokens) {
        if store::is_leased::<DB>(conn, tenant, token).await? {
            return Ok(true);
        }
    }
    Ok(false)
}

pub(super) async fn insert<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    (id, request, at): (Uuid, Uuid, Timestamp),
    tokens: &[String],
) -> Result<(), DeskError> {
    let sql = "INSERT INTO privacy_bundle (id, tenant, request, state, begun_at)
         VALUES ($1, $2, $3, 'making', $4)";
    let values: Vec<Value> = vec![
        id.to_string().into(),
        tenant.into(),
        request.to_string().into(),
        at.as_micros().into(),
    ];
    DB::execute(conn, fixed(sql), values).await?;
    let sql = "INSERT INTO privacy_bundle_person (tenant, token, bundle) VALUES ($1, $2, $3)";
    for token in sorted(tokens) {
        let values = vec![tenant.into(), token.into(), id.to_string().into()];
        DB::execute(conn, fixed(sql), values).await?;
    }
    Ok(())
}

pub(super) async fn load<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    id: Uuid,
) -> Result<Option<Row>, DeskError> {
    let sql = "SELECT request, state FROM privacy_bundle WHERE tenant = $1 AND id = $2";
    let values = vec![tenant.into(), id.to_string().into()];
    let Some(mut row) = DB::fetch(conn, fixed(sql), values).await?.pop() else { return Ok(None) };
    Ok(Some(Row { request: uuid(&mut row)?, state: row.text()? }))
}

/// Makes an export that still stands ready; whether it does.
pub(super) async fn publish<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    id: Uuid,
    (expires_at, given): (Timestamp, &Given),
) -> Result<bool, DeskError> {
    let sql = "UPDATE privacy_bundle SET state = 'ready', expires_at = $1, lookup = $2, hash = $3
         WHERE tenant = $4 AND id = $5 AND state = 'making'";
    let values: Vec<Value> = vec![
        expires_at.as_micros().into(),
        given.lookup.as_str().into(),
        given.text().into(),
        tenant.into(),
        id.to_string().into(),
    ];
    Ok(DB::execute(conn, fixed(sql), values).await? > 0)
}

/// A bundle that is ready, its request, and what is stored of its token.
pub(super) async fn by_lookup<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    lookup: &str,
) -> Result<Option<(Uuid, Uuid, String)>, DeskError> {
    let sql = "SELECT id, request, hash FROM privacy_bundle
         WHERE tenant = $1 AND lookup = $2 AND state = 'ready'";
    let values = vec![tenant.into(), lookup.into()];
    let Some(mut row) = DB::fetch(conn, fixed(sql), values).await?.pop() else { return Ok(None) };
    Ok(Some((uuid(&mut row)?, uuid(&mut row)?, row.text()?)))
}

/// Locks the row of a bundle that is ready and not over; whether it is.
pub(super) async fn may_be_had<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    id: Uuid,
    now: Timestamp,
) -> Result<bool, DeskError> {
    let sql = "UPDATE privacy_bundle SET state = 'ready'
         WHERE tenant = $1 AND id = $2 AND state = 'ready' AND expires_at > $3";
    let values = vec![tenant.into(), id.to_string().into(), now.as_micros().into()];
    Ok(DB::execute(conn, fixed(sql), values).await? > 0)
}

/// Takes the token from a bundle, or cancels an export; whether it was there to be taken.
pub(super) async fn doom<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    id: Uuid,
) -> Result<bool, DeskError> {
    let sql = "UPDATE privacy_bundle SET state = 'doomed', lookup = NULL, hash = NULL
         WHERE tenant = $1 AND id = $2 AND state <> 'doomed'";
    let values = vec![tenant.into(), id.to_string().into()];
    Ok(DB::execute(conn, fixed(sql), values).await? > 0)
}

pub(super) async fn of_person<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    tokens: &[String],
) -> Result<Vec<Uuid>, DeskError> {
    let mut ids = Vec::new();
    for token in sorted(tokens) {
        let sql = "SELECT bundle FROM privacy_bundle_person WHERE tenant = $1 AND token = $2";
        for mut row in DB::fetch(conn, fixed(sql), vec![tenant.into(), token.into()]).await? {
            ids.push(uuid(&mut row)?);
        }
    }
    ids.sort_unstable();
    ids.dedup();
    Ok(ids)
}

/// What is doomed, with its request.
pub(super) async fn doomed<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
) -> Result<Vec<(Uuid, Uuid)>, DeskError> {
    let sql = "SELECT id, request FROM privacy_bundle
         WHERE tenant = $1 AND state = 'doomed' ORDER BY id";
    let mut all = Vec::new();
    for mut row in DB::fetch(conn, fixed(sql), vec![tenant.into()]).await? {
        all.push((uuid(&mut row)?, uuid(&mut row)?));
    }
    Ok(all)
}

pub(super) async fn expired<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    now: Timestamp,
) -> Result<Vec<Uuid>, DeskError> {
    let sql = "SELECT id FROM privacy_bundle
         WHERE tenant = $1 AND state = 'ready' AND expires_at <= $2 ORDER BY id";
    let values = vec![tenant.into(), now.as_micros().into()];
    DB::fetch(conn, fixed(sql), values).await?.iter_mut().map(uuid).collect()
}

pub(super) async fn given_up<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    before: Timestamp,
) -> Result<Vec<Uuid>, DeskError> {
    let sql = "SELECT id FROM privacy_bundle
         WHERE tenant = $1 AND state = 'making' AND begun_at <= $2 ORDER BY id";
    let values = vec![tenant.into(), before.as_micros().into()];
    DB::fetch(conn, fixed(sql), values).await?.iter_mut().map(uuid).collect()
}

/// Removes the row of what is doomed; whether it was there.
pub(super) async fn delete<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    id: Uuid,
) -> Result<bool, DeskError> {
    let sql = "DELETE FROM privacy_bundle_person WHERE tenant = $1 AND bundle = $2";
    let values = || vec![tenant.into(), id.to_string().into()];
    DB::execute(conn, fixed(sql), values()).await?;
    let sql = "DELETE FROM privacy_bundle WHERE tenant = $1 AND id = $2 AND state = 'doomed'";
    Ok(DB::execute(conn, fixed(sql), values()).await? > 0)
}

fn uuid(row: &mut Fields) -> Result<Uuid, DeskError> {
    row.text()?.parse().map_err(|_| DeskError::Damaged)
}
