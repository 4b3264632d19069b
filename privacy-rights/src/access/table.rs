//! The data of one source as files.

use std::io;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::access::error::AccessError;
use crate::access::file::{HashedFile, Written};
use crate::access::rules::Columns;
use crate::data_map::DataMap;
use crate::registers::harmless;

/// How many records the page to read shows of a source.
const SHOWN: usize = 20;

/// How much of a value it shows.
const SHOWN_CHARACTERS: usize = 200;

/// What the bundle adds to the fields of a record.
pub(super) const KEY: &str = "$key";
pub(super) const FILE: &str = "$file";

/// The files of a source while they grow.
pub(super) struct TableFiles {
    json: HashedFile,
    csv: HashedFile,
}

impl TableFiles {
    pub(super) fn create(work: &Path, stem: &str) -> io::Result<Self> {
        let json = HashedFile::create(work, format!("data/{stem}.json"))?;
        let csv = HashedFile::create(work, format!("data/{stem}.csv"))?;
        Ok(Self { json, csv })
    }

    pub(super) fn write(&mut self, lines: &Lines) -> io::Result<()> {
        self.json.write(&lines.json)?;
        self.csv.write(&lines.csv)
    }

    pub(super) const fn bytes(&self) -> u64 {
        self.json.bytes().saturating_add(self.csv.bytes())
    }

    pub(super) fn finish(self) -> io::Result<[Written; 2]> {
        Ok([self.csv.finish()?, self.json.finish()?])
    }
}

/// What a page of records adds to the files.
#[derive(Default)]
pub(super) struct Lines {
    json: Vec<u8>,
    csv: Vec<u8>,
}

/// Turns records into lines, and remembers the first ones.
pub(super) struct Lineup {
    rows: u64,
    with_files: bool,
    pub(super) shown: Vec<Vec<String>>,
}

impl Lineup {
    pub(super) const fn new(with_files: bool) -> Self {
        Self { rows: 0, with_files, shown: Vec::new() }
    }

    pub(super) const fn rows(&self) -> u64 {
        self.rows
    }

    /// The names of the columns.
    pub(super) fn header(&self, columns: &Columns<'_>) -> Vec<String> {
        let fields = columns.given().map(|column| column.field.name().to_owned());
        let mut header: Vec<String> = std::iter::once(KEY.to_owned()).chain(fields).collect();
        header.extend(self.with_files.then(|| FILE.to_owned()));
        header
    }

    /// What stands before the first record.
    pub(super) fn begin(&self, columns: &Columns<'_>) -> Result<Lines, AccessError> {
        let mut csv = csv_writer();
        let header = self.header(columns);
        csv.write_record(header.iter().map(|name| harmless(name))).map_err(io::Error::other)?;
        Ok(Lines { json: b"[".to_vec(), csv: csv.into_inner().map_err(io::Error::other)? })
    }

    /// The lines of some records: each its key, its fields, and the value for its file.
    pub(super) fn lines<'a>(
        &mut self,
        records: impl IntoIterator<Item = (&'a str, Vec<(&'a str, Value)>, Option<Value>)>,
    ) -> Result<Lines, AccessError> {
        let mut json = Vec::new();
        let mut csv = csv_writer();
        for (key, fields, file) in records {
            json.extend_from_slice(if self.rows == 0 { b"\n{" } else { b",\n{" });
            let key = (KEY, Value::from(key));
            let all = std::iter::once(key).chain(fields).chain(file.map(|file| (FILE, file)));
            let (mut row, mut shown) = (Vec::new(), Vec::new());
            let is_shown = self.shown.len() < SHOWN;
            for (at, (name, value)) in all.enumerate() {
                if at > 0 {
                    json.push(b',');
                }
                serde_json::to_writer(&mut json, name).map_err(io::Error::from)?;
                json.push(b':');
                serde_json::to_writer(&mut json, &value).map_err(io::Error::from)?;
                row.push(cell(&value));
                if is_shown {
                    shown.push(shortened(text(&value)));
                }
            }
            json.push(b'}');
            csv.write_record(&row).map_err(io::Error::other)?;
            if is_shown {
                self.shown.push(shown);
            }
            self.rows = self.rows.saturating_add(1);
        }
        Ok(Lines { json, csv: csv.into_inner().map_err(io::Error::other)? })
    }

    /// What stands after the last record.
    pub(super) fn end() -> Lines {
        Lines { json: b"\n]\n".to_vec(), csv: Vec::new() }
    }
}

fn csv_writer() -> csv::Writer<Vec<u8>> {
    csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new())
}

/// A value as a cell of a spreadsheet: a number as it is, a text that is not taken for a formula.
fn cell(value: &Value) -> String {
    if value.is_number() { value.to_string() } else { harmless(&text(value)) }
}

/// A value as text.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Object(object) => match object.iter().next() {
            Some((name, _)) if object.len() == 1 && name == "$present" => "(present)".to_owned(),
            Some((name, Value::String(ground))) if object.len() == 1 && name == "$withheld" => {
                format!("(withheld: {ground})")
            }
            Some((name, Value::String(path))) if object.len() == 1 && name == "$missing" => {
                format!("(missing: {path})")
            }
            _ => value.to_string(),
        },
        Value::Array(_) | Value::Bool(_) | Value::Number(_) => value.to_string(),
    }
}

fn shortened(cell: String) -> String {
    match cell.char_indices().nth(SHOWN_CHARACTERS) {
        Some((at, _)) => cell.get(..at).map(|start| format!("{start}…")).unwrap_or_default(),
        None => cell,
    }
}

/// JSON Schema (2020-12) of a source's data.
pub(super) fn schema(map: &DataMap, columns: &Columns<'_>, with_files: bool) -> Vec<u8> {
    let source = columns.source();
    let mut properties = Map::new();
    let key = json!({ "type": "string", "description": "What names the record where it is kept." });
    properties.insert(KEY.to_owned(), key);
    for column in columns.given() {
        let field = column.field;
        let mut schema = match column.schema() {
            Value::Object(schema) => schema,
            _ => Map::new(),
        };
        schema.insert("description".to_owned(), Value::from(field.sentence()));
        schema.insert("x-category".to_owned(), Value::from(field.category().name()));
        let purpose = source.purpose_of(field).and_then(|name| map.purpose(name));
        if let Some(purpose) = purpose {
            schema.insert("x-purpose".to_owned(), Value::from(purpose.words()));
            schema.insert("x-basis".to_owned(), Value::from(purpose.basis().to_string()));
        }
        if let Some(kept) = source.retention_of(field) {
            schema.insert("x-period".to_owned(), Value::from(kept.words()));
        }
        properties.insert(field.name().to_owned(), Value::Object(schema));
    }
    if with_files {
        let file = json!({ "description": "The path of its file in this bundle, if it has one." });
        properties.insert(FILE.to_owned(), file);
    }
    let required: Vec<&String> = properties.keys().collect();
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": source.name(),
        "type": "array",
        "items": {
            "type": "object",
            "required": required,
            "properties": properties,
            "additionalProperties": false,
        },
    });
    let mut text = format!("{schema:#}").into_bytes();
    text.push(b'\n');
    text
}
