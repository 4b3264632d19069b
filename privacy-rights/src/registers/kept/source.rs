//! What a person has said as a source: given with a copy, ended with an erasure.

use std::fmt;
use std::sync::Arc;

use audit_core::{Actor, Timestamp};
use audit_store::JournalTx;

use crate::backend::Backend;
use crate::data_map::name::NameError;
use crate::data_map::party::Country;
use crate::data_map::rules::{ErasureStrategy, Retention};
use crate::data_map::source::{Field, Link, SourceDeclaration, Storage};
use crate::registers::kept::error::RegistersError;
use crate::registers::kept::{Registers, link};
use crate::registers::preference::{Preference, PreferenceEvent};
use crate::source::error::SourceError;
use crate::source::permit::{Item, Permit};
use crate::source::record::{Applied, Cursor, FieldValue, Kept, Page, Record, Remaining, Step};
use crate::source::selection::{Identifier, Selection};
use crate::source::{BoxFuture, PersonalDataSource};

const COLUMNS: [(&str, &str); 4] = [
    ("at", "When you said it."),
    ("what", "What you agreed to, objected to or had restricted."),
    ("purpose", "For which purpose."),
    ("detail", "To which text, by which act, for what reason."),
];

/// The kept preferences as a source. A copy (GDPR Art. 15) holds their history. An erasure ends
/// consents and restrictions as [`Registers::erased`] does: the history stays, as evidence, by tokens
/// that name nobody, and an objection goes on. That is no record left over, and
/// [`remaining`](PersonalDataSource::remaining) counts none.
pub struct PreferenceSource<DB: Backend> {
    registers: Arc<Registers<DB>>,
    declaration: SourceDeclaration,
}

impl<DB: Backend> PreferenceSource<DB> {
    /// Of these registers, which lie in that country on those machines; for that purpose of the data
    /// map, and known by identifiers of these kinds.
    ///
    /// # Errors
    ///
    /// None with this version: the names of its columns are constants.
    pub fn new<K: Into<String>>(
        registers: Arc<Registers<DB>>,
        (country, host): (Country, &str),
        purpose: &str,
        kinds: impl IntoIterator<Item = K>,
    ) -> Result<Self, NameError> {
        let storage = Storage::Other { name: "kept preferences".to_owned() };
        let mut declaration = SourceDeclaration::new("preferences", storage)
            .located(country, host)
            .purpose(purpose)
            .kept(Retention::new("as evidence of what was agreed (GDPR Art. 5(2), 7(1))"))
            .erased_by(ErasureStrategy::Detach);
        for kind in kinds {
            declaration = declaration.linked(Link::column("token", kind)?);
        }
        for (name, sentence) in COLUMNS {
            declaration = declaration.field(Field::new(name, "preference", sentence));
        }
        Ok(Self { registers, declaration })
    }

    async fn page(
        &self,
        person: &Selection,
        after: Option<&Cursor>,
        limit: usize,
    ) -> Result<Page, SourceError> {
        let preferences = self.registers.preferences(person).await?;
        let first = match after {
            None => 0,
            Some(cursor) => cursor.as_str().parse::<usize>().map_err(|_| SourceError::Cursor)?,
        };
        let register = preferences.register();
        let mut records = Vec::new();
        for (at, row) in register.rows().iter().enumerate().skip(first).take(limit) {
            let cells = register.columns().iter().zip(row);
            let fields = cells.map(|(name, cell)| {
                let value = if cell.is_empty() {
                    FieldValue::Absent
                } else {
                    FieldValue::Value(cell.as_str().into())
                };
                ((*name).to_owned(), value)
            });
            records.push(Record::new(at.saturating_add(1).to_string(), fields.collect()));
        }
        let end = first.saturating_add(records.len());
        let next = (end < register.rows().len()).then(|| Cursor::new(end.to_string()));
        Ok(Page::new(records, next))
    }

    /// Ends what stands, or looks what would end.
    async fn end(
        &self,
        person: &Selection,
        permit: &dyn Permit,
        rehearsal: bool,
    ) -> Result<Applied, SourceError> {
        let registers = &self.registers;
        let tokens = registers.tokens(person)?;
        let mut tx = registers.desk.journal.begin().await.map_err(RegistersError::from)?;
        permit.begin(DB::connection(&mut tx)).await?;
        let found = registers.find(&mut tx, &tokens).await?;
        let mut applied = Applied::default();
        for (id, events) in &found.histories {
            if registers.is_ended(&mut tx, (id, events)).await? {
                continue;
            }
            let item = Item::new(self.declaration.name(), id.as_str());
            let reasons = permit.reasons(DB::connection(&mut tx), &item).await?;
            if reasons.is_empty() {
                let actor = Actor::system("privacy-rights");
                registers.erase_history(&mut tx, (id, events), actor).await?;
                applied.changed = applied.changed.saturating_add(1);
            } else {
                applied.kept.push(Kept { item, reasons, fields: Vec::new() });
            }
        }
        if rehearsal {
            tx.rollback().await.map_err(RegistersError::from)?;
        } else {
            tx.commit().await.map_err(RegistersError::from)?;
        }
        Ok(applied)
    }

    async fn count(&self, person: &Selection) -> Result<Remaining, SourceError> {
        let tokens = self.registers.tokens(person)?;
        let mut conn = self.registers.desk.pool.acquire().await?;
        let found = self.registers.find(&mut conn, &tokens).await?;
        let mut left = Remaining::default();
        for (id, events) in &found.histories {
            let ended = self.registers.is_ended(&mut conn, (id, events)).await?;
            left.records = left.records.saturating_add(u64::from(!ended));
        }
        Ok(left)
    }
}

impl<DB: Backend> Registers<DB> {
    /// Whether an erasure has nothing to do with a history any more.
    async fn is_ended(
        &self,
        conn: &mut DB::Connection,
        (id, events): (&str, &[(Timestamp, Preference)]),
    ) -> Result<bool, RegistersError> {
        let tokens = link::tokens::<DB>(conn, self.tenant(), id).await?;
        let single = tokens.iter().any(|token| self.single.contains(&token.kind));
        Ok(!single && events.last().is_some_and(|(_, last)| *last == Preference::Erased))
    }

    /// Ends what stands in a history, and takes off it what the person alone was known by.
    pub(super) async fn erase_history(
        &self,
        tx: &mut JournalTx<DB>,
        (id, events): (&str, &[(Timestamp, Preference)]),
        actor: Actor,
    ) -> Result<(), RegistersError> {
        let last = events.last().map_or(Timestamp::MIN, |(at, _)| *at);
        if events.last().is_none_or(|(_, last)| *last != Preference::Erased) {
            let at = std::cmp::max(self.desk.options.clock.now(), last);
            let event = PreferenceEvent::new(at, Preference::Erased);
            self.enter(tx, (id, events.len()), &event, actor).await?;
        }
        DB::wipe_what_is_overwritten(tx).await?;
        for token in link::tokens::<DB>(tx, self.tenant(), id).await? {
            if self.single.contains(&token.kind) {
                link::unlink::<DB>(tx, self.tenant(), &token, id).await?;
            }
        }
        Ok(())
    }
}

impl From<RegistersError> for SourceError {
    fn from(error: RegistersError) -> Self {
        match error {
            RegistersError::Database(error) => Self::Database(error),
            error => Self::Unavailable(Box::new(error)),
        }
    }
}

impl<DB: Backend> PersonalDataSource for PreferenceSource<DB> {
    fn declaration(&self) -> &SourceDeclaration {
        &self.declaration
    }

    /// None: tokens tell nothing.
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
        selection: &'a Selection,
        _step: &'a Step,
        permit: &'a dyn Permit,
        _after: Option<&'a Cursor>,
        _limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        Box::pin(self.end(selection, permit, false))
    }

    fn foresee<'a>(
        &'a self,
        selection: &'a Selection,
        _step: &'a Step,
        permit: &'a dyn Permit,
        _after: Option<&'a Cursor>,
        _limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        Box::pin(self.end(selection, permit, true))
    }

    fn remaining<'a>(
        &'a self,
        selection: &'a Selection,
        _step: &'a Step,
    ) -> BoxFuture<'a, Result<Remaining, SourceError>> {
        Box::pin(self.count(selection))
    }
}

impl<DB: Backend> fmt::Debug for PreferenceSource<DB> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreferenceSource").finish_non_exhaustive()
    }
}
