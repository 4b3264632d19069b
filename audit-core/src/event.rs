//! What the host says: an event, checked against every limit of the format before it is kept.

pub mod action;
pub(crate) mod actor;
pub(crate) mod builder;
pub(crate) mod canonical;
pub(crate) mod change;
pub(crate) mod context;
pub(crate) mod place;
pub(crate) mod reserved;
pub(crate) mod target;
pub(crate) mod view;

use std::fmt;

use uuid::Uuid;

use crate::canonical::defect::{Defect, Located, Place};
use crate::disclosure::Digest;
use crate::{Actor, EventBuilder, Timestamp};

/// The longest event, in bytes of its canonical form.
pub const MAX_EVENT: usize = 65_000;

/// What the host says happened: checked, canonical, not yet in a journal.
///
/// Made by [`Event::builder`]. Everything but the digests of its private fields is in canonical
/// form already; [`canonicalize`](Self::canonicalize) adds those. `Debug` shows neither values nor
/// private fields.
///
/// ```
/// use audit_core::{Actor, Change, Event, Outcome, Target, action};
///
/// let event = Event::builder(action::USER_ROLE_CHANGED, Actor::user("usr_1"))
///     .target(Target::new("user", "usr_2"))
///     .change(Change::updated("role", "viewer", "admin"))
///     .outcome(Outcome::Success)
///     .private("usr_1", "/context/ip", "192.0.2.7")
///     .build()?;
/// assert_eq!(event.action(), "user.role_changed");
/// # Ok::<(), audit_core::EventError>(())
/// ```
#[derive(Clone)]
pub struct Event {
    action: String,
    id: Option<Uuid>,
    /// Canonical text up to the id, its opening quotation mark included.
    before_id: String,
    occurred_at: Option<Timestamp>,
    /// Canonical text of the member `meta`, the comma before it included.
    meta: String,
    /// Canonical text between `occurred_at` and `private`.
    after_occurred_at: String,
    /// Canonical text after `private`.
    after_private: String,
    private: Vec<PrivateField>,
}

/// A field that will stand in the entry as a digest only.
#[derive(Clone)]
struct PrivateField {
    /// The host's id of the data subject.
    subject: String,
    pointer: String,
    /// Canonical JSON.
    value: String,
}

impl Event {
    /// Starts an event: what was done, and who did it.
    ///
    /// Nothing is checked until [`EventBuilder::build`].
    pub fn builder(action: &str, actor: Actor) -> EventBuilder {
        EventBuilder::new(action, actor)
    }

    /// Starts an event of [`ACCESS_BREAK_GLASS`](action::ACCESS_BREAK_GLASS): someone takes access
    /// they do not hold, for an emergency, under a ticket, for a purpose, until a moment.
    ///
    /// The three stand in `meta` as `ticket`, `purpose` and `expires`, in the clear: name the
    /// matter in them, not a person.
    pub fn break_glass(
        actor: Actor,
        ticket: &str,
        purpose: &str,
        expires: Timestamp,
    ) -> EventBuilder {
        Self::builder(action::ACCESS_BREAK_GLASS, actor)
            .meta("expires", expires)
            .meta("purpose", purpose)
            .meta("ticket", ticket)
    }

    /// The action.
    #[must_use]
    pub fn action(&self) -> &str {
        &self.action
    }

    /// The id, where the host gave one.
    #[must_use]
    pub const fn id(&self) -> Option<Uuid> {
        self.id
    }

    /// When it happened, where the host said so.
    #[must_use]
    pub const fn occurred_at(&self) -> Option<Timestamp> {
        self.occurred_at
    }

    /// Says when it happened where the host did not: what is recorded later than it happened, such
    /// as an event that waits to be sealed, would lose that moment. Returns whether it was unsaid.
    pub const fn set_occurred_at(&mut self, occurred_at: Timestamp) -> bool {
        if self.occurred_at.is_some() {
            return false;
        }
        self.occurred_at = Some(occurred_at);
        true
    }

    /// The length of the canonical form, but for `private`.
    fn bytes_without_private(&self) -> usize {
        const ID: usize = "\"".len() + 36;
        const OCCURRED_AT: usize = ",\"occurred_at\":\"\"".len() + crate::clock::TEXT_LEN;
        let occurred_at = if self.occurred_at.is_some() { OCCURRED_AT } else { 0 };
        [&self.before_id, &self.meta, &self.after_occurred_at, &self.after_private]
            .iter()
            .fold(ID.saturating_add(occurred_at), |sum, part| sum.saturating_add(part.len()))
    }

    /// Whether the action is one that only the journal itself records (`journal.…`).
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        action::is_reserved(&self.action)
    }

    /// The host's ids of the data subjects of the private fields, each once.
    #[must_use]
    pub fn subjects(&self) -> Vec<&str> {
        let mut subjects: Vec<&str> =
            self.private.iter().map(|field| field.subject.as_str()).collect();
        subjects.sort_unstable();
        subjects.dedup();
        subjects
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("action", &self.action)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// Why an event was refused. Nothing was written; no value is repeated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventError {
    /// A member breaks the format.
    #[error("the event is refused: {} {defect}", Place(pointer))]
    Member {
        /// Where in the event, as an RFC 6901 pointer.
        pointer: String,
        /// What is wrong there.
        defect: Defect,
    },
    /// The operating system gave no random numbers for the salts.
    #[error("no random numbers for the salts of private fields")]
    Randomness(#[source] std::io::Error),
    /// A private field's data subject has no reference.
    #[error("the private field {pointer} is about a subject without a reference")]
    Subject {
        /// The field, as an RFC 6901 pointer.
        pointer: String,
    },
    /// The canonical event is too long.
    #[error("the event has {bytes} bytes, the limit is {limit}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A disclosure that the event does not commit to.
    #[error("the event holds no digest {digest} of that subject")]
    Unmatched {
        /// The disclosure's digest.
        digest: Digest,
    },
}

impl From<Located> for EventError {
    fn from(problem: Located) -> Self {
        Self::Member { pointer: problem.pointer(), defect: problem.defect }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outcome, Target};

    #[test]
    fn occurred_at_can_be_said_later_once() {
        let builder = || {
            Event::builder("user.login", Actor::user("u"))
                .id(Uuid::now_v7())
                .meta("a", 1)
                .outcome(Outcome::Success)
                .target(Target::new("t", "1"))
                .on_behalf_of(Actor::user("v"))
        };
        let at = Timestamp::UNIX_EPOCH;
        let mut unsaid = builder().build().unwrap();
        let id = unsaid.id().unwrap();
        let said = builder().id(id).occurred_at(at).build().unwrap();
        assert!(unsaid.set_occurred_at(at));
        assert!(!unsaid.set_occurred_at(Timestamp::MAX));
        let text = |event: &Event| event.canonicalize(|_| None).unwrap().as_str().to_owned();
        assert_eq!(text(&unsaid), text(&said));
    }
}
