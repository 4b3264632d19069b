//! Open Cybersecurity Schema Framework.

use serde_json::{Map, Value, json};

use super::{Deed, Producer, actor, changes, happened, meta, put, put_array, target_user, targets};
use crate::{ActorKind, ActorView, Entry, EventView, Outcome, action};

/// The version of the schema that is written.
const OCSF_VERSION: &str = "1.1.0";

/// A class of the schema, its category, and the activity within it.
struct Class {
    uid: u64,
    name: &'static str,
    category: u64,
    category_name: &'static str,
    activity: u64,
    /// `None` for 99, whose name is the source's own word.
    activity_name: Option<&'static str>,
}

const OTHER: u64 = 99;

/// The entry as an OCSF event (version 1.1.0).
///
/// | action | class |
/// |---|---|
/// | `user.login`, `user.logout` | Authentication (3002) |
/// | other `user.*` | Account Change (3001) |
/// | everything else | API Activity (6003) |
///
/// The activity follows the action's last part (`created`, `updated`, `deleted` …), otherwise it
/// is 99 (Other) under the action's own name. `time` is milliseconds since 1970. What the schema
/// has no attribute for (`changes`, `meta`, `on_behalf_of`) stands under `unmapped`. The source's
/// address is a private field of the journal, so `src_endpoint`, which API Activity requires, is
/// named `undisclosed`.
#[must_use]
pub fn ocsf(entry: &Entry<'_>, producer: &Producer) -> Value {
    let event = entry.event();
    let class = classify(event.action());
    let (severity, severity_name) = severity(event);
    let time = happened(entry).as_micros().div_euclid(1_000);

    let mut out = Map::new();
    put(&mut out, "category_uid", Some(class.category));
    put(&mut out, "category_name", Some(class.category_name));
    put(&mut out, "class_uid", Some(class.uid));
    put(&mut out, "class_name", Some(class.name));
    put(&mut out, "activity_id", Some(class.activity));
    put(&mut out, "activity_name", Some(class.activity_name.unwrap_or(event.action())));
    let type_uid = class.uid.saturating_mul(100).saturating_add(class.activity);
    put(&mut out, "type_uid", Some(type_uid));
    put(&mut out, "time", Some(time));
    put(&mut out, "severity_id", Some(severity));
    put(&mut out, "severity", Some(severity_name));
    let (status, status_name) = match event.outcome() {
        Some(Outcome::Success) => (1, "Success"),
        Some(Outcome::Denied | Outcome::Failure) => (2, "Failure"),
        None => (0, "Unknown"),
    };
    put(&mut out, "status_id", Some(status));
    put(&mut out, "status", Some(status_name));
    put(&mut out, "status_detail", event.outcome().map(Outcome::as_str));
    put(&mut out, "message", Some(event.action()));
    put(&mut out, "metadata", Some(metadata(entry, producer)));
    put(&mut out, "actor", Some(json!({"user": user(event.actor())})));
    match class.uid {
        3001 | 3002 => {
            // Of whom the account is: the target, or whoever signs in.
            let account = match target_user(event) {
                Some(id) => json!({"uid": id, "type_id": 1, "type": "User"}),
                None => user(event.actor()),
            };
            put(&mut out, "user", Some(account));
            if class.uid == 3002 {
                put(&mut out, "service", Some(json!({"name": producer.product})));
            }
        }
        _ => {
            let mut api = Map::new();
            put(&mut api, "operation", Some(event.action()));
            let request = event.context().request_id.as_deref();
            put(&mut api, "request", request.map(|uid| json!({"uid": uid})));
            put(&mut out, "api", Some(api));
            put(&mut out, "src_endpoint", Some(json!({"name": "undisclosed"})));
            let resources: Value = event
                .targets()
                .iter()
                .map(|target| json!({"uid": target.id, "type": target.kind}))
                .collect();
            put_array(&mut out, "resources", resources);
        }
    }
    put(&mut out, "unmapped", Some(unmapped(event)));
    Value::Object(out)
}

fn classify(action: &str) -> Class {
    let deed = Deed::of(action);
    let (activity, activity_name) = match (action, deed) {
        (action::USER_LOGIN, _) => (1, Some("Logon")),
        (action::USER_LOGOUT, _) => (2, Some("Logoff")),
        _ if action.starts_with("user.") => match action.rsplit(['.', '_']).next() {
            Some("created" | "invited") => (1, Some("Create")),
            Some("enabled") => (2, Some("Enable")),
            Some("disabled") => (5, Some("Disable")),
            Some("deleted") => (6, Some("Delete")),
            Some("locked") => (9, Some("Lock")),
            _ => match action {
                "user.password_changed" => (3, Some("Password Change")),
                "user.password_reset" => (4, Some("Password Reset")),
                _ => (OTHER, None),
            },
        },
        (_, Deed::Create) => (1, Some("Create")),
        (_, Deed::Read) => (2, Some("Read")),
        (_, Deed::Update) => (3, Some("Update")),
        (_, Deed::Delete) => (4, Some("Delete")),
        (_, Deed::Other) => (OTHER, None),
    };
    let (uid, name, category, category_name) = match action {
        action::USER_LOGIN | action::USER_LOGOUT => {
            (3002, "Authentication", 3, "Identity & Access Management")
        }
        _ if action.starts_with("user.") => {
            (3001, "Account Change", 3, "Identity & Access Management")
        }
        _ => (6003, "API Activity", 6, "Application Activity"),
    };
    Class { uid, name, category, category_name, activity, activity_name }
}

/// Emergency access is always worth a look; what was denied more than what failed.
fn severity(event: &EventView<'_>) -> (u64, &'static str) {
    match (event.action(), event.outcome()) {
        (action::ACCESS_BREAK_GLASS, _) => (4, "High"),
        (_, Some(Outcome::Denied)) => (3, "Medium"),
        (_, Some(Outcome::Failure)) => (2, "Low"),
        _ => (1, "Informational"),
    }
}

fn metadata(entry: &Entry<'_>, producer: &Producer) -> Map<String, Value> {
    let event = entry.event();
    let mut product = Map::new();
    put(&mut product, "name", Some(producer.product.as_str()));
    put(&mut product, "vendor_name", Some(producer.vendor.as_str()));
    put(&mut product, "version", producer.version.as_deref());
    let mut out = Map::new();
    put(&mut out, "version", Some(OCSF_VERSION));
    put(&mut out, "product", Some(product));
    put(&mut out, "uid", Some(event.id().to_string()));
    put(&mut out, "sequence", Some(entry.seq()));
    put(&mut out, "log_name", Some(entry.chain()));
    put(&mut out, "log_provider", Some(producer.journal.as_str()));
    put(&mut out, "logged_time", Some(entry.at().as_micros().div_euclid(1_000)));
    put(&mut out, "original_time", Some(happened(entry).to_string()));
    put(&mut out, "correlation_uid", event.context().trace_id.as_deref());
    out
}

fn user(actor: &ActorView<'_>) -> Value {
    // A service's own number came with a later version of the schema.
    let (type_id, name) = match actor.kind {
        ActorKind::Anonymous => (0, "Unknown"),
        ActorKind::Service => (OTHER, "Service"),
        ActorKind::System => (3, "System"),
        ActorKind::User => (1, "User"),
    };
    json!({"uid": actor.id, "type_id": type_id, "type": name})
}

fn unmapped(event: &EventView<'_>) -> Map<String, Value> {
    let mut out = Map::new();
    put_array(&mut out, "targets", targets(event));
    put_array(&mut out, "changes", changes(event));
    put(&mut out, "meta", meta(event));
    put(&mut out, "on_behalf_of", event.on_behalf_of().map(actor));
    put(&mut out, "session_id", event.context().session_id.as_deref());
    out
}
