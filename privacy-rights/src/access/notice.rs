//! What a person is to be told that no data map knows.

use std::collections::BTreeMap;

/// Whether decisions are taken about people by machines alone (GDPR Art. 15(1)(h), Art. 22).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AutomatedDecisions {
    /// None.
    None,
    /// Some: the logic involved, and what they mean for the person.
    Some {
        /// How they come about.
        logic: String,
        /// Their significance and envisaged consequences.
        consequences: String,
    },
}

/// What a person is to be told with their data (GDPR Art. 15(1)) that no data map knows. There is no
/// default for any of it: the host says so.
///
/// ```
/// use privacy_rights::{AccessNotice, AutomatedDecisions};
///
/// let notice = AccessNotice::new(
///     "Data Protection Authority, Brussels, https://www.dataprotectionauthority.be",
///     "From you, when you opened your account and when you bought something.",
///     AutomatedDecisions::None,
/// )
/// .origin("newsletter", "From the fair at which you left your card.");
/// # let _ = notice;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessNotice {
    pub(super) authority: String,
    pub(super) origin: String,
    pub(super) origins: BTreeMap<String, String>,
    pub(super) automated: AutomatedDecisions,
}

impl AccessNotice {
    /// With which authority to lodge a complaint (f), where the data comes from (g), and whether
    /// machines decide (h).
    pub fn new(
        authority: impl Into<String>,
        origin: impl Into<String>,
        automated: AutomatedDecisions,
    ) -> Self {
        Self {
            authority: authority.into(),
            origin: origin.into(),
            origins: BTreeMap::new(),
            automated,
        }
    }

    /// Where the data of one source comes from, if from elsewhere.
    #[must_use]
    pub fn origin(mut self, source: impl Into<String>, origin: impl Into<String>) -> Self {
        self.origins.insert(source.into(), origin.into());
        self
    }
}
