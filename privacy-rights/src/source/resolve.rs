//! From one identifier of a person to all of them.

use crate::source::PersonalDataSource;
use crate::source::error::SourceError;
use crate::source::selection::{Identifier, MAX_IDENTIFIERS, Selection};

/// What a person is known by, or why that is for a human to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resolution {
    /// What was found leads to more than one person: several values of a kind of which each person
    /// has one, such as the two accounts that share a household's e-mail address.
    Ambiguous {
        /// The kind.
        kind: String,
        /// How many values.
        values: usize,
        /// Everything that was found, for whoever reviews it.
        found: Selection,
    },
    /// One person.
    One(Selection),
}

/// Asks every source for further identifiers of the person until none finds more.
///
/// Of the kinds in `single` each person has one value: where more are found than were given, the
/// answer is [`Resolution::Ambiguous`]. Whoever knows that two accounts are one person says so by
/// giving both.
///
/// # Errors
///
/// [`SourceError`] of a source; [`SourceError::TooManyIdentifiers`].
pub async fn resolve(
    sources: &[&dyn PersonalDataSource],
    start: Selection,
    single: &[&str],
) -> Result<Resolution, SourceError> {
    let mut found = start.clone();
    loop {
        let before = found.len();
        for source in sources {
            for identifier in source.resolve(&found).await? {
                found = found
                    .and(identifier)
                    .map_err(|_| SourceError::TooManyIdentifiers { limit: MAX_IDENTIFIERS })?;
            }
        }
        if let Some((kind, values)) = ambiguous(&start, &found, single) {
            return Ok(Resolution::Ambiguous { kind: kind.to_owned(), values, found });
        }
        if found.len() == before {
            return Ok(Resolution::One(found));
        }
    }
}

fn ambiguous<'a>(
    start: &Selection,
    found: &Selection,
    single: &[&'a str],
) -> Option<(&'a str, usize)> {
    single.iter().find_map(|kind| {
        let values = found.values(kind).count();
        let new = found.identifiers().filter(|one| one.kind() == *kind && !start.contains(one));
        let given: Vec<&Identifier> =
            start.identifiers().filter(|one| one.kind() == *kind).collect();
        let allowed = usize::from(given.is_empty());
        (new.count() > allowed).then_some((*kind, values))
    })
}
