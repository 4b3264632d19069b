//! Elastic Common Schema.

use serde_json::{Map, Value, json};

use super::{Deed, Producer, actor, changes, happened, meta, put, put_array, target_user, targets};
use crate::{ActorKind, Entry, Outcome};

/// The version of the schema that is written.
const ECS_VERSION: &str = "8.11.0";

/// The entry as a document of the Elastic Common Schema.
///
/// `event.category` is `authentication` for signing in and out, `iam` for other `user.*` actions,
/// `configuration` for `settings.*`; otherwise it is left out, since the schema has no category
/// for records of an application. What the schema has no field for (chain, seq, targets, changes,
/// `meta`) stands under `audit`, a custom field set.
#[must_use]
pub fn ecs(entry: &Entry<'_>, producer: &Producer) -> Value {
    let event = entry.event();
    let action = event.action();
    let (category, mut types) = categorise(action);
    if event.outcome() == Some(Outcome::Denied) {
        types.push("denied");
    }
    let mut described = Map::new();
    put(&mut described, "kind", Some("event"));
    put(&mut described, "category", category.map(|category| vec![category]));
    put(&mut described, "type", Some(types));
    put(&mut described, "action", Some(action));
    put(
        &mut described,
        "outcome",
        Some(match event.outcome() {
            Some(Outcome::Success) => "success",
            Some(Outcome::Denied | Outcome::Failure) => "failure",
            None => "unknown",
        }),
    );
    put(&mut described, "id", Some(event.id().to_string()));
    put(&mut described, "sequence", Some(entry.seq()));
    put(&mut described, "created", Some(entry.at().to_string()));
    put(&mut described, "provider", Some(producer.product.as_str()));
    put(&mut described, "dataset", Some("audit.entry"));

    let mut out = Map::new();
    put(&mut out, "@timestamp", Some(happened(entry).to_string()));
    put(&mut out, "ecs", Some(json!({"version": ECS_VERSION})));
    put(&mut out, "event", Some(described));
    put(&mut out, "message", Some(action));
    put(&mut out, "observer", Some(observer(producer)));
    if let Some((tenant, _)) = entry.chain().split_once('/') {
        put(&mut out, "organization", Some(json!({"id": tenant})));
    }
    if let Some(trace) = &event.context().trace_id {
        put(&mut out, "trace", Some(json!({"id": trace})));
    }
    if let Some(request) = &event.context().request_id {
        put(&mut out, "http", Some(json!({"request": {"id": request}})));
    }
    users(entry, &mut out);
    put(&mut out, "audit", Some(custom(entry)));
    Value::Object(out)
}

/// The category, where the schema has one, and the types that it expects there.
fn categorise(action: &str) -> (Option<&'static str>, Vec<&'static str>) {
    let deed = match Deed::of(action) {
        Deed::Create => "creation",
        Deed::Read => "access",
        Deed::Update => "change",
        Deed::Delete => "deletion",
        Deed::Other => "info",
    };
    match action {
        "user.login" => (Some("authentication"), vec!["start"]),
        "user.logout" => (Some("authentication"), vec!["end"]),
        _ if action.starts_with("user.") => (Some("iam"), vec!["user", deed]),
        _ if action.starts_with("settings.") => (Some("configuration"), vec![deed]),
        _ => (None, vec![deed]),
    }
}

fn observer(producer: &Producer) -> Map<String, Value> {
    let mut observer = Map::new();
    put(&mut observer, "vendor", Some(producer.vendor.as_str()));
    put(&mut observer, "product", Some(producer.product.as_str()));
    put(&mut observer, "version", producer.version.as_deref());
    put(&mut observer, "name", Some(producer.journal.as_str()));
    observer
}

/// `user` with `effective` (on whose behalf) and `target`, and `related.user` with all of them.
fn users(entry: &Entry<'_>, out: &mut Map<String, Value>) {
    let event = entry.event();
    let mut related: Vec<&str> = Vec::new();
    let mut user = Map::new();
    if event.actor().kind != ActorKind::Anonymous {
        put(&mut user, "id", Some(&*event.actor().id));
        related.push(&event.actor().id);
    }
    if let Some(other) = event.on_behalf_of() {
        put(&mut user, "effective", Some(json!({"id": other.id})));
        related.push(&other.id);
    }
    if let Some(target) = target_user(event) {
        put(&mut user, "target", Some(json!({"id": target})));
        related.push(target);
    }
    if !user.is_empty() {
        put(out, "user", Some(user));
    }
    related.sort_unstable();
    related.dedup();
    if !related.is_empty() {
        put(out, "related", Some(json!({"user": related})));
    }
}

fn custom(entry: &Entry<'_>) -> Map<String, Value> {
    let event = entry.event();
    let mut audit = Map::new();
    put(&mut audit, "chain", Some(entry.chain()));
    put(&mut audit, "seq", Some(entry.seq()));
    put(&mut audit, "actor", Some(actor(event.actor())));
    put(&mut audit, "on_behalf_of", event.on_behalf_of().map(actor));
    put(&mut audit, "session_id", event.context().session_id.as_deref());
    put_array(&mut audit, "targets", targets(event));
    put_array(&mut audit, "changes", changes(event));
    put(&mut audit, "meta", meta(event));
    audit
}
