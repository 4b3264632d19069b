//! Sealing the values of a host's tables anew, under load.

mod both;
mod census;
pub(crate) mod column;
pub(crate) mod error;
mod job;
pub(crate) mod name;
mod page;
pub(crate) mod progress;
pub(crate) mod quarantine;
mod run;
mod turn;

use std::fmt;
use std::num::NonZeroU32;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Pool;

use crate::backend::Backend;
use crate::clock::Clock;
use crate::keyset::KeySource;
use crate::store::migrate;
use column::SealedColumn;
use error::RotationError;
use page::CurrentKeys;
use progress::Progress;
use quarantine::Quarantined;

/// Seals the values of a host's tables anew under the primary key, while the host goes on reading
/// and writing them.
///
/// # How no write is lost
///
/// A row is written only if it still holds the very bytes that were read (compare-and-swap): a row
/// that the host wrote meanwhile stays as the host wrote it, and is looked at again in the next
/// pass. The job ends with a pass that finds nothing under an old key. No column but the sealed
/// one and its blind index is touched.
///
/// # How it resumes
///
/// The cursor, the counters and the rows of a batch are one transaction. Whatever ends the
/// process, the next one goes on behind the last batch. A lease keeps two from rotating one
/// column at once; should a lease be taken over while its owner still runs, that one's next batch
/// is refused and rolled back.
///
/// # What it costs
///
/// SQLite: a page of 1,000 rows is read and sealed without a lock, while the page before it is
/// written in one short transaction (for which the pool needs two connections). PostgreSQL: 500
/// rows at a time are locked with `FOR UPDATE SKIP LOCKED`, so that it never waits for the host's
/// locks and holds its own for some milliseconds.
///
/// ```no_run
/// # async fn example(pool: sqlx::Pool<impl crypto_fields::Backend>, keys: crypto_fields::Keyset)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use crypto_fields::{FieldCipher, FieldId, Rotator, RowKeyType, SealedColumn, SystemClock};
///
/// let email = FieldCipher::new(FieldId::new("users.email")?);
/// let email = SealedColumn::new(email, "users", "email", "id", RowKeyType::Int)?;
/// let rotator = Rotator::open(pool, Arc::new(SystemClock)).await?;
/// let progress = rotator.rotate(&email, &keys).await?;
/// assert!(progress.finished);
/// let census = rotator.census([email.field().clone()], &[email]).await?;
/// # Ok(())
/// # }
/// ```
pub struct Rotator<DB: Backend> {
    pool: Pool<DB>,
    clock: Arc<dyn Clock>,
    lease: Duration,
    batch: usize,
    rows_per_second: Option<NonZeroU32>,
    take_over: bool,
}

impl<DB: Backend> Rotator<DB> {
    /// How long a lease lasts if it is not told otherwise. Each batch renews it.
    pub const LEASE: Duration = Duration::from_secs(60);

    /// Over the database of the host's tables, in which it makes its own where needed (`cf_…`).
    ///
    /// # Errors
    ///
    /// [`RotationError::Store`], [`RotationError::Database`]. Nothing was changed.
    pub async fn open(pool: Pool<DB>, clock: Arc<dyn Clock>) -> Result<Self, RotationError> {
        migrate::run(&pool, clock.now()).await?;
        let (lease, batch) = (Self::LEASE, DB::BATCH);
        Ok(Self { pool, clock, lease, batch, rows_per_second: None, take_over: false })
    }

    /// With leases of this length: longer than any batch takes.
    #[must_use]
    pub const fn lease(mut self, lease: Duration) -> Self {
        self.lease = lease;
        self
    }

    /// With batches of so many rows, 1 to 4,000.
    #[must_use]
    pub const fn batch(mut self, rows: usize) -> Self {
        self.batch = match rows {
            0 => 1,
            1..=4_000 => rows,
            _ => 4_000,
        };
        self
    }

    /// At most so many rows per second.
    #[must_use]
    pub const fn throttle(mut self, rows_per_second: NonZeroU32) -> Self {
        self.rows_per_second = Some(rows_per_second);
        self
    }

    /// Takes the lease whoever has it: for an operator who knows that its owner is gone. If it is
    /// not, no harm is done: its next batch is refused.
    #[must_use]
    pub const fn take_over(mut self) -> Self {
        self.take_over = true;
        self
    }

    /// Seals every value of a column that is under another key than the primary one anew, and
    /// computes every blind index of another version anew.
    ///
    /// Wait with it until every process seals under the new primary key, as the propagation time
    /// of [`KeyPolicy`](crate::KeyPolicy) has it.
    ///
    /// # Errors
    ///
    /// [`RotationError::Busy`], [`RotationError::NoSuchColumn`], [`RotationError::Documents`] with
    /// nothing changed;
    /// [`RotationError::LeaseLost`], [`RotationError::Unsettled`], [`RotationError::Database`],
    /// [`RotationError::Damaged`] with all batches before written.
    pub async fn rotate(
        &self,
        column: &SealedColumn,
        keys: &dyn KeySource,
    ) -> Result<Progress, RotationError> {
        self.rotate_with(column, keys, &mut |_| ControlFlow::Continue(())).await
    }

    /// As [`rotate`](Self::rotate), telling of every batch; stops behind one where told to, to be
    /// gone on with later.
    ///
    /// # Errors
    ///
    /// As [`rotate`](Self::rotate).
    pub async fn rotate_with(
        &self,
        column: &SealedColumn,
        keys: &dyn KeySource,
        tell: &mut (dyn FnMut(&Progress) -> ControlFlow<()> + Send),
    ) -> Result<Progress, RotationError> {
        let mut job = self.begin(column).await?;
        let result = self.run(column, keys, &mut job, tell).await;
        if !matches!(result, Err(RotationError::LeaseLost)) && !job.progress.finished {
            // Best effort: otherwise the lease ends by itself.
            if let Ok(mut conn) = self.pool.acquire().await {
                let _expires = job.release::<DB>(&mut conn, None).await;
            }
        }
        result.map(|()| job.progress)
    }

    /// Does everything but write: opens what would be sealed anew, and counts what would be done
    /// and what would fail.
    ///
    /// # Errors
    ///
    /// [`RotationError::NoSuchColumn`], [`RotationError::Documents`], [`RotationError::Database`].
    pub async fn rehearse(
        &self,
        column: &SealedColumn,
        keys: &dyn KeySource,
    ) -> Result<Progress, RotationError> {
        self.look(column, keys, false).await
    }

    /// How many rows are left, or a little more: all that are not known to be under a primary
    /// key.
    ///
    /// # Errors
    ///
    /// [`RotationError::NoSuchColumn`], [`RotationError::Documents`], [`RotationError::Database`].
    pub async fn remaining(
        &self,
        column: &SealedColumn,
        keys: &dyn KeySource,
    ) -> Result<u64, RotationError> {
        self.rotatable(column).await?;
        let mut conn = self.pool.acquire().await?;
        Ok(page::count::<DB>(&mut conn, column, &Self::current(column, keys)).await?)
    }

    /// Up to `limit` rows of a column that could not be sealed anew in its last rotation.
    ///
    /// # Errors
    ///
    /// [`RotationError::Database`].
    pub async fn quarantine(
        &self,
        column: &SealedColumn,
        limit: u32,
    ) -> Result<Vec<Quarantined>, RotationError> {
        let mut conn = self.pool.acquire().await?;
        Ok(quarantine::list::<DB>(&mut conn, column, i64::from(limit)).await?)
    }

    /// Refuses what is not there, or not rotated by column.
    async fn rotatable(&self, column: &SealedColumn) -> Result<(), RotationError> {
        if column.documents {
            return Err(RotationError::Documents);
        }
        page::probe::<DB>(&mut *self.pool.acquire().await?, column).await
    }

    /// The primary key of the tenant of all rows, if they have one.
    fn current(column: &SealedColumn, keys: &dyn KeySource) -> CurrentKeys {
        let mut current = CurrentKeys::default();
        if let Ok(primary) = column.cipher.primary(keys, &column.tenant) {
            current.add(primary);
        }
        current
    }
}

impl<DB: Backend> fmt::Debug for Rotator<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotator")
            .field("lease", &self.lease)
            .field("batch", &self.batch)
            .field("rows_per_second", &self.rows_per_second)
            .finish_non_exhaustive()
    }
}
