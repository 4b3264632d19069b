//! Pruning: taking away the records that are no longer kept.

use audit_core::Timestamp;

use crate::append::AppendError;
use crate::backend::Backend;
use crate::journal::Journal;
use crate::retention::error::PruneError;
use crate::retention::options::{PruneOptions, PruneProgress, PruneReport, PrunedChain};
use crate::retention::sweep::{Due, Sweep};

/// How often a batch is planned anew because others have changed what it goes by, without getting
/// any farther in between.
const ATTEMPTS: u32 = 32;

impl<DB: Backend> Journal<DB> {
    /// Prunes: removes the records that are older than their chain's own schedule keeps them, with
    /// their private fields and their postings. Hashes, checkpoints and proofs stay what they were,
    /// and verify; so do bundles that were exported before.
    ///
    /// Records go in batches, each in a transaction of its own that seals a `journal.pruned` entry.
    /// What a legal hold keeps stays, and so does whatever is reserved, and the last old record of
    /// each run under one rule: it proves that all below were old enough. Appending to a chain waits
    /// for one batch at most; reading waits for none.
    ///
    /// A sweep can be given up at any point, by dropping the future or by killing the process: what
    /// is committed stays, and the next sweep goes on behind it. A second sweep at the same time
    /// finds nothing to do.
    ///
    /// # The clock
    ///
    /// Whether a record is old is a matter of the clock, and nothing in a database says what time it
    /// is. A clock that is behind prunes less. One that is ahead would take what is not old, so a
    /// sweep is refused where the clock is more than [`PruneOptions::MAX_AHEAD`] later than the
    /// newest entry of the whole journal, or more than [`PruneOptions::MAX_BEHIND`] earlier: one of
    /// the two was wrong. A clock that was wrong for long enough to stand in the entries is not found
    /// so; a witness' time on a checkpoint shows it to the verifier.
    ///
    /// # Errors
    ///
    /// Any [`PruneError`].
    ///
    /// # Examples
    ///
    /// ```
    /// # #[cfg(feature = "sqlite")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use audit_core::{Actor, RetentionSchedule, SigningKey};
    /// use audit_store::{JournalOptions, PruneOptions, SqliteJournal};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let options = JournalOptions::new("audit.example.com".parse()?)
    ///     .signer(SigningKey::generate("audit.example.com")?)
    ///     .retention(RetentionSchedule::three_plans());
    /// let journal = SqliteJournal::create(folder.path().join("journal.db"), &options).await?;
    /// journal.set_plan("acme", "starter", Actor::service("billing")).await?;
    /// journal.create_chain(&"acme/default".parse()?).await?;
    ///
    /// // Once a day.
    /// let report = journal.prune(&PruneOptions::new()).await?;
    /// assert_eq!(report.removed(), 0);
    /// # journal.close().await;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "sqlite"))]
    /// # fn main() {}
    /// ```
    pub async fn prune(&self, options: &PruneOptions) -> Result<PruneReport, PruneError> {
        let clock = self.store.options.clock.now();
        let now = options.now.unwrap_or(clock);
        if !options.dry_run {
            self.store.gate.check().map_err(AppendError::from)?;
            self.check_clock(options, clock, now).await?;
        }
        let mut report =
            PruneReport { now, dry_run: options.dry_run, chains: Vec::new(), residue: None };
        let sweep = Sweep { now, dry_run: options.dry_run, actor: &options.actor };
        let result = self.prune_chains(options, &sweep, &mut report).await;
        if report.removed() > 0 && !options.dry_run {
            report.residue = Some(self.wipe_log().await?);
        }
        result.map(|()| report)
    }

    async fn prune_chains(
        &self,
        options: &PruneOptions,
        sweep: &Sweep<'_>,
        report: &mut PruneReport,
    ) -> Result<(), PruneError> {
        for (id, chain) in self.store.all_chains().await? {
            if options.tenant.as_ref().is_some_and(|only| only != chain.tenant()) {
                continue;
            }
            let mut pruned =
                PrunedChain { chain, removed: 0, held: 0, batches: 0, entries: Vec::new() };
            let result = self.prune_chain(options, sweep, id, &mut pruned).await;
            if pruned.removed > 0 || pruned.held > 0 {
                report.chains.push(pruned);
            }
            result?;
        }
        Ok(())
    }

    /// One batch after the other, of one stretch after the other.
    async fn prune_chain(
        &self,
        options: &PruneOptions,
        sweep: &Sweep<'_>,
        id: i64,
        pruned: &mut PrunedChain,
    ) -> Result<(), PruneError> {
        let store = &self.store;
        let chain = pruned.chain.clone();
        let (mut from, mut attempts) = (0_u64, 0_u32);
        let mut due: Option<Due> = None;
        loop {
            let mut plan = match due.take() {
                Some(due) => due,
                None => match store.due(sweep, (id, &chain), from).await? {
                    Some(due) => due,
                    None => return Ok(()),
                },
            };
            let mut held = 0_u64;
            let gathered =
                store.gather(&plan, (id, &chain), from, options.batch, &mut held).await?;
            let Some(gathered) = gathered else {
                // Nothing more in this stretch.
                pruned.held = pruned.held.saturating_add(held);
                from = plan.end;
                continue;
            };
            let (before, count) = (gathered.batch.before, gathered.batch.count);
            if !options.dry_run {
                let written = store.write_batch(sweep, &plan, (id, &chain), &gathered).await?;
                let Some(receipt) = written else {
                    attempts = attempts.saturating_add(1);
                    if attempts >= ATTEMPTS {
                        return Err(PruneError::Contended { chain });
                    }
                    continue;
                };
                plan.control = Some(receipt.seq);
                pruned.entries.push(receipt);
            }
            due = Some(plan);
            attempts = 0;
            from = before;
            pruned.held = pruned.held.saturating_add(held);
            pruned.removed = pruned.removed.saturating_add(count);
            pruned.batches = pruned.batches.saturating_add(1);
            if let Some(report) = &options.progress {
                report(PruneProgress { chain: chain.clone(), before, removed: pruned.removed });
            }
        }
    }

    async fn check_clock(
        &self,
        options: &PruneOptions,
        clock: Timestamp,
        now: Timestamp,
    ) -> Result<(), PruneError> {
        if now > clock {
            return Err(PruneError::InFuture { now, clock });
        }
        if options.trust_clock {
            return Ok(());
        }
        let mut newest = None;
        for tenant in self.store.tenants().await? {
            let mut conn = self.store.read(&tenant).await?;
            newest =
                std::cmp::max(newest, DB::newest_at(&mut conn, &self.store.schema, &tenant).await?);
        }
        let Some(newest) = newest.and_then(|at| Timestamp::from_micros(at).ok()) else {
            return Ok(());
        };
        let limit = PruneOptions::MAX_AHEAD;
        if clock > newest.saturating_add(limit) {
            return Err(PruneError::ClockAhead { now: clock, newest, limit });
        }
        let limit = PruneOptions::MAX_BEHIND;
        if clock < newest.saturating_sub(limit) {
            return Err(PruneError::ClockBehind { now: clock, newest, limit });
        }
        Ok(())
    }
}
