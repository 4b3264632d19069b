//! What an erasure would do, item by item, before it does anything.

use std::collections::BTreeMap;

use audit_core::{Decision, HoldScope, LegalHold, Period, RetentionCase, Timestamp, resolve};
use serde::Serialize;
use uuid::Uuid;

use crate::data_map::source::SourceDeclaration;
use crate::erasure::blocker::Blocker;
use crate::erasure::certificate::hex_digest;
use crate::source::PersonalDataSource;
use crate::source::error::SourceError;
use crate::source::permit::{Permit, Reason, Until};
use crate::source::record::{Kept, Step};
use crate::source::selection::Selection;
use crate::source::walk::foresee_all;

/// Records of a source that stay for the same reasons.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlannedKept {
    /// Whether other fields of theirs are erased.
    pub in_part: bool,
    /// Every rule that spoke for keeping them, in the order of precedence.
    pub reasons: Vec<Reason>,
    /// How many records.
    pub records: u64,
}

/// What would become of the person's records in one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PlannedSource {
    /// How many would be erased, in full or in part.
    pub erased: u64,
    /// Those that would be kept, in full or in part, by their reasons.
    pub kept: Vec<PlannedKept>,
    /// The source.
    pub source: String,
    /// How many of its fields go by which strategy.
    pub strategies: BTreeMap<String, u64>,
}

/// What an erasure would do, in the order in which it would: counts and reasons, and no data.
// The fields stand in the order of their names, so that what serde writes is canonical.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ErasurePlan {
    /// What forbids the erasure as a whole. Empty if nothing does.
    pub blocked: Vec<Reason>,
    /// The legal ground.
    pub ground: String,
    /// The request.
    pub request: Uuid,
    /// Source by source.
    pub sources: Vec<PlannedSource>,
}

/// A plan that may not be carried out. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Something forbids the erasure as a whole.
    #[error("the erasure is blocked on {} grounds", reasons.len())]
    Blocked {
        /// Every reason.
        reasons: Vec<Reason>,
    },
    /// What was approved is another plan: the data, a hold or a rule has changed since.
    #[error("what was approved is another plan than what would be done now")]
    Stale,
}

impl ErasurePlan {
    /// Looks at every record of the person in these sources, in their order: which would go, which
    /// would stay, and why. Changes nothing.
    ///
    /// # Errors
    ///
    /// [`SourceError`] of a source, the permit or a blocker.
    pub async fn make(
        (request, ground): (Uuid, impl Into<String>),
        (sources, person): (&[&dyn PersonalDataSource], &Selection),
        step: &Step,
        permit: &dyn Permit,
        blockers: &[&dyn Blocker],
    ) -> Result<Self, SourceError> {
        let mut blocked = Vec::new();
        for blocker in blockers {
            blocked.extend(blocker.blocks(person).await?);
        }
        blocked.sort();
        let mut planned = Vec::with_capacity(sources.len());
        for source in sources {
            let mut kept: BTreeMap<(Vec<Reason>, bool), u64> = BTreeMap::new();
            let erased = foresee_all(*source, person, step, permit, |applied| {
                for one in &applied.kept {
                    let count = kept.entry((in_order(one, request), is_in_part(one))).or_default();
                    *count = count.saturating_add(1);
                }
            });
            let erased = erased.await?;
            let kept = kept.into_iter().map(|((reasons, in_part), records)| PlannedKept {
                in_part,
                reasons,
                records,
            });
            planned.push(PlannedSource {
                erased,
                kept: kept.collect(),
                source: source.declaration().name().to_owned(),
                strategies: strategies(source.declaration()),
            });
        }
        Ok(Self { blocked, ground: ground.into(), request, sources: planned })
    }

    /// Whether there is no record to be erased or kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sources.iter().all(|source| source.erased == 0 && source.kept.is_empty())
    }

    /// The SHA-256 of the plan as canonical JSON, in hexadecimal: what is approved. Another count,
    /// another reason, another order are another digest.
    #[must_use]
    pub fn digest(&self) -> String {
        // Its members are texts and numbers, which always serialise.
        hex_digest(serde_json::to_string(self).unwrap_or_default().as_bytes())
    }

    /// Whether it may be carried out on an approval of that digest.
    ///
    /// # Errors
    ///
    /// [`PlanError::Stale`], [`PlanError::Blocked`].
    pub fn may_begin(&self, approved: &str) -> Result<(), PlanError> {
        if self.digest() != approved {
            return Err(PlanError::Stale);
        }
        if !self.blocked.is_empty() {
            return Err(PlanError::Blocked { reasons: self.blocked.clone() });
        }
        Ok(())
    }
}

fn is_in_part(kept: &Kept) -> bool {
    !kept.fields.is_empty()
}

/// How many fields of a source go by which strategy.
pub(crate) fn strategies(declaration: &SourceDeclaration) -> BTreeMap<String, u64> {
    let mut strategies: BTreeMap<String, u64> = BTreeMap::new();
    for field in declaration.fields() {
        if let Some(strategy) = declaration.strategy_of(field) {
            let count = strategies.entry(strategy.to_string()).or_default();
            *count = count.saturating_add(1);
        }
    }
    strategies
}

/// The reasons for keeping a record, in the order of precedence.
fn in_order(kept: &Kept, request: Uuid) -> Vec<Reason> {
    let decision = verdict(&kept.reasons, request);
    let rank = |reason: &Reason| {
        decision.reasons().iter().position(|rule| match (rule, &reason.until) {
            (audit_core::Reason::Hold { hold }, Until::HoldReleased(own)) => hold == own,
            (audit_core::Reason::Minimum { rule, .. }, _) => *rule == reason.ground,
            _ => false,
        })
    };
    let mut reasons = kept.reasons.clone();
    reasons.sort_by_key(|reason| (rank(reason), reason.clone()));
    reasons.dedup();
    reasons
}

/// What becomes of a record for whose erasure a request speaks, and these reasons against it: every
/// rule that spoke, in the journal's one order of precedence (a hold, a statutory minimum, the
/// request). Without a reason to keep it, it goes.
#[must_use]
pub fn verdict(reasons: &[Reason], request: Uuid) -> Decision {
    let now = Timestamp::MIN;
    let mut case = RetentionCase::new(now).erasure(request.to_string());
    for reason in reasons {
        let hold = match &reason.until {
            Until::HoldReleased(hold) => {
                LegalHold::new(hold, &reason.ground, HoldScope::Chain).ok()
            }
            _ => None,
        };
        case = match hold {
            Some(hold) => case.hold(&hold),
            // That it is not over was decided by whoever named it.
            None => case.minimum(&reason.ground, Period::FOREVER),
        };
    }
    resolve(&case, now)
}
