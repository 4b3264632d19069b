//! How a journal is opened.

use std::sync::Arc;
use std::time::Duration;

use audit_core::{Clock, JournalName, RetentionSchedule, SystemClock, TrustPolicy, VerifierKey};

use crate::erasure::ledger::ErasureLedger;
use crate::private::PrivateFieldSealer;
use crate::publish::{CheckpointSigner, CheckpointSink};
use crate::subject::key::DirectoryKey;
use crate::tenancy::Tenancy;
use crate::witness::CheckpointWitness;

/// How a journal is created or opened. Every default is a constant of this type.
#[derive(Clone, Debug)]
pub struct JournalOptions {
    pub(crate) name: JournalName,
    pub(crate) signer: Option<Arc<dyn CheckpointSigner>>,
    pub(crate) sinks: Vec<Arc<dyn CheckpointSink>>,
    pub(crate) witnesses: Vec<Arc<dyn CheckpointWitness>>,
    pub(crate) quorum: Option<TrustPolicy>,
    pub(crate) also_signed_by: Vec<VerifierKey>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) schema: String,
    pub(crate) tenancy: Tenancy,
    pub(crate) tenant: Option<String>,
    pub(crate) directory_key: Option<DirectoryKey>,
    pub(crate) connections: u32,
    pub(crate) busy_timeout: Duration,
    pub(crate) queue: usize,
    pub(crate) batch: usize,
    pub(crate) checkpoint_entries: u64,
    pub(crate) checkpoint_interval: Duration,
    pub(crate) volatile_allowed: bool,
    pub(crate) unverified_open_allowed: bool,
    pub(crate) record_private_reads: bool,
    pub(crate) read_only: bool,
    pub(crate) sealer: Option<Arc<dyn PrivateFieldSealer>>,
    pub(crate) ledger: Option<Arc<dyn ErasureLedger>>,
    pub(crate) retention: Option<Arc<RetentionSchedule>>,
}

impl JournalOptions {
    /// How many events may wait for the writer: 4,096.
    pub const QUEUE: usize = 4096;
    /// How many events of waiting callers share one transaction at most: 1,024.
    pub const BATCH: usize = 1024;
    /// How many connections serve reads and shared transactions at most: 8. The writer has one of
    /// its own besides, so that a host that holds them all can still append.
    pub const CONNECTIONS: u32 = 8;
    /// How long a writer waits for another one of the same SQLite file: 5 seconds.
    pub const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
    /// After how many entries of a chain a checkpoint is due: 1,024.
    pub const CHECKPOINT_ENTRIES: u64 = 1024;
    /// After what time a checkpoint is due where a chain has grown: 10 seconds.
    pub const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(10);
    /// The PostgreSQL schema of the journal's tables.
    pub const SCHEMA: &'static str = "audit";

    /// The options of the journal of that name, all others at their defaults.
    #[must_use]
    pub fn new(name: JournalName) -> Self {
        Self {
            name,
            signer: None,
            sinks: Vec::new(),
            witnesses: Vec::new(),
            quorum: None,
            also_signed_by: Vec::new(),
            clock: Arc::new(SystemClock),
            schema: Self::SCHEMA.to_owned(),
            tenancy: Tenancy::default(),
            tenant: None,
            directory_key: None,
            connections: Self::CONNECTIONS,
            busy_timeout: Self::BUSY_TIMEOUT,
            queue: Self::QUEUE,
            batch: Self::BATCH,
            checkpoint_entries: Self::CHECKPOINT_ENTRIES,
            checkpoint_interval: Self::CHECKPOINT_INTERVAL,
            volatile_allowed: false,
            unverified_open_allowed: false,
            record_private_reads: false,
            read_only: false,
            sealer: None,
            ledger: None,
            retention: None,
        }
    }

    /// The key that signs checkpoints. Creating a journal needs one; a journal opened without one
    /// appends, but signs nothing.
    #[must_use]
    pub fn signer(mut self, signer: impl CheckpointSigner + 'static) -> Self {
        self.signer = Some(Arc::new(signer));
        self
    }

    /// One more place where checkpoints are published.
    #[must_use]
    pub fn sink(mut self, sink: impl CheckpointSink + 'static) -> Self {
        self.sinks.push(Arc::new(sink));
        self
    }

    /// One more witness, who is asked to cosign each checkpoint before it is published; see
    /// `HttpWitness` of the feature `witness`. One that fails is asked again later and delays
    /// nothing, unless [`publish_only_with`](Self::publish_only_with) says so.
    #[must_use]
    pub fn witness(mut self, witness: impl CheckpointWitness + 'static) -> Self {
        self.witnesses.push(Arc::new(witness));
        self
    }

    /// Hands a checkpoint to the sinks only once it is valid by this policy: cosigned by a quorum
    /// of the witnesses. Until then it is stored, and tried again; appending goes on meanwhile.
    ///
    /// The policy asks, [`witness`](Self::witness) says where; opening refuses a policy that the
    /// given witnesses cannot satisfy ([`OpenError::Quorum`](crate::OpenError::Quorum)). Logs that
    /// it names must include this journal, under each key that signs.
    #[must_use]
    pub fn publish_only_with(mut self, policy: TrustPolicy) -> Self {
        self.quorum = Some(policy);
        self
    }

    /// A key by which checkpoints outside may be signed though the database does not know it: one
    /// that was added after the backup which was restored. Nothing is signed with it.
    #[must_use]
    pub fn also_signed_by(mut self, key: VerifierKey) -> Self {
        self.also_signed_by.push(key);
        self
    }

    /// Where the time comes from, instead of the system's clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The PostgreSQL schema of the journal's tables, see [`SCHEMA`](Self::SCHEMA). It must match
    /// `[a-z_][a-z0-9_]{0,62}`; SQLite ignores it.
    #[must_use]
    pub fn schema(mut self, schema: &str) -> Self {
        schema.clone_into(&mut self.schema);
        self
    }

    /// How the journal's tenants are kept apart. A journal is created with it, and must be opened
    /// with the same.
    ///
    /// Under row-level security each transaction of the journal's own takes one more statement, which
    /// names its tenant, and a single event takes a transaction. Signing and publishing ask for every
    /// tenant what is due, as often as [`checkpoint_after`](Self::checkpoint_after) says: with
    /// thousands of tenants let it be seldom, in one process. In transactions of the host's
    /// ([`Journal::begin`](crate::Journal::begin), [`Journal::stage`](crate::Journal::stage)) the host
    /// names the tenant, by `SELECT set_config($1, $2, true)`.
    #[must_use]
    pub fn tenancy(mut self, tenancy: Tenancy) -> Self {
        self.tenancy = tenancy;
        self
    }

    /// Binds the handle to one tenant: chains of another are refused with
    /// [`TenantMismatch`](crate::TenantMismatch), whatever is asked of them. A journal that is
    /// created so is this tenant's alone for good, as one in a schema or a file of its own is, and
    /// binds every handle, also one that is opened without this.
    ///
    /// In a journal of several tenants that the database does not keep apart the handle's tasks
    /// still post to the query index for all of them, which shows nobody anything.
    #[must_use]
    pub fn tenant(mut self, tenant: &str) -> Self {
        self.tenant = Some(tenant.to_owned());
        self
    }

    /// Keeps the directory of data subjects under a key: what stands there is a keyed hash of the
    /// host's id, and never the id, see [`DirectoryKey`].
    ///
    /// Without one the host's own ids stand in the directory in the clear, each beside the pseudonym
    /// that stands in the entries, until the person is erased: whoever reads the database, a backup or
    /// its log from before then, can tell whom an entry is about, and backups can tell it after the
    /// erasure, too.
    ///
    /// A journal is created with the key or without, for good: it is opened only with the same. For
    /// reading only it may be left out; then nobody is looked up by the host's id.
    #[must_use]
    pub fn directory_key(mut self, key: DirectoryKey) -> Self {
        self.directory_key = Some(key);
        self
    }

    /// See [`CONNECTIONS`](Self::CONNECTIONS). Ignored where a pool is given; at least 1.
    #[must_use]
    pub fn connections(mut self, connections: u32) -> Self {
        self.connections = std::cmp::max(connections, 1);
        self
    }

    /// See [`BUSY_TIMEOUT`](Self::BUSY_TIMEOUT).
    #[must_use]
    pub fn busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// See [`QUEUE`](Self::QUEUE); at least 1.
    #[must_use]
    pub fn queue(mut self, events: usize) -> Self {
        self.queue = std::cmp::max(events, 1);
        self
    }

    /// See [`BATCH`](Self::BATCH); at least 1.
    #[must_use]
    pub fn batch(mut self, events: usize) -> Self {
        self.batch = std::cmp::max(events, 1);
        self
    }

    /// When a checkpoint is due: after so many entries of a chain, or so long after its last one.
    #[must_use]
    pub fn checkpoint_after(mut self, entries: u64, interval: Duration) -> Self {
        self.checkpoint_entries = std::cmp::max(entries, 1);
        self.checkpoint_interval = interval;
        self
    }

    /// Records each reading of private fields in the chain it reads from, before anything is
    /// returned: see [`Journal::read_private`](crate::Journal::read_private).
    #[must_use]
    pub const fn record_private_reads(mut self, record: bool) -> Self {
        self.record_private_reads = record;
        self
    }

    /// Opens the journal for reading only, for those who must not change what they look at: nothing
    /// is migrated, sealed, posted, signed or published, a SQLite file is opened read-only, and on
    /// PostgreSQL all transactions are. Every call that would write is refused by the database
    /// ([`DatabaseErrorKind::Denied`](crate::DatabaseErrorKind::Denied)); over a pool of the host's
    /// only as far as that pool is so set. Creating ignores it.
    #[must_use]
    pub const fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Where erasures are noted outside the database before anything is destroyed. Opening the
    /// journal erases again whom the ledger names and the database, restored from a backup, still
    /// knows; until that is done private fields are not read or exported.
    #[must_use]
    pub fn erasure_ledger(mut self, ledger: impl ErasureLedger + 'static) -> Self {
        self.ledger = Some(Arc::new(ledger));
        self
    }

    /// Seals private fields before they are stored, and opens them for
    /// [`Journal::read_private`](crate::Journal::read_private). What was stored in the clear before
    /// stays so. Without one private fields stand beside the entry in the clear.
    #[must_use]
    pub fn private_fields(mut self, sealer: impl PrivateFieldSealer + 'static) -> Self {
        self.sealer = Some(Arc::new(sealer));
        self
    }

    /// How long records are kept, by series and plan. By itself it changes nothing: what binds a
    /// chain is what its own entries say, which
    /// [`set_plan`](crate::Journal::set_plan) and
    /// [`apply_schedule`](crate::Journal::apply_schedule) write, and with which a chain begins that
    /// is made later.
    #[must_use]
    pub fn retention(mut self, schedule: RetentionSchedule) -> Self {
        self.retention = Some(Arc::new(schedule));
        self
    }

    /// Signs checkpoints even where the database is set to lose committed transactions in a crash
    /// (`synchronous` below `FULL`, `synchronous_commit = off`). A checkpoint may then count
    /// entries that a crash takes away, and the journal looks truncated.
    #[must_use]
    pub fn dangerous_allow_volatile(mut self) -> Self {
        self.volatile_allowed = true;
        self
    }

    /// Opens the journal even where a sink cannot be asked whether it knows a newer checkpoint, and
    /// with it whether an old backup was restored.
    #[must_use]
    pub fn allow_unverified_open(mut self) -> Self {
        self.unverified_open_allowed = true;
        self
    }
}
