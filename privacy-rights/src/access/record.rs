//! Records as JSON and as CSV.

use serde_json::{Map, Value};

use crate::data_map::DataMap;
use crate::data_map::rules::ExportRule;
use crate::data_map::source::SourceDeclaration;
use crate::registers::harmless;
use crate::source::record::{FieldValue, Record};

/// Takes from a value of a source's field what it says of others; `None` withholds it as a whole.
pub type Redactor = dyn Fn(&str, &str, &Value) -> Option<Value> + Send + Sync;

const ABOUT_OTHERS: &str = "about others, GDPR Art. 15(4)";

/// A value as the person gets it.
enum Given {
    Absent,
    Present,
    Value(Value),
    Withheld(String),
}

/// A file of records that is made row by row.
pub(super) trait RowFile {
    fn head(&self) -> String;
    fn row(&mut self, record: &Record, first: bool) -> String;
    fn tail(&self, empty: bool) -> String;
}

struct Giving<'a> {
    declaration: &'a SourceDeclaration,
    redactor: Option<&'a Redactor>,
}

impl Giving<'_> {
    fn give(&self, record: &Record) -> Vec<(String, Given)> {
        let fields = self.declaration.fields().iter();
        // What is not declared is not given, whatever the source says.
        let value = |name: &str| record.fields.iter().find(|(field, _)| field == name);
        fields
            .map(|field| {
                let found = value(field.name()).map(|(_, value)| value);
                let given = match (found, field.export()) {
                    (None | Some(FieldValue::Absent), _) => Given::Absent,
                    (_, ExportRule::Withhold(ground)) => Given::Withheld(ground.clone()),
                    (_, ExportRule::PresenceOnly) | (Some(FieldValue::Present), _) => {
                        Given::Present
                    }
                    (Some(FieldValue::Value(value)), ExportRule::Own) => {
                        Given::Value(value.clone())
                    }
                    (Some(FieldValue::Value(value)), ExportRule::RedactOthers) => {
                        let (source, name) = (self.declaration.name(), field.name());
                        let redacted = self.redactor.and_then(|redact| redact(source, name, value));
                        redacted.map_or_else(|| Given::Withheld(ABOUT_OTHERS.into()), Given::Value)
                    }
                };
                (field.name().to_owned(), given)
            })
            .collect()
    }
}

/// One JSON array, a record a line.
pub(super) struct JsonFile<'a>(Giving<'a>);

impl<'a> JsonFile<'a> {
    pub(super) fn new(declaration: &'a SourceDeclaration, redactor: Option<&'a Redactor>) -> Self {
        Self(Giving { declaration, redactor })
    }
}

impl RowFile for JsonFile<'_> {
    fn head(&self) -> String {
        "[".into()
    }

    fn row(&mut self, record: &Record, first: bool) -> String {
        let mut object = Map::new();
        object.insert("$key".into(), Value::from(record.key.as_str()));
        for (name, given) in self.0.give(record) {
            let said = |word: &str, value: Value| {
                Value::Object(std::iter::once((word.to_owned(), value)).collect())
            };
            let value = match given {
                Given::Absent => Value::Null,
                Given::Present => said("$present", Value::Bool(true)),
                Given::Value(value) => value,
                Given::Withheld(ground) => said("$withheld", Value::from(ground)),
            };
            object.insert(name, value);
        }
        let comma = if first { "" } else { "," };
        format!("{comma}\n{}", Value::Object(object))
    }

    fn tail(&self, empty: bool) -> String {
        if empty { "]\n".into() } else { "\n]\n".into() }
    }
}

/// CSV (RFC 4180, with a header), no cell of which is a formula.
pub(super) struct CsvFile<'a>(Giving<'a>);

impl<'a> CsvFile<'a> {
    pub(super) fn new(declaration: &'a SourceDeclaration, redactor: Option<&'a Redactor>) -> Self {
        Self(Giving { declaration, redactor })
    }
}

impl RowFile for CsvFile<'_> {
    fn head(&self) -> String {
        let fields = self.0.declaration.fields().iter().map(|field| field.name().to_owned());
        line(std::iter::once("$key".to_owned()).chain(fields))
    }

    fn row(&mut self, record: &Record, _first: bool) -> String {
        let cells = self.0.give(record).into_iter().map(|(_, given)| match given {
            Given::Absent => String::new(),
            Given::Present => "(present)".into(),
            Given::Value(Value::String(text)) => harmless(&text),
            // A number is no formula, whatever its sign.
            Given::Value(Value::Number(number)) => number.to_string(),
            Given::Value(value) => harmless(&value.to_string()),
            Given::Withheld(ground) => format!("(withheld: {ground})"),
        });
        line(std::iter::once(harmless(&record.key)).chain(cells))
    }

    fn tail(&self, _empty: bool) -> String {
        String::new()
    }
}

/// A line of CSV. Writing into memory does not fail.
fn line(cells: impl Iterator<Item = String>) -> String {
    let mut writer =
        csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    let written = writer.write_record(cells).ok().and_then(|()| writer.into_inner().ok());
    written.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// What the fields of a source mean, as JSON Schema.
pub(super) fn schema(map: &DataMap, declaration: &SourceDeclaration) -> String {
    let object = |members: Vec<(&str, Value)>| {
        let members = members.into_iter().map(|(name, value)| (name.to_owned(), value));
        Value::Object(members.collect())
    };
    let mut properties = Map::new();
    for field in declaration.fields() {
        let purpose = declaration.purpose_of(field).and_then(|name| map.purpose(name));
        let kept = declaration.retention_of(field).map(|kept| kept.words().to_owned());
        let members = vec![
            ("description", Value::from(field.sentence())),
            ("category", Value::from(field.category().name())),
            ("purpose", Value::from(purpose.map(|purpose| purpose.words().to_owned()))),
            ("basis", Value::from(purpose.map(|purpose| purpose.basis().to_string()))),
            ("kept", Value::from(kept)),
        ];
        properties.insert(field.name().to_owned(), object(members));
    }
    let items =
        object(vec![("type", Value::from("object")), ("properties", Value::Object(properties))]);
    let schema = object(vec![
        ("$schema", Value::from("https://json-schema.org/draft/2020-12/schema")),
        ("title", Value::from(declaration.name())),
        ("type", Value::from("array")),
        ("items", items),
    ]);
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}
