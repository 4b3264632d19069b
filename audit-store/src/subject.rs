//! The subject directory: a random pseudonym per data subject, made on first use.
//!
//! An event is made canonical before any lock is held, with the refs that are remembered, or new
//! ones for subjects not met before. Under the head's lock the directory itself is asked: where it
//! says otherwise (someone else was first, or the subject has been erased since and is given a new
//! ref) the event is made canonical again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, PoisonError};

use audit_core::{CanonicalEvent, Event, EventError, SubjectRef, Timestamp};

use crate::append::AppendError;
use crate::backend::{Backend, Schema};
use crate::journal::Store;
use crate::private::SealedField;

pub(crate) mod key;

/// The longest host id of a subject, in bytes.
const MAX_HOST: usize = 256;

/// So many subjects are remembered; beyond it the memory is cleared, which costs a look-up each.
const REMEMBERED: usize = 65_536;

/// An event ready to be sealed.
#[derive(Debug)]
pub(crate) struct Prepared {
    canonical: CanonicalEvent,
    /// Kept where it may have to be made canonical again.
    event: Option<Event>,
    /// The host's id of each subject and the ref that was used.
    refs: BTreeMap<String, SubjectRef>,
    /// The private fields, where they are stored sealed: by subject and digest, as the event's own.
    sealed: Vec<SealedField>,
    /// Whether the host gave the id, and so may have given it before.
    pub(crate) named: bool,
}

/// The refs that events which are appended together use: somebody new who occurs in several of them
/// has one ref, and one key.
pub(crate) type Fresh = BTreeMap<String, SubjectRef>;

impl Prepared {
    /// Makes an event canonical, with the refs that are remembered or new ones.
    pub(crate) fn new(
        event: Event,
        tenant: &str,
        known: &Subjects,
        fresh: &mut Fresh,
    ) -> Result<Self, AppendError> {
        let mut prepared = Self::keeping(event, tenant, known, fresh)?;
        if prepared.refs.is_empty() {
            prepared.event = None;
        }
        Ok(prepared)
    }

    /// As [`new`](Self::new), for an event that may come to be staged instead.
    pub(crate) fn keeping(
        event: Event,
        tenant: &str,
        known: &Subjects,
        fresh: &mut Fresh,
    ) -> Result<Self, AppendError> {
        let named = event.id().is_some();
        let hosts = event.subjects();
        let mut refs = BTreeMap::new();
        for host in hosts {
            check_host(host)?;
            let subject = match known.get(tenant, host).or_else(|| fresh.get(host).copied()) {
                Some(subject) => subject,
                None => new_ref()?,
            };
            refs.insert(host.to_owned(), subject);
        }
        fresh.extend(refs.iter().map(|(host, subject)| (host.clone(), *subject)));
        let canonical = event.canonicalize(|host| refs.get(host).copied())?;
        Ok(Self { canonical, event: Some(event), refs, sealed: Vec::new(), named })
    }

    /// An event of the journal's own, or one that was staged: it is canonical already.
    pub(crate) const fn canonical(canonical: CanonicalEvent) -> Self {
        Self { canonical, event: None, refs: BTreeMap::new(), sealed: Vec::new(), named: true }
    }

    /// The private fields as they are stored; none where they are stored in the clear.
    pub(crate) fn sealed(&self) -> &[SealedField] {
        &self.sealed
    }

    /// Has the private fields stored like this.
    pub(crate) fn set_sealed(&mut self, sealed: Vec<SealedField>) {
        self.sealed = sealed;
    }

    /// The final bytes.
    pub(crate) const fn as_canonical(&self) -> &CanonicalEvent {
        &self.canonical
    }

    /// The final bytes, taken out.
    pub(crate) fn into_canonical(self) -> CanonicalEvent {
        self.canonical
    }

    /// Whether the directory must be asked before it is sealed.
    pub(crate) fn has_subjects(&self) -> bool {
        !self.refs.is_empty()
    }

    /// Whether a subject is one whose ref was not remembered.
    pub(crate) fn has_new_subjects(&self, tenant: &str, known: &Subjects) -> bool {
        self.refs.iter().any(|(host, used)| known.get(tenant, host) != Some(*used))
    }

    /// Says when it happened where the host did not, for an event that is sealed later. Returns
    /// whether it was unsaid.
    pub(crate) fn time(&mut self, now: Timestamp) -> Result<bool, AppendError> {
        let Some(event) = &mut self.event else { return Ok(false) };
        if !event.set_occurred_at(now) {
            return Ok(false);
        }
        let refs = &self.refs;
        self.canonical = event.canonicalize(|host| refs.get(host).copied())?;
        self.sealed.clear();
        Ok(true)
    }
}

fn check_host(host: &str) -> Result<(), AppendError> {
    if host.is_empty() || host.len() > MAX_HOST {
        return Err(AppendError::SubjectId { bytes: host.len(), limit: MAX_HOST });
    }
    Ok(())
}

fn new_ref() -> Result<SubjectRef, AppendError> {
    SubjectRef::random().map_err(|error| EventError::Randomness(error).into())
}

impl<DB: Backend> Store<DB> {
    /// Gives events the refs that the directory has, adding subjects it does not have. Under the head's
    /// lock, since an erasure takes it too. Returns what may be remembered once this is committed.
    pub(crate) async fn settle(
        &self,
        conn: &mut DB::Connection,
        tenant: &str,
        events: &mut [&mut Prepared],
    ) -> Result<Vec<(String, SubjectRef)>, AppendError> {
        let mut used = BTreeMap::new();
        for event in events.iter() {
            for (host, subject) in &event.refs {
                used.insert(host.clone(), *subject);
            }
        }
        if used.is_empty() {
            return Ok(Vec::new());
        }
        let hosts: Vec<String> = used.keys().cloned().collect();
        let mut standing = self.look_up_hosts(conn, tenant, &hosts).await?;
        let missing: Vec<String> =
            hosts.iter().filter(|host| !standing.contains_key(*host)).cloned().collect();
        if !missing.is_empty() {
            // In the order of the ids, so that two who add the same subjects wait and do not deadlock.
            for host in &missing {
                let subject = match used.get(host) {
                    Some(subject) if !taken::<DB>(conn, &self.schema, tenant, *subject).await? => {
                        *subject
                    }
                    _ => new_ref()?,
                };
                let column = self.directory.column(tenant, host)?;
                DB::insert_subject(conn, &self.schema, tenant, &column, *subject.as_bytes())
                    .await?;
            }
            standing.extend(self.look_up_hosts(conn, tenant, &missing).await?);
        }
        for prepared in events.iter_mut() {
            let agrees = prepared.refs.iter().all(|(host, used)| standing.get(host) == Some(used));
            if let (false, Some(event)) = (agrees, &prepared.event) {
                prepared.canonical = event.canonicalize(|host| standing.get(host).copied())?;
                prepared.sealed.clear();
                for (host, subject) in &mut prepared.refs {
                    *subject = standing.get(host).copied().unwrap_or(*subject);
                }
            }
        }
        Ok(standing.into_iter().collect())
    }

    /// Looks up the subjects of events that are not remembered, where their fields are to be
    /// sealed: so that hardly any key is made for a ref that the directory then has otherwise.
    pub(crate) async fn meet(&self, tenant: &str, events: &[Event]) -> Result<(), AppendError> {
        if self.options.sealer.is_none() {
            return Ok(());
        }
        let subjects: BTreeSet<&str> = events.iter().flat_map(Event::subjects).collect();
        let unmet = subjects.into_iter().filter(|host| self.subjects.get(tenant, host).is_none());
        let unmet: Vec<String> = unmet.map(str::to_owned).collect();
        if unmet.is_empty() {
            return Ok(());
        }
        let mut conn = self.read(tenant).await?;
        let found = self.look_up_hosts(&mut conn, tenant, &unmet).await?;
        self.subjects.remember(tenant, found.into_iter().collect());
        Ok(())
    }
}

impl<DB: Backend> Store<DB> {
    /// Asks the directory about the subjects of an event that were remembered. Where it says
    /// otherwise the event is made canonical again, and the answer is true.
    pub(crate) async fn meet_again(
        &self,
        tenant: &str,
        event: &mut Prepared,
    ) -> Result<bool, AppendError> {
        let hosts: Vec<String> = event.refs.keys().cloned().collect();
        let mut conn = self.read(tenant).await?;
        let standing = self.look_up_hosts(&mut conn, tenant, &hosts).await?;
        drop(conn);
        let mut changed = false;
        for (host, subject) in &mut event.refs {
            let known = self.subjects.get(tenant, host);
            let now = standing.get(host).copied();
            // One that was never remembered is new, and stays so.
            if known.is_none() || known == now {
                continue;
            }
            self.subjects.forget(tenant, host);
            *subject = match now {
                Some(subject) => subject,
                None => new_ref()?,
            };
            changed = true;
        }
        if let (true, Some(again)) = (changed, &event.event) {
            event.canonical = again.canonicalize(|host| event.refs.get(host).copied())?;
            event.sealed.clear();
        }
        self.subjects.remember(tenant, standing.into_iter().collect());
        Ok(changed)
    }
}

impl<DB: Backend> Store<DB> {
    /// The ref of a subject, by the host's id.
    pub(crate) async fn subject_ref(
        &self,
        conn: &mut DB::Connection,
        tenant: &str,
        host: &str,
    ) -> Result<Option<SubjectRef>, AppendError> {
        let found = self.look_up_hosts(conn, tenant, &[host.to_owned()]).await?;
        Ok(found.into_values().next())
    }

    /// The ref of a subject, who is added where the directory does not have them.
    pub(crate) async fn subject_ref_or_new(
        &self,
        conn: &mut DB::Connection,
        tenant: &str,
        host: &str,
    ) -> Result<SubjectRef, AppendError> {
        check_host(host)?;
        if let Some(known) = self.subject_ref(conn, tenant, host).await? {
            return Ok(known);
        }
        let subject = new_ref()?;
        let column = self.directory.column(tenant, host)?;
        DB::insert_subject(conn, &self.schema, tenant, &column, *subject.as_bytes()).await?;
        let known = self.subject_ref(conn, tenant, host).await?;
        known.ok_or(AppendError::Corrupt { what: "the subject directory" })
    }

    /// The refs of those of the host's ids that the directory has.
    async fn look_up_hosts(
        &self,
        conn: &mut DB::Connection,
        tenant: &str,
        hosts: &[String],
    ) -> Result<BTreeMap<String, SubjectRef>, AppendError> {
        let columns: Vec<String> = hosts
            .iter()
            .map(|host| self.directory.column(tenant, host))
            .collect::<Result<_, _>>()?;
        let found = DB::subjects(conn, &self.schema, tenant, &columns).await?;
        let found: HashMap<String, Vec<u8>> = found.into_iter().collect();
        let known = hosts.iter().zip(&columns);
        known
            .filter_map(|(host, column)| Some((host.clone(), found.get(column)?)))
            .map(|(host, subject)| Ok((host, read_ref(subject)?)))
            .collect()
    }
}

/// Whether a remembered ref was severed from its subject: it is never used again.
async fn taken<DB: Backend>(
    conn: &mut DB::Connection,
    schema: &Schema,
    tenant: &str,
    subject: SubjectRef,
) -> Result<bool, AppendError> {
    let erased = DB::erased(conn, schema, tenant, &[*subject.as_bytes()]).await?;
    Ok(!erased.is_empty())
}

pub(crate) fn read_ref(bytes: &[u8]) -> Result<SubjectRef, AppendError> {
    <[u8; 16]>::try_from(bytes)
        .map(SubjectRef::from_bytes)
        .map_err(|_| AppendError::Corrupt { what: "the subject directory" })
}

/// The refs that an open journal remembers, as they were when last committed.
#[derive(Debug, Default)]
pub(crate) struct Subjects {
    known: Mutex<HashMap<(String, String), SubjectRef>>,
}

impl Subjects {
    fn get(&self, tenant: &str, host: &str) -> Option<SubjectRef> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(&(tenant.to_owned(), host.to_owned())).copied()
    }

    /// Forgets a subject who was erased.
    pub(crate) fn forget(&self, tenant: &str, host: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(&(tenant.to_owned(), host.to_owned()));
    }

    /// Forgets everybody.
    pub(crate) fn clear(&self) {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Remembers what was committed.
    pub(crate) fn remember(&self, tenant: &str, subjects: Vec<(String, SubjectRef)>) {
        if subjects.is_empty() {
            return;
        }
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        for (host, subject) in subjects {
            known.insert((tenant.to_owned(), host), subject);
        }
    }
}
