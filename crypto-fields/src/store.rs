//! Wrapped keys in a database: the records of keysets and the keys of data subjects.

pub(crate) mod error;
mod keys;
pub(crate) mod migrate;
mod subjects;
pub(crate) mod tenants;

use std::fmt;

use sqlx::{Pool, Transaction};

use crate::associated_data::names::{SubjectId, TenantId};
use crate::backend::begin::begin;
use crate::backend::{Backend, fixed};
use crate::clock::{Clock, Timestamp};
use crate::keyset::census::UnusedKey;
use crate::keyset::manager::Transition;
use crate::keyset::record::KeyRecord;
use crate::keyset::state::KeyState;
use crate::subject_key::store::SubjectKeyRecord;
use error::StoreError;
use tenants::DestroyedKeys;

/// Wrapped keys in a database, which may be the host's or one of its own.
///
/// It holds nothing that opens anything by itself: every key in it is wrapped by a key that is
/// elsewhere, and what looks like a key in the clear is refused. It makes its tables (`cf_…`) and
/// keeps its own table of migrations, `_crypto_fields_migrations`.
///
/// Every change compares the whole record that it replaces, so that of two processes that move a
/// key at once one fails and nothing is half done.
///
/// ```no_run
/// # async fn example(pool: sqlx::Pool<impl crypto_fields::Backend>) -> Result<(), Box<dyn std::error::Error>> {
/// use crypto_fields::{
///     KeyGroup, KeyPolicy, KeyStore, Keyset, KeysetManager, LocalKey, Purpose, SecretKey,
///     SystemClock, TenantId,
/// };
///
/// let root = LocalKey::new(SecretKey::random()?);
/// let store = KeyStore::open(pool, &SystemClock).await?;
/// let mut manager = KeysetManager::new(store.records().await?, KeyPolicy::DEFAULT, SystemClock);
/// let created =
///     manager.create(&root, &TenantId::SINGLE, Purpose::Seal, &KeyGroup::DEFAULT).await?;
/// store.apply(&[created]).await?;
/// let keys = Keyset::load(store.records().await?, &[&root]).await?;
/// # Ok(())
/// # }
/// ```
pub struct KeyStore<DB: Backend> {
    pool: Pool<DB>,
}

impl<DB: Backend> KeyStore<DB> {
    /// Opens the store of a database, and makes or upgrades its tables where needed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`], [`StoreError::MigrationChanged`], [`StoreError::SchemaTooNew`].
    /// Nothing was changed.
    pub async fn open(pool: Pool<DB>, clock: &dyn Clock) -> Result<Self, StoreError> {
        migrate::run(&pool, clock.now()).await?;
        Ok(Self { pool })
    }

    /// The pool.
    #[must_use]
    pub const fn pool(&self) -> &Pool<DB> {
        &self.pool
    }

    /// Every record, of destroyed keys too.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`], [`StoreError::Damaged`].
    pub async fn records(&self) -> Result<Vec<KeyRecord>, StoreError> {
        keys::all::<DB>(&mut *self.pool.acquire().await?).await
    }

    /// Stores transitions, all or none, in their order.
    ///
    /// # Errors
    ///
    /// As [`apply_in`](Self::apply_in). Nothing was changed.
    pub async fn apply(&self, transitions: &[Transition]) -> Result<(), StoreError> {
        let mut tx = begin(&self.pool, fixed(DB::BEGIN)).await?;
        self.apply_in(&mut tx, transitions).await?;
        Ok(tx.commit().await?)
    }

    /// Stores transitions in the host's own transaction.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`] if a record is not as the transition found it,
    /// [`StoreError::ProofMissing`] for a destruction, [`StoreError::NotWrapped`],
    /// [`StoreError::Database`]. The transaction is to be rolled back.
    pub async fn apply_in(
        &self,
        tx: &mut Transaction<'_, DB>,
        transitions: &[Transition],
    ) -> Result<(), StoreError> {
        for transition in transitions {
            let record = &transition.record;
            if record.state == KeyState::Destroyed {
                return Err(StoreError::ProofMissing { key: record.id });
            }
            error::refuse_unwrapped(record.id, record.wrapped.as_ref())?;
            match &transition.before {
                None => keys::insert::<DB>(&mut *tx, record).await?,
                Some(before) => keys::replace::<DB>(&mut *tx, before, record, None).await?,
            }
        }
        Ok(())
    }

    /// Stores the destruction of a key: its wrapped bytes are overwritten, and the proof that
    /// nothing was sealed under it stays with its record, with a reference of the host's (the
    /// entry of its journal, for example).
    ///
    /// SQLite wipes the page; copies in its write-ahead log last until the next checkpoint,
    /// PostgreSQL's old versions of the row until VACUUM, backups as long as they are kept.
    ///
    /// # Errors
    ///
    /// [`StoreError::Conflict`], [`StoreError::ProofMissing`] if the proof is of another key or
    /// the transition is no destruction, [`StoreError::Database`]. Nothing was changed.
    pub async fn destroy(
        &self,
        transition: &Transition,
        unused: &UnusedKey,
        reference: Option<&str>,
    ) -> Result<(), StoreError> {
        let (key, record) = (transition.record.id, &transition.record);
        let before = match &transition.before {
            Some(before) if record.state == KeyState::Destroyed && unused.key() == key => before,
            _ => return Err(StoreError::ProofMissing { key }),
        };
        let mut conn = self.pool.acquire().await?;
        DB::wipe_what_is_overwritten(&mut conn).await?;
        keys::replace::<DB>(&mut conn, before, record, Some((unused, reference))).await
    }

    /// Destroys every key of a data subject in the host's own transaction: with the blind indexes
    /// set to NULL, and the entry in the journal. Those that were destroyed before keep their
    /// time. Nothing is destroyed before the host commits.
    ///
    /// After the commit, call [`SubjectKeys::destroy`](crate::SubjectKeys::destroy) for the same
    /// data subject: it finds the keys destroyed, and empties the cache of this process.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`], [`StoreError::Damaged`]. The transaction is to be rolled back.
    pub async fn destroy_subject_in(
        &self,
        tx: &mut Transaction<'_, DB>,
        tenant: &TenantId,
        subject: &SubjectId,
        at: Timestamp,
    ) -> Result<Vec<SubjectKeyRecord>, StoreError> {
        subjects::destroy::<DB>(&mut *tx, tenant, subject, at).await
    }

    /// Destroys every key of a tenant that has gone, whatever is sealed under them: the keysets and
    /// the keys of all of its data subjects, in batches, each in a transaction of its own. Their
    /// records stay, and stay destroyed; `reference` is the host's (an entry of its journal).
    ///
    /// From then on nothing opens what was sealed for the tenant, in no backup that does not hold
    /// the keys as well. A process that has loaded a keyset keeps it until it loads it again. What
    /// was cut off is gone on with by the same call; keys that were destroyed before are not counted.
    ///
    /// As with [`destroy`](Self::destroy), older versions of the rows last in write-ahead logs until
    /// the next checkpoint, in PostgreSQL's files until VACUUM, and in backups.
    ///
    /// # Errors
    ///
    /// [`StoreError::NoTenant`] for [`TenantId::SINGLE`]: that is everybody. Nothing was changed.
    /// [`StoreError::Database`]: what was destroyed before is.
    pub async fn destroy_tenant(
        &self,
        tenant: &TenantId,
        at: Timestamp,
        reference: Option<&str>,
    ) -> Result<DestroyedKeys, StoreError> {
        if *tenant == TenantId::SINGLE {
            return Err(StoreError::NoTenant);
        }
        tenants::destroy::<DB>(&self.pool, tenant, at, reference).await
    }

    /// How many keys of a tenant are not destroyed.
    ///
    /// # Errors
    ///
    /// [`StoreError::Database`].
    pub async fn live_keys(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        let mut conn = self.pool.acquire().await?;
        tenants::live::<DB>(&mut conn, tenant).await
    }
}

impl<DB: Backend> Clone for KeyStore<DB> {
    fn clone(&self) -> Self {
        Self { pool: self.pool.clone() }
    }
}

impl<DB: Backend> fmt::Debug for KeyStore<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyStore").finish_non_exhaustive()
    }
}
