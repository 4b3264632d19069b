//! What an entry can be found by.

use audit_core::EventView;

use crate::index::posting::TermHash;

/// One thing an entry can be found by. The number is part of the hash and never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Action = 1,
    ActionPrefix = 2,
    Actor = 3,
    Target = 4,
    Outcome = 5,
    Subject = 6,
}

/// The action itself.
pub(crate) fn action(action: &str) -> TermHash {
    TermHash::of(Kind::Action as u8, &[action])
}

/// All actions that start with `prefix`, which ends in a dot.
pub(crate) fn action_prefix(prefix: &str) -> TermHash {
    TermHash::of(Kind::ActionPrefix as u8, &[prefix])
}

/// The actor, or whom the actor acted for.
pub(crate) fn actor(kind: &str, id: &str) -> TermHash {
    TermHash::of(Kind::Actor as u8, &[kind, id])
}

/// One of the targets.
pub(crate) fn target(kind: &str, id: &str) -> TermHash {
    TermHash::of(Kind::Target as u8, &[kind, id])
}

/// The outcome.
pub(crate) fn outcome(outcome: &str) -> TermHash {
    TermHash::of(Kind::Outcome as u8, &[outcome])
}

/// A data subject's ref, in hexadecimal digits.
pub(crate) fn subject(subject: &str) -> TermHash {
    TermHash::of(Kind::Subject as u8, &[subject])
}

/// Everything an event can be found by; the same thing more than once where the event says so.
pub(crate) fn of_event(event: &EventView<'_>, mut each: impl FnMut(TermHash)) {
    let name = event.action();
    each(action(name));
    for (dot, _) in name.match_indices('.') {
        if let Some(prefix) = name.get(..=dot) {
            each(action_prefix(prefix));
        }
    }
    each(actor(event.actor().kind.as_str(), &event.actor().id));
    if let Some(other) = event.on_behalf_of() {
        each(actor(other.kind.as_str(), &other.id));
    }
    if let Some(ended) = event.outcome() {
        each(outcome(ended.as_str()));
    }
    for (of, _) in event.private() {
        each(subject(&of.to_string()));
    }
    for of in event.targets() {
        each(target(&of.kind, &of.id));
    }
}
