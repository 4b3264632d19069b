//! The purge of a tenant as a sequence of steps, each of which is on record before the next begins.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use audit_core::{Actor, ChainId, Clock, Event, EventBuilder, Outcome as EventOutcome, Target};
use audit_store::{Journal, JournalTx};
use serde::{Deserialize, Serialize};
use sqlx::Pool;
use uuid::Uuid;

use crate::backend::Backend;
use crate::clock::due::Place;
use crate::desk::migrate;
use crate::erasure::store::{ErasureState, StepState};
use crate::source::permit::{Connection, Item, Permit as _, Reason};
use crate::source::record::Step;
use crate::tenant::TenantStore;
use crate::tenant::error::PurgeError;
use crate::tenant::holds::TenantHolds;
use crate::tenant::ledger::PurgeLedger;
use crate::tenant::plan::{PlannedStore, PurgePlan};
use crate::tenant::rows::{self, Body, Outcome, Stored, StoredStep};

/// How often a store is tried where nothing else is said.
const ATTEMPTS: u32 = 3;

/// What a step of a purge is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PurgeStep {
    /// The intent is noted outside the database. Nothing is destroyed before.
    Note,
    /// What of the tenant is in a store is destroyed.
    Store,
    /// The keys of a store are destroyed.
    Keys,
    /// Whether anything is left is looked at, everywhere.
    Verify,
}

/// What one call of [`TenantPurger::advance`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PurgeProgress {
    /// There was nothing left to do.
    Ended(ErasureState),
    /// A step was done, or tried, and that is on record.
    Step {
        /// Which.
        kind: PurgeStep,
        /// Of which store.
        store: String,
        /// Where it is now. `Pending` if it failed and is tried again.
        state: StepState,
    },
}

/// Where a purge is, and what of the tenant was left when it was looked at last.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PurgeReport {
    /// The tenant.
    pub tenant: String,
    /// `Done` if nothing is left anywhere; `Deferred` if a hold or a law keeps the rest; `Partial` if
    /// a store failed, something is left that nothing explains, or a store cannot see everything.
    pub state: ErasureState,
    /// How many things are gone.
    pub gone: u64,
    /// How many were left.
    pub left: u64,
    /// How many of those are kept for a recorded reason.
    pub explained: u64,
    /// Those reasons.
    pub kept: BTreeSet<Reason>,
    /// What could not be seen, by store.
    pub unseen: Vec<(String, String)>,
}

/// Ends tenants: destroys all that the given stores hold of one, in steps. The intent is noted in a
/// ledger outside the database, each store is purged in the order given, keys go last, and then all
/// stores are looked at again. The outcome of each step is committed together with its entry in the
/// journal; each step can be done again, so a crash between any two loses nothing, and whoever calls
/// [`run`](Self::run) next goes on.
///
/// **It is recorded in a chain of the operator's, never of the tenant's**: that one is under the
/// tenant's holds and retention, and may go as well. The tenant's own journal is in no way touched
/// here. It is evidence, and stays as long as retention says; what it holds in private is unreadable
/// once the keys are destroyed. Where it has a schema of its own and nobody needs it any more, it is
/// dropped by [`Journal::drop_tenant_schema`](audit_store::Journal::drop_tenant_schema), after this.
///
/// A legal hold of the tenant, on whatever it is, stops it: at the beginning, and in every batch of
/// every store. Nothing is destroyed any more, that is on record, and [`resume`](Self::resume) goes on
/// when the hold is released. Keys stay as long as anything does.
///
/// It is no certificate: the entries say what went, by count, under the digest of the approved plan.
pub struct TenantPurger<DB: Backend> {
    pub(super) journal: Journal<DB>,
    pub(super) pool: Pool<DB>,
    pub(super) chain: ChainId,
    pub(super) place: Place,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) ledger: Arc<dyn PurgeLedger>,
    pub(super) stores: Vec<Arc<dyn TenantStore>>,
    pub(super) attempts: u32,
}

impl<DB: Backend> TenantPurger<DB> {
    /// Over the journal's own database, with the operator's chain: applies this crate's missing
    /// migrations, and creates the chain if need be. `place` is where the operator is, whose days
    /// count; the stores are purged in their order.
    ///
    /// # Errors
    ///
    /// [`PurgeError::Stores`], [`PurgeError::NotReady`], those of the journal.
    pub async fn open(
        (journal, pool): (Journal<DB>, Pool<DB>),
        chain: ChainId,
        (clock, place): (Arc<dyn Clock>, Place),
        ledger: Arc<dyn PurgeLedger>,
        stores: Vec<Arc<dyn TenantStore>>,
    ) -> Result<Self, PurgeError> {
        let names: BTreeSet<&str> = stores.iter().map(|store| store.name()).collect();
        if stores.is_empty() || names.len() != stores.len() {
            return Err(PurgeError::Stores);
        }
        migrate::run(&pool, clock.now()).await?;
        journal.create_chain(&chain).await?;
        Ok(Self { journal, pool, chain, place, clock, ledger, stores, attempts: ATTEMPTS })
    }

    /// A store that fails so often is given up, and the purge is partial; three times if nothing is
    /// said.
    #[must_use]
    pub fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = std::cmp::max(attempts, 1);
        self
    }

    pub(super) fn step(&self, id: Uuid) -> Step {
        Step::new(id, self.place.day(self.clock.now()))
    }

    pub(super) fn holds(&self, tenant: &str) -> TenantHolds<DB> {
        TenantHolds::new(self.journal.clone(), tenant)
    }

    /// What a purge would destroy now. Writes nothing.
    ///
    /// # Errors
    ///
    /// [`PurgeError::OwnChain`], [`PurgeError::Store`].
    pub async fn plan(
        &self,
        (id, tenant): (Uuid, &str),
        ground: &str,
    ) -> Result<PurgePlan, PurgeError> {
        if self.chain.tenant() == tenant {
            return Err(PurgeError::OwnChain);
        }
        let failed = |store: &str| {
            let store = store.to_owned();
            |source| PurgeError::Store { store, source }
        };
        let item = Item::new("tenant", tenant);
        let held = self.holds(tenant).reasons(Connection::none(), &item).await;
        let mut stores = Vec::with_capacity(self.stores.len());
        for store in &self.stores {
            let contents = store.survey(tenant, &self.step(id)).await;
            let contents = contents.map_err(failed(store.name()))?;
            stores.push(PlannedStore { contents, store: store.name().to_owned() });
        }
        let (ground, tenant) = (ground.to_owned(), tenant.to_owned());
        let blocked = held.map_err(failed("legal holds"))?;
        Ok(PurgePlan { blocked, ground, purge: id, stores, tenant })
    }

    /// Begins a purge whose plan `actor` has approved by its digest: the plan is made again, and must
    /// be that one. When this returns, the intent is on record, and nothing destroyed. Beginning again
    /// what was begun changes nothing.
    ///
    /// # Errors
    ///
    /// [`PurgeError::Stale`]; [`PurgeError::Blocked`] by a hold, which is recorded;
    /// [`PurgeError::Conflict`] if another purge of the tenant is not done; those of
    /// [`plan`](Self::plan). Nothing was changed.
    pub async fn begin(
        &self,
        (id, tenant): (Uuid, &str),
        (ground, approved): (&str, &str),
        actor: Actor,
    ) -> Result<(), PurgeError> {
        match self.load(id).await? {
            Some(stored) if stored.tenant == tenant => return Ok(()),
            Some(_) => return Err(PurgeError::Conflict),
            None => {}
        }
        let plan = self.plan((id, tenant), ground).await?;
        if !plan.blocked.is_empty() {
            let mut tx = self.journal.begin().await?;
            let entry = self.entry("rights.tenant_purge_blocked", id, tenant, actor);
            let entry = entry.meta("holds", hold_ids(&plan.blocked));
            self.record(&mut tx, entry.outcome(EventOutcome::Denied).build()?).await?;
            tx.commit().await?;
            return Err(PurgeError::Blocked { reasons: plan.blocked });
        }
        if plan.digest() != approved {
            return Err(PurgeError::Stale);
        }
        let (at, ground, plan_digest) = (self.clock.now(), ground.to_owned(), plan.digest());
        let body = Body { at, ground, plan: plan_digest };
        let mut steps = self.steps();
        let mut planned = 0_u64;
        for step in &mut steps {
            let of = plan.stores.iter().find(|store| store.store == step.name);
            step.outcome.planned = of.map_or(0, |store| store.contents.items);
            planned = planned.saturating_add(step.outcome.planned);
        }
        let mut tx = self.journal.begin().await?;
        rows::insert::<DB>(&mut tx, (id, tenant), &body, &steps).await?;
        let entry = self.entry("rights.tenant_purge_intended", id, tenant, actor);
        let entry =
            entry.meta("plan", &body.plan).meta("ground", &body.ground).meta("planned", planned);
        self.record(&mut tx, entry.outcome(EventOutcome::Success).build()?).await?;
        tx.commit().await?;
        Ok(())
    }

    /// The steps of a purge, none of them done.
    pub(super) fn steps(&self) -> Vec<StoredStep> {
        let of = |keys: bool| {
            let stores = self.stores.iter().filter(move |store| store.holds_keys() == keys);
            let kind = if keys { PurgeStep::Keys } else { PurgeStep::Store };
            stores.map(move |store| (kind, store.name().to_owned()))
        };
        let first = [(PurgeStep::Note, String::new())].into_iter();
        let all = first.chain(of(false)).chain(of(true));
        let all = all.chain([(PurgeStep::Verify, String::new())]);
        let numbered = (0_i64..).zip(all).map(|(number, (kind, name))| StoredStep {
            number,
            kind,
            name,
            state: StepState::Pending,
            attempts: 0,
            outcome: Outcome::default(),
        });
        numbered.collect()
    }

    /// Does all steps that are left.
    ///
    /// # Errors
    ///
    /// Any [`PurgeError`]; asking again goes on.
    pub async fn run(&self, id: Uuid) -> Result<ErasureState, PurgeError> {
        loop {
            if let PurgeProgress::Ended(state) = self.advance(id).await? {
                return Ok(state);
            }
        }
    }

    /// Goes on with a purge that is partial or deferred: what failed, was kept or came back is done
    /// again, and everything is looked at again.
    ///
    /// # Errors
    ///
    /// Any [`PurgeError`]; asking again goes on.
    pub async fn resume(&self, id: Uuid, actor: Actor) -> Result<ErasureState, PurgeError> {
        let stored = self.load(id).await?.ok_or(PurgeError::Unknown)?;
        if matches!(stored.state, ErasureState::Partial | ErasureState::Deferred) {
            let mut tx = self.journal.begin().await?;
            rows::set_state::<DB>(&mut tx, id, (stored.state, ErasureState::Running)).await?;
            for old in stored.steps.iter().filter(|step| step.kind != PurgeStep::Note) {
                let new = StoredStep { state: StepState::Pending, attempts: 0, ..old.clone() };
                rows::change::<DB>(&mut tx, id, old, &new).await?;
            }
            let entry = self.entry("rights.tenant_purge_resumed", id, &stored.tenant, actor);
            self.record(&mut tx, entry.outcome(EventOutcome::Success).build()?).await?;
            tx.commit().await?;
        }
        self.run(id).await
    }

    /// Where a purge is.
    ///
    /// # Errors
    ///
    /// [`PurgeError::Unknown`], those of the database.
    pub async fn report(&self, id: Uuid) -> Result<PurgeReport, PurgeError> {
        let stored = self.load(id).await?.ok_or(PurgeError::Unknown)?;
        Ok(report(&stored))
    }

    pub(super) async fn load(&self, id: Uuid) -> Result<Option<Stored>, PurgeError> {
        let mut conn = self.pool.acquire().await?;
        rows::load::<DB>(&mut conn, id).await
    }

    pub(super) fn entry(&self, action: &str, id: Uuid, tenant: &str, actor: Actor) -> EventBuilder {
        Event::builder(action, actor)
            .target(Target::new("tenant", tenant))
            .target(Target::new("tenant_purge", id.to_string()))
    }

    pub(super) async fn record(
        &self,
        tx: &mut JournalTx<DB>,
        event: Event,
    ) -> Result<(), PurgeError> {
        tx.record(&self.chain, event).await?;
        Ok(())
    }
}

pub(super) fn report(stored: &Stored) -> PurgeReport {
    let mut report = PurgeReport {
        tenant: stored.tenant.clone(),
        state: stored.state,
        gone: 0,
        left: 0,
        explained: 0,
        kept: BTreeSet::new(),
        unseen: Vec::new(),
    };
    for step in &stored.steps {
        report.gone = report.gone.saturating_add(step.outcome.gone);
        report.left = report.left.saturating_add(step.outcome.left);
        report.explained = report.explained.saturating_add(step.outcome.explained);
        report.kept.extend(step.outcome.kept.iter().cloned());
        let unseen = step.outcome.unseen.iter().map(|what| (step.name.clone(), what.clone()));
        report.unseen.extend(unseen);
    }
    report
}

/// The holds among some reasons, as an entry names them.
pub(super) fn hold_ids<'a>(reasons: impl IntoIterator<Item = &'a Reason>) -> String {
    let ids = reasons.into_iter().filter_map(|reason| match &reason.until {
        crate::source::permit::Until::HoldReleased(hold) => Some(hold.as_str()),
        _ => None,
    });
    let mut text = ids.collect::<Vec<_>>().join(" ");
    text.truncate(text.floor_char_boundary(audit_core::MAX_NAME));
    text
}

impl<DB: Backend> fmt::Debug for TenantPurger<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TenantPurger").field("chain", &self.chain).finish_non_exhaustive()
    }
}
