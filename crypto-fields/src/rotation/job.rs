//! The row of a rotation: its cursor, its counters and who has the lease.

use super::column::SealedColumn;
use super::error::RotationError;
use super::progress::Progress;
use super::quarantine;
use crate::backend::value::{Fields, Value};
use crate::backend::{Backend, fixed};
use crate::clock::Timestamp;

/// A job whose lease this process has.
#[derive(Debug)]
pub(super) struct Job {
    owner: i64,
    field: String,
    relation: String,
    pub(super) progress: Progress,
    pub(super) cursor: Option<Vec<u8>>,
    /// Rows written or missed in this pass.
    pub(super) pass_work: u64,
}

/// What a batch adds to the job.
#[derive(Debug, Default)]
pub(super) struct Step {
    pub(super) cursor: Option<Vec<u8>>,
    pub(super) done: u64,
    pub(super) skipped: u64,
    pub(super) failed: u64,
}

impl Job {
    /// Takes the lease, and begins the job or goes on with it.
    pub(super) async fn take<DB: Backend>(
        conn: &mut DB::Connection,
        column: &SealedColumn,
        now: Timestamp,
        until: Timestamp,
        take_over: bool,
    ) -> Result<Self, RotationError> {
        let mut owner = [0; 8];
        crate::random::fill(&mut owner)
            .map_err(|error| RotationError::from(sqlx::Error::Io(std::io::Error::other(error))))?;
        let owner = i64::from_be_bytes(owner);
        let (field, relation) = (column.field().as_str().to_owned(), column.relation_name());
        let job = Self {
            owner,
            field,
            relation,
            progress: Progress::default(),
            cursor: None,
            pass_work: 0,
        };
        let sql = "INSERT INTO cf_rotation_job (field, relation, running, pass, pass_work, done,
                 skipped, failed, lease_until, started_at)
             VALUES ($1, $2, 0, 0, 0, 0, 0, 0, $3, $4) ON CONFLICT (field, relation) DO NOTHING";
        let values = job.names([now.as_micros().into(), now.as_micros().into()]);
        DB::execute(conn, fixed(sql), values).await?;

        let sql = if take_over {
            "UPDATE cf_rotation_job SET owner = $3, lease_until = $4
             WHERE field = $1 AND relation = $2"
        } else {
            "UPDATE cf_rotation_job SET owner = $3, lease_until = $4
             WHERE field = $1 AND relation = $2 AND (owner IS NULL OR lease_until <= $5)"
        };
        let mut values = job.names([owner.into(), until.as_micros().into()]);
        if !take_over {
            values.push(now.as_micros().into());
        }
        let taken = DB::execute(conn, fixed(sql), values).await? > 0;
        let sql = "SELECT lease_until, running, pass, cursor, pass_work, done, skipped, failed
             FROM cf_rotation_job WHERE field = $1 AND relation = $2";
        let mut rows = DB::fetch(conn, fixed(sql), job.names([])).await?;
        let mut row = rows.pop().ok_or(RotationError::Damaged)?;
        let until = Timestamp::from_micros(row.int()?);
        if !taken {
            return Err(RotationError::Busy { until });
        }
        if row.int()? == 1 {
            return job.resumed(row).map_err(|_| RotationError::Damaged);
        }
        let sql = "UPDATE cf_rotation_job SET running = 1, pass = 1, cursor = NULL, pass_work = 0,
                 done = 0, skipped = 0, failed = 0, started_at = $3, finished_at = NULL
             WHERE field = $1 AND relation = $2";
        DB::execute(conn, fixed(sql), job.names([now.as_micros().into()])).await?;
        quarantine::clear::<DB>(conn, column).await?;
        Ok(Self { progress: Progress { pass: 1, ..Progress::default() }, ..job })
    }

    fn resumed(mut self, mut row: Fields) -> sqlx::Result<Self> {
        self.progress.pass = row.count()?;
        self.cursor = row.bytes_or_null()?;
        self.pass_work = row.count()?;
        self.progress.done = row.count()?;
        self.progress.skipped = row.count()?;
        self.progress.failed = row.count()?;
        Ok(self)
    }

    /// Adds a batch, in the transaction that writes its rows.
    pub(super) async fn step<DB: Backend>(
        &self,
        conn: &mut DB::Connection,
        step: &Step,
        until: Timestamp,
    ) -> Result<(), RotationError> {
        // A clock that stepped back must not end the lease earlier.
        let sql = "UPDATE cf_rotation_job SET cursor = $4, pass_work = pass_work + $5,
                 done = done + $6, skipped = skipped + $7, failed = failed + $8,
                 lease_until = CASE WHEN lease_until < $9 THEN $9 ELSE lease_until END
             WHERE field = $1 AND relation = $2 AND owner = $3";
        let work = step.done.saturating_add(step.skipped);
        let values = self.names([
            self.owner.into(),
            step.cursor.as_deref().into(),
            integer(work).into(),
            integer(step.done).into(),
            integer(step.skipped).into(),
            integer(step.failed).into(),
            until.as_micros().into(),
        ]);
        self.mine::<DB>(conn, sql, values).await
    }

    /// What [`step`](Self::step) added, once it is certain.
    pub(super) fn stepped(&mut self, step: Step) {
        let Progress { done, skipped, failed, .. } = &mut self.progress;
        *done = done.saturating_add(step.done);
        *skipped = skipped.saturating_add(step.skipped);
        *failed = failed.saturating_add(step.failed);
        self.pass_work = self.pass_work.saturating_add(step.done).saturating_add(step.skipped);
        self.cursor = step.cursor;
    }

    /// Begins the next pass; what is in quarantine is tried again.
    pub(super) async fn next_pass<DB: Backend>(
        &mut self,
        conn: &mut DB::Connection,
        column: &SealedColumn,
        until: Timestamp,
    ) -> Result<(), RotationError> {
        let sql = "UPDATE cf_rotation_job SET pass = pass + 1, cursor = NULL, pass_work = 0,
                 failed = 0, lease_until = CASE WHEN lease_until < $4 THEN $4 ELSE lease_until END
             WHERE field = $1 AND relation = $2 AND owner = $3";
        let values = self.names([self.owner.into(), until.as_micros().into()]);
        self.mine::<DB>(conn, sql, values).await?;
        quarantine::clear::<DB>(conn, column).await?;
        Ok(())
    }

    /// What [`next_pass`](Self::next_pass) began, once it is certain.
    pub(super) fn next_passed(&mut self) {
        self.progress.pass = self.progress.pass.saturating_add(1);
        self.progress.failed = 0;
        self.pass_work = 0;
        self.cursor = None;
    }

    /// Gives the lease back; the job is over, or to be gone on with.
    pub(super) async fn release<DB: Backend>(
        &self,
        conn: &mut DB::Connection,
        finished_at: Option<Timestamp>,
    ) -> Result<(), RotationError> {
        let sql = "UPDATE cf_rotation_job SET owner = NULL, running = $4, finished_at = $5
             WHERE field = $1 AND relation = $2 AND owner = $3";
        let running = i64::from(finished_at.is_none());
        let values = self.names([
            self.owner.into(),
            running.into(),
            finished_at.map(Timestamp::as_micros).into(),
        ]);
        self.mine::<DB>(conn, sql, values).await
    }

    async fn mine<DB: Backend>(
        &self,
        conn: &mut DB::Connection,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<(), RotationError> {
        match DB::execute(conn, fixed(sql), values).await? {
            0 => Err(RotationError::LeaseLost),
            _ => Ok(()),
        }
    }

    /// The parameters of a statement: which job, and what else.
    fn names<const N: usize>(&self, more: [Value; N]) -> Vec<Value> {
        let names = [self.field.as_str().into(), self.relation.as_str().into()];
        names.into_iter().chain(more).collect()
    }
}

fn integer(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
