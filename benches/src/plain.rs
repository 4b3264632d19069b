//! The audit table that a host would have otherwise: the usual columns, the event as JSON.

use audit_core::{Event, EventView, SubjectRef};
use uuid::Uuid;

pub(crate) mod postgres;
pub(crate) mod sqlite;

/// An event as a row of an ordinary audit table. Everything is ready to be bound: what making the
/// JSON costs is not held against the plain INSERT.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PlainRow {
    /// The event's id.
    pub id: Uuid,
    /// Microseconds since 1970.
    pub at: i64,
    /// Type and id of the actor.
    pub actor: String,
    /// The action.
    pub action: String,
    /// Type and id of the target.
    pub target: String,
    /// How it ended.
    pub outcome: String,
    /// The event as JSON.
    pub payload: String,
}

impl PlainRow {
    /// The row of a synthetic event.
    #[must_use]
    pub fn of(event: &Event) -> Self {
        let subject = SubjectRef::from_bytes([7; 16]);
        let canonical = event.canonicalize(|_| Some(subject)).expect("within the limits");
        let view = EventView::parse(canonical.as_str()).expect("canonical");
        let target = view.targets().first().expect("every synthetic event has one");
        Self {
            id: canonical.id(),
            at: view.occurred_at().expect("every synthetic event says when").as_micros(),
            actor: format!("{}:{}", view.actor().kind, view.actor().id),
            action: view.action().to_owned(),
            target: format!("{}:{}", target.kind, target.id),
            outcome: view.outcome().map(|outcome| outcome.as_str().to_owned()).unwrap_or_default(),
            payload: canonical.as_str().to_owned(),
        }
    }
}

/// Which ordinary table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlainTable {
    /// A primary key and nothing else.
    Bare,
    /// And a B-tree on actor, on target and on action.
    Indexed,
}

/// A question to the ordinary table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Question {
    /// Actor and action.
    ActorAndAction(String, String),
    /// A range of time, in microseconds, its end not included.
    Time(i64, i64),
    /// A target.
    Target(String),
}
