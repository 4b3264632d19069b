//! What a host's tests ask of its own sources.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Mutex, PoisonError};
use std::task::Poll;

use crate::source::error::SourceError;
use crate::source::permit::{Connection, Item, NothingIsHeld, Permit, Reason, Until};
use crate::source::record::{Record, Step};
use crate::source::selection::{Identifier, Selection};
use crate::source::walk::{PAGE_SIZE, Pages, apply_all};
use crate::source::{BoxFuture, PersonalDataSource};

/// What a source does that it must not.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConformanceError {
    /// An identifier that the source has found for the person selects records of somebody else.
    #[error("an identifier that was found for the person selects another one's records, too")]
    Alias,
    /// The same step again changed something.
    #[error("the same step again changes something")]
    AppliedTwice,
    /// What a hold keeps was erased, or changed, or is not among what was kept.
    #[error("a record on hold was not left as it was, or is not reported as kept")]
    HoldIgnored,
    /// Something is left after an erasure, and no law keeps it.
    #[error("{records} records are left after an erasure, of which a law keeps {kept_by_law}")]
    Left {
        /// How many.
        records: u64,
        /// How many of them a law keeps.
        kept_by_law: u64,
    },
    /// Another person's records changed.
    #[error("records of another person changed")]
    OtherTouched,
    /// In pages of another size there are other records, or one of them is on two pages.
    #[error("in pages of {size} the records are not the same, each once")]
    Pages {
        /// How long the pages were.
        size: usize,
    },
    /// The source failed.
    #[error("the source failed")]
    Source(#[from] SourceError),
    /// The test has too little to show anything: two records of the person that can be erased, and
    /// one of somebody else.
    #[error("the person has too few records that can be erased, or the other one has none")]
    TooLittle,
    /// An identifier of a kind that the source does not know selects something.
    #[error("an identifier of an unknown kind selects records")]
    UnknownSelects,
}

/// Holds a source to its contract, on data that a test made and throws away: **the person is erased**.
///
/// Pages are complete, in whatever size, and the same when read again; an unknown kind of identifier
/// selects nothing; whatever further identifier the source finds leads to the same person; what a
/// [`Permit`] keeps stays as it was and is reported, also after the step was cut off at every point at
/// which it waits for anything, and begun again; without it the same step goes on, after which nothing
/// is left but what a law keeps; the step again changes nothing; and another person's records are as
/// they were.
///
/// # Errors
///
/// The first [`ConformanceError`] that is found.
pub async fn conformance(
    source: &dyn PersonalDataSource,
    person: &Selection,
    other: &Selection,
    step: &Step,
) -> Result<(), ConformanceError> {
    let nobody = Identifier::new("a kind that no source knows", "1");
    if let Ok(nobody) = nobody
        && !records(source, &Selection::of(nobody), PAGE_SIZE).await?.is_empty()
    {
        return Err(ConformanceError::UnknownSelects);
    }
    let before = records(source, person, PAGE_SIZE).await?;
    let others = records(source, other, PAGE_SIZE).await?;
    if before.len() < 2 || others.is_empty() {
        return Err(ConformanceError::TooLittle);
    }
    for size in [1, 2, 3, PAGE_SIZE] {
        if records(source, person, size).await? != before {
            return Err(ConformanceError::Pages { size });
        }
    }

    for alias in source.resolve(person).await? {
        let of_alias = records(source, &Selection::of(alias), PAGE_SIZE).await?;
        if of_alias.keys().any(|key| !before.contains_key(key)) {
            return Err(ConformanceError::Alias);
        }
    }

    let first = First::default();
    let mut polls = 1_usize;
    while cut_off(polls, apply_all(source, person, step, &first, |_| {})).await?.is_none() {
        polls = polls.saturating_add(1).saturating_add(polls.checked_div(8).unwrap_or(0));
    }
    let mut kept = Vec::new();
    apply_all(source, person, step, &first, |applied| {
        kept.extend(applied.kept.iter().map(|kept| kept.item.key.clone()));
    })
    .await?;
    let held = first.0.into_inner().unwrap_or_else(PoisonError::into_inner);
    let Some(held) = held else { return Err(ConformanceError::TooLittle) };
    let after = records(source, person, PAGE_SIZE).await?;
    if after.get(&held) != before.get(&held) || !kept.contains(&held) {
        return Err(ConformanceError::HoldIgnored);
    }

    apply_all(source, person, step, &NothingIsHeld, |_| {}).await?;
    let left = source.remaining(person, step).await?;
    if !left.is_explained() {
        let (records, kept_by_law) = (left.records, left.kept_by_law);
        return Err(ConformanceError::Left { records, kept_by_law });
    }
    let done = records(source, person, PAGE_SIZE).await?;
    if done == after {
        // What had been held was not erased either, and yet nothing is said to be left.
        return Err(ConformanceError::Left { records: 1, kept_by_law: 0 });
    }
    let changed = apply_all(source, person, step, &NothingIsHeld, |_| {}).await?;
    if changed != 0 || records(source, person, PAGE_SIZE).await? != done {
        return Err(ConformanceError::AppliedTwice);
    }
    if records(source, other, PAGE_SIZE).await? != others {
        return Err(ConformanceError::OtherTouched);
    }
    Ok(())
}

/// Polls a step so many times and drops it where it is then, as a crash does; none if it was not at
/// its end.
async fn cut_off(
    polls: usize,
    step: impl Future<Output = Result<u64, SourceError>>,
) -> Result<Option<u64>, SourceError> {
    let (mut step, mut left) = (pin!(step), polls);
    poll_fn(|context| {
        left = left.saturating_sub(1);
        match step.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(done.map(Some)),
            Poll::Pending if left == 0 => Poll::Ready(Ok(None)),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// The records of a person by their keys, read in pages of that size.
async fn records(
    source: &dyn PersonalDataSource,
    person: &Selection,
    size: usize,
) -> Result<BTreeMap<String, Record>, ConformanceError> {
    let mut all = BTreeMap::new();
    let mut pages = Pages::new(source, person.clone()).of_size(size);
    while let Some(page) = pages.next().await? {
        for record in page.records {
            if all.insert(record.key.clone(), record).is_some() {
                return Err(ConformanceError::Pages { size });
            }
        }
    }
    Ok(all)
}

/// Keeps the first record that it is asked about.
#[derive(Default)]
struct First(Mutex<Option<String>>);

impl Permit for First {
    fn reasons<'a>(
        &'a self,
        _conn: Connection<'a>,
        item: &'a Item,
    ) -> BoxFuture<'a, Result<Vec<Reason>, SourceError>> {
        Box::pin(async move {
            let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let key = held.get_or_insert_with(|| item.key.clone());
            let until = Until::HoldReleased("conformance".into());
            Ok(if *key == item.key { vec![Reason::new("legal hold", until)] } else { Vec::new() })
        })
    }
}
