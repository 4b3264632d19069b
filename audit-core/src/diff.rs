//! Before and after: the changes between two values of the host's.
//!
//! Two states of anything serializable become [`Change`]s whose field names are RFC 6901 pointers
//! (`/plan`, `/address/city`). An array is one value, unless it is marked as a set: then each
//! member added and each removed is an event of its own, which is what an auditor looks for in
//! lists of roles, members or permissions.
//!
//! ```
//! use audit_core::{Actor, Event, action, diff::Diff};
//! use serde_json::json;
//!
//! let before = json!({"plan": "free", "roles": ["viewer"], "email": "old@example.com"});
//! let after = json!({"plan": "pro", "roles": ["viewer", "admin"], "email": "new@example.com"});
//! let difference = Diff::new().set("/roles").conceal("/email").between(&before, &after)?;
//! let base = Event::builder(action::RECORD_UPDATED, Actor::user("usr_1"));
//! let events = difference.into_events(&base, "usr_2");
//! // One for `/plan` and the concealed `/email`, one for the role that was added.
//! assert_eq!(events.len(), 2);
//! # Ok::<(), audit_core::diff::DiffError>(())
//! ```

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::canonical::defect::{Defect, Located, Place, pointer};
use crate::canonical::strict::to_value;
use crate::canonical::{key_order, push_value};
use crate::{Change, EventBuilder, MAX_CHANGES};

/// All changes between two values, each array as one value.
///
/// A value that is equal in canonical form (1 and 1.0) has not changed. Members of an object are
/// compared one by one; whatever else differs is one change.
///
/// # Errors
///
/// [`DiffError`] where one of the values has no exact JSON form.
pub fn diff(
    before: &(impl Serialize + ?Sized),
    after: &(impl Serialize + ?Sized),
) -> Result<Vec<Change>, DiffError> {
    let difference = Diff::new().between(before, after)?;
    Ok(difference.fields.into_iter().map(Field::into_change).collect())
}

/// How two values are compared.
#[derive(Clone, Debug, Default)]
pub struct Diff {
    sets: BTreeSet<String>,
    concealed: BTreeSet<String>,
    ignored: BTreeSet<String>,
}

impl Diff {
    /// Every array one value, nothing concealed, nothing ignored.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The array at this pointer is a set: its members are compared, not their order.
    #[must_use]
    pub fn set(mut self, pointer: &str) -> Self {
        self.sets.insert(pointer.to_owned());
        self
    }

    /// What stands at or below this pointer names, describes or locates a person: its values
    /// become private fields.
    #[must_use]
    pub fn conceal(mut self, pointer: &str) -> Self {
        self.concealed.insert(pointer.to_owned());
        self
    }

    /// What stands at or below this pointer is not compared.
    #[must_use]
    pub fn ignore(mut self, pointer: &str) -> Self {
        self.ignored.insert(pointer.to_owned());
        self
    }

    /// Compares.
    ///
    /// # Errors
    ///
    /// [`DiffError`] where one of the values has no exact JSON form.
    pub fn between(
        &self,
        before: &(impl Serialize + ?Sized),
        after: &(impl Serialize + ?Sized),
    ) -> Result<Difference, DiffError> {
        let before = to_value(before).map_err(|problem| DiffError::new("before", &problem))?;
        let after = to_value(after).map_err(|problem| DiffError::new("after", &problem))?;
        let mut difference = Difference::default();
        self.compare(&mut Vec::new(), Some(before), Some(after), false, &mut difference)
            .map_err(|problem| DiffError::new("either", &problem))?;
        Ok(difference)
    }

    fn compare(
        &self,
        path: &mut Vec<String>,
        before: Option<Value>,
        after: Option<Value>,
        concealed: bool,
        out: &mut Difference,
    ) -> Result<(), Located> {
        let field = pointer(path.iter());
        if self.ignored.contains(&field) {
            return Ok(());
        }
        let concealed = concealed || self.concealed.contains(&field);
        match (before, after) {
            (Some(Value::Object(before)), Some(Value::Object(after))) => {
                self.compare_members(path, before, after, concealed, out)?;
            }
            (before, after)
                if self.sets.contains(&field)
                    && is_set(before.as_ref())
                    && is_set(after.as_ref()) =>
            {
                let (before, after) = (members(before)?, members(after)?);
                let gone = before.iter().filter(|(text, _)| !holds(&after, text));
                for (_, member) in gone {
                    let old = Some(member.clone());
                    out.members.push(Field { field: field.clone(), old, new: None, concealed });
                }
                let come = after.iter().filter(|(text, _)| !holds(&before, text));
                for (_, member) in come {
                    let new = Some(member.clone());
                    out.members.push(Field { field: field.clone(), old: None, new, concealed });
                }
            }
            (old, new) => {
                if text(old.as_ref())? != text(new.as_ref())? {
                    out.fields.push(Field { field, old, new, concealed });
                }
            }
        }
        Ok(())
    }

    fn compare_members(
        &self,
        path: &mut Vec<String>,
        mut before: Map<String, Value>,
        mut after: Map<String, Value>,
        concealed: bool,
        out: &mut Difference,
    ) -> Result<(), Located> {
        let mut names: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
        names.sort_unstable_by(|a, b| key_order(a, b));
        names.dedup();
        for name in names {
            let (old, new) = (before.remove(&name), after.remove(&name));
            path.push(name);
            let compared = self.compare(path, old, new, concealed, out);
            let name = path.pop().unwrap_or_default();
            compared.map_err(|problem| problem.within(name))?;
        }
        Ok(())
    }
}

/// An absent set is an empty one.
fn is_set(value: Option<&Value>) -> bool {
    value.is_none_or(Value::is_array)
}

/// The canonical text of a value, by which values are told apart.
fn text(value: Option<&Value>) -> Result<Option<String>, Located> {
    let Some(value) = value else { return Ok(None) };
    let mut out = String::new();
    push_value(&mut out, value, 0)?;
    Ok(Some(out))
}

/// The members of a set with their canonical text, each once, sorted by it.
fn members(set: Option<Value>) -> Result<Vec<(String, Value)>, Located> {
    let Some(Value::Array(items)) = set else { return Ok(Vec::new()) };
    let mut members = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        let text = text(Some(&item)).map_err(|problem| problem.within(index))?;
        members.push((text.unwrap_or_default(), item));
    }
    members.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
    members.dedup_by(|(a, _), (b, _)| a == b);
    Ok(members)
}

fn holds(members: &[(String, Value)], text: &str) -> bool {
    members.binary_search_by(|(member, _)| member.as_str().cmp(text)).is_ok()
}

/// What differs between two values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Difference {
    fields: Vec<Field>,
    members: Vec<Field>,
}

impl Difference {
    /// Whether nothing differs.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.members.is_empty()
    }

    /// The changed fields, but not the members of sets. Concealed values are left out.
    pub fn changes(&self) -> impl Iterator<Item = Change> + '_ {
        self.fields.iter().cloned().map(Field::into_change)
    }

    /// The members added to sets and removed from them. Concealed values are left out.
    pub fn members(&self) -> impl Iterator<Item = Change> + '_ {
        self.members.iter().cloned().map(Field::into_change)
    }

    /// Makes the events: one with all changed fields (more where they exceed [`MAX_CHANGES`]),
    /// then one for each member added to a set or removed from one. Nothing differs, no event.
    ///
    /// Each is `base` with its changes, without an id of its own; so `base` should have no changes
    /// yet. Concealed values become private fields about `subject`, the host's own id.
    #[must_use]
    pub fn into_events(self, base: &EventBuilder, subject: &str) -> Vec<EventBuilder> {
        let base = base.clone().without_id();
        let mut events = Vec::new();
        for fields in self.fields.chunks(MAX_CHANGES) {
            events.push(add(base.clone(), fields, subject));
        }
        for member in self.members.chunks(1) {
            events.push(add(base.clone(), member, subject));
        }
        events
    }
}

fn add(mut event: EventBuilder, fields: &[Field], subject: &str) -> EventBuilder {
    for field in fields {
        let index = event.change_count();
        if field.concealed {
            for (name, value) in [("old", &field.old), ("new", &field.new)] {
                if let Some(value) = value {
                    event = event.private(subject, &format!("/changes/{index}/{name}"), value);
                }
            }
        }
        event = event.change(field.clone().into_change());
    }
    event
}

#[derive(Clone, Debug, PartialEq)]
struct Field {
    field: String,
    old: Option<Value>,
    new: Option<Value>,
    concealed: bool,
}

impl Field {
    fn into_change(self) -> Change {
        if self.concealed {
            return Change::concealed(self.field);
        }
        Change::of_values(self.field, self.old, self.new)
    }
}

/// Why two values could not be compared. No value is repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot compare: of {which}, {} {defect}", Place(pointer))]
#[non_exhaustive]
pub struct DiffError {
    /// Which value: `before`, `after`, or `either`.
    pub which: &'static str,
    /// Where in it, as an RFC 6901 pointer.
    pub pointer: String,
    /// What is wrong there.
    pub defect: Defect,
}

impl DiffError {
    fn new(which: &'static str, problem: &Located) -> Self {
        Self { which, pointer: problem.pointer(), defect: problem.defect }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::{Actor, Event, SubjectRef};

    fn shown(
        changes: impl IntoIterator<Item = Change>,
    ) -> Vec<(String, Option<Value>, Option<Value>)> {
        changes
            .into_iter()
            .map(|change| {
                (change.field().to_owned(), change.before().cloned(), change.after().cloned())
            })
            .collect()
    }

    #[test]
    fn each_field_that_differs_is_a_change() {
        let before = json!({"a": 1, "b": {"c": null, "d/e": [1]}, "gone": {"x": 1}, "same": 1});
        let after = json!({"a": 2, "b": {"c": 0, "d/e": [2]}, "new": [], "same": 1.0});
        assert_eq!(
            shown(diff(&before, &after).unwrap()),
            [
                ("/a".to_owned(), Some(json!(1)), Some(json!(2))),
                ("/b/c".to_owned(), Some(json!(null)), Some(json!(0))),
                ("/b/d~1e".to_owned(), Some(json!([1])), Some(json!([2]))),
                ("/gone".to_owned(), Some(json!({"x": 1})), None),
                ("/new".to_owned(), None, Some(json!([]))),
            ]
        );
        assert_eq!(
            shown(diff(&1, "x").unwrap()),
            [(String::new(), Some(json!(1)), Some(json!("x")))]
        );
    }

    #[test]
    fn members_of_sets_are_events_of_their_own() {
        let before = json!({"roles": ["a", "b", "a"], "tags": ["x"]});
        let after = json!({"roles": ["c", "b"], "tags": ["y"], "plan": 1});
        let difference = Diff::new().set("/roles").between(&before, &after).unwrap();
        assert_eq!(
            shown(difference.members()),
            [
                ("/roles".to_owned(), Some(json!("a")), None),
                ("/roles".to_owned(), None, Some(json!("c"))),
            ]
        );
        let base = Event::builder("a.b", Actor::user("u"));
        let events = difference.into_events(&base, "u");
        let changes: Vec<usize> = events.iter().map(EventBuilder::change_count).collect();
        assert_eq!(changes, [2, 1, 1]);
        assert!(events.into_iter().all(|event| event.build().is_ok()));
        // A set that was not there before is an empty one.
        let difference =
            Diff::new().set("/roles").between(&json!({}), &json!({"roles": [1]})).unwrap();
        assert_eq!(shown(difference.members()), [("/roles".to_owned(), None, Some(json!(1)))]);
    }

    #[test]
    fn concealed_values_stand_in_disclosures_only() {
        let before = json!({"email": {"work": "old@example.com"}, "seen": 1});
        let after = json!({"email": {"work": "new@example.com"}, "seen": 2});
        let difference =
            Diff::new().conceal("/email").ignore("/seen").between(&before, &after).unwrap();
        assert_eq!(shown(difference.changes()), [("/email/work".to_owned(), None, None)]);
        let base = Event::builder("a.b", Actor::user("u"));
        let event = difference.into_events(&base, "u").remove(0).build().unwrap();
        let event = event.canonicalize(|_| Some(SubjectRef::from_bytes([0; 16]))).unwrap();
        assert!(!event.as_str().contains("example.com"));
        let mut open: Vec<_> = event
            .disclosures()
            .iter()
            .map(|disclosure| disclosure.open().unwrap())
            .map(|open| (open.name().to_owned(), open.value()))
            .collect();
        open.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(
            open,
            [
                ("/changes/0/new".to_owned(), json!("new@example.com")),
                ("/changes/0/old".to_owned(), json!("old@example.com")),
            ]
        );
    }

    #[test]
    fn more_changes_than_an_event_may_have_are_several_events() {
        let after: Map<String, Value> = (0..600).map(|n| (n.to_string(), json!(n))).collect();
        let difference = Diff::new().between(&json!({}), &after).unwrap();
        let base = Event::builder("a.b", Actor::user("u"));
        let events = difference.into_events(&base, "u");
        let counts: Vec<usize> = events.iter().map(EventBuilder::change_count).collect();
        assert_eq!(counts, [256, 256, 88]);
        assert!(events.into_iter().all(|event| event.build().is_ok()));
    }

    #[test]
    fn errors_name_the_place() {
        let error = diff(&json!({}), &[("x", f64::NAN)]).unwrap_err();
        assert_eq!(error.to_string(), "cannot compare: of after, /0/1 a number must be finite");
        let error = diff(&json!({"a": u64::MAX}), &json!({"a": 1})).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot compare: of either, /a an integer must lie within -(2^53 - 1) and 2^53 - 1"
        );
    }

    proptest! {
        #[test]
        fn a_value_does_not_differ_from_itself(value in crate::canonical::tests::value()) {
            if let Ok(difference) = Diff::new().between(&value, &value) {
                prop_assert!(difference.is_empty());
            }
        }

        /// Putting every change's new value in place of the old one gives the later state.
        #[test]
        fn changes_lead_from_before_to_after(before in crate::canonical::tests::value(),
                                             after in crate::canonical::tests::value()) {
            let Ok(changes) = diff(&before, &after) else { return Ok(()) };
            let mut state = before;
            for change in changes {
                let path = change.field().to_owned();
                let Some((parent, name)) = path.rsplit_once('/') else {
                    state = change.after().cloned().unwrap();
                    continue;
                };
                let name = name.replace("~1", "/").replace("~0", "~");
                let parent = state.pointer_mut(parent).unwrap().as_object_mut().unwrap();
                match change.after() {
                    Some(new) => parent.insert(name, new.clone()),
                    None => parent.remove(&name),
                };
            }
            // Names that no event can hold are reported when the event is built.
            prop_assert_eq!(text(Some(&state)).ok(), text(Some(&after)).ok());
        }
    }
}
