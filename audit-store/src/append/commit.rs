//! The journal's own transactions: all who wait, in one commit.

use std::collections::{BTreeMap, HashMap, HashSet};

use audit_core::ChainId;
use futures_core::future::BoxFuture;
use sqlx::{Connection, Transaction};
use uuid::Uuid;

use crate::append::write::{Group, Written};
use crate::append::{AppendError, Receipt, duplicate};
use crate::backend::Backend;
use crate::error::DatabaseErrorKind;
use crate::journal::Store;
use crate::subject::Prepared;

/// What one caller wants to be appended, all or nothing.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) chain: ChainId,
    pub(crate) events: Vec<Prepared>,
}

/// A job's fate.
pub(crate) type Outcome = Result<Vec<Receipt>, AppendError>;

/// How often a transaction is begun anew where another process was in the way.
const ATTEMPTS: usize = 5;

/// The jobs of one chain.
#[derive(Debug)]
pub(crate) struct Work {
    pub(crate) group: Group,
    pub(crate) events: Vec<Prepared>,
    pub(crate) jobs: Spans,
}

/// Of each job its place in the answer and how many of the events are its own, in order.
type Spans = Vec<(usize, usize)>;

impl<DB: Backend> Store<DB> {
    /// Appends what the jobs hold in one transaction and says of each what became of it. The
    /// caller holds the writer's turn.
    pub(crate) async fn commit(&self, jobs: Vec<Job>) -> Vec<Outcome> {
        let mut outcomes: Vec<Option<Outcome>> = jobs.iter().map(|_| None).collect();
        let result = self.commit_jobs(jobs, &mut outcomes).await;
        settled(outcomes, &result.err().unwrap_or(AppendError::Closed))
    }

    async fn commit_jobs(
        &self,
        jobs: Vec<Job>,
        outcomes: &mut [Option<Outcome>],
    ) -> Result<(), AppendError> {
        // Before the chains' places are taken: whoever has all connections may be waiting for one.
        let mut conn = self.kept.take(&self.writer).await?;
        let mut works = self.sort(&mut conn, jobs, outcomes).await?;
        match self.commit_works(&mut conn, &mut works, outcomes).await {
            Ok(()) => {
                self.kept.put_back(conn);
                Ok(())
            }
            // One chain that cannot be continued must not keep the others from growing.
            Err(AppendError::Corrupt { .. } | AppendError::ChainFull { .. }) if works.len() > 1 => {
                for work in &mut works {
                    let alone = std::slice::from_mut(work);
                    if let Err(error) = self.commit_works(&mut conn, alone, outcomes).await {
                        for (index, _) in &work.jobs {
                            set(outcomes, *index, Err(error.clone()));
                        }
                    }
                }
                Ok(())
            }
            result => result,
        }
    }

    /// Sorts the jobs by chain and takes the chains' places, in the order of their ids.
    async fn sort(
        &self,
        conn: &mut DB::Connection,
        jobs: Vec<Job>,
        outcomes: &mut [Option<Outcome>],
    ) -> Result<Vec<Work>, AppendError> {
        let mut by_chain: HashMap<ChainId, (Vec<Prepared>, Spans)> = HashMap::new();
        for (index, job) in jobs.into_iter().enumerate() {
            let (events, jobs) = by_chain.entry(job.chain).or_default();
            jobs.push((index, job.events.len()));
            events.extend(job.events);
        }
        let mut by_id = BTreeMap::new();
        for (chain, (events, jobs)) in by_chain {
            let id = match self.heads.id(&chain) {
                Some(id) => Ok(id),
                None => self.look_up(conn, &chain).await,
            };
            match id {
                Ok(id) => {
                    by_id.insert(id, (chain, events, jobs));
                }
                Err(error @ AppendError::UnknownChain { .. }) => {
                    for (index, _) in jobs {
                        set(outcomes, index, Err(error.clone()));
                    }
                }
                Err(error) => return Err(error),
            }
        }
        let mut works = Vec::with_capacity(by_id.len());
        for (id, (chain, events, jobs)) in by_id {
            let slot = self.heads.slot(id).await;
            works.push(Work { group: Group { id, chain, slot }, events, jobs });
        }
        Ok(works)
    }

    /// Asks for the surrogate id of a chain.
    async fn look_up(
        &self,
        conn: &mut DB::Connection,
        chain: &ChainId,
    ) -> Result<i64, AppendError> {
        if self.options.tenancy.setting().is_none() {
            return self.chain_id(conn, chain).await;
        }
        let mut tx = begin::<DB>(conn).await?;
        self.enter_tenant(&mut tx, chain.tenant()).await?;
        let id = self.chain_id(&mut tx, chain).await?;
        tx.commit().await?;
        Ok(id)
    }

    /// One transaction, repeated where that can help.
    async fn commit_works(
        &self,
        conn: &mut DB::Connection,
        works: &mut [Work],
        outcomes: &mut [Option<Outcome>],
    ) -> Result<(), AppendError> {
        let mut check = repeats(works);
        let mut tries = 0_usize;
        loop {
            tries = tries.saturating_add(1);
            let result = if check {
                self.commit_checked(conn, works, outcomes).await
            } else {
                self.commit_straight(conn, works, outcomes).await
            };
            match result {
                // An id that is there already: whose it is has to be looked up.
                Err(AppendError::Database(error)) if !check && error.is_unique_violation() => {
                    check = true;
                }
                Err(AppendError::Database(error))
                    if DB::RETRIES_BUSY
                        && error.kind() == DatabaseErrorKind::Busy
                        && tries < ATTEMPTS => {}
                result => return result,
            }
        }
    }

    /// The happy path: every id is new. A unique violation says that one is not.
    async fn commit_straight(
        &self,
        conn: &mut DB::Connection,
        works: &mut [Work],
        outcomes: &mut [Option<Outcome>],
    ) -> Result<(), AppendError> {
        if let [work] = &mut *works
            && self.options.tenancy.setting().is_none()
            && Self::is_one_statement(&work.group, &work.events)
        {
            // One statement, which commits by itself.
            let (group, events) = (&mut work.group, &work.events);
            if let Some(written) = self.write_plain(conn, group, events).await? {
                work.answer(self, written, outcomes);
                return Ok(());
            }
        }
        let mut tx = begin::<DB>(conn).await?;
        let mut all = Vec::with_capacity(works.len());
        for work in &mut *works {
            let group = &mut work.group;
            self.enter_tenant(&mut tx, group.chain.tenant()).await?;
            if Self::is_plain(group, &work.events)
                && let Some(written) = self.write_plain(&mut tx, group, &work.events).await?
            {
                all.push(written);
                continue;
            }
            let head = self.locked_head(&mut tx, group).await?;
            let mut events: Vec<&mut Prepared> = work.events.iter_mut().collect();
            all.push(self.write_locked(&mut tx, group, head, &mut events).await?);
        }
        tx.commit().await?;
        for (work, written) in works.iter_mut().zip(all) {
            work.answer(self, written, outcomes);
        }
        Ok(())
    }

    /// Where ids may stand already: they are looked up under the head's lock, and each job gets the
    /// first receipts, new ones, or an error.
    async fn commit_checked(
        &self,
        conn: &mut DB::Connection,
        works: &mut [Work],
        outcomes: &mut [Option<Outcome>],
    ) -> Result<(), AppendError> {
        let mut tx = begin::<DB>(conn).await?;
        let mut all = Vec::with_capacity(works.len());
        for work in &mut *works {
            self.enter_tenant(&mut tx, work.group.chain.tenant()).await?;
            all.push(self.write_checked(&mut tx, work).await?);
        }
        tx.commit().await?;
        for (work, checked) in works.iter_mut().zip(all) {
            work.answer_checked(self, checked, outcomes);
        }
        Ok(())
    }

    /// Looks the ids of one chain up under its head's lock and writes what is new.
    pub(crate) async fn write_checked(
        &self,
        conn: &mut DB::Connection,
        work: &mut Work,
    ) -> Result<Checked, AppendError> {
        let head = self.locked_head(conn, &mut work.group).await?;
        let Work { group, events, jobs } = work;
        let (mut accepted, plans) = self.plan(conn, group, events, jobs).await?;
        let written = if accepted.is_empty() {
            Written::nothing(head)
        } else {
            self.write_locked(conn, group, head, &mut accepted).await?
        };
        Ok(Checked { written, plans })
    }

    /// Tells new events from those that stand already, job by job.
    async fn plan<'w>(
        &self,
        conn: &mut DB::Connection,
        group: &Group,
        events: &'w mut [Prepared],
        jobs: &[(usize, usize)],
    ) -> Result<(Vec<&'w mut Prepared>, Plans), AppendError> {
        let standing = self.standing(conn, group, events.iter()).await?;
        let mut events = events.iter_mut();
        let mut accepted: Vec<&mut Prepared> = Vec::new();
        let mut places: HashMap<Uuid, usize> = HashMap::new();
        let mut plans = Vec::with_capacity(jobs.len());
        for (index, count) in jobs {
            let before = accepted.len();
            let mut plan = Ok(Vec::with_capacity(*count));
            for event in events.by_ref().take(*count) {
                let Ok(receipts) = &mut plan else { continue };
                let given = event.as_canonical();
                let id = given.id();
                let same = if let Some(place) = places.get(&id) {
                    receipts.push(Place::New(*place));
                    let first = accepted.get(*place).map(|first| first.as_canonical().as_str());
                    first == Some(given.as_str())
                } else if let Some(standing) = standing.get(&id) {
                    let receipt = duplicate::receipt(&group.chain, &standing.2)?;
                    receipts.push(Place::Standing(receipt));
                    let place = (group.id, &group.chain);
                    duplicate::same(conn, self, place, standing, given, false).await?
                } else {
                    places.insert(id, accepted.len());
                    receipts.push(Place::New(accepted.len()));
                    accepted.push(event);
                    true
                };
                if !same {
                    plan = Err(AppendError::DuplicateId { chain: group.chain.clone(), id });
                }
            }
            if plan.is_err() {
                accepted.truncate(before);
                places.retain(|_, place| *place < before);
            }
            plans.push((*index, plan));
        }
        Ok((accepted, plans))
    }
}

/// What was written of one chain, and whose it is.
#[derive(Debug)]
pub(crate) struct Checked {
    written: Written,
    plans: Plans,
}

impl Checked {
    /// The first job that was refused.
    pub(crate) fn refused(&self) -> Option<AppendError> {
        self.plans.iter().find_map(|(_, plan)| plan.as_ref().err().cloned())
    }
}

impl Work {
    /// The events of one transaction of the host, each as a job of its own.
    pub(crate) fn of_transaction(group: Group) -> Self {
        Self { group, events: Vec::new(), jobs: Vec::new() }
    }

    /// Adds an event that is to be answered at that place.
    pub(crate) fn add(&mut self, index: usize, event: Prepared) {
        self.events.push(event);
        self.jobs.push((index, 1));
    }

    /// Gives every job what the plans say of it.
    pub(crate) fn answer_checked<DB: Backend>(
        &mut self,
        store: &Store<DB>,
        checked: Checked,
        outcomes: &mut [Option<Outcome>],
    ) {
        let new = self.group.committed(store, checked.written);
        for (index, plan) in checked.plans {
            let outcome = plan.map(|places| {
                let receipt = |place| match place {
                    Place::New(at) => new.get(at).cloned(),
                    Place::Standing(receipt) => Some(receipt),
                };
                places.into_iter().filter_map(receipt).collect()
            });
            set(outcomes, index, outcome);
        }
    }

    /// Gives every job the receipts of its own events.
    pub(crate) fn answer<DB: Backend>(
        &mut self,
        store: &Store<DB>,
        written: Written,
        outcomes: &mut [Option<Outcome>],
    ) {
        let receipts = self.group.committed(store, written);
        if let Some(first) = receipts.first()
            && receipts.len() == self.events.len()
        {
            // Nobody needs them any more; so they need not be read back to be posted.
            let events = std::mem::take(&mut self.events);
            store.follower.hand_over(self.group.id, first.seq, events);
        }
        let mut receipts = receipts.into_iter();
        for (index, count) in &self.jobs {
            set(outcomes, *index, Ok(receipts.by_ref().take(*count).collect()));
        }
    }
}

/// Of each job, where its receipts come from.
type Plans = Vec<(usize, Result<Vec<Place>, AppendError>)>;

#[derive(Debug)]
enum Place {
    /// The nth entry that this transaction adds.
    New(usize),
    Standing(Receipt),
}

/// Begins a transaction of the journal's own. Boxed, since the compiler does not see otherwise that
/// a caller's future may move between threads.
fn begin<DB: Backend>(
    conn: &mut DB::Connection,
) -> BoxFuture<'_, sqlx::Result<Transaction<'_, DB>>> {
    Box::pin(conn.begin_with(DB::BEGIN))
}

/// Whether an id occurs twice among what is to be appended.
fn repeats(works: &[Work]) -> bool {
    works.iter().any(|work| {
        let mut ids = HashSet::with_capacity(work.events.len());
        !work.events.iter().all(|event| ids.insert(event.as_canonical().id()))
    })
}

fn set(outcomes: &mut [Option<Outcome>], index: usize, outcome: Outcome) {
    if let Some(place) = outcomes.get_mut(index) {
        *place = Some(outcome);
    }
}

/// Gives the error to everyone whose fate is not settled.
fn settled(outcomes: Vec<Option<Outcome>>, error: &AppendError) -> Vec<Outcome> {
    outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(|| Err(error.clone()))).collect()
}
