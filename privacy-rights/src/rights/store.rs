//! Rows of measures.

use uuid::Uuid;

use crate::backend::{Backend, fixed};
use crate::rights::error::RightsError;

/// Waits for approval.
pub(super) const PROPOSED: &str = "proposed";
/// Is being carried out.
pub(super) const BEGUN: &str = "begun";
/// Was carried out.
pub(super) const DONE: &str = "done";

/// Puts a sealed measure in the place of one that was not done. Whether it is the time for another
/// one, the request says, in the same transaction.
pub(super) async fn propose<DB: Backend>(
    conn: &mut DB::Connection,
    (tenant, request): (&str, Uuid),
    body: &str,
) -> Result<(), RightsError> {
    let id = request.to_string();
    let sql = "INSERT INTO privacy_measure (request, tenant, state, body)
         VALUES ($1, $2, 'proposed', $3)
         ON CONFLICT (request) DO UPDATE SET body = excluded.body, state = 'proposed'
         WHERE privacy_measure.state <> 'done'";
    let values = vec![id.as_str().into(), tenant.into(), body.into()];
    match DB::execute(conn, fixed(sql), values).await? {
        0 => Err(RightsError::Conflict),
        _ => Ok(()),
    }
}

/// The state of a measure, and the measure as it was sealed.
pub(super) async fn load<DB: Backend>(
    conn: &mut DB::Connection,
    (tenant, request): (&str, Uuid),
) -> Result<(String, String), RightsError> {
    let sql = "SELECT state, body FROM privacy_measure WHERE request = $1 AND tenant = $2";
    let values = vec![request.to_string().into(), tenant.into()];
    let row = DB::fetch(conn, fixed(sql), values).await?.pop();
    let mut row = row.ok_or(RightsError::Unknown)?;
    Ok((row.text()?, row.text()?))
}

/// Moves a measure on that is where it is thought to be.
pub(super) async fn advance<DB: Backend>(
    conn: &mut DB::Connection,
    request: Uuid,
    (old, new): (&'static str, &'static str),
) -> Result<(), RightsError> {
    let sql = "UPDATE privacy_measure SET state = $1 WHERE request = $2 AND state = $3";
    let values = vec![new.into(), request.to_string().into(), old.into()];
    match DB::execute(conn, fixed(sql), values).await? {
        0 => Err(RightsError::Conflict),
        _ => Ok(()),
    }
}

/// What was carried out is no longer needed.
pub(super) async fn clear<DB: Backend>(
    conn: &mut DB::Connection,
    request: Uuid,
) -> Result<(), RightsError> {
    DB::wipe_what_is_overwritten(conn).await?;
    let sql = "UPDATE privacy_measure SET state = 'done', body = '' WHERE request = $1";
    DB::execute(conn, fixed(sql), vec![request.to_string().into()]).await?;
    Ok(())
}
