//! The passes of a rotation, batch by batch.

use std::ops::ControlFlow;
use std::time::Duration;

use sqlx::Transaction;
use tokio::time::{Instant, sleep, sleep_until};

use super::Rotator;
use super::both::both;
use super::column::SealedColumn;
use super::error::RotationError;
use super::job::{Job, Step};
use super::page::{self, CurrentKeys, Row};
use super::progress::Progress;
use super::quarantine;
use super::turn::{Failure, Turn, turn};
use crate::backend::begin::begin;
use crate::backend::value::Value;
use crate::backend::{Backend, Change, fixed};
use crate::clock::Timestamp;
use crate::keyset::KeySource;

/// More passes than this are not an end coming nearer.
const MOST_PASSES: u64 = 100;

/// How often a batch is tried again that another transaction is in the way of.
const TRIES: u32 = 8;

/// How often rows that others hold are waited for, a little longer each time.
const WAITS: u32 = 100;

/// Rows that are sealed before other tasks have a turn.
const BREATH: usize = 64;

/// What is to be done about a page of rows.
#[derive(Default)]
struct Work {
    rows: usize,
    changes: Vec<Change>,
    failures: Vec<Failure>,
    /// The last row's key; `None` behind the last page.
    last: Option<Value>,
}

impl<DB: Backend> Rotator<DB> {
    pub(super) async fn begin(&self, column: &SealedColumn) -> Result<Job, RotationError> {
        self.rotatable(column).await?;
        let mut tx = begin(&self.pool, fixed(DB::BEGIN)).await?;
        let (now, until) = (self.clock.now(), self.lease_until());
        let job = Job::take::<DB>(&mut tx, column, now, until, self.take_over).await?;
        tx.commit().await?;
        Ok(job)
    }

    pub(super) async fn run(
        &self,
        column: &SealedColumn,
        keys: &dyn KeySource,
        job: &mut Job,
        tell: &mut (dyn FnMut(&Progress) -> ControlFlow<()> + Send),
    ) -> Result<(), RotationError> {
        let mut current = Self::current(column, keys);
        let mut waits = 0;
        let mut ahead = None;
        loop {
            let begun = Instant::now();
            let rows = self.patient_batch(column, keys, job, &mut current, &mut ahead).await?;
            if rows > 0 {
                if tell(&job.progress).is_break() {
                    return Ok(());
                }
                self.pause(begun, rows).await;
                continue;
            }
            // Behind the last row. Was there anything to do in this pass?
            if job.pass_work == 0 {
                let held =
                    DB::SKIP_LOCKED.is_some() && self.look(column, keys, true).await?.done > 0;
                if !held {
                    job.release::<DB>(&mut *self.pool.acquire().await?, Some(self.clock.now()))
                        .await?;
                    job.progress.finished = true;
                    let _over = tell(&job.progress);
                    return Ok(());
                }
                if waits == WAITS {
                    return Err(RotationError::Unsettled);
                }
                waits = waits.saturating_add(1);
                sleep(Duration::from_millis(u64::from(std::cmp::min(waits, 50)) * 20)).await;
            } else if job.progress.pass >= MOST_PASSES {
                return Err(RotationError::Unsettled);
            }
            let mut tx = begin(&self.pool, fixed(DB::BEGIN)).await?;
            job.next_pass::<DB>(&mut tx, column, self.lease_until()).await?;
            tx.commit().await?;
            job.next_passed();
        }
    }

    /// A batch, tried again where another transaction is in the way.
    async fn patient_batch(
        &self,
        column: &SealedColumn,
        keys: &dyn KeySource,
        job: &mut Job,
        current: &mut CurrentKeys,
        ahead: &mut Option<Work>,
    ) -> Result<usize, RotationError> {
        let mut tries = 0;
        loop {
            let done = match DB::SKIP_LOCKED {
                Some(locking) => self.locked_batch(column, keys, job, current, locking).await,
                None => self.batch_and_next(column, keys, job, current, ahead).await,
            };
            match done {
                Err(error) if error.is_busy() && tries < TRIES => {
                    tries = tries.saturating_add(1);
                    sleep(Duration::from_millis(u64::from(tries) * 10)).await;
                }
                done => return done,
            }
        }
    }

    /// Locks a page of rows, seals it anew, and writes it with the job's row: one transaction.
    async fn locked_batch(
        &self,
        column: &SealedColumn,
        keys: &dyn KeySource,
        job: &mut Job,
        current: &mut CurrentKeys,
        locking: &str,
    ) -> Result<usize, RotationError> {
        let after = Self::behind(column, job)?;
        let mut tx = begin(&self.pool, fixed(DB::BEGIN)).await?;
        let rows = page::read::<DB>(&mut tx, column, current, after.as_ref(), self.batch, locking);
        let work = work(column, keys, rows.await?, current).await;
        let rows = work.rows;
        if rows > 0 {
            let step = self.write(column, job, work, tx).await?;
            job.stepped(step);
        }
        Ok(rows)
    }

    /// Writes the page that was sealed anew meanwhile, in a transaction that does nothing else,
    /// and seals the next one in the same time. What is written compares itself with what is
    /// there, so it does not matter that the next page was read before.
    async fn batch_and_next(
        &self,
        column: &SealedColumn,
        keys: &dyn KeySource,
        job: &mut Job,
        current: &mut CurrentKeys,
        ahead: &mut Option<Work>,
    ) -> Result<usize, RotationError> {
        let work = match ahead.take() {
            Some(work) => work,
            None => self.prepare(column, keys, current, Self::behind(column, job)?).await?,
        };
        let (rows, last) = (work.rows, work.last.clone());
        if rows == 0 {
            return Ok(0);
        }
        let write = async {
            let tx = begin(&self.pool, fixed(DB::BEGIN)).await?;
            self.write(column, job, work, tx).await
        };
        let (written, next) = both(write, self.prepare(column, keys, current, last)).await;
        job.stepped(written?);
        // Should it have failed, it is read again, and then fails by itself.
        *ahead = next.ok();
        Ok(rows)
    }

    fn behind(column: &SealedColumn, job: &Job) -> Result<Option<Value>, RotationError> {
        let key = |cursor: &Vec<u8>| column.key_of_cursor(cursor).ok_or(RotationError::Damaged);
        job.cursor.as_ref().map(key).transpose()
    }

    async fn prepare(
        &self,
        column: &SealedColumn,
        keys: &dyn KeySource,
        current: &mut CurrentKeys,
        after: Option<Value>,
    ) -> Result<Work, RotationError> {
        let mut conn = self.pool.acquire().await?;
        let rows = page::read::<DB>(&mut conn, column, current, after.as_ref(), self.batch, "");
        let rows = rows.await?;
        drop(conn);
        Ok(work(column, keys, rows, current).await)
    }

    async fn write(
        &self,
        column: &SealedColumn,
        job: &Job,
        work: Work,
        mut tx: Transaction<'_, DB>,
    ) -> Result<Step, RotationError> {
        let attempted = u64::try_from(work.changes.len()).unwrap_or(u64::MAX);
        let done = DB::rewrite(&mut tx, &column.relation(), work.changes).await?;
        let now = self.clock.now();
        let failed = quarantine::add::<DB>(&mut tx, column, work.failures, now).await?;
        let cursor = work.last.as_ref().map(SealedColumn::cursor);
        let step = Step { cursor, done, skipped: attempted.saturating_sub(done), failed };
        job.step::<DB>(&mut tx, &step, self.lease_until()).await?;
        tx.commit().await?;
        Ok(step)
    }

    /// Looks at every row without writing; to the first that is to be written, if that is enough.
    pub(super) async fn look(
        &self,
        column: &SealedColumn,
        keys: &dyn KeySource,
        any: bool,
    ) -> Result<Progress, RotationError> {
        let mut current = Self::current(column, keys);
        let mut progress = Progress { pass: 1, ..Progress::default() };
        let mut after = None;
        self.rotatable(column).await?;
        loop {
            let work = self.prepare(column, keys, &mut current, after).await?;
            let of = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
            progress.done = progress.done.saturating_add(of(work.changes.len()));
            progress.failed = progress.failed.saturating_add(of(work.failures.len()));
            if work.last.is_none() || any && progress.done > 0 {
                return Ok(progress);
            }
            after = work.last;
        }
    }

    fn lease_until(&self) -> Timestamp {
        self.clock.now().saturating_add(self.lease)
    }

    /// Waits until the rows of a batch have taken as long as they are to take.
    async fn pause(&self, begun: Instant, rows: usize) {
        let Some(rate) = self.rows_per_second else { return };
        let rows = u32::try_from(rows).unwrap_or(u32::MAX);
        let time = Duration::from_secs(1).saturating_mul(rows).checked_div(rate.get());
        let time = time.unwrap_or_default();
        sleep_until(begun.checked_add(time).unwrap_or(begun)).await;
    }
}

async fn work(
    column: &SealedColumn,
    keys: &dyn KeySource,
    rows: Vec<Row>,
    current: &mut CurrentKeys,
) -> Work {
    let mut work = Work {
        rows: rows.len(),
        changes: Vec::with_capacity(rows.len()),
        last: rows.last().map(|row| row.key.clone()),
        failures: Vec::new(),
    };
    for (at, row) in rows.into_iter().enumerate() {
        if at % BREATH == BREATH - 1 {
            tokio::task::yield_now().await;
        }
        match turn(column, keys, row) {
            Turn::Change(change) => work.changes.push(change),
            Turn::Current(key) => current.add(key),
            Turn::Failed(failure) => work.failures.push(failure),
            Turn::Keep => {}
        }
    }
    work
}
