//! The handle of a journal.

use std::sync::{Arc, Mutex, PoisonError};

use sqlx::{Pool, Transaction};
use tokio::task::JoinHandle;

use crate::append::group_commit::{self, Queue};
use crate::append::head::Heads;
use crate::append::sequencer::Sequencer;
use crate::backend::begin::begin;
use crate::backend::setup::JournalRow;
use crate::backend::tenancy::TenancyRow;
use crate::backend::{Backend, Schema};
use crate::error::{DatabaseError, OpenError};
use crate::index::task::Follower;
use crate::journal::kept::Kept;
use crate::journal::options::JournalOptions;
use crate::keys::{check_signer, known_keys};
use crate::migrate::{self, MigrationText, State};
use crate::publish::{Gate, Publisher, verify_open};
use crate::subject::Subjects;
use crate::subject::key::Directory;
use crate::tail::TailHub;
use crate::tenancy::{self, Tenancy};
use crate::witness::can_satisfy;

mod kept;
pub(crate) mod options;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(any(feature = "sqlite", feature = "sqlite-unbundled"))]
mod sqlite;
pub(crate) mod task;

/// A journal in a PostgreSQL database.
#[cfg(feature = "postgres")]
pub type PgJournal = Journal<sqlx::Postgres>;

/// A journal in a SQLite file.
#[cfg(any(feature = "sqlite", feature = "sqlite-unbundled"))]
pub type SqliteJournal = Journal<sqlx::Sqlite>;

/// An open journal. Clones share one writer and one set of connections.
///
/// Opening spawns up to four tasks on the current runtime: the writer, which commits what callers
/// append; the sequencer, which seals what host transactions have staged; the one that posts to the
/// query index; and, with a signer or a sink, the one that signs and publishes. They end with
/// [`close`](Self::close), or when the last clone is dropped.
pub struct Journal<DB: Backend> {
    pub(crate) store: Arc<Store<DB>>,
    pub(crate) handle: Arc<Handle>,
}

/// What only the handles of a journal hold, and not its tasks: when the last one goes, the tasks
/// end.
#[derive(Debug)]
pub(crate) struct Handle {
    pub(crate) queue: Queue,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl<DB: Backend> Clone for Journal<DB> {
    fn clone(&self) -> Self {
        Self { store: Arc::clone(&self.store), handle: Arc::clone(&self.handle) }
    }
}

impl<DB: Backend> std::fmt::Debug for Journal<DB> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("name", &self.store.options.name).finish_non_exhaustive()
    }
}

/// What the parts of an open journal share.
#[derive(Debug)]
pub(crate) struct Store<DB: Backend> {
    /// Reads, and the transactions that are shared with the host.
    pub(crate) pool: Pool<DB>,
    /// Whether that pool is the host's, and stays open.
    given: bool,
    /// The journal's own writing transactions: the writer's, the sequencer's, the index's. Nobody
    /// else can hold its connections, so that a host that has exhausted the other pool can still
    /// append.
    pub(crate) writer: Pool<DB>,
    /// The one of them that appends.
    pub(crate) kept: Kept<DB>,
    pub(crate) schema: Schema,
    pub(crate) options: JournalOptions,
    /// The journal's first verifier key, as it stands in the database.
    pub(crate) key: String,
    /// The tenant that the handle is for, where it is for one.
    pub(crate) bound: Option<String>,
    /// How the directory of data subjects is kept.
    pub(crate) directory: Directory,
    /// What is known of the chains.
    pub(crate) heads: Heads,
    /// What is known of the data subjects.
    pub(crate) subjects: Subjects,
    /// Whose turn it is to write.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// The task that seals what host transactions have staged.
    pub(crate) sequencer: Sequencer,
    /// Whether the journal may append.
    pub(crate) gate: Gate,
    /// The task that signs and publishes.
    pub(crate) publisher: Publisher,
    /// The task that posts to the query index and announces commits.
    pub(crate) follower: Follower,
    /// How the tails of this process learn of commits.
    pub(crate) tail: TailHub<DB>,
}

impl<DB: Backend> Store<DB> {
    /// Begins one of the journal's own writing transactions: immediate on SQLite, READ COMMITTED
    /// on PostgreSQL.
    pub(crate) async fn begin_write(&self) -> sqlx::Result<Transaction<'static, DB>> {
        begin(&self.writer, DB::BEGIN).await
    }

    /// Waits for the turn to write. Within a process writers so wait in a fair row, where SQLite
    /// itself would let them poll.
    ///
    /// Whoever has waited for long goes ahead without: then a transaction of the host holds the
    /// turn, perhaps of the very task that waits here, and the database's own time-out decides.
    pub(crate) async fn turn(&self) -> Option<Turn> {
        if let Some(turn) = self.try_turn() {
            return Some(turn);
        }
        let turn = Arc::clone(&self.turn).lock_owned();
        tokio::time::timeout(self.options.busy_timeout, turn).await.ok()
    }

    /// Waits for the turn where a transaction that writes excludes all others anyway; elsewhere only
    /// the writer's queue takes turns.
    pub(crate) async fn turn_alone(&self) -> Option<Turn> {
        if DB::WRITES_ALONE { self.turn().await } else { None }
    }

    /// The turn, where nobody has it.
    pub(crate) fn try_turn(&self) -> Option<Turn> {
        Arc::clone(&self.turn).try_lock_owned().ok()
    }
}

/// The turn to write.
pub(crate) type Turn = tokio::sync::OwnedMutexGuard<()>;

impl<DB: Backend> Journal<DB> {
    /// Flushes what was accepted, ends the tasks and closes the journal's connections, for all
    /// clones of this handle. A pool that was given at open stays open.
    pub async fn close(self) {
        self.handle.queue.close();
        let writer = self.handle.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            // A task that panicked has ended too.
            let _ended = writer.await;
        }
        self.store.sequencer.end().await;
        self.store.publisher.end().await;
        self.store.follower.end().await;
        self.store.tail.end().await;
        self.store.kept.close().await;
        if !(self.store.given && self.store.options.read_only) {
            self.store.writer.close().await;
        }
        if !self.store.given {
            self.store.pool.close().await;
        }
    }

    /// The connections for reads and shared transactions.
    #[must_use]
    pub fn pool(&self) -> &Pool<DB> {
        &self.store.pool
    }

    /// The verifier key that the journal was created with (a vkey of the signed-note format). Which
    /// others there are, and whether it is retired, [`keys`](Self::keys) says.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.store.key
    }

    /// Opens what is there, after applying the migrations that are missing.
    async fn open_in(pools: Pools<DB>, options: &JournalOptions) -> Result<Self, OpenError> {
        let schema = Schema::new(&options.schema)?;
        let mut conn = pools.writer.acquire().await?;
        let state = state::<DB>(&mut conn, &schema).await?;
        drop(conn);
        match state {
            State::None => return Err(OpenError::NotAJournal),
            State::Behind(from) if from < DB::MIGRATIONS.len() => {
                if options.read_only {
                    return Err(behind::<DB>(from));
                }
                migrate(&pools.writer, &schema, options, None).await?;
            }
            State::Behind(_) => {}
        }
        Self::start(pools, schema, options).await
    }

    /// Makes a journal where there is none.
    async fn create_in(pools: Pools<DB>, options: &JournalOptions) -> Result<Self, OpenError> {
        let schema = Schema::new(&options.schema)?;
        let signer = options.signer.as_ref().ok_or(OpenError::NoSigner)?;
        tenancy::open::check_options::<DB>(options)?;
        let row = JournalRow { name: options.name.to_string(), key: signer.verifier().to_string() };
        migrate(&pools.writer, &schema, options, Some(&row)).await?;
        Self::start(pools, schema, options).await
    }

    /// Checks whose journal it is and starts the writer.
    async fn start(
        pools: Pools<DB>,
        schema: Schema,
        options: &JournalOptions,
    ) -> Result<Self, OpenError> {
        let Pools { pool, writer, given } = pools;
        let mut conn = writer.acquire().await?;
        let row = DB::journal_row(&mut conn, &schema).await?.ok_or(OpenError::NotAJournal)?;
        let (bound, directory) = tenancy::open::check::<DB>(&mut conn, &schema, options).await?;
        let keys = known_keys::<DB>(&mut conn, &schema, &row.key).await?;
        drop(conn);
        if row.name != options.name.as_str() {
            return Err(OpenError::NameMismatch { stored: row.name, given: options.name.clone() });
        }
        if let Some(signer) = &options.signer {
            check_signer(&signer.verifier(), &keys, &row.key)?;
        }
        if let Some(policy) = &options.quorum
            && !can_satisfy(policy, &options.witnesses)
        {
            return Err(OpenError::Quorum { quorum: policy.quorum_in_words() });
        }
        let options = options.clone();
        let store = Arc::new(Store {
            pool,
            given,
            writer,
            kept: Kept::new(),
            schema,
            options,
            key: row.key,
            bound,
            directory,
            heads: Heads::default(),
            subjects: Subjects::default(),
            turn: Arc::default(),
            sequencer: Sequencer::new(),
            gate: Gate::default(),
            publisher: Publisher::new(),
            follower: Follower::new(),
            tail: TailHub::default(),
        });
        verify_open(&store).await;
        settle_erasures(&store).await?;
        if !store.options.read_only {
            Publisher::start(&store);
            Sequencer::start(&store);
            Follower::start(&store);
            // Where that fails, maintenance tries again.
            let _tried_again = store.destroy_all_condemned().await;
        }
        let (queue, writer) = group_commit::start(&store);
        let handle = Handle { queue, writer: Mutex::new(Some(writer)) };
        Ok(Self { store, handle: Arc::new(handle) })
    }
}

/// Erases again whom a restored backup has brought back; where that cannot be done yet, closes the
/// private fields.
async fn settle_erasures<DB: Backend>(store: &Store<DB>) -> Result<(), OpenError> {
    if !store.owes_erasures().await? {
        return Ok(());
    }
    store.gate.owe_erasures();
    if store.options.read_only || store.gate.check().is_err() {
        return Ok(());
    }
    store.replay(false).await?;
    Ok(())
}

/// The connections of a journal.
struct Pools<DB: Backend> {
    pool: Pool<DB>,
    /// The same where nothing is written.
    writer: Pool<DB>,
    /// Whether `pool` is the host's.
    given: bool,
}

/// Whose journal a database holds, as the database says it. That it is so is for verification to
/// show.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalIdentity {
    /// The journal's name.
    pub name: String,
    /// Its verifier key (a vkey of the signed-note format).
    pub key: String,
    /// How it keeps its tenants apart.
    pub tenancy: Tenancy,
    /// The one tenant that it is for, where it was made for one.
    pub tenant: Option<String>,
    /// Whether it is being dropped: its tenant leaves.
    pub leaving: bool,
}

pub(crate) async fn identity<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
) -> Result<JournalIdentity, OpenError> {
    match state::<DB>(conn, schema).await? {
        State::None => Err(OpenError::NotAJournal),
        State::Behind(from) => {
            let row = DB::journal_row(conn, schema).await?.ok_or(OpenError::NotAJournal)?;
            let JournalRow { name, key } = row;
            let row = tenancy_row::<DB>(conn, schema, from).await?;
            let (tenancy, leaving) = (row.tenancy(), row.leaving);
            Ok(JournalIdentity { name, key, tenancy, tenant: row.tenant, leaving })
        }
    }
}

/// Of a schema with so many migrations, which nobody may bring further.
fn behind<DB: Backend>(applied: usize) -> OpenError {
    let version = |migration: Option<&MigrationText>| migration.map_or(0, |m| m.version);
    OpenError::SchemaBehind {
        found: version(DB::MIGRATIONS.iter().take(applied).next_back()),
        needed: version(DB::MIGRATIONS.last()),
    }
}

async fn state<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
) -> Result<State, OpenError> {
    let applied = DB::applied_migrations(conn, schema).await?;
    migrate::state::<DB>(applied.as_deref())
}

/// What a journal with so many migrations was created with.
pub(crate) async fn tenancy_row<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
    applied: usize,
) -> sqlx::Result<TenancyRow> {
    if migrate::is_applied::<DB>(applied, migrate::TENANCY) {
        DB::tenancy_row(conn, schema).await
    } else {
        Ok(TenancyRow::default())
    }
}

/// Applies what is missing, in one transaction; with a row, makes a new journal, which must not be
/// there yet.
async fn migrate<DB: Backend>(
    writer: &Pool<DB>,
    schema: &Schema,
    options: &JournalOptions,
    create: Option<&JournalRow>,
) -> Result<(), OpenError> {
    let mut tx = begin(writer, DB::BEGIN).await?;
    DB::lock_migrations(&mut tx).await?;
    let from = match (state::<DB>(&mut tx, schema).await?, create) {
        (State::None, None) => return Err(OpenError::NotAJournal),
        (State::None, Some(_)) => {
            DB::ensure_migrations(&mut tx, schema).await?;
            0
        }
        (State::Behind(_), Some(_)) => return Err(OpenError::AlreadyExists),
        (State::Behind(from), None) => from,
    };
    let row = match create {
        Some(_) => tenancy::open::row(options),
        None => tenancy_row::<DB>(&mut tx, schema, from).await?,
    };
    if create.is_some() {
        tenancy::open::check_role::<DB>(&mut tx, options).await?;
    } else if row.setting.is_some() {
        DB::suspend_isolation(&mut tx, schema).await?;
    }
    migrate::run::<DB>(&mut tx, schema, from, options.clock.now()).await?;
    if let Some(journal) = create {
        DB::insert_journal_row(&mut tx, schema, journal).await?;
        if row != TenancyRow::default() {
            DB::insert_tenancy_row(&mut tx, schema, &row).await?;
        }
    }
    if let Some(setting) = &row.setting {
        DB::isolate(&mut tx, schema, setting).await?;
    }
    tx.commit().await.map_err(DatabaseError::from)?;
    Ok(())
}
