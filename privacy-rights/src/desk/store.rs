//! Rows of requests, and their entries.

use audit_core::{Actor, Event, Outcome, Target, Timestamp};
use audit_store::JournalTx;
use uuid::Uuid;

use crate::backend::value::Value;
use crate::backend::{Backend, fixed};
use crate::desk::Desk;
use crate::desk::error::DeskError;
use crate::request::Request;
use crate::request::event::RequestEvent;

/// What the tables hold of a request.
pub(super) struct Stored {
    pub(super) request: Request,
    pub(super) identity: Option<String>,
    pub(super) code: Option<String>,
}

/// The number of a request's last event.
fn version(request: &Request) -> i64 {
    i64::try_from(request.events().len()).unwrap_or(i64::MAX)
}

/// A request that just came.
pub(super) async fn insert<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    request: &Request,
    identity: &str,
) -> Result<(), DeskError> {
    let sql = "INSERT INTO privacy_request (id, tenant, kind, state, is_open, version, identity)
         VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values: Vec<Value> = vec![
        request.id().to_string().into(),
        tenant.into(),
        request.right().name().into(),
        request.state().name().into(),
        i64::from(request.state().is_open()).into(),
        version(request).into(),
        identity.into(),
    ];
    DB::execute(conn, fixed(sql), values).await?;
    insert_event::<DB>(conn, request).await
}

async fn insert_event<DB: Backend>(
    conn: &mut DB::Connection,
    request: &Request,
) -> Result<(), DeskError> {
    let Some((at, event)) = request.events().last() else { return Ok(()) };
    let body = serde_json::to_string(event).map_err(|_| DeskError::Damaged)?;
    let sql = "INSERT INTO privacy_request_event (request, version, at, body)
         VALUES ($1, $2, $3, $4)";
    let values: Vec<Value> = vec![
        request.id().to_string().into(),
        version(request).into(),
        at.as_micros().into(),
        body.into(),
    ];
    DB::execute(conn, fixed(sql), values).await?;
    Ok(())
}

/// Adds the last event of a request that was loaded without it.
pub(super) async fn append<DB: Backend>(
    conn: &mut DB::Connection,
    request: &Request,
) -> Result<(), DeskError> {
    let sql = "UPDATE privacy_request SET state = $1, is_open = $2, version = $3
         WHERE id = $4 AND version = $5";
    let values: Vec<Value> = vec![
        request.state().name().into(),
        i64::from(request.state().is_open()).into(),
        version(request).into(),
        request.id().to_string().into(),
        version(request).saturating_sub(1).into(),
    ];
    if DB::execute(conn, fixed(sql), values).await? == 0 {
        return Err(DeskError::Conflict);
    }
    insert_event::<DB>(conn, request).await
}

/// Replaces the state of a code, if it is still the one that was read.
pub(super) async fn replace_code<DB: Backend>(
    conn: &mut DB::Connection,
    id: Uuid,
    old: Option<&str>,
    new: &str,
) -> Result<(), DeskError> {
    // No code is the empty text, so that one comparison serves both.
    let sql = "UPDATE privacy_request SET code = $1 WHERE id = $2 AND COALESCE(code, '') = $3";
    let values: Vec<Value> =
        vec![new.into(), id.to_string().into(), old.unwrap_or_default().into()];
    match DB::execute(conn, fixed(sql), values).await? {
        0 => Err(DeskError::Conflict),
        _ => Ok(()),
    }
}

/// Forgets whom a request is about; whether that was known.
pub(super) async fn forget<DB: Backend>(
    conn: &mut DB::Connection,
    id: Uuid,
) -> Result<bool, DeskError> {
    let sql = "UPDATE privacy_request SET identity = NULL, code = NULL
         WHERE id = $1 AND identity IS NOT NULL";
    Ok(DB::execute(conn, fixed(sql), vec![id.to_string().into()]).await? > 0)
}

/// Some closed requests of the tenant of which it is known whom they were about, from after one on.
/// Those of an erasure are forgotten with it.
pub(super) async fn remembered_ids<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    after: Option<Uuid>,
) -> Result<Vec<Uuid>, DeskError> {
    let sql = "SELECT id FROM privacy_request r
         WHERE tenant = $1 AND is_open = 0 AND identity IS NOT NULL AND id > $2
             AND NOT EXISTS (SELECT 1 FROM privacy_erasure e
                 WHERE e.request = r.id AND e.forgotten_at IS NULL)
         ORDER BY id LIMIT 500";
    ids::<DB>(conn, sql, tenant, after).await
}

/// Reads a request of the tenant.
pub(super) async fn load<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    id: Uuid,
) -> Result<Stored, DeskError> {
    let sql = "SELECT identity, code FROM privacy_request WHERE id = $1 AND tenant = $2";
    let values = vec![id.to_string().into(), tenant.into()];
    let mut rows = DB::fetch(conn, fixed(sql), values).await?;
    let mut row = rows.pop().ok_or(DeskError::Unknown)?;
    let (identity, code) = (row.text_or_null()?, row.text_or_null()?);
    let sql = "SELECT at, body FROM privacy_request_event WHERE request = $1 ORDER BY version";
    let mut events = Vec::new();
    for mut row in DB::fetch(conn, fixed(sql), vec![id.to_string().into()]).await? {
        let at = Timestamp::from_micros(row.int()?).map_err(|_| DeskError::Damaged)?;
        let event: RequestEvent =
            serde_json::from_str(&row.text()?).map_err(|_| DeskError::Damaged)?;
        events.push((at, event));
    }
    let request = Request::from_events(id, events).map_err(|_| DeskError::Damaged)?;
    Ok(Stored { request, identity, code })
}

/// The ids of some open requests of the tenant, from after one on.
pub(super) async fn open_ids<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    after: Option<Uuid>,
) -> Result<Vec<Uuid>, DeskError> {
    let sql = "SELECT id FROM privacy_request WHERE tenant = $1 AND is_open = 1 AND id > $2
         ORDER BY id LIMIT 500";
    ids::<DB>(conn, sql, tenant, after).await
}

async fn ids<DB: Backend>(
    conn: &mut DB::Connection,
    sql: &'static str,
    tenant: &str,
    after: Option<Uuid>,
) -> Result<Vec<Uuid>, DeskError> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    let mut ids = Vec::new();
    for mut row in DB::fetch(conn, fixed(sql), vec![tenant.into(), after.into()]).await? {
        ids.push(row.text()?.parse().map_err(|_| DeskError::Damaged)?);
    }
    Ok(ids)
}

impl<DB: Backend> Desk<DB> {
    /// Records the last event of a request in the journal, when the transaction commits.
    pub(super) async fn journal_last(
        &self,
        tx: &mut JournalTx<DB>,
        request: &Request,
        actor: Actor,
    ) -> Result<(), DeskError> {
        let Some((at, event)) = request.events().last() else { return Ok(()) };
        let mut entry = Event::builder(&format!("rights.{}", event.name()), actor)
            .target(Target::new("rights_request", request.id().to_string()))
            .outcome(Outcome::Success)
            .occurred_at(*at)
            .meta("right", request.right().name())
            .meta("state", request.state().name());
        entry = match event {
            RequestEvent::Alarmed { kind } => entry.meta("alarm", kind),
            RequestEvent::Approved { digest, .. } | RequestEvent::Planned { digest } => {
                entry.meta("plan", digest)
            }
            RequestEvent::Extended { reason }
            | RequestEvent::Failed { reason }
            | RequestEvent::PartiallyCompleted { reason } => entry.meta("reason", reason),
            RequestEvent::IdentityProven { method } => entry.meta("method", method),
            RequestEvent::NothingLeft { remaining, .. } => entry.meta("remaining", remaining),
            RequestEvent::Refused { reason, ground } => {
                entry.meta("reason", reason.name()).meta("ground", ground)
            }
            _ => entry,
        };
        tx.record(&self.options.chain, entry.build()?).await?;
        Ok(())
    }
}
