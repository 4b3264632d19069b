//! Where personal data lives, why, and what becomes of it: the sum of the declarations.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::data_map::error::MapError;
use crate::data_map::party::{Controller, Countries, Country, Place, Recipient};
use crate::data_map::purpose::{LegalBasis, Purpose};
use crate::data_map::source::{Field, SourceDeclaration};
use crate::data_map::waiver::Waiver;

pub(crate) mod catalogue;
pub(crate) mod constraint;
pub(crate) mod coverage;
pub(crate) mod error;
pub(crate) mod name;
pub(crate) mod party;
pub(crate) mod purpose;
pub(crate) mod rules;
pub(crate) mod source;
pub(crate) mod waiver;

/// All declarations of a host, checked against each other.
///
/// ```
/// use privacy_rights::{
///     Controller, Country, DataMap, ErasureStrategy, Field, LegalBasis, Link, Purpose, Retention,
///     SourceDeclaration, Storage,
/// };
///
/// let belgium: Country = "BE".parse()?;
/// let map = DataMap::builder(Controller::new("Example NV", "privacy@example.com"))
///     .purpose(Purpose::new("sale", "To sell music", LegalBasis::Contract).about("customers"))
///     .source(
///         SourceDeclaration::new("customers", Storage::table("Customer", "CustomerId")?)
///             .linked(Link::column("CustomerId", "customer_id")?)
///             .located(belgium, "our own data centre")
///             .purpose("sale")
///             .kept(Retention::new("as long as there is an account"))
///             .erased_by(ErasureStrategy::Null)
///             .field(Field::new("Email", "contact", "The address we write to."))
///             .field(
///                 Field::new("LastName", "identity", "Your name.")
///                     .erased_by(ErasureStrategy::Mask("erased".into())),
///             ),
///     )
///     .build()?;
/// assert_eq!(map.sources().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct DataMap {
    controller: Controller,
    purposes: BTreeMap<String, Purpose>,
    recipients: BTreeMap<String, Recipient>,
    sources: Vec<SourceDeclaration>,
    waivers: Vec<Waiver>,
}

impl DataMap {
    /// Starts a map: whose it is.
    pub const fn builder(controller: Controller) -> DataMapBuilder {
        DataMapBuilder {
            controller,
            purposes: Vec::new(),
            recipients: Vec::new(),
            sources: Vec::new(),
            waivers: Vec::new(),
        }
    }

    /// Whose it is.
    #[must_use]
    pub const fn controller(&self) -> &Controller {
        &self.controller
    }

    /// What the data is used for, by name.
    pub fn purposes(&self) -> impl Iterator<Item = &Purpose> {
        self.purposes.values()
    }

    /// Who receives it, by name.
    pub fn recipients(&self) -> impl Iterator<Item = &Recipient> {
        self.recipients.values()
    }

    /// Where it lives, in the order of declaration.
    #[must_use]
    pub fn sources(&self) -> &[SourceDeclaration] {
        &self.sources
    }

    /// What was left out, and why.
    #[must_use]
    pub fn waivers(&self) -> &[Waiver] {
        &self.waivers
    }

    /// The purpose of that name.
    #[must_use]
    pub fn purpose(&self, name: &str) -> Option<&Purpose> {
        self.purposes.get(name)
    }

    /// The recipient of that name.
    #[must_use]
    pub fn recipient(&self, name: &str) -> Option<&Recipient> {
        self.recipients.get(name)
    }

    /// The source of that name.
    #[must_use]
    pub fn source(&self, name: &str) -> Option<&SourceDeclaration> {
        self.sources.iter().find(|source| source.name() == name)
    }

    /// Where personal data is, or goes, outside of these countries: for a service that promises
    /// that all of it stays in the EU, [`Countries::eu`] and an empty answer.
    #[must_use]
    pub fn outside(&self, countries: &Countries) -> Vec<(Place, Country)> {
        let mut outside = Vec::new();
        for source in &self.sources {
            if let Some(location) = source.location()
                && !countries.contains(location.country())
            {
                outside.push((Place::Source(source.name().to_owned()), location.country()));
            }
        }
        for recipient in self.recipients.values() {
            if !countries.contains(recipient.country()) {
                let place = Place::Recipient(recipient.name().to_owned());
                outside.push((place, recipient.country()));
            }
        }
        outside
    }
}

/// Builds a [`DataMap`].
#[derive(Clone, Debug)]
#[must_use]
pub struct DataMapBuilder {
    controller: Controller,
    purposes: Vec<Purpose>,
    recipients: Vec<Recipient>,
    sources: Vec<SourceDeclaration>,
    waivers: Vec<Waiver>,
}

impl DataMapBuilder {
    /// What data is used for.
    pub fn purpose(mut self, purpose: Purpose) -> Self {
        self.purposes.push(purpose);
        self
    }

    /// Who receives data.
    pub fn recipient(mut self, recipient: Recipient) -> Self {
        self.recipients.push(recipient);
        self
    }

    /// Where data lives.
    pub fn source(mut self, source: SourceDeclaration) -> Self {
        self.sources.push(source);
        self
    }

    /// What is deliberately left out.
    pub fn waive(mut self, waiver: Waiver) -> Self {
        self.waivers.push(waiver);
        self
    }

    /// Checks that everything that is named is declared, that each purpose stands on a basis, each
    /// special category on a ground, each transfer on a safeguard, and nothing is said twice.
    ///
    /// # Errors
    ///
    /// The first [`MapError`] that is found.
    pub fn build(self) -> Result<DataMap, MapError> {
        let purposes = by_name(self.purposes, Purpose::name)?;
        let recipients = by_name(self.recipients, Recipient::name)?;
        let sources = by_name(self.sources.clone(), SourceDeclaration::name)?;
        for purpose in purposes.values() {
            check_purpose(purpose)?;
        }
        for recipient in recipients.values() {
            if !Countries::eea().contains(recipient.country()) && recipient.safeguard().is_none() {
                return Err(MapError::NoSafeguard { recipient: recipient.name().to_owned() });
            }
        }
        for source in &self.sources {
            check_source(source)?;
            for copied in source.copies() {
                if !sources.contains_key(copied) {
                    return Err(MapError::Undeclared { name: copied.clone() });
                }
            }
            for field in source.fields() {
                check_field(source, field, &purposes, &recipients)?;
            }
        }
        if self.waivers.iter().any(|waiver| waiver.reason().trim().is_empty()) {
            return Err(MapError::WaiverWithoutReason);
        }
        Ok(DataMap {
            controller: self.controller,
            purposes,
            recipients,
            sources: self.sources,
            waivers: self.waivers,
        })
    }
}

fn by_name<T>(all: Vec<T>, name: impl Fn(&T) -> &str) -> Result<BTreeMap<String, T>, MapError> {
    let mut map = BTreeMap::new();
    for one in all {
        let name = name(&one).to_owned();
        if name.trim().is_empty() {
            return Err(MapError::NoName);
        }
        if map.contains_key(&name) {
            return Err(MapError::Twice { name });
        }
        map.insert(name, one);
    }
    Ok(map)
}

fn check_purpose(purpose: &Purpose) -> Result<(), MapError> {
    let named = match purpose.basis() {
        LegalBasis::LegalObligation { law: text }
        | LegalBasis::LegitimateInterests { interest: text }
        | LegalBasis::PublicTask { law: text } => !text.trim().is_empty(),
        _ => true,
    };
    let name = purpose.name().to_owned();
    if !named {
        return Err(MapError::BasisUnnamed { purpose: name });
    }
    if purpose.subjects().is_empty() {
        return Err(MapError::NobodyConcerned { purpose: name });
    }
    Ok(())
}

fn check_source(source: &SourceDeclaration) -> Result<(), MapError> {
    let name = || source.name().to_owned();
    if source.location().is_none() {
        return Err(MapError::NoLocation { source_name: name() });
    }
    if source.links().is_empty() {
        return Err(MapError::NoLink { source_name: name() });
    }
    let strategies = source.fields().iter().map(|field| source.strategy_of(field));
    let deleted = strategies.filter(|strategy| strategy.is_some_and(|s| s.deletes_rows())).count();
    if deleted > 0 && deleted < source.fields().len() {
        return Err(MapError::RowInPieces { source_name: name() });
    }
    Ok(())
}

fn check_field(
    source: &SourceDeclaration,
    field: &Field,
    purposes: &BTreeMap<String, Purpose>,
    recipients: &BTreeMap<String, Recipient>,
) -> Result<(), MapError> {
    let place = || (source.name().to_owned(), field.name().to_owned());
    let incomplete = |what| {
        let (source_name, field) = place();
        MapError::Incomplete { source_name, field, what }
    };
    let twice = source.fields().iter().filter(|other| other.name() == field.name()).count();
    if twice > 1 {
        return Err(MapError::Twice { name: format!("{}.{}", source.name(), field.name()) });
    }
    let purpose = source.purpose_of(field).ok_or_else(|| incomplete("purpose"))?;
    if !purposes.contains_key(purpose) {
        return Err(MapError::Undeclared { name: purpose.to_owned() });
    }
    for recipient in source.recipients_of(field) {
        if !recipients.contains_key(recipient) {
            return Err(MapError::Undeclared { name: recipient.clone() });
        }
    }
    source.retention_of(field).ok_or_else(|| incomplete("retention rule"))?;
    source.strategy_of(field).ok_or_else(|| incomplete("erasure strategy"))?;
    if field.sentence().trim().is_empty() {
        return Err(incomplete("sentence for the person"));
    }
    if field.category().is_special() && field.special_ground().is_none() {
        let (source_name, field) = place();
        return Err(MapError::NoSpecialGround { source_name, field });
    }
    Ok(())
}
