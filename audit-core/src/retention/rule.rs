//! Record series and their rules: what is kept together, and for how long under each plan.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::period::Period;
use crate::event::action;

/// Which actions belong to a series: one (`user.login`), or all below a name (`user.*`).
///
/// ```
/// use audit_core::ActionPattern;
///
/// let pattern: ActionPattern = "user.*".parse()?;
/// assert!(pattern.matches("user.login") && pattern.matches("user.role.changed"));
/// assert!(!pattern.matches("users.listed"));
/// # Ok::<(), audit_core::ScheduleError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionPattern {
    // INVARIANT: an action, or a dotted name and a dot.
    text: String,
    is_prefix: bool,
}

impl ActionPattern {
    /// Whether it takes this action in.
    #[must_use]
    pub fn matches(&self, action: &str) -> bool {
        if self.is_prefix { action.starts_with(&self.text) } else { action == self.text }
    }

    /// How narrow it is: of several that match, the greatest decides.
    pub(super) fn narrowness(&self) -> (bool, usize) {
        (!self.is_prefix, self.text.len())
    }
}

impl FromStr for ActionPattern {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let refused = || ScheduleError::Pattern { pattern: text.to_owned() };
        // An action has two parts at least, a prefix of one has one.
        let (name, is_prefix) = match text.strip_suffix(".*") {
            Some(name) => (format!("{name}.x"), true),
            None => (text.to_owned(), false),
        };
        if action::check(&name).is_err() || action::is_reserved(&name) {
            return Err(refused());
        }
        let text = text.strip_suffix('*').unwrap_or(text).to_owned();
        Ok(Self { text, is_prefix })
    }
}

impl fmt::Display for ActionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)?;
        if self.is_prefix { f.write_str("*") } else { Ok(()) }
    }
}

impl fmt::Debug for ActionPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ActionPattern({self})")
    }
}

/// How long the records of a series are kept under one plan, counted from when each was sealed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RetentionRule {
    pub(super) name: String,
    pub(super) period: Period,
    pub(super) minimum: Option<Period>,
    pub(super) export: bool,
}

impl RetentionRule {
    /// A rule of that name: records go after `period`. No statutory minimum, export allowed.
    ///
    /// The name stands in every entry that records the rule or a pruning under it.
    pub fn new(name: impl Into<String>, period: Period) -> Self {
        Self { name: name.into(), period, minimum: None, export: true }
    }

    /// The law keeps them this long, whatever the plan says.
    #[must_use]
    pub const fn minimum(mut self, minimum: Period) -> Self {
        self.minimum = Some(minimum);
        self
    }

    /// Whether the plan includes exporting them. The host decides by it what it offers; no call of
    /// the journal does.
    #[must_use]
    pub const fn export(mut self, allowed: bool) -> Self {
        self.export = allowed;
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How long records are kept.
    #[must_use]
    pub const fn period(&self) -> Period {
        self.period
    }

    /// How long the law keeps them.
    #[must_use]
    pub const fn statutory_minimum(&self) -> Option<Period> {
        self.minimum
    }

    /// Whether the plan includes exporting them.
    #[must_use]
    pub const fn export_allowed(&self) -> bool {
        self.export
    }
}

/// Records that one rule applies to under each plan: a chain of each tenant's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordSeries {
    pub(super) name: String,
    pub(super) patterns: Vec<Result<ActionPattern, ScheduleError>>,
    pub(super) rules: BTreeMap<String, RetentionRule>,
}

impl RecordSeries {
    /// The series that users ask for besides: what machines say about their work (`job.*`,
    /// `integration.*`, `system.*`), kept [`OPERATIONAL`](Self::OPERATIONAL) under every plan of
    /// these names.
    #[must_use]
    pub fn operational_logs<'a>(plans: impl IntoIterator<Item = &'a str>) -> Self {
        let rule = RetentionRule::new("operational-logs", Self::OPERATIONAL);
        let series = ["job.*", "integration.*", "system.*"]
            .into_iter()
            .fold(Self::new("operational"), Self::action);
        plans.into_iter().fold(series, |series, plan| series.plan(plan, rule.clone()))
    }

    /// How long operational logs are kept: 90 days.
    pub const OPERATIONAL: Period = Period::days(90);

    /// A series of that name, which is the second part of its chains' names.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), patterns: Vec::new(), rules: BTreeMap::new() }
    }

    /// Takes these actions in: one, or all below a name (`user.*`).
    #[must_use]
    pub fn action(mut self, pattern: &str) -> Self {
        self.patterns.push(pattern.parse());
        self
    }

    /// The rule under one plan.
    #[must_use]
    pub fn plan(mut self, plan: impl Into<String>, rule: RetentionRule) -> Self {
        self.rules.insert(plan.into(), rule);
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn patterns(&self) -> impl Iterator<Item = &ActionPattern> {
        self.patterns.iter().filter_map(|pattern| pattern.as_ref().ok())
    }
}

/// Why something is no retention schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// The law keeps the records longer than the rule would.
    #[error(
        "{series} under {plan}: the period {period} ends before the statutory minimum {minimum}"
    )]
    BelowMinimum {
        /// The series.
        series: String,
        /// The plan.
        plan: String,
        /// The rule's period.
        period: Period,
        /// The minimum.
        minimum: Period,
    },
    /// A plan's or rule's name is empty, longer than 256 bytes or has a control character.
    #[error("{series}: the name of a plan or rule has 1 to 256 bytes and no control characters")]
    Name {
        /// The series.
        series: String,
    },
    /// A series has no rule for a plan that another series has one for.
    #[error("{series} has no rule for the plan {plan}")]
    NoRule {
        /// The series.
        series: String,
        /// The plan.
        plan: String,
    },
    /// Neither an action nor a name followed by `.*`, or one of the journal's own.
    #[error("{pattern:?} is neither an action nor a prefix such as user.*")]
    Pattern {
        /// What was given.
        pattern: String,
    },
    /// Two series take the same actions in.
    #[error("both {one} and {other} take {pattern}")]
    SamePattern {
        /// One series.
        one: String,
        /// The other.
        other: String,
        /// The pattern.
        pattern: String,
    },
    /// Two series have one name.
    #[error("two series are named {series}")]
    SameSeries {
        /// The name.
        series: String,
    },
    /// A series' name does not match `[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?`.
    #[error("a series' name matches [a-z0-9]([a-z0-9._-]{{0,62}}[a-z0-9])?")]
    SeriesName,
    /// The schedule has no such plan.
    #[error("the schedule has no plan {plan}")]
    UnknownPlan {
        /// The plan.
        plan: String,
    },
}
