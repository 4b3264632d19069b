//! CloudEvents 1.0, JSON format.

use serde_json::{Map, Value, json};

use super::{Producer, happened, put};
use crate::{ActorKind, Entry};

/// The entry as a CloudEvent (version 1.0, JSON event format) whose data is the event as it stands
/// in the journal.
///
/// `source` is the chain as a URI reference, `//<journal name>/<tenant>/<series>`; `id` the
/// event's; `type` the action; `subject` the first target as `type/id`. Of the documented
/// extensions it carries `sequence` (the seq, in sixteen digits, so that text order is its order)
/// and `authtype` and `authid` (the actor).
#[must_use]
pub fn cloud_event(entry: &Entry<'_>, producer: &Producer) -> Value {
    let event = entry.event();
    let mut out = Map::new();
    put(&mut out, "specversion", Some("1.0"));
    put(&mut out, "id", Some(event.id().to_string()));
    put(&mut out, "source", Some(format!("//{}/{}", producer.journal, entry.chain())));
    put(&mut out, "type", Some(event.action()));
    let subject = event.targets().first().map(|target| format!("{}/{}", target.kind, target.id));
    // An attribute that is present must not be empty.
    put(&mut out, "subject", subject);
    put(&mut out, "time", Some(happened(entry).to_string()));
    put(&mut out, "datacontenttype", Some("application/json"));
    put(&mut out, "sequence", Some(format!("{:016}", entry.seq())));
    let authtype = match event.actor().kind {
        ActorKind::Anonymous => "unauthenticated",
        ActorKind::Service => "service_account",
        ActorKind::System => "system",
        ActorKind::User => "app_user",
    };
    put(&mut out, "authtype", Some(authtype));
    if !event.actor().id.is_empty() {
        put(&mut out, "authid", Some(&*event.actor().id));
    }
    put(&mut out, "data", Some(data(entry)));
    Value::Object(out)
}

/// The event's members as they stand in the journal.
fn data(entry: &Entry<'_>) -> Value {
    // The entry was read as JSON before, so the fall-back cannot be reached.
    serde_json::from_str::<Map<String, Value>>(entry.as_str())
        .ok()
        .and_then(|mut entry| entry.remove("event"))
        .unwrap_or_else(|| json!({}))
}
