//! The page that a person reads.

use std::collections::BTreeMap;

use askama::Template;
use audit_core::Timestamp;
use uuid::Uuid;

use crate::data_map::DataMap;
use crate::data_map::party::Countries;
use crate::data_map::rules::ExportRule;
use crate::data_map::source::SourceDeclaration;

/// A field in the words of its declaration.
struct FieldRow {
    name: String,
    sentence: String,
    category: String,
    purpose: String,
    recipients: String,
    kept: String,
    given: String,
}

/// A source with its fields.
struct SourcePart {
    name: String,
    country: String,
    records: Option<u64>,
    reason: String,
    fields: Vec<FieldRow>,
}

struct RecipientRow {
    name: String,
    kind: String,
    country: String,
    safeguard: String,
}

/// What GDPR Art. 15(1) and (2) ask for, taken from the data map.
#[derive(Template)]
#[template(path = "access.html")]
pub(super) struct IndexPage {
    request: String,
    made_at: String,
    controller: String,
    contact: String,
    officer: String,
    sources: Vec<SourcePart>,
    recipients: Vec<RecipientRow>,
}

impl IndexPage {
    pub(super) fn new(
        map: &DataMap,
        request: Uuid,
        made_at: Timestamp,
        counts: &BTreeMap<String, u64>,
        explained: &BTreeMap<String, String>,
    ) -> Self {
        let eea = Countries::eea();
        let recipients = map.recipients().map(|recipient| RecipientRow {
            name: recipient.name().to_owned(),
            kind: recipient.kind().to_owned(),
            country: if eea.contains(recipient.country()) {
                recipient.country().to_string()
            } else {
                format!("{}, outside the EEA", recipient.country())
            },
            safeguard: recipient.safeguard().map(ToString::to_string).unwrap_or_default(),
        });
        let sources = map.sources().iter().map(|source| SourcePart {
            name: source.name().to_owned(),
            country: source.location().map(|place| place.country().to_string()).unwrap_or_default(),
            records: counts.get(source.name()).copied(),
            reason: explained.get(source.name()).cloned().unwrap_or_default(),
            fields: fields(map, source),
        });
        Self {
            request: request.to_string(),
            made_at: made_at.to_string(),
            controller: map.controller().name().to_owned(),
            contact: map.controller().contact().to_owned(),
            officer: map.controller().officer().unwrap_or_default().to_owned(),
            sources: sources.collect(),
            recipients: recipients.collect(),
        }
    }
}

fn fields(map: &DataMap, source: &SourceDeclaration) -> Vec<FieldRow> {
    let row = |field: &crate::data_map::source::Field| {
        let purpose = source.purpose_of(field).and_then(|name| map.purpose(name));
        FieldRow {
            name: field.name().to_owned(),
            sentence: field.sentence().to_owned(),
            category: field.category().name().to_owned(),
            purpose: purpose
                .map(|purpose| format!("{} ({})", purpose.words(), purpose.basis()))
                .unwrap_or_default(),
            recipients: source.recipients_of(field).join(", "),
            kept: source
                .retention_of(field)
                .map(|kept| kept.words().to_owned())
                .unwrap_or_default(),
            given: match field.export() {
                ExportRule::Own => "in full".into(),
                ExportRule::PresenceOnly => "only whether there is one".into(),
                ExportRule::RedactOthers => "without what concerns others (Art. 15(4))".into(),
                ExportRule::Withhold(ground) => format!("withheld: {ground}"),
            },
        }
    };
    source.fields().iter().map(row).collect()
}
