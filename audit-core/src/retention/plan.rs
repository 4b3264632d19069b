//! The retention schedule of a product: its record series, its plans, and what a change of plan
//! does.

use std::collections::BTreeSet;

use super::period::Period;
use super::rule::{RecordSeries, RetentionRule, ScheduleError};
use crate::canonical::MAX_NAME;
use crate::name::is_part;

/// What becomes of records whose period gets shorter, because a tenant goes to a smaller plan or
/// the schedule itself was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Downgrade {
    /// Records keep the period they were sealed under; the shorter one is for new ones.
    KeepStamped,
    /// The shorter period is for all records, but only after so many days.
    Grace(u32),
    /// The shorter period is for all records at once: the next sweep removes them.
    Immediate,
}

impl Downgrade {
    /// The days of grace by default: 30.
    pub const GRACE: u32 = 30;
}

impl Default for Downgrade {
    fn default() -> Self {
        Self::Grace(Self::GRACE)
    }
}

/// How long records are kept: record series, each with a rule for every plan.
///
/// Nothing is kept for less than it was promised when it was sealed but by the
/// [downgrade rule](Downgrade), and nothing for less than its statutory minimum. What no schedule
/// names is kept for ever. Periods count from when a record was sealed, and from nothing else.
///
/// ```
/// use audit_core::{Period, RecordSeries, RetentionRule, RetentionSchedule};
///
/// let forever = RetentionRule::new("security", Period::FOREVER);
/// let schedule = RetentionSchedule::new(
///     RecordSeries::new("default")
///         .plan("free", RetentionRule::new("default", Period::days(30)).export(false))
///         .plan("pro", RetentionRule::new("default", Period::years(2))),
///     [RecordSeries::new("security")
///         .action("user.*")
///         .action("settings.changed")
///         .plan("free", forever.clone())
///         .plan("pro", forever)],
/// )?;
/// assert_eq!(schedule.series_of("user.login"), "security");
/// assert_eq!(schedule.series_of("invoice.approved"), "default");
/// assert_eq!(schedule.rule("default", "free")?.map(RetentionRule::period), Some(Period::days(30)));
/// assert!(schedule.rule("default", "gold").is_err());
/// # Ok::<(), audit_core::ScheduleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetentionSchedule {
    // INVARIANT: the first is the default one; every series has a rule for each of the plans.
    series: Vec<RecordSeries>,
    plans: BTreeSet<String>,
    default_plan: Option<String>,
    downgrade: Downgrade,
}

impl RetentionSchedule {
    /// The first plan of [`three_plans`](Self::three_plans): 90 days.
    pub const STARTER: Period = Period::days(90);
    /// The second plan of [`three_plans`](Self::three_plans): a year.
    pub const PRO: Period = Period::years(1);
    /// The third plan of [`three_plans`](Self::three_plans): three years.
    pub const BUSINESS: Period = Period::years(3);
    /// What [`two_years`](Self::two_years) keeps.
    pub const TWO_YEARS: Period = Period::years(2);

    /// A schedule of these series. `default` takes all actions that no pattern of the others
    /// matches; of several that do, the narrowest decides.
    ///
    /// # Errors
    ///
    /// Any [`ScheduleError`] but `UnknownPlan`: among others, a period that is ever shorter than
    /// its statutory minimum, and a series without a rule for a plan that another one has.
    pub fn new(
        default: RecordSeries,
        others: impl IntoIterator<Item = RecordSeries>,
    ) -> Result<Self, ScheduleError> {
        let series: Vec<RecordSeries> = std::iter::once(default).chain(others).collect();
        let plans: BTreeSet<String> =
            series.iter().flat_map(|series| series.rules.keys().cloned()).collect();
        for (n, one) in series.iter().enumerate() {
            check(one, &plans)?;
            for other in series.iter().skip(n.saturating_add(1)) {
                distinct(one, other)?;
            }
        }
        Ok(Self { series, plans, default_plan: None, downgrade: Downgrade::default() })
    }

    /// One series, `default`, and three plans: `starter` keeps it [90 days](Self::STARTER), `pro`
    /// [a year](Self::PRO), `business` [three years](Self::BUSINESS).
    #[must_use]
    pub fn three_plans() -> Self {
        let plans = [("starter", Self::STARTER), ("pro", Self::PRO), ("business", Self::BUSINESS)];
        Self::of_one_series(&plans)
    }

    /// One series, `default`, and one plan, `standard`, which is every tenant's: all is kept
    /// [two years](Self::TWO_YEARS).
    #[must_use]
    pub fn two_years() -> Self {
        let standard = "standard";
        let schedule = Self::of_one_series(&[(standard, Self::TWO_YEARS)]);
        Self { default_plan: Some(standard.to_owned()), ..schedule }
    }

    fn of_one_series(plans: &[(&str, Period)]) -> Self {
        let rule = |plan: &str, period| RetentionRule::new(format!("default-{plan}"), period);
        let series = plans.iter().fold(RecordSeries::new("default"), |series, (plan, period)| {
            series.plan(*plan, rule(plan, *period))
        });
        let plans = series.rules.keys().cloned().collect();
        Self { series: vec![series], plans, default_plan: None, downgrade: Downgrade::default() }
    }

    /// One more series.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with(self, series: RecordSeries) -> Result<Self, ScheduleError> {
        let Self { series: mut all, default_plan, downgrade, .. } = self;
        all.push(series);
        let mut all = all.into_iter();
        let default = all.next().unwrap_or_else(|| RecordSeries::new("default"));
        Ok(Self { default_plan, downgrade, ..Self::new(default, all)? })
    }

    /// What becomes of records whose period gets shorter; 30 days of grace by default.
    #[must_use]
    pub const fn downgrade(mut self, rule: Downgrade) -> Self {
        self.downgrade = rule;
        self
    }

    /// The plan of tenants that have none of their own. Without it their records are kept for ever.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::UnknownPlan`].
    pub fn default_plan(mut self, plan: &str) -> Result<Self, ScheduleError> {
        self.known(plan)?;
        self.default_plan = Some(plan.to_owned());
        Ok(self)
    }

    /// The plan of tenants that have none of their own.
    #[must_use]
    pub fn plan_by_default(&self) -> Option<&str> {
        self.default_plan.as_deref()
    }

    /// The plans, by name.
    pub fn plans(&self) -> impl Iterator<Item = &str> {
        self.plans.iter().map(String::as_str)
    }

    /// The series, the default one first.
    pub fn series(&self) -> impl Iterator<Item = &RecordSeries> {
        self.series.iter()
    }

    /// What becomes of records whose period gets shorter.
    #[must_use]
    pub const fn downgrade_rule(&self) -> Downgrade {
        self.downgrade
    }

    /// The name of the series that an action belongs to.
    #[must_use]
    pub fn series_of(&self, action: &str) -> &str {
        let candidates = self
            .series
            .iter()
            .flat_map(|series| series.patterns().map(move |pattern| (pattern, &series.name)));
        let narrowest = candidates
            .filter(|(pattern, _)| pattern.matches(action))
            .max_by_key(|(pattern, _)| pattern.narrowness());
        let default = || self.series.first().map_or("default", |series| &series.name);
        narrowest.map_or_else(default, |(_, name)| name)
    }

    /// The rule of a series under a plan; `None` for a series that the schedule does not name,
    /// whose records are kept for ever.
    ///
    /// # Errors
    ///
    /// [`ScheduleError::UnknownPlan`].
    pub fn rule(&self, series: &str, plan: &str) -> Result<Option<&RetentionRule>, ScheduleError> {
        self.known(plan)?;
        let of = self.series.iter().find(|of| of.name == series);
        Ok(of.and_then(|series| series.rules.get(plan)))
    }

    fn known(&self, plan: &str) -> Result<(), ScheduleError> {
        if self.plans.contains(plan) {
            return Ok(());
        }
        Err(ScheduleError::UnknownPlan { plan: plan.to_owned() })
    }
}

fn check(series: &RecordSeries, plans: &BTreeSet<String>) -> Result<(), ScheduleError> {
    if !is_part(&series.name) {
        return Err(ScheduleError::SeriesName);
    }
    let name = || series.name.clone();
    for pattern in &series.patterns {
        pattern.clone()?;
    }
    for (plan, rule) in &series.rules {
        if !is_name(plan) || !is_name(&rule.name) {
            return Err(ScheduleError::Name { series: name() });
        }
        if let Some(minimum) = rule.minimum.filter(|minimum| rule.period.is_ever_shorter(*minimum))
        {
            let (series, plan, period) = (name(), plan.clone(), rule.period);
            return Err(ScheduleError::BelowMinimum { series, plan, period, minimum });
        }
    }
    match plans.iter().find(|plan| !series.rules.contains_key(*plan)) {
        Some(plan) => Err(ScheduleError::NoRule { series: name(), plan: plan.clone() }),
        None => Ok(()),
    }
}

fn distinct(one: &RecordSeries, other: &RecordSeries) -> Result<(), ScheduleError> {
    if one.name == other.name {
        return Err(ScheduleError::SameSeries { series: one.name.clone() });
    }
    let same = one.patterns().find(|pattern| other.patterns().any(|of| of == *pattern));
    same.map_or(Ok(()), |pattern| {
        Err(ScheduleError::SamePattern {
            one: one.name.clone(),
            other: other.name.clone(),
            pattern: pattern.to_string(),
        })
    })
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= MAX_NAME && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(days: u32) -> RetentionRule {
        RetentionRule::new("r", Period::days(days))
    }

    fn series(name: &str) -> RecordSeries {
        RecordSeries::new(name).plan("pro", rule(9))
    }

    #[test]
    fn presets_are_what_they_say() {
        let three = RetentionSchedule::three_plans();
        let period =
            |plan: &str| three.rule("default", plan).unwrap().unwrap().period().to_string();
        assert_eq!(
            (period("starter"), period("pro"), period("business")),
            ("P90D".to_owned(), "P1Y".to_owned(), "P3Y".to_owned())
        );
        assert_eq!((three.plan_by_default(), three.downgrade_rule()), (None, Downgrade::Grace(30)));
        let flat = RetentionSchedule::two_years();
        let plan = flat.plan_by_default().unwrap();
        assert_eq!(flat.rule("default", plan).unwrap().unwrap().period(), Period::years(2));
        let plans: Vec<_> = three.plans().collect();
        let logs = RecordSeries::operational_logs(plans.iter().copied());
        let with = three.clone().with(logs).unwrap();
        assert_eq!(with.series_of("job.finished"), "operational");
        assert_eq!(with.series_of("user.login"), "default");
        assert_eq!(with.rule("operational", "pro").unwrap().unwrap().period().to_string(), "P90D");
        assert_eq!(with.rule("other", "pro"), Ok(None));
        let unknown = ScheduleError::UnknownPlan { plan: "gold".into() };
        assert_eq!(with.rule("default", "gold"), Err(unknown.clone()));
        assert_eq!(with.default_plan("gold"), Err(unknown));
    }

    #[test]
    fn the_narrowest_pattern_decides() {
        let schedule = RetentionSchedule::new(
            series("rest"),
            [
                series("people").action("user.*").action("account.closed"),
                series("roles").action("user.role.*").action("user.promoted"),
            ],
        )
        .unwrap();
        for (action, of) in [
            ("user.login", "people"),
            ("user.promoted", "roles"),
            ("user.promoted.twice", "people"),
            ("user.role.changed", "roles"),
            ("user.role", "people"),
            ("account.closed", "people"),
            ("account.opened", "rest"),
            ("users.listed", "rest"),
        ] {
            assert_eq!(schedule.series_of(action), of, "{action}");
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        let new = |default, other| RetentionSchedule::new(default, [other]).unwrap_err();
        let other = || series("other");
        let with = |rule| RecordSeries::new("default").plan("pro", rule);
        let short = || with(rule(9).minimum(Period::days(10)));
        assert_eq!(
            new(short(), other()),
            ScheduleError::BelowMinimum {
                series: "default".into(),
                plan: "pro".into(),
                period: Period::days(9),
                minimum: Period::days(10),
            }
        );
        // Not every month has thirty days.
        let monthly = RetentionRule::new("r", Period::months(1)).minimum(Period::days(30));
        assert!(matches!(new(with(monthly), other()), ScheduleError::BelowMinimum { .. }));
        assert!(
            RetentionSchedule::new(with(rule(31).minimum(Period::months(1))), [other()]).is_ok()
        );
        let free = || series("default").plan("free", rule(1));
        assert_eq!(
            new(free(), other()),
            ScheduleError::NoRule { series: "other".into(), plan: "free".into() }
        );
        assert_eq!(new(other(), other()), ScheduleError::SameSeries { series: "other".into() });
        let users = |name: &str| series(name).action("user.*");
        assert_eq!(
            new(users("a"), users("b")),
            ScheduleError::SamePattern {
                one: "a".into(),
                other: "b".into(),
                pattern: "user.*".into(),
            }
        );
        assert_eq!(new(series("A"), other()), ScheduleError::SeriesName);
        let name = || ScheduleError::Name { series: "default".into() };
        assert_eq!(new(RecordSeries::new("default").plan("", rule(1)), other()), name());
        assert_eq!(new(with(RetentionRule::new("a\nb", Period::days(1))), other()), name());
        for pattern in [
            "",
            "*",
            ".*",
            "user",
            "user*",
            "user.**",
            "User.*",
            "journal.*",
            "journal.pruned",
            "user.*.x",
            "user..*",
        ] {
            let error = new(series("a").action(pattern), other());
            assert_eq!(error, ScheduleError::Pattern { pattern: pattern.to_owned() });
        }
    }
}
