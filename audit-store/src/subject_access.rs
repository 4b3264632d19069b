//! What a journal holds about one person: for the person, who may ask for it.

mod bundle;
mod merge;

use std::fmt;
use std::sync::Arc;

use audit_core::{
    Actor, ActorView, ChainId, Digest, Disclosure, Entry, Event, LeafHash, Outcome, SubjectRef,
    Target, Timestamp,
};
use futures_core::Stream;
use serde::Serialize;
use serde_json::Value;

pub use self::bundle::{SubjectExport, SubjectExportError};

use crate::append::AppendError;
use crate::backend::Backend;
use crate::backend::rows::StoredItem;
use crate::journal::{Journal, Store};
use crate::private::PrivatePlace;
use crate::query::private::{AccessReason, PRIVATE_READ, ReadPrivateError};
use crate::query::{QueryError, StoredEntry};

use self::merge::Merged;

/// The type of the target of the event that records such a reading; its id is the person's ref.
pub const SUBJECT_TARGET: &str = "data_subject";

/// How many entries are read at a time.
const PAGE: usize = 256;

type Role = dyn Fn(&ActorView<'_>) -> String + Send + Sync;

/// Who a person is in a journal: the data subject of private fields, and perhaps somebody who acted,
/// and something that was acted upon.
#[derive(Clone)]
pub struct SubjectScope {
    tenant: String,
    subject: Whom,
    actor: Option<Actor>,
    targets: Vec<Target>,
    role: Arc<Role>,
}

#[derive(Clone)]
enum Whom {
    Id(String),
    Ref(SubjectRef),
}

impl SubjectScope {
    /// The data subject with the host's own id `subject`. Everybody else who acted is named by the
    /// kind of actor they are.
    #[must_use]
    pub fn new(tenant: impl Into<String>, subject: impl Into<String>) -> Self {
        Self::of(tenant.into(), Whom::Id(subject.into()))
    }

    /// The same for somebody who is known by the pseudonym in the journal: an erased person, whose id
    /// it does not have any more.
    #[must_use]
    pub fn of_ref(tenant: impl Into<String>, subject: SubjectRef) -> Self {
        Self::of(tenant.into(), Whom::Ref(subject))
    }

    fn of(tenant: String, subject: Whom) -> Self {
        let role = Arc::new(|actor: &ActorView<'_>| actor.kind.as_str().to_owned());
        Self { tenant, subject, actor: None, targets: Vec::new(), role }
    }

    /// Who also acted under this id.
    #[must_use]
    pub fn acting_as(mut self, actor: Actor) -> Self {
        self.actor = Some(actor);
        self
    }

    /// Who is also this target: a customer's record, an account. May be called again.
    #[must_use]
    pub fn known_as(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    /// What others who acted are called: their role, never who they are. A person is entitled to
    /// know that and when somebody looked at their data, and not as a rule to the name of the
    /// employee (Court of Justice of the European Union, C-579/21).
    #[must_use]
    pub fn roles(
        mut self,
        role: impl Fn(&ActorView<'_>) -> String + Send + Sync + 'static,
    ) -> Self {
        self.role = Arc::new(role);
        self
    }

    fn is(&self, actor: &ActorView<'_>) -> bool {
        self.actor.as_ref().is_some_and(|own| own.kind() == actor.kind && own.id() == actor.id)
    }

    /// Whether an entry is about the person.
    fn concerns(&self, subject: Option<SubjectRef>, entry: &Entry<'_>) -> bool {
        let event = entry.event();
        let own = |target: &Target| {
            event.targets().iter().any(|of| of.kind == target.kind() && of.id == target.id())
        };
        event.private().iter().any(|(of, _)| Some(*of) == subject)
            || self.is(event.actor())
            || event.on_behalf_of().is_some_and(|actor| self.is(actor))
            || self.targets.iter().any(own)
    }

    /// Whether another person acted in it.
    fn names_another(&self, entry: &Entry<'_>) -> bool {
        let event = entry.event();
        let actors = [Some(event.actor()), event.on_behalf_of()];
        actors
            .into_iter()
            .flatten()
            .any(|actor| actor.kind == audit_core::ActorKind::User && !self.is(actor))
    }
}

impl fmt::Debug for SubjectScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubjectScope").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// Who acted, as the person is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Acting {
    /// The person.
    Yourself,
    /// Somebody else, by role.
    Other(String),
}

/// One entry that is about a person, with the person's own private fields. `Debug` shows no values.
#[derive(Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Activity {
    /// The chain it stands in.
    pub chain: ChainId,
    /// Its place there.
    pub seq: u64,
    /// When it was sealed.
    pub at: Timestamp,
    /// The hash that the journal's checkpoints commit to: by it an auditor finds the entry.
    pub leaf: LeafHash,
    /// What was done.
    pub action: String,
    /// How it ended, where that is said.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "by_name")]
    pub outcome: Option<Outcome>,
    /// Who did it.
    pub actor: Acting,
    /// For whom, where that is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<Acting>,
    /// The person's own private fields, by their place in the event; those that were erased are
    /// missing.
    pub fields: Vec<(String, Value)>,
}

#[expect(clippy::ref_option, reason = "serde gives the field as it is")]
fn by_name<S: serde::Serializer>(outcome: &Option<Outcome>, to: S) -> Result<S::Ok, S::Error> {
    outcome.map(|outcome| outcome.as_str()).serialize(to)
}

impl fmt::Debug for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Activity")
            .field("chain", &self.chain)
            .field("seq", &self.seq)
            .field("action", &self.action)
            .finish_non_exhaustive()
    }
}

impl<DB: Backend> Journal<DB> {
    /// All that the tenant's chains hold about a person, oldest first in each chain, read a page at a
    /// time.
    ///
    /// Where the options ask for it
    /// ([`record_private_reads`](crate::JournalOptions::record_private_reads)), the reading is
    /// appended to each chain first.
    ///
    /// # Errors
    ///
    /// As [`read_private`](Self::read_private); the stream ends with the error.
    pub async fn activity_of(
        &self,
        scope: &SubjectScope,
        reason: &AccessReason,
    ) -> Result<
        impl Stream<Item = Result<Activity, ReadPrivateError>> + Send + use<DB>,
        ReadPrivateError,
    > {
        let store = Arc::clone(&self.store);
        let about = store.person(scope).await?;
        for (_, chain) in &about.chains {
            self.record_reading_of(chain, about.subject, reason).await?;
        }
        let chains = about.chains.clone().into_iter();
        let state = Reading { store, about, chains, merged: None, page: Vec::new().into_iter() };
        Ok(futures_util::stream::try_unfold(state, |mut state| async move {
            Ok(state.next().await?.map(|activity| (activity, state)))
        }))
    }

    async fn record_reading_of(
        &self,
        chain: &ChainId,
        subject: Option<SubjectRef>,
        reason: &AccessReason,
    ) -> Result<(), ReadPrivateError> {
        let (true, Some(subject)) = (self.store.options.record_private_reads, subject) else {
            return Ok(());
        };
        let event = Event::builder(PRIVATE_READ, reason.actor().clone())
            .target(Target::new(SUBJECT_TARGET, subject.to_string()))
            .meta("purpose", reason.purpose())
            .build()
            .map_err(|error| ReadPrivateError::AccessReason(error.into()))?;
        self.append(chain, event).await?;
        Ok(())
    }
}

/// A person as the journal knows them.
#[derive(Clone, Debug)]
struct Person {
    scope: SubjectScope,
    subject: Option<SubjectRef>,
    chains: Vec<(i64, ChainId)>,
}

impl<DB: Backend> Store<DB> {
    async fn person(&self, scope: &SubjectScope) -> Result<Person, ReadPrivateError> {
        if self.gate.owes_erasures() {
            return Err(ReadPrivateError::ErasuresOwed);
        }
        let mut conn = self.read(&scope.tenant).await?;
        let subject = match &scope.subject {
            Whom::Id(id) => self.subject_ref(&mut conn, &scope.tenant, id).await?,
            Whom::Ref(subject) => Some(*subject),
        };
        let mut chains = Vec::new();
        for (id, series) in DB::chains_of(&mut conn, &self.schema, &scope.tenant).await? {
            let chain = ChainId::new(&scope.tenant, &series)
                .map_err(|_| AppendError::Corrupt { what: "a chain's name" })?;
            chains.push((id, chain));
        }
        Ok(Person { scope: scope.clone(), subject, chains })
    }
}

/// Reading on, chain by chain.
struct Reading<DB: Backend> {
    store: Arc<Store<DB>>,
    about: Person,
    chains: std::vec::IntoIter<(i64, ChainId)>,
    merged: Option<(i64, ChainId, Merged)>,
    page: std::vec::IntoIter<Activity>,
}

impl<DB: Backend> Reading<DB> {
    async fn next(&mut self) -> Result<Option<Activity>, ReadPrivateError> {
        loop {
            if let Some(activity) = self.page.next() {
                return Ok(Some(activity));
            }
            if let Some((id, chain, merged)) = &mut self.merged {
                let entries = merged.page(&self.store, PAGE).await?;
                if !entries.is_empty() {
                    let (id, chain) = (*id, chain.clone());
                    self.page = self.told(id, &chain, &entries).await?.into_iter();
                    continue;
                }
            }
            let Some((id, chain)) = self.chains.next() else { return Ok(None) };
            let merged = Merged::new(&chain, &self.about.scope, self.about.subject);
            self.merged = Some((id, chain, merged));
        }
    }

    /// Entries as the person is told them.
    async fn told(
        &self,
        id: i64,
        chain: &ChainId,
        entries: &[StoredEntry],
    ) -> Result<Vec<Activity>, ReadPrivateError> {
        let mut fields = self.fields(id, chain.tenant(), entries).await?;
        let scope = &self.about.scope;
        let acting = |actor: &ActorView<'_>| {
            if scope.is(actor) { Acting::Yourself } else { Acting::Other((scope.role)(actor)) }
        };
        let mut told = Vec::with_capacity(entries.len());
        for stored in entries {
            let entry = stored.entry()?;
            let event = entry.event();
            told.push(Activity {
                chain: chain.clone(),
                seq: stored.seq(),
                at: entry.at(),
                leaf: entry.leaf(),
                action: event.action().to_owned(),
                outcome: event.outcome(),
                actor: acting(event.actor()),
                on_behalf_of: event.on_behalf_of().map(acting),
                fields: fields.remove(&stored.seq()).unwrap_or_default(),
            });
        }
        Ok(told)
    }

    /// The person's own private fields of some entries, opened and compared with the digests that
    /// the entries commit to.
    async fn fields(
        &self,
        id: i64,
        tenant: &str,
        entries: &[StoredEntry],
    ) -> Result<std::collections::BTreeMap<u64, Vec<(String, Value)>>, ReadPrivateError> {
        let mut fields = std::collections::BTreeMap::new();
        let Some(subject) = self.about.subject else { return Ok(fields) };
        let seqs: Vec<i64> = entries.iter().map(|e| crate::backend::integer(e.seq())).collect();
        let mut conn = self.store.read(tenant).await?;
        let (schema, of) = (&self.store.schema, *subject.as_bytes());
        let rows = DB::disclosures_about(&mut conn, schema, id, of, &seqs).await?;
        drop(conn);
        for (seq, items) in rows {
            let seq = u64::try_from(seq).map_err(|_| ReadPrivateError::Uncommitted)?;
            let at = entries.binary_search_by_key(&seq, StoredEntry::seq);
            let stored = at.ok().and_then(|at| entries.get(at));
            let stored = stored.ok_or(ReadPrivateError::Uncommitted)?;
            let entry = stored.entry()?;
            let items: Vec<StoredItem<'_>> =
                serde_json::from_str(&items).map_err(|_| ReadPrivateError::Uncommitted)?;
            let mut own = Vec::with_capacity(items.len());
            for item in &items {
                let digest: Digest =
                    item.digest.parse().map_err(|_| ReadPrivateError::Uncommitted)?;
                let text = match (item.disclosure, item.sealed) {
                    (Some(text), None) => Some(text.to_owned()),
                    (None, Some(sealed)) => {
                        let place = PrivatePlace::new(tenant, subject, digest);
                        self.store.open_private(&place, sealed).await?
                    }
                    _ => return Err(ReadPrivateError::Uncommitted),
                };
                let Some(text) = text else { continue };
                let disclosure = Disclosure::new(subject, text);
                let open = disclosure.open().map_err(|_| ReadPrivateError::Uncommitted)?;
                if disclosure.digest() != digest || !entry.event().commits_to(subject, digest) {
                    return Err(ReadPrivateError::Uncommitted);
                }
                own.push((open.name().to_owned(), open.value()));
            }
            fields.insert(seq, own);
        }
        Ok(fields)
    }
}

impl From<QueryError> for ReadPrivateError {
    fn from(error: QueryError) -> Self {
        match error {
            QueryError::Database(error) => Self::Database(error),
            QueryError::UnknownChain => Self::UnknownChain,
            other => Self::Query(other),
        }
    }
}
