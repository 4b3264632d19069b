//! An event as a host has it before it knows of any journal.

use std::collections::BTreeMap;

use audit_core::{Actor, ActorKind, Change, Context, Event, Outcome, Target, Timestamp};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use test_support::Synthetic;
use uuid::Uuid;

/// A host's own struct of an event. Its members stand in the order of RFC 8785, so that
/// `serde_json::to_vec` makes the same bytes as the journal and the two can be compared.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Fact {
    /// What was done.
    pub action: String,
    /// Who did it.
    pub actor: Party,
    /// What became of which field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FieldChange>,
    /// The ids of request and session.
    pub context: Ids,
    /// The event's id.
    #[serde(serialize_with = "hyphenated", deserialize_with = "uuid")]
    pub id: Uuid,
    /// Anything else.
    pub meta: BTreeMap<String, Value>,
    /// When it was done.
    pub occurred_at: Timestamp,
    /// How it ended.
    pub outcome: String,
    /// To what it was done.
    pub targets: Vec<Party>,
}

/// Somebody or something.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Party {
    /// Its id.
    pub id: String,
    /// Of which kind it is.
    pub r#type: String,
}

/// A change of one field.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct FieldChange {
    /// Its name.
    pub field: String,
    /// What it is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<Value>,
    /// What it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<Value>,
}

/// Ids of the request and the session.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct Ids {
    /// The request's.
    pub request_id: String,
    /// The session's.
    pub session_id: String,
}

impl Fact {
    /// The facts behind the synthetic events of that seed.
    pub fn synthetic(seed: u64) -> impl Iterator<Item = Self> {
        Synthetic::new(seed).map(|event| {
            let event = event.expect("synthetic events keep every limit");
            let canonical = event.canonicalize(|_| None).expect("no private fields");
            serde_json::from_str(canonical.as_str()).expect("the members of this struct")
        })
    }

    /// The host's data said to the journal, member by member.
    #[must_use]
    pub fn event(&self) -> Event {
        let outcome = match self.outcome.as_str() {
            "denied" => Outcome::Denied,
            "failure" => Outcome::Failure,
            _ => Outcome::Success,
        };
        let kind = match self.actor.r#type.as_str() {
            "service" => ActorKind::Service,
            _ => ActorKind::User,
        };
        let mut event = Event::builder(&self.action, Actor::new(kind, &self.actor.id))
            .id(self.id)
            .occurred_at(self.occurred_at)
            .outcome(outcome)
            .context(
                Context::new()
                    .request_id(&self.context.request_id)
                    .session_id(&self.context.session_id),
            );
        for target in &self.targets {
            event = event.target(Target::new(&target.r#type, &target.id));
        }
        for change in &self.changes {
            let field = &change.field;
            event = event.change(match (&change.old, &change.new) {
                (Some(old), Some(new)) => Change::updated(field, old, new),
                (Some(old), None) => Change::removed(field, old),
                (None, Some(new)) => Change::added(field, new),
                (None, None) => Change::concealed(field),
            });
        }
        for (name, value) in &self.meta {
            event = event.meta(name, value);
        }
        event.build().expect("synthetic events keep every limit")
    }
}

fn hyphenated<S: Serializer>(id: &Uuid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()))
}

fn uuid<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Uuid, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
}
