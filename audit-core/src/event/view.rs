//! An event as it is read back: borrowed from its canonical text.

use std::borrow::Cow;

use serde::de::MapAccess;
use uuid::Uuid;

use super::action;
use super::actor::ActorKind;
use super::change::MAX_CHANGES;
use super::context::Outcome;
use super::reserved::Reserved;
use super::target::MAX_TARGETS;
use super::{EventError, MAX_EVENT};
use crate::canonical::defect::{Defect, Located};
use crate::canonical::name_length;
use crate::canonical::reader::{
    self, Array, MapOf, Node, Object, Raw, RawObject, Reader, Shape, Text, required,
};
use crate::disclosure::Digest;
use crate::{SubjectRef, Timestamp};

/// An event, read from its canonical text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventView<'a> {
    action: &'a str,
    actor: ActorView<'a>,
    changes: Vec<ChangeView<'a>>,
    context: ContextView<'a>,
    id: Uuid,
    meta: Option<&'a str>,
    occurred_at: Option<Timestamp>,
    on_behalf_of: Option<ActorView<'a>>,
    outcome: Option<Outcome>,
    private: Vec<(SubjectRef, Vec<Digest>)>,
    targets: Vec<TargetView<'a>>,
}

/// An actor of an [`EventView`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ActorView<'a> {
    /// The kind.
    pub kind: ActorKind,
    /// The id.
    pub id: Cow<'a, str>,
}

/// A target of an [`EventView`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct TargetView<'a> {
    /// The type.
    pub kind: Cow<'a, str>,
    /// The id.
    pub id: Cow<'a, str>,
}

/// A change of an [`EventView`]; the values are canonical JSON.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ChangeView<'a> {
    /// The field's name.
    pub field: Cow<'a, str>,
    /// The value before: absent where the field was added, or the value is private.
    pub old: Option<&'a str>,
    /// The value after: absent where the field was removed, or the value is private.
    pub new: Option<&'a str>,
}

/// The context of an [`EventView`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct ContextView<'a> {
    /// The request.
    pub request_id: Option<Cow<'a, str>>,
    /// The session.
    pub session_id: Option<Cow<'a, str>>,
    /// The distributed trace.
    pub trace_id: Option<Cow<'a, str>>,
}

impl<'a> EventView<'a> {
    /// Reads an event from its canonical text, and only from that: another form of the same JSON,
    /// an unknown member or a value outside the limits is refused.
    ///
    /// # Errors
    ///
    /// [`EventError::Member`] with the place and the defect, [`EventError::TooLong`] above
    /// [`MAX_EVENT`] bytes.
    pub fn parse(text: &'a str) -> Result<Self, EventError> {
        if text.len() > MAX_EVENT {
            return Err(EventError::TooLong { bytes: text.len(), limit: MAX_EVENT });
        }
        Ok(reader::read(text, Self::node())?)
    }

    pub(crate) const fn node() -> impl Node<'a, Out = Self> {
        Object::<EventShape<'a>>::new()
    }

    /// The action.
    #[must_use]
    pub const fn action(&self) -> &'a str {
        self.action
    }

    /// Who did it.
    #[must_use]
    pub const fn actor(&self) -> &ActorView<'a> {
        &self.actor
    }

    /// What changed.
    #[must_use]
    pub fn changes(&self) -> &[ChangeView<'a>] {
        &self.changes
    }

    /// In which request, session and trace it was done.
    #[must_use]
    pub const fn context(&self) -> &ContextView<'a> {
        &self.context
    }

    /// The id, a UUID of version 7.
    #[must_use]
    pub const fn id(&self) -> Uuid {
        self.id
    }

    /// Whether the action is one that only the journal itself records (`journal.…`).
    #[must_use]
    pub fn is_reserved(&self) -> bool {
        action::is_reserved(self.action)
    }

    /// What a reserved event says; `None` of an event of the host's.
    pub(crate) fn read_reserved(&self) -> Result<Option<Reserved>, Located> {
        if !self.is_reserved() {
            return Ok(None);
        }
        Reserved::read(self.action, self.meta).map(Some)
    }

    /// The canonical JSON of `meta`, an object.
    #[must_use]
    pub const fn meta(&self) -> Option<&'a str> {
        self.meta
    }

    /// When it happened, where that is not the moment it was recorded.
    #[must_use]
    pub const fn occurred_at(&self) -> Option<Timestamp> {
        self.occurred_at
    }

    /// On whose behalf it was done.
    #[must_use]
    pub const fn on_behalf_of(&self) -> Option<&ActorView<'a>> {
        self.on_behalf_of.as_ref()
    }

    /// How it ended.
    #[must_use]
    pub const fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// The digests of the private fields by data subject, in the order of the text.
    #[must_use]
    pub fn private(&self) -> &[(SubjectRef, Vec<Digest>)] {
        &self.private
    }

    /// Whether the event holds this digest under this subject.
    #[must_use]
    pub fn commits_to(&self, subject: SubjectRef, digest: Digest) -> bool {
        self.private
            .binary_search_by_key(&subject, |(subject, _)| *subject)
            .ok()
            .and_then(|index| self.private.get(index))
            .is_some_and(|(_, digests)| digests.binary_search(&digest).is_ok())
    }

    /// What it was done to.
    #[must_use]
    pub fn targets(&self) -> &[TargetView<'a>] {
        &self.targets
    }
}

pub(crate) const ID_FORM: &str = "a UUID of version 7 in lowercase";

pub(crate) fn is_v7(id: &Uuid) -> bool {
    id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122
}

/// An id of the format: hyphenated, lowercase, version 7.
pub(crate) fn parse_id(text: &str) -> Result<Uuid, Defect> {
    const FORM: Defect = Defect::Form { expected: ID_FORM };
    let id = Uuid::try_parse(text).map_err(|_| FORM)?;
    // uuid reads other forms too; of this length only the hyphenated one.
    let lowercase = !text.bytes().any(|byte| byte.is_ascii_uppercase());
    if text.len() == 36 && lowercase && is_v7(&id) { Ok(id) } else { Err(FORM) }
}

/// A string within the limit on ids and names.
pub(crate) fn id_node<'a>() -> impl Node<'a, Out = Cow<'a, str>> {
    Text {
        expected: "a string",
        parse: |id: Cow<'a, str>| {
            name_length(&id)?;
            Ok(id)
        },
    }
}

pub(crate) fn timestamp_node<'a>() -> impl Node<'a, Out = Timestamp> {
    const FORM: &str = "a timestamp of the form YYYY-MM-DDTHH:MM:SS.ffffffZ";
    Text {
        expected: FORM,
        parse: |text: Cow<'a, str>| text.parse().map_err(|_| Defect::Form { expected: FORM }),
    }
}

#[derive(Default)]
struct EventShape<'a> {
    action: Option<&'a str>,
    actor: Option<ActorView<'a>>,
    changes: Vec<ChangeView<'a>>,
    context: ContextView<'a>,
    id: Option<Uuid>,
    meta: Option<&'a str>,
    occurred_at: Option<Timestamp>,
    on_behalf_of: Option<ActorView<'a>>,
    outcome: Option<Outcome>,
    private: Vec<(SubjectRef, Vec<Digest>)>,
    targets: Vec<TargetView<'a>>,
}

impl<'a> Shape<'a> for EventShape<'a> {
    const MEMBERS: &'static [&'static str] = &[
        "action",
        "actor",
        "changes",
        "context",
        "id",
        "meta",
        "occurred_at",
        "on_behalf_of",
        "outcome",
        "private",
        "targets",
    ];
    type Out = EventView<'a>;

    fn member<A: MapAccess<'a>>(
        &mut self,
        index: usize,
        reader: &mut Reader<'a>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match index {
            0 => self.action = Some(reader.value(map, action_node())?),
            1 => self.actor = Some(reader.value(map, Object::<ActorShape<'a>>::new())?),
            2 => {
                let element = |_| Object::<ChangeShape<'a>>::new();
                self.changes = reader.value(map, Array { limit: MAX_CHANGES, element })?;
            }
            3 => self.context = reader.value(map, Object::<ContextShape<'a>>::new())?,
            4 => {
                let parse = |id: Cow<'a, str>| parse_id(&id);
                self.id = Some(reader.value(map, Text { expected: ID_FORM, parse })?);
            }
            5 => self.meta = Some(reader.value(map, RawObject)?),
            6 => self.occurred_at = Some(reader.value(map, timestamp_node())?),
            7 => self.on_behalf_of = Some(reader.value(map, Object::<ActorShape<'a>>::new())?),
            8 => {
                let parse = |outcome: Cow<'a, str>| {
                    Outcome::parse(&outcome).ok_or(Defect::Form { expected: Outcome::FORM })
                };
                self.outcome = Some(reader.value(map, Text { expected: Outcome::FORM, parse })?);
            }
            9 => self.private = reader.value(map, private_node())?,
            _ => {
                let element = |_| Object::<TargetShape<'a>>::new();
                self.targets = reader.value(map, Array { limit: MAX_TARGETS, element })?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<EventView<'a>, (&'static str, Defect)> {
        Ok(EventView {
            action: required("action", self.action)?,
            actor: required("actor", self.actor)?,
            changes: self.changes,
            context: self.context,
            id: required("id", self.id)?,
            meta: self.meta,
            occurred_at: self.occurred_at,
            on_behalf_of: self.on_behalf_of,
            outcome: self.outcome,
            private: self.private,
            targets: self.targets,
        })
    }
}

fn action_node<'a>() -> impl Node<'a, Out = &'a str> {
    Text {
        expected: action::FORM,
        parse: |text: Cow<'a, str>| match text {
            Cow::Borrowed(text) => action::check(text).map(|()| text),
            // Only what needs an escape is not borrowed.
            Cow::Owned(_) => Err(Defect::Form { expected: action::FORM }),
        },
    }
}

fn private_node<'a>() -> impl Node<'a, Out = Vec<(SubjectRef, Vec<Digest>)>> {
    MapOf { key: SubjectRef::parse, value: DigestsNode::default }
}

/// Digests in ascending order, each once.
#[derive(Default)]
struct DigestsNode;

impl<'a> Node<'a> for DigestsNode {
    type Out = Vec<Digest>;

    fn read<D: serde::Deserializer<'a>>(
        self,
        reader: &mut Reader<'a>,
        deserializer: D,
    ) -> Result<Vec<Digest>, D::Error> {
        let element = |_| Text {
            expected: Digest::FORM,
            parse: |digest: Cow<'a, str>| Digest::parse(&digest),
        };
        // The event's own length bounds how many there can be.
        let digests = Array { limit: MAX_EVENT, element }.read(reader, deserializer)?;
        if !digests.is_sorted_by(|a, b| a < b) {
            return Err(reader.fail(Defect::Order));
        }
        Ok(digests)
    }
}

#[derive(Default)]
struct ActorShape<'a> {
    id: Option<Cow<'a, str>>,
    kind: Option<ActorKind>,
}

impl<'a> Shape<'a> for ActorShape<'a> {
    const MEMBERS: &'static [&'static str] = &["id", "type"];
    type Out = ActorView<'a>;

    fn member<A: MapAccess<'a>>(
        &mut self,
        index: usize,
        reader: &mut Reader<'a>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        if index == 0 {
            self.id = Some(reader.value(map, id_node())?);
        } else {
            let parse = |kind: Cow<'a, str>| {
                ActorKind::parse(&kind).ok_or(Defect::Form { expected: ActorKind::FORM })
            };
            self.kind = Some(reader.value(map, Text { expected: ActorKind::FORM, parse })?);
        }
        Ok(())
    }

    fn finish(self) -> Result<ActorView<'a>, (&'static str, Defect)> {
        Ok(ActorView { id: required("id", self.id)?, kind: required("type", self.kind)? })
    }
}

#[derive(Default)]
struct TargetShape<'a> {
    id: Option<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
}

impl<'a> Shape<'a> for TargetShape<'a> {
    const MEMBERS: &'static [&'static str] = &["id", "type"];
    type Out = TargetView<'a>;

    fn member<A: MapAccess<'a>>(
        &mut self,
        index: usize,
        reader: &mut Reader<'a>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let value = Some(reader.value(map, id_node())?);
        if index == 0 {
            self.id = value;
        } else {
            self.kind = value;
        }
        Ok(())
    }

    fn finish(self) -> Result<TargetView<'a>, (&'static str, Defect)> {
        Ok(TargetView { id: required("id", self.id)?, kind: required("type", self.kind)? })
    }
}

#[derive(Default)]
struct ChangeShape<'a> {
    field: Option<Cow<'a, str>>,
    new: Option<&'a str>,
    old: Option<&'a str>,
}

impl<'a> Shape<'a> for ChangeShape<'a> {
    const MEMBERS: &'static [&'static str] = &["field", "new", "old"];
    type Out = ChangeView<'a>;

    fn member<A: MapAccess<'a>>(
        &mut self,
        index: usize,
        reader: &mut Reader<'a>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match index {
            0 => self.field = Some(reader.value(map, id_node())?),
            1 => self.new = Some(reader.value(map, Raw)?),
            _ => self.old = Some(reader.value(map, Raw)?),
        }
        Ok(())
    }

    fn finish(self) -> Result<ChangeView<'a>, (&'static str, Defect)> {
        Ok(ChangeView { field: required("field", self.field)?, new: self.new, old: self.old })
    }
}

#[derive(Default)]
struct ContextShape<'a>(ContextView<'a>);

impl<'a> Shape<'a> for ContextShape<'a> {
    const MEMBERS: &'static [&'static str] = &["request_id", "session_id", "trace_id"];
    type Out = ContextView<'a>;

    fn member<A: MapAccess<'a>>(
        &mut self,
        index: usize,
        reader: &mut Reader<'a>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let id = Some(reader.value(map, id_node())?);
        match index {
            0 => self.0.request_id = id,
            1 => self.0.session_id = id,
            _ => self.0.trace_id = id,
        }
        Ok(())
    }

    fn finish(self) -> Result<ContextView<'a>, (&'static str, Defect)> {
        Ok(self.0)
    }
}
