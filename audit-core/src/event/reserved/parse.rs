//! Reading the `meta` of reserved entries: one shape with the members of all of them, of which
//! each action has some.

use std::borrow::Cow;

use serde::de::MapAccess;
use uuid::Uuid;

use super::{HoldScope, MAX_KEPT, Reserved, SeqRange};
use crate::canonical::MAX_NAME;
use crate::canonical::defect::{Defect, Located};
use crate::canonical::reader::{self, Array, Node, Object, Reader, Shape, Text, Uint, required};
use crate::event::view::{ID_FORM, id_node, parse_id, timestamp_node};
use crate::{Applies, FORMAT_VERSION, JournalName, LeafHash, MAX_EVENT, Period, RootHash};
use crate::{SubjectRef, Timestamp};

/// The members of each reserved action's `meta`, in canonical order.
const ACTIONS: &[(&str, &[&str])] = &[
    ("event_refused", &["id", "reason", "sha256"]),
    ("hold_placed", &["covers", "hold", "matter", "scope"]),
    ("hold_released", &["hold"]),
    ("key_added", &["key"]),
    ("key_retired", &["key"]),
    ("opened", &["format", "key", "name"]),
    ("pruned", &["after", "before", "count", "cutoff", "kept", "rule"]),
    ("restored", &["incarnation", "lost_from", "root", "size"]),
    ("schedule_changed", &["applies", "effective", "minimum", "period", "plan", "rule"]),
    ("subject_erased", &["ground", "request", "subject", "through"]),
];

/// Whether `journal.<name>` is an action of this format.
pub(super) fn is_known(name: &str) -> bool {
    ACTIONS.iter().any(|(known, _)| *known == name)
}

/// Reads the `meta` of `journal.<name>`.
pub(super) fn read(name: &str, meta: &str) -> Result<Reserved, Located> {
    let meta = reader::read(meta, Object::<Meta>::new())?;
    let allowed = ACTIONS.iter().find(|(known, _)| *known == name).map_or(&[][..], |(_, of)| of);
    if let Some(unknown) = meta.present.iter().find(|member| !allowed.contains(member)) {
        return Err(Located::from(Defect::Unknown).within(unknown));
    }
    meta.into_reserved(name).map_err(|(member, defect)| Located::from(defect).within(member))
}

/// What was read, whatever the action.
#[derive(Default)]
struct Meta {
    present: Vec<&'static str>,
    // By their form: numbers, strings, and what has a form of its own.
    numbers: Vec<(&'static str, u64)>,
    texts: Vec<(&'static str, String)>,
    moments: Vec<(&'static str, Timestamp)>,
    periods: Vec<(&'static str, Period)>,
    ranges: Vec<(&'static str, Vec<SeqRange>)>,
    applies: Option<Applies>,
    id: Option<Uuid>,
    name: Option<JournalName>,
    root: Option<RootHash>,
    scope: Option<HoldScope>,
    sha256: Option<LeafHash>,
    subject: Option<SubjectRef>,
}

/// Takes the member out of those of its form.
fn take<T>(
    members: &mut Vec<(&'static str, T)>,
    name: &'static str,
) -> Result<T, (&'static str, Defect)> {
    let found = members.iter().position(|(member, _)| *member == name);
    required(name, found.map(|index| members.swap_remove(index).1))
}

impl Meta {
    fn into_reserved(mut self, name: &str) -> Result<Reserved, (&'static str, Defect)> {
        Ok(match name {
            "event_refused" => Reserved::EventRefused {
                id: required("id", self.id)?,
                reason: take(&mut self.texts, "reason")?,
                sha256: *required("sha256", self.sha256)?.as_bytes(),
            },
            "hold_placed" => Reserved::HoldPlaced {
                covers: take(&mut self.ranges, "covers")?,
                hold: self.hold()?,
                matter: take(&mut self.texts, "matter")?,
                scope: required("scope", self.scope)?,
            },
            "hold_released" => Reserved::HoldReleased { hold: self.hold()? },
            "key_added" => Reserved::KeyAdded { key: take(&mut self.texts, "key")? },
            "key_retired" => Reserved::KeyRetired { key: take(&mut self.texts, "key")? },
            "opened" => {
                if take(&mut self.numbers, "format")? != FORMAT_VERSION {
                    return Err(("format", Defect::Form { expected: "1" }));
                }
                Reserved::Opened {
                    key: take(&mut self.texts, "key")?,
                    name: required("name", self.name)?,
                }
            }
            "pruned" => self.into_pruned()?,
            "restored" => {
                let incarnation = take(&mut self.numbers, "incarnation")?;
                if incarnation < 2 {
                    return Err(("incarnation", Defect::Form { expected: "2 or more" }));
                }
                Reserved::Restored {
                    incarnation,
                    lost_from: take(&mut self.numbers, "lost_from")?,
                    root: required("root", self.root)?,
                    size: take(&mut self.numbers, "size")?,
                }
            }
            "schedule_changed" => Reserved::ScheduleChanged {
                applies: required("applies", self.applies)?,
                effective: take(&mut self.moments, "effective")?,
                minimum: take(&mut self.periods, "minimum").ok(),
                period: take(&mut self.periods, "period")?,
                plan: take(&mut self.texts, "plan")?,
                rule: take(&mut self.texts, "rule")?,
            },
            "subject_erased" => Reserved::SubjectErased {
                ground: take(&mut self.texts, "ground")?,
                request: take(&mut self.texts, "request")?,
                subject: required("subject", self.subject)?,
                through: take(&mut self.numbers, "through")?,
            },
            // `is_known` was asked before.
            _ => return Err(("", Defect::Unknown)),
        })
    }

    fn into_pruned(mut self) -> Result<Reserved, (&'static str, Defect)> {
        let (after, before) =
            (take(&mut self.numbers, "after")?, take(&mut self.numbers, "before")?);
        if after >= before {
            return Err(("before", Defect::Form { expected: "greater than after" }));
        }
        let kept = take(&mut self.ranges, "kept")?;
        if kept.len() > MAX_KEPT {
            return Err(("kept", Defect::TooMany { limit: MAX_KEPT }));
        }
        if !kept.is_sorted_by(|(_, last), (first, _)| last < first) {
            return Err(("kept", Defect::Form { expected: "ascending, disjoint ranges" }));
        }
        Ok(Reserved::Pruned {
            after,
            before,
            count: take(&mut self.numbers, "count")?,
            cutoff: take(&mut self.moments, "cutoff")?,
            kept,
            rule: take(&mut self.texts, "rule")?,
        })
    }

    fn hold(&mut self) -> Result<String, (&'static str, Defect)> {
        let hold = take(&mut self.texts, "hold")?;
        if hold.len() > MAX_NAME {
            return Err(("hold", Defect::TooLong { bytes: hold.len(), limit: MAX_NAME }));
        }
        Ok(hold)
    }
}

impl<'a> Shape<'a> for Meta {
    const MEMBERS: &'static [&'static str] = &[
        "after",
        "applies",
        "before",
        "count",
        "covers",
        "cutoff",
        "effective",
        "format",
        "ground",
        "hold",
        "id",
        "incarnation",
        "kept",
        "key",
        "lost_from",
        "matter",
        "minimum",
        "name",
        "period",
        "plan",
        "reason",
        "request",
        "root",
        "rule",
        "scope",
        "sha256",
        "size",
        "subject",
        "through",
    ];
    type Out = Self;

    fn member<A: MapAccess<'a>>(
        &mut self,
        index: usize,
        reader: &mut Reader<'a>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        let name = <Self as Shape<'a>>::MEMBERS.get(index).copied().unwrap_or_default();
        self.present.push(name);
        match name {
            "after" | "before" | "count" | "format" | "incarnation" | "lost_from" | "size"
            | "through" => self.numbers.push((name, reader.value(map, Uint)?)),
            "cutoff" | "effective" => {
                self.moments.push((name, reader.value(map, timestamp_node())?));
            }
            "minimum" | "period" => {
                let form = "a period: P with years, months and days, or forever";
                self.periods.push((name, reader.value(map, parsed(form))?));
            }
            "covers" | "kept" => {
                // The event's own length bounds how many there can be.
                let ranges = Array { limit: MAX_EVENT, element: |_| RangeNode };
                self.ranges.push((name, reader.value(map, ranges)?));
            }
            "applies" => {
                let parse = |applies: Cow<'a, str>| match &*applies {
                    "all" => Ok(Applies::All),
                    "new" => Ok(Applies::New),
                    _ => Err(Defect::Form { expected: "all or new" }),
                };
                self.applies = Some(reader.value(map, Text { expected: "all or new", parse })?);
            }
            "id" => {
                let parse = |id: Cow<'a, str>| parse_id(&id);
                self.id = Some(reader.value(map, Text { expected: ID_FORM, parse })?);
            }
            "name" => self.name = Some(reader.value(map, parsed("a journal's name"))?),
            "root" => {
                let expected = "32 bytes in padded base64";
                let parse = |root: Cow<'a, str>| {
                    RootHash::from_base64(&root).map_err(|_| Defect::Form { expected })
                };
                self.root = Some(reader.value(map, Text { expected, parse })?);
            }
            "scope" => self.scope = Some(reader.value(map, Object::<ScopeShape<'a>>::new())?),
            "sha256" => {
                self.sha256 = Some(reader.value(map, parsed("64 lowercase hexadecimal digits"))?);
            }
            "subject" => self.subject = Some(reader.value(map, parsed(SubjectRef::FORM))?),
            _ => {
                let parse = |text: Cow<'a, str>| Ok(text.into_owned());
                self.texts.push((name, reader.value(map, Text { expected: "a string", parse })?));
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Self, (&'static str, Defect)> {
        Ok(self)
    }
}

/// A string that parses.
fn parsed<'a, T: std::str::FromStr>(expected: &'static str) -> impl Node<'a, Out = T> {
    Text {
        expected,
        parse: move |text: Cow<'a, str>| text.parse().map_err(|_| Defect::Form { expected }),
    }
}

/// `[first,last]`, both ends included.
struct RangeNode;

impl<'a> Node<'a> for RangeNode {
    type Out = SeqRange;

    fn read<D: serde::Deserializer<'a>>(
        self,
        reader: &mut Reader<'a>,
        deserializer: D,
    ) -> Result<SeqRange, D::Error> {
        let ends = Array { limit: 2, element: |_| Uint }.read(reader, deserializer)?;
        match ends.as_slice() {
            [first, last] if first <= last => Ok((*first, *last)),
            _ => Err(reader.fail(Defect::Form { expected: "[first,last] with first <= last" })),
        }
    }
}

#[derive(Default)]
struct ScopeShape<'a> {
    id: Option<Cow<'a, str>>,
    kind: Option<Cow<'a, str>>,
    subject: Option<SubjectRef>,
    target: Option<Cow<'a, str>>,
}

impl<'a> Shape<'a> for ScopeShape<'a> {
    const MEMBERS: &'static [&'static str] = &["id", "kind", "subject", "type"];
    type Out = HoldScope;

    fn member<A: MapAccess<'a>>(
        &mut self,
        index: usize,
        reader: &mut Reader<'a>,
        map: &mut A,
    ) -> Result<(), A::Error> {
        match index {
            0 => self.id = Some(reader.value(map, id_node())?),
            1 => self.kind = Some(reader.value(map, id_node())?),
            2 => self.subject = Some(reader.value(map, parsed(SubjectRef::FORM))?),
            _ => self.target = Some(reader.value(map, id_node())?),
        }
        Ok(())
    }

    fn finish(self) -> Result<HoldScope, (&'static str, Defect)> {
        let kind = required("kind", self.kind)?;
        let surplus = |member: &'static str, present: bool| {
            if present { Err((member, Defect::Unknown)) } else { Ok(()) }
        };
        if kind != "target" {
            surplus("id", self.id.is_some())?;
            surplus("type", self.target.is_some())?;
        }
        if kind != "subject" {
            surplus("subject", self.subject.is_some())?;
        }
        match &*kind {
            "chain" => Ok(HoldScope::Chain),
            "subject" => Ok(HoldScope::Subject(required("subject", self.subject)?)),
            "target" => Ok(HoldScope::Target {
                kind: required("type", self.target)?.into_owned(),
                id: required("id", self.id)?.into_owned(),
            }),
            _ => Err(("kind", Defect::Form { expected: "chain, subject or target" })),
        }
    }
}
