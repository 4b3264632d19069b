//! Reserved entries: what the journal itself records, by which later absences are judged.

mod parse;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::action::{self, RESERVED};
use super::builder::EventBuilder;
use super::{Event, EventError};
use crate::canonical::defect::{Defect, Located};
use crate::{Actor, Applies, JournalName, Period, RootHash, SubjectRef, Timestamp};

/// How many ranges `kept` of one pruning may have.
pub const MAX_KEPT: usize = 2_000;

/// A range of seqs, both ends included.
pub type SeqRange = (u64, u64);

/// What a `journal.*` entry says: the typed `meta` of every reserved action.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reserved {
    /// `journal.event_refused`: a staged event could not be sealed as it was.
    EventRefused {
        /// The event's id.
        id: Uuid,
        /// Why.
        reason: String,
        /// SHA-256 of the bytes that were refused.
        sha256: [u8; 32],
    },
    /// `journal.hold_placed`: these records and their disclosures may not go before the release.
    HoldPlaced {
        /// The seqs that the scope matched when it was placed.
        covers: Vec<SeqRange>,
        /// The hold's id; several entries may belong to one.
        hold: String,
        /// The matter for which it is placed.
        matter: String,
        /// What it covers.
        scope: HoldScope,
    },
    /// `journal.hold_released`.
    HoldReleased {
        /// The hold's id.
        hold: String,
    },
    /// `journal.key_added`: this key may sign, too.
    KeyAdded {
        /// Its verifier key.
        key: String,
    },
    /// `journal.key_retired`: this key may sign no more.
    KeyRetired {
        /// Its verifier key.
        key: String,
    },
    /// `journal.opened`: the first entry of every chain and of nothing else. Its `format` is
    /// always 1.
    Opened {
        /// The journal's verifier key.
        key: String,
        /// The journal's name.
        name: JournalName,
    },
    /// `journal.pruned`: a batch of records was removed.
    Pruned {
        /// The first seq that may be absent.
        after: u64,
        /// The seq below which records may be absent.
        before: u64,
        /// How many records this batch removed.
        count: u64,
        /// The time up to which records were due.
        cutoff: Timestamp,
        /// What stayed: ascending, disjoint, at most [`MAX_KEPT`].
        kept: Vec<SeqRange>,
        /// The rule that was applied.
        rule: String,
    },
    /// `journal.restored`: a declared loss.
    Restored {
        /// The incarnation that begins, 2 or more.
        incarnation: u64,
        /// From here on, history is other than it was.
        lost_from: u64,
        /// The root of the newest checkpoint known outside.
        root: RootHash,
        /// Its size.
        size: u64,
    },
    /// `journal.schedule_changed`: what later pruning is judged by.
    ScheduleChanged {
        /// Which records it binds.
        applies: Applies,
        /// From when on.
        effective: Timestamp,
        /// How long records are kept at least, whatever the period says.
        minimum: Option<Period>,
        /// How long records are kept.
        period: Period,
        /// The tenant's plan.
        plan: String,
        /// The rule's name.
        rule: String,
    },
    /// `journal.subject_erased`: disclosures of this subject may be absent.
    SubjectErased {
        /// The legal ground.
        ground: String,
        /// The request that led to it.
        request: String,
        /// The data subject.
        subject: SubjectRef,
        /// The last seq whose disclosures may be absent.
        through: u64,
    },
}

/// What a hold covers.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HoldScope {
    /// The whole chain, what comes later too.
    Chain,
    /// Records with private fields of this data subject.
    Subject(SubjectRef),
    /// Records with this target.
    Target {
        /// The target's type.
        kind: String,
        /// The target's id.
        id: String,
    },
}

impl Reserved {
    /// The action under which it stands.
    #[must_use]
    pub const fn action(&self) -> &'static str {
        match self {
            Self::EventRefused { .. } => "journal.event_refused",
            Self::HoldPlaced { .. } => "journal.hold_placed",
            Self::HoldReleased { .. } => "journal.hold_released",
            Self::KeyAdded { .. } => "journal.key_added",
            Self::KeyRetired { .. } => "journal.key_retired",
            Self::Opened { .. } => "journal.opened",
            Self::Pruned { .. } => "journal.pruned",
            Self::Restored { .. } => "journal.restored",
            Self::ScheduleChanged { .. } => "journal.schedule_changed",
            Self::SubjectErased { .. } => "journal.subject_erased",
        }
    }

    /// The event that says so, for the journal's own use.
    ///
    /// A store records it where it did what the event says, in the same transaction; it does not
    /// take such an event from its host.
    ///
    /// # Errors
    ///
    /// As [`EventBuilder::build`], of [`builder`](Self::builder).
    pub fn event(&self, actor: Actor) -> Result<Event, EventError> {
        self.builder(actor).build()
    }

    /// The event that says so, to which targets, an outcome and private fields may be added, but
    /// no `meta`.
    ///
    /// What the format forbids (`kept` out of order, an empty stretch) is reported by
    /// [`EventBuilder::build`].
    pub fn builder(&self, actor: Actor) -> EventBuilder {
        EventBuilder::reserved(self.action(), actor, self.meta())
    }

    fn meta(&self) -> Map<String, Value> {
        let meta = match self {
            Self::EventRefused { id, reason, sha256 } => json!({
                "id": id.hyphenated().to_string(),
                "reason": reason,
                "sha256": crate::hash::hex(sha256, &mut [0; 64]),
            }),
            Self::HoldPlaced { covers, hold, matter, scope } => json!({
                "covers": covers,
                "hold": hold,
                "matter": matter,
                "scope": match scope {
                    HoldScope::Chain => json!({"kind": "chain"}),
                    HoldScope::Subject(subject) => json!({"kind": "subject", "subject": subject}),
                    HoldScope::Target { kind, id } => {
                        json!({"id": id, "kind": "target", "type": kind})
                    }
                },
            }),
            Self::HoldReleased { hold } => json!({ "hold": hold }),
            Self::KeyAdded { key } | Self::KeyRetired { key } => json!({ "key": key }),
            Self::Opened { key, name } => {
                json!({"format": crate::FORMAT_VERSION, "key": key, "name": name})
            }
            Self::Pruned { after, before, count, cutoff, kept, rule } => json!({
                "after": after,
                "before": before,
                "count": count,
                "cutoff": cutoff,
                "kept": kept,
                "rule": rule,
            }),
            Self::Restored { incarnation, lost_from, root, size } => json!({
                "incarnation": incarnation,
                "lost_from": lost_from,
                "root": root.to_base64(),
                "size": size,
            }),
            Self::ScheduleChanged { applies, effective, minimum, period, plan, rule } => {
                let mut meta = json!({
                    "applies": match applies {
                        Applies::All => "all",
                        Applies::New => "new",
                    },
                    "effective": effective,
                    "period": period,
                    "plan": plan,
                    "rule": rule,
                });
                if let (Some(minimum), Some(meta)) = (minimum, meta.as_object_mut()) {
                    meta.insert("minimum".to_owned(), json!(minimum));
                }
                meta
            }
            Self::SubjectErased { ground, request, subject, through } => json!({
                "ground": ground,
                "request": request,
                "subject": subject,
                "through": through,
            }),
        };
        match meta {
            Value::Object(meta) => meta,
            // Each arm above makes an object.
            _ => Map::new(),
        }
    }

    /// Reads what a reserved action's `meta` (canonical JSON) says.
    pub(crate) fn read(action: &str, meta: Option<&str>) -> Result<Self, Located> {
        let within = |problem: Located| problem.within("meta");
        let name = action.strip_prefix(RESERVED).unwrap_or_default();
        if !parse::is_known(name) {
            return Err(
                Located::from(Defect::Form { expected: action::RESERVED_FORM }).within("action")
            );
        }
        let meta = meta.ok_or_else(|| within(Defect::Missing.into()))?;
        parse::read(name, meta).map_err(within)
    }
}
