//! Who and where: controllers, recipients, countries.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// A country, by its two letters (ISO 3166-1 alpha-2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

/// A country is two letters from A to Z.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a country is two letters from A to Z")]
#[non_exhaustive]
pub struct CountryError;

impl FromStr for Country {
    type Err = CountryError;

    fn from_str(text: &str) -> Result<Self, CountryError> {
        match text.as_bytes() {
            [a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() => Ok(Self([*a, *b])),
            _ => Err(CountryError),
        }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.0).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Country {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Some countries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Countries(BTreeSet<Country>);

const EU: [[u8; 2]; 27] = [
    *b"AT", *b"BE", *b"BG", *b"CY", *b"CZ", *b"DE", *b"DK", *b"EE", *b"ES", *b"FI", *b"FR", *b"GR",
    *b"HR", *b"HU", *b"IE", *b"IT", *b"LT", *b"LU", *b"LV", *b"MT", *b"NL", *b"PL", *b"PT", *b"RO",
    *b"SE", *b"SI", *b"SK",
];

impl Countries {
    /// These.
    pub fn new(countries: impl IntoIterator<Item = Country>) -> Self {
        Self(countries.into_iter().collect())
    }

    /// The member states of the European Union.
    #[must_use]
    pub fn eu() -> Self {
        Self(EU.into_iter().map(Country).collect())
    }

    /// The European Economic Area: the Union with Iceland, Liechtenstein and Norway.
    #[must_use]
    pub fn eea() -> Self {
        let others = [*b"IS", *b"LI", *b"NO"];
        Self(EU.into_iter().chain(others).map(Country).collect())
    }

    /// Whether a country is one of them.
    #[must_use]
    pub fn contains(&self, country: Country) -> bool {
        self.0.contains(&country)
    }
}

/// Something that is somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// A recipient, by name.
    Recipient(String),
    /// A source, by name.
    Source(String),
}

/// Where a source is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Location {
    country: Country,
    host: String,
}

impl Location {
    pub(crate) const fn new(country: Country, host: String) -> Self {
        Self { country, host }
    }

    /// The country.
    #[must_use]
    pub const fn country(&self) -> Country {
        self.country
    }

    /// Whose machines.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }
}

/// In which role data is processed (GDPR Art. 4(7) and (8), Art. 26).
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Role {
    /// One's own purposes.
    #[default]
    Controller,
    /// Purposes shared with another controller.
    JointController {
        /// Who.
        with: String,
    },
    /// Another's purposes.
    Processor {
        /// On behalf of whom.
        on_behalf_of: String,
    },
}

/// Who decides about purposes and means (GDPR Art. 30(1)(a)).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Controller {
    name: String,
    contact: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    representative: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_protection_officer: Option<String>,
    measures: Vec<String>,
}

impl Controller {
    /// Of that name, reached there.
    pub fn new(name: impl Into<String>, contact: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            contact: contact.into(),
            representative: None,
            data_protection_officer: None,
            measures: Vec::new(),
        }
    }

    /// With a representative in the Union (GDPR Art. 27).
    #[must_use]
    pub fn represented_by(mut self, representative: impl Into<String>) -> Self {
        self.representative = Some(representative.into());
        self
    }

    /// With a data protection officer (GDPR Art. 37).
    #[must_use]
    pub fn with_officer(mut self, contact: impl Into<String>) -> Self {
        self.data_protection_officer = Some(contact.into());
        self
    }

    /// With a technical or organisational measure of security (GDPR Art. 30(1)(g), Art. 32(1)).
    #[must_use]
    pub fn with_measure(mut self, measure: impl Into<String>) -> Self {
        self.measures.push(measure.into());
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it is reached.
    #[must_use]
    pub fn contact(&self) -> &str {
        &self.contact
    }

    /// Its representative in the Union.
    #[must_use]
    pub fn representative(&self) -> Option<&str> {
        self.representative.as_deref()
    }

    /// Its data protection officer.
    #[must_use]
    pub fn officer(&self) -> Option<&str> {
        self.data_protection_officer.as_deref()
    }

    /// Its measures of security.
    #[must_use]
    pub fn measures(&self) -> &[String] {
        &self.measures
    }
}

/// What makes a transfer to a third country lawful (GDPR Chapter V).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Safeguard {
    /// A decision that the country protects data adequately (Art. 45).
    Adequacy(String),
    /// Binding corporate rules (Art. 47).
    BindingCorporateRules(String),
    /// A derogation for specific situations (Art. 49).
    Derogation(String),
    /// Standard contractual clauses (Art. 46(2)(c)).
    StandardClauses(String),
}

impl fmt::Display for Safeguard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Adequacy(text) => write!(f, "adequacy decision, Art. 45: {text}"),
            Self::BindingCorporateRules(text) => {
                write!(f, "binding corporate rules, Art. 47: {text}")
            }
            Self::Derogation(text) => write!(f, "derogation, Art. 49: {text}"),
            Self::StandardClauses(text) => {
                write!(f, "standard contractual clauses, Art. 46(2)(c): {text}")
            }
        }
    }
}

/// Who receives data (GDPR Art. 4(9)): a processor, a sub-processor or another controller.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recipient {
    name: String,
    kind: String,
    country: Country,
    #[serde(skip_serializing_if = "Option::is_none")]
    safeguard: Option<Safeguard>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact: Option<String>,
}

impl Recipient {
    /// Of that name and kind ("payment service", "hosting"), in that country.
    pub fn new(name: impl Into<String>, kind: impl Into<String>, country: Country) -> Self {
        Self { name: name.into(), kind: kind.into(), country, safeguard: None, contact: None }
    }

    /// Under that safeguard.
    #[must_use]
    pub fn under(mut self, safeguard: Safeguard) -> Self {
        self.safeguard = Some(safeguard);
        self
    }

    /// Reached there, to be told of erasures (GDPR Art. 19).
    #[must_use]
    pub fn reached_at(mut self, contact: impl Into<String>) -> Self {
        self.contact = Some(contact.into());
        self
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Its country.
    #[must_use]
    pub const fn country(&self) -> Country {
        self.country
    }

    /// What makes the transfer lawful.
    #[must_use]
    pub const fn safeguard(&self) -> Option<&Safeguard> {
        self.safeguard.as_ref()
    }

    /// Where it is reached.
    #[must_use]
    pub fn contact(&self) -> Option<&str> {
        self.contact.as_deref()
    }
}
