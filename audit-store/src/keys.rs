//! The keys that sign checkpoints: added and retired, each recorded in every chain.

use audit_core::{Actor, ChainId, KeyAlgorithm, Reserved, Timestamp, VerifierKey};
use sqlx::Transaction;

use crate::append::chain::{own, own_by};
use crate::append::write::{Group, Written};
use crate::append::{AppendError, Receipt};
use crate::backend::Backend;
use crate::backend::key::KeyRow;
use crate::checkpoint::sign;
use crate::error::{DatabaseError, OpenError};
use crate::journal::{Journal, Store};
use crate::publish::SigningError;

/// A key of a journal, as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct JournalKey {
    /// The verifier key.
    pub key: VerifierKey,
    /// When it was added; nothing for the key that the journal was created with.
    pub added: Option<Timestamp>,
    /// Whether whoever trusts an older key can trust this one: each chain that was there has a
    /// checkpoint by an older key over the entry that added it.
    pub covered: bool,
    /// When it was retired.
    pub retired: Option<Timestamp>,
}

/// A key was not added or not retired. Unless it says otherwise, nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyChangeError {
    /// The entry that says so could not be appended.
    #[error("the change of keys cannot be recorded")]
    Append(#[from] AppendError),
    /// The database failed.
    #[error("the keys cannot be read or changed")]
    Database(#[from] DatabaseError),
    /// No other key could go on: there is none, or none that whoever trusts this one can trust, see
    /// [`JournalKey::covered`].
    #[error("no other key that can be trusted would be left")]
    LastKey,
    /// The key is not one for checkpoints, or is not named as the journal.
    #[error("not a key for the checkpoints of this journal")]
    NotAJournalKey,
    /// The key is added, but not every chain has a checkpoint over it yet. Add it again, to sign what
    /// is missing; until then it is not [covered](JournalKey::covered).
    #[error("the key is added, but not every chain has a checkpoint over that")]
    NotCovered(#[source] SigningError),
    /// The handle is for one tenant of several, and keys are the whole journal's.
    #[error("the journal is open for one tenant only")]
    OneTenant,
    /// A key that was retired stays so.
    #[error("the key was retired")]
    Retired,
    /// The journal has no such key.
    #[error("the journal has no such key")]
    UnknownKey,
    /// Adding a key needs a signer whose key is in force, to vouch for the new one.
    #[error("the journal is open without a key that could vouch for another")]
    NoSigner,
}

impl From<sqlx::Error> for KeyChangeError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.into())
    }
}

impl<DB: Backend> Journal<DB> {
    /// Adds a key that may sign checkpoints from now on, beside those there are: recorded in every
    /// chain in one transaction, and then every chain is signed with the present key, which is what
    /// lets an auditor who trusts the present key trust the new one. Chains that are made later begin
    /// with it.
    ///
    /// To change keys, add the new one, open the journal with it wherever it is open, and
    /// [retire](Self::retire_key) the old one. Tell auditors and witnesses the new key before:
    /// chains that are made after the old key has gone have nothing by it that would vouch for the
    /// new one. Adding a key that is there already signs what is not signed over it yet.
    ///
    /// # Errors
    ///
    /// [`KeyChangeError`]; with `NotCovered` the key is added.
    pub async fn add_key(
        &self,
        key: &VerifierKey,
        actor: Actor,
    ) -> Result<Vec<Receipt>, KeyChangeError> {
        let store = &self.store;
        store.may_change_keys()?;
        if key.name() != store.options.name.as_str() || key.algorithm() != KeyAlgorithm::Ed25519 {
            return Err(KeyChangeError::NotAJournalKey);
        }
        let signer = store.options.signer.as_ref().ok_or(KeyChangeError::NoSigner)?;
        let mut change = Change::begin(store).await?;
        let keys = change.keys().await?;
        let same = |known: &&KnownKey| known.key.public_key() == key.public_key();
        let by = signer.verifier();
        let vouches =
            |known: &KnownKey| known.key == by && known.retired.is_none() && known.is_vouched_for();
        if !keys.iter().any(vouches) {
            return Err(KeyChangeError::NoSigner);
        }
        let mut receipts = Vec::new();
        match keys.iter().find(same) {
            Some(known) if known.retired.is_some() => return Err(KeyChangeError::Retired),
            Some(known) if known.is_vouched_for() => return Ok(receipts),
            Some(_) => drop(change),
            None => {
                let entry = || Reserved::KeyAdded { key: key.to_string() };
                let added = Some(change.now.as_micros());
                let row = KeyRow { key: key.to_string(), added, covered: None, retired: None };
                receipts = change.record(entry, &actor, &row).await?;
            }
        }
        store.cover(key).await?;
        Ok(receipts)
    }

    /// Retires a key, recorded in every chain in one transaction: a checkpoint that it signs beyond
    /// that entry is a finding of every verification. What it signed before stays as good as it was.
    ///
    /// A journal that is open with it signs no more ([`SigningError::KeyRetired`]), and is not opened
    /// with it any more ([`OpenError::KeyRetired`]).
    ///
    /// # Errors
    ///
    /// [`KeyChangeError`]; [`KeyChangeError::LastKey`] where no other key could go on.
    pub async fn retire_key(
        &self,
        key: &VerifierKey,
        actor: Actor,
    ) -> Result<Vec<Receipt>, KeyChangeError> {
        let store = &self.store;
        store.may_change_keys()?;
        let mut change = Change::begin(store).await?;
        let keys = change.keys().await?;
        let known =
            keys.iter().find(|known| known.key == *key).ok_or(KeyChangeError::UnknownKey)?;
        if known.retired.is_some() {
            return Err(KeyChangeError::Retired);
        }
        let goes_on = |other: &KnownKey| {
            other.key != *key && other.retired.is_none() && other.is_vouched_for()
        };
        if !keys.iter().any(goes_on) {
            return Err(KeyChangeError::LastKey);
        }
        let (added, covered) = (known.added, known.covered);
        let retired = Some(std::cmp::max(change.now.as_micros(), added.unwrap_or(i64::MIN)));
        let row = KeyRow { key: key.to_string(), added, covered, retired };
        let entry = || Reserved::KeyRetired { key: key.to_string() };
        change.record(entry, &actor, &row).await
    }

    /// The journal's keys, the first one first, retired ones included.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub async fn keys(&self) -> Result<Vec<JournalKey>, DatabaseError> {
        let time = |micros: Option<i64>| micros.and_then(|at| Timestamp::from_micros(at).ok());
        let known = self.store.stored_keys().await?;
        let key = |known: KnownKey| JournalKey {
            covered: known.is_vouched_for(),
            added: time(known.added),
            retired: time(known.retired),
            key: known.key,
        };
        Ok(known.into_iter().map(key).collect())
    }
}

/// A key, and what is known of it.
#[derive(Clone, Debug)]
pub(crate) struct KnownKey {
    pub(crate) key: VerifierKey,
    added: Option<i64>,
    covered: Option<i64>,
    pub(crate) retired: Option<i64>,
}

impl KnownKey {
    /// The first key needs nobody to vouch for it.
    const fn is_vouched_for(&self) -> bool {
        self.added.is_none() || self.covered.is_some()
    }
}

/// All keys that a journal has and had, the first one first. What is stored and is no key is left
/// out: nothing is by it.
pub(crate) async fn known_keys<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &crate::backend::Schema,
    first: &str,
) -> sqlx::Result<Vec<KnownKey>> {
    let rows = DB::keys(conn, schema).await?;
    let mut keys = Vec::with_capacity(rows.len().saturating_add(1));
    if !rows.iter().any(|row| row.key == first)
        && let Ok(key) = first.parse()
    {
        keys.push(KnownKey { key, added: None, covered: None, retired: None });
    }
    keys.extend(rows.into_iter().filter_map(|row| {
        let KeyRow { key, added, covered, retired } = row;
        Some(KnownKey { key: key.parse().ok()?, added, covered, retired })
    }));
    Ok(keys)
}

/// Whether a journal may be opened with a signer's key.
pub(crate) fn check_signer(
    signer: &VerifierKey,
    keys: &[KnownKey],
    first: &str,
) -> Result<(), OpenError> {
    match keys.iter().find(|known| known.key == *signer) {
        Some(known) if known.retired.is_some() => {
            Err(OpenError::KeyRetired { key: signer.to_string() })
        }
        Some(_) => Ok(()),
        None => Err(OpenError::KeyMismatch { stored: first.to_owned(), given: signer.to_string() }),
    }
}

impl<DB: Backend> Store<DB> {
    /// All keys that the journal has and had, as the database knows them.
    pub(crate) async fn stored_keys(&self) -> sqlx::Result<Vec<KnownKey>> {
        let mut conn = self.pool.acquire().await?;
        known_keys::<DB>(&mut conn, &self.schema, &self.key).await
    }

    /// The keys that checkpoints outside may be signed by: those, and what the options say besides.
    pub(crate) async fn known_keys(&self) -> sqlx::Result<Vec<KnownKey>> {
        let mut keys = self.stored_keys().await?;
        let besides = self.options.also_signed_by.iter().cloned();
        keys.extend(besides.map(|key| KnownKey { key, added: None, covered: None, retired: None }));
        Ok(keys)
    }

    fn may_change_keys(&self) -> Result<(), KeyChangeError> {
        Ok(self.gate.check().map_err(AppendError::History)?)
    }

    /// Signs every chain, and notes that a key is vouched for by it.
    async fn cover(&self, key: &VerifierKey) -> Result<(), KeyChangeError> {
        let mut chains = Vec::new();
        for round in self.rounds().await? {
            let mut conn = self.read_in(round.as_deref()).await?;
            chains.extend(chains_of_round::<DB>(&mut conn, self).await?);
        }
        for (_, chain) in chains {
            sign(self, &chain).await.map_err(KeyChangeError::NotCovered)?;
        }
        let mut change = Change::begin(self).await?;
        let rows = DB::keys(&mut change.tx, &self.schema).await?;
        let key = key.to_string();
        let row = rows.into_iter().find(|row| row.key == key).ok_or(KeyChangeError::UnknownKey)?;
        let covered = std::cmp::max(Some(change.now.as_micros()), row.added);
        DB::set_key(&mut change.tx, &self.schema, &KeyRow { covered, ..row }).await?;
        Ok(change.tx.commit().await?)
    }

    /// Begins a chain that was just made with the keys that were added, and those that sign no more.
    pub(crate) async fn begin_keys(
        &self,
        tx: &mut Transaction<'_, DB>,
        group: &Group,
        mut written: Written,
    ) -> Result<Written, AppendError> {
        let keys = known_keys::<DB>(tx, &self.schema, &self.key).await?;
        let in_force = keys.iter().filter(|key| key.added.is_some() && key.retired.is_none());
        let added = in_force.map(|known| Reserved::KeyAdded { key: known.key.to_string() });
        let gone = keys.iter().filter(|key| key.retired.is_some());
        let retired = gone.map(|known| Reserved::KeyRetired { key: known.key.to_string() });
        for entry in added.chain(retired) {
            written = self.write_more(tx, group, written, &mut [&mut own(&entry)?]).await?;
        }
        Ok(written)
    }
}

/// The chains of the tenant that is entered, or all: in the order of their ids.
async fn chains_of_round<DB: Backend>(
    conn: &mut DB::Connection,
    store: &Store<DB>,
) -> sqlx::Result<Vec<(i64, ChainId)>> {
    let (mut chains, mut after) = (Vec::new(), 0);
    loop {
        let rows = DB::chains_after(conn, &store.schema, after).await?;
        let Some((last, _, _)) = rows.last() else { return Ok(chains) };
        after = *last;
        chains
            .extend(rows.iter().filter_map(|(id, tenant, series)| {
                Some((*id, ChainId::new(tenant, series).ok()?))
            }));
    }
}

/// A change of keys under way: no chain is made meanwhile, and no other change.
struct Change<'a, DB: Backend> {
    store: &'a Store<DB>,
    tx: Transaction<'static, DB>,
    now: Timestamp,
    _turn: Option<crate::journal::Turn>,
}

impl<'a, DB: Backend> Change<'a, DB> {
    async fn begin(store: &'a Store<DB>) -> Result<Self, KeyChangeError> {
        let turn = store.turn_alone().await;
        let mut tx = store.begin_write().await?;
        DB::lock_keys(&mut tx, &store.schema, false).await?;
        // A journal that is one tenant's for good has only that tenant's chains.
        if store.bound.is_some() && DB::tenancy_row(&mut tx, &store.schema).await?.tenant.is_none()
        {
            return Err(KeyChangeError::OneTenant);
        }
        Ok(Self { store, tx, now: store.options.clock.now(), _turn: turn })
    }

    async fn keys(&mut self) -> sqlx::Result<Vec<KnownKey>> {
        known_keys::<DB>(&mut self.tx, &self.store.schema, &self.store.key).await
    }

    /// Seals an entry in every chain, and notes the key.
    async fn record(
        mut self,
        entry: impl Fn() -> Reserved,
        actor: &Actor,
        row: &KeyRow,
    ) -> Result<Vec<Receipt>, KeyChangeError> {
        let store = self.store;
        let mut chains = Vec::new();
        for round in store.rounds().await? {
            if let Some(tenant) = &round {
                store.enter_tenant(&mut self.tx, tenant).await?;
            }
            chains.extend(chains_of_round::<DB>(&mut self.tx, store).await?);
        }
        // Whoever takes several heads takes them in this order.
        chains.sort_by_key(|(id, _)| *id);
        let mut all = Vec::with_capacity(chains.len());
        for (id, chain) in chains {
            store.enter_tenant(&mut self.tx, chain.tenant()).await?;
            let mut group = Group { id, chain, slot: store.heads.slot(id).await };
            let head = store.locked_head(&mut self.tx, &mut group).await?;
            let mut event = own_by(&entry(), actor.clone())?;
            let events = &mut [&mut event];
            let written = store.write_locked(&mut self.tx, &group, head, events).await?;
            all.push((group, written));
        }
        DB::set_key(&mut self.tx, &store.schema, row).await?;
        self.tx.commit().await?;
        let receipts =
            all.into_iter().flat_map(|(mut group, written)| group.committed(store, written));
        Ok(receipts.collect())
    }
}
