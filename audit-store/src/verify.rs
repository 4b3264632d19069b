//! Verifying what a database holds: reads it in bulk, on all cores, and feeds the core's verifier.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

use audit_core::{AuditorPolicy, ChainId, Clock, SystemClock, VerificationReport};
use sqlx::Pool;
use sqlx::pool::PoolOptions;

use crate::backend::{Backend, Schema};
use crate::error::{DatabaseError, OpenError};
use crate::journal::{Journal, tenancy_row};
use crate::migrate::{self, State};
use crate::tenancy::TenantMismatch;

mod block;
mod bundle;
mod chain;
mod index;
mod items;

pub use bundle::verify_bundle;

/// What to verify, and against what.
#[derive(Clone)]
pub struct VerifyOptions {
    pub(crate) policy: AuditorPolicy,
    pub(crate) chains: Vec<ChainId>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) threads: NonZeroUsize,
    pub(crate) progress: Option<ProgressCallback>,
}

type ProgressCallback = Arc<dyn Fn(VerifyProgress) + Send + Sync>;

/// How far a verification has come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifyProgress {
    /// The chain that is being verified.
    pub chain: ChainId,
    /// Entries of it that are done.
    pub done: u64,
    /// Entries it has.
    pub total: u64,
}

impl VerifyOptions {
    /// Every chain, on all cores, against what the auditor knows from elsewhere.
    #[must_use]
    pub fn new(policy: AuditorPolicy) -> Self {
        Self {
            policy,
            chains: Vec::new(),
            clock: Arc::new(SystemClock),
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            progress: None,
        }
    }

    /// Verifies this chain only; given several times, these only.
    #[must_use]
    pub fn chain(mut self, chain: ChainId) -> Self {
        self.chains.push(chain);
        self
    }

    /// Tells how old staged events are by this clock; by the system's by default.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Uses so many threads and as many connections; all cores by default.
    #[must_use]
    pub const fn threads(mut self, threads: NonZeroUsize) -> Self {
        self.threads = threads;
        self
    }

    /// Calls `report` after every few thousand entries.
    #[must_use]
    pub fn progress(mut self, report: impl Fn(VerifyProgress) + Send + Sync + 'static) -> Self {
        self.progress = Some(Arc::new(report));
        self
    }
}

impl fmt::Debug for VerifyOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyOptions")
            .field("policy", &self.policy)
            .field("chains", &self.chains)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

/// Why a verification came to no result. What is wrong with a journal is a finding, never an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The database failed.
    #[error("the journal could not be read")]
    Database(#[from] DatabaseError),
    /// What was given is no journal, or none this version can read.
    #[error("the journal could not be opened")]
    Open(#[source] OpenError),
    /// A worker ended before its time: the runtime is shutting down.
    #[error("the verification was interrupted")]
    Interrupted,
    /// It is another tenant's than the handle's, or than the one that the host's transaction names.
    #[error("it is another tenant's")]
    TenantMismatch(#[source] TenantMismatch),
}

impl From<sqlx::Error> for VerifyError {
    fn from(error: sqlx::Error) -> Self {
        if let Some(mismatch) = TenantMismatch::of(&error) {
            return Self::TenantMismatch(mismatch);
        }
        Self::Database(error.into())
    }
}

impl<DB: Backend> Journal<DB> {
    /// Verifies the journal as its database holds it, see [`verify_pool`]. It reads over connections
    /// of its own, which end with it, so that it neither drains the journal's pool nor waits for
    /// whoever has.
    ///
    /// # Errors
    ///
    /// [`VerifyError`]; what is wrong with the journal is in the report.
    pub async fn verify(&self, options: &VerifyOptions) -> Result<VerificationReport, VerifyError> {
        let connections = options.threads.get().saturating_add(chain::besides::<DB>());
        let pool = PoolOptions::<DB>::new()
            .max_connections(u32::try_from(connections).unwrap_or(u32::MAX))
            .test_before_acquire(false)
            .connect_lazy_with((*self.store.pool.connect_options()).clone());
        let bound = self.store.bound.as_deref();
        let report = verify_in(&pool, &self.store.schema, bound, options).await;
        pool.close().await;
        report
    }
}

/// Verifies the journal behind `pool` from one snapshot: every entry's bytes, links and order, the
/// tree and its stored tiles, every checkpoint, every disclosure, the query index, the event ids,
/// the head rows and the journal's own row. Writes nothing; needs no signing key and no open
/// [`Journal`].
///
/// What nothing commits to is not judged: staged events, the directory of subjects, how far
/// checkpoints are signed and published, and the database's own objects (views, triggers). That no
/// event id stands twice is left to the unique index while that is as it was made, and looked for
/// where it is not. A chain of which nothing at all is left is missed only where the auditor names
/// it or holds a checkpoint of it.
///
/// Under row-level security the tenants are visited one by one, those that have a chain as the journal
/// lists them and those that the auditor names. A role above it sees all at once.
///
/// `schema` is the journal's schema on PostgreSQL, `audit` by default; SQLite has none.
///
/// Memory stays flat in the journal's size: a few thousand entries for each thread. It takes one
/// connection for each thread and one more, on SQLite two more for a moment at the start; of a
/// smaller pool it uses as many as there are, but waits in vain where there are fewer than two,
/// three on SQLite. Reads and appends go on meanwhile; what is appended after the start is not
/// looked at.
///
/// # Errors
///
/// [`VerifyError::Open`] where there is no journal, [`VerifyError::Database`] where it cannot be
/// read, [`VerifyError::TenantMismatch`] where a chain is asked for that is not of the one tenant
/// that the journal is for. What is wrong with the journal is a finding of the report, never an error.
pub async fn verify_pool<DB: Backend>(
    pool: &Pool<DB>,
    schema: Option<&str>,
    options: &VerifyOptions,
) -> Result<VerificationReport, VerifyError> {
    let schema = match schema {
        Some(name) => Schema::new(name).map_err(VerifyError::Open)?,
        None => Schema::default(),
    };
    verify_in(pool, &schema, None, options).await
}

/// Which tenants a verification visits, and how.
struct Visit {
    /// The session setting that row-level security goes by.
    setting: Option<String>,
    /// The only one.
    bound: Option<String>,
}

async fn verify_in<DB: Backend>(
    pool: &Pool<DB>,
    schema: &Schema,
    bound: Option<&str>,
    options: &VerifyOptions,
) -> Result<VerificationReport, VerifyError> {
    let mut conn = pool.acquire().await?;
    let applied = DB::applied_migrations(&mut conn, schema).await?;
    let tenancy = match migrate::state::<DB>(applied.as_deref()).map_err(VerifyError::Open)? {
        State::None => return Err(VerifyError::Open(OpenError::NotAJournal)),
        State::Behind(from) => tenancy_row::<DB>(&mut conn, schema, from).await?,
    };
    drop(conn);
    let bound = bound.map(str::to_owned).or(tenancy.tenant);
    let visit = Visit { setting: tenancy.setting, bound };
    chain::verify_chains(pool, schema, &visit, options).await
}
