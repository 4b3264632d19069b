//! The sequencer: seals what host transactions have staged.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use audit_core::{CanonicalEvent, ChainId, Disclosure, Reserved};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::append::chain::own;
use crate::append::head::Head;
use crate::append::write::{Group, Written};
use crate::append::{AppendError, duplicate};
use crate::backend::Backend;
use crate::backend::stage::StagedRow;
use crate::journal::task::{Background, Rested, Shared};
use crate::journal::{Journal, Store};
use crate::subject::{Prepared, read_ref};

/// How many staged events one transaction seals.
const BATCH: usize = 1000;

/// How often it looks while a host transaction that has staged may be about to commit.
const EXPECTING: Duration = Duration::from_millis(20);

/// How long it expects that after the last staging.
const EXPECTED: Duration = Duration::from_secs(5);

/// How often it looks otherwise: for what other processes have staged and left.
const IDLE: Duration = Duration::from_millis(500);

/// What the rest of the journal knows of the sequencer.
#[derive(Debug)]
pub(crate) struct Sequencer {
    task: Background<Signals>,
    /// One round at a time.
    round: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Signals {
    expected: Mutex<Option<Instant>>,
    /// Counts the rounds that sealed something.
    progress: watch::Sender<u64>,
}

impl Sequencer {
    pub(crate) fn new() -> Self {
        let signals = Signals { expected: Mutex::default(), progress: watch::Sender::new(0) };
        Self { task: Background::new(signals), round: tokio::sync::Mutex::default() }
    }

    /// Starts the task.
    pub(crate) fn start<DB: Backend>(store: &Arc<Store<DB>>) {
        store.sequencer.task.start(|shared| run(Arc::downgrade(store), shared));
    }

    /// Something was staged and committed: seal it now.
    pub(crate) fn poke(&self) {
        self.task.wake();
    }

    /// Something was staged, and its transaction may commit any moment.
    pub(crate) fn expect(&self) {
        let mut expected =
            self.task.state().expected.lock().unwrap_or_else(PoisonError::into_inner);
        let was_idle = expected.is_none();
        *expected = Some(Instant::now());
        if was_idle {
            self.task.wake();
        }
    }

    /// Tells when something was sealed.
    pub(crate) fn progress(&self) -> watch::Receiver<u64> {
        let mut progress = self.task.state().progress.subscribe();
        progress.mark_unchanged();
        progress
    }

    /// Ends the task, after the round it is in.
    pub(crate) async fn end(&self) {
        self.task.end().await;
    }
}

impl Signals {
    /// How long until the task looks again by itself.
    fn pause(&self) -> Duration {
        let mut expected = self.expected.lock().unwrap_or_else(PoisonError::into_inner);
        match *expected {
            Some(since) if since.elapsed() < EXPECTED => EXPECTING,
            _ => {
                *expected = None;
                IDLE
            }
        }
    }
}

/// Holds the journal only during a round, so that dropping all its handles ends it.
async fn run<DB: Backend>(store: Weak<Store<DB>>, shared: Arc<Shared<Signals>>) {
    while shared.rest(shared.state().pause()).await != Rested::Ended {
        let Some(store) = store.upgrade() else { return };
        if store.gate.check().is_ok() {
            // What failed stays staged for the next round; who wants to know asks `sequence`.
            let _reported_elsewhere = store.sequence().await;
        }
    }
}

impl<DB: Backend> Journal<DB> {
    /// Runs the sequencer once: seals all events whose transactions have committed. Returns how
    /// many it took out of the staging table.
    ///
    /// # Errors
    ///
    /// [`AppendError::Database`] and [`AppendError::History`]; what was not sealed stays staged.
    pub async fn sequence(&self) -> Result<u64, AppendError> {
        self.store.gate.check()?;
        self.store.sequence().await
    }
}

impl<DB: Backend> Store<DB> {
    async fn sequence(&self) -> Result<u64, AppendError> {
        let _round = self.sequencer.round.lock().await;
        let mut chains = Vec::new();
        for round in self.rounds_with_staged().await? {
            let mut conn = self.read_in(round.as_deref()).await?;
            chains.extend(DB::staged_chains(&mut conn, &self.schema).await?);
        }
        chains.retain(|(_, tenant, _)| self.admit(tenant).is_ok());
        let mut count = 0_u64;
        let mut failed = None;
        for (id, tenant, series) in chains {
            // What is wrong with one chain is no reason to leave the others.
            match self.sequence_chain(id, &tenant, &series).await {
                Ok(taken) => count = count.saturating_add(taken),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(count), Err)
    }

    async fn sequence_chain(
        &self,
        id: i64,
        tenant: &str,
        series: &str,
    ) -> Result<u64, AppendError> {
        let chain = ChainId::new(tenant, series)
            .map_err(|_| AppendError::Corrupt { what: "a chain's name" })?;
        let mut count = 0_u64;
        let mut after = i64::MIN;
        loop {
            let round = self.sequence_batch(id, &chain, after).await?;
            if round.taken > 0 {
                count = count.saturating_add(round.taken);
                self.sequencer.task.state().progress.send_modify(|rounds| {
                    *rounds = rounds.wrapping_add(1);
                });
            } else if let Some(last) = round.full {
                // None of these can be sealed; what comes behind them can.
                after = last;
            } else {
                return Ok(count);
            }
        }
    }

    /// One transaction: what is staged for one chain behind `after` is sealed, and leaves the
    /// staging table.
    async fn sequence_batch(
        &self,
        id: i64,
        chain: &ChainId,
        after: i64,
    ) -> Result<Round, AppendError> {
        let _turn = self.turn_alone().await;
        let mut tx = self.begin_write_for(chain.tenant()).await?;
        let mut group = Group { id, chain: chain.clone(), slot: self.heads.slot(id).await };
        let head = self.locked_head(&mut tx, &mut group).await?;
        let rows = DB::staged(&mut tx, &self.schema, (id, after), BATCH).await?;
        let full = rows.last().map(|last| last.id).filter(|_| rows.len() >= BATCH);
        let (mut events, done) = self.judge(&mut tx, &group, &head, rows).await?;
        if done.is_empty() {
            *group.slot = Some(head);
            return Ok(Round { taken: 0, full });
        }
        let mut events: Vec<&mut Prepared> = events.iter_mut().collect();
        let written = if events.is_empty() {
            Written::nothing(head)
        } else {
            self.write_locked(&mut tx, &group, head, &mut events).await?
        };
        DB::delete_staged(&mut tx, &self.schema, &done).await?;
        tx.commit().await?;
        group.committed(self, written);
        Ok(Round { taken: u64::try_from(done.len()).unwrap_or(u64::MAX), full })
    }

    /// What is to be sealed for these rows, and which of them are dealt with thereby.
    async fn judge(
        &self,
        conn: &mut DB::Connection,
        group: &Group,
        head: &Head,
        rows: Vec<StagedRow>,
    ) -> Result<(Vec<Prepared>, Vec<i64>), AppendError> {
        let ids: Vec<_> = rows.iter().map(|row| row.event_id).collect();
        let standing = duplicate::standing::<DB>(conn, &self.schema, group.id, &ids).await?;
        let mut events: Vec<Prepared> = Vec::with_capacity(rows.len());
        let mut done = Vec::with_capacity(rows.len());
        let mut seen = std::collections::HashSet::with_capacity(rows.len());
        let mut late = Vec::new();
        for row in rows {
            // The second of two rows under a new id waits until the first one stands.
            if !standing.contains_key(&row.event_id) && !seen.insert(row.event_id) {
                continue;
            }
            // What cannot be read stays where it is; the verifier reports it. So does what `stage`
            // would not have taken: plain SQL must not make the journal speak for itself.
            let Ok(event) = duplicate::from_staged(&row.body, &row.disclosures) else { continue };
            let canonical = event.as_canonical();
            if canonical.id() != row.event_id || canonical.is_reserved() {
                continue;
            }
            if let Some(standing) = standing.get(&row.event_id) {
                let (place, timed) = ((group.id, &group.chain), row.timed);
                let given = event.as_canonical();
                if !duplicate::same(conn, self, place, standing, given, timed).await? {
                    events.push(refused(&row)?);
                }
            } else {
                let seq = head.size.saturating_add(u64::try_from(events.len()).unwrap_or(0));
                events.push(self.without_erased(conn, group, seq, event, &mut late).await?);
            }
            done.push(row.id);
        }
        for (subject, through) in late {
            let (ground, request) = ("late".to_owned(), "staged".to_owned());
            events.push(own(&Reserved::SubjectErased { ground, request, subject, through })?);
        }
        Ok((events, done))
    }

    /// Leaves out disclosures of subjects that have been erased since the event was staged, and
    /// notes the seq of each for the entry that accounts for it.
    async fn without_erased(
        &self,
        conn: &mut DB::Connection,
        group: &Group,
        seq: u64,
        mut event: Prepared,
        late: &mut Vec<(audit_core::SubjectRef, u64)>,
    ) -> Result<Prepared, AppendError> {
        let plain = event.as_canonical().disclosures().iter().map(Disclosure::subject);
        let sealed = event.sealed().iter().map(|field| field.subject);
        let mut refs: Vec<[u8; 16]> =
            plain.chain(sealed).map(|subject| *subject.as_bytes()).collect();
        refs.dedup();
        if refs.is_empty() {
            return Ok(event);
        }
        let erased = DB::erased(conn, &self.schema, group.chain.tenant(), &refs).await?;
        if erased.is_empty() {
            return Ok(event);
        }
        for subject in &erased {
            let subject = read_ref(subject)?;
            late.retain(|(other, _)| *other != subject);
            late.push((subject, seq));
        }
        let kept = |subject: audit_core::SubjectRef| {
            !erased.iter().any(|erased| erased.as_slice() == subject.as_bytes())
        };
        let mut sealed = event.sealed().to_vec();
        sealed.retain(|field| kept(field.subject));
        let (text, mut plain) = event.into_canonical().into_parts();
        plain.retain(|field| kept(field.subject()));
        event = Prepared::canonical(CanonicalEvent::parse(&text, plain)?);
        event.set_sealed(sealed);
        Ok(event)
    }
}

/// What one transaction of the sequencer did.
struct Round {
    /// Rows that left the staging table.
    taken: u64,
    /// The last row that was looked at, where there may be more behind it.
    full: Option<i64>,
}

/// The entry that stands for a staged event under an id that another event has.
fn refused(row: &StagedRow) -> Result<Prepared, AppendError> {
    own(&Reserved::EventRefused {
        id: row.event_id,
        reason: "another event stands under this id".to_owned(),
        sha256: Sha256::digest(row.body.as_bytes()).into(),
    })
}
