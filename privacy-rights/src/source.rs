//! Places where personal data lives, at work: finding, reading and erasing what is a person's.

use std::future::Future;
use std::pin::Pin;

use crate::data_map::source::SourceDeclaration;
use crate::source::permit::{Connection, Item, Permit};
use crate::source::record::{Applied, Cursor, Kept, Page, Remaining, Step};
use crate::source::rectify::{Correction, CorrectionError};
use crate::source::selection::{Identifier, Selection};

pub(crate) mod error;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod hold;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod journal;
#[cfg(feature = "object-store")]
pub(crate) mod object;
pub(crate) mod permit;
pub(crate) mod record;
pub(crate) mod rectify;
pub(crate) mod resolve;
pub(crate) mod selection;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod sql;
pub(crate) mod walk;

use error::SourceError;

/// A future that borrows what it was made of.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// One place where personal data lives. For a table `SqlSource` is one already; for the objects
/// under a prefix of an object store, `ObjectSource`; for the journal itself, `JournalSource`.
///
/// Whatever it is asked, it is asked for a [`Selection`], so that what is exported, erased and
/// counted afterwards is the same. An identifier of a kind that it does not know selects nothing.
pub trait PersonalDataSource: Send + Sync {
    /// What was declared of it. Always the same.
    fn declaration(&self) -> &SourceDeclaration;

    /// Further identifiers of the selected person that are known here.
    fn resolve<'a>(
        &'a self,
        selection: &'a Selection,
    ) -> BoxFuture<'a, Result<Vec<Identifier>, SourceError>>;

    /// At most `limit` records of the person, from after the cursor on.
    ///
    /// The order is one that no change of another record alters, so that each record that is there
    /// all the time is on exactly one page. A page without `next` is the last one.
    fn scan<'a>(
        &'a self,
        selection: &'a Selection,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Page, SourceError>>;

    /// Erases at most `limit` records of the person, from after the cursor on, each in the way that
    /// was declared, after asking `permit` inside the transaction that erases.
    ///
    /// The same step again does what is left of it and changes nothing that it has done.
    fn apply<'a>(
        &'a self,
        selection: &'a Selection,
        step: &'a Step,
        permit: &'a dyn Permit,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>>;

    /// What [`apply`](Self::apply) would do with these records now. Changes nothing.
    ///
    /// A source that keeps records for reasons of its own has to say so here. If nothing else is
    /// said, it is every record that a scan finds and the permit does not keep.
    fn foresee<'a>(
        &'a self,
        selection: &'a Selection,
        _step: &'a Step,
        permit: &'a dyn Permit,
        after: Option<&'a Cursor>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        Box::pin(async move {
            let page = self.scan(selection, after, limit).await?;
            let mut applied = Applied::new(0, Vec::new(), page.next);
            for record in page.records {
                let item = Item::new(self.declaration().name(), record.key);
                let reasons = permit.reasons(Connection::none(), &item).await?;
                if reasons.is_empty() {
                    applied.changed = applied.changed.saturating_add(1);
                } else {
                    applied.kept.push(Kept { item, reasons, fields: Vec::new() });
                }
            }
            Ok(applied)
        })
    }

    /// Puts at most `limit` records of the person right that are not (GDPR Art. 16), from after the
    /// cursor on, after asking `permit` inside the transaction that changes them: what is held stays
    /// as it is. Some records, or none: never half a record.
    ///
    /// The same correction again changes nothing that it has changed. If nothing else is said, a
    /// source cannot do it.
    fn rectify<'a>(
        &'a self,
        _selection: &'a Selection,
        _correction: &'a Correction,
        _permit: &'a dyn Permit,
        _after: Option<&'a Cursor>,
        _limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        let name = self.declaration().name().to_owned();
        Box::pin(async { Err(CorrectionError::Unsupported { name }.into()) })
    }

    /// What [`rectify`](Self::rectify) would do with these records now, or why it would be refused.
    /// Changes nothing.
    fn rehearse<'a>(
        &'a self,
        _selection: &'a Selection,
        _correction: &'a Correction,
        _permit: &'a dyn Permit,
        _after: Option<&'a Cursor>,
        _limit: usize,
    ) -> BoxFuture<'a, Result<Applied, SourceError>> {
        let name = self.declaration().name().to_owned();
        Box::pin(async { Err(CorrectionError::Unsupported { name }.into()) })
    }

    /// How many records of the person are not erased.
    fn remaining<'a>(
        &'a self,
        selection: &'a Selection,
        step: &'a Step,
    ) -> BoxFuture<'a, Result<Remaining, SourceError>>;
}
