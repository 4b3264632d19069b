//! What an event can be found by.
//!
//! A store's query index holds, for each term, the seqs of the entries that carry it. The index is
//! derived from the entries' own bytes, here and nowhere else, so that a verifier can derive it
//! again and compare: an index that hides or invents an entry is found out.
//!
//! The terms of an event:
//!
//! | kind | parts | from |
//! |---|---|---|
//! | 1 | action | `action` |
//! | 2 | type, id | `actor`, and `on_behalf_of` likewise |
//! | 3 | type, id | each of `targets` |
//! | 4 | outcome | `outcome` |
//! | 5 | subject ref | each member of `private` |
//!
//! The bytes of a term are its kind, then for each part its length (two bytes, big-endian) and its
//! UTF-8. Of two terms of one kind neither is a prefix of the other, and two different terms never
//! have the same bytes.

use crate::{ActorKind, EventView, Outcome, SubjectRef};

/// One thing that an event can be found by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Term<'a> {
    /// What was done.
    Action(&'a str),
    /// Who did it, or on whose behalf.
    Actor {
        /// The actor's kind.
        kind: ActorKind,
        /// The actor's id.
        id: &'a str,
    },
    /// How it ended.
    Outcome(Outcome),
    /// Whom a private field is about.
    Subject(SubjectRef),
    /// What it was done to.
    Target {
        /// The target's type.
        kind: &'a str,
        /// The target's id.
        id: &'a str,
    },
}

impl<'a> Term<'a> {
    /// All terms of an event, in the order of the event's members. An event whose actor and
    /// `on_behalf_of` are the same has that term twice, and so has one that names a target twice.
    pub fn of(event: &'a EventView<'_>) -> impl Iterator<Item = Self> + 'a {
        let actors = [Some(event.actor()), event.on_behalf_of()];
        std::iter::once(Self::Action(event.action()))
            .chain(
                actors
                    .into_iter()
                    .flatten()
                    .map(|actor| Self::Actor { kind: actor.kind, id: &actor.id }),
            )
            .chain(event.outcome().map(Self::Outcome))
            .chain(event.private().iter().map(|(subject, _)| Self::Subject(*subject)))
            .chain(
                event
                    .targets()
                    .iter()
                    .map(|target| Self::Target { kind: &target.kind, id: &target.id }),
            )
    }

    /// The kind's number.
    #[must_use]
    pub const fn kind(self) -> u8 {
        match self {
            Self::Action(_) => 1,
            Self::Actor { .. } => 2,
            Self::Target { .. } => 3,
            Self::Outcome(_) => 4,
            Self::Subject(_) => 5,
        }
    }

    /// Appends the term's bytes.
    pub fn encode(self, out: &mut Vec<u8>) {
        out.push(self.kind());
        match self {
            Self::Action(action) => push_part(out, action),
            Self::Actor { kind, id } => {
                push_part(out, kind.as_str());
                push_part(out, id);
            }
            Self::Outcome(outcome) => push_part(out, outcome.as_str()),
            Self::Subject(subject) => push_part(out, &subject.to_string()),
            Self::Target { kind, id } => {
                push_part(out, kind);
                push_part(out, id);
            }
        }
    }

    /// The term's bytes.
    #[must_use]
    pub fn to_bytes(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(48);
        self.encode(&mut out);
        out
    }
}

fn push_part(out: &mut Vec<u8>, part: &str) {
    // No part of an event is longer than 256 bytes; of a longer one that a query asks for, the
    // length saturates, so it finds nothing an event can carry.
    let len = u16::try_from(part.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&len.to_be_bytes());
    out.extend_from_slice(part.as_bytes());
}
