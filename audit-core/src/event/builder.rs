//! Building an event: collects first, checks everything at the end.

use std::fmt;

use serde::Serialize;
use serde_json::map::Entry;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::place::{Places, overlap};
use super::reserved::Reserved;
use super::{EventError, MAX_EVENT, PrivateField, action};
use crate::canonical::defect::{Defect, Located};
use crate::canonical::strict::to_value;
use crate::canonical::{name_length, push_object, push_string, push_value};
use crate::{Actor, Change, Context, Event, MAX_CHANGES, MAX_TARGETS, Outcome, Target, Timestamp};

/// How `meta` begins, between the id and what comes after.
const META: &str = ",\"meta\":";

/// Collects what an [`Event`] says.
///
/// No method but [`build`](Self::build) fails: a value that has no exact JSON form is reported
/// there, with its place.
#[must_use = "an event is made by `build`"]
#[derive(Clone)]
pub struct EventBuilder {
    action: String,
    actor: Actor,
    changes: Vec<Change>,
    context: Context,
    id: Option<Uuid>,
    meta: Map<String, Value>,
    occurred_at: Option<Timestamp>,
    on_behalf_of: Option<Actor>,
    outcome: Option<Outcome>,
    private: Vec<(String, String, Value)>,
    targets: Vec<Target>,
    /// Made by the journal itself: the action may be reserved, and `meta` is fixed.
    reserved: bool,
    /// The first value that has no exact JSON form.
    problem: Option<Located>,
}

impl EventBuilder {
    pub(super) fn new(action: &str, actor: Actor) -> Self {
        Self {
            action: action.to_owned(),
            actor,
            changes: Vec::new(),
            context: Context::new(),
            id: None,
            meta: Map::new(),
            occurred_at: None,
            on_behalf_of: None,
            outcome: None,
            private: Vec::new(),
            targets: Vec::new(),
            reserved: false,
            problem: None,
        }
    }

    pub(super) fn reserved(action: &str, actor: Actor, meta: Map<String, Value>) -> Self {
        Self { meta, reserved: true, ..Self::new(action, actor) }
    }

    /// The event's id, a UUID of version 7. Without it one is minted.
    ///
    /// Appending the same id with the same bytes again gives the first receipt, so a host that
    /// may try twice brings its own id. An event with private fields has other bytes each time it
    /// is made canonical, because their salts are random.
    pub fn id(mut self, id: Uuid) -> Self {
        self.id = Some(id);
        self
    }

    /// One more thing it was done to, at most [`MAX_TARGETS`].
    pub fn target(mut self, target: Target) -> Self {
        self.targets.push(target);
        self
    }

    /// How it ended.
    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = Some(outcome);
        self
    }

    /// One more change, at most [`MAX_CHANGES`].
    pub fn change(mut self, change: Change) -> Self {
        self.changes.push(change);
        self
    }

    /// Further changes, such as those of [`diff`](crate::diff::diff).
    pub fn changes(mut self, changes: impl IntoIterator<Item = Change>) -> Self {
        self.changes.extend(changes);
        self
    }

    /// In which request, session and trace it was done.
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// One member of `meta`: anything the host wants kept with the event, in the clear.
    ///
    /// The same name twice is refused at [`build`](Self::build).
    pub fn meta(mut self, name: &str, value: impl Serialize) -> Self {
        match to_value(&value) {
            Ok(_) if self.reserved => {
                self.note(Located::from(Defect::Unknown).within(name).within("meta"));
            }
            Ok(value) => match self.meta.entry(name) {
                Entry::Vacant(entry) => {
                    entry.insert(value);
                }
                Entry::Occupied(_) => {
                    self.note(Located::from(Defect::Duplicate).within(name).within("meta"));
                }
            },
            Err(problem) => self.note(problem.within(name).within("meta")),
        }
        self
    }

    /// On whose behalf it was done: impersonation, support access, a token's owner.
    pub fn on_behalf_of(mut self, actor: Actor) -> Self {
        self.on_behalf_of = Some(actor);
        self
    }

    /// When it happened, where that is not the moment it is recorded.
    pub fn occurred_at(mut self, occurred_at: Timestamp) -> Self {
        self.occurred_at = Some(occurred_at);
        self
    }

    /// A private field: whatever names, describes or locates a person.
    ///
    /// `subject` is the host's own id of the person whom it is about, `pointer` the RFC 6901
    /// pointer of its place in the event (`/context/ip`, `/actor/name`, `/changes/0/new`,
    /// `/meta/reason`). The entry will hold a salted digest only, so the field can be erased later
    /// without touching a hash.
    ///
    /// A place is admitted below `actor`, `on_behalf_of`, a target, `context`, a change's `old` or
    /// `new`, and `meta`, where nothing stands in the clear; no private field may stand at or
    /// inside another's place.
    pub fn private(mut self, subject: &str, pointer: &str, value: impl Serialize) -> Self {
        match to_value(&value) {
            Ok(value) => self.private.push((subject.to_owned(), pointer.to_owned(), value)),
            // Of the place within the value only the field is named: it is private.
            Err(problem) => self.note(at(pointer, problem.defect)),
        }
        self
    }

    pub(crate) fn without_id(mut self) -> Self {
        self.id = None;
        self
    }

    pub(crate) const fn change_count(&self) -> usize {
        self.changes.len()
    }

    fn note(&mut self, problem: Located) {
        self.problem.get_or_insert(problem);
    }

    /// Checks everything and makes the event.
    ///
    /// # Errors
    ///
    /// [`EventError::Member`] with the place, the form and the limit where a member breaks the
    /// format; [`EventError::TooLong`] where the event cannot fit.
    pub fn build(self) -> Result<Event, EventError> {
        if action::is_reserved(&self.action) && !self.reserved {
            return Err(Located::from(Defect::Reserved).within("action").into());
        }
        if let Some(problem) = self.problem {
            return Err(problem.into());
        }
        if self.id.is_some_and(|id| !super::view::is_v7(&id)) {
            let defect = Defect::Form { expected: super::view::ID_FORM };
            return Err(Located::from(defect).within("id").into());
        }
        let before_id = self.before_id()?;
        let meta = self.meta_member()?;
        let after_occurred_at = self.after_occurred_at()?;
        let after_private = self.after_private()?;
        let private = self.private_fields()?;
        if self.reserved {
            // What the journal says of itself must be readable by those who judge it.
            Reserved::read(&self.action, meta.strip_prefix(META))?;
        }
        let event = Event {
            action: self.action,
            id: self.id,
            occurred_at: self.occurred_at,
            before_id,
            meta,
            after_occurred_at,
            after_private,
            private,
        };
        let bytes = event.bytes_without_private();
        if bytes > MAX_EVENT {
            return Err(EventError::TooLong { bytes, limit: MAX_EVENT });
        }
        Ok(event)
    }

    /// `{"action":…,"actor":…,"changes":…,"context":…,"id":"`.
    fn before_id(&self) -> Result<String, Located> {
        let mut out = String::with_capacity(256);
        action::check(&self.action).map_err(|defect| Located::from(defect).within("action"))?;
        // The form of an action leaves nothing to escape.
        out.push_str("{\"action\":\"");
        out.push_str(&self.action);
        out.push_str("\",\"actor\":");
        push_actor(&mut out, &self.actor).map_err(|problem| problem.within("actor"))?;
        if !self.changes.is_empty() {
            out.push_str(",\"changes\":");
            push_array(&mut out, &self.changes, MAX_CHANGES, push_change)
                .map_err(|problem| problem.within("changes"))?;
        }
        let context = [
            ("request_id", &self.context.request_id),
            ("session_id", &self.context.session_id),
            ("trace_id", &self.context.trace_id),
        ];
        let mut separator = ",\"context\":{\"";
        for (name, id) in context {
            let Some(id) = id else { continue };
            out.push_str(separator);
            out.push_str(name);
            out.push_str("\":");
            push_id(&mut out, id)
                .map_err(|defect| Located::from(defect).within(name).within("context"))?;
            separator = ",\"";
        }
        if separator == ",\"" {
            out.push('}');
        }
        out.push_str(",\"id\":\"");
        Ok(out)
    }

    /// `,"meta":…`.
    fn meta_member(&self) -> Result<String, Located> {
        let mut out = String::new();
        if !self.meta.is_empty() {
            out.reserve(256);
            out.push_str(META);
            push_object(&mut out, &self.meta, 1).map_err(|problem| problem.within("meta"))?;
        }
        Ok(out)
    }

    /// `,"on_behalf_of":…,"outcome":…`.
    fn after_occurred_at(&self) -> Result<String, Located> {
        let mut out = String::new();
        if let Some(actor) = &self.on_behalf_of {
            out.push_str(",\"on_behalf_of\":");
            push_actor(&mut out, actor).map_err(|problem| problem.within("on_behalf_of"))?;
        }
        if let Some(outcome) = self.outcome {
            out.push_str(",\"outcome\":\"");
            out.push_str(outcome.as_str());
            out.push('"');
        }
        Ok(out)
    }

    /// `,"targets":…}`.
    fn after_private(&self) -> Result<String, Located> {
        let mut out = String::with_capacity(128);
        if !self.targets.is_empty() {
            out.push_str(",\"targets\":");
            push_array(&mut out, &self.targets, MAX_TARGETS, |out, target| {
                push_pair(out, target.id(), |out| {
                    name_length(target.kind())
                        .and_then(|()| push_string(out, target.kind()))
                        .map_err(|defect| Located::from(defect).within("type"))
                })
            })
            .map_err(|problem| problem.within("targets"))?;
        }
        out.push('}');
        Ok(out)
    }

    fn private_fields(&self) -> Result<Vec<PrivateField>, Located> {
        let places = Places {
            on_behalf_of: self.on_behalf_of.as_ref(),
            targets: &self.targets,
            changes: &self.changes,
            context: &self.context,
            meta: &self.meta,
        };
        let mut fields = Vec::with_capacity(self.private.len());
        let mut paths = Vec::with_capacity(self.private.len());
        for (subject, pointer, value) in &self.private {
            let path = places.admit(pointer).map_err(|defect| at(pointer, defect))?;
            paths.push(path);
            let mut text = String::new();
            // In the disclosure the value stands in an array.
            push_value(&mut text, value, 1).map_err(|problem| at(pointer, problem.defect))?;
            fields.push(PrivateField {
                subject: subject.clone(),
                pointer: pointer.clone(),
                value: text,
            });
        }
        if overlap(paths) {
            return Err(Located::from(Defect::PointerOverlaps).within("private"));
        }
        Ok(fields)
    }
}

/// A defect of the private field at `pointer`: named as it was given where it is a pointer within
/// the limits, otherwise as one of `private`.
fn at(pointer: &str, defect: Defect) -> Located {
    match crate::canonical::defect::segments(pointer) {
        Ok(path) if path.iter().all(|segment| name_length(segment).is_ok()) => {
            path.into_iter().rev().fold(defect.into(), Located::within)
        }
        _ => Located::from(defect).within("private"),
    }
}

fn push_id(out: &mut String, id: &str) -> Result<(), Defect> {
    name_length(id)?;
    push_string(out, id)
}

/// `{"id":…,"type":…}`.
fn push_pair(
    out: &mut String,
    id: &str,
    push_type: impl FnOnce(&mut String) -> Result<(), Located>,
) -> Result<(), Located> {
    out.push_str("{\"id\":");
    push_id(out, id).map_err(|defect| Located::from(defect).within("id"))?;
    out.push_str(",\"type\":");
    push_type(out)?;
    out.push('}');
    Ok(())
}

fn push_actor(out: &mut String, actor: &Actor) -> Result<(), Located> {
    push_pair(out, actor.id(), |out| {
        out.push('"');
        out.push_str(actor.kind().as_str());
        out.push('"');
        Ok(())
    })
}

fn push_array<T>(
    out: &mut String,
    elements: &[T],
    limit: usize,
    push: impl Fn(&mut String, &T) -> Result<(), Located>,
) -> Result<(), Located> {
    if elements.len() > limit {
        return Err(Defect::TooMany { limit }.into());
    }
    out.push('[');
    for (index, element) in elements.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        push(out, element).map_err(|problem| problem.within(index))?;
    }
    out.push(']');
    Ok(())
}

fn push_change(out: &mut String, change: &Change) -> Result<(), Located> {
    out.push_str("{\"field\":");
    push_id(out, change.field()).map_err(|defect| Located::from(defect).within("field"))?;
    for (name, value) in change.values() {
        let Some(value) = value else { continue };
        out.push_str(",\"");
        out.push_str(name);
        out.push_str("\":");
        // Around the value stand the event, the changes and the change.
        value
            .map_err(Clone::clone)
            .and_then(|value| push_value(out, value, 3))
            .map_err(|problem| problem.within(name))?;
    }
    out.push('}');
    Ok(())
}

impl fmt::Debug for EventBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventBuilder")
            .field("action", &self.action)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
