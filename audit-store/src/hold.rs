//! Legal holds: what must not go, whatever a schedule or an erasure says.

pub(crate) mod in_force;
pub(crate) mod locked;
mod matching;
mod release;

use std::collections::BTreeMap;

use audit_core::{
    Actor, ChainId, Entry, EventError, HoldScope, LegalHold, LegalHoldError, Reserved, SeqRange,
    Timestamp,
};
use sqlx::Transaction;

use crate::append::chain::own_by;
use crate::append::head::Head;
use crate::append::write::{Group, Written};
use crate::append::{AppendError, Receipt};
use crate::backend::hold::{HeldRow, HoldRow};
use crate::backend::{Backend, integer};
use crate::hold::matching::Matched;
use crate::journal::{Journal, Store};
use crate::query::QueryError;
use crate::subject::Prepared;

/// How many ranges of seqs one entry names; a longer list goes on in the next one.
const RANGES: usize = 1_500;

/// How many of these entries are written at a time.
const ENTRIES: usize = 16;

/// Who puts what on hold, and for which matter.
///
/// `hold` names the hold in the journal, in the clear and for ever, and `matter` says what it is
/// for: a file number, never a name.
#[derive(Clone, Debug)]
pub struct HoldOrder {
    tenant: String,
    on: HoldOn,
    hold: String,
    matter: String,
    actor: Actor,
}

#[derive(Clone, Debug)]
enum HoldOn {
    Chain(String),
    Subject(String),
    Target { kind: String, id: String },
}

impl HoldOrder {
    /// On everything in a chain, what comes later too.
    pub fn on_chain(
        chain: &ChainId,
        hold: impl Into<String>,
        matter: impl Into<String>,
        actor: Actor,
    ) -> Self {
        let on = HoldOn::Chain(chain.series().to_owned());
        Self::new(chain.tenant(), on, hold.into(), matter.into(), actor)
    }

    /// On the entries about a data subject, by the host's own id, in all chains of the tenant, what
    /// comes later too. Somebody whom the journal does not know yet gets a pseudonym by it.
    pub fn on_subject(
        tenant: &str,
        subject: impl Into<String>,
        hold: impl Into<String>,
        matter: impl Into<String>,
        actor: Actor,
    ) -> Self {
        Self::new(tenant, HoldOn::Subject(subject.into()), hold.into(), matter.into(), actor)
    }

    /// On the entries with a target, in all chains of the tenant, what comes later too.
    pub fn on_target(
        tenant: &str,
        target: &audit_core::Target,
        hold: impl Into<String>,
        matter: impl Into<String>,
        actor: Actor,
    ) -> Self {
        let (kind, id) = (target.kind().to_owned(), target.id().to_owned());
        Self::new(tenant, HoldOn::Target { kind, id }, hold.into(), matter.into(), actor)
    }

    fn new(tenant: &str, on: HoldOn, hold: String, matter: String, actor: Actor) -> Self {
        Self { tenant: tenant.to_owned(), on, hold, matter, actor }
    }

    /// Refuses what is no legal hold. Whom a hold on a person is on shows later.
    fn check(&self) -> Result<(), LegalHoldError> {
        let scope = match &self.on {
            HoldOn::Chain(_) | HoldOn::Subject(_) => HoldScope::Chain,
            HoldOn::Target { kind, id } => HoldScope::Target { kind: kind.clone(), id: id.clone() },
        };
        LegalHold::new(&self.hold, &self.matter, scope).map(drop)
    }

    /// The entry that places it, for some of what it covers.
    fn entry(&self, scope: &HoldScope, covers: &[SeqRange]) -> Result<Prepared, AppendError> {
        let entry = Reserved::HoldPlaced {
            covers: covers.to_vec(),
            hold: self.hold.clone(),
            matter: self.matter.clone(),
            scope: scope.clone(),
        };
        own_by(&entry, self.actor.clone())
    }
}

/// What was found to match before anything was locked.
struct MatchedAhead {
    scope: HoldScope,
    /// By chain, and up to where that was looked for.
    by_chain: BTreeMap<i64, (u64, Matched)>,
}

/// A legal hold in force.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LegalHoldInForce {
    /// Its id.
    pub hold: String,
    /// What it is for.
    pub matter: String,
    /// What it covers.
    pub scope: HoldScope,
    /// Since when it stands.
    pub since: Timestamp,
    /// On which chains.
    pub chains: Vec<ChainId>,
}

/// A hold was not placed or released. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HoldError {
    /// A hold of this id stands already.
    #[error("a hold of this id stands already on {chain}")]
    AlreadyPlaced {
        /// Where.
        chain: ChainId,
    },
    /// The entry that says so could not be appended.
    #[error("the hold cannot be recorded")]
    Append(#[from] AppendError),
    /// The id, the matter or the target is none: empty, too long, or with a control character.
    #[error("it is no legal hold")]
    Hold(#[from] LegalHoldError),
    /// The tenant has no chain, or not the one that was named: there is nothing to hold.
    #[error("there is no chain to put on hold")]
    NoChain,
    /// No hold of this id stands: it never did, or was released before.
    #[error("no hold of this id is in force")]
    NotInForce,
    /// What the hold covers could not be looked up.
    #[error("what the hold covers cannot be looked up")]
    Query(#[from] QueryError),
}

impl From<sqlx::Error> for HoldError {
    fn from(error: sqlx::Error) -> Self {
        Self::Append(error.into())
    }
}

impl From<EventError> for HoldError {
    fn from(error: EventError) -> Self {
        Self::Append(error.into())
    }
}

impl<DB: Backend> Journal<DB> {
    /// Places a legal hold: from now on nothing that it covers is pruned or erased, not by a
    /// schedule, not on a data subject's request, and not by plain SQL, until it is
    /// [released](Self::release_hold). Returns the entries that say so, in each chain of the tenant
    /// it is on; a chain that is made later begins with it.
    ///
    /// The entries name what the hold covers when it is placed. What is sealed later and matches is
    /// kept too, which the chain alone cannot show.
    ///
    /// # Errors
    ///
    /// Any [`HoldError`].
    pub async fn place_hold(&self, order: &HoldOrder) -> Result<Vec<Receipt>, HoldError> {
        let store = &self.store;
        // What is committed and staged is sealed first, and then found like the rest.
        self.sequence().await?;
        order.check()?;
        // Whatever is wrong with the entry is found before anything is locked.
        order.entry(&HoldScope::Chain, &[])?;
        let known = store.match_ahead(order).await?;
        let _turn = store.turn_alone().await;
        let mut tx = store.begin_write_for(&order.tenant).await?;
        DB::lock_tenant(&mut tx, &store.schema, &order.tenant).await?;
        let scope = store.scope(&mut tx, order).await?;
        // Somebody who was erased meanwhile is somebody else by now.
        let mut known =
            known.filter(|ahead| ahead.scope == scope).map_or_else(BTreeMap::new, |a| a.by_chain);
        let chains = store.chains_on(&mut tx, order).await?;
        if chains.is_empty() {
            return Err(HoldError::NoChain);
        }
        let mut all = Vec::new();
        for (id, chain) in chains {
            let mut group = Group { id, chain, slot: store.heads.slot(id).await };
            let head = store.locked_head(&mut tx, &mut group).await?;
            let (from, mut matched) = known.remove(&id).unwrap_or_default();
            let bounds = (from, head.size);
            store.add_matching(&mut tx, &group.chain, &scope, bounds, &mut matched).await?;
            let written = store.place(&mut tx, &group, head, (order, &scope), &matched).await?;
            all.push((group, written));
        }
        tx.commit().await?;
        let receipts = all.into_iter().flat_map(|(mut group, w)| group.committed(store, w));
        Ok(receipts.collect())
    }

    /// The legal holds in force on the chains of a tenant, by their ids.
    ///
    /// # Errors
    ///
    /// [`AppendError::Database`], [`AppendError::Corrupt`].
    pub async fn holds(&self, tenant: &str) -> Result<Vec<LegalHoldInForce>, AppendError> {
        let store = &self.store;
        let mut tx = store.begin_snapshot(tenant).await?;
        let mut all = BTreeMap::new();
        for (id, series) in DB::chains_of(&mut tx, &store.schema, tenant).await? {
            let chain = ChainId::new(tenant, &series)
                .map_err(|_| AppendError::Corrupt { what: "a chain's name" })?;
            for row in DB::holds(&mut tx, &store.schema, id).await? {
                let known: Option<&mut LegalHoldInForce> = all.get_mut(&row.hold);
                if let Some(known) = known {
                    if known.chains.last() != Some(&chain) {
                        known.chains.push(chain.clone());
                    }
                    continue;
                }
                let placed = store.placed(&mut tx, id, &row).await?;
                let chains = vec![chain.clone()];
                all.insert(row.hold.clone(), LegalHoldInForce { chains, ..placed });
            }
        }
        tx.rollback().await?;
        Ok(all.into_values().collect())
    }
}

impl<DB: Backend> Store<DB> {
    /// What a hold covers by now, so that it is not looked up while everybody waits; nothing where it
    /// covers a whole chain or somebody who is not known.
    async fn match_ahead(&self, order: &HoldOrder) -> Result<Option<MatchedAhead>, HoldError> {
        let mut by_chain = BTreeMap::new();
        let mut conn = self.read(&order.tenant).await?;
        let scope = match &order.on {
            HoldOn::Chain(_) => return Ok(None),
            HoldOn::Target { kind, id } => HoldScope::Target { kind: kind.clone(), id: id.clone() },
            HoldOn::Subject(host) => {
                match self.subject_ref(&mut conn, &order.tenant, host).await? {
                    Some(subject) => HoldScope::Subject(subject),
                    None => return Ok(None),
                }
            }
        };
        for (id, chain) in self.chains_on(&mut conn, order).await? {
            let row = DB::chain_row(&mut conn, &self.schema, &chain).await?;
            let size = row.map_or(0, |row| u64::try_from(row.size).unwrap_or(0));
            let mut matched = Matched::default();
            self.add_matching(&mut conn, &chain, &scope, (0, size), &mut matched).await?;
            by_chain.insert(id, (size, matched));
        }
        Ok(Some(MatchedAhead { scope, by_chain }))
    }

    async fn chains_on(
        &self,
        conn: &mut DB::Connection,
        order: &HoldOrder,
    ) -> Result<Vec<(i64, ChainId)>, AppendError> {
        let corrupt = |_| AppendError::Corrupt { what: "a chain's name" };
        let mut chains = Vec::new();
        for (id, series) in DB::chains_of(conn, &self.schema, &order.tenant).await? {
            if !matches!(&order.on, HoldOn::Chain(only) if *only != series) {
                chains.push((id, ChainId::new(&order.tenant, &series).map_err(corrupt)?));
            }
        }
        Ok(chains)
    }

    /// The scope as the journal says it: a person by the ref.
    async fn scope(
        &self,
        conn: &mut DB::Connection,
        order: &HoldOrder,
    ) -> Result<HoldScope, AppendError> {
        Ok(match &order.on {
            HoldOn::Chain(_) => HoldScope::Chain,
            HoldOn::Target { kind, id } => HoldScope::Target { kind: kind.clone(), id: id.clone() },
            HoldOn::Subject(host) => {
                HoldScope::Subject(self.subject_ref_or_new(conn, &order.tenant, host).await?)
            }
        })
    }

    /// Seals the entries of a hold on one chain, and puts it in force there.
    async fn place(
        &self,
        tx: &mut Transaction<'_, DB>,
        group: &Group,
        head: Head,
        (order, scope): (&HoldOrder, &HoldScope),
        matched: &Matched,
    ) -> Result<Written, HoldError> {
        if self.holds_on(tx, group.id).await?.has(&order.hold) {
            return Err(HoldError::AlreadyPlaced { chain: group.chain.clone() });
        }
        let mut parts: Vec<&[SeqRange]> = matched.ranges().chunks(RANGES).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        let mut written = Written::nothing(head);
        for some in parts.chunks(ENTRIES) {
            let mut events = Vec::with_capacity(some.len());
            for covers in some {
                events.push(order.entry(scope, covers)?);
            }
            let mut events: Vec<&mut Prepared> = events.iter_mut().collect();
            written = self.write_more(tx, group, written, &mut events).await?;
        }
        let chain = (group.id, group.chain.tenant());
        for receipt in &written.receipts {
            let row = hold_row(&order.hold, receipt.seq, scope);
            DB::insert_hold(tx, &self.schema, chain, &row).await?;
        }
        Ok(written)
    }

    /// Begins a chain that was just made with the holds that are on all chains of its tenant.
    pub(crate) async fn repeat_holds(
        &self,
        tx: &mut Transaction<'_, DB>,
        group: &Group,
        mut written: Written,
    ) -> Result<Written, AppendError> {
        let tenant = group.chain.tenant();
        let mut done = Vec::new();
        for (id, _) in DB::chains_of(tx, &self.schema, tenant).await? {
            for row in DB::holds(tx, &self.schema, id).await? {
                if row.on == HeldRow::Chain || done.contains(&row.hold) {
                    continue;
                }
                let LegalHoldInForce { hold, matter, scope, .. } =
                    self.placed(tx, id, &row).await?;
                let entry = Reserved::HoldPlaced { covers: Vec::new(), hold, matter, scope };
                let mut entry = crate::append::chain::own(&entry)?;
                written = self.write_more(tx, group, written, &mut [&mut entry]).await?;
                if let Some(receipt) = written.receipts.last() {
                    let row = HoldRow { seq: integer(receipt.seq), ..row.clone() };
                    DB::insert_hold(tx, &self.schema, (group.id, tenant), &row).await?;
                }
                done.push(row.hold);
            }
        }
        Ok(written)
    }

    /// What the entry says that placed a hold.
    async fn placed(
        &self,
        conn: &mut DB::Connection,
        chain: i64,
        row: &HoldRow,
    ) -> Result<LegalHoldInForce, AppendError> {
        let corrupt = || AppendError::Corrupt { what: "the entry of a legal hold" };
        let seq = u64::try_from(row.seq).map_err(|_| corrupt())?;
        let bodies = DB::bodies_at(conn, &self.schema, chain, &[seq]).await?;
        let (_, body) = bodies.first().ok_or_else(corrupt)?;
        let entry = Entry::parse(body).map_err(|_| corrupt())?;
        match entry.reserved().map_err(|_| corrupt())? {
            Some(Reserved::HoldPlaced { hold, matter, scope, .. }) if hold == row.hold => {
                Ok(LegalHoldInForce { hold, matter, scope, since: entry.at(), chains: Vec::new() })
            }
            _ => Err(corrupt()),
        }
    }
}

fn hold_row(hold: &str, seq: u64, scope: &HoldScope) -> HoldRow {
    let on = match scope {
        HoldScope::Subject(subject) => HeldRow::Subject(subject.as_bytes().to_vec()),
        HoldScope::Target { kind, id } => HeldRow::Target { kind: kind.clone(), id: id.clone() },
        _ => HeldRow::Chain,
    };
    HoldRow { hold: hold.to_owned(), seq: integer(seq), on }
}
