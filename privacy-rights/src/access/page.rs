//! The page that a person reads.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use chrono::{DateTime, SecondsFormat, Utc};

use crate::access::error::AccessError;
use crate::access::manifest::{BundleForm, Explained, NotGiven};
use crate::access::notice::{AccessNotice, AutomatedDecisions};
use crate::access::rules::Columns;
use crate::data_map::DataMap;
use crate::data_map::party::Countries;
use crate::data_map::purpose::LegalBasis;

/// What the page shows of a source.
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) stem: String,
    pub(super) rows: u64,
    pub(super) files: u64,
    pub(super) header: Vec<String>,
    pub(super) first: Vec<Vec<String>>,
    pub(super) fields: Vec<ShownField>,
}

pub(super) struct ShownField {
    name: String,
    sentence: String,
    category: String,
    purpose: String,
    kept: String,
    given: String,
}

impl ShownField {
    /// What is said of each field of a source.
    pub(super) fn all(map: &DataMap, columns: &Columns<'_>) -> Vec<Self> {
        let source = columns.source();
        let one = |column: &crate::access::rules::Column<'_>| {
            let field = column.field;
            let purpose = source.purpose_of(field).and_then(|name| map.purpose(name));
            let special = field.special_ground().map(|ground| format!(" ({ground})"));
            let given = match (column.is_given(), column.ground()) {
                (true, "") => "in full".to_owned(),
                (true, ground) => format!("in part: {ground}"),
                (false, ground) => format!("not given: {ground}"),
            };
            Self {
                name: field.name().to_owned(),
                sentence: field.sentence().to_owned(),
                category: format!("{}{}", field.category().name(), special.unwrap_or_default()),
                purpose: purpose.map(|purpose| purpose.words().to_owned()).unwrap_or_default(),
                kept: source.retention_of(field).map(|kept| kept.words()).unwrap_or("").to_owned(),
                given,
            }
        };
        columns.all().iter().map(one).collect()
    }
}

/// A purpose, and what is used for it.
struct PurposeView {
    words: String,
    basis: String,
    categories: String,
    periods: String,
    recipients: String,
}

struct RecipientView {
    name: String,
    kind: String,
    country: String,
    safeguard: String,
    elsewhere: bool,
}

/// What Art. 15(1) demands that a person is told.
struct Told<'a> {
    notice: &'a AccessNotice,
    purposes: Vec<PurposeView>,
    recipients: Vec<RecipientView>,
    consent: bool,
    automated: Option<(&'a str, &'a str)>,
}

#[derive(Template)]
#[template(path = "access.html")]
struct Page<'a> {
    title: &'static str,
    introduction: &'static str,
    map: &'a DataMap,
    made_at: String,
    id: String,
    found_by: String,
    told: Option<Told<'a>>,
    sources: &'a [Shown],
    not_given: &'a [NotGiven],
    explained: &'a [Explained],
    activity: Option<u64>,
}

/// What the page is made of.
pub(super) struct Content<'a> {
    pub(super) map: &'a DataMap,
    pub(super) form: BundleForm,
    pub(super) notice: Option<&'a AccessNotice>,
    pub(super) id: uuid::Uuid,
    pub(super) made_at: DateTime<Utc>,
    pub(super) kinds: BTreeSet<&'a str>,
    pub(super) sources: &'a [Shown],
    pub(super) not_given: &'a [NotGiven],
    pub(super) explained: &'a [Explained],
    pub(super) activity: Option<u64>,
}

impl Content<'_> {
    pub(super) fn render(&self) -> Result<String, AccessError> {
        let (title, introduction) = match self.form {
            BundleForm::Access => (
                "Your personal data",
                "This is a copy of the personal data that we hold about you, with what we are to \
                 tell you about it (GDPR Art. 15).",
            ),
            BundleForm::Portability => (
                "Your data, to take along",
                "This is the personal data that you provided to us, in formats that other services \
                 can read (GDPR Art. 20).",
            ),
            BundleForm::Tenant => (
                "Export of all data",
                "This is all data of your organisation, in formats that other services can read.",
            ),
        };
        let page = Page {
            title,
            introduction,
            map: self.map,
            made_at: self.made_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            id: self.id.to_string(),
            found_by: self.kinds.iter().copied().collect::<Vec<_>>().join(", "),
            told: self.notice.map(|notice| told(self.map, notice)),
            sources: self.sources,
            not_given: self.not_given,
            explained: self.explained,
            activity: self.activity,
        };
        page.render().map_err(|error| AccessError::Page(Box::new(error)))
    }
}

fn told<'a>(map: &'a DataMap, notice: &'a AccessNotice) -> Told<'a> {
    #[derive(Default)]
    struct Of {
        categories: BTreeSet<String>,
        periods: BTreeSet<String>,
        recipients: BTreeSet<String>,
    }
    let mut of: BTreeMap<&str, Of> = BTreeMap::new();
    for source in map.sources() {
        for field in source.fields() {
            let Some(purpose) = source.purpose_of(field) else { continue };
            let of = of.entry(purpose).or_default();
            of.categories.insert(field.category().name().to_owned());
            of.periods.extend(source.retention_of(field).map(|kept| kept.words().to_owned()));
            of.recipients.extend(source.recipients_of(field).iter().cloned());
        }
    }
    let joined = |set: &BTreeSet<String>| set.iter().cloned().collect::<Vec<_>>().join(", ");
    let used = of.iter().filter_map(|(name, of)| Some((map.purpose(name)?, of)));
    let purposes: Vec<PurposeView> = used
        .clone()
        .map(|(purpose, of)| PurposeView {
            words: purpose.words().to_owned(),
            basis: purpose.basis().to_string(),
            categories: joined(&of.categories),
            periods: joined(&of.periods),
            recipients: joined(&of.recipients),
        })
        .collect();
    let consent = used.clone().any(|(purpose, _)| *purpose.basis() == LegalBasis::Consent);
    let named: BTreeSet<&String> = of.values().flat_map(|of| &of.recipients).collect();
    let receives = map.recipients().filter(|one| named.iter().any(|name| *name == one.name()));
    let recipients = receives.map(|one| RecipientView {
        name: one.name().to_owned(),
        kind: one.kind().to_owned(),
        country: one.country().to_string(),
        safeguard: one.safeguard().map(ToString::to_string).unwrap_or_default(),
        elsewhere: !Countries::eea().contains(one.country()),
    });
    let automated = match &notice.automated {
        AutomatedDecisions::None => None,
        AutomatedDecisions::Some { logic, consequences } => {
            Some((logic.as_str(), consequences.as_str()))
        }
    };
    Told { notice, purposes, recipients: recipients.collect(), consent, automated }
}
