//! The journal itself as a source: a person may read in it, and nothing of it is erased here.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use audit_core::{Actor, ActorView, Target};
use audit_store::{AccessReason, Acting, Activity, Journal, ReadPrivateError, SubjectScope};
use futures_util::{Stream, StreamExt as _, TryStreamExt as _, stream};
use serde_json::Value;
use tokio::sync::Mutex;

use crate::backend::Backend;
use crate::data_map::rules::ErasureStrategy;
use crate::data_map::source::{Field, Link, SourceDeclaration, Storage};
use crate::source::error::SourceError;
use crate::source::permit::Permit;
use crate::source::record::{Applied, Cursor, FieldValue, Page, Record, Remaining, Step};
use crate::source::selection::{Identifier, Selection};
use crate::source::{BoxFuture, PersonalDataSource};

/// What the link to the private fields of a person is called, and the one to what they did.
const SUBJECT: &str = "subject";
const ACTOR: &str = "actor";

/// Names nobody: a private field is about somebody with an id.
const NOBODY: &str = "";

/// What the fields of an entry are called, and what the person is told of each.
const FIELDS: [(&str, &str); 7] = [
    ("at", "When it was recorded."),
    ("action", "What was done."),
    ("outcome", "How it ended."),
    ("actor", "Who did it: you, or somebody by their role."),
    ("on_behalf_of", "For whom it was done."),
    ("fields", "What was recorded about you."),
    ("leaf", "The hash by which an auditor finds the entry."),
];

/// The declaration of a journal: its fields, each with a sentence for the person. Where it is, for
/// what and how long, and by which kinds of identifiers it knows a person is for the host to add:
/// [`Link::column`] named `subject` for the ids under which private fields are kept, `actor` for the
/// ids of users who act, and any other name for targets of that type.
///
/// `ground` is why entries outlive an erasure, such as `gdpr-17-3-b`. The private fields do not:
/// the journal erases them ([`Journal::erase_subject`]), as a step of `Eraser`.
///
/// ```
/// use privacy_rights::{Link, Retention, journal_declaration};
///
/// let journal = journal_declaration("journal", "gdpr-17-3-b")
///     .linked(Link::column("subject", "customer_id")?)
///     .linked(Link::column("actor", "login")?)
///     .linked(Link::column("customer", "customer_id")?)
///     .located("BE".parse()?, "our own data centre")
///     .purpose("accountability")
///     .kept(Retention::new("ten years"));
/// # let _used = journal;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn journal_declaration(
    name: impl Into<String>,
    ground: impl Into<String>,
) -> SourceDeclaration {
    let storage = Storage::Other { name: Storage::JOURNAL.to_owned() };
    let declared =
        SourceDeclaration::new(name, storage).erased_by(ErasureStrategy::Retain(ground.into()));
    FIELDS.iter().fold(declared, |declared, (name, sentence)| {
        let field = Field::new(*name, "activity", *sentence);
        declared.field(match *name {
            "fields" => field.erased_by(ErasureStrategy::Shred),
            _ => field,
        })
    })
}

/// A declaration that is not one of a journal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JournalSourceError {
    /// It is of another place.
    #[error("the source {name:?} is no journal")]
    NoJournal {
        /// The source.
        name: String,
    },
    /// An entry has no such field, or none that is erased so.
    #[error("a journal has no field {field:?} that is erased in the declared way")]
    Field {
        /// The field.
        field: String,
    },
}

type Entries = Pin<Box<dyn Stream<Item = Result<(usize, Activity), ReadPrivateError>> + Send>>;
type Role = dyn Fn(&ActorView<'_>) -> String + Send + Sync;

/// The journal's entries about a person, to read: what they did, what was done about them, and their
/// own private fields, everybody else by role (Court of Justice of the European Union, C-579/21).
///
/// **It erases nothing.** A step does nothing here, and all that is there counts as explained: entries
/// stay on the ground that was declared, and what they hold of a person in private the journal erases
/// itself, which `Eraser::journal_subject` asks for. So it has its place in the data map, in
/// the records of processing and in bundles, and none among the sources of an `Eraser`.
///
/// An entry about two of a person's ids is there once for each, with the fields of that id. Every way
/// through the entries is recorded in the journal where its options ask for that.
pub struct JournalSource<DB: Backend> {
    journal: Journal<DB>,
    tenant: String,
    reason: AccessReason,
    role: Arc<Role>,
    declaration: SourceDeclaration,
    /// Where the last page has ended, to go on from there and not from the beginning.
    walk: Mutex<Option<Walk>>,
}

struct Walk {
    selection: Selection,
    after: String,
    /// What was read and did not fit on the page.
    next: (usize, Activity),
    entries: Entries,
}

impl<DB: Backend> JournalSource<DB> {
    /// The entries of a tenant, which are read for that reason. Others who acted are called by the
    /// kind of actor they are.
    ///
    /// # Errors
    ///
    /// [`JournalSourceError`] if the declaration is not of a journal ([`journal_declaration`]).
    pub fn new(
        journal: Journal<DB>,
        tenant: impl Into<String>,
        reason: AccessReason,
        declaration: SourceDeclaration,
    ) -> Result<Self, JournalSourceError> {
        if !matches!(declaration.storage(), Storage::Other { name } if name == Storage::JOURNAL) {
            return Err(JournalSourceError::NoJournal { name: declaration.name().to_owned() });
        }
        for field in declaration.fields() {
            let left_alone = matches!(
                declaration.strategy_of(field),
                Some(ErasureStrategy::Retain(_) | ErasureStrategy::Shred)
            );
            if !left_alone || !FIELDS.iter().any(|(name, _)| *name == field.name()) {
                return Err(JournalSourceError::Field { field: field.name().to_owned() });
            }
        }
        let role = Arc::new(|actor: &ActorView<'_>| actor.kind.as_str().to_owned());
        let (tenant, walk) = (tenant.into(), Mutex::new(None));
        Ok(Self { journal, tenant, reason, role, declaration, walk })
    }

    /// What others who acted are called.
    #[must_use]
    pub fn roles(
        mut self,
        role: impl Fn(&ActorView<'_>) -> String + Send + Sync + 'static,
    ) -> Self {
        self.role = Arc::new(role);
        self
    }

    /// Who a person is in the journal: one scope for each of their ids.
    fn scopes(&self, selection: &Selection) -> Vec<SubjectScope> {
        let (mut subjects, mut actors, mut targets) = (Vec::new(), Vec::new(), Vec::new());
        for link in self.declaration.links() {
            let Link::Column { column, identifier } = link else { continue };
            let values = selection.values(identifier);
            match column.as_str() {
                SUBJECT => subjects.extend(values),
                ACTOR => actors.extend(values.map(Actor::user)),
                kind => targets.extend(values.map(|id| Target::new(kind, id))),
            }
        }
        let any = usize::from(!targets.is_empty());
        let count = [subjects.len(), actors.len(), any].into_iter().fold(0, std::cmp::max);
        let (mut subjects, mut actors) = (subjects.into_iter(), actors.into_iter());
        let mut scopes = Vec::with_capacity(count);
        for _ in 0..count {
            let mut scope = SubjectScope::new(&self.tenant, subjects.next().unwrap_or(NOBODY));
            if let Some(actor) = actors.next() {
                scope = scope.acting_as(actor);
            }
            for target in targets.drain(..) {
                scope = scope.known_as(target);
            }
            let role = Arc::clone(&self.role);
            scopes.push(scope.roles(move |actor| role(actor)));
        }
        scopes
    }

    fn entries(&self, selection: &Selection) -> Entries {
        let (journal, reason) = (self.journal.clone(), self.reason.clone());
        let scopes = self.scopes(selection).into_iter().enumerate();
        Box::pin(
            stream::iter(scopes)
                .then(move |(at, scope)| {
                    let (journal, reason) = (journal.clone(), reason.clone());
                    async move {
                        let entries = journal.activity_of(&scope, &reason).await?;
                        Ok::<_, ReadPrivateError>(entries.map_ok(move |entry| (at, entry)))
                    }
                })
                .try_flatten(),
        )
    }

    async fn page(
        &self,
        selection: &Selection,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page, SourceError> {
        let mut walk = self.walk.lock().await;
        let (mut next, mut entries) = match (walk.take(), after) {
            (Some(walk), Some(after))
                if walk.after == after.as_str() && walk.selection == *selection =>
            {
                (Some(walk.next), walk.entries)
            }
            (_, after) => {
                let mut entries = self.entries(selection);
                if let Some(after) = after {
                    skip(&mut entries, after).await?;
                }
                (read(&mut entries).await?, entries)
            }
        };
        let mut records: Vec<Record> = Vec::new();
        while records.len() < limit
            && let Some(entry) = next
        {
            records.push(self.record(&entry)?);
            next = read(&mut entries).await?;
        }
        let (Some(next), Some(last)) = (next, records.last()) else {
            return Ok(Page::new(records, None));
        };
        let (selection, after) = (selection.clone(), last.key.clone());
        let cursor = Cursor::new(after.clone());
        *walk = Some(Walk { selection, after, next, entries });
        Ok(Page::new(records, Some(cursor)))
    }

    fn record(&self, entry: &(usize, Activity)) -> Result<Record, SourceError> {
        let activity = &entry.1;
        let acting = |acting: &Acting| match acting {
            Acting::Yourself => Value::from("yourself"),
            Acting::Other(role) => Value::from(role.as_str()),
            _ => Value::from("somebody else"),
        };
        let json = |value: serde_json::Result<Value>| {
            value.map_err(|error| SourceError::Unavailable(Box::new(error)))
        };
        let mut fields = Vec::with_capacity(FIELDS.len());
        for field in self.declaration.fields() {
            let value = match field.name() {
                "at" => Some(json(serde_json::to_value(activity.at))?),
                "action" => Some(Value::from(activity.action.as_str())),
                "outcome" => activity.outcome.map(|outcome| Value::from(outcome.as_str())),
                "actor" => Some(acting(&activity.actor)),
                "on_behalf_of" => activity.on_behalf_of.as_ref().map(acting),
                "leaf" => Some(json(serde_json::to_value(activity.leaf))?),
                _ if activity.fields.is_empty() => None,
                _ => Some(Value::Object(activity.fields.iter().cloned().collect())),
            };
            let value = value.map_or(FieldValue::Absent, FieldValue::Value);
            fields.push((field.name().to_owned(), value));
        }
        Ok(Record::new(key(entry), fields))
    }

    async fn count(&self, selection: &Selection) -> Result<Remaining, SourceError> {
        let mut entries = self.entries(selection);
        let mut count = 0_u64;
        while read(&mut entries).await?.is_some() {
            count = count.saturating_add(1);
        }
        Ok(Remaining::new(count, count))
    }
}

async fn read(entries: &mut Entries) -> Result<Option<(usize, Activity)>, SourceError> {
    let failed = |error: ReadPrivateError| SourceError::Unavailable(Box::new(error));
    entries.next().await.transpose().map_err(failed)
}

/// Goes to behind the entry of a cursor.
async fn skip(entries: &mut Entries, after: &Cursor) -> Result<(), SourceError> {
    while let Some(entry) = read(entries).await? {
        if key(&entry) == after.as_str() {
            return Ok(());
        }
    }
    Err(SourceError::Cursor)
}

/// What names an entry: its chain, its number, and by which of the person's ids it was found.
fn key((at, entry): &(usize, Activity)) -> String {
    let (series, seq) = (entry.chain.series(), entry.seq);
    if *at == 0 { format!("{series}/{seq}") } else { format!("{series}/{seq}/{at}") }
}

impl<DB: Backend> fmt::Debug for JournalSource<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JournalSource").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl<DB: Backend> PersonalDataSource for JournalSource<DB> {
    fn declaration(&self) -> &SourceDeclaration {
        &self.declaration
    }

    /// The journal forgets whose an id was: it leads to no other.
    fn resolve<'a>(
        &'a self,
        _selection: &'a Selection,
    ) -> BoxFuture<'a, Result<Vec<Identifier>, SourceError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn scan<'a>(
        &'a self,
        selection: &'a Selection,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>> {
        Box::pin(self.page(selection, after, limit))
    }

    fn apply<'a>(
        &'a self,
        _selection: &'a Selection,
        _step: &'a Step,
        _permit: &'a dyn Permit,
        _after: Option<&'a Cursor>,
        _limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        Box::pin(async { Ok(Applied::default()) })
    }

    fn foresee<'a>(
        &'a self,
        selection: &'a Selection,
        step: &'a Step,
        permit: &'a dyn Permit,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        self.apply(selection, step, permit, after, limit)
    }

    fn remaining<'a>(
        &'a self,
        selection: &'a Selection,
        _step: &'a Step,
    ) -> BoxFuture<'a, Result<Remaining, SourceError>> {
        Box::pin(self.count(selection))
    }
}
