//! Going through all pages of a source, and not for ever.

use std::collections::HashSet;
use std::fmt;
use std::hash::{BuildHasher, RandomState};

use crate::source::PersonalDataSource;
use crate::source::error::SourceError;
use crate::source::permit::Permit;
use crate::source::record::{Applied, Cursor, Page, Step};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::source::rectify::Correction;
use crate::source::selection::Selection;

/// How many records are asked for at once.
pub const PAGE_SIZE: usize = 500;

/// Remembers where a walk has been: eight bytes a page.
struct Visited {
    seen: HashSet<u64>,
    hasher: RandomState,
}

impl Visited {
    fn new() -> Self {
        Self { seen: HashSet::new(), hasher: RandomState::new() }
    }

    /// Refuses a place that was visited.
    fn visit(&mut self, next: Option<&Cursor>) -> Result<(), SourceError> {
        match next {
            Some(cursor) if !self.seen.insert(self.hasher.hash_one(cursor)) => {
                Err(SourceError::Endless { cursor: cursor.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// All records of a person in a source, page by page.
///
/// ```no_run
/// # async fn all(source: &dyn privacy_rights::PersonalDataSource, person: privacy_rights::Selection)
/// # -> Result<(), privacy_rights::SourceError> {
/// let mut pages = privacy_rights::Pages::new(source, person);
/// while let Some(page) = pages.next().await? {
///     println!("{} records", page.records.len());
/// }
/// # Ok(())
/// # }
/// ```
pub struct Pages<'a> {
    source: &'a dyn PersonalDataSource,
    selection: Selection,
    limit: usize,
    after: Option<Cursor>,
    visited: Visited,
    done: bool,
}

impl<'a> Pages<'a> {
    /// Of that person.
    #[must_use]
    pub fn new(source: &'a dyn PersonalDataSource, selection: Selection) -> Self {
        let visited = Visited::new();
        Self { source, selection, limit: PAGE_SIZE, after: None, visited, done: false }
    }

    /// So many records a page; one at least.
    #[must_use]
    pub fn of_size(mut self, limit: usize) -> Self {
        self.limit = std::cmp::max(limit, 1);
        self
    }

    /// The next page; none after the last one.
    ///
    /// # Errors
    ///
    /// [`SourceError`] of the source; [`SourceError::Endless`] when it comes back to a place where
    /// it has been; [`SourceError::TooMuch`].
    pub async fn next(&mut self) -> Result<Option<Page>, SourceError> {
        if self.done {
            return Ok(None);
        }
        let page = self.source.scan(&self.selection, self.after.as_ref(), self.limit).await?;
        if page.records.len() > self.limit {
            return Err(SourceError::TooMuch { records: page.records.len(), limit: self.limit });
        }
        self.visited.visit(page.next.as_ref())?;
        self.after.clone_from(&page.next);
        self.done = page.next.is_none();
        Ok(Some(page))
    }
}

impl fmt::Debug for Pages<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages").field("after", &self.after).finish_non_exhaustive()
    }
}

/// A step of an erasure over all records of a person in a source, in transactions of some hundred.
///
/// # Errors
///
/// [`SourceError`] of the source; what it had done stays done, and the same step again goes on.
/// [`SourceError::Endless`] when it comes back to a place where it has been.
pub async fn apply_all(
    source: &dyn PersonalDataSource,
    selection: &Selection,
    step: &Step,
    permit: &dyn Permit,
    mut each: impl FnMut(&Applied) + Send,
) -> Result<u64, SourceError> {
    let (mut changed, mut after, mut visited) = (0_u64, None, Visited::new());
    loop {
        let applied = source.apply(selection, step, permit, after.as_ref(), PAGE_SIZE).await?;
        changed = changed.saturating_add(applied.changed);
        each(&applied);
        visited.visit(applied.next.as_ref())?;
        match applied.next {
            None => return Ok(changed),
            next => after = next,
        }
    }
}

/// What a step would do with all records of a person in a source; changes nothing.
///
/// # Errors
///
/// [`SourceError`] of the source; [`SourceError::Endless`] when it comes back to a place where it has
/// been.
pub async fn foresee_all(
    source: &dyn PersonalDataSource,
    selection: &Selection,
    step: &Step,
    permit: &dyn Permit,
    mut each: impl FnMut(&Applied) + Send,
) -> Result<u64, SourceError> {
    let (mut changed, mut after, mut visited) = (0_u64, None, Visited::new());
    loop {
        let applied = source.foresee(selection, step, permit, after.as_ref(), PAGE_SIZE).await?;
        changed = changed.saturating_add(applied.changed);
        each(&applied);
        visited.visit(applied.next.as_ref())?;
        match applied.next {
            None => return Ok(changed),
            next => after = next,
        }
    }
}

/// Puts all records of a person in a source right, in transactions of some hundred, or rehearses it.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) async fn rectify_all(
    source: &dyn PersonalDataSource,
    (selection, correction): (&Selection, &Correction),
    permit: &dyn Permit,
    rehearsal: bool,
) -> Result<Applied, SourceError> {
    let (mut all, mut visited) = (Applied::default(), Visited::new());
    loop {
        let after = all.next.as_ref();
        let done = if rehearsal {
            source.rehearse(selection, correction, permit, after, PAGE_SIZE)
        } else {
            source.rectify(selection, correction, permit, after, PAGE_SIZE)
        };
        let mut done = done.await?;
        all.changed = all.changed.saturating_add(done.changed);
        all.kept.append(&mut done.kept);
        visited.visit(done.next.as_ref())?;
        all.next = done.next;
        if all.next.is_none() {
            return Ok(all);
        }
    }
}
