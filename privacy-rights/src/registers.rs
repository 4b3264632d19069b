//! Registers: what a controller can be asked to show, as tables.

use askama::Template;
use serde_json::{Map, Value};

pub(crate) mod backup;
pub(crate) mod breach;
pub(crate) mod disclosure;
pub(crate) mod engagement;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) mod kept;
pub(crate) mod preference;
pub(crate) mod processing;

/// A register: a table under a title, to be read by a spreadsheet, a program or a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Register {
    title: String,
    basis: String,
    columns: Vec<&'static str>,
    // INVARIANT: each as long as the columns.
    rows: Vec<Vec<String>>,
}

/// A register could not be written.
#[derive(Debug, thiserror::Error)]
#[error("the register {title:?} cannot be written")]
#[non_exhaustive]
pub struct RegisterError {
    title: String,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

#[derive(Template)]
#[template(path = "register.html")]
struct Page<'a> {
    title: &'a str,
    basis: &'a str,
    columns: &'a [&'static str],
    rows: &'a [Vec<String>],
}

impl Register {
    pub(crate) fn new<const N: usize>(
        title: &str,
        basis: &str,
        columns: [&'static str; N],
        rows: impl IntoIterator<Item = [String; N]>,
    ) -> Self {
        Self {
            title: title.to_owned(),
            basis: basis.to_owned(),
            columns: columns.to_vec(),
            rows: rows.into_iter().map(Vec::from).collect(),
        }
    }

    /// Its title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The article that demands it.
    #[must_use]
    pub fn basis(&self) -> &str {
        &self.basis
    }

    /// The names of its columns.
    #[must_use]
    pub fn columns(&self) -> &[&'static str] {
        &self.columns
    }

    /// Its rows, each as long as the columns.
    #[must_use]
    pub fn rows(&self) -> &[Vec<String>] {
        &self.rows
    }

    /// As CSV (RFC 4180, with a header). A cell that a spreadsheet would take for a formula gets a
    /// `'` in front.
    ///
    /// # Errors
    ///
    /// [`RegisterError`], which happens to nobody: it is written into memory.
    pub fn to_csv(&self) -> Result<Vec<u8>, RegisterError> {
        let mut writer =
            csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
        let written = writer.write_record(&self.columns).and_then(|()| {
            let mut rows = self.rows.iter();
            rows.try_for_each(|row| writer.write_record(row.iter().map(|cell| harmless(cell))))
        });
        written.map_err(|error| self.error(error))?;
        writer.into_inner().map_err(|error| self.error(error.into_error()))
    }

    /// As JSON: title, basis and rows, each an object with the columns as members.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let row = |row: &Vec<String>| {
            let cells = self.columns.iter().zip(row);
            let cells = cells.map(|(name, cell)| ((*name).to_owned(), Value::from(cell.as_str())));
            Value::Object(cells.collect::<Map<_, _>>())
        };
        let mut all = Map::new();
        all.insert("title".to_owned(), Value::from(self.title.as_str()));
        all.insert("basis".to_owned(), Value::from(self.basis.as_str()));
        all.insert("rows".to_owned(), self.rows.iter().map(row).collect());
        Value::Object(all)
    }

    /// As a page to read and to print: one file, no script, nothing from elsewhere.
    ///
    /// # Errors
    ///
    /// [`RegisterError`], which happens to nobody: it is written into memory.
    pub fn to_html(&self) -> Result<String, RegisterError> {
        let (columns, rows) = (self.columns.as_slice(), self.rows.as_slice());
        let page = Page { title: &self.title, basis: &self.basis, columns, rows };
        page.render().map_err(|error| self.error(error))
    }

    fn error(&self, source: impl std::error::Error + Send + Sync + 'static) -> RegisterError {
        RegisterError { title: self.title.clone(), source: Box::new(source) }
    }
}

/// A cell that a spreadsheet does not take for a formula, whatever it begins with.
pub(crate) fn harmless(cell: &str) -> String {
    if cell.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{cell}")
    } else {
        cell.to_owned()
    }
}
