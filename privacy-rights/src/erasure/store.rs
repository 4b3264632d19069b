//! Rows of erasures.

use audit_core::{SubjectRef, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::backend::value::Value;
use crate::backend::{Backend, fixed};
use crate::erasure::certificate::{KeptCount, LeftCount, NoticeOutcome};
use crate::erasure::error::EraseError;

/// What a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepKind {
    /// The intent is noted outside the database. Nothing is destroyed before.
    Note,
    /// Sessions and tokens are revoked.
    Revoke,
    /// The records of a source are erased.
    Source,
    /// The person's keys are destroyed.
    Keys,
    /// The journal's private fields are erased.
    Journal,
    /// Whether anything is left is looked at.
    Verify,
    /// A recipient is told.
    Notify,
    /// The certificate is recorded.
    Certify,
    /// The certificate is signed, with its proof.
    Sign,
}

/// Where a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum StepState {
    /// It is to be done.
    Pending,
    /// It was tried as often as it may be.
    Failed,
    /// It was done as far as it may be now; the rest waits for the end of a hold or a period.
    Deferred,
    /// It was done.
    Done,
}

/// Where an erasure is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErasureState {
    /// It is carried out.
    Running,
    /// A step failed as often as it may. It can be resumed.
    Partial,
    /// Everything was done but what a hold or a law keeps.
    Deferred,
    /// Everything was done.
    Done,
}

/// The word under which a state or kind is stored.
pub(crate) fn word<T: Serialize>(value: &T) -> Result<String, EraseError> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        _ => Err(EraseError::Damaged),
    }
}

fn of_word<T: serde::de::DeserializeOwned>(word: String) -> Result<T, EraseError> {
    serde_json::from_value(serde_json::Value::String(word)).map_err(|_| EraseError::Damaged)
}

/// What a step did. Which members it has depends on its kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Outcome {
    /// Records that were there to be erased when the erasure was intended.
    pub(crate) planned: u64,
    /// Records that were then foreseen to be kept.
    pub(crate) planned_kept: u64,
    /// Records that were erased, or entries of the journal.
    pub(crate) changed: u64,
    pub(crate) kept: Vec<KeptCount>,
    /// Records that a hold keeps and no law.
    pub(crate) held: u64,
    /// Records that are kept, by a hold or a law.
    pub(crate) records_kept: u64,
    pub(crate) keys: bool,
    pub(crate) left: Option<LeftCount>,
    pub(crate) notice: Option<NoticeOutcome>,
    pub(crate) certificate: Option<String>,
    /// Pseudonyms of the person that the journal has given since the erasure was intended.
    pub(crate) refs: Vec<SubjectRef>,
}

impl Outcome {
    /// How many records were erased. A crash between an erasure and its record loses the count, and
    /// not what was planned, less what is kept beyond that.
    pub(crate) fn erased(&self) -> u64 {
        let unplanned = self.records_kept.saturating_sub(self.planned_kept);
        std::cmp::max(self.changed, self.planned.saturating_sub(unplanned))
    }

    /// What was erased by now, and so many more, is what will have been erased.
    pub(crate) fn expect(&mut self, more: u64) {
        let unplanned = self.records_kept.saturating_sub(self.planned_kept);
        self.planned = self.erased().saturating_add(unplanned).saturating_add(more);
    }
}

/// A step with its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredStep {
    pub(crate) number: i64,
    pub(crate) kind: StepKind,
    pub(crate) name: String,
    pub(crate) state: StepState,
    pub(crate) attempts: i64,
    pub(crate) outcome: Outcome,
}

impl StoredStep {
    /// Whether it is the root of the records, which waits as a whole for what others keep.
    pub(crate) fn waits(&self) -> bool {
        self.kind == StepKind::Source
            && self.state == StepState::Deferred
            && self.outcome.records_kept == 0
    }

    /// How many records were erased by now, of a step that was carried out.
    pub(crate) fn erased(&self) -> u64 {
        if self.waits() { self.outcome.changed } else { self.outcome.erased() }
    }
}

/// What does not change about an erasure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Body {
    pub(crate) at: Timestamp,
    pub(crate) ground: String,
    pub(crate) identity: String,
    pub(crate) plan: String,
    pub(crate) refs: Vec<SubjectRef>,
    pub(crate) tokens: Vec<String>,
    pub(crate) vault: Uuid,
}

pub(crate) struct StoredErasure {
    pub(crate) state: ErasureState,
    pub(crate) body: Body,
    pub(crate) certificate: Option<String>,
    pub(crate) after: After,
    pub(crate) steps: Vec<StoredStep>,
}

impl StoredErasure {
    /// All pseudonyms that the person had in the journal, which forgets whose they were.
    pub(crate) fn refs(&self) -> Vec<SubjectRef> {
        let since = self.steps.iter().flat_map(|step| &step.outcome.refs);
        self.body.refs.iter().chain(since).copied().collect()
    }
}

/// What was done after the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct After {
    /// It was looked at again whether anything is left.
    pub(crate) looked: bool,
    /// Part 2 of the certificate, as it was recorded.
    pub(crate) part_two: Option<String>,
    /// Part 2 of the certificate, signed.
    pub(crate) part_two_signed: Option<String>,
    /// It was forgotten whom it was about.
    pub(crate) forgotten: bool,
    /// Nothing is left to be done.
    pub(crate) settled: bool,
}

pub(crate) async fn insert<DB: Backend>(
    conn: &mut DB::Connection,
    (tenant, request): (&str, Uuid),
    body: &Body,
    steps: &[StoredStep],
) -> Result<(), EraseError> {
    let id = request.to_string();
    let text = serde_json::to_string(body).map_err(|_| EraseError::Damaged)?;
    let sql = "INSERT INTO privacy_erasure (request, tenant, state, body)
         VALUES ($1, $2, 'running', $3) ON CONFLICT DO NOTHING";
    let values: Vec<Value> = vec![id.as_str().into(), tenant.into(), text.into()];
    if DB::execute(conn, fixed(sql), values).await? == 0 {
        return Err(EraseError::Conflict);
    }
    let sql = "INSERT INTO privacy_erasure_step
         (request, number, kind, name, state, attempts, outcome)
         VALUES ($1, $2, $3, $4, $5, 0, $6)";
    for step in steps {
        let outcome = serde_json::to_string(&step.outcome).map_err(|_| EraseError::Damaged)?;
        let values: Vec<Value> = vec![
            id.as_str().into(),
            step.number.into(),
            word(&step.kind)?.into(),
            step.name.as_str().into(),
            word(&step.state)?.into(),
            outcome.into(),
        ];
        DB::execute(conn, fixed(sql), values).await?;
    }
    Ok(())
}

/// Whoever has these tokens was erased.
pub(crate) async fn suppress<DB: Backend>(
    conn: &mut DB::Connection,
    (tenant, request): (&str, Uuid),
    tokens: &[String],
) -> Result<(), EraseError> {
    let id = request.to_string();
    let sql = "INSERT INTO privacy_suppression (tenant, token, request) VALUES ($1, $2, $3)
         ON CONFLICT DO NOTHING";
    for token in tokens {
        let values = vec![tenant.into(), token.as_str().into(), id.as_str().into()];
        DB::execute(conn, fixed(sql), values).await?;
    }
    Ok(())
}

/// Takes the lease of a person, or finds that another request has it.
pub(crate) async fn lease<DB: Backend>(
    conn: &mut DB::Connection,
    (tenant, request): (&str, Uuid),
    tokens: &[String],
) -> Result<(), EraseError> {
    let id = request.to_string();
    // In one order everywhere, so that two that overlap do not wait for each other.
    let mut tokens: Vec<&String> = tokens.iter().collect();
    tokens.sort();
    for token in tokens {
        let values = || vec![tenant.into(), token.as_str().into(), id.as_str().into()];
        let sql = "INSERT INTO privacy_lease (tenant, token, request) VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING";
        if DB::execute(conn, fixed(sql), values()).await? == 0 {
            let sql = "SELECT token FROM privacy_lease
                 WHERE tenant = $1 AND token = $2 AND request = $3";
            if DB::fetch(conn, fixed(sql), values()).await?.is_empty() {
                return Err(EraseError::Leased);
            }
        }
    }
    Ok(())
}

/// Whoever has these tokens is not kept away any more.
pub(crate) async fn readmit<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    tokens: &[String],
) -> Result<(), EraseError> {
    for token in tokens {
        let sql = "DELETE FROM privacy_suppression WHERE tenant = $1 AND token = $2";
        DB::execute(conn, fixed(sql), vec![tenant.into(), token.as_str().into()]).await?;
    }
    Ok(())
}

pub(crate) async fn load<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    request: Uuid,
) -> Result<Option<StoredErasure>, EraseError> {
    let sql = "SELECT state, body, certificate, looked_at, part_two, part_two_signed,
             forgotten_at, settled
         FROM privacy_erasure
         WHERE request = $1 AND tenant = $2";
    let values = vec![request.to_string().into(), tenant.into()];
    let Some(mut row) = DB::fetch(conn, fixed(sql), values).await?.pop() else { return Ok(None) };
    let state = of_word(row.text()?)?;
    let body = serde_json::from_str(&row.text()?).map_err(|_| EraseError::Damaged)?;
    let certificate = row.text_or_null()?;
    let after = After {
        looked: row.int_or_null()?.is_some(),
        part_two: row.text_or_null()?,
        part_two_signed: row.text_or_null()?,
        forgotten: row.int_or_null()?.is_some(),
        settled: row.int()? != 0,
    };
    let sql = "SELECT number, kind, name, state, attempts, outcome FROM privacy_erasure_step
         WHERE request = $1 ORDER BY number";
    let mut steps = Vec::new();
    for mut row in DB::fetch(conn, fixed(sql), vec![request.to_string().into()]).await? {
        steps.push(StoredStep {
            number: row.int()?,
            kind: of_word(row.text()?)?,
            name: row.text()?,
            state: of_word(row.text()?)?,
            attempts: row.int()?,
            outcome: serde_json::from_str(&row.text()?).map_err(|_| EraseError::Damaged)?,
        });
    }
    Ok(Some(StoredErasure { state, body, certificate, after, steps }))
}

/// Changes a step that is still as it was read.
pub(crate) async fn change<DB: Backend>(
    conn: &mut DB::Connection,
    request: Uuid,
    old: &StoredStep,
    new: &StoredStep,
) -> Result<(), EraseError> {
    let outcome = serde_json::to_string(&new.outcome).map_err(|_| EraseError::Damaged)?;
    let sql = "UPDATE privacy_erasure_step SET state = $1, attempts = $2, outcome = $3
         WHERE request = $4 AND number = $5 AND state = $6 AND attempts = $7";
    let values: Vec<Value> = vec![
        word(&new.state)?.into(),
        new.attempts.into(),
        outcome.into(),
        request.to_string().into(),
        old.number.into(),
        word(&old.state)?.into(),
        old.attempts.into(),
    ];
    match DB::execute(conn, fixed(sql), values).await? {
        0 => Err(EraseError::Conflict),
        _ => Ok(()),
    }
}

/// Changes the state of an erasure that is still in the one that was read.
pub(crate) async fn set_state<DB: Backend>(
    conn: &mut DB::Connection,
    request: Uuid,
    old: ErasureState,
    new: ErasureState,
) -> Result<(), EraseError> {
    let sql = "UPDATE privacy_erasure SET state = $1 WHERE request = $2 AND state = $3";
    let values: Vec<Value> =
        vec![word(&new)?.into(), request.to_string().into(), word(&old)?.into()];
    match DB::execute(conn, fixed(sql), values).await? {
        0 => Err(EraseError::Conflict),
        _ => Ok(()),
    }
}

/// It is looked at again after its next end.
pub(crate) async fn forget_look<DB: Backend>(
    conn: &mut DB::Connection,
    request: Uuid,
) -> Result<(), EraseError> {
    let sql = "UPDATE privacy_erasure SET looked_at = NULL, settled = 0 WHERE request = $1";
    DB::execute(conn, fixed(sql), vec![request.to_string().into()]).await?;
    Ok(())
}

/// An erasure that is noted, and of which nobody can tell any more whom it was about.
pub(crate) async fn set_forgotten<DB: Backend>(
    conn: &mut DB::Connection,
    request: Uuid,
    at: Timestamp,
) -> Result<(), EraseError> {
    let sql = "UPDATE privacy_erasure SET state = 'done', forgotten_at = $1, settled = 1
         WHERE request = $2";
    DB::execute(conn, fixed(sql), vec![at.as_micros().into(), request.to_string().into()]).await?;
    Ok(())
}

pub(crate) async fn release<DB: Backend>(
    conn: &mut DB::Connection,
    request: Uuid,
) -> Result<(), EraseError> {
    let sql = "DELETE FROM privacy_lease WHERE request = $1";
    DB::execute(conn, fixed(sql), vec![request.to_string().into()]).await?;
    Ok(())
}

pub(crate) async fn set_certificate<DB: Backend>(
    conn: &mut DB::Connection,
    request: Uuid,
    certificate: &str,
) -> Result<(), EraseError> {
    // Part 2 belonged to the part 1 that this one takes the place of.
    let sql = "UPDATE privacy_erasure
         SET certificate = $1, part_two = NULL, part_two_signed = NULL WHERE request = $2";
    DB::execute(conn, fixed(sql), vec![certificate.into(), request.to_string().into()]).await?;
    Ok(())
}

/// Some erasures of a tenant that are not settled, from after one on.
pub(crate) async fn open<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    after: &str,
) -> Result<Vec<Uuid>, EraseError> {
    let sql = "SELECT request FROM privacy_erasure
         WHERE tenant = $1 AND settled = 0 AND request > $2 ORDER BY request LIMIT 500";
    let mut ids = Vec::new();
    for mut row in DB::fetch(conn, fixed(sql), vec![tenant.into(), after.into()]).await? {
        ids.push(row.text()?.parse().map_err(|_| EraseError::Damaged)?);
    }
    Ok(ids)
}

pub(crate) async fn is_leased<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    token: &str,
) -> sqlx::Result<bool> {
    let sql = "SELECT token FROM privacy_lease WHERE tenant = $1 AND token = $2";
    Ok(!DB::fetch(conn, fixed(sql), vec![tenant.into(), token.into()]).await?.is_empty())
}

pub(crate) async fn is_suppressed<DB: Backend>(
    conn: &mut DB::Connection,
    tenant: &str,
    token: &str,
) -> sqlx::Result<bool> {
    let sql = "SELECT token FROM privacy_suppression WHERE tenant = $1 AND token = $2";
    Ok(!DB::fetch(conn, fixed(sql), vec![tenant.into(), token.into()]).await?.is_empty())
}
