//! Rows of registers.

use audit_core::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::backend::{Backend, fixed};
use crate::registers::kept::error::RegistersError;

/// Of which tenant, in which register, under which id.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) tenant: &'a str,
    pub(super) register: &'static str,
    pub(super) id: &'a str,
}

/// The events of one id, in their order.
pub(super) async fn load<DB: Backend, E: DeserializeOwned>(
    conn: &mut DB::Connection,
    place: Place<'_>,
) -> Result<Vec<(Timestamp, E)>, RegistersError> {
    let sql = "SELECT at, body FROM privacy_register
         WHERE tenant = $1 AND register = $2 AND id = $3 ORDER BY number";
    let values = vec![place.tenant.into(), place.register.into(), place.id.into()];
    let mut events = Vec::new();
    for mut row in DB::fetch(conn, fixed(sql), values).await? {
        let at = Timestamp::from_micros(row.int()?).map_err(|_| RegistersError::Damaged)?;
        let body = serde_json::from_str(&row.text()?).map_err(|_| RegistersError::Damaged)?;
        events.push((at, body));
    }
    Ok(events)
}

/// Adds an event after `count` others. Whoever else has added one meanwhile wins. Returns what was
/// stored.
pub(super) async fn append<DB: Backend, E: Serialize>(
    conn: &mut DB::Connection,
    place: Place<'_>,
    count: usize,
    (at, event): (Timestamp, &E),
) -> Result<String, RegistersError> {
    let body = serde_json::to_string(event).map_err(|_| RegistersError::Damaged)?;
    let number = i64::try_from(count).unwrap_or(i64::MAX).saturating_add(1);
    let sql = "INSERT INTO privacy_register (tenant, register, id, number, at, body)
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    let values = vec![
        place.tenant.into(),
        place.register.into(),
        place.id.into(),
        number.into(),
        at.as_micros().into(),
        body.as_str().into(),
    ];
    match DB::execute(conn, fixed(sql), values).await? {
        0 => Err(RegistersError::Conflict),
        _ => Ok(body),
    }
}

/// All ids of a register.
pub(super) async fn ids<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    register: &'static str,
) -> Result<Vec<String>, RegistersError> {
    let sql = "SELECT id FROM privacy_register
         WHERE tenant = $1 AND register = $2 AND number = 1 ORDER BY id";
    let mut ids = Vec::new();
    for mut row in DB::fetch(conn, fixed(sql), vec![tenant.into(), register.into()]).await? {
        ids.push(row.text()?);
    }
    Ok(ids)
}
