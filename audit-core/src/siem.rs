//! Entries in the forms that security tools read: OCSF, CloudEvents, Elastic Common Schema.
//!
//! Pure functions from an entry to JSON. What comes out is a copy for searching and alerting; it
//! carries no proof. The entry stays the record, and each form names it by chain and seq, so that
//! an alert leads back to something that can be proved.
//!
//! Private fields do not come along: an entry holds their digests only. `changes` and `meta` do,
//! as they stand in the clear.

mod cloud_events;
mod ecs;
mod ocsf;

pub use cloud_events::cloud_event;
pub use ecs::ecs;
pub use ocsf::ocsf;

use serde_json::{Map, Value, json};

use crate::{ActorView, Entry, EventView, JournalName, Timestamp};

/// Who writes the journal, as security tools want to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Producer {
    journal: JournalName,
    vendor: String,
    product: String,
    version: Option<String>,
}

impl Producer {
    /// The product of a vendor that writes this journal.
    #[must_use]
    pub fn new(
        journal: JournalName,
        vendor: impl Into<String>,
        product: impl Into<String>,
    ) -> Self {
        Self { journal, vendor: vendor.into(), product: product.into(), version: None }
    }

    /// The product's version.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }
}

/// What kind of deed an action names, as far as its last part tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Deed {
    Create,
    Read,
    Update,
    Delete,
    Other,
}

impl Deed {
    fn of(action: &str) -> Self {
        let last = action.rsplit('.').next().unwrap_or_default();
        // `role_changed` is a change as `changed` is.
        match last.rsplit('_').next().unwrap_or_default() {
            "created" | "added" | "invited" | "imported" | "opened" | "placed" => Self::Create,
            "read" | "viewed" | "downloaded" | "exported" | "searched" | "listed" => Self::Read,
            "updated" | "changed" | "renamed" | "moved" | "restored" | "enabled" | "disabled" => {
                Self::Update
            }
            "deleted" | "removed" | "erased" | "pruned" | "purged" | "retired" | "revoked" => {
                Self::Delete
            }
            // The one well-known action whose last part says nothing.
            "requested" if action.starts_with("export.") => Self::Read,
            _ => Self::Other,
        }
    }
}

/// When it happened: what the host says, otherwise when it was sealed.
fn happened(entry: &Entry<'_>) -> Timestamp {
    entry.event().occurred_at().unwrap_or_else(|| entry.at())
}

/// The id of the first target that is a user.
fn target_user<'a>(event: &'a EventView<'_>) -> Option<&'a str> {
    event.targets().iter().find(|target| target.kind == "user").map(|target| &*target.id)
}

fn targets(event: &EventView<'_>) -> Value {
    event.targets().iter().map(|target| json!({"id": target.id, "type": target.kind})).collect()
}

fn actor(actor: &ActorView<'_>) -> Value {
    json!({"id": actor.id, "type": actor.kind.as_str()})
}

fn changes(event: &EventView<'_>) -> Value {
    event
        .changes()
        .iter()
        .map(|change| {
            let mut out = Map::new();
            put(&mut out, "field", Some(&*change.field));
            put(&mut out, "old", change.old.map(parse));
            put(&mut out, "new", change.new.map(parse));
            Value::Object(out)
        })
        .collect()
}

fn meta(event: &EventView<'_>) -> Option<Value> {
    event.meta().map(parse)
}

/// JSON that was read as JSON before, so the fall-back cannot be reached.
fn parse(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or_default()
}

/// Adds a member that is present.
fn put(out: &mut Map<String, Value>, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        out.insert(name.to_owned(), value.into());
    }
}

/// Adds an array that is not empty.
fn put_array(out: &mut Map<String, Value>, name: &str, value: Value) {
    if value.as_array().is_some_and(|items| !items.is_empty()) {
        out.insert(name.to_owned(), value);
    }
}
