//! The clocks of one law or contract.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::rule::Rule;

/// What is owed, by name: the answer to a request, the notice of a breach, or whatever a contract
/// promises.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Duty(Cow<'static, str>);

impl Duty {
    /// To act on a request, or to say why not.
    pub const ANSWER: Self = Self(Cow::Borrowed("answer"));
    /// To confirm that a request came.
    pub const CONFIRM: Self = Self(Cow::Borrowed("confirm"));
    /// To limit the use of sensitive data.
    pub const LIMIT: Self = Self(Cow::Borrowed("limit"));
    /// To stop selling and sharing.
    pub const OPT_OUT: Self = Self(Cow::Borrowed("opt_out"));
    /// To tell the supervisory authority of a breach.
    pub const TELL_AUTHORITY: Self = Self(Cow::Borrowed("tell_authority"));

    /// Something else that is owed.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self(name.into())
    }

    /// To tell an audience of a breach: the users of a service, the tenants of a platform. The law
    /// gives no number ("without undue delay", GDPR Art. 34(1)); contracts do.
    #[must_use]
    pub fn tell(audience: &str) -> Self {
        Self(Cow::Owned(format!("tell_{audience}")))
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Duty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The clocks of one law or contract: for each [`Duty`] its [`Rule`].
///
/// It is data, and serialises as such: [`Regime::gdpr`], [`Regime::uk_gdpr`] and [`Regime::ccpa`]
/// are given; others, and amendments of these, are written down in the same form.
///
/// ```
/// use privacy_rights::{Duty, Period, Regime, Rule};
///
/// // Were the 72 hours of Art. 33 to become 96, this is all that changes.
/// let rule = Rule::new("awareness of the breach", Period::Hours(96), "GDPR Art. 33(1), amended");
/// let amended = Regime::gdpr().with(Duty::TELL_AUTHORITY, rule);
/// assert_eq!(amended.rule(&Duty::TELL_AUTHORITY).map(Rule::period), Some(Period::Hours(96)));
///
/// // What a service promises is a regime like any other.
/// let terms = Regime::new("terms of service").with(
///     Duty::new("backups_gone"),
///     Rule::new("the deletion", Period::Days(30), "Terms of service 9.3"),
/// );
/// # let _ = terms;
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Regime {
    name: String,
    rules: BTreeMap<Duty, Rule>,
}

impl Regime {
    /// A law or a contract of that name, with nothing in it yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), rules: BTreeMap::new() }
    }

    /// With that rule for that duty, in place of the one before.
    #[must_use]
    pub fn with(mut self, duty: Duty, rule: Rule) -> Self {
        self.rules.insert(duty, rule);
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The rule for that duty, if it knows one.
    #[must_use]
    pub fn rule(&self, duty: &Duty) -> Option<&Rule> {
        self.rules.get(duty)
    }

    /// What it knows, by name.
    pub fn duties(&self) -> impl Iterator<Item = (&Duty, &Rule)> {
        self.rules.iter()
    }
}
