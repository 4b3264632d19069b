//! What changed.

use serde::Serialize;
use serde_json::Value;

use crate::canonical::defect::Located;
use crate::canonical::strict::to_value;

/// How many changes one event may have.
pub const MAX_CHANGES: usize = 256;

/// One field before and after.
///
/// An absent value before means that the field was added, an absent value after that it was
/// removed; `null` is a value like any other. A value that names, describes or locates a person
/// belongs in a private field instead (`/changes/0/new`): make the change with
/// [`Change::concealed`] and give both values to
/// [`EventBuilder::private`](crate::EventBuilder::private).
///
/// ```
/// use audit_core::Change;
///
/// let change = Change::updated("plan", "free", "pro");
/// assert_eq!(change.field(), "plan");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    field: String,
    // A value that has no exact JSON form is reported when the event is built.
    old: Option<Result<Value, Located>>,
    new: Option<Result<Value, Located>>,
}

impl Change {
    /// The field came into being.
    #[must_use]
    pub fn added(field: impl Into<String>, new: impl Serialize) -> Self {
        Self { field: field.into(), old: None, new: Some(to_value(&new)) }
    }

    /// The field went away.
    #[must_use]
    pub fn removed(field: impl Into<String>, old: impl Serialize) -> Self {
        Self { field: field.into(), old: Some(to_value(&old)), new: None }
    }

    /// The field has another value.
    #[must_use]
    pub fn updated(field: impl Into<String>, old: impl Serialize, new: impl Serialize) -> Self {
        Self { field: field.into(), old: Some(to_value(&old)), new: Some(to_value(&new)) }
    }

    /// The field changed, and none of its values stands in the clear.
    #[must_use]
    pub fn concealed(field: impl Into<String>) -> Self {
        Self { field: field.into(), old: None, new: None }
    }

    pub(crate) fn of_values(field: String, old: Option<Value>, new: Option<Value>) -> Self {
        Self { field, old: old.map(Ok), new: new.map(Ok) }
    }

    /// The field's name.
    #[must_use]
    pub fn field(&self) -> &str {
        &self.field
    }

    /// The value before, where it stands in the clear and has a JSON form.
    #[must_use]
    pub fn before(&self) -> Option<&Value> {
        self.old.as_ref()?.as_ref().ok()
    }

    /// The value after, where it stands in the clear and has a JSON form.
    #[must_use]
    pub fn after(&self) -> Option<&Value> {
        self.new.as_ref()?.as_ref().ok()
    }

    /// Both values in canonical order.
    pub(crate) fn values(&self) -> [(&'static str, Option<Result<&Value, &Located>>); 2] {
        [
            ("new", self.new.as_ref().map(Result::as_ref)),
            ("old", self.old.as_ref().map(Result::as_ref)),
        ]
    }
}
