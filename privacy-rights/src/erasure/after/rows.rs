//! What is stored of it. Each change is of what is still as it was read.

use audit_core::Timestamp;
use uuid::Uuid;

use crate::backend::value::Value;
use crate::backend::{Backend, fixed};
use crate::erasure::error::EraseError;
use crate::erasure::store::{Body, ErasureState, word};

async fn change<DB: Backend>(
    conn: &mut DB::Connection,
    sql: &'static str,
    values: Vec<Value>,
) -> Result<(), EraseError> {
    match DB::execute(conn, fixed(sql), values).await? {
        0 => Err(EraseError::Conflict),
        _ => Ok(()),
    }
}

pub(super) async fn set_looked<DB: Backend>(
    conn: &mut DB::Connection,
    request: Uuid,
    state: ErasureState,
    at: Timestamp,
) -> Result<(), EraseError> {
    let sql = "UPDATE privacy_erasure SET looked_at = $1
         WHERE request = $2 AND state = $3 AND looked_at IS NULL";
    let values = vec![at.as_micros().into(), request.to_string().into(), word(&state)?.into()];
    change::<DB>(conn, sql, values).await
}

pub(super) async fn set_part_two<DB: Backend>(
    conn: &mut DB::Connection,
    request: Uuid,
    state: ErasureState,
    text: &str,
) -> Result<(), EraseError> {
    let sql = "UPDATE privacy_erasure SET part_two = $1
         WHERE request = $2 AND state = $3 AND part_two IS NULL AND part_two_signed IS NULL";
    let values = vec![text.into(), request.to_string().into(), word(&state)?.into()];
    change::<DB>(conn, sql, values).await
}

pub(super) async fn set_part_two_signed<DB: Backend>(
    conn: &mut DB::Connection,
    request: Uuid,
    (text, signed): (&str, &str),
) -> Result<(), EraseError> {
    let sql = "UPDATE privacy_erasure SET part_two_signed = $1
         WHERE request = $2 AND part_two = $3 AND part_two_signed IS NULL";
    change::<DB>(conn, sql, vec![signed.into(), request.to_string().into(), text.into()]).await
}

pub(super) async fn set_forgotten<DB: Backend>(
    conn: &mut DB::Connection,
    request: Uuid,
    (state, at): (ErasureState, Timestamp),
    body: &Body,
) -> Result<(), EraseError> {
    let body = serde_json::to_string(body).map_err(|_| EraseError::Damaged)?;
    let sql = "UPDATE privacy_erasure SET body = $1, forgotten_at = $2
         WHERE request = $3 AND state = $4 AND forgotten_at IS NULL";
    let values =
        vec![body.into(), at.as_micros().into(), request.to_string().into(), word(&state)?.into()];
    change::<DB>(conn, sql, values).await
}

pub(super) async fn settle<DB: Backend>(
    conn: &mut DB::Connection,
    request: Uuid,
) -> Result<(), EraseError> {
    let sql = "UPDATE privacy_erasure SET settled = 1
         WHERE request = $1 AND state = 'done' AND forgotten_at IS NOT NULL";
    change::<DB>(conn, sql, vec![request.to_string().into()]).await
}
