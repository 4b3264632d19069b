//! Where private fields may stand.
//!
//! A pointer is admitted where disclosing it would add a member and replace nothing: below a part
//! of the event that may have further members, at a name that is free. Of one event's pointers
//! none may be another's or lead through another's.

use serde_json::{Map, Value};

use crate::canonical::MAX_DEPTH;
use crate::canonical::defect::{Defect, segments};
use crate::{Actor, Change, Context, Target};

/// The parts of an event among which private fields may stand.
pub(super) struct Places<'a> {
    pub(super) on_behalf_of: Option<&'a Actor>,
    pub(super) targets: &'a [Target],
    pub(super) changes: &'a [Change],
    pub(super) context: &'a Context,
    pub(super) meta: &'a Map<String, Value>,
}

impl Places<'_> {
    /// Checks one pointer and takes it apart.
    pub(super) fn admit(&self, pointer: &str) -> Result<Vec<String>, Defect> {
        let path = segments(pointer)?;
        if path.len() >= MAX_DEPTH {
            return Err(Defect::TooDeep { limit: MAX_DEPTH });
        }
        path.iter().try_for_each(|segment| crate::canonical::name_length(segment))?;
        if pointer.contains('\0') {
            return Err(Defect::Nul);
        }
        let parts: Vec<&str> = path.iter().map(String::as_str).collect();
        let free = match parts.as_slice() {
            ["actor", member, ..] => !matches!(*member, "id" | "type"),
            ["on_behalf_of", member, ..] => {
                self.on_behalf_of.is_some() && !matches!(*member, "id" | "type")
            }
            ["targets", index, member, ..] => {
                element(self.targets, index).is_some() && !matches!(*member, "id" | "type")
            }
            ["changes", index, member, rest @ ..] => {
                element(self.changes, index).is_some_and(|change| match *member {
                    "old" => change.before().is_none_or(|old| is_free(old, rest)),
                    "new" => change.after().is_none_or(|new| is_free(new, rest)),
                    _ => false,
                })
            }
            ["context", "request_id", ..] => self.context.request_id.is_none(),
            ["context", "session_id", ..] => self.context.session_id.is_none(),
            ["context", "trace_id", ..] => self.context.trace_id.is_none(),
            ["context", _, ..] => true,
            ["meta", member, rest @ ..] => {
                self.meta.get(*member).is_none_or(|value| is_free(value, rest))
            }
            _ => false,
        };
        if free { Ok(path) } else { Err(Defect::PointerTaken) }
    }
}

/// The element that a pointer's segment names: a decimal number without leading zeros.
fn element<'a, T>(elements: &'a [T], segment: &str) -> Option<&'a T> {
    let decimal = segment.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = segment.len() > 1 && segment.starts_with('0');
    if !decimal || leading_zero {
        return None;
    }
    elements.get(segment.parse::<usize>().ok()?)
}

/// Whether nothing stands at `path` within `value`, and something could.
fn is_free(value: &Value, path: &[&str]) -> bool {
    match (value, path) {
        (Value::Object(members), [name, rest @ ..]) => {
            members.get(*name).is_none_or(|value| is_free(value, rest))
        }
        (Value::Array(elements), [index, rest @ ..]) => {
            element(elements, index).is_some_and(|value| is_free(value, rest))
        }
        _ => false,
    }
}

/// Whether one of these paths is, or leads through, another.
pub(super) fn overlap(mut paths: Vec<Vec<String>>) -> bool {
    // In this order, whatever lies between a path and one that leads through it also does.
    paths.sort_unstable();
    paths.windows(2).any(|pair| match pair {
        [shorter, longer] => longer.starts_with(shorter),
        _ => false,
    })
}
