//! One event of the journal's own format a line.

use audit_core::{
    Actor, ActorKind, Change, Context, Event, EventBuilder, Outcome, Target, Timestamp,
};
use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::refusal::Refusal;

/// The members of an event. `id` is required: it is what makes a second import add nothing.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    action: String,
    actor: Who,
    #[serde(default)]
    changes: Vec<Map<String, Value>>,
    #[serde(default)]
    context: Ids,
    id: String,
    #[serde(default)]
    meta: Map<String, Value>,
    occurred_at: Option<Timestamp>,
    on_behalf_of: Option<Who>,
    outcome: Option<String>,
    #[serde(default)]
    targets: Vec<What>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Who {
    id: String,
    r#type: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct What {
    id: String,
    r#type: String,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ids {
    request_id: Option<String>,
    session_id: Option<String>,
    trace_id: Option<String>,
}

/// The event of one line.
pub(crate) fn event(line: Value) -> Result<Event, Refusal> {
    if line.get("private").is_some() {
        return Err(Refusal::new(
            "/private holds digests, and what they stand for is not in the line",
        ));
    }
    let line: Line = serde_json::from_value(line)?;
    // Only the form that the entry will have: whatever else means the same id is not the same bytes.
    let id = Uuid::parse_str(&line.id)
        .ok()
        .filter(|id| id.hyphenated().to_string() == line.id)
        .ok_or_else(|| Refusal::new("/id is not a UUID in lowercase with hyphens"))?;
    let mut builder: EventBuilder = Event::builder(&line.action, line.actor.actor("actor")?)
        .id(id)
        .context(line.context.context());
    if let Some(at) = line.occurred_at {
        builder = builder.occurred_at(at);
    }
    if let Some(who) = line.on_behalf_of {
        builder = builder.on_behalf_of(who.actor("on_behalf_of")?);
    }
    if let Some(outcome) = &line.outcome {
        builder = builder.outcome(match outcome.as_str() {
            "success" => Outcome::Success,
            "failure" => Outcome::Failure,
            "denied" => Outcome::Denied,
            _ => return Err(Refusal::new("/outcome is not success, failure or denied")),
        });
    }
    for target in line.targets {
        builder = builder.target(Target::new(target.r#type, target.id));
    }
    for change in line.changes {
        builder = builder.change(one_change(change)?);
    }
    for (name, value) in &line.meta {
        builder = builder.meta(name, value);
    }
    Ok(builder.build()?)
}

impl Who {
    fn actor(self, place: &str) -> Result<Actor, Refusal> {
        let kind = match self.r#type.as_str() {
            "user" => ActorKind::User,
            "service" => ActorKind::Service,
            "system" => ActorKind::System,
            "anonymous" => ActorKind::Anonymous,
            _ => {
                return Err(Refusal::new(format!(
                    "/{place}/type is not user, service, system or anonymous"
                )));
            }
        };
        Ok(Actor::new(kind, self.id))
    }
}

impl Ids {
    fn context(self) -> Context {
        let mut context = Context::new();
        if let Some(id) = self.request_id {
            context = context.request_id(id);
        }
        if let Some(id) = self.session_id {
            context = context.session_id(id);
        }
        if let Some(id) = self.trace_id {
            context = context.trace_id(id);
        }
        context
    }
}

/// Here `null` is a value and only absence is none.
fn one_change(mut change: Map<String, Value>) -> Result<Change, Refusal> {
    let field = change.remove("field");
    let (old, new) = (change.remove("old"), change.remove("new"));
    let Some(Value::String(field)) = field else {
        return Err(Refusal::new("a change of /changes has no field"));
    };
    if !change.is_empty() {
        return Err(Refusal::new(
            "a change of /changes has a member that is not field, old or new",
        ));
    }
    Ok(match (old, new) {
        (None, None) => Change::concealed(field),
        (None, Some(new)) => Change::added(field, new),
        (Some(old), None) => Change::removed(field, old),
        (Some(old), Some(new)) => Change::updated(field, old, new),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "018940a7-d590-7abc-8def-0123456789ab";

    #[test]
    fn every_member_comes_through() {
        let line = json!({
            "action": "user.role_changed",
            "actor": { "id": "u1", "type": "user" },
            "changes": [
                { "field": "role", "new": "admin", "old": null },
                { "field": "a", "new": 1 },
                { "field": "b", "old": 1 },
            ],
            "context": { "request_id": "r", "session_id": "s", "trace_id": "t" },
            "id": ID,
            "meta": { "a": { "b": [1, 2.5, null] } },
            "occurred_at": "2026-11-20T23:23:00.123456Z",
            "on_behalf_of": { "id": "u2", "type": "service" },
            "outcome": "denied",
            "targets": [{ "id": "t", "type": "x" }],
        });
        let canonical = event(line.clone()).unwrap().canonicalize(|_| None).unwrap();
        assert_eq!(serde_json::from_str::<Value>(canonical.as_str()).unwrap(), line);
    }

    #[test]
    fn what_cannot_be_taken_says_why() {
        let line = |change: Value| {
            let mut line =
                json!({ "action": "a.b", "actor": { "id": "u", "type": "user" }, "id": ID });
            for (name, value) in change.as_object().unwrap() {
                line[name] = value.clone();
            }
            event(line).map(|_| ()).unwrap_err().to_string()
        };
        for (change, reason) in [
            (json!({ "x": 1 }), "unknown field `x`"),
            (json!({ "private": {} }), "/private holds digests"),
            (json!({ "action": "journal.pruned" }), "reserved"),
            (json!({ "action": "Login" }), "/action"),
            (json!({ "id": "018940a7-d590-4abc-8def-0123456789ab" }), "/id"),
            (json!({ "actor": { "id": "u", "type": "robot" } }), "/actor/type"),
            (json!({ "outcome": "maybe" }), "/outcome"),
            (json!({ "occurred_at": "2026" }), "timestamp"),
            (json!({ "changes": [{ "new": 1 }] }), "/changes"),
            (json!({ "meta": { "n": 9_007_199_254_740_993_u64 } }), "/meta/n"),
        ] {
            let given = line(change);
            assert!(given.contains(reason), "{given} / {reason}");
        }
    }
}
