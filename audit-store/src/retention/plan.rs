//! The plans of tenants: what they are, and what a change of one says in each chain.

use audit_core::{
    Actor, Applies, ChainId, Event, Reserved, RetentionRule, RetentionSchedule, Timestamp,
};
use sqlx::Transaction;

use crate::append::chain::own_by;
use crate::append::write::{Group, Written};
use crate::append::{AppendError, Receipt};
use crate::backend::{Backend, integer};
use crate::error::DatabaseError;
use crate::journal::{Journal, Store};
use crate::retention::error::PlanError;
use crate::retention::stamps::Stamps;

/// The series of chains where the journal has no schedule.
const SERIES: &str = "default";

/// What setting a tenant's plan wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanApplied {
    /// The tenant.
    pub tenant: String,
    /// Its plan.
    pub plan: String,
    /// The `journal.schedule_changed` entries; none where every chain says so already.
    pub entries: Vec<PlanEntry>,
}

/// A `journal.schedule_changed` entry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlanEntry {
    /// Where it stands.
    pub receipt: Receipt,
    /// Which records it binds.
    pub applies: Applies,
    /// From when on.
    pub effective: Timestamp,
}

impl<DB: Backend> Journal<DB> {
    /// The chain that an event of the tenant belongs to, by the series of its action; without a
    /// schedule, `<tenant>/default`. That the chain is there is not asked.
    ///
    /// # Errors
    ///
    /// [`PlanError::Name`] where the tenant's name is none.
    pub fn route(&self, tenant: &str, event: &Event) -> Result<ChainId, PlanError> {
        let schedule = self.store.options.retention.as_deref();
        let series = schedule.map_or(SERIES, |schedule| schedule.series_of(event.action()));
        Ok(ChainId::new(tenant, series)?)
    }

    /// The plan that the tenant was set to; `None` where it never was.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`].
    pub async fn plan_of(&self, tenant: &str) -> Result<Option<String>, DatabaseError> {
        let mut conn = self.store.read(tenant).await?;
        Ok(DB::plan(&mut conn, &self.store.schema, tenant).await?)
    }

    /// Sets a tenant's plan: records in each of its chains by which rule its records are kept from
    /// now on, in one transaction. Chains that are made later begin with it. Where a chain says so
    /// already nothing is written.
    ///
    /// A rule that keeps every record at least as long as before applies to all of them at once. A
    /// shorter one does as the schedule's [downgrade rule](audit_core::Downgrade) says, by default
    /// after 30 days; records that were under no rule were kept for ever, so that the first rule of
    /// an old chain is a shorter one, too. A chain whose series the schedule does not name is left
    /// as it is.
    ///
    /// # Errors
    ///
    /// Any [`PlanError`].
    pub async fn set_plan(
        &self,
        tenant: &str,
        plan: &str,
        actor: Actor,
    ) -> Result<PlanApplied, PlanError> {
        ChainId::new(tenant, SERIES)?;
        self.store.gate.check().map_err(AppendError::from)?;
        let schedule = self.schedule()?;
        // A plan that nobody knows, also of a tenant without chains.
        schedule.rule(SERIES, plan)?;
        self.store.apply(schedule, tenant, plan, &actor, true).await
    }

    /// Brings the chains of all tenants to what the schedule says now, for a schedule that was
    /// changed: each tenant in a transaction of its own, by the same rules as
    /// [`set_plan`](Self::set_plan). A tenant that was never set to a plan has the schedule's
    /// [default one](audit_core::RetentionSchedule::default_plan), and is left as it is where there
    /// is none. Returns the tenants of which something was written.
    ///
    /// # Errors
    ///
    /// Any [`PlanError`]; the tenants before stay as they were brought.
    pub async fn apply_schedule(&self, actor: &Actor) -> Result<Vec<PlanApplied>, PlanError> {
        self.store.gate.check().map_err(AppendError::from)?;
        let schedule = self.schedule()?;
        let mut all = Vec::new();
        for tenant in self.store.tenants().await? {
            let set = self.plan_of(&tenant).await.map_err(AppendError::from)?;
            let plan = set.as_deref().or(schedule.plan_by_default());
            let Some(plan) = plan else { continue };
            let applied = self.store.apply(schedule, &tenant, plan, actor, false).await?;
            if !applied.entries.is_empty() {
                all.push(applied);
            }
        }
        Ok(all)
    }

    fn schedule(&self) -> Result<&RetentionSchedule, PlanError> {
        self.store.options.retention.as_deref().ok_or(PlanError::NoSchedule)
    }
}

impl<DB: Backend> Store<DB> {
    async fn apply(
        &self,
        schedule: &RetentionSchedule,
        tenant: &str,
        plan: &str,
        actor: &Actor,
        remember: bool,
    ) -> Result<PlanApplied, PlanError> {
        let schema = &self.schema;
        let _turn = self.turn_alone().await;
        let mut tx = self.begin_write_for(tenant).await?;
        DB::lock_tenant(&mut tx, schema, tenant).await?;
        let now = self.options.clock.now();
        let (mut all, mut entries) = (Vec::new(), Vec::new());
        for (id, series) in DB::chains_of(&mut tx, schema, tenant).await? {
            let Some(rule) = schedule.rule(&series, plan)? else { continue };
            let chain = ChainId::new(tenant, &series)?;
            let mut group = Group { id, chain, slot: self.heads.slot(id).await };
            let head = self.locked_head(&mut tx, &mut group).await?;
            let stamps = Stamps::read::<DB>(&mut tx, schema, (id, &group.chain)).await?;
            if stamps.says(plan, rule) {
                *group.slot = Some(head);
                continue;
            }
            // A chain never goes back in time.
            let now = std::cmp::max(now, head.at);
            let change =
                stamps.history.change_to(rule, schedule.downgrade_rule(), head.size, now).map_err(
                    |source| PlanError::ShortensMinimum { chain: group.chain.clone(), source },
                )?;
            let stamp = (plan, rule, change.applies, change.effective);
            let before = Written::nothing(head);
            let written = self.stamp(&mut tx, &group, before, stamp, actor.clone()).await?;
            if let Some(receipt) = written.receipts.last().cloned() {
                let (applies, effective) = (change.applies, change.effective);
                entries.push(PlanEntry { receipt, applies, effective });
            }
            all.push((group, written));
        }
        let stored = DB::plan(&mut tx, schema, tenant).await?;
        if remember && stored.as_deref() != Some(plan) {
            DB::set_plan(&mut tx, schema, tenant, plan, now.as_micros()).await?;
        }
        tx.commit().await?;
        for (mut group, written) in all {
            group.committed(self, written);
        }
        Ok(PlanApplied { tenant: tenant.to_owned(), plan: plan.to_owned(), entries })
    }

    /// Seals a schedule entry.
    async fn stamp(
        &self,
        tx: &mut Transaction<'_, DB>,
        group: &Group,
        before: Written,
        (plan, rule, applies, effective): (&str, &RetentionRule, Applies, Timestamp),
        actor: Actor,
    ) -> Result<Written, AppendError> {
        let entry = Reserved::ScheduleChanged {
            applies,
            effective,
            minimum: rule.statutory_minimum(),
            period: rule.period(),
            plan: plan.to_owned(),
            rule: rule.name().to_owned(),
        };
        let mut entry = own_by(&entry, actor)?;
        let written = self.write_more(tx, group, before, &mut [&mut entry]).await?;
        if let Some(receipt) = written.receipts.last() {
            let chain = (group.id, group.chain.tenant());
            DB::note_schedule(tx, &self.schema, chain, integer(receipt.seq)).await?;
        }
        Ok(written)
    }

    /// Begins a chain that was just made with the rule of its tenant's plan. Where the schedule does
    /// not know the plan, its records are kept for ever until a plan is set.
    pub(crate) async fn begin_schedule(
        &self,
        tx: &mut Transaction<'_, DB>,
        group: &Group,
        written: Written,
    ) -> Result<Written, AppendError> {
        let Some(schedule) = &self.options.retention else { return Ok(written) };
        let tenant = group.chain.tenant();
        let set = DB::plan(tx, &self.schema, tenant).await?;
        let plan = set.as_deref().or(schedule.plan_by_default());
        let rule = plan.and_then(|plan| {
            let rule = schedule.rule(group.chain.series(), plan).ok().flatten();
            rule.map(|rule| (plan, rule))
        });
        let Some((plan, rule)) = rule else { return Ok(written) };
        let now = self.options.clock.now();
        let actor = Actor::system("audit-store");
        self.stamp(tx, group, written, (plan, rule, Applies::All, now), actor).await
    }
}
