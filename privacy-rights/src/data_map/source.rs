//! The declaration of one place where personal data lives.

use serde::Serialize;

use crate::data_map::name::{NameError, SqlName};
use crate::data_map::party::{Country, Location, Role};
use crate::data_map::purpose::SpecialGround;
use crate::data_map::rules::{Category, ErasureStrategy, ExportRule, Retention};

/// In what data is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Storage {
    /// Objects of an object store, under a prefix that ends in `/`.
    Objects {
        /// The prefix, in which `{id}` stands for the person's identifier.
        prefix: String,
    },
    /// Something that only the host's own code knows: a search index, a third party's service.
    Other {
        /// What.
        name: String,
    },
    /// A table.
    Table {
        /// Its name.
        table: SqlName,
        /// The column that names a row.
        key: SqlName,
    },
}

impl Storage {
    /// The name of the audit journal as a place ([`Other`](Self::Other)).
    pub const JOURNAL: &'static str = "audit journal";

    /// A table, with the column that names a row.
    ///
    /// # Errors
    ///
    /// [`NameError`].
    pub fn table(table: &str, key: &str) -> Result<Self, NameError> {
        Ok(Self::Table { table: SqlName::table(table)?, key: SqlName::column(key)? })
    }

    /// The table, where it is one.
    #[must_use]
    pub const fn as_table(&self) -> Option<&SqlName> {
        match self {
            Self::Table { table, .. } => Some(table),
            _ => None,
        }
    }
}

/// How a row belongs to a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Link {
    /// A column holds an identifier of the person.
    Column {
        /// The column.
        column: SqlName,
        /// What kind of identifier: `customer_id`, `email`.
        identifier: String,
    },
    /// A column names a row of another table, which belongs to the person.
    Through {
        /// The column.
        column: SqlName,
        /// The other table.
        table: SqlName,
        /// The column of the other table that it names.
        key: SqlName,
        /// How the other row belongs to the person.
        link: Box<Self>,
    },
}

impl Link {
    /// A column holds an identifier of that kind.
    ///
    /// # Errors
    ///
    /// [`NameError`].
    pub fn column(column: &str, identifier: impl Into<String>) -> Result<Self, NameError> {
        Ok(Self::Column { column: SqlName::column(column)?, identifier: identifier.into() })
    }

    /// A column names a row of `table` by its column `key`, and that row belongs to the person by
    /// `link`.
    ///
    /// # Errors
    ///
    /// [`NameError`].
    pub fn through(column: &str, table: &str, key: &str, link: Self) -> Result<Self, NameError> {
        Ok(Self::Through {
            column: SqlName::column(column)?,
            table: SqlName::table(table)?,
            key: SqlName::column(key)?,
            link: Box::new(link),
        })
    }

    /// The column of the source's own table.
    #[must_use]
    pub const fn own_column(&self) -> &SqlName {
        match self {
            Self::Column { column, .. } | Self::Through { column, .. } => column,
        }
    }

    /// The kind of identifier at its end.
    #[must_use]
    pub fn identifier(&self) -> &str {
        match self {
            Self::Column { identifier, .. } => identifier,
            Self::Through { link, .. } => link.identifier(),
        }
    }
}

/// One field of a source. What it does not say itself, its source says for all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    name: String,
    category: Category,
    sentence: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    special: Option<SpecialGround>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipients: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention: Option<Retention>,
    export: ExportRule,
    #[serde(skip_serializing_if = "Option::is_none")]
    erasure: Option<ErasureStrategy>,
    #[serde(skip_serializing_if = "Option::is_none")]
    identifier: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    inferred: bool,
}

impl Field {
    /// A field of that name and category, with a sentence for the person.
    pub fn new(
        name: impl Into<String>,
        category: impl Into<Category>,
        sentence: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            category: category.into(),
            sentence: sentence.into(),
            purpose: None,
            special: None,
            recipients: None,
            retention: None,
            export: ExportRule::Own,
            erasure: None,
            identifier: None,
            inferred: false,
        }
    }

    /// Used for that purpose.
    #[must_use]
    pub fn purpose(mut self, purpose: impl Into<String>) -> Self {
        self.purpose = Some(purpose.into());
        self
    }

    /// On that ground, since it is of a special category.
    #[must_use]
    pub fn on_ground(mut self, ground: SpecialGround) -> Self {
        self.special = Some(ground);
        self
    }

    /// Received by these, and not by the source's.
    #[must_use]
    pub fn received_by<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.recipients = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// Kept that long.
    #[must_use]
    pub fn kept(mut self, retention: Retention) -> Self {
        self.retention = Some(retention);
        self
    }

    /// Exported by that rule.
    #[must_use]
    pub fn exported(mut self, rule: ExportRule) -> Self {
        self.export = rule;
        self
    }

    /// Erased by that strategy.
    #[must_use]
    pub fn erased_by(mut self, strategy: ErasureStrategy) -> Self {
        self.erasure = Some(strategy);
        self
    }

    /// It is an identifier of the person itself, of that kind: finding it finds more.
    #[must_use]
    pub fn identifies(mut self, identifier: impl Into<String>) -> Self {
        self.identifier = Some(identifier.into());
        self
    }

    /// It was inferred or derived from what the person provided or did: no right to portability
    /// covers it (GDPR Art. 20(1)).
    #[must_use]
    pub const fn inferred(mut self) -> Self {
        self.inferred = true;
        self
    }

    /// Its name: of a table the column.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its category.
    #[must_use]
    pub const fn category(&self) -> &Category {
        &self.category
    }

    /// What the person is told of it.
    #[must_use]
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// The ground of its special category.
    #[must_use]
    pub const fn special_ground(&self) -> Option<&SpecialGround> {
        self.special.as_ref()
    }

    /// What of it a person is given.
    #[must_use]
    pub const fn export(&self) -> &ExportRule {
        &self.export
    }

    /// Whether it was inferred, and not provided by the person.
    #[must_use]
    pub const fn is_inferred(&self) -> bool {
        self.inferred
    }

    /// The kind of identifier that it is.
    #[must_use]
    pub fn identifier(&self) -> Option<&str> {
        self.identifier.as_deref()
    }
}

/// Where personal data lives, whose it is there, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceDeclaration {
    name: String,
    storage: Storage,
    role: Role,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<Location>,
    links: Vec<Link>,
    copies: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    recipients: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retention: Option<Retention>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erasure: Option<ErasureStrategy>,
    fields: Vec<Field>,
}

impl SourceDeclaration {
    /// A source by a short name, stored there.
    pub fn new(name: impl Into<String>, storage: Storage) -> Self {
        Self {
            name: name.into(),
            storage,
            role: Role::Controller,
            location: None,
            links: Vec::new(),
            copies: Vec::new(),
            purpose: None,
            recipients: Vec::new(),
            retention: None,
            erasure: None,
            fields: Vec::new(),
        }
    }

    /// Processed in that role.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }

    /// Kept in that country, on those machines.
    #[must_use]
    pub fn located(mut self, country: Country, host: impl Into<String>) -> Self {
        self.location = Some(Location::new(country, host.into()));
        self
    }

    /// A row belongs to a person in that way. Where there are several, any of them will do.
    #[must_use]
    pub fn linked(mut self, link: Link) -> Self {
        self.links.push(link);
        self
    }

    /// It is made of another source: a search index, an embedding, a cache.
    #[must_use]
    pub fn copied_from(mut self, source: impl Into<String>) -> Self {
        self.copies.push(source.into());
        self
    }

    /// Its fields are used for that purpose.
    #[must_use]
    pub fn purpose(mut self, purpose: impl Into<String>) -> Self {
        self.purpose = Some(purpose.into());
        self
    }

    /// Its fields are received by that recipient, too.
    #[must_use]
    pub fn received_by(mut self, recipient: impl Into<String>) -> Self {
        self.recipients.push(recipient.into());
        self
    }

    /// Its fields are kept that long.
    #[must_use]
    pub fn kept(mut self, retention: Retention) -> Self {
        self.retention = Some(retention);
        self
    }

    /// Its fields are erased by that strategy.
    #[must_use]
    pub fn erased_by(mut self, strategy: ErasureStrategy) -> Self {
        self.erasure = Some(strategy);
        self
    }

    /// With that field.
    #[must_use]
    pub fn field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// Its short name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// In what it is stored.
    #[must_use]
    pub const fn storage(&self) -> &Storage {
        &self.storage
    }

    /// In which role it is processed.
    #[must_use]
    pub const fn processed_as(&self) -> &Role {
        &self.role
    }

    /// Where it is kept. Of what stands in a [`DataMap`](crate::DataMap), it is there.
    #[must_use]
    pub const fn location(&self) -> Option<&Location> {
        self.location.as_ref()
    }

    /// How a row belongs to a person.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// What it is made of.
    #[must_use]
    pub fn copies(&self) -> &[String] {
        &self.copies
    }

    /// Its fields.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// What one of its fields is used for.
    #[must_use]
    pub fn purpose_of<'a>(&'a self, field: &'a Field) -> Option<&'a str> {
        field.purpose.as_deref().or(self.purpose.as_deref())
    }

    /// Who receives one of its fields.
    #[must_use]
    pub fn recipients_of<'a>(&'a self, field: &'a Field) -> &'a [String] {
        field.recipients.as_deref().unwrap_or(&self.recipients)
    }

    /// How long one of its fields is kept.
    #[must_use]
    pub fn retention_of<'a>(&'a self, field: &'a Field) -> Option<&'a Retention> {
        field.retention.as_ref().or(self.retention.as_ref())
    }

    /// How one of its fields is erased.
    #[must_use]
    pub fn strategy_of<'a>(&'a self, field: &'a Field) -> Option<&'a ErasureStrategy> {
        field.erasure.as_ref().or(self.erasure.as_ref())
    }

    /// Whether an erasure deletes its rows.
    #[must_use]
    pub fn deletes_rows(&self) -> bool {
        let mut strategies = self.fields.iter().filter_map(|field| self.strategy_of(field));
        strategies.any(ErasureStrategy::deletes_rows)
    }
}
