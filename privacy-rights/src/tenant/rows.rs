//! Rows of purges.

use std::collections::BTreeSet;

use audit_core::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::backend::value::Value;
use crate::backend::{Backend, fixed};
use crate::erasure::store::{ErasureState, StepState};
use crate::source::permit::Reason;
use crate::tenant::error::PurgeError;
use crate::tenant::saga::PurgeStep;

/// What a step did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Outcome {
    /// What was there when the purge was intended.
    pub(super) planned: u64,
    pub(super) gone: u64,
    pub(super) kept: BTreeSet<Reason>,
    /// What was left, by the last look: all of it, and what of it is explained.
    pub(super) left: u64,
    pub(super) explained: u64,
    pub(super) unseen: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StoredStep {
    pub(super) number: i64,
    pub(super) kind: PurgeStep,
    pub(super) name: String,
    pub(super) state: StepState,
    pub(super) attempts: i64,
    pub(super) outcome: Outcome,
}

/// What does not change about a purge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Body {
    pub(super) at: Timestamp,
    pub(super) ground: String,
    pub(super) plan: String,
}

pub(super) struct Stored {
    pub(super) tenant: String,
    pub(super) state: ErasureState,
    pub(super) body: Body,
    pub(super) steps: Vec<StoredStep>,
}

pub(super) fn word<T: Serialize>(value: &T) -> Result<String, PurgeError> {
    crate::erasure::store::word(value).map_err(|_| PurgeError::Damaged)
}

fn of_word<T: DeserializeOwned>(word: String) -> Result<T, PurgeError> {
    serde_json::from_value(serde_json::Value::String(word)).map_err(|_| PurgeError::Damaged)
}

fn text<T: Serialize>(value: &T) -> Result<String, PurgeError> {
    serde_json::to_string(value).map_err(|_| PurgeError::Damaged)
}

/// Stores a purge that begins. One that is open is the lease of its tenant.
pub(super) async fn insert<DB: Backend>(
    conn: &mut DB::Connection,
    (id, tenant): (Uuid, &str),
    body: &Body,
    steps: &[StoredStep],
) -> Result<(), PurgeError> {
    let sql = "INSERT INTO privacy_purge (id, tenant, state, body)
         VALUES ($1, $2, 'running', $3) ON CONFLICT DO NOTHING";
    let values = vec![id.to_string().into(), tenant.into(), text(body)?.into()];
    if DB::execute(conn, fixed(sql), values).await? == 0 {
        return Err(PurgeError::Conflict);
    }
    let sql = "INSERT INTO privacy_purge_step (purge, number, kind, name, state, attempts, outcome)
         VALUES ($1, $2, $3, $4, $5, 0, $6)";
    for step in steps {
        let values: Vec<Value> = vec![
            id.to_string().into(),
            step.number.into(),
            word(&step.kind)?.into(),
            step.name.as_str().into(),
            word(&step.state)?.into(),
            text(&step.outcome)?.into(),
        ];
        DB::execute(conn, fixed(sql), values).await?;
    }
    Ok(())
}

/// Forgets a purge that is to be begun anew.
pub(super) async fn remove<DB: Backend>(
    conn: &mut DB::Connection,
    id: Uuid,
) -> Result<(), PurgeError> {
    for sql in [
        "DELETE FROM privacy_purge_step WHERE purge = $1",
        "DELETE FROM privacy_purge WHERE id = $1",
    ] {
        DB::execute(conn, fixed(sql), vec![id.to_string().into()]).await?;
    }
    Ok(())
}

pub(super) async fn load<DB: Backend>(
    conn: &mut DB::Connection,
    id: Uuid,
) -> Result<Option<Stored>, PurgeError> {
    let sql = "SELECT tenant, state, body FROM privacy_purge WHERE id = $1";
    let own = || vec![id.to_string().into()];
    let Some(mut row) = DB::fetch(conn, fixed(sql), own()).await?.pop() else { return Ok(None) };
    let (tenant, state) = (row.text()?, of_word(row.text()?)?);
    let body = serde_json::from_str(&row.text()?).map_err(|_| PurgeError::Damaged)?;
    let sql = "SELECT number, kind, name, state, attempts, outcome FROM privacy_purge_step
         WHERE purge = $1 ORDER BY number";
    let mut steps = Vec::new();
    for mut row in DB::fetch(conn, fixed(sql), own()).await? {
        steps.push(StoredStep {
            number: row.int()?,
            kind: of_word(row.text()?)?,
            name: row.text()?,
            state: of_word(row.text()?)?,
            attempts: row.int()?,
            outcome: serde_json::from_str(&row.text()?).map_err(|_| PurgeError::Damaged)?,
        });
    }
    Ok(Some(Stored { tenant, state, body, steps }))
}

/// Changes a step that is still as it was read.
pub(super) async fn change<DB: Backend>(
    conn: &mut DB::Connection,
    id: Uuid,
    old: &StoredStep,
    new: &StoredStep,
) -> Result<(), PurgeError> {
    let sql = "UPDATE privacy_purge_step SET state = $1, attempts = $2, outcome = $3
         WHERE purge = $4 AND number = $5 AND state = $6 AND attempts = $7";
    let values: Vec<Value> = vec![
        word(&new.state)?.into(),
        new.attempts.into(),
        text(&new.outcome)?.into(),
        id.to_string().into(),
        old.number.into(),
        word(&old.state)?.into(),
        old.attempts.into(),
    ];
    match DB::execute(conn, fixed(sql), values).await? {
        0 => Err(PurgeError::Conflict),
        _ => Ok(()),
    }
}

/// Changes the state of a purge that is still in the one that was read.
pub(super) async fn set_state<DB: Backend>(
    conn: &mut DB::Connection,
    id: Uuid,
    (old, new): (ErasureState, ErasureState),
) -> Result<(), PurgeError> {
    let sql = "UPDATE privacy_purge SET state = $1 WHERE id = $2 AND state = $3";
    let values: Vec<Value> = vec![word(&new)?.into(), id.to_string().into(), word(&old)?.into()];
    match DB::execute(conn, fixed(sql), values).await? {
        0 => Err(PurgeError::Conflict),
        _ => Ok(()),
    }
}
