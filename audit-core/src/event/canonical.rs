//! An event's final bytes.

use std::fmt;

use uuid::Uuid;

use super::view::EventView;
use super::{Event, EventError, MAX_EVENT};
use crate::disclosure::SALT_LEN;
use crate::{Disclosure, SubjectRef};

/// An event in its final, canonical bytes, with the disclosures of its private fields: ready to be
/// sealed into an entry.
///
/// `Debug` shows neither values nor disclosures.
#[derive(Clone, PartialEq, Eq)]
pub struct CanonicalEvent {
    id: Uuid,
    text: String,
    /// Sorted by subject, then by digest.
    disclosures: Vec<Disclosure>,
}

impl Event {
    /// Makes the event's final bytes. An id is minted (UUID version 7) where the host gave none.
    ///
    /// `refs` gives the reference of each data subject, asked once per private field with the
    /// host's own id. Each private field gets a fresh random salt, so canonicalising twice gives
    /// different bytes: keep the result where an append may be repeated.
    ///
    /// # Errors
    ///
    /// [`EventError::Subject`] where `refs` has no reference, [`EventError::TooLong`] above
    /// [`MAX_EVENT`] bytes, [`EventError::Randomness`] where the system gives no random numbers.
    pub fn canonicalize(
        &self,
        mut refs: impl FnMut(&str) -> Option<SubjectRef>,
    ) -> Result<CanonicalEvent, EventError> {
        let id = self.id.unwrap_or_else(Uuid::now_v7);
        let disclosures = self.disclose(&mut refs)?;
        // A digest and its subject take at most 96 bytes.
        let private = disclosures.len().saturating_mul(96);
        let mut text = String::with_capacity(self.bytes_without_private().saturating_add(private));
        text.push_str(&self.before_id);
        text.push_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        text.push('"');
        text.push_str(&self.meta);
        if let Some(occurred_at) = self.occurred_at {
            text.push_str(",\"occurred_at\":\"");
            occurred_at.push_to(&mut text);
            text.push('"');
        }
        text.push_str(&self.after_occurred_at);
        push_digests(&mut text, &disclosures);
        text.push_str(&self.after_private);
        if text.len() > MAX_EVENT {
            return Err(EventError::TooLong { bytes: text.len(), limit: MAX_EVENT });
        }
        Ok(CanonicalEvent { id, text, disclosures })
    }

    fn disclose(
        &self,
        refs: &mut impl FnMut(&str) -> Option<SubjectRef>,
    ) -> Result<Vec<Disclosure>, EventError> {
        if self.private.is_empty() {
            return Ok(Vec::new());
        }
        // One request for all salts of the event.
        let mut salts = vec![[0_u8; SALT_LEN]; self.private.len()];
        getrandom::fill(salts.as_flattened_mut())
            .map_err(|error| EventError::Randomness(error.into()))?;
        let mut disclosures = Vec::with_capacity(self.private.len());
        for (field, salt) in self.private.iter().zip(&salts) {
            let pointer = || field.pointer.clone();
            let subject =
                refs(&field.subject).ok_or_else(|| EventError::Subject { pointer: pointer() })?;
            let disclosure = Disclosure::seal(subject, salt, &field.pointer, &field.value)
                .map_err(|defect| EventError::Member { pointer: pointer(), defect })?;
            disclosures.push(disclosure);
        }
        disclosures.sort_unstable_by_key(|disclosure| (disclosure.subject(), disclosure.digest()));
        Ok(disclosures)
    }
}

/// `,"private":{"<subject ref>":["<digest>",…],…}`.
fn push_digests(out: &mut String, disclosures: &[Disclosure]) {
    use fmt::Write as _;

    let mut subjects = disclosures.chunk_by(|a, b| a.subject() == b.subject()).peekable();
    if subjects.peek().is_none() {
        return;
    }
    let mut separator = ",\"private\":{\"";
    for fields in subjects {
        for field in fields.iter().take(1) {
            out.push_str(separator);
            // Writing into a string cannot fail.
            let _ = write!(out, "{}", field.subject());
        }
        let mut before = "\":[\"";
        for field in fields {
            out.push_str(before);
            out.push_str(field.digest().as_str());
            before = "\",\"";
        }
        out.push_str("\"]");
        separator = ",\"";
    }
    out.push('}');
}

impl CanonicalEvent {
    /// Reads an event that was stored before it was sealed, and checks everything anew: the form,
    /// the limits, and that the event commits to each of the disclosures.
    ///
    /// # Errors
    ///
    /// [`EventError::Member`] or [`EventError::TooLong`] where the text is not an event in
    /// canonical form, [`EventError::Unmatched`] where it does not commit to a disclosure.
    pub fn parse(text: &str, mut disclosures: Vec<Disclosure>) -> Result<Self, EventError> {
        let view = EventView::parse(text)?;
        let id = view.id();
        for disclosure in &disclosures {
            if !view.commits_to(disclosure.subject(), disclosure.digest()) {
                return Err(EventError::Unmatched { digest: disclosure.digest() });
            }
        }
        disclosures.sort_unstable_by_key(|disclosure| (disclosure.subject(), disclosure.digest()));
        disclosures.dedup();
        Ok(Self { id, text: text.to_owned(), disclosures })
    }

    /// The event's id.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// The action.
    #[must_use]
    pub fn action(&self) -> &str {
        // It is the first member, and nothing in it needs an escape.
        self.text
            .strip_prefix("{\"action\":\"")
            .and_then(|rest| rest.split_once('"'))
            .map_or("", |(action, _)| action)
    }

    /// Whether the action is one that only the journal itself records (`journal.…`).
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        super::action::is_reserved(self.action())
    }

    /// The canonical JSON of the event.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The disclosures of the private fields, sorted by subject, then by digest.
    #[must_use]
    pub fn disclosures(&self) -> &[Disclosure] {
        &self.disclosures
    }

    /// The canonical JSON and the disclosures, taken out.
    #[must_use]
    pub fn into_parts(self) -> (String, Vec<Disclosure>) {
        (self.text, self.disclosures)
    }
}

impl fmt::Debug for CanonicalEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CanonicalEvent")
            .field("action", &self.action())
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
