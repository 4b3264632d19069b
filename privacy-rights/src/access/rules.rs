//! What of a field is given, and on what ground the rest is not.

use serde_json::{Value, json};

use crate::access::error::AccessError;
use crate::access::manifest::{BundleForm, NotGiven};
use crate::data_map::DataMap;
use crate::data_map::rules::ExportRule;
use crate::data_map::source::{Field, SourceDeclaration};
use crate::source::record::{FieldValue, Record};

/// What a field is told to a person without.
const OTHERS: &str = "GDPR Art. 15(4): it also says something of others";
const SECRET: &str = "it is a secret, of which is told only that there is one";
const SOURCE: &str = "where it is kept gives no more than that there is one";

/// What is left of a value when it says nothing of others any more.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Redacted {
    /// This: the value as it was, if it says nothing of others.
    Value(Value),
    /// Nothing.
    Withheld,
}

/// Takes out of a value what it says of others ([`ExportRule::RedactOthers`]): the name of a member
/// of staff becomes a role, the messages of others in a thread go. Without one, such values are
/// withheld as a whole.
pub trait Redactor: Send + Sync {
    /// What is left of a field's value in a record.
    fn redact(
        &self,
        source: &SourceDeclaration,
        field: &Field,
        record: &Record,
        value: &Value,
    ) -> Redacted;
}

/// What becomes of a field.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Treatment {
    Given,
    LeftOut,
    Presence,
    Redacted,
}

/// A field of a source in a bundle.
pub(super) struct Column<'a> {
    pub(super) field: &'a Field,
    treatment: Treatment,
    ground: String,
    /// In how many records its value was not given in full by its rule, and by the source itself.
    counts: (u64, u64),
}

/// A cell of a record.
pub(super) enum Cell {
    Null,
    Present,
    Value(Value),
    Withheld,
}

impl<'a> Column<'a> {
    fn new(form: BundleForm, map: &DataMap, source: &SourceDeclaration, field: &'a Field) -> Self {
        let column = |treatment, ground: &str| Self {
            field,
            treatment,
            ground: ground.to_owned(),
            counts: (0, 0),
        };
        if form == BundleForm::Portability {
            let basis = source.purpose_of(field).and_then(|name| map.purpose(name));
            let basis = basis.map(crate::data_map::purpose::Purpose::basis);
            match basis {
                Some(basis) if basis.is_portable() => {}
                Some(basis) => {
                    let ground = format!("GDPR Art. 20(1)(a) does not cover it: {basis}");
                    return column(Treatment::LeftOut, &ground);
                }
                None => return column(Treatment::LeftOut, "it has no basis"),
            }
            if field.is_inferred() {
                let ground = "GDPR Art. 20(1) does not cover it: it was inferred, not provided";
                return column(Treatment::LeftOut, ground);
            }
        }
        match field.export() {
            ExportRule::Own => column(Treatment::Given, ""),
            ExportRule::PresenceOnly => column(Treatment::Presence, SECRET),
            // A tenant is given its own people's data: there are no others in it.
            ExportRule::RedactOthers if form == BundleForm::Tenant => column(Treatment::Given, ""),
            ExportRule::RedactOthers => column(Treatment::Redacted, OTHERS),
            ExportRule::Withhold(ground) => column(Treatment::LeftOut, ground),
        }
    }

    pub(super) fn is_given(&self) -> bool {
        self.treatment != Treatment::LeftOut
    }

    pub(super) fn ground(&self) -> &str {
        &self.ground
    }

    /// What JSON Schema says of its values.
    pub(super) fn schema(&self) -> Value {
        match self.treatment {
            Treatment::Presence => json!({ "enum": [null, present()] }),
            Treatment::Redacted => {
                json!({ "anyOf": [{ "const": self.withheld() }, { "not": { "required": ["$withheld"] } }] })
            }
            Treatment::Given | Treatment::LeftOut => json!({}),
        }
    }

    /// What stands for a value that is withheld.
    fn withheld(&self) -> Value {
        json!({ "$withheld": self.ground })
    }

    fn cell(
        &mut self,
        source: &SourceDeclaration,
        record: &Record,
        value: &FieldValue,
        redactor: Option<&dyn Redactor>,
    ) -> Cell {
        match (value, self.treatment) {
            (FieldValue::Absent, _) | (FieldValue::Value(Value::Null), _) => Cell::Null,
            (_, Treatment::LeftOut | Treatment::Presence) => {
                self.counts.0 = self.counts.0.saturating_add(1);
                Cell::Present
            }
            (FieldValue::Present, _) => {
                self.counts.1 = self.counts.1.saturating_add(1);
                Cell::Present
            }
            (FieldValue::Value(value), Treatment::Given) => Cell::Value(value.clone()),
            (FieldValue::Value(value), Treatment::Redacted) => {
                let redacted = redactor.map(|by| by.redact(source, self.field, record, value));
                if let Some(Redacted::Value(same)) = &redacted
                    && same == value
                {
                    return Cell::Value(value.clone());
                }
                self.counts.0 = self.counts.0.saturating_add(1);
                match redacted {
                    Some(Redacted::Value(rest)) => Cell::Value(rest),
                    Some(Redacted::Withheld) | None => Cell::Withheld,
                }
            }
        }
    }

    /// What of it was not given.
    fn not_given(&self, source: &str) -> Vec<NotGiven> {
        let entry = |rule: &str, ground: &str, records| NotGiven {
            source: source.to_owned(),
            field: self.field.name().to_owned(),
            rule: rule.to_owned(),
            ground: ground.to_owned(),
            records,
        };
        let (by_rule, by_source) = self.counts;
        let mut all = match self.treatment {
            Treatment::LeftOut => vec![entry("withheld", &self.ground, None)],
            Treatment::Presence if by_rule > 0 => {
                vec![entry("presence_only", &self.ground, Some(by_rule))]
            }
            Treatment::Redacted if by_rule > 0 => {
                vec![entry("redacted", &self.ground, Some(by_rule))]
            }
            Treatment::Given | Treatment::Presence | Treatment::Redacted => Vec::new(),
        };
        if by_source > 0 {
            all.push(entry("presence_only", SOURCE, Some(by_source)));
        }
        all
    }
}

/// What stands for a value of which is said only that there is one.
fn present() -> Value {
    json!({ "$present": true })
}

/// The fields of a source in a bundle.
pub(super) struct Columns<'a> {
    source: &'a SourceDeclaration,
    all: Vec<Column<'a>>,
}

impl<'a> Columns<'a> {
    pub(super) fn new(
        form: BundleForm,
        map: &DataMap,
        source: &'a SourceDeclaration,
    ) -> Result<Self, AccessError> {
        if let Some(field) = source.fields().iter().find(|field| field.name().starts_with('$')) {
            return Err(AccessError::ReservedField {
                source_name: source.name().to_owned(),
                field: field.name().to_owned(),
            });
        }
        let all = source.fields().iter();
        let all = all.map(|field| Column::new(form, map, source, field)).collect();
        Ok(Self { source, all })
    }

    pub(super) fn source(&self) -> &'a SourceDeclaration {
        self.source
    }

    pub(super) fn all(&self) -> &[Column<'a>] {
        &self.all
    }

    /// Those that stand in the data.
    pub(super) fn given(&self) -> impl Iterator<Item = &Column<'a>> {
        self.all.iter().filter(|column| column.is_given())
    }

    /// The cells of a record, in the order of those that stand in the data.
    pub(super) fn cells(
        &mut self,
        record: &Record,
        redactor: Option<&dyn Redactor>,
    ) -> Result<Vec<Cell>, AccessError> {
        let source_name = || self.source.name().to_owned();
        let mut cells = Vec::with_capacity(self.all.len());
        for column in &mut self.all {
            let name = column.field.name();
            let mut of_name = record.fields.iter().filter(|(field, _)| field == name);
            let (_, value) = of_name.next().ok_or_else(|| AccessError::MissingField {
                source_name: source_name(),
                field: name.to_owned(),
            })?;
            if column.is_given() {
                cells.push(column.cell(self.source, record, value, redactor));
            }
        }
        // Each declared one was found, so one more is one that is not declared, or one twice.
        if record.fields.len() != self.all.len() {
            return Err(AccessError::UndeclaredField { source_name: source_name() });
        }
        Ok(cells)
    }

    /// Everything that was not given.
    pub(super) fn not_given(&self) -> Vec<NotGiven> {
        self.all.iter().flat_map(|column| column.not_given(self.source.name())).collect()
    }

    /// What each cell is in JSON.
    pub(super) fn json(&self, cells: Vec<Cell>) -> Vec<(&str, Value)> {
        let json = |(column, cell): (&'_ Column<'a>, Cell)| match cell {
            Cell::Null => Value::Null,
            Cell::Present => present(),
            Cell::Value(value) => value,
            Cell::Withheld => column.withheld(),
        };
        let named = self.given().zip(cells);
        named.map(|(column, cell)| (column.field.name(), json((column, cell)))).collect()
    }
}
