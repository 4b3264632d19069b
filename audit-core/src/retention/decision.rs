//! What becomes of one record, and by which rules: one order of precedence for everything that
//! speaks about it.

use super::period::Period;
use super::rule::RetentionRule;
use crate::{LegalHold, Timestamp};

/// All that speaks about one record, or about what it says of one person.
///
/// The clock of every period is when the record was sealed, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionCase {
    at: Timestamp,
    holds: Vec<String>,
    minimums: Vec<(String, Period)>,
    erasures: Vec<String>,
    maximums: Vec<(String, Period)>,
    default: Period,
}

impl RetentionCase {
    /// Of a record that was sealed `at`. By default it is kept for ever.
    #[must_use]
    pub const fn new(at: Timestamp) -> Self {
        Self {
            at,
            holds: Vec::new(),
            minimums: Vec::new(),
            erasures: Vec::new(),
            maximums: Vec::new(),
            default: Period::FOREVER,
        }
    }

    /// A hold that covers it.
    #[must_use]
    pub fn hold(mut self, hold: &LegalHold) -> Self {
        self.holds.push(hold.id().to_owned());
        self
    }

    /// A rule that applies to it: its period is a maximum, its statutory minimum a minimum.
    #[must_use]
    pub fn rule(mut self, rule: &RetentionRule) -> Self {
        self.maximums.push((rule.name().to_owned(), rule.period()));
        if let Some(minimum) = rule.statutory_minimum() {
            self = self.minimum(rule.name(), minimum);
        }
        self
    }

    /// A law that keeps it.
    #[must_use]
    pub fn minimum(mut self, law: impl Into<String>, minimum: Period) -> Self {
        self.minimums.push((law.into(), minimum));
        self
    }

    /// The person it is about has asked for its erasure.
    #[must_use]
    pub fn erasure(mut self, request: impl Into<String>) -> Self {
        self.erasures.push(request.into());
        self
    }

    /// How long it is kept where no rule says so.
    #[must_use]
    pub const fn default_period(mut self, period: Period) -> Self {
        self.default = period;
        self
    }
}

/// A rule that spoke, and what it said.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// A hold keeps it until it is released.
    Hold {
        /// The hold's id.
        hold: String,
    },
    /// A statutory minimum that is not over keeps it.
    Minimum {
        /// The law or rule.
        rule: String,
        /// When it is over; `None` for never.
        until: Option<Timestamp>,
    },
    /// The person it is about wants it gone.
    Erasure {
        /// The request.
        request: String,
    },
    /// A maximum: it keeps it while it is not over, and lets it go then.
    Maximum {
        /// The rule.
        rule: String,
        /// Whether it is over.
        over: bool,
        /// When it is; `None` for never.
        until: Option<Timestamp>,
    },
    /// What applies where no maximum does.
    Default {
        /// Whether it is over.
        over: bool,
        /// When it is; `None` for never.
        until: Option<Timestamp>,
    },
}

impl Reason {
    /// Whether it wants the record kept.
    #[must_use]
    pub const fn keeps(&self) -> bool {
        match self {
            Self::Hold { .. } | Self::Minimum { .. } => true,
            Self::Erasure { .. } => false,
            Self::Maximum { over, .. } | Self::Default { over, .. } => !*over,
        }
    }
}

/// What becomes of a record, with every rule that spoke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    // INVARIANT: never empty.
    reasons: Vec<Reason>,
}

impl Decision {
    /// Whether it is kept for now.
    #[must_use]
    pub fn is_kept(&self) -> bool {
        self.ruling().is_none_or(Reason::keeps)
    }

    /// The rule that decided: the first of [`reasons`](Self::reasons).
    #[must_use]
    pub fn ruling(&self) -> Option<&Reason> {
        self.reasons.first()
    }

    /// Every rule that spoke, in the order of precedence.
    #[must_use]
    pub fn reasons(&self) -> &[Reason] {
        &self.reasons
    }
}

/// Decides about a record at `now`, in a fixed order of precedence: a hold before a statutory
/// minimum, that before the erasure its subject asked for, that before the shortest maximum, and
/// that before the default.
///
/// ```
/// use audit_core::{Period, RetentionCase, RetentionRule, Timestamp, resolve};
///
/// let at: Timestamp = "2026-01-01T00:00:00.000000Z".parse()?;
/// let now: Timestamp = "2026-06-01T00:00:00.000000Z".parse()?;
/// let rule = RetentionRule::new("invoices", Period::years(8)).minimum(Period::years(8));
/// let case = RetentionCase::new(at).rule(&rule).erasure("request-7");
/// let decision = resolve(&case, now);
/// assert!(decision.is_kept());
/// assert_eq!(decision.reasons().len(), 3, "the law, the request and the rule");
/// # Ok::<(), audit_core::TimestampError>(())
/// ```
#[must_use]
pub fn resolve(case: &RetentionCase, now: Timestamp) -> Decision {
    let is_over = |period: Period| period.before(now).is_some_and(|cutoff| case.at <= cutoff);
    let until = |period: Period| period.over(case.at);
    // Never is later than any time.
    let end = |until: Option<Timestamp>| (until.is_none(), until);
    let mut reasons: Vec<Reason> =
        case.holds.iter().map(|hold| Reason::Hold { hold: hold.clone() }).collect();
    let mut minimums: Vec<_> = case.minimums.iter().filter(|(_, least)| !is_over(*least)).collect();
    minimums.sort_by_key(|(_, least)| std::cmp::Reverse(end(until(*least))));
    reasons.extend(
        minimums
            .into_iter()
            .map(|(rule, least)| Reason::Minimum { rule: rule.clone(), until: until(*least) }),
    );
    reasons
        .extend(case.erasures.iter().map(|request| Reason::Erasure { request: request.clone() }));
    let mut maximums: Vec<_> = case.maximums.iter().collect();
    maximums.sort_by_key(|(_, most)| (!is_over(*most), end(until(*most))));
    reasons.extend(maximums.into_iter().map(|(rule, most)| Reason::Maximum {
        rule: rule.clone(),
        over: is_over(*most),
        until: until(*most),
    }));
    if case.maximums.is_empty() {
        let period = case.default;
        reasons.push(Reason::Default { over: is_over(period), until: until(period) });
    }
    Decision { reasons }
}

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::HoldScope;

    fn day(day: i64) -> Timestamp {
        Timestamp::from_micros(day.saturating_mul(86_400_000_000)).unwrap()
    }

    fn hold(id: &str) -> LegalHold {
        LegalHold::new(id, "m", HoldScope::Chain).unwrap()
    }

    fn rule(name: &str, days: u32) -> RetentionRule {
        RetentionRule::new(name, Period::days(days))
    }

    fn kept_by(case: &RetentionCase, now: i64) -> (bool, String) {
        let decision = resolve(case, day(now));
        let ruling = match decision.ruling().unwrap() {
            Reason::Hold { hold } => format!("hold {hold}"),
            Reason::Minimum { rule, .. } => format!("minimum {rule}"),
            Reason::Erasure { request } => format!("erasure {request}"),
            Reason::Maximum { rule, .. } => format!("maximum {rule}"),
            Reason::Default { .. } => "default".to_owned(),
        };
        (decision.is_kept(), ruling)
    }

    #[test]
    fn the_order_of_precedence() {
        let case = RetentionCase::new(day(100));
        let by = |kept: bool, rule: &str| (kept, rule.to_owned());
        assert_eq!(kept_by(&case, 9_999), by(true, "default"));
        let case = case.default_period(Period::days(10));
        assert_eq!(kept_by(&case, 109), by(true, "default"));
        assert_eq!(kept_by(&case, 110), by(false, "default"));
        let case = case.rule(&rule("pro", 30)).rule(&rule("log", 20)).rule(&rule("all", 90));
        assert_eq!(kept_by(&case, 119), by(true, "maximum log"));
        assert_eq!(kept_by(&case, 120), by(false, "maximum log"));
        let case = case.erasure("r");
        assert_eq!(kept_by(&case, 101), by(false, "erasure r"));
        let case = case.minimum("short", Period::days(5)).minimum("tax", Period::days(50));
        assert_eq!(kept_by(&case, 101), by(true, "minimum tax"));
        assert_eq!(kept_by(&case, 149), by(true, "minimum tax"));
        assert_eq!(kept_by(&case, 150), by(false, "erasure r"));
        let case = case.hold(&hold("h"));
        assert_eq!(kept_by(&case, 9_999), by(true, "hold h"));
        let decision = resolve(&case, day(101));
        assert_eq!(decision.reasons().len(), 7);
        let until = |reason: &Reason| match reason {
            Reason::Minimum { until, .. } | Reason::Maximum { until, .. } => *until,
            _ => None,
        };
        let untils: Vec<_> = decision.reasons().iter().filter_map(until).collect();
        assert_eq!(untils, [day(150), day(105), day(120), day(130), day(190)]);
    }

    proptest! {
        #[test]
        fn the_decision_is_what_the_order_says(
            held in any::<bool>(),
            minimums in prop::collection::vec(0_u32..60, 0..3),
            erased in any::<bool>(),
            maximums in prop::collection::vec(prop::option::of(0_u32..60), 0..3),
            default in prop::option::of(0_u32..60),
            age in 0_u32..80,
        ) {
            let period = |days: Option<u32>| days.map_or(Period::FOREVER, Period::days);
            let mut case = RetentionCase::new(day(1_000)).default_period(period(default));
            for most in &maximums {
                case = case.rule(&RetentionRule::new("r", period(*most)));
            }
            for least in &minimums {
                case = case.minimum("law", Period::days(*least));
            }
            if erased {
                case = case.erasure("request");
            }
            if held {
                case = case.hold(&hold("h"));
            }
            let now = day(1_000 + i64::from(age));
            let over = |days: Option<u32>| days.is_some_and(|days| days <= age);
            let protected = held || minimums.iter().any(|least| *least > age);
            let due = if maximums.is_empty() {
                over(default)
            } else {
                maximums.iter().any(|most| over(*most))
            };
            let expected = protected || !(erased || due);
            let decision = resolve(&case, now);
            prop_assert_eq!(decision.is_kept(), expected);
            // Every rule that spoke is named, and the first of them decided.
            let unexpired = minimums.iter().filter(|least| **least > age).count();
            let spoke = usize::from(held) + unexpired + usize::from(erased)
                + std::cmp::max(maximums.len(), 1);
            prop_assert_eq!(decision.reasons().len(), spoke);
            prop_assert_eq!(decision.ruling().unwrap().keeps(), expected);
            // A further hold never lets anything go.
            let more = resolve(&case.hold(&hold("more")), now);
            prop_assert!(more.is_kept());
        }
    }
}
