//! Registers that follow from the data map.

use std::collections::{BTreeMap, BTreeSet};

use crate::data_map::DataMap;
use crate::data_map::party::{Countries, Role};
use crate::data_map::source::{Field, SourceDeclaration};
use crate::registers::Register;

/// What of a purpose, or of another controller's order, stands in a row.
#[derive(Default)]
struct Gathered {
    categories: BTreeSet<String>,
    recipients: BTreeSet<String>,
    retention: BTreeSet<String>,
    sources: BTreeSet<String>,
    joint: BTreeSet<String>,
}

impl Gathered {
    fn add(&mut self, source: &SourceDeclaration, field: &Field) {
        self.categories.insert(field.category().name().to_owned());
        self.recipients.extend(source.recipients_of(field).iter().cloned());
        self.retention.extend(source.retention_of(field).map(|kept| kept.words().to_owned()));
        self.sources.insert(source.name().to_owned());
        if let Role::JointController { with } = source.processed_as() {
            self.joint.insert(with.clone());
        }
    }
}

impl DataMap {
    /// The records of processing activities of a controller (GDPR Art. 30(1)): one row a purpose.
    #[must_use]
    pub fn processing_register(&self) -> Register {
        let mut all: BTreeMap<&str, Gathered> = BTreeMap::new();
        for (source, field) in self.all_fields() {
            if !matches!(source.processed_as(), Role::Processor { .. })
                && let Some(purpose) = source.purpose_of(field)
            {
                all.entry(purpose).or_default().add(source, field);
            }
        }
        let rows = all.into_iter().filter_map(|(name, gathered)| {
            let purpose = self.purpose(name)?;
            let transfers = self.transfers(&gathered.recipients);
            Some([
                self.who(&gathered.joint),
                purpose.words().to_owned(),
                purpose.basis().to_string(),
                purpose.subjects().join("\n"),
                lines(gathered.categories),
                self.kinds(&gathered.recipients),
                transfers,
                lines(gathered.retention),
                self.controller().measures().join("\n"),
                lines(gathered.sources),
            ])
        });
        Register::new(
            "Records of processing activities",
            "GDPR Art. 30(1)",
            [
                "controller",
                "purpose",
                "basis",
                "data subjects",
                "categories of data",
                "recipients",
                "transfers to third countries",
                "time limits for erasure",
                "security measures",
                "sources",
            ],
            rows,
        )
    }

    /// The records of what is processed on behalf of others (GDPR Art. 30(2)): one row for each of
    /// them.
    #[must_use]
    pub fn processor_register(&self) -> Register {
        let mut all: BTreeMap<&str, (Gathered, BTreeSet<String>)> = BTreeMap::new();
        for (source, field) in self.all_fields() {
            if let Role::Processor { on_behalf_of } = source.processed_as() {
                let (gathered, purposes) = all.entry(on_behalf_of).or_default();
                gathered.add(source, field);
                let purpose = source.purpose_of(field).and_then(|name| self.purpose(name));
                purposes.extend(purpose.map(|purpose| purpose.words().to_owned()));
            }
        }
        let rows = all.into_iter().map(|(behalf, (gathered, purposes))| {
            [
                self.who(&BTreeSet::new()),
                behalf.to_owned(),
                lines(purposes),
                self.kinds(&gathered.recipients),
                self.transfers(&gathered.recipients),
                self.controller().measures().join("\n"),
            ]
        });
        Register::new(
            "Records of processing on behalf of others",
            "GDPR Art. 30(2)",
            [
                "processor",
                "on behalf of",
                "categories of processing",
                "sub-processors",
                "transfers to third countries",
                "security measures",
            ],
            rows,
        )
    }

    /// Who receives data, where, and under which safeguard.
    #[must_use]
    pub fn recipient_register(&self) -> Register {
        let mut given: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (source, field) in self.all_fields() {
            for recipient in source.recipients_of(field) {
                let name = field.category().name().to_owned();
                given.entry(recipient).or_default().insert(name);
            }
        }
        let rows = self.recipients().map(|recipient| {
            let categories = given.remove(recipient.name()).unwrap_or_default();
            [
                recipient.name().to_owned(),
                recipient.kind().to_owned(),
                recipient.country().to_string(),
                recipient.safeguard().map(ToString::to_string).unwrap_or_default(),
                lines(categories),
                recipient.contact().unwrap_or_default().to_owned(),
            ]
        });
        Register::new(
            "Recipients and sub-processors",
            "GDPR Art. 13(1)(e), 28(2), 30(1)(d)",
            ["recipient", "kind", "country", "safeguard", "categories of data", "contact"],
            rows,
        )
    }

    /// On which basis each category of data is processed, source by source, with its retention.
    #[must_use]
    pub fn basis_register(&self) -> Register {
        let rows = self.all_fields().filter_map(|(source, field)| {
            let purpose = self.purpose(source.purpose_of(field)?)?;
            Some([
                source.name().to_owned(),
                field.name().to_owned(),
                field.category().name().to_owned(),
                purpose.words().to_owned(),
                purpose.basis().to_string(),
                field.special_ground().map(ToString::to_string).unwrap_or_default(),
                source.retention_of(field).map(|kept| kept.words().to_owned()).unwrap_or_default(),
                source.strategy_of(field).map(ToString::to_string).unwrap_or_default(),
                source.location().map(|place| place.country().to_string()).unwrap_or_default(),
            ])
        });
        Register::new(
            "Lawful bases and retention",
            "GDPR Art. 5(1)(e), 6(1), 9(2)",
            [
                "source",
                "field",
                "category",
                "purpose",
                "basis",
                "ground of a special category",
                "kept",
                "erased",
                "country",
            ],
            rows,
        )
    }

    fn all_fields(&self) -> impl Iterator<Item = (&SourceDeclaration, &Field)> {
        self.sources()
            .iter()
            .flat_map(|source| source.fields().iter().map(move |field| (source, field)))
    }

    fn who(&self, joint: &BTreeSet<String>) -> String {
        let controller = self.controller();
        let mut who = format!("{}, {}", controller.name(), controller.contact());
        for (role, name) in
            [("representative", controller.representative()), ("officer", controller.officer())]
        {
            who.extend(name.map(|name| format!("\n{role}: {name}")));
        }
        who.extend(joint.iter().map(|with| format!("\njointly with {with}")));
        who
    }

    fn kinds(&self, recipients: &BTreeSet<String>) -> String {
        let found = recipients.iter().filter_map(|name| self.recipient(name));
        let kinds = found.map(|recipient| format!("{} ({})", recipient.name(), recipient.kind()));
        lines(kinds.collect())
    }

    /// To whom outside of the European Economic Area, and under what.
    fn transfers(&self, recipients: &BTreeSet<String>) -> String {
        let eea = Countries::eea();
        let found = recipients.iter().filter_map(|name| self.recipient(name));
        let outside = found.filter(|recipient| !eea.contains(recipient.country()));
        let words = outside.map(|recipient| {
            let safeguard = recipient.safeguard().map(ToString::to_string).unwrap_or_default();
            format!("{}: {} ({safeguard})", recipient.country(), recipient.name())
        });
        lines(words.collect())
    }
}

fn lines(all: BTreeSet<String>) -> String {
    all.into_iter().collect::<Vec<_>>().join("\n")
}
